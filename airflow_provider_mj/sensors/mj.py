"""The sensor that waits for tasks at a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_mj.arguments import check_count, check_task_ids, seconds, task_ids
from airflow_provider_mj.deferring import WaitsMixin, check_event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.polling import Watch

POKE_INTERVAL = 5.0
"""Seconds between two looks in one process; gateways advise 3 to 5."""

RESCHEDULE_INTERVAL = 20.0
"""Seconds between two looks that each start a process."""

# Right after each look the base class compares the clock with the timeout itself, and its message would name
# neither the task nor what becomes of it: our deadline comes this many seconds before.
_AHEAD = 1.0


class MJTaskSensor(WaitsMixin, BaseSensorOperator):
    """Wait until a task at a gateway is finished, or several; the XCom is the task, or their list.

    It ends with success when the task's status is SUCCESS. It fails at once, without a retry, when the task
    is FAILURE or CANCEL, when it waits for a confirmation (MODAL), or when the first look is met by a refused
    key; with ``soft_fail`` it is skipped then. So it is when the gateway does not know the task, or refuses
    the key later, but only after three looks over 30 seconds. An outage of the gateway during the wait is a
    warning, and the wait goes on.

    :param mj_task_id: the remote task (templated).
    :param mj_task_ids: several remote tasks in place of one, as a list or ``XComArg`` (templated). The XCom
        is the list of the tasks in the same order. When too few succeed, the list is in the XCom ``tasks``.
    :param mj_conn_id: id of the Airflow connection of type ``mj`` (templated).
    :param min_success: how many of several tasks have to succeed, 1 or more; all if None.
    :param fail_fast: whether the first of several tasks that does not succeed ends the wait.
    :param mode: ``reschedule`` gives the worker back between two looks, ``poke`` keeps it.
    :param poke_interval: seconds between two looks, above 0; by default 20 in reschedule mode, where each
        look starts a process, and 5 otherwise. Up to a fifth is added at random.
    :param timeout: seconds to wait in all, above 0. The task may still finish after it.
    :param deferrable: whether to wait in the triggerer after a first look, in place of either mode.
    :param cancel_on_kill: whether to cancel the tasks at the gateway when a person marks the Airflow task as
        failed, skipped or succeeded while it waits. By default not, since they are paid for.
    :param kwargs: as for every sensor, e.g. ``soft_fail``.
    """

    template_fields: Sequence[str] = ("mj_task_id", "mj_task_ids", "mj_conn_id")

    def __init__(
        self,
        *,
        mj_task_id: str | None = None,
        mj_task_ids: Sequence[str] | None = None,
        mj_conn_id: str = "mj_default",
        min_success: int | None = None,
        fail_fast: bool = False,
        mode: str = "reschedule",
        poke_interval: float | timedelta | None = None,
        timeout: float | timedelta = 3600.0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        cancel_on_kill: bool = False,
        **kwargs: Any,
    ) -> None:
        if poke_interval is None:
            is_costly = mode == "reschedule" and not deferrable
            poke_interval = RESCHEDULE_INTERVAL if is_costly else POKE_INTERVAL
        super().__init__(
            mode=mode,
            poke_interval=seconds("poke_interval", poke_interval),
            timeout=seconds("timeout", timeout),
            **kwargs,
        )
        check_task_ids(mj_task_id, mj_task_ids)
        check_count("min_success", min_success)
        self.mj_task_id = mj_task_id
        self.mj_task_ids = mj_task_ids
        self.mj_conn_id = mj_conn_id
        self.min_success = min_success
        self.fail_fast = fail_fast
        self.deferrable = deferrable
        self.cancel_on_kill = cancel_on_kill
        self._delay = self.poke_interval

    def execute(self, context: Context) -> Any:
        """Wait; see :class:`MJTaskSensor`."""
        first = _first_reschedule(self, context) if self.reschedule else None
        self._begin(first.timestamp() if first else None)
        return super().execute(context)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look at the tasks once."""
        watch = self._watch or self._begin()
        if not watch.mj_task_ids:
            return PokeReturnValue(is_done=True, xcom_value=[])
        delay = watch.check()
        if self.reschedule and not self.deferrable:
            delay = watch.settle()
        if delay is None:
            return PokeReturnValue(is_done=True, xcom_value=self._end(watch, context))
        if self.deferrable:
            self._defer(watch)
        self._delay = delay
        return False

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None, started_at: float | None = None
    ) -> Any:
        """End the wait that the triggerer has seen the end of, by a look of this worker's own; or go on."""
        watch = self._begin(started_at)
        check_event(event, watch.mj_task_ids)
        if watch.check() is not None:
            self._defer(watch)
        return self._end(watch, context)

    def _begin(self, since: float | None = None) -> Watch:
        from airflow_provider_mj.gateway.waiting import Goal

        ids = task_ids(self.mj_task_id, self.mj_task_ids)
        total = len(set(ids))
        if self.min_success is not None and self.min_success > total:
            raise ValueError(f"min_success is {self.min_success}, but there are only {total} tasks")
        return self._start(
            ids,
            timeout=self.timeout - min(_AHEAD, self.timeout / 10),
            interval=self.poke_interval,
            goal=Goal(total=total, min_success=self.min_success, fail_fast=self.fail_fast),
            since=since,
        )

    def _end(self, watch: Watch, context: Context) -> Any:
        from airflow_provider_mj.polling import finish

        try:
            tasks = finish(watch, on_timeout=AirflowSensorTimeout)
        except Exception as error:
            if self.soft_fail or self.never_fail:
                # The skip that the base class makes of it does not say why.
                self.log.warning("%s", error)
            if self.mj_task_ids is not None and self.do_xcom_push:
                context["ti"].xcom_push(key="tasks", value=watch.published())
            raise
        return tasks[0] if self.mj_task_ids is None else tasks

    def _get_next_poke_interval(self, *args: Any) -> float:
        from airflow_provider_mj.polling import with_jitter

        if self.exponential_backoff:
            return float(super()._get_next_poke_interval(*args))
        # Airflow loses tasks that it reschedules too soon, so the last look may come after the deadline.
        return with_jitter(max(self._delay, self.poke_interval) if self.reschedule else self._delay)


def _first_reschedule(sensor: MJTaskSensor, context: Context) -> datetime | None:
    """Tell when this wait first gave its worker back; None in its first process."""
    ti: Any = context["ti"]
    if hasattr(ti, "get_first_reschedule_date"):
        date: datetime | None = ti.get_first_reschedule_date(context)
        return date
    # Airflow 2, where a task reads the database itself.
    from airflow.sensors.base import _orig_start_date

    first_try = (ti.max_tries or 0) - (sensor.retries or 0) + 1
    original: datetime | None = _orig_start_date(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, first_try)
    return original
