"""Stand-ins for what Airflow gives to a running task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator, TaskDeferred

from airflow_provider_mj.triggers.mj import MJTaskTrigger

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import pytest
import asyncio
import json

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
    from airflow.sdk.execution_time.context import set_current_context
except ImportError:  # Airflow 2
    from airflow.exceptions import AirflowRescheduleException
    from airflow.models.taskinstance import set_current_context

__all__ = ["AirflowRescheduleException", "set_current_context"]

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
    """Run an operator as workers and a triggerer in turns would, with only JSON passed between them.

    :param make: makes the operator; each worker has one of its own.
    :param given: the context.
    """
    call: Callable[[], Any] = lambda: make().execute(given)  # noqa: E731
    while True:
        try:
            return call()
        except TaskDeferred as deferral:
            method, resume = deferral.method_name, resumption(deferral)
        call = lambda: make().resume_execution(method, resume, given)  # noqa: B023, E731


def resumption(deferral: TaskDeferred) -> dict[str, Any]:
    """Run the trigger of a deferral, and give what the worker that resumes is given."""
    path, arguments = deferral.trigger.serialize()
    assert path == f"{MJTaskTrigger.__module__}.{MJTaskTrigger.__qualname__}"
    event = asyncio.run(first_event(MJTaskTrigger(**json.loads(json.dumps(arguments)))))
    return json.loads(json.dumps({"event": event, **(deferral.kwargs or {})}))


async def first_event(trigger: MJTaskTrigger) -> Any:
    """Run a trigger to its end, which has to be its first event, and give the payload."""
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return events[0].payload


def context(first_reschedule: datetime | None = None) -> dict[str, Any]:
    return {"ti": FakeTaskInstance(first_reschedule)}


def without_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers have no metadata database, whose history of a task tells Airflow 2 of a clear."""

    def create_session() -> None:
        raise OSError("these tests have no database")

    if AIRFLOW_2:
        monkeypatch.setattr("airflow.utils.session.create_session", create_session)
