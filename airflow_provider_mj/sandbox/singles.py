"""The buttons under a single picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .course import Shape, Window
from .press import Press

if TYPE_CHECKING:
    from .course import SandboxTask


def under_single(task: SandboxTask, job_hash: str) -> tuple[Press, ...]:
    """Return the buttons under a single picture: upscale, vary, zoom, pan, animate.

    :param task: the task
    :param job_hash: how the dialect names the job in a ``customId``
    """
    solo = f"1::{job_hash}::SOLO"
    made = task.picture.quarter
    return (
        _upscale("subtle", solo, made),
        _upscale("creative", solo, made),
        _remixed(f"MJ::JOB::low_variation::{solo}", "Vary (Subtle)", "🪄", "LOW_VARIATION"),
        _remixed(f"MJ::JOB::high_variation::{solo}", "Vary (Strong)", "🪄", "HIGH_VARIATION"),
        Press(f"MJ::Inpaint::{solo}", "Vary (Region)", "🖌️", "INPAINT", window=Window.MASK),
        Press(f"MJ::Outpaint::50::{solo}", "Zoom Out 2x", "🔍", "ZOOM"),
        Press(f"MJ::Outpaint::75::{solo}", "Zoom Out 1.5x", "🔍", "ZOOM"),
        Press(
            f"MJ::CustomZoom::{job_hash}",
            "Custom Zoom",
            "🔍",
            "CUSTOM_ZOOM",
            window=Window.PROMPT,
            suffix=" --zoom 2",
        ),
        *(
            _remixed(f"MJ::JOB::pan_{way}::{solo}", "", arrow, "PAN")
            for way, arrow in (("left", "⬅️"), ("right", "➡️"), ("up", "⬆️"), ("down", "⬇️"))
        ),
        _animate("high", solo),
        _animate("low", solo),
    )


def _upscale(manner: str, solo: str, quarter: int | None) -> Press:
    custom_id = f"MJ::JOB::upsample_v6_2x_{manner}::{solo}"
    label = f"Upscale ({manner.title()})"
    return Press(custom_id, label, "upscale_1", "UPSCALE_HD", Shape.SINGLE, quarter=quarter)


def _remixed(custom_id: str, label: str, emoji: str, action: str) -> Press:
    return Press(custom_id, label, emoji, action, window=Window.PROMPT, remix_only=True)


def _animate(motion: str, solo: str) -> Press:
    custom_id, label = f"MJ::JOB::animate_{motion}::{solo}", f"Animate ({motion.title()} motion)"
    return Press(custom_id, label, "", "VIDEO", Shape.VIDEO, window=Window.PROMPT, remix_only=True)
