"""What became of a case, and what is wrong with it. Pure: the facts are found in :mod:`.running`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from benchmarks.payonce.cases import Case, Victim

if TYPE_CHECKING:
    from collections.abc import Iterator


class Outcome(StrEnum):
    """How a case ended."""

    PICTURE = "picture"
    """The task succeeded, and its XCom has the link of a picture that opens."""
    UNKNOWN = "unknown"
    """The task failed without paying again, and its log says that it is unknown whether it paid."""
    OTHER = "OTHER"
    """Anything else, which must not be."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The facts about a case after its last try.

    :param case: the case.
    :param was_killed: whether it noted that it was about to be killed.
    :param state: of the Airflow task.
    :param tries: how many there were.
    :param charged: the ids of the tasks that the gateway charged for it.
    :param mj_task_id: the id of the task in XCom.
    :param has_picture: whether the link in XCom serves a picture.
    :param has_lost_wait: whether its log says that the wait in the triggerer failed.
    :param says_unknown: whether its log says that it is unknown whether it paid, and what to do then.
    """

    case: Case
    was_killed: bool
    state: str | None
    tries: int
    charged: tuple[str, ...]
    mj_task_id: str | None
    has_picture: bool
    has_lost_wait: bool
    says_unknown: bool

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if self.state == "success" and self.has_picture and self.mj_task_id in self.charged:
            return Outcome.PICTURE
        if self.state == "failed" and self.says_unknown and self.mj_task_id is None:
            return Outcome.UNKNOWN
        return Outcome.OTHER

    @property
    def is_paid_twice(self) -> bool:
        """Whether there are more charges than one."""
        return len(self.charged) > 1

    @property
    def is_lost(self) -> bool:
        """Whether it was charged, and has no picture: each gateway here has a list of tasks, or a log."""
        return bool(self.charged) and self.outcome is not Outcome.PICTURE


def faults(ending: Ending) -> list[str]:
    """Tell what of a case is not as it must be."""
    return [f"{ending.case.name}: {fault}" for fault in _faults(ending)]


def _faults(ending: Ending) -> Iterator[str]:
    is_retried = ending.case.victim is not Victim.TRIGGERER
    if not ending.was_killed:
        yield "it was not killed, so that it shows nothing"
    elif is_retried and ending.tries < 2:  # noqa: PLR2004 (the one that was killed, and a retry)
        yield "it was killed, and not retried"
    if ending.has_lost_wait:
        yield "its wait in the triggerer failed, which used up a retry"
    if ending.is_paid_twice:
        yield f"it was paid {len(ending.charged)} times: {', '.join(ending.charged)}"
    if ending.is_lost:
        yield f"it was paid for and known ({', '.join(ending.charged)}), and its picture is lost"
    if ending.case.is_paid_before and not ending.charged:
        yield "it was killed before it was charged, which is another case"
    if ending.outcome is Outcome.OTHER:
        yield f"it ended as {ending.state}, which is neither a picture nor a clear 'unknown'"
