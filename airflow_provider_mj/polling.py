"""Performing in a worker what :mod:`.gateway.waiting` decides, and turning outcomes into Airflow's.

Every wait ends as a :class:`Watch` in a worker, and its :func:`finish`: no mode has an ending of its own.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_mj.gateway.errors import GatewayError
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.gateway.waiting import Goal, GoOn, Outcome, Seen, Stop, Wait, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

JITTER = 0.2
"""Part of an interval by which it is lengthened at random, so that mapped tasks don't ask in step."""

_NAMED = 10


class TaskSource(Protocol):
    """What a wait needs of a hook."""

    def look(self, mj_task_ids: Sequence[str], /) -> Mapping[str, Seen]:
        """Look at several tasks, with few requests."""

    def look_alone(self, mj_task_id: str, /) -> Task | GatewayError:
        """Look at one task."""

    def get_whole(self, mj_task_ids: Sequence[str], /) -> Mapping[str, Task]:
        """Ask for several tasks with all their fields."""


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
    """

    mj_task_ids: Sequence[str]
    wait: Wait
    goal: Goal
    source: TaskSource
    progress: Progress
    answered: bool = False
    now: Callable[[], float] = time.time
    tasks: dict[str, Task] = field(default_factory=dict)
    stops: dict[str, Stop] = field(default_factory=dict)
    _delay: float | None = field(default=None, init=False)

    def check(self) -> float | None:
        """Look once at the tasks that are not finished.

        :returns: seconds until the next look; None if the wait is over, and :attr:`stops` says why.
        :raises Exception: an error before the gateway has answered once, in Airflow's terms.
        """
        self._delay = self._check()
        return self._delay

    def _check(self) -> float | None:
        steps: dict[str, GoOn] = {}
        for mj_task_id, seen in self._look().items():
            step = self._judge(mj_task_id, seen)
            if isinstance(step, Stop):
                self.stops[mj_task_id] = step
            else:
                steps[mj_task_id] = step
        self.answered = True
        self.progress.tell(steps)
        if self.goal.is_over(self.outcomes):
            return self._complete()
        return min(step.delay for step in steps.values())

    def block(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Look again and again until the wait is over.

        :param sleep: waits for a number of seconds.
        """
        if self._delay is None:
            self.check()
        while self._delay is not None:
            sleep(with_jitter(self._delay))
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

    def _look(self) -> Mapping[str, Seen]:
        if len(self.mj_task_ids) == 1:
            return {one: self.source.look_alone(one) for one in self.open_ids}
        return self.source.look(self.open_ids)

    def _judge(self, mj_task_id: str, seen: Seen) -> GoOn | Stop:
        if isinstance(seen, Task):
            self.tasks[mj_task_id] = seen
        try:
            step = decide(self.wait, mj_task_id, seen, self.now(), answered=self.answered)
        except GatewayError as error:
            raise airflow_error(error) from error
        if isinstance(step, GoOn) and step.confirm:
            return self._judge(mj_task_id, self.source.look_alone(mj_task_id))
        return step

    def _complete(self) -> float | None:
        """Ask for the other fields of what is to be published; a failure is an outage like any other."""
        partial = [mj_task_id for mj_task_id, task in self.tasks.items() if not task.is_whole]
        if not partial or Outcome.UNAUTHORIZED in self.outcomes:
            return None
        try:
            self._fill(self.source.get_whole(partial))
        except GatewayError as error:
            step = decide(self.wait, partial[0], error, self.now(), answered=True)
            if isinstance(step, Stop):
                raise airflow_error(error) from error
            self.progress.tell({partial[0]: step})
            return step.delay
        return None

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
