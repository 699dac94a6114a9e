"""The course of a task: what a look at it shows, as a pure function of the task and the time."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_mj.gateway.task import TaskStatus

from .prompts import Ending

STARTED = 0.05
"""Share of a task's time after which it leaves the queue."""
DRAWING = 0.15
"""Share of a task's time after which it is in progress."""
TURN = 0.5
"""Share of a task's time at which a failure, a cancellation or a disappearance happens."""
STUCK_PERCENT = 93


@dataclass(frozen=True, slots=True)
class Picture:
    """What a task draws.

    :param seed: text from which colours and shapes follow
    :param text: the prompt that is written on it
    :param quarter: 1 to 4 for a single quarter at full size, None for the 2x2 grid
    """

    seed: str
    text: str
    quarter: int | None = None


@dataclass(frozen=True, slots=True)
class SandboxTask:
    """A task as it was submitted; it never changes.

    :param mj_task_id: its id on the gateway
    :param job: the UUID that its buttons and file names carry
    :param action: ``IMAGINE``, ``UPSCALE``, ``VARIATION`` or ``REROLL``
    :param prompt: the prompt as submitted
    :param state: the caller's own text, or None
    :param submitted_at: unix seconds
    :param seconds: how long it takes until SUCCESS
    :param ending: how it ends
    :param fail_reason: the ``failReason`` if it fails
    :param picture: what it draws
    """

    mj_task_id: str
    job: str
    action: str
    prompt: str
    state: str | None
    submitted_at: float
    seconds: float
    ending: Ending
    fail_reason: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a look at a task shows.

    :param status: the status at this moment
    :param percent: progress, 0 to 100
    :param started_at: when it left the queue, unix seconds, or None
    :param finished_at: when it ended, unix seconds, or None
    """

    status: TaskStatus
    percent: int
    started_at: float | None = None
    finished_at: float | None = None


_TURNS = {Ending.FAIL: TaskStatus.FAILURE, Ending.CANCEL: TaskStatus.CANCEL}


def look(task: SandboxTask, now: float) -> Snapshot | None:
    """Return what a task shows at `now`, or None if it has vanished.

    :param task: the task
    :param now: unix seconds
    """
    if task.ending is Ending.MODAL:
        return Snapshot(TaskStatus.MODAL, 0)
    share = (now - task.submitted_at) / task.seconds if task.seconds else 1.0
    started_at = task.submitted_at + STARTED * task.seconds
    if share >= TURN and task.ending is Ending.VANISH:
        return None
    if share >= TURN and task.ending in _TURNS:
        finished_at = task.submitted_at + TURN * task.seconds
        return Snapshot(_TURNS[task.ending], int(TURN * 100), started_at, finished_at)
    if share >= 1 and task.ending is Ending.SUCCESS:
        return Snapshot(TaskStatus.SUCCESS, 100, started_at, task.submitted_at + task.seconds)
    return _unfinished(share, started_at)


def _unfinished(share: float, started_at: float) -> Snapshot:
    if share < STARTED:
        return Snapshot(TaskStatus.NOT_START, 0)
    if share < DRAWING:
        return Snapshot(TaskStatus.SUBMITTED, 0, started_at)
    return Snapshot(TaskStatus.IN_PROGRESS, min(int(share * 100), STUCK_PERCENT), started_at)
