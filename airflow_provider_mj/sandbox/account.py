"""The account of a key: what is charged, given back, logged, and left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import Reason, RefusedError
from .ledger import PRICES, Charge, Ledger
from .spending import Spending, SpendingLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from .spending import LogWords

_FREE_AT_RELAYS = frozenset({"INPAINT", "CUSTOM_ZOOM"})


def price_of(action: str, *, is_relay: bool) -> float:
    """Return what a submission costs, credits.

    A relay such as new-api takes nothing for a press that always opens a window, and takes something for the
    answer to any window; elsewhere it is the other way round.

    :param action: the action
    :param is_relay: whether the gateway is such a relay
    """
    if action == "MODAL":
        return PRICES[action] if is_relay else 0.0
    return 0.0 if is_relay and action in _FREE_AT_RELAYS else PRICES[action]


class Account:
    """The account of a key.

    :param balance: credits that it began with, or None for any number
    :param words: the words of a row of its log, or None if it has no log
    """

    def __init__(self, balance: float | None = None, words: LogWords | None = None) -> None:
        self.balance = balance
        self.ledger = Ledger()
        self.log = SpendingLog()
        self._words = words
        self._refunded: set[int] = set()

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left."""
        return self.balance is not None and self.ledger.total >= self.balance

    def check(self, amount: float) -> None:
        """See that something can be paid for.

        :param amount: credits
        :raises RefusedError: if it can't
        """
        if self.balance is not None and self.ledger.total + amount > self.balance:
            raise RefusedError(Reason.QUOTA, "the balance is too low")

    def charge(self, mj_task_id: str, action: str, amount: float, at: float, *, logs: bool = True) -> None:
        """Charge a submission; one that is free is in no ledger and no log.

        :param mj_task_id: its task
        :param action: its action
        :param amount: credits
        :param at: unix seconds
        :param logs: whether it is logged
        """
        if not amount:
            return
        self.ledger.charges.append(Charge(mj_task_id, action, amount, at))
        if logs and self._words is not None:
            content = self._words(action, amount, mj_task_id)
            self.log.add(Spending(at, content, amount, f"mj_{action.lower()}"))

    def refund(self, refunded_at: Callable[[str], float | None], now: float) -> None:
        """Give back what was taken for tasks that failed.

        :param refunded_at: from a task's id to when its charges are given back, unix seconds, or None
        :param now: unix seconds
        """
        for number, charge in enumerate(self.ledger.charges):
            at = None if number in self._refunded else refunded_at(charge.mj_task_id)
            if at is not None and at <= now:
                self._refunded.add(number)
                self.ledger.refunds.append(Charge(charge.mj_task_id, charge.action, charge.amount, at))
