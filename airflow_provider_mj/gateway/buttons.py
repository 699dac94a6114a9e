"""Which button of a task is meant, and what pressing it asks for. No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.shown import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_mj.gateway.task import Button

_MOST_NAMES = 25
_QUARTERS = range(1, 5)

# What a button is called, and whole segments of its customId, any of which will do: the way to a button whose
# label a gateway leaves out. Keys are folded as by `_folded`; "*" stands for any text in a segment.
_CANONICAL: dict[str, tuple[str, ...]] = {
    **{f"u{n}": (f"upsample::{n}", f"video_virtual_upscale::{n}") for n in _QUARTERS},
    **{f"v{n}": (f"variation::{n}",) for n in _QUARTERS},
    **{f"{n}\u20e3": (f"PicReader::{n}", f"PromptAnalyzer::{n}") for n in range(1, 6)},
    **dict.fromkeys(("reroll", "r"), ("reroll",)),
    "🔄": ("reroll", "Picread::Retry"),
    "imagine all": ("PicReader::all",),
    "upscale (subtle)": ("upsample_*_subtle",),
    "upscale (creative)": ("upsample_*_creative",),
    "upscale (2x)": ("upsample_*_2x",),
    "upscale (4x)": ("upsample_*_4x",),
    "vary (subtle)": ("low_variation",),
    "vary (strong)": ("high_variation",),
    "vary (region)": ("Inpaint",),
    "zoom out 2x": ("Outpaint::50",),
    "zoom out 1.5x": ("Outpaint::75",),
    "make square": ("Outpaint::100",),
    "custom zoom": ("CustomZoom",),
    **dict.fromkeys(("⬅", "pan left"), ("pan_left",)),
    **dict.fromkeys(("➡", "pan right"), ("pan_right",)),
    **dict.fromkeys(("⬆", "pan up"), ("pan_up",)),
    **dict.fromkeys(("⬇", "pan down"), ("pan_down",)),
    "animate (high motion)": ("animate_high",),
    "animate (low motion)": ("animate_low",),
}

# What novicezk/midjourney-proxy, which has no buttons, does by `submit/change`. It refuses index 0.
_CHANGES: dict[str, tuple[str, int]] = {
    **{f"{name}{n}": ("UPSCALE", n) for name in ("u", "upsample::") for n in _QUARTERS},
    **{f"{name}{n}": ("VARIATION", n) for name in ("v", "variation::") for n in _QUARTERS},
    **dict.fromkeys(("r", "reroll", "reroll::0", "🔄"), ("REROLL", 1)),
}

_WINDOWS = ("Inpaint", "CustomZoom", "PicReader::#", "PromptAnalyzer")
_VIDEO, _BY_HAND = "video::#", "manual"
_VARIATION_SELECTORS = tuple(map(chr, range(0xFE00, 0xFE10)))
_JOB_HASH = re.compile(r"[0-9a-f-]{6,32}+", re.IGNORECASE)
_LONGEST_GROUP = 32


class ButtonError(ValueError):
    """No button of the task is the one that was wanted, or several are."""


def find_button(buttons: Sequence[Button], wanted: str, *, subject: str) -> Button:
    """Find the button that an author means, whatever the gateway tells of it.

    Gateways differ in what they fill in: crazyrouter repeats the label as emoji, many buttons with an emoji
    have no label. A whole customId decides first, then a label, an emoji, a name that everybody uses, and at
    last segments of the customId: ``upsample::2`` is not ``upsample::20``.

    :param buttons: the buttons of the task.
    :param wanted: a label (``U2``, ``Vary (Region)``), an emoji (``🔄``), a customId, or some of its segments
        (``upsample::2``, ``low_variation``); upper and lower case are the same.
    :param subject: whose buttons these are, for the message: ``task 17 at gateway gw.example``.
    :returns: the one button that is meant.
    :raises ButtonError: when there is none, or more than one; it lists those that there are.
    """
    found = _different(_meant(buttons, wanted))
    if len(found) == 1:
        return found[0]
    trouble = f"{len(found)} buttons fit" if found else "no button is"
    raise ButtonError(
        f"{subject}: {trouble} {quote(str(wanted))!r}. {_listed(found or _different(buttons))} "
        "Nothing was pressed, so nothing was paid."
    )


def names(buttons: Iterable[Button]) -> list[str]:
    """Name buttons for a message: label or emoji, and what is not hash in the customId.

    :param buttons: the buttons of a task.
    :returns: names like ``U2 (upsample::2)``, safe to show; of two with the same customId one, 25 at most.
    """
    return [_name(button) for button in _different(buttons)[:_MOST_NAMES]]


def opens_window(custom_id: str) -> bool:
    """Tell whether a press always opens a window, which must be answered with a prompt or a mask.

    With Remix switched on at the account, others open one too.

    :param custom_id: the button's customId.
    """
    if any(_has_segments(custom_id, window) for window in _WINDOWS):
        return True
    return _has_segments(custom_id, _VIDEO) and _has_segments(custom_id, _BY_HAND)


def change_for(wanted: str) -> tuple[str, int] | None:
    """Translate a button for a gateway that has none.

    :param wanted: as for :func:`find_button`; ``U1`` to ``V4`` and the reroll are known, by name or segments.
    :returns: action and index for ``submit/change``; None for what only a button can do.
    """
    return _CHANGES.get(_folded(wanted).removeprefix("mj::job::"))


def _meant(buttons: Sequence[Button], wanted: str) -> list[Button]:
    """Give the buttons that fit by the first way in which any fits."""
    name = _folded(wanted) if isinstance(wanted, str) else ""
    if not name:
        return []
    segments = wanted.strip().strip(":")
    ways = (
        [button for button in buttons if button.custom_id == wanted.strip()],
        [button for button in buttons if _folded(button.label) == name],
        [button for button in buttons if _folded(button.emoji) == name],
        [button for button in buttons if _is_known_as(button.custom_id, name)],
        [button for button in buttons if segments and _has_segments(button.custom_id, segments, signs=False)],
    )
    return next(filter(None, ways), [])


def _is_known_as(custom_id: str, name: str) -> bool:
    return any(_has_segments(custom_id, segments) for segments in _CANONICAL.get(name, ()))


def _has_segments(custom_id: str, wanted: str, *, signs: bool = True) -> bool:
    """Tell whether segments are in a customId, whole and one after the other; capitals don't count.

    :param signs: whether "*" in a segment stands for any text, and "#" for a number.
    """
    theirs, ours = custom_id.casefold().split("::"), wanted.casefold().split("::")
    fits = _fits if signs else str.__eq__
    return any(all(map(fits, theirs[start:], ours)) for start in range(len(theirs) - len(ours) + 1))


def _fits(segment: str, wanted: str) -> bool:
    if wanted == "#":
        return segment.isascii() and segment.isdigit()
    start, star, end = wanted.partition("*")
    if not star:
        return segment == wanted
    return len(segment) >= len(start + end) and segment.startswith(start) and segment.endswith(end)


def _folded(text: str | None) -> str:
    bare = text or ""
    for selector in () if bare.isascii() else _VARIATION_SELECTORS:
        bare = bare.replace(selector, "")
    return " ".join(bare.casefold().split())


def _different(buttons: Iterable[Button]) -> list[Button]:
    return list({button.custom_id: button for button in buttons}.values())


def _listed(buttons: Sequence[Button]) -> str:
    if not buttons:
        return "It has no buttons: it is not finished, or its gateway does not tell them."
    more = f" and {len(buttons) - _MOST_NAMES} more" if len(buttons) > _MOST_NAMES else ""
    return f"There are: {', '.join(names(buttons))}{more}."


def _name(button: Button) -> str:
    segments = (
        segment
        for segment in button.custom_id.split("::")
        if segment.upper() not in ("", "MJ", "JOB", "SOLO") and not _is_hash(segment)
    )
    middle = "::".join(segments) or "a customId of another kind"
    face = button.label or button.emoji
    return quote(f"{face} ({middle})" if face else middle)


def _is_hash(segment: str) -> bool:
    """Tell a UUID or a short hash from the name of a group, which is never that long."""
    return len(segment) > _LONGEST_GROUP or _JOB_HASH.fullmatch(segment) is not None
