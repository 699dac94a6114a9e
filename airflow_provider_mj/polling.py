"""Performing what :mod:`.gateway.waiting` decides, and the one place where outcomes become Airflow's.

Everything that waits ends in :func:`finish`, so that no mode has an ending of its own.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_mj.gateway.errors import GatewayError
from airflow_provider_mj.gateway.waiting import GoOn, Outcome, Stop, Wait, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_mj.gateway.task import Task

JITTER = 0.2
"""Part of an interval by which it is lengthened at random, so that mapped tasks don't ask in step."""


class TaskSource(Protocol):
    """What a wait needs of a hook."""

    def get_task(self, mj_task_id: str) -> Task:
        """Ask for one task."""


class Log(Protocol):
    """What a wait needs of a logger; Airflow 2 and 3 have loggers of different classes."""

    def info(self, message: str, /, *args: object) -> object:
        """Tell of progress."""

    def warning(self, message: str, /, *args: object) -> object:
        """Tell of a failed look."""


@dataclass
class Watch:
    """One wait in one process: what was agreed, and what is only remembered to keep the log short.

    :param wait: what was agreed when the waiting began.
    :param source: gives the task.
    :param log: where progress goes.
    :param answered: whether the gateway has answered before in this wait.
    :param now: tells the time in epoch seconds.
    """

    wait: Wait
    source: TaskSource
    log: Log
    answered: bool = False
    now: Callable[[], float] = time.time
    last_line: str = ""

    def check(self) -> GoOn | Stop:
        """Look at the task once.

        :returns: whether to look again, or why not.
        :raises Exception: an error before the gateway has answered once, in Airflow's terms.
        """
        try:
            seen: Task | GatewayError = self.source.get_task(self.wait.mj_task_id)
        except GatewayError as error:
            seen = error
        try:
            step = decide(self.wait, seen, self.now(), answered=self.answered)
        except GatewayError as error:
            raise airflow_error(error) from error
        self.answered = True
        if isinstance(step, GoOn):
            self._tell(step)
        return step

    def block(self, sleep: Callable[[float], None] = time.sleep) -> Stop:
        """Look again and again until the wait is over.

        :param sleep: waits for a number of seconds.
        :returns: why it is over.
        """
        while isinstance(step := self.check(), GoOn):
            sleep(with_jitter(step.delay))
        return step

    def _tell(self, step: GoOn) -> None:
        if step.is_error:
            self.log.warning("%s", step.line)
        elif step.line != self.last_line:
            self.log.info("%s", step.line)
            self.last_line = step.line


def with_jitter(seconds: float) -> float:
    """Lengthen a delay by up to a fifth."""
    return seconds * (1 + JITTER * random.random())  # noqa: S311 (no secret hangs on it)


def finish(stop: Stop, *, on_timeout: type[Exception]) -> dict[str, Any]:
    """End a wait: the task in its XCom shape, or Airflow's exception for what became of it.

    :param stop: why the wait is over.
    :param on_timeout: what to raise when the deadline has passed; the task may still finish then.
    :returns: the finished task, as :meth:`.Task.to_dict` gives it.
    :raises AirflowFailException: for an end that no retry can mend.
    """
    if stop.outcome is Outcome.SUCCESS and stop.task is not None:
        return stop.task.to_dict()
    raise on_timeout(stop.message) if stop.outcome is Outcome.TIMEOUT else AirflowFailException(stop.message)


def airflow_error(error: GatewayError) -> Exception:
    """Give the exception for Airflow: what no retry can mend must not be retried.

    :param error: a gateway's error.
    :returns: the same error where a retry may help, else an ``AirflowFailException`` with its words.
    """
    return error if error.retry_helps else AirflowFailException(str(error))
