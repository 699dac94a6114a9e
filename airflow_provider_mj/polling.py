"""Performing in a worker what :mod:`.gateway.waiting` decides, and turning outcomes into Airflow's.

Every wait ends as a :class:`Watch` in a worker, and its :func:`finish`: no mode has an ending of its own.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_mj.gateway.errors import GatewayError, TaskNotFoundError, UnauthorizedError
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.gateway.time_limits import time_limit
from airflow_provider_mj.gateway.waiting import Doubt, Goal, GoOn, Outcome, Seen, Stop, Wait, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

JITTER = 0.2
"""Part of an interval by which it is lengthened at random, so that mapped tasks don't ask in step."""

_NAMED = 10
_SHORTEST_LOOK, _LAST_LOOK = 1.0, 10.0


def look_seconds(left: float, usual: float | None) -> float:
    """Return how long a look may take, so that a gateway that hangs keeps no wait from ending.

    :param left: seconds until the deadline of the wait; below 0 after it.
    :param usual: the longest that an answered look of this process has taken; None if none was made yet.
    :returns: the time that is left, and at least a second. Around the deadline, a look that may yet find the
        task finished gets twice what looks usually take; the first look of a process that comes after the
        deadline, as a worker does that the triggerer sends back, gets 10 seconds.
    """
    if usual is None:
        return max(left, _SHORTEST_LOOK) if left > 0 else _LAST_LOOK
    return max(left, _SHORTEST_LOOK, min(2 * usual, _LAST_LOOK))


class Looker(Protocol):
    """What a look needs of a hook or a client."""

    def look(self, mj_task_ids: Sequence[str], /) -> Mapping[str, Seen]:
        """Look at several tasks, with few requests."""

    def look_alone(self, mj_task_id: str, /) -> Task | GatewayError:
        """Look at one task."""


class TaskSource(Looker, Protocol):
    """What a wait needs of a hook."""

    def get_whole(self, mj_task_ids: Sequence[str], /) -> Mapping[str, Task]:
        """Ask for several tasks with all their fields."""


def look_at(source: Looker, mj_task_ids: Sequence[str], *, was_refused: bool) -> dict[str, Seen]:
    """Look at several tasks; while the key is refused, at one of them in place of all.

    A refused key is the connection's: what a fetch of one task says of it holds for all of them.

    :param source: gives the tasks.
    :param mj_task_ids: the remote tasks, at least one.
    :param was_refused: whether the key was refused at the look before.
    :returns: what was seen of each.
    """
    if was_refused:
        alone = source.look_alone(mj_task_ids[0])
        if isinstance(alone, UnauthorizedError):
            return dict.fromkeys(mj_task_ids, alone)
    seen = dict(source.look(mj_task_ids))
    refused = [one for one, what in seen.items() if _is_refusal(what) and what.mj_task_id is None]
    if refused:
        alone = source.look_alone(refused[0])
        seen |= dict.fromkeys(refused, alone) if _is_refusal(alone) else {refused[0]: alone}
    return seen


def is_refused(seen: Mapping[str, Seen]) -> bool:
    """Tell whether a look met a refused key."""
    return any(map(_is_refusal, seen.values()))


def _is_refusal(seen: Seen) -> TypeGuard[UnauthorizedError]:
    return isinstance(seen, UnauthorizedError)


class Log(Protocol):
    """What a wait needs of a logger; Airflow 2 and 3 have loggers of different classes."""

    def info(self, message: str, /, *args: object) -> object:
        """Tell of progress."""

    def warning(self, message: str, /, *args: object) -> object:
        """Tell of a failed look."""


def tell(log: Log, steps: Iterable[GoOn]) -> None:
    """Tell what a look gave; an error that all tasks met is told once.

    :param log: where the lines go.
    :param steps: what there is to tell.
    """
    for step in {step.line: step for step in steps}.values():
        (log.warning if step.is_error else log.info)("%s", step.line)


@dataclass
class Progress:
    """Tells how tasks come along, in as few lines as possible.

    :param log: where the lines go.
    """

    log: Log
    told: dict[str, str] = field(default_factory=dict)

    def tell(self, steps: Mapping[str, GoOn]) -> None:
        """Tell what a look gave: errors, and progress where it has changed."""
        news = {one: step for one, step in steps.items() if step.is_error or self.told.get(one) != step.line}
        self.told |= {one: step.line for one, step in news.items() if not step.is_error}
        tell(self.log, news.values())


