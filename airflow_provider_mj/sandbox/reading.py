"""Whether a gateway takes a prompt as it is submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import STORED, Reason, RefusedError
from .prompts import Ending, banned_word, read_prompt

if TYPE_CHECKING:
    from .dialects import Dialect
    from .prompts import Wish

_RELAYS_ONLY = (Reason.QUOTA, Reason.LOST, *STORED)


def read_wish(prompt: str, dialect: Dialect, banned_words: frozenset[str]) -> Wish:
    """Read a prompt as it is submitted.

    :param prompt: the prompt
    :param dialect: the gateway's dialect
    :param banned_words: the banned words, in lower case
    :raises RefusedError: if it is banned, has a wrong directive, or asks to be refused
    """
    word = banned_word(prompt, banned_words)
    if word is not None:
        raise RefusedError(
            Reason.BANNED_PROMPT, "the prompt is banned", {"promptEn": prompt, "bannedWord": word}
        )
    wish = read_prompt(prompt)
    if wish.ending is Ending.MODAL and not dialect.has_modal:
        raise RefusedError(Reason.BAD_PARAMETER, f"{dialect.name} has no MODAL")
    if not dialect.is_relay and (wish.refusal in _RELAYS_ONLY or wish.ending is Ending.REFUNDED):
        directive = wish.refusal or wish.ending
        raise RefusedError(Reason.BAD_PARAMETER, f"only gateways like new-api know [[{directive}]]")
    if wish.refusal is not None and wish.refusal not in STORED:
        raise RefusedError(wish.refusal, "the sandbox was asked to refuse it")
    return wish
