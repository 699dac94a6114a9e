"""The buttons under a finished task. Those under a single picture are in :mod:`.singles`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .course import Shape, Window
from .press import Press
from .singles import under_single

if TYPE_CHECKING:
    from collections.abc import Callable

    from .course import SandboxTask


def presses(task: SandboxTask, job_hash: str) -> tuple[Press, ...]:
    """Return the buttons of a finished task.

    :param task: the task
    :param job_hash: how the dialect names the job in a ``customId``
    """
    layout = _LAYOUTS.get(task.shape)
    return () if layout is None else layout(task, job_hash)


def numbered(lines: tuple[str, ...]) -> str:
    """Write prompts as Discord shows them: one to a paragraph, each after its number as an emoji."""
    return "\n\n".join(f"{_digit(n)} {line}" for n, line in enumerate(lines, 1))


def _under_grid(_task: SandboxTask, job_hash: str) -> tuple[Press, ...]:
    upscales = (
        Press(f"MJ::JOB::upsample::{n}::{job_hash}", f"U{n}", "", "UPSCALE", Shape.SINGLE, quarter=n)
        for n in range(1, 5)
    )
    reroll = Press(
        f"MJ::JOB::reroll::0::{job_hash}::SOLO", "", "🔄", "REROLL", window=Window.PROMPT, remix_only=True
    )
    variations = (
        Press(
            f"MJ::JOB::variation::{n}::{job_hash}",
            f"V{n}",
            "",
            "VARIATION",
            quarter=n,
            window=Window.PROMPT,
            remix_only=True,
        )
        for n in range(1, 5)
    )
    return (*upscales, reroll, *variations)


def _under_description(task: SandboxTask, _job_hash: str) -> tuple[Press, ...]:
    return (
        *_prompt_buttons("PicReader", task.lines),
        Press("MJ::Picread::Retry", "", "🔄", "DESCRIBE", Shape.DESCRIPTION, quarter=1),
        Press("MJ::Job::PicReader::all", "Imagine all", "🎉", "IMAGINE", prompts=task.lines),
    )


def _under_analysis(task: SandboxTask, _job_hash: str) -> tuple[Press, ...]:
    return _prompt_buttons("PromptAnalyzer", task.lines)


def _under_video(task: SandboxTask, job_hash: str) -> tuple[Press, ...]:
    if task.clips == 1:
        return ()
    return tuple(
        Press(
            f"MJ::JOB::video_virtual_upscale::{n}::{job_hash}", f"U{n}", "", "UPSCALE", Shape.VIDEO, quarter=n
        )
        for n in range(1, task.clips + 1)
    )


def _prompt_buttons(name: str, lines: tuple[str, ...]) -> tuple[Press, ...]:
    return tuple(
        Press(f"MJ::Job::{name}::{n}", "", _digit(n), "IMAGINE", window=Window.PROMPT, prompts=(line,))
        for n, line in enumerate(lines, 1)
    )


def _digit(number: int) -> str:
    return f"{number}\ufe0f\u20e3"


_LAYOUTS: dict[Shape, Callable[[SandboxTask, str], tuple[Press, ...]]] = {
    Shape.GRID: _under_grid,
    Shape.SINGLE: under_single,
    Shape.DESCRIPTION: _under_description,
    Shape.ANALYSIS: _under_analysis,
    Shape.VIDEO: _under_video,
}
