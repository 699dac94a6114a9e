"""The text of a prompt: mended before it is submitted, and read out of the tasks that write prompts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.incoming import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

# Midjourney's parameters, long and short, those of older versions included. Many are words of prose too, so
# one that takes a number must have one.
_WITH_NUMBER = frozenset(
    (
        *("ar", "aspect", "bs", "c", "chaos", "cw", "exp", "h", "height", "iw", "ow", "q", "quality", "r"),
        *("repeat", "s", "sameseed", "seed", "stop", "stylize", "sv", "sw", "v", "version", "w", "weird"),
        *("width", "zoom"),
    )
)
_OTHERS = frozenset(
    (
        *("cref", "draft", "end", "fast", "hd", "loop", "motion", "niji", "no", "oref", "p", "personalize"),
        *("profile", "public", "raw", "relax", "sd", "sref", "stealth", "style", "testp", "tile", "turbo"),
        *("upanime", "upbeta", "uplight", "video"),
    )
)
# What word processors, phones and input methods put in the place of a hyphen: hyphens (soft, non-breaking,
# bullet, small, full width), dashes (figure, en, em, bar, two-em, three-em, vertical), minus signs, and the
# long-vowel marks that a Japanese keyboard has on the key of the hyphen.
_DASHES = frozenset(
    "\u00ad\u02d7\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2796\u2e3a\u2e3b\u30fc\ufe31\ufe32\ufe58"
    "\ufe63\uff0d\uff70"
)
_DASHES_AND_HYPHEN = "".join(sorted(_DASHES)) + "-"
# A longer run is a line that somebody has drawn.
_LONGEST_DASH = 4
_LONGEST_MENDED = 100_000
# What shows nothing, beside what Python takes for a blank anyway.
_BLANKS = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0), 0x200B, 0x2060, 0xFEFF)))
_KEYCAP, _SELECTOR, _TEN = "\u20e3", "\ufe0f", "\U0001f51f"
# A translation into Chinese has no blank behind the sign of its own.
_NUMBER = re.compile(r"[^\S\n]*+[0-9](?:[.)][^\S\n]++|[\u3001\uff0e\uff09])")
_MOST_PROMPTS = 16
# How the target of a link begins; in Discord's Markdown one in angle brackets is shown without a preview.
_ADDRESSES = ("(http://", "(https://", "(<http://", "(<https://")


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
    text, dashes = _with_dashes(single)
    return CleanPrompt(text, tuple(dict.fromkeys(blanks + dashes)))


def _with_dashes(text: str) -> tuple[str, list[str]]:
    """Put ``--`` before the parameters of a text with single blanks, and say before which."""
    # No gateway takes a longer one, whatever is in it.
    if len(text) > _LONGEST_MENDED or _DASHES.isdisjoint(text):
        return text, []
    words, changes = text.split(" "), []
    for place, word in enumerate(words):
        name = word.lstrip(_DASHES_AND_HYPHEN)
        dash = word.removesuffix(name)
        if _is_dash(dash) and _is_parameter(name.lower(), words[place + 1 : place + 2]):
            words[place] = f"--{name}"
            changes.append(f"{dash} before {name} mended to --")
    return " ".join(words), changes


def _is_dash(text: str) -> bool:
    # Hyphens alone are as their author wrote them.
    return len(text) <= _LONGEST_DASH and not _DASHES.isdisjoint(text)


def _is_parameter(name: str, following: list[str]) -> bool:
    if name not in _WITH_NUMBER:
        return name in _OTHERS
    # A permutation, `--chaos {5, 10}`, stands for numbers.
    first = following[0][:1] if following else ""
    return first in (".", "{") or first.isdecimal()


def written_prompts(task: Mapping[str, Any], language: str | None = None) -> list[str]:
    """Choose, of the texts of a DESCRIBE or SHORTEN task, the one to read, and read its prompts.

    :param task: the finished task as it stands in XCom.
    :param language: into which the prompts were to be translated, such as ``zh``; None for not at all.
        trueai-org/midjourney-proxy then puts the translation into ``prompt`` and leaves ``promptEn`` English,
        midjourney-proxy-plus puts a Chinese one into ``properties.finalZhPrompt``.
    :returns: the prompts, see :func:`prompt_lines`; those in English where there is no translation.
    """
    properties = task.get("properties") or {}
    texts = (task.get("promptEn"), task.get("prompt"), properties.get("finalPrompt"))
    original = max(map(prompt_lines, texts), key=len)
    wanted = (language or "").strip().lower()
    if not wanted or wanted.startswith("en"):
        return original
    if wanted.startswith("zh") and (chinese := prompt_lines(properties.get("finalZhPrompt"))):
        return chinese
    translated = prompt_lines(task.get("prompt"))
    # With fewer of them it is something else, such as what the gateway was asked.
    return translated if len(translated) >= len(original) else original


def prompt_lines(text: str | None) -> list[str]:
    """Read the prompts that a DESCRIBE or SHORTEN task has written.

    They come in one text, numbered by keycap emojis or by digits, with an empty line between them; SHORTEN
    puts an analysis before the first. Discord's text has links on some words, as Markdown: the words stay.

    :param text: the task's result text.
    :returns: the prompts without their numbers, 16 at most; the whole text where nothing is numbered.
    """
    written = text[:MAX_TEXT] if isinstance(text, str) else ""
    parts = _after_keycaps(written) or _after_numbers(written)
    texts = [_first_paragraph(part) for part in parts[:_MOST_PROMPTS]] if parts else [written]
    return [prompt for text in texts if (prompt := _single_blanks(_without_links(text)))]


def _after_keycaps(text: str) -> list[str]:
    """Return what stands behind each emoji of a number; nothing where there is none."""
    *pieces, last = text.replace(_TEN, f"0{_KEYCAP}").split(_KEYCAP)
    parts = [""]
    for piece in pieces:
        bare = piece.removesuffix(_SELECTOR)
        if "0" <= bare[-1:] <= "9":
            parts[-1] += bare[:-1]
            parts.append("")
        else:
            parts[-1] += piece + _KEYCAP
    return [*parts[1:-1], parts[-1] + last] if len(parts) > 1 else []


def _after_numbers(text: str) -> list[str]:
    """Return what stands behind each number that begins a line; nothing where there is none."""
    parts: list[list[str]] = []
    for line in text.split("\n"):
        if number := _NUMBER.match(line):
            parts.append([line[number.end() :]])
        elif parts:
            parts[-1].append(line)
    return ["\n".join(lines) for lines in parts]


def _first_paragraph(text: str) -> str:
    return "\n".join(takewhile(str.strip, text.strip().split("\n")))


def _without_links(text: str) -> str:
    """Put in the place of each Markdown link, ``[words](https://...)``, its words.

    Each sign is looked at once or twice, however the brackets are nested.
    """
    kept: list[str] = []
    opened: list[int] = []
    done = barren = 0
    for place, sign in enumerate(text):
        if sign not in "[]" or place < done:
            continue
        kept += (text[done:place], sign)
        done = place + 1
        if sign == "[":
            opened.append(len(kept) - 1)
        elif opened:
            opening = opened.pop()
            end, barren = _end_of_address(text, done, barren)
            if end > done:
                kept[opening] = kept[-1] = ""
                done = end
    return "".join([*kept, text[done:]])


def _end_of_address(text: str, start: int, barren: int) -> tuple[int, int]:
    """Find the end of ``(https://...)``; an address may hold parentheses, and no blank.

    :param text: the text.
    :param start: where the parenthesis would open.
    :param barren: up to where it is known that none closes.
    :returns: the place behind the parenthesis that closes, ``start`` for none; and the new ``barren``.
    """
    if start < barren or not text.startswith(_ADDRESSES, start):
        return start, barren
    depth, last = 0, start
    for place in range(start, len(text)):
        sign = text[place]
        if sign.isspace():
            return last, place if last == start else barren
        depth += (sign == "(") - (sign == ")")
        if sign == ")":
            last = place + 1
            if depth == 0:
                return last, barren
    return last, len(text) if last == start else barren


def _single_blanks(text: str) -> str:
    for sign in () if text.isprintable() else _BLANKS.intersection(text):
        text = text.replace(sign, " ")
    return " ".join(text.split())
