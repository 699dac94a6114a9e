"""Stand-ins for what Airflow gives to a running task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseSensorOperator

if TYPE_CHECKING:
    from datetime import datetime

KEY = "sk-provider-0123456789"
API = "https://gw.example/mj"
AIRFLOW_2 = BaseSensorOperator.__module__ == "airflow.sensors.base"


class FakeTaskInstance:
    """A task instance that keeps its XComs in a dict.

    :param first_reschedule: when the sensor first gave its worker back; None if it has not.
    """

    dag_id, task_id, run_id, map_index = "dag", "wait", "run", -1
    max_tries, try_number = 0, 1

    def __init__(self, first_reschedule: datetime | None = None) -> None:
        self.xcoms: dict[str, Any] = {}
        self.first_reschedule = first_reschedule
        if not AIRFLOW_2:
            self.get_first_reschedule_date = lambda context: first_reschedule

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


def context(first_reschedule: datetime | None = None) -> dict[str, Any]:
    return {"ti": FakeTaskInstance(first_reschedule)}
