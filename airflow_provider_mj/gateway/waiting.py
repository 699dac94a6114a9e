"""The rules of waiting, decided once for every way to wait. No I/O and no clock: the time is passed in.

Poking, rescheduling and blocking waits differ only in who sleeps. Each looks at the task, passes what it saw
to :func:`decide`, and does what comes back. No rule needs a memory that a rescheduled sensor loses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_mj.gateway.errors import GatewayError, TaskNotFoundError, UnauthorizedError, quote
from airflow_provider_mj.gateway.task import Task, TaskStatus

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


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What was agreed when the waiting began.

    :param mj_task_id: the remote task.
    :param gateway: the gateway's host, for messages.
    :param started_at: when the wait began, in epoch seconds.
    :param deadline: when it ends at the latest, in epoch seconds.
    :param interval: seconds between two looks.
    :param confirmed: whether the caller has already answered a MODAL task, which then is running.
    """

    mj_task_id: str
    gateway: str
    started_at: float
    deadline: float
    interval: float
    confirmed: bool = False


@dataclass(frozen=True)
class GoOn:
    """Look again.

    :param delay: seconds until the next look; it never passes the deadline.
    :param line: what there is to tell, for the log.
    :param is_error: whether the look itself failed.
    """

    delay: float
    line: str
    is_error: bool = False


@dataclass(frozen=True)
class Stop:
    """The wait is over.

    :param outcome: why.
    :param message: the whole of it for a person: which task, which gateway, what it means, what to do.
    :param task: the task as last seen; None if no look has shown it.
    """

    outcome: Outcome
    message: str
    task: Task | None = None


def decide(wait: Wait, seen: Task | GatewayError, now: float, *, answered: bool) -> GoOn | Stop:
    """Decide whether to go on waiting.

    :param wait: what was agreed at the start.
    :param seen: what the look gave: the task, or the error in its place.
    :param now: the time after the look, in epoch seconds.
    :param answered: whether the gateway has answered before in this wait.
    :returns: go on, or stop and why.
    :raises GatewayError: the error that was seen, when the gateway has not answered once in this wait: a
        typo in the host must not wait an hour. Later an error is an outage, and the picture is paid for.
    """
    if isinstance(seen, Task):
        return _on_task(wait, seen, now)
    if isinstance(seen, TaskNotFoundError):
        return _on_missing(wait, seen, now)
    if isinstance(seen, UnauthorizedError):
        return Stop(Outcome.UNAUTHORIZED, str(seen))
    if not answered:
        raise seen
    if now >= wait.deadline:
        return _timeout(wait, now, f"the last check failed: {seen}")
    delay = max(wait.interval * ERROR_SLOWDOWN, seen.retry_after or 0.0)
    return GoOn(_until(wait, now, delay), f"This check failed, the wait goes on: {seen}", is_error=True)


def _on_task(wait: Wait, task: Task, now: float) -> GoOn | Stop:
    end = _END.get(task.status or "")
    if end is not None and not (end[0] is Outcome.NEEDS_INPUT and wait.confirmed):
        outcome, meaning = end
        reason = quote(task.fail_reason or "no reason given")
        message = meaning.format(mj_task_id=wait.mj_task_id, reason=reason)
        return Stop(outcome, f"Task {wait.mj_task_id} at gateway {wait.gateway} {message}", task)
    if now >= wait.deadline:
        return _timeout(wait, now, f"it was last seen {_course(task)}", task)
    return GoOn(
        _until(wait, now, wait.interval), f"Task {wait.mj_task_id} at gateway {wait.gateway}: {_course(task)}"
    )


def _on_missing(wait: Wait, error: TaskNotFoundError, now: float) -> GoOn | Stop:
    if now - wait.started_at >= NOT_FOUND_GRACE:
        return Stop(Outcome.NOT_FOUND, str(error))
    if now >= wait.deadline:
        return _timeout(wait, now, "the gateway did not know it yet")
    line = f"Task {wait.mj_task_id} is not known at gateway {wait.gateway} yet"
    return GoOn(_until(wait, now, wait.interval), line)


def _timeout(wait: Wait, now: float, how: str, task: Task | None = None) -> Stop:
    waited = f"{now - wait.started_at:.0f} s"
    return Stop(
        Outcome.TIMEOUT,
        f"Task {wait.mj_task_id} at gateway {wait.gateway} was not finished after {waited}; {how}. "
        "It is paid for and may still finish: wait for this id again to collect it, without submitting anew.",
        task,
    )


def _course(task: Task) -> str:
    status = quote(task.status or "without a status")
    known = status if task.status is None or task.status in _KNOWN else f"{status} (an unknown word: running)"
    return known if task.progress is None else f"{known}, {task.progress} %"


def _until(wait: Wait, now: float, delay: float) -> float:
    return max(0.0, min(delay, wait.deadline - now))


_KNOWN = frozenset(TaskStatus)
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
        'MJHook().submit("modal", {{"taskId": "{mj_task_id}", "prompt": ...}}), which an inpaint needs a '
        "`maskBase64` for, and wait for the id that this returns.",
    ),
}
