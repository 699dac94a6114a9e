"""The log of a key: what new-api and its forks have charged it for, one row for each submission. No I/O.

A submission that was lost behind such a gateway is found in it, since there is no list of tasks: each row
ends with the id of the task, whatever the words before it. The key goes in a header; older releases read it
from the address alone, where it would end in other logs: there the log looks empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway import values
from airflow_provider_mj.gateway.ids import MAX_ID

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.answers import Answer

KEY_LOG = "/api/log/token"
"""Where it is, from the gateway's root."""
ROWS = "data"
"""Under which key the answer has its rows."""

_OK = 200
_CHARGED = 2
_KEPT = ("id", "created_at", "type", "content", "model_name")
_SHORTEST_ID = 8
# What charges for pictures are called, by their model or in their words.
_MODELS = ("mj", "midjourney", "swap_face", "niji")
_WORDS = ("操作", "imagine", "midjourney")
_IN_WORDS = frozenset("._-")


@dataclass(frozen=True, slots=True)
class LogRow:
    """Something that was charged.

    :param at: when, in epoch seconds of the gateway's clock.
    :param mj_task_id: the task that was paid for; None where the row names none.
    :param is_submission: whether it was for a picture, and not for another service of the gateway.
    """

    at: float
    mj_task_id: str | None
    is_submission: bool


def is_key_log(answer: Answer) -> bool:
    """Tell the log from everything else that may come."""
    body = answer.body
    is_told = answer.status == _OK and isinstance(body, Mapping) and body.get("success") is True
    return is_told and isinstance(body.get(ROWS), list)


def brief_row(raw: dict[str, Any]) -> dict[str, Any]:
    """Keep of an object of the answer what matters, while it is being read."""
    return {key: raw[key] for key in _KEPT if key in raw} if "created_at" in raw else raw


def log_rows(body: Mapping[str, Any]) -> tuple[LogRow, ...]:
    """Read the rows of the log that tell of a charge.

    :param body: the answer, cleaned.
    """
    rows = (_row(raw) for raw in body[ROWS] if isinstance(raw, Mapping))
    return tuple(row for row in rows if row is not None)


def _row(raw: Mapping[str, Any]) -> LogRow | None:
    moment = values.number(raw.get("created_at"))
    if moment is None or raw.get("type", _CHARGED) != _CHARGED:
        return None
    content, model = values.text(raw.get("content")) or "", values.text(raw.get("model_name")) or ""
    is_named = model.lower().startswith(_MODELS) or any(word in content.lower() for word in _WORDS)
    mj_task_id = _last_id(content, 1 if is_named else _SHORTEST_ID)
    return LogRow(moment, mj_task_id, is_submission=is_named or mj_task_id is not None)


def _last_id(content: str, shortest: int) -> str | None:
    """Give the id at the end of a row's words; None where there is none."""
    end = content[-2 * MAX_ID :]
    last = "".join(sign if sign.isalnum() or sign in _IN_WORDS else " " for sign in end).split()[-1:]
    is_id = bool(last) and shortest <= len(last[0]) <= MAX_ID and any(map(str.isdigit, last[0]))
    is_word = is_id and last[0].isascii() and last[0].replace("_", "").replace("-", "").isalnum()
    return last[0] if is_word else None
