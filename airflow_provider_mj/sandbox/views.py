"""All that a task object is written from, gathered: the task, what it shows now, and its links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from .conditions import FORWARDING, Condition
from .course import Shape
from .rows import View

if TYPE_CHECKING:
    from .course import SandboxTask, Snapshot
    from .gateway import SandboxGateway

PREVIEW_PERCENT = 30


def view_of(gateway: SandboxGateway, task: SandboxTask, seen: Snapshot, base_url: str) -> View:
    """Return all that the object of a task is written from.

    :param gateway: the gateway
    :param task: the task
    :param seen: what it shows
    :param base_url: scheme, host and port that links begin with
    """
    if seen.status is TaskStatus.SUCCESS and seen.finished_at is not None:
        return _finished(gateway, task, seen, seen.finished_at, base_url)
    preview_url = None
    if seen.started_at is not None and seen.finished_at is None and seen.percent >= PREVIEW_PERCENT:
        preview_url = base_url + gateway.signer.link(task, seen.started_at, preview=True)
    return View(task, seen, preview_url=preview_url)


def _finished(gateway: SandboxGateway, task: SandboxTask, seen: Snapshot, at: float, base_url: str) -> View:
    link = gateway.signer.link
    image_url = None if task.shape is Shape.ANALYSIS else base_url + link(task, at)
    if image_url and gateway.conditions & FORWARDING:
        origin = "" if Condition.IMAGES_AT_PATHS in gateway.conditions else base_url
        image_url = f"{origin}/mj/image/{task.mj_task_id}"
    return View(
        task,
        seen,
        gateway.presses(task),
        image_url,
        clip_urls=tuple(base_url + link(task, at, clip=clip) for clip in range(task.clips)),
        quarter_urls=tuple(base_url + link(task, at, quarter=one) for one in task.quarters),
        copy_url=base_url + link(task, at, clip=0, is_copy=True) if task.clips else None,
    )
