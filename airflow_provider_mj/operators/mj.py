"""The operator that publishes what became of a task."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_mj.arguments import check_task_id, seconds
from airflow_provider_mj.gateway.ids import valid_task_id
from airflow_provider_mj.gateway.waiting import Wait
from airflow_provider_mj.polling import Watch, finish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.hooks.mj import MJHook

PUBLISHED = ("imageUrl", "buttons")
"""Keys of the task that have an XCom of their own."""


class MJTaskResultOperator(BaseOperator):
    """Publish a finished task: the whole of it as return value, ``imageUrl`` and ``buttons`` by themselves.

    Downstream, ``result.output["imageUrl"]`` is the picture's link. If the task is not finished, the operator
    waits for it in its worker; put an :class:`~airflow_provider_mj.sensors.mj.MJTaskSensor` before it to wait
    without one. A task that is FAILURE or CANCEL, waits for a confirmation, or is not known fails the
    operator without a retry.

    :param mj_task_id: the remote task (templated).
    :param mj_conn_id: id of the Airflow connection of type ``mj`` (templated).
    :param wait_for_completion: whether to wait; if not, a task that is still running is an error.
    :param poll_interval: seconds between two looks, above 0. Up to a fifth is added at random.
    :param timeout: seconds to wait in all, above 0. The task may still finish after it.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_task_id(mj_task_id)
        self.mj_task_id = mj_task_id
        self.mj_conn_id = mj_conn_id
        self.wait_for_completion = wait_for_completion
        self.poll_interval = seconds("poll_interval", poll_interval)
        self.timeout = seconds("timeout", timeout)

    @cached_property
    def hook(self) -> MJHook:
        """The hook of the connection."""
        from airflow_provider_mj.hooks.mj import MJHook

        return MJHook(self.mj_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait if need be, and publish.

        :returns: the task, as :meth:`.Task.to_dict` gives it.
        :raises TimeoutError: when the task was not finished in time; a retry waits for it again.
        """
        task = finish(self._begin().block(), on_timeout=TimeoutError)
        if self.do_xcom_push:
            for key in PUBLISHED:
                context["ti"].xcom_push(key=key, value=task[key])
        return task

    def _begin(self) -> Watch:
        now = time.time()
        wait = Wait(
            mj_task_id=valid_task_id(self.mj_task_id),
            gateway=self.hook.gateway,
            started_at=now,
            deadline=now + self.timeout if self.wait_for_completion else now,
            interval=self.poll_interval,
        )
        return Watch(wait, self.hook, self.log)
