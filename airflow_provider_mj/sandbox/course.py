"""The course of a task: what a look at it shows, as a pure function of the task and the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, auto

from airflow_provider_mj.gateway.task import TaskStatus

from .prompts import Ending

STARTED = 0.05
"""Share of a task's time after which it leaves the queue."""
DRAWING = 0.15
"""Share of a task's time after which it is in progress."""
TURN = 0.5
"""Share of a task's time at which a failure, a cancellation or a disappearance happens."""
STUCK_PERCENT = 93


_TURNS = {
    Ending.FAIL: TaskStatus.FAILURE,
    Ending.BANNED: TaskStatus.FAILURE,
    Ending.CANCEL: TaskStatus.CANCEL,
}


class Shape(StrEnum):
    """What a finished task has, which decides about its buttons."""

    GRID = auto()
    """Four pictures in one."""
    SINGLE = auto()
    """One picture at full size."""
    PLAIN = auto()
    """A picture without buttons."""
    VIDEO = auto()
    """Clips."""
    DESCRIPTION = auto()
    """Prompts that would give the picture that it was asked about."""
    ANALYSIS = auto()
    """Shorter forms of the prompt that it was asked about; no picture."""


class Window(StrEnum):
    """What a window asks the caller for."""

    PROMPT = auto()
    MASK = auto()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxTask:
    """A task; a confirmation or a cancellation puts another in its place.

    :param mj_task_id: its id on the gateway
    :param job: the UUID that its buttons and file names carry
    :param action: what it does, in the dialect's own word
    :param prompt: the prompt as submitted
    :param state: the caller's own text, or None
    :param submitted_at: unix seconds
    :param seconds: how long it takes until SUCCESS
    :param ending: how it ends
    :param fail_reason: the ``failReason`` if it fails
    :param picture: what it draws
    :param shape: what it has in the end
    :param lines: the prompts that it finds, if it looks for prompts
    :param clips: how many clips it makes, if it makes clips
    :param has_four: whether its grid comes with links to the four quarters as well
    :param parent_id: the task that it follows from, or None
    :param window: what its window asks for; None if it has no window
    :param confirmed_at: when the window was answered, unix seconds, or None
    :param queued_as: the status that it shows while it is queued
    :param cancelled_at: when it was cancelled, unix seconds, or None
    :param stuck_as: the status that it keeps if it is refunded without a FAILURE; None for an empty one
    :param translated: `lines` in the language that the caller wanted; empty if none was wanted
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
    shape: Shape = Shape.GRID
    lines: tuple[str, ...] = ()
    clips: int = 0
    has_four: bool = False
    parent_id: str | None = None
    window: Window | None = None
    confirmed_at: float | None = None
    queued_as: TaskStatus = TaskStatus.NOT_START
    cancelled_at: float | None = None
    stuck_as: TaskStatus | None = TaskStatus.IN_PROGRESS
    translated: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it waits for the answer to its window."""
        return self.window is not None and self.confirmed_at is None and self.cancelled_at is None

    @property
    def quarters(self) -> tuple[int, ...]:
        """The quarters of its grid that it has links to as well, 1 to 4."""
        return (1, 2, 3, 4) if self.has_four and self.shape is Shape.GRID else ()

    @property
    def begun_at(self) -> float:
        """When it came into the queue, unix seconds."""
        return self.submitted_at if self.confirmed_at is None else self.confirmed_at

    @property
    def ends_at(self) -> float | None:
        """When nothing more will change about it, unix seconds; None if that never comes."""
        if self.cancelled_at is not None or self.is_open:
            return self.cancelled_at
        if self.ending is Ending.SUCCESS:
            return self.begun_at + self.seconds
        return self.begun_at + TURN * self.seconds if self.ending in {*_TURNS, Ending.REFUNDED} else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a look at a task shows.

    :param status: the status at this moment
    :param percent: progress, 0 to 100
    :param started_at: when it left the queue, unix seconds, or None
    :param finished_at: when it ended, unix seconds, or None
    :param has_status: whether a relay has copied a status yet
    :param given_up: whether a relay has given the money back and asks no more, whatever the status says
    """

    status: TaskStatus
    percent: int
    started_at: float | None = None
    finished_at: float | None = None
    has_status: bool = True
    given_up: bool = False


def look(task: SandboxTask, now: float) -> Snapshot | None:
    """Return what a task shows at `now`, or None if it has vanished.

    :param task: the task
    :param now: unix seconds
    """
    if task.is_open:
        return Snapshot(TaskStatus.MODAL, 0)
    if task.cancelled_at is not None:
        return _cancelled(task, task.cancelled_at)
    share = _share(task, now)
    if share >= TURN and task.ending is Ending.VANISH:
        return None
    if share >= TURN and task.ending in {*_TURNS, Ending.REFUNDED}:
        return _turned(task)
    if share >= 1 and task.ending is Ending.SUCCESS:
        return Snapshot(TaskStatus.SUCCESS, 100, _started_at(task), task.begun_at + task.seconds)
    return _unfinished(task, share)


def _turned(task: SandboxTask) -> Snapshot:
    if task.ending in _TURNS:
        finished_at = task.begun_at + TURN * task.seconds
        return Snapshot(_TURNS[task.ending], int(TURN * 100), _started_at(task), finished_at)
    status = task.stuck_as or TaskStatus.NOT_START
    return Snapshot(status, 100, _started_at(task), has_status=task.stuck_as is not None, given_up=True)


def occupies(task: SandboxTask, now: float) -> bool:
    """Return whether a task takes a place in the queue; one whose window is open does not.

    :param task: the task
    :param now: unix seconds
    """
    seen = look(task, now)
    return seen is not None and seen.finished_at is None and not seen.given_up and not task.is_open


def _cancelled(task: SandboxTask, at: float) -> Snapshot:
    is_unanswered = task.window is not None and task.confirmed_at is None
    before = Snapshot(TaskStatus.MODAL, 0) if is_unanswered else _unfinished(task, _share(task, at))
    return replace(before, status=_TURNS[task.ending], finished_at=at)


def _share(task: SandboxTask, now: float) -> float:
    return (now - task.begun_at) / task.seconds if task.seconds else 1.0


def _started_at(task: SandboxTask) -> float:
    return task.begun_at + STARTED * task.seconds


def _unfinished(task: SandboxTask, share: float) -> Snapshot:
    if share < STARTED:
        return Snapshot(task.queued_as, 0)
    if share < DRAWING:
        return Snapshot(TaskStatus.SUBMITTED, 0, _started_at(task))
    return Snapshot(TaskStatus.IN_PROGRESS, min(int(share * 100), STUCK_PERCENT), _started_at(task))
