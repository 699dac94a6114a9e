"""The sensor that waits for a task at a gateway."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, BaseSensorOperator, PokeReturnValue

from airflow_provider_mj.arguments import check_task_id, seconds
from airflow_provider_mj.gateway.ids import valid_task_id
from airflow_provider_mj.gateway.waiting import GoOn, Outcome, Wait
from airflow_provider_mj.polling import Watch, finish, with_jitter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.hooks.mj import MJHook

POKE_INTERVAL = 5.0
"""Seconds between two looks in one process; gateways advise 3 to 5."""

RESCHEDULE_INTERVAL = 20.0
"""Seconds between two looks that each start a process."""

# Right after each look the base class compares the clock with the timeout itself, and its message would name
# neither the task nor what becomes of it: our deadline comes this many seconds before.
_AHEAD = 1.0


class MJTaskSensor(BaseSensorOperator):
    """Wait until a task at a gateway is finished; its XCom is the task.

    It ends with success when the task's status is SUCCESS. It fails at once, without a retry, when the task
    is FAILURE or CANCEL, when it waits for a confirmation (MODAL), when the gateway does not know it or
    refuses the key; with ``soft_fail`` it is skipped then. An outage of the gateway during the wait is a
    warning, and the wait goes on.

    :param mj_task_id: the remote task (templated).
    :param mj_conn_id: id of the Airflow connection of type ``mj`` (templated).
    :param mode: ``reschedule`` gives the worker back between two looks, ``poke`` keeps it.
    :param poke_interval: seconds between two looks, above 0; by default 20 in reschedule mode, where each
        look starts a process, and 5 in poke mode. Up to a fifth is added at random.
    :param timeout: seconds to wait in all, above 0. The task may still finish after it.
    :param kwargs: as for every sensor, e.g. ``soft_fail``.
    """

    template_fields: Sequence[str] = ("mj_task_id", "mj_conn_id")

    def __init__(
        self,
        *,
        mj_task_id: str,
        mj_conn_id: str = "mj_default",
        mode: str = "reschedule",
        poke_interval: float | timedelta | None = None,
        timeout: float | timedelta = 3600.0,
        **kwargs: Any,
    ) -> None:
        if poke_interval is None:
            poke_interval = RESCHEDULE_INTERVAL if mode == "reschedule" else POKE_INTERVAL
        super().__init__(
            mode=mode,
            poke_interval=seconds("poke_interval", poke_interval),
            timeout=seconds("timeout", timeout),
            **kwargs,
        )
        check_task_id(mj_task_id)
        self.mj_task_id = mj_task_id
        self.mj_conn_id = mj_conn_id
        self._watch: Watch | None = None
        self._delay = self.poke_interval

    @cached_property
    def hook(self) -> MJHook:
        """The hook of the connection."""
        from airflow_provider_mj.hooks.mj import MJHook

        return MJHook(self.mj_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait; see :class:`MJTaskSensor`."""
        self._watch = self._begin(context)
        return super().execute(context)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look at the task once."""
        step = (self._watch or self._begin(context)).check()
        if isinstance(step, GoOn):
            self._delay = step.delay
            return False
        if step.outcome is not Outcome.SUCCESS and (self.soft_fail or self.never_fail):
            # The skip that the base class makes of it does not say why.
            self.log.warning("%s", step.message)
        return PokeReturnValue(is_done=True, xcom_value=finish(step, on_timeout=AirflowSensorTimeout))

    def _begin(self, context: Context) -> Watch:
        """Take up the wait: a rescheduled one began in an earlier process, where the gateway answered."""
        first = _first_reschedule(self, context) if self.reschedule else None
        started_at = first.timestamp() if first else time.time()
        wait = Wait(
            mj_task_id=valid_task_id(self.mj_task_id),
            gateway=self.hook.gateway,
            started_at=started_at,
            deadline=started_at + self.timeout - min(_AHEAD, self.timeout / 10),
            interval=self.poke_interval,
        )
        return Watch(wait, self.hook, self.log, answered=first is not None)

    def _get_next_poke_interval(self, *args: Any) -> float:
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
