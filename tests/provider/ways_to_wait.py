"""The ways to wait for a task, each run to its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from fakes import AirflowRescheduleException, context, deferred

from airflow_provider_mj.operators.mj import MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor

if TYPE_CHECKING:
    from collections.abc import Callable

MODES = ["poke", "reschedule", "deferred sensor", "blocking operator", "deferred operator"]
QUICK = 0.01


@dataclass
class Way:
    """One of them.

    :param mode: its name.
    :param rescheduled: gives the context of a sensor that first gave its worker back at a time.
    """

    mode: str
    rescheduled: Callable[..., dict[str, Any]]

    @property
    def late(self) -> type[Exception]:
        """What a wait that takes too long raises."""
        return TimeoutError if self.mode.endswith("operator") else AirflowSensorTimeout

    def run(self, timeout: float = 60.0, **more: Any) -> Any:
        """Wait for task 17 to the end, whatever that gives or raises."""
        common = {"timeout": timeout, "deferrable": self.mode.startswith("deferred"), **more}
        if self.mode.endswith("operator"):
            make = lambda: MJTaskResultOperator(  # noqa: E731
                task_id="r", mj_task_id="17", poll_interval=QUICK, **common
            )
            return deferred(make, context())
        mode = "poke" if self.mode == "poke" else "reschedule"
        return self._sense(
            lambda: MJTaskSensor(task_id="s", mj_task_id="17", mode=mode, poke_interval=QUICK, **common)
        )

    def _sense(self, make: Callable[[], MJTaskSensor]) -> Any:
        began = None
        while True:
            try:
                return deferred(make, self.rescheduled(began))
            except AirflowRescheduleException:
                began = began or datetime.now(UTC)
