"""Stand-ins for what Airflow gives to a running task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator, TaskDeferred

from airflow_provider_mj.triggers.mj import MJTaskTrigger

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
import asyncio
import json

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 2
    from airflow.exceptions import AirflowRescheduleException

__all__ = ["AirflowRescheduleException"]

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


def deferred(make: Callable[[], BaseOperator], given: dict[str, Any]) -> Any:
    """Run an operator as a worker, a triggerer and a worker again would, with only JSON passed between them.

    :param make: makes the operator; each worker has one of its own.
    :param given: the context.
    """
    try:
        return make().execute(given)
    except TaskDeferred as deferral:
        path, arguments = deferral.trigger.serialize()
        assert path == f"{MJTaskTrigger.__module__}.{MJTaskTrigger.__qualname__}"
        event = asyncio.run(first_event(MJTaskTrigger(**json.loads(json.dumps(arguments)))))
        resume = {"event": json.loads(json.dumps(event)), **json.loads(json.dumps(deferral.kwargs or {}))}
        return make().resume_execution(deferral.method_name, resume, given)


async def first_event(trigger: MJTaskTrigger) -> Any:
    """Run a trigger to its end, which has to be its first event, and give the payload."""
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return events[0].payload


def context(first_reschedule: datetime | None = None) -> dict[str, Any]:
    return {"ti": FakeTaskInstance(first_reschedule)}
