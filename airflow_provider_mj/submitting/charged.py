"""Finding a submission whose answer was lost in the log of the key. No I/O and no clock.

new-api and its forks have no list of tasks, and write down what they charge: each submission, with the id of
its task. What stands behind them has the ``state``, which they copy to their own task some time later.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_mj.submitting.marks import Mark
from airflow_provider_mj.submitting.reconcile import (
    CLOCK_SKEW,
    UNKNOWN,
    Reconciliation,
    Verdict,
    carries,
    found_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_mj.gateway.keylog import LogRow
    from airflow_provider_mj.gateway.task import Task

UPSTREAM_WAIT = 90.0
"""Seconds after which a submission is in the log, or never will be: new-api waits 60 s for what stands behind
it, and charges when that answers, however soon its own client has given up."""

UNKNOWN_CLOCK = 3600.0
"""Seconds by which a gateway's clock may be wrong where none of our marks puts it right."""


def since(
    rows: Sequence[LogRow], tasks: Mapping[str, Task], intent_at: float, patience: float = 0.0
) -> float:
    """Tell from when on a row may be of a submission, by the gateway's clock.

    :param rows: the log.
    :param tasks: the tasks that it names, as far as they are known, by id.
    :param intent_at: when it was about to be sent, in epoch seconds of our clock; 0 if that is not known.
    :param patience: seconds for which a submission may be under way, and so be charged after its mark.
    """
    if not intent_at:
        return 0.0
    # A submission can't have been charged before its mark was made: the least difference is the clock's.
    known = [(row, tasks[row.mj_task_id]) for row in rows if row.mj_task_id and row.mj_task_id in tasks]
    marks = [(row.at, mark) for row, task in known if (mark := Mark.read(task.state)) and not mark.is_answer]
    ahead = min((moment - mark.made_at for moment, mark in marks), default=None)
    return intent_at - UNKNOWN_CLOCK if ahead is None else intent_at + ahead - patience - CLOCK_SKEW


def undecided(
    rows: Sequence[LogRow], tasks: Mapping[str, Task], intent_at: float, patience: float = 0.0
) -> list[str]:
    """Give the ids of what was charged since the intent and may be the submission: they show no state yet.

    What was charged next to the intent comes first.

    :param rows: the log.
    :param tasks: the tasks that it names, as far as they are known, by id.
    :param intent_at: when it was about to be sent, in epoch seconds of our clock; 0 if that is not known.
    :param patience: seconds for which a submission may be under way.
    """
    start = since(rows, tasks, intent_at, patience)
    nearest = sorted(rows, key=lambda row: abs(row.at - intent_at)) if intent_at else rows
    ids = dict.fromkeys(row.mj_task_id for row in nearest if row.at >= start and row.mj_task_id)
    return [one for one in ids if one not in tasks or not tasks[one].state]


def _charged_again(
    rows: Sequence[LogRow], tasks: Mapping[str, Task], intent_at: float, patience: float
) -> list[str]:
    """Give the ids of what was charged since the intent, and not for the first time.

    new-api charges a press that was made before once more, under the id of the task that there is, which
    keeps the state of the first press.
    """
    start = since(rows, tasks, intent_at, patience)
    times = Counter(row.mj_task_id for row in rows if row.mj_task_id)
    again = (row.mj_task_id for row in rows if row.at >= start and row.mj_task_id)
    return list(dict.fromkeys(one for one in again if times[one] > 1))


def reconcile_charges(
    rows: Sequence[LogRow],
    tasks: Mapping[str, Task],
    state: str,
    *,
    intent_at: float,
    asked_at: float,
    over_at: float,
    patience: float = 0.0,
    by_name: bool = False,
) -> Reconciliation:
    """Look for a submission in what the key was charged for.

    - A task with our mark: found.
    - The log was read when the request could not be under way any more, it reaches back beyond the intent,
      and nothing was charged since that could be ours: it surely did not arrive.
    - Something was charged since whose task shows no state: nobody can tell, and a person looks at these.
    - No submission in it at all: logging may be switched off, which proves nothing.

    :param rows: the log.
    :param tasks: the tasks that it names, as far as they are known, by id.
    :param state: the ``state`` that the submission carried.
    :param intent_at: when it was about to be sent, in epoch seconds of our clock; 0 if that is not known.
    :param asked_at: when the log was asked for, likewise.
    :param over_at: from when on the request can't be on its way any more, likewise.
    :param patience: seconds for which any submission may be under way.
    :param by_name: whether only the name in the mark is known, and not when it was made.
    """
    found = [task for task in tasks.values() if carries(task, state, by_name=by_name)]
    if found:
        return found_of(found)
    if not any(row.is_submission for row in rows) or not intent_at or not Mark.read(state):
        return UNKNOWN
    ids = undecided(rows, tasks, intent_at, patience) or _charged_again(rows, tasks, intent_at, patience)
    if ids:
        prompts = tuple((one, tasks[one].prompt if one in tasks else None) for one in ids)
        return Reconciliation(Verdict.UNKNOWN, may_tell=True, candidates=prompts)
    start = since(rows, tasks, intent_at, patience)
    is_nameless = any(row.is_submission and row.mj_task_id is None and row.at >= start for row in rows)
    # How many rows it shows at most differs from gateway to gateway.
    reaches_back = min(row.at for row in rows) < start
    is_over = asked_at >= max(over_at, intent_at + UPSTREAM_WAIT)
    is_proved = is_over and reaches_back and not is_nameless
    return Reconciliation(Verdict.ABSENT) if is_proved else Reconciliation(Verdict.UNKNOWN, may_tell=True)
