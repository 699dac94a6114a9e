from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from fakes import KEY, context, deferred, first_event

from airflow_provider_mj.deferring import check_event
from airflow_provider_mj.operators.mj import MJTaskResultOperator
from airflow_provider_mj.sandbox import ManualClock, SandboxServer
from airflow_provider_mj.sensors.mj import MJTaskSensor
from airflow_provider_mj.triggers.mj import MJTaskTrigger
from airflow_provider_mj.triggers.sharing import shared_poller

RUNNING, DONE = {"status": "IN_PROGRESS"}, {"status": "SUCCESS"}


def trigger(*mj_task_ids: str, **more: Any) -> MJTaskTrigger:
    arguments = {"mj_conn_id": "mj_default", "poll_interval": 0.02, "deadline": time.time() + 30}
    return MJTaskTrigger(mj_task_ids=list(mj_task_ids or ("17",)), **(arguments | more))


def test_it_is_made_again_from_what_it_serializes():
    made = trigger("17", "18", min_success=1, fail_fast=True, cancel_on_kill=True)
    path, arguments = made.serialize()
    assert path == "airflow_provider_mj.triggers.mj.MJTaskTrigger"
    assert json.loads(json.dumps(arguments)) == arguments
    assert MJTaskTrigger(**arguments).serialize() == (path, arguments)


def test_what_it_serializes_holds_no_secret_and_nothing_of_the_submission(monkeypatch):
    _, arguments = trigger().serialize()
    assert set(arguments) == {
        *("mj_task_ids", "mj_conn_id", "poll_interval", "deadline", "started_at"),
        *("min_success", "fail_fast", "cancel_on_kill", "confirmed"),
    }
    assert KEY not in json.dumps(arguments)


def test_a_later_version_with_more_parameters_takes_it():
    class Later(MJTaskTrigger):
        def __init__(self, *, later: int = 5, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.later = later

    assert Later(**trigger().serialize()[1]).later == 5


def test_one_event_tells_the_outcome_of_each_task(fetches):
    fetches(RUNNING, DONE)
    event = asyncio.run(first_event(trigger()))
    assert event == {
        "mj_task_ids": ["17"],
        "outcomes": {"17": {"outcome": "success", "message": "Task 17 at gateway gw.example is finished."}},
    }


def test_an_event_holds_no_secret(fetches):
    fetches({"status": "FAILURE", "failReason": f"bad key {KEY}", "imageUrl": "https://a/1.png?hm=signed"})
    event = json.dumps(asyncio.run(first_event(trigger())))
    assert '"outcome": "failure"' in event
    assert KEY not in event
    assert "hm=signed" not in event


@pytest.mark.parametrize("value", ["mj://", '{"conn_type": "mj", "host": "ftp://gw"}'])
def test_a_connection_that_can_not_be_used_is_told_by_an_event(monkeypatch, value):
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", value)
    event = asyncio.run(first_event(trigger()))
    assert event["mj_task_ids"] == ["17"]
    assert "SettingsError" in event["error"]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (None, "not about 17"),
        ({}, "not about 17"),
        ({"mj_task_ids": ["18"], "outcomes": {}}, "not about 17"),
        ({"mj_task_ids": ["17"], "error": "it broke"}, "it broke.*a retry waits for them again"),
    ],
)
def test_an_event_that_is_no_end_of_this_wait_is_refused(event, words):
    with pytest.raises(RuntimeError, match=words):
        check_event(event, ["17"])


def test_a_failed_wait_in_the_triggerer_is_a_plain_error(fetches, monkeypatch):
    fetches(RUNNING)

    def sensor() -> MJTaskSensor:
        made = MJTaskSensor(task_id="s", mj_task_id="17", deferrable=True, poke_interval=0.02)
        made._defer = lambda watch: (monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", "mj://"), defer(watch))
        defer = MJTaskSensor._defer.__get__(made)
        return made

    with pytest.raises(Exception, match="no host"):
        deferred(sensor, context())


def test_a_connection_that_can_not_be_read_is_tried_again_by_the_next(monkeypatch):
    async def story() -> str:
        monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", "mj://")
        for _ in range(2):
            with pytest.raises(ValueError, match="no host"):
                await shared_poller("mj_default")
        monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", "mj://:k@gw.example")
        return (await shared_poller("mj_default")).gateway

    assert asyncio.run(story()) == "gw.example"


def test_triggers_of_a_connection_share_a_poller_and_a_cancelled_one_takes_it_from_nobody():
    async def story() -> None:
        first = asyncio.create_task(shared_poller("mj_default"))
        second = asyncio.create_task(shared_poller("mj_default"))
        await asyncio.sleep(0)
        first.cancel()
        assert await second is await shared_poller("mj_default")

    asyncio.run(story())


def test_a_finished_task_is_never_deferred(fetches, gateway):
    fetches(DONE)
    for kind in (MJTaskSensor, MJTaskResultOperator):
        assert kind(task_id="t", mj_task_id="17", deferrable=True).execute(context())["status"] == "SUCCESS"
    assert len(gateway.calls) == 2


def test_deferring_keeps_airflows_own_timeout_as_a_net(fetches):
    from airflow.providers.common.compat.sdk import TaskDeferred

    fetches(RUNNING)
    with pytest.raises(TaskDeferred) as deferral:
        MJTaskSensor(task_id="s", mj_task_id="17", deferrable=True, timeout=600).execute(context())
    assert 890 < deferral.value.timeout.total_seconds() <= 900
    made = deferral.value.trigger
    assert made.deadline - made.started_at == pytest.approx(599)
    assert made.poll_interval == 5.0


def test_a_wait_survives_the_death_of_its_triggerer(monkeypatch):
    clock = ManualClock(time.time())
    with SandboxServer("trueai", key=KEY, task_seconds=60, clock=clock) as sandbox:
        value = {"host": sandbox.url, "password": KEY, "extra": {"auth_scheme": "raw"}}
        monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps({"conn_type": "mj", **value}))
        mj_task_id = sandbox.gateway.submit("a cat")
        first = trigger(mj_task_id)
        stored = json.dumps(first.serialize()[1])

        async def dies() -> None:
            running = asyncio.create_task(first_event(first))
            while not sandbox.gateway.requests:
                await asyncio.sleep(0.01)
            running.cancel()

        asyncio.run(dies())
        again = MJTaskTrigger(**json.loads(stored))
        assert (again.deadline, again.started_at) == (first.deadline, first.started_at)
        clock.advance(60)
        event = asyncio.run(first_event(again))
        assert event["outcomes"][mj_task_id]["outcome"] == "success"


def test_a_deadline_that_passed_while_no_triggerer_ran(fetches):
    fetches(RUNNING)
    now = time.time()
    event = asyncio.run(first_event(trigger(started_at=now - 7200, deadline=now - 3600)))
    assert event["outcomes"]["17"]["outcome"] == "timeout"
    assert "after 7200 s" in event["outcomes"]["17"]["message"]
