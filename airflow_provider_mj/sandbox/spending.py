"""The log of a key, as new-api keeps it: a row for each submission that was charged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOG_ROWS = 1000
"""Rows that a log shows, newest first. In old releases it shows all, oldest first."""
LOG_CALLS, LOG_SECONDS = 20, 1200.0
"""How many looks at the log are answered in how many seconds."""
_CONSUMED = 2
_QUOTA_OF_A_CREDIT = 25_000

LogWords = Callable[[str, float, str], str]
"""From action, credits and the id of a task to the words of its row, which end with the id."""


@dataclass(frozen=True, slots=True)
class Spending:
    """One row of the log.

    :param at: unix seconds
    :param content: what was paid for, in words
    :param amount: credits
    :param model: the model that was paid for
    """

    at: float
    content: str
    amount: float
    model: str


class SpendingLog:
    """The log of a key."""

    def __init__(self) -> None:
        self._rows: list[Spending] = []
        self._looks: deque[float] = deque()

    def add(self, spending: Spending) -> None:
        """Put a row behind the others."""
        self._rows.append(spending)

    def may_look(self, now: float) -> bool:
        """Return whether one more look is allowed, and count it.

        :param now: unix seconds
        """
        while self._looks and self._looks[0] <= now - LOG_SECONDS:
            self._looks.popleft()
        if len(self._looks) >= LOG_CALLS:
            return False
        self._looks.append(now)
        return True

    def newest(self) -> list[dict[str, Any]]:
        """Return the newest rows as JSON primitives, newest first."""
        return self.all_rows()[: -LOG_ROWS - 1 : -1]

    def all_rows(self) -> list[dict[str, Any]]:
        """Return all rows as JSON primitives, oldest first."""
        return [_row(number, spending) for number, spending in enumerate(self._rows, 1)]


def chinese(action: str, amount: float, mj_task_id: str) -> str:
    """Return the words of new-api's own log."""
    return f"模型固定价格 {_price(amount):.2f}，分组倍率 1.00，操作 {action}，ID {mj_task_id}"  # noqa: RUF001


def english(action: str, amount: float, mj_task_id: str) -> str:
    """Return the words of a fork's log."""
    return f"Model price ${_price(amount):.3f}, group ratio 1, operation {action}, task ID: {mj_task_id}"


def _price(amount: float) -> float:
    return amount * 0.05


def _row(number: int, spending: Spending) -> dict[str, Any]:
    return {
        "id": number,
        "created_at": int(spending.at),
        "type": _CONSUMED,
        "content": spending.content,
        "quota": int(spending.amount * _QUOTA_OF_A_CREDIT),
        "model_name": spending.model,
        "token_name": "sandbox",
    }
