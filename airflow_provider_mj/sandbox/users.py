"""Whether the user of a key has reached a limit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from .answers import Reason, RefusedError
from .course import look

if TYPE_CHECKING:
    from collections.abc import Collection

    from .conditions import UserLimits
    from .course import SandboxTask

_DAY = 86400.0


def check_user(limits: UserLimits, tasks: Collection[SandboxTask], now: float) -> None:
    """See that a user may submit one more task.

    The C# proxy asks for "more than" in its limits by number of tasks, so that one more is taken, and for "at
    least" in the others.

    :param limits: the limits
    :param tasks: the user's tasks
    :param now: unix seconds
    :raises RefusedError: if a limit is reached
    """
    today = sum(task.submitted_at >= now - now % _DAY for task in tasks)
    statuses = [seen.status for task in tasks if (seen := look(task, now))]
    running = statuses.count(TaskStatus.IN_PROGRESS)
    queued = statuses.count(TaskStatus.NOT_START) + statuses.count(TaskStatus.SUBMITTED)
    for reached, text in (
        (limits.day is not None and today > limits.day, "用户今日绘图次数已达上限"),
        (limits.total is not None and len(tasks) > limits.total, "总绘图次数已达上限"),
        (limits.concurrency is not None and running >= limits.concurrency, "并发数已达上限"),
        (limits.queue is not None and queued >= limits.queue, "队列数已达上限"),
    ):
        if reached:
            raise RefusedError(Reason.USER_LIMIT, text)
