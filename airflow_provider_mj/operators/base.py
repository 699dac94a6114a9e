"""What all operators that submit have in common: connection, record, queue, windows, waiting, result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_mj.arguments import seconds
from airflow_provider_mj.deferring import WaitsMixin
from airflow_provider_mj.operators.fields import as_written, unsealed
from airflow_provider_mj.operators.publishing import publish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.gateway.jobs import Job
    from airflow_provider_mj.submitting.run import Run


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
    drawn_by: ClassVar[Sequence[str]] = ()
    """The arguments that say what is drawn; by default the templated ones that a subclass adds."""

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

    @property
    def asked_for(self) -> dict[str, Any]:
        """What is to be drawn, as the author has written it: a retry is not compared, a clear is by this."""
        base = MJSubmitOperator.template_fields
        names = self.drawn_by or [name for name in self.template_fields if name not in base]
        extra = self.extra_body
        if isinstance(extra, Mapping):
            from airflow_provider_mj.gateway.jobs import NOT_DRAWN

            extra = {key: value for key, value in extra.items() if key not in NOT_DRAWN}
        drawn = {name: getattr(self, name) for name in (*names, "max_image_side")}
        return {"operator": type(self).__name__, **drawn, "extra_body": extra or None}

    def arguments_digest(self) -> str:
        """Name what is to be drawn, so that it is known again."""
        return _digest(self.asked_for)

    @property
    def window(self) -> str:
        """The task whose window is answered by what is submitted; "" where it answers none."""
        return ""

    @property
    def answers_with(self) -> Any:
        """What a window is to be answered with, as the author has written it; None for no answer."""
        return None

    def answer_digest(self) -> str:
        """Name what a window is to be answered with; "" for no answer."""
        return "" if self.answers_with is None else _digest(self.answers_with)

    def answer_digest_before(self) -> str:
        """Name it as the release before has written it down."""
        return ""

    def prepare(self, context: Context) -> None:
        """Find out what is to be drawn, where that takes more than the arguments."""

    def build_job(self) -> Job:
        """Give what is submitted. It is called only where something is: a retry takes up what was.

        :raises ValueError: when an argument can't be right; no retry follows, and nothing is paid.
        """
        raise NotImplementedError

    def result(self, context: Context, tasks: Sequence[dict[str, Any]]) -> Any:
        """Give the return value, and push other XComs.

        :param tasks: the finished tasks, one except for a press that starts several.
        """
        return publish(context, tasks) if self.do_xcom_push else None

    def publish_part(self, context: Context, tasks: Sequence[dict[str, Any]]) -> None:
        """Push what succeeded of several tasks where others did not, and the operator fails."""
        if self.do_xcom_push:
            publish(context, tasks)
            context["ti"].xcom_push(key="return_value", value=list(tasks))

    def answer_window(self, window: str) -> Job:
        """Give the answer to the window that the job has opened.

        :param window: the task that waits for the answer.
        """
        raise AirflowFailException(
            f"task {window} at gateway {self.hook.gateway} waits for a confirmation (status MODAL), and this "
            "operator has no answer. It is paid for: answer it with MJModalOperator, and clear this task, "
            "which then goes on with it."
        )

    def execute(self, context: Context) -> Any:
        """Submit, wait, publish.

        :returns: the task, as :meth:`.Task.to_dict` gives it; its id if not ``wait_for_completion``.
        :raises AirflowFailException: for what no retry can mend.
        :raises TimeoutError: when the task was not finished in time.
        """
        return self._run(context).perform()

    def execute_queued(
        self,
        context: Context,
        event: Any = None,  # noqa: ARG002 (Airflow passes it)
        *,
        queued_since: float | None = None,
        attempt: int = 0,
        record: dict[str, Any] | None = None,
    ) -> Any:
        """Submit again after the gateway's queue was full."""
        return self._run(context, carried=record, queued_since=queued_since, attempt=attempt).perform()

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None,
        started_at: float | None = None,
        record: dict[str, Any] | None = None,
        *,
        is_new: bool = True,
        is_asked_again: bool = False,
    ) -> Any:
        """End what the triggerer has seen the end of, after a look of this worker's own.

        ``dag.test()`` passes the event alone: then what is written down tells the rest.
        """
        run = self._run(context, carried=record)
        return run.resume(event, started_at, is_new=is_new, is_asked_again=is_asked_again)

    def _run(self, context: Context, **carried: Any) -> Run:
        from airflow_provider_mj.submitting.run import Run

        return Run(self, context, **carried)

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


def _digest(arguments: Any) -> str:
    """Name arguments, so that they are known again."""
    from airflow_provider_mj.submitting.marks import digest

    return digest(as_written(arguments))
