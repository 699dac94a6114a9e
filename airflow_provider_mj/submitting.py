"""Paying at most once: the one place that submits for operators.

Before a call an intent is written down, after it the task. What an earlier try has submitted is taken up,
what it may have submitted is searched for, and what nobody can decide is not paid again unless the author
said so.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from airflow_provider_mj.gateway.errors import (
    Acceptance,
    GatewayDownError,
    GatewayError,
    GatewayUnreachableError,
    SearchFailedError,
    SubmissionUnknownError,
)
from airflow_provider_mj.gateway.jobs import digest, marker, with_extra
from airflow_provider_mj.gateway.reconcile import Reconciliation, Verdict, reconcile
from airflow_provider_mj.gateway.task import TaskStatus
from airflow_provider_mj.record import Record, Records, Step, next_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_mj.gateway.client import Submission
    from airflow_provider_mj.gateway.errors import QueueFullError
    from airflow_provider_mj.gateway.jobs import Job
    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.polling import Log

SEARCH_INTERVAL = 5.0
"""Seconds between two looks at a gateway's list for a submission whose answer was lost."""

PATIENCE = 3.0
"""Submit timeouts until a request can't be under way any more: a gateway may go on with one whose client has
given up."""

_QUEUE_FIRST, _QUEUE_MOST, _QUEUE_JITTER = 10.0, 120.0, 0.2


class Desk(Protocol):
    """What submitting needs of a hook."""

    @property
    def gateway(self) -> str:
        """The gateway's host and port."""

    @property
    def submit_timeout(self) -> float:
        """Seconds for which a submission may be under way."""

    def submit(self, action: str, body: Mapping[str, object], /) -> Submission:
        """Submit, once."""

    def list_newest(self) -> Sequence[Task]:
        """Give the tasks that the gateway lists without being told ids."""

    def look_alone(self, mj_task_id: str, /) -> Task | GatewayError:
        """Look at one task."""


