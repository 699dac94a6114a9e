"""Finding a submission whose answer was lost in the gateway's own list. No I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import pendulum

from airflow_provider_mj.gateway.task import ENDED, TaskStatus
from airflow_provider_mj.submitting.marks import ANSWERED, Mark, split_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_mj.gateway.task import Task

WORKER_SKEW = 5.0
"""Seconds by which the clocks of two workers may differ."""
CLOCK_SKEW = 60.0
"""Seconds by which a gateway's clock, put right by our marks, may still be wrong."""

PARTS = 4
"""Tasks of a press that makes several, where the gateway numbers them: CS's ``MJ::Job::PicReader::all``."""

_AT_ONCE = 5.0
"""Seconds within which a press makes all of its tasks."""


class Verdict(Enum):
    """What a gateway's list says of a submission."""

    FOUND = "the task is there"
    ABSENT = "the submission surely did not arrive"
    UNKNOWN = "nobody can tell"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The verdict, and the tasks if they were found: several for a press that makes several."""

    verdict: Verdict
    tasks: tuple[Task, ...] = ()
    may_tell: bool = False
    """Whether a later look may tell more: this one shows that other tasks of ours are made meanwhile."""
    missing: tuple[int, ...] = ()
    """The numbers of those tasks of a press that are not there, where the gateway numbers them."""
    candidates: tuple[tuple[str, str | None], ...] = ()
    """The ids of what it might be, where nobody can tell, with their prompts."""


UNKNOWN = Reconciliation(Verdict.UNKNOWN)


def reconcile(
    tasks: Iterable[Task],
    state: str,
    *,
    intent_at: float,
    now: float,
    over_at: float,
    patience: float = 0.0,
    by_name: bool = False,
) -> Reconciliation:
    """Look for the task of a submission by its ``state``.

    That it is not in the list proves that it did not arrive only if the list is known to show such a task:
    see :meth:`_Shown.proves_absence`.

    :param tasks: what the gateway's list shows; it is gone through once, and only what is found is kept.
    :param state: the ``state`` that the submission carried.
    :param intent_at: when it was about to be sent, in epoch seconds of our clock; 0 if that is not known.
    :param now: when the list was asked for, likewise.
    :param over_at: from when on the request can't be on its way any more, likewise.
    :param patience: seconds for which any submission may be under way.
    :param by_name: whether only the name in the mark is known, and not when it was made.
    """
    shown = _Shown()
    for task in tasks:
        shown.add(task, is_sought=carries(task, state, by_name=by_name))
    if shown.found:
        return found_of([*shown.found.values()])
    if not intent_at or not Mark.read(state):
        return UNKNOWN
    if now >= over_at and shown.proves_absence(intent_at - patience, over_at):
        return Reconciliation(Verdict.ABSENT)
    return Reconciliation(Verdict.UNKNOWN, may_tell=shown.newest_mark > intent_at + WORKER_SKEW)


@dataclass
class _Shown:
    """What a list shows, as far as it matters, gathered row by row.

    Lists were seen that cut or leave out the state, come out of a cache, begin with the oldest tasks, show
    finished ones only, and whose times are of a clock that is wrong.
    """

    found: dict[str, Task] = field(default_factory=dict)
    newest_mark: float = 0.0
    ahead: float | None = None
    """By how many seconds the gateway's clock is ahead of ours, at most."""
    oldest: float | None = None
    has_unfinished: bool = False

    def add(self, task: Task, *, is_sought: bool) -> None:
        """Take in one row."""
        known = self.found.get(task.id)
        if is_sought and (known is None or task.advance > known.advance):
            self.found[task.id] = task
        self.has_unfinished |= bool(task.status) and task.status not in ENDED
        submitted_at, mark = _submitted_at(task), Mark.read(task.state)
        if submitted_at:
            self.oldest = min(submitted_at, submitted_at if self.oldest is None else self.oldest)
        if mark is None or mark.part:
            return
        self.newest_mark = max(self.newest_mark, mark.made_at)
        # A task can't have been submitted before its mark was made: the least difference is the clock's.
        # Between a press and the answer to its window there may be days.
        if submitted_at and not mark.is_answer:
            ahead = submitted_at - mark.made_at
            self.ahead = min(ahead, ahead if self.ahead is None else self.ahead)

    def proves_absence(self, earliest: float, over_at: float) -> bool:
        """Tell whether the list would show a task that was submitted since then.

        All of this has to be seen in it:

        - a task that carries a mark of ours, whole, made when the request could not be under way any more:
          marks are shown, and the list is newer than that, by our own clock;
        - a task that surely came *before* that, by the gateway's clock put right by our marks: the list
          reaches back over it. How far that clock is ahead is known only as well as the quickest of our
          submissions was quick;
        - a task that is not finished: those are shown, too.
        """
        is_newer = self.newest_mark > over_at + WORKER_SKEW
        if self.ahead is None or self.oldest is None or not self.has_unfinished or not is_newer:
            return False
        return self.oldest - self.ahead < earliest - CLOCK_SKEW


def found_of(tasks: Sequence[Task]) -> Reconciliation:
    """Give the tasks that the newest of some submissions has made, in the order in which they were.

    Where only the name was known, there may be those of earlier ones; and where the answer to a window makes
    a new task, the window itself goes on waiting, as on midjourney-proxy-plus.

    :param tasks: tasks that carry the mark, at least one.
    """
    newest_made = max(map(_made_at, tasks))
    newest = [task for task in tasks if _made_at(task) == newest_made]
    gone_on = [task for task in newest if task.status != TaskStatus.MODAL] or newest
    ordered = sorted(gone_on, key=lambda task: (_submitted_at(task), task.id))
    if parts := {_part(task): task for task in reversed(ordered) if _part(task)}:
        missing = tuple(number for number in range(1, max(PARTS, *parts) + 1) if number not in parts)
        tasks_of_press = tuple(parts[number] for number in sorted(parts))
        return Reconciliation(Verdict.FOUND, tasks_of_press, missing=missing)
    first = min((_submitted_at(task) for task in ordered if task.submit_time), default=0.0)
    # Children that a person has made of it may have its mark, too.
    return Reconciliation(
        Verdict.FOUND, tuple(task for task in ordered if _submitted_at(task) <= first + _AT_ONCE)
    )


def _made_at(task: Task) -> int:
    mark = Mark.read(task.state)
    return mark.made_at if mark else 0


def _part(task: Task) -> int:
    return split_part(task.state or "")[1]


def carries(task: Task, state: str, *, by_name: bool = False) -> bool:
    """Tell whether a task carries a state, be it with something before it, or a number behind it.

    The answer to a press's window has the mark of the press, and says so; where it makes a task of its own,
    that is the press's.

    :param task: the task.
    :param state: the ``state`` that was sent.
    :param by_name: whether only the name in a mark counts, and not when it was made.
    """
    sought, mark = Mark.read(state), Mark.read(task.state)
    if by_name and sought and mark:
        return mark.name == sought.name
    shown, _ = split_part(task.state or "")
    if state in (task.state, shown):
        return True
    return len(state) >= _LONG and shown.removesuffix(ANSWERED).endswith(state)


_LONG = 64


def _submitted_at(task: Task) -> float:
    """Give epoch seconds of the gateway's clock, 0 where it does not tell."""
    if task.submit_time is None:
        return 0.0
    moment = pendulum.parse(task.submit_time)
    return moment.timestamp() if isinstance(moment, pendulum.DateTime) else 0.0
