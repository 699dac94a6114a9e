"""What a try has to do about a wish, given what is written down. No I/O and no clock.

A *wish* is what an author asked to be drawn once: by its Airflow task instance, the arguments as they were
written, and its place among equal wishes. A *round* begins with the first try and with each clear. A try that
finds a record of its round is a *retry*: it takes up or searches for what was submitted, whatever else has
changed, since a retry is nobody's wish. A try that finds none is a wish of its own, and only it compares:
what was asked for before with the same arguments is taken up, anything else is a *new wish*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from airflow_provider_mj.submitting.record import Record

    Key = tuple[str, str, int]


@dataclass(frozen=True, kw_only=True)
class Try:
    """What Airflow tells of a try.

    :param round: its ``max_tries``, which a clear changes and a retry leaves alone.
    :param is_first: whether it is surely the first one of its round, and begins now.
    :param may_be_first: whether it is by the count of retries, which may have been changed meanwhile.
    :param is_resumed: whether it goes on with what an earlier process of the same try has begun.
    :param clears: how often its run was cleared, whichever tasks of it, as far as Airflow tells.
    """

    round: int
    is_first: bool
    may_be_first: bool
    is_resumed: bool = False
    clears: int = 0

    def is_asked_anew(self, record: Record) -> bool:
        """Tell whether an author or a person has asked since a record was written, and not Airflow alone."""
        if record.round is None:  # of the release before, which did not write down in which round it was
            return self.is_first or self.may_be_first
        return self.is_first or record.round != self.round

    def may_be_asked_anew(self, record: Record) -> bool:
        """Tell whether that may be: with fewer retries, a clear can leave ``max_tries`` as it was."""
        return self.may_be_first and self.clears > record.clears


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What an author asked to be drawn once.

    :param arguments: gives the digest of the arguments as they were written; it is called where they decide,
        since a decorated function has to run for it.
    :param place: gives which one it is among equal wishes of this try, from 0, given that digest.
    :param answer: gives the digest of what a window is answered with; "" for no answer.
    :param payload: gives the digest of what would be sent, for a record of the release before.
    :param answer_before: gives the digest of the answer as the release before made it.
    :param operator: the operator's task id where it is executed inside another Airflow task; else "".
    :param is_repeated: whether the same operator has been executed before in this try, for another wish.
    :param window: the task whose window it answers, where the wish is an answer.
    """

    arguments: Callable[[], str]
    place: Callable[[str], int]
    answer: Callable[[], str]
    payload: Callable[[], str]
    answer_before: Callable[[], str] = str
    operator: str = ""
    is_repeated: bool = False
    window: str = ""


class Step(Enum):
    """What a try has to do about a wish."""

    SUBMIT = "submit it"
    TAKE_UP = "take up what it made"
    SEARCH = "find out whether it has arrived"
    REFUSE = "leave it: nobody can tell which of the records is this wish's"


@dataclass(frozen=True)
class Choice:
    """The step, and the record that it is about; None where there is none."""

    step: Step
    record: Record | None = None


def choose(
    records: Sequence[Record],
    wish: Wish,
    a_try: Try,
    *,
    taken: Collection[Key] = (),
    used: Collection[Key] = (),
    is_told: bool,
) -> Choice:
    """Decide what a try has to do about a wish.

    :param records: what is written down.
    :param wish: the wish.
    :param a_try: what Airflow tells of the try.
    :param taken: keys of the records that other operators of this very try work with.
    :param used: keys of those that other wishes of this try have had, and are done with.
    :param is_told: whether no record means that nothing was sent.
    """
    free = [one for one in records if _is_of(one, wish.operator) and one.key not in taken]
    now = [one for one in free if not a_try.is_asked_anew(one) and one.key not in used]
    if _is_plain_retry(now, wish, a_try) and (alone := _alone(now)):
        return _taken_up(alone)
    if same := _same(free, wish):
        return _taken_up(same)
    if now:
        return Choice(Step.REFUSE, now[-1])
    return Choice(Step.SUBMIT if is_told else Step.SEARCH)


def _is_of(record: Record, operator: str) -> bool:
    # The release before did not write down which operator inside a task a record was of.
    return record.operator == operator or _is_of_release_before(record)


def _is_plain_retry(now: Sequence[Record], wish: Wish, a_try: Try) -> bool:
    """Tell whether arguments need not be compared: the task's one operator is tried again."""
    is_doubtful = any(map(a_try.may_be_asked_anew, now))
    return bool(now) and not wish.operator and not wish.is_repeated and not is_doubtful


def _alone(records: Sequence[Record]) -> Record | None:
    """Give the record of a round with one wish; None where an operator was executed several times."""
    # By no clock: two workers may have written them. There are several, too, where a retry has submitted
    # anew, with other arguments by then.
    newest = max(enumerate(records), key=lambda one: (one[1].generation, one[0]))[1]
    return newest if len(records) == 1 or newest.generation else None


def _taken_up(record: Record) -> Choice:
    return Choice(Step.TAKE_UP if record.is_known else Step.SEARCH, record)


def _same(records: Sequence[Record], wish: Wish) -> Record | None:
    """Find the record of an equal wish, the newest if there are several."""
    for record in reversed(records):
        if _is_same(record, wish) and _is_answered_alike(record, wish):
            return record
    return None


def _is_answered_alike(record: Record, wish: Wish) -> bool:
    # Of a press that was found without its record, nobody knows whether its window was answered, and how.
    if not record.answer_at or not record.answer or record.answer == wish.answer():
        return True
    return _is_of_release_before(record) and record.answer == wish.answer_before()


def _is_of_release_before(record: Record) -> bool:
    return record.round is None or bool(record.payload and not record.arguments)


def _is_same(record: Record, wish: Wish) -> bool:
    if _is_of_release_before(record):
        return record.payload == wish.payload()
    arguments = wish.arguments()
    return record.arguments == arguments and record.place == wish.place(arguments)
