"""What all operators that submit have in common: connection, record, queue, windows, waiting, result."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_mj.arguments import seconds
from airflow_provider_mj.deferring import WaitsMixin, check_event
from airflow_provider_mj.operators.fields import unsealed
from airflow_provider_mj.operators.publishing import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.gateway.jobs import Job
    from airflow_provider_mj.polling import Watch
    from airflow_provider_mj.record import Record
    from airflow_provider_mj.submitting import Submitter


_SHORT = 5.0  # seconds that are not worth a deferral


class MJSubmitOperator(WaitsMixin, BaseOperator):
    """Submit a job to a gateway, pay for it at most once, wait for it, and publish the task.

    On Airflow 3.3 and later a record outlives retries, clears and dead workers: a later try takes up the task
    that an earlier one has submitted. Where it can't know whether a submission arrived, it looks into the
    gateway's list of tasks, and if that does not tell it fails without paying again. Before 3.3 there is no
    record: a retry then searches, or fails.

    A subclass gives the job in :meth:`build_job`.

    :param mj_conn_id: id of the Airflow connection of type ``mj`` (templated).
    :param wait_for_completion: whether to wait; if not, the return value is the id of the task.
    :param poll_interval: seconds between two looks, above 0. Up to a fifth is added at random.
    :param timeout: seconds to wait in all, above 0. The task may still finish after it: a retry, or any
        operator with its id, collects it.
    :param deferrable: whether to wait in the triggerer after a first look.
    :param cancel_on_kill: whether to cancel the task at the gateway when the Airflow task is ended. By
        default not, since it is paid for, a later try takes it up, and Airflow ends a task in the same way
        when its machine is taken away.
    :param queue_timeout: seconds to wait for a place in the gateway's queue, above 0, before the try fails.
    :param resubmit_if_unknown: whether to submit again where nobody can tell whether a try has paid.
    :param resubmit_on_failure: whether a retry, or a cleared task, submits again what ended as FAILURE,
        unless that was moderation.
    :param state: text of your own that the gateway echoes (templated), at most 255 characters. It takes the
        place of the mark by which a lost submission is searched for.
    :param extra_body: what else the gateway takes in the body, such as ``accountFilter`` (templated).
    :param max_image_side: pixels to which the longer side of pictures is reduced; needs Pillow.
    """

    template_fields: Sequence[str] = ("mj_conn_id", "state", "extra_body")

    def __init__(
        self,
        *,
        mj_conn_id: str = "mj_default",
        wait_for_completion: bool = True,
        poll_interval: float | timedelta = 5.0,
        timeout: float | timedelta = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        cancel_on_kill: bool = False,
        queue_timeout: float | timedelta = 3600.0,
        resubmit_if_unknown: bool = False,
        resubmit_on_failure: bool = False,
        state: str | None = None,
        extra_body: dict[str, Any] | None = None,
        max_image_side: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mj_conn_id = mj_conn_id
        self.wait_for_completion = wait_for_completion
        self.poll_interval = seconds("poll_interval", poll_interval)
        self.timeout = seconds("timeout", timeout)
        self.deferrable = deferrable
        self.cancel_on_kill = cancel_on_kill
        self.queue_timeout = seconds("queue_timeout", queue_timeout)
        self.resubmit_if_unknown = resubmit_if_unknown
        self.resubmit_on_failure = resubmit_on_failure
        self.state = state
        self.extra_body = extra_body
        self.max_image_side = max_image_side

    def build_job(self) -> Job:
        """Give what is submitted. It is called in each try, and must give the same for the same arguments.

        :raises ValueError: when an argument can't be right; no retry follows, and nothing is paid.
        """
        raise NotImplementedError

    def result(self, context: Context, tasks: Sequence[dict[str, Any]]) -> Any:
        """Give the return value, and push other XComs.

        :param tasks: the finished tasks, one except for a press that starts several.
        """
        return publish(context, tasks) if self.do_xcom_push else None

    def answer_digest(self) -> str:
        """Name what a window is answered with; "" where there is no answer."""
        return ""

    def answer_window(self, record: Record) -> Job:
        """Give the answer to the window that the job has opened.

        :param record: of the job; its task waits for the answer.
        """
        raise AirflowFailException(
            f"task {record.mj_task_ids[0]} at gateway {self.hook.gateway} waits for a confirmation (status "
            "MODAL), and this operator has no answer. It is paid for: answer it with MJModalOperator."
        )

    def execute(self, context: Context) -> Any:
        """Submit, wait, publish.

        :returns: the task, as :meth:`.Task.to_dict` gives it; its id if not ``wait_for_completion``.
        :raises AirflowFailException: for what no retry can mend.
        :raises TimeoutError: when the task was not finished in time.
        """
        return self._run(context, time.time(), 0)

    def execute_queued(
        self,
        context: Context,
        event: Any = None,  # noqa: ARG002 (Airflow passes it)
        *,
        queued_since: float,
        attempt: int,
        record: dict[str, Any] | None = None,
    ) -> Any:
        """Submit again after the gateway's queue was full."""
        return self._run(context, queued_since, attempt, record)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None, started_at: float, record: dict[str, Any]
    ) -> Any:
        """End what the triggerer has seen the end of, after a look of this worker's own."""
        from airflow_provider_mj.record import Record

        submitted = Record.from_dict(record)
        check_event(event, submitted.mj_task_ids)
        watch = self._watch_for(submitted, since=started_at)
        watch.block()
        return self._go_on(context, self._submitter(context), submitted, watch)

    def _run(
        self,
        context: Context,
        queued_since: float,
        attempt: int,
        carried: dict[str, Any] | None = None,
    ) -> Any:
        queue = partial(self._through_queue, queued_since=queued_since, attempt=attempt)
        # The job first: a decorated function gives the state, too.
        job, submitter = self._checked_job(context), self._submitter(context, carried)
        record = queue(partial(submitter.submit, job))
        if record.is_window:
            record = queue(partial(self._answered, submitter, record))
        if not self.wait_for_completion:
            return list(record.mj_task_ids) if len(record.mj_task_ids) > 1 else record.mj_task_ids[0]
        watch = self._watch_for(record)
        is_over = watch.check() is None
        if is_over and not submitter.is_new and self.resubmit_on_failure and _has_failed(watch):
            record = queue(partial(submitter.submit_anew, job, record))
            watch = self._watch_for(record)
            watch.check()
        return self._go_on(context, submitter, record, watch)

    def _go_on(self, context: Context, submitter: Submitter, record: Record, watch: Watch) -> Any:
        """Wait to the end, here or in the triggerer, and answer a window that opens meanwhile."""
        from airflow_provider_mj.gateway.waiting import Outcome

        self._wait(watch, record)
        if Outcome.NEEDS_INPUT in watch.outcomes and not record.is_confirmed and self.answer_digest():
            # Behind new-api a press is answered as if no window had opened; only the status tells.
            answer = partial(self._answered, submitter, record)
            record = self._through_queue(answer, queued_since=time.time(), attempt=0)
            watch = self._watch_for(record)
            watch.check()
            self._wait(watch, record)
        return self.result(context, self._finished(watch))

    def _wait(self, watch: Watch, record: Record) -> None:
        if watch.is_over:
            return
        if self.deferrable:
            self._defer(watch, record=record.to_dict())
        watch.block()

    def _finished(self, watch: Watch) -> list[dict[str, Any]]:
        from airflow_provider_mj.polling import finish

        try:
            return [task for task in finish(watch, on_timeout=TimeoutError) if task is not None]
        except AirflowFailException as error:
            if not _has_failed(watch):
                raise
            if self.resubmit_on_failure:
                raise RuntimeError(f"{error} A retry submits it anew, as resubmit_on_failure says.") from None
            raise AirflowFailException(
                f"{error} From Airflow 3.3 on, a retry or a clear does so only with resubmit_on_failure=True."
            ) from None

    def _watch_for(self, record: Record, since: float | None = None) -> Watch:
        return self._start(
            record.mj_task_ids,
            timeout=self.timeout,
            interval=self.poll_interval,
            since=since,
            # What is paid for is not given up because its gateway is down just now.
            answered=True,
            confirmed=record.is_confirmed,
        )

    def _submitter(self, context: Context, carried: dict[str, Any] | None = None) -> Submitter:
        from airflow_provider_mj.record import Records
        from airflow_provider_mj.submitting import Submitter

        ti = context["ti"]
        self._records = Records(context.get("task_state_store"), carried)
        return Submitter(
            desk=self.hook,
            records=self._records,
            identity=(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index),
            log=self.log,
            # Clearing a task raises max_tries, so that its next try is a first one again.
            is_first_try=ti.try_number <= ti.max_tries - (self.retries or 0) + 1,
            own_state=self.state or None,
            pay_if_unknown=self.resubmit_if_unknown,
            answer_digest=self.answer_digest,
        )

    def _checked_job(self, context: Context) -> Job:
        from airflow_provider_mj.gateway.download import DownloadError
        from airflow_provider_mj.gateway.errors import GatewayError
        from airflow_provider_mj.gateway.jobs import with_extra
        from airflow_provider_mj.images import ImageInputError
        from airflow_provider_mj.polling import airflow_error

        try:
            job = self.build_job()
            job = with_extra(job, self.extra_body) if self.extra_body else job
            with_extra(job, {"state": self.state or ""})  # what is wrong with it must be said before paying
        except ImageInputError:
            raise  # a file may be there at the next try
        except GatewayError as error:
            raise airflow_error(error) from error
        except (ValueError, DownloadError) as error:
            if getattr(error, "retry_helps", False):
                raise
            raise AirflowFailException(f"{error} ({_paid_before(context)})") from error
        return job

    def _answered(self, submitter: Submitter, record: Record) -> Record:
        return submitter.answer(self.answer_window(record), record)

    def _through_queue(self, call: Callable[[], Record], *, queued_since: float, attempt: int) -> Record:
        """Call until the gateway has a place in its queue; nothing is paid meanwhile, no retry is used."""
        from airflow_provider_mj.gateway.errors import GatewayError, QueueFullError, SubmissionUnknownError
        from airflow_provider_mj.polling import airflow_error
        from airflow_provider_mj.submitting import queue_delay

        while True:
            try:
                return call()
            except QueueFullError as error:
                now = time.time()
                delay = queue_delay(
                    attempt, error, since=queued_since, now=now, queue_timeout=self.queue_timeout
                )
                if delay is None:
                    raise
                attempt += 1
                self.log.info("%s Trying again in %.0f s", error, delay)
                # Airflow loses tasks whose trigger fires at once.
                if self.deferrable and delay > _SHORT:
                    self._defer_until(
                        now + delay,
                        queued_since=queued_since,
                        attempt=attempt,
                        record=self._records.carried,
                    )
                time.sleep(delay)
            except GatewayError as error:
                if self.resubmit_if_unknown and isinstance(error, SubmissionUnknownError):
                    raise  # a retry pays again, as the author said
                raise airflow_error(error) from error

    def _defer_until(self, moment: float, **kwargs: Any) -> NoReturn:
        """Give the worker back until then. Only a worker submits: a trigger may run twice."""
        try:
            temporal = import_module("airflow.providers.standard.triggers.temporal")
        except ImportError:  # Airflow 2 without the standard provider
            temporal = import_module("airflow.triggers.temporal")
        trigger = temporal.DateTimeTrigger(moment=datetime.fromtimestamp(moment, UTC))
        self.defer(trigger=trigger, method_name="execute_queued", kwargs=kwargs)

    def _prompt(self, prompt: str) -> str:
        """Mend a prompt where gateways are known to stumble over it."""
        from airflow_provider_mj.gateway.prompts import clean_prompt

        clean = clean_prompt(prompt)
        if clean.changes:
            self.log.info("The prompt was mended: %s", "; ".join(clean.changes))
        return clean.text

    def _pictures(self, sealed: Any) -> list[str]:
        """Give pictures in the form that every gateway takes."""
        from airflow_provider_mj.operators.pictures import data_uris

        return data_uris(unsealed(sealed), self.hook, self.max_image_side)

    def _picture(self, sealed: Any) -> str | None:
        return next(iter(self._pictures([sealed])), None) if sealed is not None else None


def _paid_before(context: Context) -> str:
    """Say what a try that submits nothing means for money already spent."""
    from airflow_provider_mj.record import Records

    record = Records(context.get("task_state_store")).load()
    if record is None or not record.mj_task_ids:
        return "nothing was submitted"
    ids = ", ".join(record.mj_task_ids)
    return f"this try submits nothing; {ids} of an earlier try is paid for: MJTaskResultOperator collects it"


def _has_failed(watch: Watch) -> bool:
    """Tell whether everything that did not succeed ended as FAILURE, and submitting it anew may help."""
    from airflow_provider_mj.gateway.errors import is_banned
    from airflow_provider_mj.gateway.waiting import Outcome

    ends = [stop for stop in watch.stops.values() if stop.outcome is not Outcome.SUCCESS]
    return bool(ends) and all(
        stop.outcome is Outcome.FAILURE and not is_banned(stop.task.fail_reason if stop.task else None)
        for stop in ends
    )
