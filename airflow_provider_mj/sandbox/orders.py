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
_SUBJECTS = ("a red fox", "a lighthouse", "an old tram", "a paper boat", "a glass city", "a quiet harbour")
_PLACES = ("in the snow", "at dawn", "under a violet sky", "in heavy rain", "above the clouds")
_MANNERS = ("oil painting", "35mm film", "flat illustration", "watercolour", "isometric render")


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


def pressed(
    parent: SandboxTask, text: str, press: Press, state: str | None, *, remix: bool
) -> tuple[Order, ...]:
    """Return what pressing a button orders: one task, or one for each of the button's prompts.

    :param parent: the task whose button it is
    :param text: its prompt without directives, which say how that task ended
    :param press: the button
    :param state: the caller's own text
    :param remix: whether Remix is on
    """
    keeps_picture = press.shape is Shape.SINGLE or press.shape is Shape.DESCRIPTION
    return tuple(
        Order(
            action=press.action,
            prompt=prompt,
            state=state,
            shape=press.shape,
            picture=replace(parent.picture, quarter=press.quarter) if keeps_picture else None,
            lines=described(parent.mj_task_id) if press.shape is Shape.DESCRIPTION else (),
            clips=CLIPS if press.shape is Shape.VIDEO else 0,
            seconds=parent.seconds,
            parent_id=parent.mj_task_id,
            window=press.opens(remix=remix),
        )
        for prompt in press.prompts or (text + press.suffix,)
    )


def describe(image: str, state: str | None) -> Order:
    """Return the order to describe a picture; the same picture always has the same description.

    :param image: the picture as it was sent
    :param state: the caller's own text
    """
    picture = picture_of(image, "the described picture")
    return Order(
        action="DESCRIBE",
        state=state,
        shape=Shape.DESCRIPTION,
        picture=picture,
        lines=described(picture.seed),
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


def described(seed: str) -> tuple[str, ...]:
    """Return four prompts that stand for the description of a picture."""
    chance = random.Random(f"describe {seed}")
    words = zip(*(chance.sample(kinds, 4) for kinds in (_SUBJECTS, _PLACES, _MANNERS)), strict=True)
    return tuple(f"{subject} {place}, {manner} --ar 1:1" for subject, place, manner in words)


def shortened(text: str) -> tuple[str, ...]:
    """Return five forms of a prompt, each no longer than the one before.

    :param text: the prompt without directives
    """
    words = text.split()
    return tuple(" ".join(words[: max(1, len(words) - cut)]) for cut in range(5))
