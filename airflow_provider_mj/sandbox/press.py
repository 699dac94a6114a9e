"""A button, and what pressing it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .course import Shape

if TYPE_CHECKING:
    from .course import Window


@dataclass(frozen=True, slots=True)
class Press:
    """A button and what it does.

    :param custom_id: the ``customId``
    :param label: the text on it, "" if it has an emoji only
    :param emoji: the emoji on it, or ""
    :param action: what the task does that it starts, in the sandbox's words
    :param shape: what that task has in the end
    :param quarter: the quarter that it takes, 1 to 4, or None
    :param window: what the window asks for that it opens, or None
    :param remix_only: whether it opens the window only where Remix is on
    :param prompts: the prompts of the tasks that it starts; empty for one task with its parent's prompt
    :param suffix: what it puts behind that prompt
    """

    custom_id: str
    label: str
    emoji: str
    action: str
    shape: Shape = Shape.GRID
    quarter: int | None = None
    window: Window | None = None
    remix_only: bool = False
    prompts: tuple[str, ...] = ()
    suffix: str = ""

    def opens(self, *, remix: bool) -> Window | None:
        """Return what its window asks for, or None if it opens none.

        :param remix: whether Remix is on
        """
        return None if self.remix_only and not remix else self.window
