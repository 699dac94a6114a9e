"""The ids of remote tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LIST_CHUNK = 200
"""Ids of one list request at most; gateways document no limit, and new-api itself sends all it has."""

MAX_ID = 256
"""Characters of an id; UUIDs have 36, and the longest that is known 64."""

_ABSENT = ("", "None", "null")


class InvalidTaskIdError(ValueError):
    """What was given as the id of a remote task can't be one."""


def valid_task_id(value: object) -> str:
    """Check the id of a remote task before anything is asked.

    Ids are opaque: digits, ``task_...`` or UUIDs. What can't be one is mostly an XCom that was not there.

    :param value: the id, as text or as a whole number.
    :returns: the id as text.
    :raises InvalidTaskIdError: when it is empty, too long, no text, a link, or "None".
    """
    # Most ids are digits or the like, and a wait reads thousands of them.
    if isinstance(value, str) and len(value) <= MAX_ID and value.isalnum() and value not in _ABSENT:
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidTaskIdError(f"mj_task_id must be one id of a remote task, got a {type(value).__name__}")
    text = value.strip() if isinstance(value, str) else _digits(value)
    if text in _ABSENT:
        raise InvalidTaskIdError(f"mj_task_id is {text!r}: was it pulled from an XCom that is not there?")
    # Who has the link of a picture has the picture: it is neither sent on nor shown.
    if "://" in text:
        raise InvalidTaskIdError("mj_task_id is a link: pass the id of the remote task")
    # Dots alone would walk up the path of the address.
    is_word = len(text) <= MAX_ID and text.isprintable() and not any(map(str.isspace, text))
    if not is_word or not text.strip("."):
        from airflow_provider_mj.gateway.shown import quote  # A DAG file needs it only for what is wrong.

        raise InvalidTaskIdError(f"mj_task_id {quote(text)!r} can't be the id of a remote task")
    return text


def chunks(mj_task_ids: Iterable[str]) -> Iterator[list[str]]:
    """Cut ids into parts that fit into one list request each, and drop those that come again.

    :param mj_task_ids: the remote tasks.
    """
    ids = list(dict.fromkeys(mj_task_ids))
    for start in range(0, len(ids), LIST_CHUNK):
        yield ids[start : start + LIST_CHUNK]


def _digits(number: int) -> str:
    # Python refuses to write integers of thousands of digits.
    return str(number) if abs(number) < _LARGEST else "0" * (MAX_ID + 1)


_LARGEST = 10**MAX_ID