@dataclass
class Watch:
    """The part of a wait that happens in one process of a worker.

    :param mj_task_ids: the remote tasks; one that is there twice is looked at once.
    :param wait: what was agreed when the waiting began.
    :param goal: when the wait is over.
    :param source: gives the tasks.
    :param progress: tells how they come along.
    :param answered: whether the gateway has answered before in this wait.
    :param now: tells the time in epoch seconds.
    :param doubts: what has been seen of ends that cost a picture, by task.
    """

    mj_task_ids: Sequence[str]
    wait: Wait
    goal: Goal
    source: TaskSource
    progress: Progress
    answered: bool = False
    now: Callable[[], float] = time.time
    doubts: dict[str, Doubt] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    stops: dict[str, Stop] = field(default_factory=dict)
    _delay: float | None = field(default=None, init=False)
    _usual: float | None = field(default=None, init=False)
    _was_refused: bool = field(default=False, init=False)
    _is_unsettled: bool = field(default=False, init=False)

    def check(self) -> float | None:
        """Look once at the tasks that are not finished.

        :returns: seconds until the next look; None if the wait is over, and :attr:`stops` says why.
        :raises Exception: an error before the gateway has answered once, in Airflow's terms.
        """
        self._delay = self._check()
        return self._delay

    def _check(self) -> float | None:
        steps = self._steps(self._look())
        self.answered = True
        self.progress.tell(steps)
        if self.goal.is_over(self.outcomes):
            steps = self._complete()
            self.progress.tell(steps)
        self._is_unsettled = any(step.settle for step in steps.values())
        return min((step.delay for step in steps.values()), default=None)

    def _steps(self, seen: Mapping[str, Seen]) -> dict[str, GoOn]:
        """Keep the tasks whose wait is over, and give the steps of the others."""
        steps: dict[str, GoOn] = {}
        for mj_task_id, one in seen.items():
            step = self._judge(mj_task_id, one)
            if isinstance(step, Stop):
                self.stops[mj_task_id] = step
            else:
                steps[mj_task_id] = step
        return steps

    def block(self, sleep: Callable[[float], None] | None = None) -> None:
        """Look again and again until the wait is over.

        :param sleep: waits for a number of seconds.
        """
        if self._delay is None:
            self.check()
        while self._delay is not None:
            self._look_later(sleep)

    def settle(self, sleep: Callable[[float], None] | None = None) -> float | None:
        """Look again until no end that costs a picture is in doubt: who gives the worker back forgets.

        :param sleep: waits for a number of seconds.
        :returns: as for :meth:`check`.
        """
        while self._delay is not None and self._is_unsettled:
            self._look_later(sleep)
        return self._delay

    def _look_later(self, sleep: Callable[[float], None] | None) -> None:
        (sleep or time.sleep)(with_jitter(self._delay or 0.0))
        self.check()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self._delay is None and self.goal.is_over(self.outcomes)

    @property
    def open_ids(self) -> list[str]:
        """The tasks whose wait is not over."""
        return [mj_task_id for mj_task_id in dict.fromkeys(self.mj_task_ids) if mj_task_id not in self.stops]

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes of the tasks whose wait is over."""
        return [stop.outcome for stop in self.stops.values()]

    def published(self) -> list[dict[str, Any] | None]:
        """Give the tasks in the order of the ids, as they stand in XCom; None for one never seen."""
        tasks = (self.tasks.get(mj_task_id) for mj_task_id in self.mj_task_ids)
        return [task.to_dict() if task else None for task in tasks]

    def _limit(self, usual: float | None) -> AbstractContextManager[None]:
        return time_limit(look_seconds(self.wait.deadline - self.now(), usual))

    def _look(self) -> Mapping[str, Seen]:
        began = self.now()
        with self._limit(self._usual):
            seen = self._look_at(self.open_ids)
        self._was_refused = is_refused(seen)
        # What was not answered says nothing about how long answers take.
        if not any(isinstance(one, GatewayError) for one in seen.values()):
            self._usual = max(self._usual or 0.0, self.now() - began)
        return seen

    def _look_at(self, mj_task_ids: Sequence[str]) -> Mapping[str, Seen]:
        if len(self.mj_task_ids) == 1 or not mj_task_ids:
            return {one: self.source.look_alone(one) for one in mj_task_ids}
        return look_at(self.source, mj_task_ids, was_refused=self._was_refused)

    def _judge(self, mj_task_id: str, seen: Seen) -> GoOn | Stop:
        if isinstance(seen, Task):
            self.tasks[mj_task_id] = seen
        try:
            step = self._decide(mj_task_id, seen)
        except GatewayError as error:
            raise airflow_error(error) from error
        if isinstance(step, GoOn) and step.confirm:
            with self._limit(self._usual):
                alone = self.source.look_alone(mj_task_id)
            return self._judge(mj_task_id, alone)
        return step

    def _decide(self, mj_task_id: str, seen: Seen) -> GoOn | Stop:
        """Decide about a task, and keep the doubt for the next look at it."""
        doubt = self.doubts.pop(mj_task_id, None)
        step = decide(self.wait, mj_task_id, seen, self.now(), answered=self.answered, doubt=doubt)
        if isinstance(step, GoOn) and step.doubt is not None:
            self.doubts[mj_task_id] = step.doubt
        return step

    def _complete(self) -> dict[str, GoOn]:
        """Ask for the other fields of what is to be published; a failure is an outage like any other."""
        partial = [mj_task_id for mj_task_id, task in self.tasks.items() if not task.is_whole]
        if not partial or Outcome.UNAUTHORIZED in self.outcomes:
            return {}
        steps: dict[str, GoOn] = {}
        for mj_task_id, error in self._make_whole(partial).items():
            step = self._decide(mj_task_id, error)
            if isinstance(step, GoOn):
                steps[mj_task_id] = step
            elif not isinstance(error, TaskNotFoundError):
                # A retry finds the finished tasks again.
                raise airflow_error(error) if step.outcome is Outcome.UNAUTHORIZED else error
        return steps

    def _make_whole(self, partial: Sequence[str]) -> dict[str, GatewayError]:
        """Ask for whole tasks and keep them; give what went wrong, by task."""
        # Whole rows take longer than looks, and nothing tells yet how long.
        with self._limit(None):
            try:
                whole = self.source.get_whole(partial)
            except GatewayError as error:
                alone = self._confirmed(partial[0], error)
                if isinstance(alone, GatewayError):
                    return {partial[0]: alone}
                self._fill({partial[0]: alone})
                return {partial[0]: error}
        self._fill(whole)
        gateway, what = self.wait.gateway, "the task is not known there any more"
        gone = [mj_task_id for mj_task_id in partial if mj_task_id not in whole]
        return {one: TaskNotFoundError(what, gateway=gateway, mj_task_id=one) for one in gone}

    def _confirmed(self, mj_task_id: str, error: GatewayError) -> Task | GatewayError:
        """Give the error, or what the task itself says where a list was refused."""
        is_of_list = _is_refusal(error) and error.mj_task_id is None
        return self.source.look_alone(mj_task_id) if is_of_list else error

    def _fill(self, whole: Mapping[str, Task]) -> None:
        """Keep whole tasks; a partial row may not have told why a task failed."""
        for mj_task_id, task in whole.items():
            step = self._judge(mj_task_id, task)
            if mj_task_id in self.stops and isinstance(step, Stop):
                self.stops[mj_task_id] = step


def with_jitter(seconds: float) -> float:
    """Lengthen a delay by up to a fifth."""
    return seconds * (1 + JITTER * random.random())  # noqa: S311 (no secret hangs on it)


def finish(watch: Watch, *, on_timeout: type[Exception]) -> list[dict[str, Any] | None]:
    """End a wait: the tasks in their XCom shape, or Airflow's exception for what became of them.

    :param watch: a wait that is over.
    :param on_timeout: what to raise when the deadline has passed; the tasks may still finish then.
    :returns: the tasks in the order of the ids, each as :meth:`.Task.to_dict` gives it.
    :raises AirflowFailException: for an end that no retry can mend.
    """
    if watch.goal.is_reached(watch.outcomes):
        return watch.published()
    failed = [stop for stop in watch.stops.values() if stop.outcome is not Outcome.SUCCESS]
    timed_out = all(stop.outcome is Outcome.TIMEOUT for stop in failed)
    message = _failure(watch.goal, [stop.message for stop in failed])
    raise on_timeout(message) if timed_out else AirflowFailException(message)


def _failure(goal: Goal, messages: list[str]) -> str:
    if goal.total == 1:
        return messages[0]
    more = f" And {len(messages) - _NAMED} more." if len(messages) > _NAMED else ""
    head = f"{len(messages)} of {goal.total} tasks did not succeed, and {goal.needed} had to. "
    return head + " ".join(messages[:_NAMED]) + more


def airflow_error(error: GatewayError) -> Exception:
    """Give the exception for Airflow: what no retry can mend must not be retried.

    :param error: a gateway's error.
    :returns: the same error where a retry may help, else an ``AirflowFailException`` with its words.
    """
    return error if error.retry_helps else AirflowFailException(str(error))
