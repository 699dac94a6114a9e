"""The ids of remote tasks."""

from __future__ import annotations

import re

_MAX_ID = 256


class InvalidTaskIdError(ValueError):
    """What was given as the id of a remote task can't be one."""


def valid_task_id(value: object) -> str:
    """Check the id of a remote task before anything is asked.

    Ids are opaque: digits, ``task_...`` or UUIDs. What can't be one is mostly an XCom that was not there.

    :param value: the id, as text or as a whole number.
    :returns: the id as text.
    :raises InvalidTaskIdError: when it is empty, too long, no text, or "None".
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidTaskIdError(f"mj_task_id must be one id of a remote task, got a {type(value).__name__}")
    text = str(value).strip()
    if text in ("", "None", "null"):
        raise InvalidTaskIdError(f"mj_task_id is {text!r}: was it pulled from an XCom that is not there?")
    # Dots alone would walk up the path of the address.
    if len(text) > _MAX_ID or not text.isprintable() or re.search(r"\s", text) or not text.strip("."):
        raise InvalidTaskIdError(f"mj_task_id {text[:_MAX_ID]!r} can't be the id of a remote task")
    return text
