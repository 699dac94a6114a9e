"""Paying at most once: the one place that submits for operators.

The order in a try is: what is written down, what the gateway says, and only then what has to be built.
Before a call an intent is written down, after it the task. What an earlier try has submitted is taken up,
what it may have submitted is searched for, and what nobody can decide is not paid again unless the author
said so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.errors import (
    Acceptance,
    GatewayError,
    SubmissionUnknownError,
    WindowRefusedError,
)
from airflow_provider_mj.gateway.jobs import UPLOAD, with_extra
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.gateway.task import Task, TaskStatus, has_gone_on
from airflow_provider_mj.submitting.desk import Desk, Submitted
from airflow_provider_mj.submitting.marks import answer_mark, mark
from airflow_provider_mj.submitting.reconcile import UNKNOWN, Verdict
from airflow_provider_mj.submitting.record import Record, UnreadableRecordError
from airflow_provider_mj.submitting.search import Search
from airflow_provider_mj.submitting.wishes import Choice, Step, choose
from airflow_provider_mj.submitting.words import absent, ambiguous, ids, unknown, what, with_candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, MutableMapping, Sequence

    from airflow_provider_mj.gateway.jobs import Job
    from airflow_provider_mj.gateway.submissions import Submission
    from airflow_provider_mj.polling import Log
    from airflow_provider_mj.submitting.reconcile import Reconciliation
    from airflow_provider_mj.submitting.record import Records
    from airflow_provider_mj.submitting.wishes import Key, Try, Wish


_ROUNDS, _GENERATIONS, _GAP = 10, 20, 2


@dataclass(kw_only=True)
class Submitter:
    """Submits one wish of one Airflow task instance.

    :param desk: the hook.
    :param records: what earlier tries have written down, and where this one writes.
    :param identity: what names the task instance, without its try number.
    :param wish: what is asked for.
    :param a_try: what Airflow tells of this try.
    :param taken: the records that other operators of this try work with, each with who does; this one adds
        its own.
    :param log: where lines go.
    :param owner: the operator.
    :param released: the records that others of this try have worked with, and failed.
    :param own_state: gives the author's own ``state``; a submission that carries it can't be searched for.
    :param pay_if_unknown: whether to submit again where nobody can tell whether the first one arrived.
    """

    desk: Desk
    records: Records
    identity: tuple[str | int, ...]
    wish: Wish
    a_try: Try
    log: Log
    taken: MutableMapping[Key, str]
    owner: str
    released: Collection[Key] = ()
    own_state: Callable[[], str | None] = lambda: None
    pay_if_unknown: bool = False
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def known_ids(self) -> list[str]:
        """Give the ids of what is paid for and written down, as far as it can be read; for messages."""
        try:
            return [one for record in self.records.load() for one in record.mj_task_ids]
        except Exception:  # noqa: BLE001 (another error is being told)
            return []

    def submit(self, build: Callable[[], Job]) -> Submitted:
        """Submit what is asked for, or take up what an earlier try has submitted.

        :param build: makes what is sent; it is called only where something is.
        :raises SubmissionUnknownError: when nobody can tell whether it was paid.
        :raises SubmissionError: when it was refused; nothing was paid.
        """
        choice = self._choice()
        if choice.step is Step.REFUSE and choice.record:
            raise ambiguous(choice.record, self.wish.operator, self.desk.gateway)
        if choice.step is Step.TAKE_UP and choice.record:
            return self._take_up(choice.record)
        if choice.step is Step.SEARCH:
            return self._search_or_pay(build, choice.record or self._newest_listed())
        return self._pay(build)

    def _choice(self) -> Choice:
        others = [key for key, who in self.taken.items() if who != self.owner]
        used = [key for key, who in self.taken.items() if who == self.owner] if self.wish.is_repeated else []
        if self.wish.is_repeated or self.wish.operator:
            # A task's own operator that is tried again takes up what it has failed with.
            used += self.released
        try:
            records = self.records.load()
        except UnreadableRecordError as error:
            self.log.warning(
                "What earlier tries have written down can't be read (%s): nothing is paid before it is known "
                "whether they did",
                error,
            )
            return Choice(Step.SEARCH)
        # A process that goes on with a try was handed over what the one before it has sent.
        is_told = self.records.is_complete or self.a_try.is_first or self.a_try.is_resumed
        return choose(records, self.wish, self.a_try, taken=others, used=used, is_told=is_told)

    def _take_up(self, record: Record) -> Submitted:
        self.log.info("Taking up %s, which an earlier try has submitted", what(record))
        is_asked_again = self.a_try.is_asked_anew(record)
        if (record.round, record.clears) != (self.a_try.round, self.a_try.clears):
            record = replace(record, round=self.a_try.round, clears=self.a_try.clears)
            self._keep(record)
        self._take(record)
        return Submitted(record, is_new=False, is_asked_again=is_asked_again)

    def submit_anew(self, build: Callable[[], Job], failed: Record) -> Submitted:
        """Submit once more what has failed.

        :param build: makes what is sent.
        :param failed: the record of what failed.
        """
        self.log.info("%s has failed: submitting anew", what(failed).capitalize())
        return self._pay(build, failed, generation=failed.generation + 1)

    def answer(self, build: Callable[[str], Job], submitted: Submitted) -> Record:
        """Answer the window that a press has opened: once, whatever happens, and whoever else may have.

        :param build: makes the confirmation, given the task that waits for it.
        :param submitted: the press.
        :returns: the record, with the tasks to wait for.
        """
        record = submitted.record
        (window,) = record.mj_task_ids[:1]
        if record.answer_at:
            return self._answered_before(build, record)
        # Somebody may have answered it meanwhile, as the error about a window without an answer advises.
        seen = None if submitted.is_new else self._search.window(window)
        if isinstance(seen, Task) and has_gone_on(seen.status):
            return self._confirmed(record, record.mj_task_ids)
        if isinstance(seen, GatewayError) and seen.retry_helps:
            raise seen
        return self._answer(build, record)

    def _answer(self, build: Callable[[str], Job], record: Record) -> Record:
        call = self._call(build(record.mj_task_ids[0]), answer_mark(record.state))
        intent = replace(record, answer=self.wish.answer(), answer_at=self.now())
        self._save_intent(intent, record)
        try:
            submission = self._post(call)
        except SubmissionUnknownError as error:
            return self._find_answer(intent, error)
        except GatewayError as error:
            self._put_back(intent, record)
            return self._refused_answer(record, error)
        return self._confirmed(intent, submission.results)

    def _refused_answer(self, record: Record, error: GatewayError) -> Record:
        """See whether a window whose answer is refused has one: some show MODAL for a while after it."""
        window = record.mj_task_ids[0]
        seen = self.desk.look_alone(window)
        if isinstance(seen, Task) and has_gone_on(seen.status):
            return self._confirmed(record, record.mj_task_ids)
        self.log.warning("Task %s is paid for, and its window was not answered", ids(record.mj_task_ids))
        if error.retry_helps:
            raise error
        said = f"the answer to its window was refused, {error.what}"
        refused = WindowRefusedError(said, gateway=self.desk.gateway, mj_task_id=window, said=error.said)
        raise refused from error

    def _answered_before(self, build: Callable[[str], Job], record: Record) -> Record:
        """Find out whether an answer of an earlier try has arrived: then the task has gone on."""
        if self.pay_if_unknown:
            found = self._search.answer(record.mj_task_ids[0], answer_mark(record.state), record.answer_at)
            if found.tasks:
                return self._confirmed(record, _ids_of(found))
            return self._answer(build, replace(record, answer_at=0.0))
        lost = SubmissionUnknownError(
            "an earlier try may have confirmed the window of this task, which still shows MODAL",
            gateway=self.desk.gateway,
            mj_task_id=record.mj_task_ids[0],
        )
        return self._find_answer(record, lost)

    def _find_answer(self, record: Record, lost: SubmissionUnknownError) -> Record:
        found = self._search.answer(record.mj_task_ids[0], answer_mark(record.state), record.answer_at)
        if found.tasks:
            return self._confirmed(record, _ids_of(found))
        raise lost

    def _confirmed(self, record: Record, mj_task_ids: Sequence[str]) -> Record:
        self.log.info("The window is confirmed, task %s goes on", ids(mj_task_ids))
        confirmed = replace(record, mj_task_ids=tuple(mj_task_ids), is_window=False, is_confirmed=True)
        self._keep(confirmed)
        return confirmed

    def _intent(self, *, generation: int = 0, intent_at: float | None = None) -> Record:
        # Without a store a retry has to make the same mark again, and its arguments may be others by then.
        arguments = self.wish.arguments() if self.wish.operator or self.records.outlives_tries else ""
        place, own_state = self.wish.place(arguments), self.own_state()
        # Last, since all of that may take minutes: what is asked for may be what a function says.
        moment = self.now() if intent_at is None else intent_at
        return Record(
            state=own_state or self._mark(moment, arguments, place, generation),
            intent_at=moment,
            arguments=arguments,
            operator=self.wish.operator,
            place=place,
            round=self.a_try.round,
            clears=self.a_try.clears,
            gateway=self.desk.gateway,
            path=self.desk.path,
            generation=generation,
        )

    def _mark(self, moment: float, arguments: str, place: int, generation: int) -> str:
        names = (*self.identity, self.a_try.round, self.wish.operator, arguments, place, generation)
        return mark(moment, *names)

    def _pay(
        self, build: Callable[[], Job], before: Record | None = None, *, generation: int = 0
    ) -> Submitted:
        """Submit; if nothing was paid, the record is again what it was before."""
        # All that can go wrong, or take long, before anything is sent comes before the intent.
        job = build()
        intent = self._intent(generation=generation)
        call = self._call(job, intent.state)
        if call.action == UPLOAD:
            # No task is made that could carry it, so no list can show that none was.
            intent = replace(intent, state="")
        self._take(intent)
        self._save_intent(intent, before)
        try:
            submission = self._post(call)
        except SubmissionUnknownError as error:
            return Submitted(self._settle(intent, before, error), is_new=True)
        except GatewayError:
            # It was refused, or never left: nothing was paid, and any try may submit.
            self._put_back(intent, before)
            raise
        if call.action == UPLOAD:
            return Submitted(self._paid(replace(intent, addresses=submission.results)), is_new=True)
        is_window = submission.acceptance is Acceptance.CONFIRM
        paid = replace(intent, mj_task_ids=tuple(submission.results), is_window=is_window)
        return Submitted(self._paid(paid), is_new=True)

    def _save_intent(self, intent: Record, before: Record | None) -> None:
        try:
            self.records.save(intent)
        except Exception:
            # The store may have taken it all the same, and nothing was sent.
            self._put_back(intent, before)
            raise

    def _put_back(self, intent: Record, before: Record | None) -> None:
        try:
            self.records.replace(intent, before)
        except Exception as error:  # noqa: BLE001 (why it was refused matters more)
            self.log.warning(
                "That nothing was paid could not be written down (%s): the next try will not know",
                type(error).__name__,
            )

    def _call(self, job: Job, state: str) -> Job:
        self.log.info(
            "Submitting %s to gateway %s, with state %s", job.action, self.desk.gateway, quote(state)
        )
        # Uploads make no task that could carry it.
        return job if job.action == UPLOAD else with_extra(job, {"state": state})

    def _post(self, call: Job) -> Submission:
        return self.desk.submit(call.action, call.body)

    def _paid(self, paid: Record) -> Record:
        self.log.info("Gateway %s has %s", self.desk.gateway, what(paid))
        # Airflow starts another worker where it takes this one for dead, and that may know more by now.
        if known := self.records.known_beside(paid):
            self.log.warning("Another worker has written down %s meanwhile: going on with it", what(known))
            return known
        self._keep(paid)
        self._take(paid)
        return paid

    def _found(self, record: Record, found: Reconciliation) -> Record:
        tasks = found.tasks
        if found.missing:
            numbers = ", ".join(map(str, found.missing))
            self.log.warning("Of a press that makes several tasks, the list does not show number %s", numbers)
        waits = all(task.status == TaskStatus.MODAL for task in tasks) and not self.wish.window
        now = replace(record, round=self.a_try.round, clears=self.a_try.clears)
        return self._paid(replace(now, mj_task_ids=tuple(task.id for task in tasks), is_window=waits))

    def _take(self, record: Record) -> None:
        self.taken[record.key] = self.owner

    def _keep(self, record: Record) -> None:
        """Write down what was paid; if that fails, it is tried again before each look."""
        try:
            self.records.save(record)
        except Exception as error:  # noqa: BLE001 (a picture that is paid for is not given up for it)
            self.log.warning(
                "%s could not be written down (%s); until it is, a retry would not know of it",
                what(record).capitalize(),
                type(error).__name__,
            )

    def _newest_listed(self) -> Record:
        """Give a record to search for where none was kept: of the last submission that the list shows."""
        rounds = [self.a_try.round]
        if self.records.outlives_tries:
            # There was one, which can't be read, and a clear may have come since.
            rounds += range(self.a_try.round - 1, max(-1, self.a_try.round - _ROUNDS), -1)
        for number in rounds:
            if sought := self._newest_of(replace(self.a_try, round=number)):
                return sought
        return self._intent(intent_at=0.0)

    def _newest_of(self, a_try: Try) -> Record | None:
        """Give the last of the submissions of a round that the list shows; None where it shows none."""
        found, same = None, replace(self, a_try=a_try)
        generations, missed = iter(range(_GENERATIONS)), 0
        # One that surely did not arrive leaves a gap.
        while missed < _GAP and (generation := next(generations, None)) is not None:
            sought = same._intent(generation=generation, intent_at=0.0)
            is_there = self._search.submission(sought.state, 0.0).verdict is Verdict.FOUND
            found, missed = (sought, 0) if is_there else (found, missed + 1)
        return found

    def _settle(self, intent: Record, before: Record | None, error: SubmissionUnknownError) -> Record:
        """Find out what became of a submission whose answer did not come, while its author still runs."""
        found = self._look_for(intent)
        if found.tasks:
            return self._found(intent, found)
        if found.verdict is Verdict.ABSENT:
            self._put_back(intent, before)
            raise absent(error, self.desk.gateway) from error
        raise with_candidates(error, found.candidates)

    def _search_or_pay(self, build: Callable[[], Job], sought: Record) -> Submitted:
        """Find what an earlier try may have submitted; pay again only if that is safe, or wanted."""
        self._take(sought)
        found = self._look_for(sought)
        if found.tasks:
            self.records.give_up_unreadable()
            if not sought.intent_at:
                # Nothing was kept of it: its window may have been answered, too.
                sought = replace(sought, answer_at=self.now())
            return Submitted(self._found(sought, found), is_new=False)
        if found.verdict is Verdict.ABSENT:
            self._put_back(sought, None)
            return self._pay(build, generation=sought.generation + 1)
        if self.pay_if_unknown:
            self.log.warning("An earlier try may have paid; paying again, as resubmit_if_unknown says")
            self.records.give_up_unreadable()
            return self._pay(build, sought, generation=sought.generation + 1)
        raise unknown(sought, self.desk.gateway, found.candidates)

    def is_elsewhere(self, record: Record) -> bool:
        """Tell whether something was submitted at another gateway than the connection leads to now."""
        return record.gateway not in ("", self.desk.gateway)

    def _look_for(self, record: Record) -> Reconciliation:
        if self.wish.window:
            return self._search.answer(self.wish.window, record.state, record.intent_at)
        found = self._search.submission(record.state, record.intent_at)
        # What is not in the list of another gateway may well be in that of its own.
        is_elsewhere = self.is_elsewhere(record) or record.path not in ("", self.desk.path)
        return UNKNOWN if is_elsewhere and found.verdict is Verdict.ABSENT else found

    @cached_property
    def _search(self) -> Search:
        return Search(desk=self.desk, log=self.log, now=self.now, sleep=self.sleep)


def _ids_of(found: Reconciliation) -> tuple[str, ...]:
    return tuple(task.id for task in found.tasks)
