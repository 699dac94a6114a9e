"""The text of a prompt: mended before it is submitted, and read out of the tasks that write prompts."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Midjourney's parameters. Many are words of prose too, so one that takes a number must have one.
_WITH_NUMBER = (
    *("ar", "aspect", "bs", "c", "chaos", "cw", "exp", "iw", "ow", "q", "quality", "r", "repeat", "s"),
    *("seed", "stop", "stylize", "sv", "sw", "v", "version", "w", "weird", "zoom"),
)
_OTHERS = (
    *("cref", "draft", "end", "fast", "hd", "loop", "motion", "niji", "no", "oref", "p", "profile", "public"),
    *("raw", "relax", "sref", "stealth", "style", "tile", "turbo", "video"),
)

_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\u2060\ufeff]+")
_DASHES = re.compile(
    # A permutation, `--chaos {5, 10}`, stands for numbers.
    r"(?<!\S)([\u2013\u2014\u2015]{1,2})"
    rf"((?:{'|'.join(_WITH_NUMBER)})(?= [.\d{{])|(?:{'|'.join(_OTHERS)})(?!\S))",
    re.IGNORECASE,
)
_KEYCAP = re.compile(r"[0-9]\ufe0f?\u20e3|\U0001f51f")
_NUMBERED = re.compile(r"^[^\S\n]*[0-9][.)][^\S\n]+", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class CleanPrompt:
    """A prompt as Midjourney will repeat it.

    :param text: the prompt.
    :param changes: what was mended, in words for a line of the log; none if it was clean.
    """

    text: str
    changes: tuple[str, ...] = ()


def clean_prompt(prompt: str) -> CleanPrompt:
    """Mend what makes a task hang that is paid for.

    Midjourney itself turns several blanks into one and a dash before a parameter into ``--``. Gateways know a
    finished picture by its prompt, so they don't recognise one that was altered (novicezk PR 270).

    :param prompt: the prompt as its author wrote it.
    :returns: the prompt with single blanks and with ``--`` before its parameters; dashes in prose stay.
    :raises ValueError: when it is no text, or empty.
    """
    single = _single_blanks(prompt) if isinstance(prompt, str) else ""
    if not single:
        raise ValueError("prompt must be text and not empty")
    blanks = ["whitespace collapsed"] if single != prompt else []
    dashes = [f"{dash} before {name} mended to --" for dash, name in _DASHES.findall(single)]
    return CleanPrompt(_DASHES.sub(r"--\2", single), tuple(dict.fromkeys(blanks + dashes)))


def prompt_lines(text: str | None) -> list[str]:
    """Read the prompts that a DESCRIBE or SHORTEN task has written.

    They come in one text, numbered by keycap emojis or by digits, with an empty line between them; SHORTEN
    puts an analysis before the first.

    :param text: the task's result text.
    :returns: the prompts without their numbers; the whole text where nothing is numbered.
    """
    written = text if isinstance(text, str) else ""
    number = next((number for number in (_KEYCAP, _NUMBERED) if number.search(written)), None)
    parts = [written]
    if number is not None:
        parts = [_PARAGRAPH.split(part.strip())[0] for part in number.split(written)[1:]]
    return [prompt for part in parts if (prompt := _single_blanks(part))]


def _single_blanks(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()
