"""Finding a submission whose answer was lost in the gateway's own list. No I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import pendulum

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_mj.gateway.task import Task

CLOCK_SKEW = 60.0
"""Seconds by which a gateway's clock may differ from ours."""


class Verdict(Enum):
    """What a gateway's list says of a submission."""

    FOUND = "the task is there"
    ABSENT = "the submission surely did not arrive"
    UNKNOWN = "nobody can tell"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The verdict, and the task if it was found."""

    verdict: Verdict
    mj_task_id: str = ""


def reconcile(
    tasks: Iterable[Task], state: str, *, intent_at: float, now: float, grace: float
) -> Reconciliation:
    """Look for the task of a submission by its ``state``.

    That it is not in the list proves something only if the request can't be on its way any more, and the list
    reaches back beyond it: gateways show the newest 100 tasks, or forget all when they are restarted.

    :param tasks: what the gateway's list shows.
    :param state: the mark that the submission carried.
    :param intent_at: when it was about to be sent, in epoch seconds; 0 if that is not known.
    :param now: when the list was read, in epoch seconds.
    :param grace: seconds for which a request may still be under way.
    """
    seen = list(tasks)
    found = sorted((_submitted_at(task), task.id) for task in seen if task.state == state)
    if found:
        submitted_at, mj_task_id = found[-1]
        # A cleared task carries the mark of its predecessor, which may be all that the list shows.
        is_older = 0 < submitted_at < intent_at - CLOCK_SKEW
        return Reconciliation(Verdict.UNKNOWN) if is_older else Reconciliation(Verdict.FOUND, mj_task_id)
    if not intent_at:
        return Reconciliation(Verdict.UNKNOWN)
    reaches_back = any(0 < _submitted_at(task) < intent_at - CLOCK_SKEW for task in seen)
    is_over = now >= intent_at + grace
    return Reconciliation(Verdict.ABSENT if is_over and reaches_back else Verdict.UNKNOWN)


def _submitted_at(task: Task) -> float:
    """Give epoch seconds, 0 where the gateway does not tell."""
    if task.submit_time is None:
        return 0.0
    moment = pendulum.parse(task.submit_time)
    return moment.timestamp() if isinstance(moment, pendulum.DateTime) else 0.0
