"""What a relay such as new-api shows: rows of its own, which a loop copies from the gateway behind it. Pure.

The relay stores a row when a submission is answered, without a status, and every `interval` seconds asks
what stands behind it about all rows that have not ended. An answer to a window is a second row with the
same id. The loop only knows the newer of the two until that has ended, and fetch always reads the older one.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from .course import Snapshot, look

if TYPE_CHECKING:
    from .course import SandboxTask

_NOT_COPIED = Snapshot(TaskStatus.NOT_START, 0, has_status=False)


def turn_before(moment: float, interval: float) -> float:
    """Return when the loop ran last, up to a moment.

    :param moment: unix seconds
    :param interval: seconds between two turns of the loop; 0 for a loop that never rests
    """
    return math.floor(moment / interval) * interval if interval else moment


def turn_after(moment: float, interval: float) -> float:
    """Return when the loop runs first, from a moment on.

    :param moment: unix seconds
    :param interval: seconds between two turns of the loop; 0 for a loop that never rests
    """
    return math.ceil(moment / interval) * interval if interval else moment


def copied(task: SandboxTask, now: float, interval: float) -> Snapshot | None:
    """Return what fetch shows of a task, or None if it has vanished.

    :param task: the task
    :param now: unix seconds
    :param interval: seconds between two turns of the loop
    """
    if task.confirmed_at is None:
        return _row(task, task.submitted_at, now, interval)
    # The row of the press stands still until the loop after the one that saw the other row end.
    if task.ends_at is not None and turn_before(now, interval) >= (
        turn_after(task.ends_at, interval) + interval
    ):
        return _row(task, task.submitted_at, now, interval)
    if look(task, now) is None:
        return None
    return _row(pressed_row(task), task.submitted_at, task.confirmed_at, interval)


def copied_answer(task: SandboxTask, now: float, interval: float) -> Snapshot | None:
    """Return what the row of the answer to a window shows, which only lists have.

    :param task: the task, confirmed
    :param now: unix seconds
    :param interval: seconds between two turns of the loop
    """
    return _row(task, task.begun_at, now, interval)


def pressed_row(task: SandboxTask) -> SandboxTask:
    """Return a confirmed task as the row of its press has it."""
    return replace(task, confirmed_at=None)


def _row(task: SandboxTask, inserted_at: float, now: float, interval: float) -> Snapshot | None:
    if look(task, now) is None:
        return None
    turn = turn_before(now, interval)
    return _NOT_COPIED if turn < inserted_at else look(task, turn)