@dataclass(kw_only=True)
class Submitter:
    """Submits the jobs of one Airflow task instance.

    :param desk: the hook.
    :param records: what earlier tries have written down, and where this one writes.
    :param identity: what names the task instance, without its try number.
    :param log: where lines go.
    :param is_first_try: whether there was no try before this one.
    :param own_state: the author's own ``state``; a submission that carries it can't be searched for.
    :param pay_if_unknown: whether to submit again where nobody can tell whether the first one arrived.
    :param answer_digest: of what a window of these jobs is answered with; "" for no answer.
    """

    desk: Desk
    records: Records
    identity: tuple[str | int, ...]
    log: Log
    is_first_try: bool
    own_state: str | None = None
    pay_if_unknown: bool = False
    answer_digest: Callable[[], str] = str
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    is_new: bool = field(default=False, init=False)
    """Whether what was returned last was submitted by this try, and not taken up."""

    def submit(self, job: Job) -> Record:
        """Submit a job, or take up what an earlier try has submitted.

        :param job: what to submit.
        :returns: the record of the submission, with the tasks that it made.
        :raises SubmissionUnknownError: when nobody can tell whether it was paid.
        :raises SubmissionError: when it was refused; nothing was paid.
        """
        job_digest, record = digest(job), self.records.load()
        is_known = self.records.outlives_tries or self.is_first_try
        # What a window is answered with may have pictures in it, which are read only where they decide.
        answer_digest = self.answer_digest() if record and record.answer_at else ""
        step = next_step(record, job_digest, answer_digest, is_known=is_known)
        if step is Step.SEARCH:
            return self._search_or_pay(job, record or self._newest_listed(job, job_digest))
        if step is Step.ATTACH and record is not None:
            self.is_new = False
            self.log.info("Taking up task %s, which an earlier try has submitted", _ids(record.mj_task_ids))
            return record
        if record is not None:
            self.log.info("What was submitted before had other parameters: this is a new submission")
        return self._pay(job, self._intent(job_digest), record)

    def submit_anew(self, job: Job, failed: Record) -> Record:
        """Submit a job once more whose task has failed.

        :param job: what to submit.
        :param failed: the record of the task that failed.
        """
        self.log.info("Task %s has failed: submitting anew", _ids(failed.mj_task_ids))
        return self._pay(job, self._intent(failed.digest, generation=failed.generation + 1), failed)

    def answer(self, job: Job, record: Record) -> Record:
        """Answer the window that a press has opened: once, whatever happens.

        :param job: the confirmation.
        :param record: the record of the press.
        :returns: the record, with the tasks to wait for.
        """
        if record.answer_at:
            return self._answered_before(job, record)
        call = self._call(job, self._state(f"{record.state}+answer"))
        intent = replace(record, answer_digest=self.answer_digest(), answer_at=self.now())
        self.records.save(intent)
        try:
            submission = self._post(call)
        except SubmissionUnknownError as error:
            return self._find_answer(job, intent, error)
        except GatewayError:
            self._put_back(record)
            raise
        return self._confirmed(intent, submission.results)

    def _answered_before(self, job: Job, record: Record) -> Record:
        """Find out whether an answer of an earlier try has arrived: then the task has gone on."""
        if self.pay_if_unknown:
            found = self._look(job, self._state(f"{record.state}+answer"), record.answer_at)
            if found.verdict is Verdict.FOUND:
                return self._confirmed(record, (found.mj_task_id,))
            return self.answer(job, replace(record, answer_at=0.0))
        unknown = SubmissionUnknownError(
            "an earlier try may have confirmed the window of this task, which still shows MODAL",
            gateway=self.desk.gateway,
            mj_task_id=record.mj_task_ids[0],
        )
        return self._find_answer(job, record, unknown)

    def _find_answer(self, job: Job, record: Record, unknown: SubmissionUnknownError) -> Record:
        found = self._look(job, self._state(f"{record.state}+answer"), record.answer_at)
        if found.verdict is Verdict.FOUND:
            return self._confirmed(record, (found.mj_task_id,))
        raise unknown

    def _confirmed(self, record: Record, mj_task_ids: Sequence[str]) -> Record:
        self.log.info("The window is confirmed, task %s goes on", _ids(mj_task_ids))
        confirmed = replace(record, mj_task_ids=tuple(mj_task_ids), is_window=False, is_confirmed=True)
        self._keep(confirmed)
        return confirmed

    def _intent(self, job_digest: str, *, generation: int = 0, intent_at: float | None = None) -> Record:
        state = marker(*self.identity, digest=job_digest, generation=generation)
        moment = self.now() if intent_at is None else intent_at
        return Record(digest=job_digest, state=state, intent_at=moment, generation=generation)

    def _pay(self, job: Job, intent: Record, before: Record | None = None) -> Record:
        """Submit; if nothing was paid, the record is again what it was before."""
        # All that can go wrong before anything is sent comes before the intent.
        call = self._call(job, self._state(intent.state))
        self.records.save(intent)
        try:
            submission = self._post(call)
        except SubmissionUnknownError as error:
            return self._settle(job, intent, before, error)
        except GatewayError:
            # It was refused, or never left: nothing was paid, and any try may submit.
            self._put_back(before)
            raise
        self.is_new = True
        return self._paid(intent, submission.results, is_window=submission.acceptance is Acceptance.CONFIRM)

    def _put_back(self, before: Record | None) -> None:
        try:
            if before is None:
                self.records.forget()
            else:
                self.records.save(before)
        except Exception as error:  # noqa: BLE001 (why it was refused matters more)
            self.log.warning(
                "That nothing was paid could not be written down (%s): the next try will not know",
                type(error).__name__,
            )

    def _call(self, job: Job, state: str) -> Job:
        self.log.info("Submitting %s to gateway %s, with state %s", job.action, self.desk.gateway, state)
        return with_extra(job, {"state": state})

    def _post(self, call: Job) -> Submission:
        return self.desk.submit(call.action, call.body)

    def _paid(self, intent: Record, mj_task_ids: Sequence[str], *, is_window: bool = False) -> Record:
        self.log.info("Gateway %s has task %s", self.desk.gateway, _ids(mj_task_ids))
        paid = replace(intent, mj_task_ids=tuple(mj_task_ids), is_window=is_window)
        self._keep(paid)
        return paid

    def _keep(self, record: Record) -> None:
        """Write down what was paid; if that fails, the log has it, and the wait goes on in this try."""
        try:
            self.records.save(record)
        except Exception as error:  # noqa: BLE001 (a picture that is paid for is not given up for it)
            self.log.warning(
                "Task %s could not be written down (%s), and a retry would not know of it: wait for this id",
                _ids(record.mj_task_ids),
                type(error).__name__,
            )

    def _newest_listed(self, job: Job, job_digest: str) -> Record:
        """Give a record to search for where none was kept: of the last submission that the list shows."""
        sought = self._intent(job_digest, intent_at=0.0)
        while True:
            later = self._intent(job_digest, generation=sought.generation + 1, intent_at=0.0)
            if self._look(job, self._state(later.state), 0.0).verdict is not Verdict.FOUND:
                return sought
            sought = later

    def _settle(
        self, job: Job, intent: Record, before: Record | None, error: SubmissionUnknownError
    ) -> Record:
        """Find out what became of a submission whose answer did not come, while its author still runs."""
        found = self._look(job, self._state(intent.state), intent.intent_at)
        if found.verdict is Verdict.FOUND:
            self.is_new = True
            return self._paid(intent, (found.mj_task_id,))
        if found.verdict is Verdict.ABSENT:
            self._put_back(before)
            what = "the submission did not arrive: its list of tasks reaches back beyond it, and lacks it"
            raise GatewayUnreachableError(what, gateway=self.desk.gateway) from error
        raise error

    def _search_or_pay(self, job: Job, sought: Record) -> Record:
        """Find what an earlier try may have submitted; pay again only if that is safe, or wanted."""
        found = self._look(job, self._state(sought.state), sought.intent_at)
        if found.verdict is Verdict.FOUND:
            self.is_new = False
            return self._paid(sought, (found.mj_task_id,))
        if found.verdict is Verdict.ABSENT:
            return self._pay(job, replace(sought, intent_at=self.now()))
        if self.pay_if_unknown:
            self.log.warning("An earlier try may have paid; paying again, as resubmit_if_unknown says")
            return self._pay(job, self._intent(sought.digest, generation=sought.generation + 1), sought)
        raise SubmissionUnknownError(
            f"an earlier try may have submitted this, with state {self._state(sought.state)}, and ended "
            "before it knew. If the gateway has such a task, wait for its id with MJTaskResultOperator; if "
            "not, set resubmit_if_unknown=True or delete the key mj_submission from this task's state store "
            "(Airflow 3.3 and later), and clear the task",
            gateway=self.desk.gateway,
        )

    def _look(self, job: Job, state: str, intent_at: float) -> Reconciliation:
        """Look for a submission until it can't be on its way any more."""
        patience = PATIENCE * self.desk.submit_timeout
        # A clock that was ahead when the intent was written must not make this wait for as long.
        over_at = min(intent_at, self.now()) + patience
        while True:
            is_last = self.now() >= over_at
            found = self._sought(job, state, intent_at, over_at)
            if found is None or found.verdict is not Verdict.UNKNOWN or is_last:
                return found or Reconciliation(Verdict.UNKNOWN)
            self.sleep(max(0.0, min(SEARCH_INTERVAL, over_at - self.now())))

    def _sought(self, job: Job, state: str, intent_at: float, over_at: float) -> Reconciliation | None:
        """Look once; None if looking again would tell no more."""
        if job.action == "modal":
            return self._sought_answer(str(job.body["taskId"]), state)
        return self._listed(state, intent_at, over_at)

    def _sought_answer(self, window: str, state: str) -> Reconciliation:
        """Tell from the task whether its window is answered.

        Gateways keep the press's state at an answered task, so a list that lacks the answer's proves nothing.
        """
        seen = self.desk.look_alone(window)
        if isinstance(seen, GatewayError):
            raise seen
        if seen.status not in (None, TaskStatus.MODAL):
            return Reconciliation(Verdict.FOUND, window)
        found = self._listed(state, 0.0, 0.0)
        return found if found and found.verdict is Verdict.FOUND else Reconciliation(Verdict.UNKNOWN)

    def _listed(self, state: str, intent_at: float, over_at: float) -> Reconciliation | None:
        """Tell from the gateway's list."""
        if self.own_state:
            return None
        # What is taken after the list was asked for need not be in it, however late the list comes.
        asked_at = self.now()
        try:
            tasks = self.desk.list_newest()
        except (GatewayUnreachableError, GatewayDownError) as error:
            if asked_at < over_at:
                return Reconciliation(Verdict.UNKNOWN)
            what = "its list of tasks, in which an earlier submission is looked for, can't be read"
            raise SearchFailedError(what, gateway=self.desk.gateway) from error
        except GatewayError as error:
            self.log.info("Gateway %s shows no list of tasks: %s", error.gateway, type(error).__name__)
            return None
        return reconcile(tasks, state, intent_at=intent_at, now=asked_at, grace=over_at - intent_at)

    def _state(self, state: str) -> str:
        return self.own_state or state


def queue_delay(
    attempt: int, error: QueueFullError, *, since: float, now: float, queue_timeout: float
) -> float | None:
    """Tell how long to wait before a full queue is tried again.

    :param attempt: how often it was tried before, from 0.
    :param error: the refusal; a Retry-After in it is kept to.
    :param since: when it was tried first, in epoch seconds.
    :param now: the time, in epoch seconds.
    :param queue_timeout: seconds to wait in all.
    :returns: seconds, 10 at first and twice as many each time up to 120, with jitter; None if time is up.
    """
    left = since + queue_timeout - now
    if left <= 0:
        return None
    backoff: float = min(_QUEUE_FIRST * 2 ** min(attempt, 10), _QUEUE_MOST)
    asked = max(backoff, error.retry_after or 0.0)
    jitter = 1 + _QUEUE_JITTER * random.random()  # noqa: S311 (no secret hangs on it)
    return min(asked * jitter, left)


def _ids(mj_task_ids: Sequence[str]) -> str:
    return ", ".join(mj_task_ids)
