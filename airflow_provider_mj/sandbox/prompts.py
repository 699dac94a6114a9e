"""What a prompt asks of the sandbox: directives in double brackets, and words that are banned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_mj.gateway.task import TaskStatus

from .answers import Reason, RefusedError

KNOWN_DIRECTIVES = (
    "[[fail: reason]]",
    "[[never]]",
    "[[vanish]]",
    "[[modal]]",
    "[[cancel]]",
    "[[banned]]",
    "[[seconds: 3]]",
    "[[four]]",
    "[[no account]]",
    "[[quota]]",
    "[[system error]]",
    "[[lost]]",
    "[[outcome unknown]]",
    "[[refunded: IN_PROGRESS]]",
)
DEFAULT_FAIL_REASON = "Failed because the sandbox was asked to fail"

LONGEST = 1e9
"""Greatest number of seconds that a prompt can ask for."""

PROMPT_LIMIT = 100_000
"""Greatest length of a prompt, characters; Discord takes 6,000."""

MOST_OPENINGS = 100
"""How often ``[[`` may stand in a prompt."""


class Ending(StrEnum):
    """How a task ends, or does not."""

    SUCCESS = "success"
    FAIL = "fail"
    CANCEL = "cancel"
    NEVER = "never"
    VANISH = "vanish"
    MODAL = "modal"
    """It waits for the answer to a window, then ends well."""
    BANNED = "banned"
    """It fails because the gateway finds later that the prompt is banned."""
    REFUNDED = "refunded"
    """Half way a relay gives the money back and asks no more, and the status stays as it is."""


_ENDINGS = frozenset(Ending) - {Ending.SUCCESS}
# What says nothing about the end, and may stand beside another directive.
_BESIDES = frozenset({"seconds", "four"})
_REFUSALS = {
    "no account": Reason.NO_ACCOUNT,
    "quota": Reason.QUOTA,
    "system error": Reason.SYSTEM_ERROR,
    "lost": Reason.LOST,
    "outcome unknown": Reason.OUTCOME_UNKNOWN,
}
_STUCK = {
    "": TaskStatus.IN_PROGRESS,
    "IN_PROGRESS": TaskStatus.IN_PROGRESS,
    "SUBMITTED": TaskStatus.SUBMITTED,
    "NONE": None,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a prompt asks for.

    :param text: the prompt without its directives
    :param ending: how the task shall end; None where the prompt does not say
    :param fail_reason: the reason of a ``[[fail: reason]]``
    :param seconds: how long the task shall take, seconds; None where the prompt does not say
    :param refusal: why the submission shall be refused, or None
    :param has_four: whether a grid shall come with links to its four quarters as well
    :param stuck_as: the status that a ``[[refunded: status]]`` keeps; None for an empty one
    """

    text: str
    ending: Ending | None = None
    fail_reason: str = DEFAULT_FAIL_REASON
    seconds: float | None = None
    refusal: Reason | None = None
    has_four: bool = False
    stuck_as: TaskStatus | None = TaskStatus.IN_PROGRESS


def read_prompt(prompt: str) -> Wish:
    """Read the directives of a prompt.

    :param prompt: the prompt as submitted
    :return: what it asks for
    :raises RefusedError: if it is too long, or a directive is unknown, malformed, or contradicts another
    """
    check_length(prompt)
    text, found = _split(prompt)
    for name, _ in found:
        _check_known(name)
    ends = [(name, value) for name, value in found if name not in _BESIDES]
    if len(ends) > 1:
        raise RefusedError(Reason.BAD_PARAMETER, "a prompt can ask for one ending only")
    seconds = [_seconds(value) for name, value in found if name == "seconds"]
    name, reason = ends[0] if ends else ("", "")
    return Wish(
        text=text,
        stuck_as=_stuck(reason) if name == Ending.REFUNDED else TaskStatus.IN_PROGRESS,
        ending=Ending(name) if name in _ENDINGS else None,
        fail_reason=(reason if name == Ending.FAIL else "") or DEFAULT_FAIL_REASON,
        seconds=seconds[-1] if seconds else None,
        refusal=_REFUSALS.get(name),
        has_four=any(name == "four" for name, _ in found),
    )


def banned_word(prompt: str, banned: frozenset[str]) -> str | None:
    """Return the first banned word of a prompt, compared without case, or None.

    :param prompt: the prompt
    :param banned: the banned words, in lower case
    :raises RefusedError: if the prompt is too long
    """
    check_length(prompt)
    lowered = prompt.lower()
    apart = {ord(sign): " " for sign in set(lowered) if not (sign.isalnum() or sign == "_")}
    return next((word for word in lowered.translate(apart).split() if word in banned), None)


def check_length(prompt: str) -> None:
    """See that a prompt is no longer than `PROMPT_LIMIT`.

    :param prompt: the prompt
    :raises RefusedError: if it is
    """
    if len(prompt) > PROMPT_LIMIT:
        raise RefusedError(Reason.BAD_PARAMETER, f"the prompt is longer than {PROMPT_LIMIT} characters")


def _split(prompt: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what is left of a prompt without its directives, and their names and values.

    :raises RefusedError: if there are more than anybody means
    """
    if prompt.count("[[") > MOST_OPENINGS:
        raise RefusedError(Reason.BAD_PARAMETER, f"a prompt can have [[ {MOST_OPENINGS} times")
    *pieces, last = prompt.split("]]")
    kept, found = [], []
    for piece in pieces:
        before, opening, inside = piece.rpartition("[[")
        if opening and "[" not in inside and "]" not in inside:
            kept.append(f"{before} ")
            found.append(_directive(inside))
        else:
            kept.append(f"{piece}]]")
    return " ".join("".join([*kept, last]).split()), found


def _directive(inside: str) -> tuple[str, str]:
    name, _, value = inside.partition(":")
    return " ".join(name.lower().split()), value.strip()


def _check_known(name: str) -> None:
    if name not in _ENDINGS and name not in _REFUSALS and name not in _BESIDES:
        known = ", ".join(KNOWN_DIRECTIVES)
        raise RefusedError(
            Reason.BAD_PARAMETER, f"unknown directive [[{name[:40]}]]; the sandbox knows {known}"
        )


def _stuck(value: str) -> TaskStatus | None:
    if value.upper() not in _STUCK:
        raise RefusedError(Reason.BAD_PARAMETER, "[[refunded: ]] takes IN_PROGRESS, SUBMITTED or NONE")
    return _STUCK[value.upper()]


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST:
        raise RefusedError(Reason.BAD_PARAMETER, "[[seconds: N]] needs a number of seconds from 0 on")
    return seconds
