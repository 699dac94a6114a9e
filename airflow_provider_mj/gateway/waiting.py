"""The rules of waiting, decided once for every way to wait. No I/O and no clock: the time is passed in.

Poking, rescheduling, deferred and blocking waits differ only in who sleeps. Each looks at the tasks, passes
what it saw of each to :func:`decide`, and does what comes back. No rule needs a memory that a rescheduled
sensor loses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.errors import (
    GatewayError,
    TaskNotFoundError,
    UnauthorizedError,
    is_banned,
    quote,
)
from airflow_provider_mj.gateway.task import Task, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Collection

NOT_FOUND_GRACE = 30.0
"""Seconds from the start of a wait during which an unknown id is "not yet": gateways save tasks late."""

ERROR_SLOWDOWN = 3.0
"""After an error the next look comes this many intervals later, so that an outage is not made worse."""


class Outcome(StrEnum):
    """Why waiting stopped: a closed set."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    NEEDS_INPUT = "needs_input"
    NOT_FOUND = "not_found"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """What was agreed when the waiting began.

    :param gateway: the gateway's host, for messages.
    :param started_at: when the wait began, in epoch seconds.
    :param deadline: when it ends at the latest, in epoch seconds.
    :param interval: seconds between two looks.
    :param confirmed: whether the caller has already answered a MODAL task, which then is running.
    """

    gateway: str
    started_at: float
    deadline: float
    interval: float
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class GoOn:
    """Look again.

    :param delay: seconds until the next look; it never passes the deadline.
    :param line: what there is to tell, for the log.
    :param is_error: whether the look itself failed.
    :param confirm: whether the task must be asked for by itself before more can be said: a list left it out,
        which lists do for a moment.
    """

    delay: float
    line: str
    is_error: bool = False
    confirm: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """The wait for a task is over.

    :param outcome: why.
    :param message: the whole of it for a person: which task, which gateway, what it means, what to do.
    :param task: the task as last seen; None if no look has shown it.
    """

    outcome: Outcome
    message: str
    task: Task | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """When the wait for several tasks is over as a whole.

    :param total: how many tasks there are.
    :param min_success: how many of them have to succeed; all if None.
    :param fail_fast: whether the first one that does not succeed ends the wait.
    """

    total: int
    min_success: int | None = None
    fail_fast: bool = False

    @property
    def needed(self) -> int:
        """How many successes there have to be."""
        return self.total if self.min_success is None else self.min_success

    def is_reached(self, outcomes: Collection[Outcome]) -> bool:
        """Tell whether enough tasks have succeeded.

        :param outcomes: the outcomes of the tasks whose wait is over.
        """
        return sum(outcome is Outcome.SUCCESS for outcome in outcomes) >= self.needed

    def is_over(self, outcomes: Collection[Outcome]) -> bool:
        """Tell whether there is nothing left to wait for.

        :param outcomes: the outcomes of the tasks whose wait is over.
        """
        failed = any(outcome is not Outcome.SUCCESS for outcome in outcomes)
        return self.is_reached(outcomes) or len(outcomes) == self.total or (self.fail_fast and failed)


Step = GoOn | Stop
"""What a look means for the wait for one task."""

Seen = Task | GatewayError | None
"""What a look gave of one task: the task, the error in its place, or None where a list left it out."""


def decide(wait: Wait, mj_task_id: str, seen: Seen, now: float, *, answered: bool) -> Step:
    """Decide whether to go on waiting for a task.

    :param wait: what was agreed at the start.
    :param mj_task_id: the remote task.
    :param seen: what the look gave.
    :param now: the time after the look, in epoch seconds.
    :param answered: whether the gateway has answered before in this wait.
    :returns: go on, or stop and why.
    :raises GatewayError: the error that was seen, when the gateway has not answered once in this wait: a
        typo in the host must not wait an hour. Later an error is an outage, and the picture is paid for.
    """
    if isinstance(seen, Task):
        return _on_task(wait, mj_task_id, seen, now)
    if seen is None or isinstance(seen, TaskNotFoundError):
        return _on_missing(wait, mj_task_id, seen, now)
    if isinstance(seen, UnauthorizedError):
        return Stop(Outcome.UNAUTHORIZED, str(seen))
    if not answered:
        raise seen
    if now >= wait.deadline:
        return expired(wait, mj_task_id, now, f"the last check failed: {seen}")
    delay = max(wait.interval * ERROR_SLOWDOWN, seen.retry_after or 0.0)
    return GoOn(_until(wait, now, delay), f"This check failed, the wait goes on: {seen}", is_error=True)


