"""The operator that publishes what became of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_mj.arguments import check_task_ids, seconds, task_ids
from airflow_provider_mj.deferring import WaitsMixin, check_event
from airflow_provider_mj.operators.publishing import publish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.polling import Watch


class MJTaskResultOperator(WaitsMixin, BaseOperator):
    """Publish a finished task: the whole of it as return value, ``imageUrl`` and ``buttons`` by themselves.

    Downstream, ``result.output["imageUrl"]`` is the picture's link. If the task is not finished, the operator
    waits for it, in its worker or in the triggerer. A task that is FAILURE or CANCEL or waits for a
    confirmation fails the operator without a retry, and so does one that stays unknown for half a minute.

    :param mj_task_id: the remote task (templated).
    :param mj_conn_id: id of the Airflow connection of type ``mj`` (templated).
    :param wait_for_completion: whether to wait; if not, a task that is still running is an error.
    :param poll_interval: seconds between two looks, above 0. Up to a fifth is added at random.
    :param timeout: seconds to wait in all, above 0. The task may still finish after it.
    :param deferrable: whether to wait in the triggerer after a first look.
    :param cancel_on_kill: whether to cancel the task at the gateway when a person marks the Airflow task as
        failed, skipped or succeeded while it waits. By default not, since it is paid for.
    """

    template_fields: Sequence[str] = ("mj_task_id", "mj_conn_id")

    def __init__(
        self,
        *,
        mj_task_id: str,
        mj_conn_id: str = "mj_default",
        wait_for_completion: bool = True,
        poll_interval: float | timedelta = 5.0,
        timeout: float | timedelta = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        cancel_on_kill: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_task_ids(mj_task_id, None)
        self.mj_task_id = mj_task_id
        self.mj_conn_id = mj_conn_id
        self.wait_for_completion = wait_for_completion
        self.poll_interval = seconds("poll_interval", poll_interval)
        self.timeout = seconds("timeout", timeout)
        self.deferrable = deferrable
        self.cancel_on_kill = cancel_on_kill

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait if need be, and publish.

        :returns: the task, as :meth:`.Task.to_dict` gives it.
        :raises TimeoutError: when the task was not finished in time; a retry waits for it again.
        """
        watch = self._begin()
        if self.deferrable and self.wait_for_completion:
            if watch.check() is not None:
                self._defer(watch)
        else:
            watch.block()
        return self._publish(watch, context)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None, started_at: float | None = None
    ) -> dict[str, Any]:
        """Publish what the triggerer has seen the end of, after a look of this worker's own; or go on."""
        watch = self._begin(started_at)
        check_event(event, watch.mj_task_ids)
        if watch.check() is not None:
            self._defer(watch)
        return self._publish(watch, context)

    def _begin(self, since: float | None = None) -> Watch:
        return self._start(
            task_ids(self.mj_task_id, None),
            timeout=self.timeout if self.wait_for_completion else 0.0,
            interval=self.poll_interval,
            since=since,
        )

    def _publish(self, watch: Watch, context: Context) -> dict[str, Any]:
        from airflow_provider_mj.polling import finish

        (task,) = finish(watch, on_timeout=TimeoutError)
        if task is None:
            raise RuntimeError("a finished task is always seen")
        if self.do_xcom_push:
            publish(context, [task])
        return task
