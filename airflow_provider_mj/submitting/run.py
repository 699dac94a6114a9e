"""One try of a submission: it submits or takes up, answers windows, waits, resubmits, finishes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_mj.deferring import check_event
from airflow_provider_mj.gateway.download import DownloadError
from airflow_provider_mj.gateway.errors import (
    GatewayError,
    QueueFullError,
    SubmissionUnknownError,
)
from airflow_provider_mj.gateway.jobs import with_extra
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.gateway.waiting import NOT_FOUND_GRACE, Outcome
from airflow_provider_mj.images import ImageInputError
from airflow_provider_mj.polling import airflow_error, finish
from airflow_provider_mj.submitting import tries
from airflow_provider_mj.submitting.desk import Submitted
from airflow_provider_mj.submitting.ends import OwnTasks, may_go_better, uploaded
from airflow_provider_mj.submitting.marks import own_text
from airflow_provider_mj.submitting.queue import queue_delay
from airflow_provider_mj.submitting.record import Record, Records, payload_digest
from airflow_provider_mj.submitting.submitter import Submitter
from airflow_provider_mj.submitting.wishes import Wish
from airflow_provider_mj.submitting.words import what

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.gateway.jobs import Job
    from airflow_provider_mj.operators.base import MJSubmitOperator
    from airflow_provider_mj.polling import Watch

_T = TypeVar("_T")
_SHORT = 5.0  # seconds that are not worth a deferral


class Run:
    """One try of a submission.

    :param operator: whose wish it is.
    :param context: Airflow's.
    :param carried: the record that an earlier process of the same try has handed over.
    :param queued_since: since when this try waits for a place in the gateway's queue, in epoch seconds.
    :param attempt: how often it has tried to get one.
    """

    def __init__(
        self,
        operator: MJSubmitOperator,
        context: Context,
        *,
        carried: Mapping[str, Any] | None = None,
        queued_since: float | None = None,
        attempt: int = 0,
    ) -> None:
        self._operator, self._context, self._log = operator, context, operator.log
        self._carried, self._is_resumed = carried, queued_since is not None or carried is not None
        self._number = 0 if self._is_resumed else tries.claims(context["ti"]).begin(operator)
        self._records = Records(context.get("task_state_store"), carried)
        self._queued_since = time.time() if queued_since is None else queued_since
        self._attempt = attempt

    def perform(self) -> Any:
        """Submit or take up, answer a window, wait.

        :returns: what the operator returns.
        """
        try:
            return self._perform()
        except Exception:
            tries.claims(self._context["ti"]).release(self._owner)
            raise

    def _perform(self) -> Any:
        if tries.forgets_on_success():
            self._log.warning(
                "Airflow is set to delete what is written down when a task succeeds ([state_store] "
                "clear_on_success): clearing this task then pays again, even if nothing has changed"
            )
        submitted = self._submit()
        if self._operator.wait_for_completion and not submitted.record.addresses:
            return self._wait(submitted, self._watch(submitted.record))
        return self._without_waiting(submitted)

    def resume(
        self, event: dict[str, Any] | None, started_at: float | None, *, is_new: bool, is_asked_again: bool
    ) -> Any:
        """Go on after the triggerer has seen the end.

        :param event: what it has told.
        :param started_at: when the wait began, in epoch seconds; None where that was not handed over.
        :param is_new: whether this try has submitted what it waits for.
        :param is_asked_again: whether a person has cleared the task since it was submitted.
        :returns: what the operator returns.
        """
        record = Record.from_dict(self._carried) if self._carried else self._records.of_event(event)
        submitted = Submitted(record, is_new=is_new, is_asked_again=is_asked_again)
        check_event(event, submitted.record.mj_task_ids)
        self._write_down(submitted.record)
        # Where a look of this worker's own shows no end, it goes back to the triggerer.
        return self._wait(submitted, self._watch(submitted.record, since=started_at))

    def _without_waiting(self, submitted: Submitted) -> Any:
        if self._operator.resubmit_on_failure and not submitted.is_new and submitted.record.mj_task_ids:
            submitted = self._renewed_if_failed(submitted)
        self._records_flushed()
        if submitted.record.addresses:
            return uploaded(submitted.record, is_new=submitted.is_new)
        ids = submitted.record.mj_task_ids
        return list(ids) if len(ids) > 1 else ids[0]

    def _submit(self) -> Submitted:
        submitted = self._through_queue(lambda: self._submitter.submit(self._build))
        return self._answered(submitted) if submitted.record.is_window else submitted

    def _answered(self, submitted: Submitted) -> Submitted:
        record = self._through_queue(lambda: self._submitter.answer(self._build_answer, submitted))
        return replace(submitted, record=record)

    def _renewed(self, submitted: Submitted) -> Submitted:
        renewed = self._through_queue(lambda: self._submitter.submit_anew(self._build, submitted.record))
        return self._answered(renewed) if renewed.record.is_window else renewed

    def _renewed_if_failed(self, submitted: Submitted) -> Submitted:
        # It was submitted long ago: that the gateway does not know it is no "not yet".
        watch = self._watch(submitted.record, since=time.time() - NOT_FOUND_GRACE)
        watch.check()
        is_over = watch.settle() is None
        return self._renewed(submitted) if is_over and self._may_renew(submitted, watch) else submitted

    def _wait(self, submitted: Submitted, watch: Watch) -> Any:
        """Wait to the end, here or in the triggerer; answer a window that opens meanwhile, or submit anew."""
        while True:
            self._wait_for(watch, submitted)
            if Outcome.NEEDS_INPUT in watch.outcomes and self._can_answer(submitted.record):
                # Behind new-api a press is answered as if no window had opened; only the status tells.
                self._queued_since, self._attempt = time.time(), 0
                submitted = self._answered(submitted)
            elif self._may_renew(submitted, watch):
                submitted = self._renewed(submitted)
            else:
                return self._end(submitted, watch)
            watch = self._watch(submitted.record)

    def _wait_for(self, watch: Watch, submitted: Submitted) -> None:
        if watch.is_over or watch.check() is None:
            return
        if self._may_defer:
            self._records_flushed()
            told = {"is_new": submitted.is_new, "is_asked_again": submitted.is_asked_again}
            self._operator._defer(watch, record=submitted.record.to_dict(), **told)
        watch.block()

    @property
    def _may_defer(self) -> bool:
        # What is executed inside another task has nobody who would resume it.
        return self._operator.deferrable and not tries.is_inside(self._operator, self._context["ti"])

    def _can_answer(self, record: Record) -> bool:
        return not record.is_confirmed and self._operator.answers_with is not None

    def _may_renew(self, submitted: Submitted, watch: Watch) -> bool:
        """Tell whether to submit again what has ended without a picture."""
        if submitted.is_new or not self._operator.resubmit_on_failure or not may_go_better(watch):
            return False
        if self._submitter.is_elsewhere(submitted.record) or not self._records.outlives_tries:
            return False
        pictures = sum(outcome is Outcome.SUCCESS for outcome in watch.outcomes)
        if pictures and submitted.is_asked_again:
            self._log.warning(
                "%d of %d tasks have succeeded, and this clear submits all of them anew, which is paid for",
                pictures,
                len(watch.outcomes),
            )
        return not pictures or submitted.is_asked_again

    def _end(self, submitted: Submitted, watch: Watch) -> Any:
        self._records_flushed()
        try:
            tasks = [task for task in finish(watch, on_timeout=TimeoutError) if task is not None]
        except AirflowFailException as error:
            self._publish_what_succeeded(watch)
            raise self._failure(submitted, watch, error) from None
        if self._operator.answers_with is not None and not submitted.record.is_confirmed:
            self._log.warning(
                "No window has opened for task %s, so that `modal` was not used", tasks[0]["id"]
            )
        return self._operator.result(self._context, tasks)

    def _publish_what_succeeded(self, watch: Watch) -> None:
        succeeded = [
            task.to_dict()
            for one, task in watch.tasks.items()
            if one in watch.stops and watch.stops[one].outcome is Outcome.SUCCESS
        ]
        if succeeded:
            self._operator.publish_part(self._context, succeeded)

    def _failure(self, submitted: Submitted, watch: Watch, error: Exception) -> Exception:
        """Say what to do about an end without a picture."""
        if self._submitter.is_elsewhere(submitted.record):
            return AirflowFailException(
                f"{error} It was submitted at gateway {quote(submitted.record.gateway)}, and the connection "
                f"{self._operator.mj_conn_id} leads to another one now: let it lead there again, and clear "
                "the task."
            )
        if not may_go_better(watch):
            return error
        pictures = sum(outcome is Outcome.SUCCESS for outcome in watch.outcomes)
        if pictures:
            return AirflowFailException(
                f"{error} What succeeded is published. With resubmit_on_failure=True, from Airflow 3.3 on, a "
                f"clear submits all {len(watch.outcomes)} anew, and pays for all of them."
            )
        if self._operator.resubmit_on_failure and self._records.outlives_tries:
            return RuntimeError(f"{error} A retry submits it anew, as resubmit_on_failure says.")
        return AirflowFailException(
            f"{error} To have it drawn anew, which is paid for, set resubmit_on_failure=True and clear the "
            "task (Airflow 3.3 and later)."
        )

    def _watch(self, record: Record, since: float | None = None) -> Watch:
        watch = self._operator._start(
            record.mj_task_ids,
            timeout=self._operator.timeout,
            interval=self._operator.poll_interval,
            since=since,
            # What is paid for is not given up because its gateway is down just now.
            answered=True,
            # An answered window may go on showing MODAL while it is in the queue.
            confirmed=record.is_confirmed or bool(self._operator.window),
        )
        watch.source = OwnTasks(
            watch.source, self._records_flushed, record, self._submitter.is_elsewhere(record)
        )
        return watch

    @property
    def _owner(self) -> str:
        # Each execution inside is of its own; an own operator is the same one again.
        is_inside = tries.is_inside(self._operator, self._context["ti"])
        return f"{self._operator.task_id} {self._number}" if is_inside else str(self._operator.task_id)

    @cached_property
    def _submitter(self) -> Submitter:
        operator, ti = self._operator, self._context["ti"]
        claims = tries.claims(ti)
        is_inside = tries.is_inside(operator, ti)
        name = operator.task_id if is_inside else ""
        # The tries are those of the Airflow task.
        retries = getattr(ti.task if is_inside else operator, "retries", ti.max_tries) or 0
        wish = Wish(
            arguments=lambda: self._arguments,
            place=lambda arguments: claims.place(name, arguments, self._owner) if is_inside else 0,
            answer=operator.answer_digest,
            payload=lambda: payload_digest(self._build()),
            answer_before=operator.answer_digest_before,
            operator=name,
            is_repeated=claims.is_repeated(operator),
            window=operator.window,
        )
        return Submitter(
            desk=operator.hook,
            records=self._records,
            identity=tries.identity(self._context),
            wish=wish,
            a_try=tries.this_try(self._context, retries, is_resumed=self._is_resumed),
            log=self._log,
            taken=claims.taken,
            released=claims.released,
            owner=self._owner,
            own_state=self._own_state,
            pay_if_unknown=operator.resubmit_if_unknown,
        )

    @cached_property
    def _prepared(self) -> MJSubmitOperator:
        with self._naming_what_is_paid():
            self._operator.prepare(self._context)
        return self._operator

    @cached_property
    def _arguments(self) -> str:
        operator = self._prepared
        with self._naming_what_is_paid():
            return operator.arguments_digest()

    def _own_state(self) -> str | None:
        return self._prepared.state or None

    def _build(self) -> Job:
        operator = self._prepared
        with self._naming_what_is_paid():
            job = operator.build_job()
            job = with_extra(job, operator.extra_body) if operator.extra_body else job
            # What is wrong with it is said before anything is paid.
            with_extra(job, {"state": own_text(operator.state)})
            return job

    def _build_answer(self, window: str) -> Job:
        with self._naming_what_is_paid():
            return self._operator.answer_window(window)

    @contextmanager
    def _naming_what_is_paid(self) -> Iterator[None]:
        """Turn what goes wrong before anything is sent into Airflow's, and tell what is paid all the same."""
        try:
            yield
        except (GatewayError, AirflowFailException):
            raise
        except Exception as error:
            if not isinstance(error, ValueError | DownloadError) or _retry_helps(error):
                error.add_note(f"({self._paid_before()})")
                if ids := self._submitter.known_ids():
                    self._log.warning("This try submits nothing; paid for before: %s", ", ".join(ids))
                raise
            raise AirflowFailException(f"{error} ({self._paid_before()})") from error

    def _paid_before(self) -> str:
        """Say what a try that submits nothing means for money already spent."""
        if not (ids := self._submitter.known_ids()):
            return "nothing was submitted"
        return (
            f"this try submits nothing; {', '.join(ids)} of an earlier try is paid for: "
            "MJTaskResultOperator collects it"
        )

    def _through_queue(self, call: Callable[[], _T]) -> _T:
        """Call until the gateway has a place in its queue; nothing is paid meanwhile, no retry is used."""
        while True:
            try:
                return call()
            except QueueFullError as error:
                self._wait_for_place(error)
            except GatewayError as error:
                if self._operator.resubmit_if_unknown and isinstance(error, SubmissionUnknownError):
                    raise  # a retry pays again, as the author said
                raise airflow_error(error) from error

    def _wait_for_place(self, error: QueueFullError) -> None:
        now, timeout = time.time(), self._operator.queue_timeout
        delay = queue_delay(self._attempt, error, since=self._queued_since, now=now, queue_timeout=timeout)
        if delay is None:
            raise error
        self._attempt += 1
        self._log.info("%s Trying again in %.0f s", error, delay)
        # Airflow loses tasks whose trigger fires at once.
        if self._may_defer and delay > _SHORT:
            self._defer_until(now + delay)
        time.sleep(delay)

    def _defer_until(self, moment: float) -> NoReturn:
        """Give the worker back until then. Only a worker submits: a trigger may run twice."""
        try:
            temporal = import_module("airflow.providers.standard.triggers.temporal")
        except ImportError:  # Airflow 2 without the standard provider
            temporal = import_module("airflow.triggers.temporal")
        self._operator.defer(
            trigger=temporal.DateTimeTrigger(moment=datetime.fromtimestamp(moment, UTC)),
            method_name="execute_queued",
            kwargs={
                "queued_since": self._queued_since,
                "attempt": self._attempt,
                "record": self._records.carried(),
            },
        )

    def _write_down(self, record: Record) -> None:
        """See that a record of an earlier process is in the store, which may have failed it."""
        if not record.state or not self._records.outlives_tries or self._records.known_beside(record):
            return
        try:
            self._records.save(record)
        except Exception as error:  # noqa: BLE001 (a picture that is paid for is not given up for it)
            self._log.warning("%s could not be written down (%s)", what(record), type(error).__name__)

    def _records_flushed(self) -> None:
        if self._records.has_unwritten:
            try:
                self._records.flush()
            except Exception as error:  # noqa: BLE001 (there will be another occasion)
                self._log.info("What is paid can't be written down yet (%s)", type(error).__name__)


def _retry_helps(error: Exception) -> bool:
    # A file may be there at the next try.
    return isinstance(error, ImageInputError) or bool(getattr(error, "retry_helps", False))