def _on_task(wait: Wait, mj_task_id: str, task: Task, now: float) -> Step:
    end = _END.get(task.status or "")
    if end is not None and not (end[0] is Outcome.NEEDS_INPUT and wait.confirmed):
        outcome, meaning = end
        if outcome is Outcome.FAILURE and is_banned(task.fail_reason):
            meaning = _BANNED
        reason = quote(task.fail_reason or "no reason given")
        message = meaning.format(mj_task_id=mj_task_id, reason=reason)
        return Stop(outcome, f"Task {mj_task_id} at gateway {wait.gateway} {message}", task)
    if now >= wait.deadline:
        return expired(wait, mj_task_id, now, f"it was last seen {_course(task)}", task)
    line = f"Task {mj_task_id} at gateway {wait.gateway}: {_course(task)}"
    return GoOn(_until(wait, now, wait.interval), line)


def _on_missing(wait: Wait, mj_task_id: str, error: TaskNotFoundError | None, now: float) -> Step:
    is_grace_over = now - wait.started_at >= NOT_FOUND_GRACE
    if is_grace_over and error is not None:
        return Stop(Outcome.NOT_FOUND, str(error))
    if now >= wait.deadline and error is not None:
        return expired(wait, mj_task_id, now, "the gateway did not know it yet")
    line = f"Task {mj_task_id} is not known at gateway {wait.gateway} yet"
    return GoOn(_until(wait, now, wait.interval), line, confirm=is_grace_over or now >= wait.deadline)


def expired(wait: Wait, mj_task_id: str, now: float, how: str, task: Task | None = None) -> Stop:
    """Give the end of a wait whose deadline has passed.

    :param wait: what was agreed at the start.
    :param mj_task_id: the remote task.
    :param now: the time, in epoch seconds.
    :param how: how things stood when it was last looked at.
    :param task: the task as last seen.
    """
    waited = f"{now - wait.started_at:.0f} s"
    return Stop(
        Outcome.TIMEOUT,
        f"Task {mj_task_id} at gateway {wait.gateway} was not finished after {waited}; {how}. "
        "It is paid for and may still finish: wait for this id again to collect it, without submitting anew.",
        task,
    )


def _course(task: Task) -> str:
    status = task.status or "without a status"
    if task.status and task.status not in _KNOWN:
        status = f"{quote(task.status)} (an unknown word: running)"
    return status if task.progress is None else f"{status}, {task.progress} %"


def _until(wait: Wait, now: float, delay: float) -> float:
    return max(0.0, min(delay, wait.deadline - now))


_KNOWN = frozenset(TaskStatus)
_BANNED = (
    "ended as FAILURE: {reason}. That is moderation: change the prompt, since the same one would end the "
    "same. Some gateways give the money back for a failed task."
)
_END: dict[str, tuple[Outcome, str]] = {
    TaskStatus.SUCCESS: (Outcome.SUCCESS, "is finished."),
    TaskStatus.FAILURE: (
        Outcome.FAILURE,
        "ended as FAILURE: {reason}. Waiting again would find the same. Some gateways give the money "
        "back for a failed task; submitting anew is paid anew.",
    ),
    TaskStatus.CANCEL: (
        Outcome.CANCELLED,
        "was cancelled: {reason}. There will be no picture; submitting anew is paid anew.",
    ),
    TaskStatus.MODAL: (
        Outcome.NEEDS_INPUT,
        "waits for a confirmation (status MODAL) and never goes on by itself. Confirm it once with "
        'MJModalOperator(mj_task_id="{mj_task_id}", prompt=...), which an inpaint needs a mask for. An '
        "MJActionOperator with modal={{...}} does both.",
    ),
}
