"""The rules of waiting, decided once for every way to wait. No I/O and no clock: the time is passed in.

Poking, rescheduling, deferred and blocking waits differ only in who sleeps. Each looks at the tasks, passes
what it saw of each to :func:`decide`, and does what comes back. No rule needs a memory that a rescheduled
sensor loses: what has to be seen several times, it looks at several times before it gives its worker back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from airflow_provider_mj.gateway.errors import (
    GatewayError,
    TaskNotFoundError,
    UnauthorizedError,
    is_banned,
)
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.gateway.task import Task, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Collection

NOT_FOUND_GRACE = 30.0
"""Seconds from the start of a wait during which an unknown id is "not yet": gateways save tasks late."""

ERROR_SLOWDOWN = 3.0
"""After an error the next look comes this many intervals later, so that an outage is not made worse."""

DOUBT_LOOKS, DOUBT_SECONDS = 3, 30.0
"""How often, and over how many seconds, an end that costs a picture must be seen: gateways err at times."""

DOUBT_PAUSE = 15.0
"""Seconds until a task is looked at again that seems to have come to such an end."""


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
class Doubt:
    """An end that costs a picture, seen and not yet believed.

    :param outcome: the end: the task is not known, or the key is refused.
    :param count: how often it was seen, one time after the other, each time at a task itself.
    :param since: when it was seen first, in epoch seconds.
    :param last: when it was seen last.
    """

    outcome: Outcome
    count: int
    since: float
    last: float

    @classmethod
    def proved(cls, outcome: Outcome, moment: float) -> Self:
        """Give the doubt that one more look settles, because somebody else has seen the end often enough.

        :param outcome: the end.
        :param moment: a time before that look, in epoch seconds.
        """
        return cls(outcome, DOUBT_LOOKS, moment - DOUBT_SECONDS, moment - DOUBT_SECONDS)

    @property
    def is_proved(self) -> bool:
        """Whether it was seen often enough, over enough time."""
        return self.count >= DOUBT_LOOKS and self.last - self.since >= DOUBT_SECONDS


@dataclass(frozen=True, slots=True)
class GoOn:
    """Look again.

    :param delay: seconds until the next look; it never passes the deadline.
    :param line: what there is to tell, for the log.
    :param is_error: whether the look itself failed.
    :param confirm: whether the task must be asked for by itself before more can be said: a list left it out,
        which lists do for a moment.
    :param doubt: what has been seen of an end that costs the picture; the next look is to be passed it.
    :param settle: whether a process that would forget the doubt has to go on looking until it is settled.
    """

    delay: float
    line: str
    is_error: bool = False
    confirm: bool = False
    doubt: Doubt | None = None
    settle: bool = False


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


def decide(
    wait: Wait, mj_task_id: str, seen: Seen, now: float, *, answered: bool, doubt: Doubt | None = None
) -> Step:
    """Decide whether to go on waiting for a task.

    :param wait: what was agreed at the start.
    :param mj_task_id: the remote task.
    :param seen: what the look gave.
    :param now: the time after the look, in epoch seconds.
    :param answered: whether the gateway has answered before in this wait.
    :param doubt: what the look before has given as :attr:`GoOn.doubt`.
    :returns: go on, or stop and why.
    :raises GatewayError: the error that was seen, when the gateway has not answered once in this wait: a
        typo in the host must not wait an hour. Later an error is an outage, and the picture is paid for.
    """
    if isinstance(seen, Task):
        return _on_task(wait, mj_task_id, seen, now)
    if seen is None:
        return _on_left_out(wait, mj_task_id, now, doubt)
    if not answered and isinstance(seen, UnauthorizedError):
        return Stop(Outcome.UNAUTHORIZED, _about(mj_task_id, seen))
    outcome = _costly_end(seen)
    if outcome is not None:
        return _on_costly_end(wait, mj_task_id, seen, now, _again(doubt, outcome, now))
    if not answered:
        raise seen
    return _on_outage(wait, mj_task_id, seen, now)


def _costly_end(error: GatewayError) -> Outcome | None:
    """Tell which end that nobody gets a picture of an error may mean; None for an outage."""
    if isinstance(error, TaskNotFoundError):
        return Outcome.NOT_FOUND
    # A list may be refused to a key that may ask for its tasks.
    is_of_task = isinstance(error, UnauthorizedError) and error.mj_task_id is not None
    return Outcome.UNAUTHORIZED if is_of_task else None


def _on_outage(wait: Wait, mj_task_id: str, error: GatewayError, now: float) -> Step:
    if now >= wait.deadline:
        return expired(wait, mj_task_id, now, f"the last check failed: {error}")
    delay = max(wait.interval * ERROR_SLOWDOWN, error.retry_after or 0.0)
    return GoOn(_until(wait, now, delay), f"This check failed, the wait goes on: {error}", is_error=True)


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


def _on_left_out(wait: Wait, mj_task_id: str, now: float, doubt: Doubt | None) -> GoOn:
    """Decide about a task that a list leaves out: that alone is never an end, and makes none more likely."""
    kept = doubt if doubt and doubt.outcome is Outcome.NOT_FOUND else None
    is_due = kept is None or now - kept.last >= DOUBT_PAUSE or now >= wait.deadline
    return GoOn(
        _until(wait, now, wait.interval),
        _not_yet(wait, mj_task_id),
        confirm=is_due and (_is_grace_over(wait, now) or now >= wait.deadline),
        doubt=kept,
        settle=kept is not None and _is_grace_over(wait, now),
    )


def _on_costly_end(wait: Wait, mj_task_id: str, error: GatewayError, now: float, doubt: Doubt) -> Step:
    """Decide about an end that nobody gets a picture of: it counts when it was seen often enough."""
    said = _about(mj_task_id, error)
    if doubt.is_proved:
        return Stop(doubt.outcome, f"{said} This was so for {DOUBT_SECONDS:.0f} s, at every look.")
    is_early = doubt.outcome is Outcome.NOT_FOUND and not _is_grace_over(wait, now)
    if now >= wait.deadline:
        how = "the gateway did not know it yet" if is_early else f"the last check failed: {said}"
        return expired(wait, mj_task_id, now, how)
    if is_early:
        return GoOn(_until(wait, now, wait.interval), _not_yet(wait, mj_task_id), doubt=doubt)
    line = f"This counts only if it stays so for {DOUBT_SECONDS:.0f} s, the wait goes on: {said}"
    return GoOn(_until(wait, now, DOUBT_PAUSE), line, is_error=True, doubt=doubt, settle=True)


def _about(mj_task_id: str, error: GatewayError) -> str:
    """Name the task: a refused key is the connection's, so the error may be about another one, or none."""
    return str(error) if error.mj_task_id == mj_task_id else f"Task {mj_task_id} can't be asked for: {error}"


def _again(doubt: Doubt | None, outcome: Outcome, now: float) -> Doubt:
    """Count one more sighting of an end."""
    if doubt is None or doubt.outcome is not outcome:
        return Doubt(outcome, 1, since=now, last=now)
    return replace(doubt, count=doubt.count + 1, last=now)


def _is_grace_over(wait: Wait, now: float) -> bool:
    return now - wait.started_at >= NOT_FOUND_GRACE


def _not_yet(wait: Wait, mj_task_id: str) -> str:
    return f"Task {mj_task_id} is not known at gateway {wait.gateway} yet"


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
