"""What is cancelled at the gateway when Airflow ends a task: only what a person has ended for good."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from fakes import AIRFLOW_2, API, FakeTaskInstance, first_event, set_current_context

from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.killed import is_ended_for_good, state_now
from airflow_provider_mj.operators.mj import MJImagineOperator, MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor
from airflow_provider_mj.triggers import mj as triggers
from airflow_provider_mj.triggers.mj import MJTaskTrigger

FOR_GOOD = ["failed", "success", "skipped"]
NOT_FOR_GOOD = [
    *(None, "running", "queued", "scheduled", "restarting", "up_for_retry", "up_for_reschedule"),
    *("deferred", "removed", "upstream_failed", "a word of a later Airflow"),
]


@pytest.fixture(autouse=True)
def cancellable(gateway):
    for one in ("17", "18"):
        gateway.post(f"{API}/task/{one}/cancel", status=400 if one == "17" else 200, body="")


@pytest.fixture
def cancelled(gateway):
    """Give the tasks that the gateway was asked to cancel."""
    return lambda: [
        call.request.url.split("/")[-2] for call in gateway.calls if call.request.url.endswith("cancel")
    ]


def in_state(state: Any) -> FakeTaskInstance:
    """Give a task instance for which Airflow has a state; an exception is what asking for it ends in."""
    instance = FakeTaskInstance()

    def current_state() -> Any:
        if isinstance(state, Exception):
            raise state
        return state

    instance.current_state = current_state
    return instance


def waiting_sensor(**more: Any) -> MJTaskSensor:
    sensor = MJTaskSensor(task_id="s", mj_task_ids=["17", "18"], mode="poke", **more)
    watch = sensor._begin()
    watch.source.look = lambda ids: {one: Task(id=one, status="IN_PROGRESS") for one in ids}
    watch.check()
    return sensor


def kill(operator: Any, instance: FakeTaskInstance) -> None:
    with set_current_context({"ti": instance}):
        operator.on_kill()


@pytest.mark.parametrize("state", FOR_GOOD)
def test_what_a_person_ends_for_good_is_cancelled(cancelled, state):
    kill(waiting_sensor(cancel_on_kill=True), in_state(state))
    assert cancelled() == ["17", "18"]


@pytest.mark.parametrize("state", [*NOT_FOR_GOOD, RuntimeError("the API server is gone")])
def test_what_another_try_may_collect_is_not(cancelled, state):
    kill(waiting_sensor(cancel_on_kill=True), in_state(state))
    assert cancelled() == []


def test_nothing_is_cancelled_unless_the_author_wants_it(cancelled):
    kill(waiting_sensor(), in_state("failed"))
    assert cancelled() == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: MJTaskSensor(task_id="t", mj_task_id="17"),
        lambda: MJTaskResultOperator(task_id="t", mj_task_id="17"),
        lambda: MJImagineOperator(task_id="t", prompt="a cat"),
        lambda: MJTaskTrigger(["17"], "mj_default", 5.0, 0.0),
    ],
)
def test_the_default_is_not_to_cancel(make):
    assert make().cancel_on_kill is False


def test_what_has_not_begun_to_wait_is_not_cancelled(cancelled):
    kill(MJTaskSensor(task_id="s", mj_task_id="17", cancel_on_kill=True), in_state("failed"))
    assert cancelled() == []


def test_what_is_finished_is_not_cancelled(cancelled):
    sensor = waiting_sensor(cancel_on_kill=True)
    sensor._watch.source.look = lambda ids: {"17": Task(id="17", status="SUCCESS"), "18": None}
    sensor._watch.check()
    kill(sensor, in_state("failed"))
    assert cancelled() == ["18"]


def test_after_airflows_execution_timeout_nothing_is_cancelled(cancelled):
    sensor = waiting_sensor(cancel_on_kill=True)
    try:
        raise AirflowTaskTimeout
    except AirflowTaskTimeout:
        kill(sensor, in_state("failed"))
    assert cancelled() == []


def test_without_a_running_task_nobody_knows(cancelled):
    waiting_sensor(cancel_on_kill=True).on_kill()
    assert cancelled() == []


@pytest.mark.parametrize("state", FOR_GOOD)
def test_these_states_are_for_good(state):
    assert is_ended_for_good(state)


@pytest.mark.parametrize("state", NOT_FOR_GOOD)
def test_these_are_not(state):
    assert not is_ended_for_good(state)


def test_an_airflow_that_does_not_answer_is_not_waited_for():
    release = threading.Event()
    instance = in_state("failed")
    instance.current_state = lambda: release.wait(20)
    began = time.monotonic()
    assert state_now(instance, seconds=0.1) is None
    assert time.monotonic() - began < 5
    release.set()


class TestAirflow3:
    """There a task asks the process that watches it; in Airflow 2 the database."""

    __test__ = not AIRFLOW_2

    @pytest.fixture
    def asked(self, monkeypatch) -> list[dict[str, Any]]:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        asked: list[dict[str, Any]] = []

        def get_task_states(**what: Any) -> dict[str, Any]:
            asked.append(what)
            return {"run": {"wait": "failed", "wait_3": "running"}, "another": {"wait": "success"}}

        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))
        return asked

    @pytest.mark.parametrize(
        ("map_index", "state"), [(-1, "failed"), (None, "failed"), (3, "running"), (4, None)]
    )
    def test_the_state_is_that_of_this_instance(self, asked, map_index, state):
        instance = FakeTaskInstance()
        instance.map_index = map_index
        assert state_now(instance) == state
        assert asked == [{"dag_id": "dag", "task_ids": ["wait"], "run_ids": ["run"], "map_index": map_index}]

    def test_another_run_is_another_task(self, asked):
        instance = FakeTaskInstance()
        instance.run_id = "unknown"
        assert state_now(instance) is None


class TestInTheTriggerer:
    """A trigger hears of a clear and of a mark in the same way."""

    @staticmethod
    def killed(state: Any, **more: Any) -> None:
        trigger = MJTaskTrigger(["17", "18"], "mj_default", 0.02, time.time() + 30, **more)
        trigger.task_instance = in_state(state)
        asyncio.run(trigger.on_kill())

    @pytest.mark.parametrize("state", FOR_GOOD)
    def test_what_a_person_ends_for_good_is_cancelled(self, cancelled, state):
        self.killed(state, cancel_on_kill=True)
        assert cancelled() == ["17", "18"]

    @pytest.mark.parametrize("state", [*NOT_FOR_GOOD, RuntimeError("no answer")])
    def test_what_another_try_may_collect_is_not(self, cancelled, state):
        self.killed(state, cancel_on_kill=True)
        assert cancelled() == []

    def test_nothing_is_cancelled_unless_the_author_wants_it(self, cancelled):
        self.killed("failed")
        assert cancelled() == []

    def test_it_is_not_broken_off_by_the_next_cancellation_of_the_trigger(self, cancelled):
        async def story() -> None:
            trigger = MJTaskTrigger(["17", "18"], "mj_default", 0.02, time.time() + 30, cancel_on_kill=True)
            trigger.task_instance = in_state("failed")
            killing = asyncio.create_task(trigger.on_kill())
            await asyncio.sleep(0)
            killing.cancel()
            await asyncio.wait([killing])
            assert killing.cancelled()
            await asyncio.gather(*triggers._cancelling)

        asyncio.run(story())
        assert cancelled() == ["17", "18"]

    def test_a_restart_of_the_triggerer_cancels_nothing(self, gateway, fetches, cancelled):
        fetches({"status": "IN_PROGRESS"})

        async def story() -> None:
            trigger = MJTaskTrigger(["17"], "mj_default", 0.02, time.time() + 30, cancel_on_kill=True)
            running = asyncio.create_task(first_event(trigger))
            await asyncio.sleep(0.1)
            running.cancel()
            await asyncio.wait([running])
            await trigger.cleanup()

        asyncio.run(story())
        assert len(gateway.calls) >= 1
        assert cancelled() == []
