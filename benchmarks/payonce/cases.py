"""What is killed, when, and in front of which gateway: every case of the kill test. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_mj.sandbox import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Iterable

TASK_SECONDS = 3.0
"""How long a picture takes."""
DEFERRED_SECONDS = 30.0
"""How long it takes where the triggerer is killed meanwhile."""
TURNS = 2
"""How often everything is done."""
SUBMIT_TIMEOUT = 5.0
"""Seconds for which a submission may be under way: for so long a lost one is searched for."""


class Victim(StrEnum):
    """What gets SIGKILL."""

    TASK = "task"
    """The process of the worker in which the task runs."""
    TRIGGERER = "triggerer"
    """The triggerer with all that it waits for."""


class Point(StrEnum):
    """When it is killed."""

    BEFORE_POST = "before_post"
    BEFORE_POST_NEW = "before_post_new"
    IN_FLIGHT = "in_flight"
    AFTER_ANSWER = "after_answer"
    ID_STORED = "id_stored"
    LOOKING = "looking"
    DEFERRED = "deferred"
    RESUMED = "resumed"
    FINISHED = "finished"


_DEFERRABLE_ONLY = (Point.DEFERRED, Point.RESUMED)
_CHARGED_LATER = (Point.BEFORE_POST, Point.BEFORE_POST_NEW)


@dataclass(frozen=True)
class Case:
    """One Airflow task that is killed once.

    :param dialect: how the gateway answers.
    :param victim: what is killed.
    :param point: when.
    :param is_deferrable: whether the task waits in the triggerer.
    :param turn: which repetition it is.
    """

    dialect: str
    victim: Victim
    point: Point
    is_deferrable: bool
    turn: int

    @property
    def mode(self) -> str:
        """How the task waits."""
        return "deferrable" if self.is_deferrable else "blocking"

    @property
    def dag_id(self) -> str:
        """The DAG that has the task."""
        return f"payonce_{self.victim}_{self.dialect.replace('-', '_')}_{self.turn}"

    @property
    def task_id(self) -> str:
        """The Airflow task."""
        return f"{self.point}_{self.mode}"

    @property
    def name(self) -> str:
        """Its name among all cases."""
        return f"{self.dag_id}.{self.task_id}"

    @property
    def prompt(self) -> str:
        """What is drawn: no other case has the same, so that the ledger tells whose charge it is."""
        seconds = f" [[seconds: {DEFERRED_SECONDS:g}]]" if self.point is Point.DEFERRED else ""
        return f"the picture of {self.name}{seconds}"

    @property
    def gateway(self) -> str:
        """The gateway: one for most cases of a dialect.

        One that was just started lists nothing that is older than the submission. One that withholds its
        answers has a single case, so that a charge in its ledger is that case's.
        """
        if self.point is Point.BEFORE_POST_NEW:
            return f"{self.dialect}_new"
        if self.point is Point.IN_FLIGHT:
            return f"{self.dialect}_withholding_{self.mode}_{self.turn}"
        return self.dialect

    @property
    def conn_id(self) -> str:
        """The Airflow connection to that gateway."""
        return f"mj_{self.gateway.replace('-', '_')}"

    @property
    def is_paid_before(self) -> bool:
        """Whether the gateway has charged for it when it is killed."""
        return self.point not in _CHARGED_LATER


def cases(dialects: Iterable[str] = DIALECTS) -> list[Case]:
    """Give all cases of some dialects."""
    return [
        Case(dialect, victim, point, is_deferrable, turn)
        for turn in range(TURNS)
        for dialect in dialects
        for victim in Victim
        for point in Point
        for is_deferrable in (False, True)
        if (is_deferrable or point not in _DEFERRABLE_ONLY)
        and (victim is Victim.TRIGGERER) == (point is Point.DEFERRED)
    ]
