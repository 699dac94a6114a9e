"""The buttons under a picture, and what pressing one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .course import SandboxTask


@dataclass(frozen=True, slots=True)
class Press:
    """A button and what it does.

    :param custom_id: the ``customId``
    :param label: the text on it, "" if it has an emoji only
    :param emoji: the emoji on it, or ""
    :param action: the action of the task that it starts
    :param quarter: the quarter that it takes, 1 to 4, or None
    """

    custom_id: str
    label: str
    emoji: str
    action: str
    quarter: int | None


def presses(task: SandboxTask, job_hash: str) -> tuple[Press, ...]:
    """Return the buttons of a finished task: nine under a grid, none under a single picture.

    :param task: the task
    :param job_hash: how the dialect names the job in a ``customId``
    """
    if task.picture.quarter is not None:
        return ()
    reroll = Press(f"MJ::JOB::reroll::0::{job_hash}::SOLO", "", "🔄", "REROLL", None)
    return (
        *_row("upsample", "U", "UPSCALE", job_hash),
        reroll,
        *_row("variation", "V", "VARIATION", job_hash),
    )


def _row(verb: str, letter: str, action: str, job_hash: str) -> tuple[Press, ...]:
    return tuple(
        Press(f"MJ::JOB::{verb}::{n}::{job_hash}", f"{letter}{n}", "", action, n) for n in range(1, 5)
    )
