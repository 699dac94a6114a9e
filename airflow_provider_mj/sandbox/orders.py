"""What a submission orders. Pure: which task follows from a press, a picture to describe, and so on."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .course import Picture, Shape
from .prompts import read_prompt

if TYPE_CHECKING:
    from .course import SandboxTask, Window
    from .press import Press

CLIPS = 4
"""Clips that a video has where the caller does not say."""
_ENGLISH = (
    ("a red fox", "a lighthouse", "an old tram", "a paper boat", "a glass city", "a quiet harbour"),
    ("in the snow", "at dawn", "under a violet sky", "in heavy rain", "above the clouds"),
    ("oil painting", "35mm film", "flat illustration", "watercolour", "isometric render"),
)
_CHINESE = (
    ("一只红狐狸", "一座灯塔", "一辆旧电车", "一只纸船", "一座玻璃城市", "一个安静的港口"),
    ("在雪中", "在黎明", "在紫色的天空下", "在大雨中", "在云层之上"),
    ("油画", "35毫米胶片", "扁平插画", "水彩画", "等距渲染"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a submission asks for.

    :param action: what the task shall do, in the sandbox's words
    :param prompt: the prompt; directives in it say how the task ends
    :param state: the caller's own text
    :param shape: what the task has in the end
    :param picture: what it draws; None for a picture of its own
    :param lines: the prompts that it finds
    :param clips: how many clips it makes
    :param seconds: how long it takes where the prompt does not say; None for the gateway's own time
    :param parent_id: the task that it follows from
    :param window: what its window asks for; None if it has no window
    :param translated: `lines` in the language that the caller wanted; empty if none was wanted
    """

    action: str
    prompt: str = ""
    state: str | None = None
    shape: Shape = Shape.GRID
    picture: Picture | None = None
    lines: tuple[str, ...] = ()
    clips: int = 0
    seconds: float | None = None
    parent_id: str | None = None
    window: Window | None = None
    translated: tuple[str, ...] = ()


def pressed(
    parent: SandboxTask, text: str, press: Press, state: str | None, *, remix: bool, numbers_states: bool
) -> tuple[Order, ...]:
    """Return what pressing a button orders: one task, or one for each of the button's prompts.

    :param parent: the task whose button it is
    :param text: its prompt without directives, which say how that task ended
    :param press: the button
    :param state: the caller's own text
    :param remix: whether Remix is on
    :param numbers_states: whether the states of several tasks differ by a number
    """
    keeps_picture = press.shape is Shape.SINGLE or press.shape is Shape.DESCRIPTION
    is_one_clip = press.shape is Shape.VIDEO and press.quarter is not None
    keeps_picture = keeps_picture or is_one_clip
    prompts = press.prompts or (text + press.suffix,)
    states = [
        f"{state or ''}::{n}" if numbers_states and len(prompts) > 1 else state for n in _numbers(prompts)
    ]
    return tuple(
        Order(
            action=press.action,
            prompt=prompt,
            state=one_state,
            shape=press.shape,
            picture=replace(parent.picture, quarter=press.quarter) if keeps_picture else None,
            lines=described(parent.mj_task_id) if press.shape is Shape.DESCRIPTION else (),
            clips=_clips(press),
            seconds=parent.seconds,
            parent_id=parent.mj_task_id,
            window=press.opens(remix=remix),
        )
        for prompt, one_state in zip(prompts, states, strict=True)
    )


def describe(image: str, state: str | None, language: str = "") -> Order:
    """Return the order to describe a picture; the same picture always has the same description.

    :param image: the picture as it was sent
    :param state: the caller's own text
    :param language: the language that the description shall have as well; only ``zh`` and ``zh_cn`` are known
    """
    picture = picture_of(image, "the described picture")
    return Order(
        action="DESCRIBE",
        state=state,
        shape=Shape.DESCRIPTION,
        picture=picture,
        lines=described(picture.seed),
        translated=described(picture.seed, _CHINESE) if language in {"zh", "zh_cn"} else (),
    )


def shorten(prompt: str, state: str | None) -> Order:
    """Return the order to find shorter forms of a prompt.

    :param prompt: the prompt
    :param state: the caller's own text
    """
    lines = shortened(read_prompt(prompt).text)
    return Order(action="SHORTEN", prompt=prompt, state=state, shape=Shape.ANALYSIS, lines=lines)


def video(prompt: str, clips: int, state: str | None, parent_id: str | None) -> Order:
    """Return the order to make clips.

    :param prompt: the prompt, or ""
    :param clips: how many
    :param state: the caller's own text
    :param parent_id: the task whose clip it goes on with, or None
    """
    return Order(
        action="VIDEO", prompt=prompt, state=state, shape=Shape.VIDEO, clips=clips, parent_id=parent_id
    )


def picture_of(image: str, text: str = "") -> Picture:
    """Return the drawing that stands for a picture of the caller's own: the same for the same picture.

    :param image: the picture as it was sent
    :param text: what is written on the drawing
    """
    return Picture(hashlib.sha256(image.encode("utf-8", "replace")).hexdigest(), text, 1)


def described(seed: str, language: tuple[tuple[str, ...], ...] = _ENGLISH) -> tuple[str, ...]:
    """Return four prompts that stand for the description of a picture, the same ones in every language."""
    chance = random.Random(f"describe {seed}")
    words = zip(*(chance.sample(kinds, 4) for kinds in language), strict=True)
    return tuple(f"{subject} {place}, {manner} --ar 1:1" for subject, place, manner in words)


def _numbers(prompts: tuple[str, ...]) -> range:
    return range(1, len(prompts) + 1)


def _clips(press: Press) -> int:
    if press.shape is not Shape.VIDEO:
        return 0
    return CLIPS if press.quarter is None else 1


def shortened(text: str) -> tuple[str, ...]:
    """Return five forms of a prompt, each no longer than the one before.

    :param text: the prompt without directives
    """
    words = text.split()
    return tuple(" ".join(words[: max(1, len(words) - cut)]) for cut in range(5))
