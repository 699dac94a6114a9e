"""What a prompt asks of the sandbox: directives in double brackets, and words that are banned."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

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
)
DEFAULT_FAIL_REASON = "Failed because the sandbox was asked to fail"

LONGEST = 1e9
"""Greatest number of seconds that a prompt can ask for."""

_DIRECTIVE = re.compile(r"\[\[\s*([^\[\]:]*?)\s*(?::\s*([^\[\]]*?)\s*)?\]\]")


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


_ENDINGS = frozenset(Ending) - {Ending.SUCCESS}
# What says nothing about the end, and may stand beside another directive.
_BESIDES = frozenset({"seconds", "four"})
_REFUSALS = {
    "no account": Reason.NO_ACCOUNT,
    "quota": Reason.QUOTA,
    "system error": Reason.SYSTEM_ERROR,
    "lost": Reason.LOST,
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
    """

    text: str
    ending: Ending | None = None
    fail_reason: str = DEFAULT_FAIL_REASON
    seconds: float | None = None
    refusal: Reason | None = None
    has_four: bool = False


def read_prompt(prompt: str) -> Wish:
    """Read the directives of a prompt.

    :param prompt: the prompt as submitted
    :return: what it asks for
    :raises RefusedError: if a directive is unknown, malformed, or contradicts another
    """
    found = [(" ".join(name.lower().split()), value or "") for name, value in _DIRECTIVE.findall(prompt)]
    for name, _ in found:
        _check_known(name)
    ends = [(name, value) for name, value in found if name not in _BESIDES]
    if len(ends) > 1:
        raise RefusedError(Reason.BAD_PARAMETER, "a prompt can ask for one ending only")
    seconds = [_seconds(value) for name, value in found if name == "seconds"]
    name, reason = ends[0] if ends else ("", "")
    return Wish(
        text=" ".join(_DIRECTIVE.sub(" ", prompt).split()),
        ending=Ending(name) if name in _ENDINGS else None,
        fail_reason=reason or DEFAULT_FAIL_REASON,
        seconds=seconds[-1] if seconds else None,
        refusal=_REFUSALS.get(name),
        has_four=any(name == "four" for name, _ in found),
    )


def banned_word(prompt: str, banned: frozenset[str]) -> str | None:
    """Return the first banned word of a prompt, compared without case, or None.

    :param prompt: the prompt
    :param banned: the banned words, in lower case
    """
    return next((word for word in re.findall(r"\w+", prompt.lower()) if word in banned), None)


def _check_known(name: str) -> None:
    if name not in _ENDINGS and name not in _REFUSALS and name not in _BESIDES:
        known = ", ".join(KNOWN_DIRECTIVES)
        raise RefusedError(
            Reason.BAD_PARAMETER, f"unknown directive [[{name[:40]}]]; the sandbox knows {known}"
        )


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST:
        raise RefusedError(Reason.BAD_PARAMETER, "[[seconds: N]] needs a number of seconds from 0 on")
    return seconds
