"""The mark: the ``state`` that a submission carries, by which it can be found again at some gateways.

It has two parts: when it was made, by our own clock, and a name. The name can be made again by any try that
knows the wish; the time shows, in a list of a gateway, what was submitted before and after it, however wrong
the gateway's clock is.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Self

# A mark of the release before has no time in it: a dash at this place tells them apart.
_MARK = re.compile(r"airflow-([0-9a-f]{8})-([0-9a-f]{47})(\+answer)?", re.ASCII)
_BEFORE = re.compile(r"airflow-[0-9a-f]{56}(?:\+answer)?", re.ASCII)
_PART = "::"
_PART_DIGITS = 3
ANSWERED = "+answer"
"""What the mark of an answer to a window has behind that of the press."""
_LATEST = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Mark:
    """What can be read off a ``state`` that is a mark, whole.

    :param made_at: when it was made, in epoch seconds of an Airflow worker.
    :param name: what names the wish.
    :param is_answer: whether it is that of an answer to a window, whose press was marked at that time.
    :param part: which of the tasks of a press it is of, where the gateway numbers them; 0 where it does not.
    """

    made_at: int
    name: str
    is_answer: bool = False
    part: int = 0

    @classmethod
    def read(cls, state: str | None) -> Self | None:
        """Read a mark; None for anything else, and for one that is cut or has something before it."""
        text, part = split_part(state or "")
        found = _MARK.fullmatch(text)
        return cls(int(found[1], 16), found[2], is_answer=bool(found[3]), part=part) if found else None


def split_part(state: str) -> tuple[str, int]:
    """Cut off what CS puts behind the ``state`` of a press that makes several tasks: ``::1``, ``::2``, ...

    :param state: the state of a task.
    :returns: what was sent, and the number; 0 where there is none.
    """
    sent, dots, number = state.rpartition(_PART)
    is_part = bool(dots) and number.isascii() and number.isdigit() and len(number) <= _PART_DIGITS
    return (sent, int(number)) if is_part else (state, 0)


def is_ours(state: str) -> bool:
    """Tell a mark, be it of the release before, from a ``state`` of the author's own."""
    sent, _ = split_part(state)
    return bool(_MARK.fullmatch(sent) or _BEFORE.fullmatch(sent))


def mark(made_at: float, *identity: str | int) -> str:
    """Make the mark of a wish.

    :param made_at: the time, in epoch seconds.
    :param identity: what names the wish: installation, dag, run, task, map index, ...; never the try number,
        since every try must find what an earlier one has submitted.
    :returns: 64 printable ASCII characters.
    """
    return f"airflow-{min(int(made_at), _LATEST):08x}-{digest([*identity])[:47]}"


def answer_mark(state: str) -> str:
    """Give the mark of the answer to a submission's window; a text of one's own stays what it is."""
    if not is_ours(state):
        return state
    return f"{state}{ANSWERED}"


def own_text(state: str | None) -> str:
    """Give an author's own ``state``; "" for none.

    :raises ValueError: when it is a mark, by which another submission is found.
    """
    if isinstance(state, str) and is_ours(state):
        raise ValueError(
            "state must be text of your own: this is the mark of another submission, which is found by it"
        )
    return state or ""


def digest(value: Any) -> str:
    """Name a JSON value, the same in any process and whatever the order of its keys.

    :returns: a SHA-256 in hex.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
