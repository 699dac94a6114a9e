"""One sensor for many tasks, in each mode, at a gateway whose lists are whole and at one whose are not."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from fakes import KEY, AirflowRescheduleException, deferred

from airflow_provider_mj.gateway.errors import GatewayError
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.sandbox import DIALECTS, Fault, SandboxServer
from airflow_provider_mj.sensors.mj import MJTaskSensor

SECONDS = 0.2


@pytest.fixture(scope="module", params=["trueai", "crazyrouter"])
def server(request):
    with SandboxServer(request.param, key=KEY, task_seconds=SECONDS, loop_seconds=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server, monkeypatch):
    server.gateway.reset()
    dialect = DIALECTS[server.gateway.dialect.name]
    value = {"host": server.url, "password": KEY, "extra": {"auth_scheme": dialect.auth_scheme}}
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps({"conn_type": "mj", **value}))
    return server


@pytest.fixture(params=["poke", "reschedule", "deferred"])
def run(request, rescheduled):
    """Wait for many tasks in one of the modes, and give the XCom; ``run.given`` is the context."""

    def wait(ids: list[str], **more: Any) -> Any:
        def sensor() -> MJTaskSensor:
            return MJTaskSensor(
                task_id="s",
                mj_task_ids=ids,
                mode="poke" if request.param == "poke" else "reschedule",
                poke_interval=0.02,
                deferrable=request.param == "deferred",
                **more,
            )

        began = None
        while True:
            wait.given = rescheduled(began)
            try:
                return deferred(sensor, wait.given)
            except AirflowRescheduleException:
                began = began or datetime.now(UTC)

    return wait


def submit(sandbox: SandboxServer, *prompts: str) -> list[str]:
    return [sandbox.gateway.submit(prompt) for prompt in prompts]


def calls(sandbox: SandboxServer) -> Counter[str]:
    return Counter(seen.path.rpartition("/")[2] for seen in sandbox.gateway.requests)


def test_the_xcom_is_the_tasks_in_the_order_of_the_ids(sandbox, run):
    ids = submit(sandbox, *(f"cat {number}" for number in range(5)))
    tasks = run([*reversed(ids), ids[0]])
    assert [task["id"] for task in tasks] == [*reversed(ids), ids[0]]
    assert {task["status"] for task in tasks} == {"SUCCESS"}
    assert all(task["imageUrl"] and len(task["buttons"]) >= 8 for task in tasks)
    # A fetch each is only needed where the rows of a list are not whole.
    assert calls(sandbox)["fetch"] == (0 if sandbox.gateway.dialect.name == "trueai" else 5)
    assert calls(sandbox)["list-by-condition"] >= 2


def test_no_ids_give_an_empty_list(sandbox, run):
    assert run([]) == []
    assert not sandbox.gateway.requests


def test_without_fail_fast_all_are_waited_for_and_each_bad_one_is_named(sandbox, run):
    ids = submit(sandbox, "[[fail: out of paint]]", "[[cancel]]", "a cat", "[[seconds: 0.4]] a slow cat")
    with pytest.raises(AirflowFailException) as caught:
        run(ids)
    message = str(caught.value)
    assert "2 of 4 tasks did not succeed, and 4 had to" in message
    assert f"Task {ids[0]} at gateway" in message
    assert "out of paint" in message
    assert f"Task {ids[1]} at gateway" in message
    tasks = run.given["ti"].xcoms["tasks"]
    assert [task["id"] for task in tasks] == ids
    assert [task["status"] for task in tasks] == ["FAILURE", "CANCEL", "SUCCESS", "SUCCESS"]
    assert tasks[3]["buttons"]


def test_with_fail_fast_the_first_failure_ends_the_wait(sandbox, run):
    ids = submit(sandbox, "[[fail: out of paint]]", "[[never]]")
    with pytest.raises(AirflowFailException, match="1 of 2 tasks did not succeed"):
        run(ids, fail_fast=True)
    assert [task["status"] for task in run.given["ti"].xcoms["tasks"]] == ["FAILURE", "IN_PROGRESS"]


def test_min_success_is_enough(sandbox, run):
    ids = submit(sandbox, "a cat", "[[never]]", "[[fail: no]]", "another cat")
    tasks = run(ids, min_success=2)
    assert [task["status"] for task in tasks] == ["SUCCESS", "IN_PROGRESS", "FAILURE", "SUCCESS"]


def test_a_timeout_names_those_that_were_late(sandbox, run):
    ids = submit(sandbox, "a cat", "[[never]]")
    with pytest.raises(AirflowSensorTimeout, match=f"1 of 2 .* Task {ids[1]} .* may still finish"):
        run(ids, timeout=1.0)
    assert [task["status"] for task in run.given["ti"].xcoms["tasks"]] == ["SUCCESS", "IN_PROGRESS"]


def test_soft_fail_skips(sandbox, run):
    with pytest.raises(AirflowSkipException):
        run(submit(sandbox, "[[fail: no]]", "a cat"), soft_fail=True)


def test_an_outage_in_the_middle_ends_nothing(sandbox):
    ids = submit(sandbox, *(f"cat {number} [[seconds: 0.3]]" for number in range(3)))
    sandbox.gateway.faults.add(Fault("status", status=500, times=3))
    # It was rescheduled before, so the gateway has answered in this wait.
    watch = MJTaskSensor(task_id="s", mj_task_ids=ids, poke_interval=0.05)._begin(time.time() - 1)
    watch.block()
    assert [task["id"] for task in watch.published()] == ids
    assert all(task["imageUrl"] for task in watch.published())
    assert not any(fault["times"] for fault in sandbox.gateway.faults.active())


def test_an_outage_at_the_very_end_ends_nothing(sandbox):
    ids = submit(sandbox, *(f"cat {number} [[seconds: 0]]" for number in range(3)))
    watch = MJTaskSensor(task_id="s", mj_task_ids=ids, poke_interval=0.05)._begin()
    look = watch.source.look

    def look_then_fail(mj_task_ids):
        seen = look(mj_task_ids)
        sandbox.gateway.faults.add(Fault("status", status=500, times=1))
        return seen

    # The look is answered, and what comes after it to make the tasks whole is not.
    watch.source.look = look_then_fail
    assert watch.check() is not None
    watch.source.look = look
    assert watch.check() is None
    assert all(task["imageUrl"] for task in watch.published())


@pytest.fixture
def refuse(sandbox):
    """Let the gateway refuse the key, when the wait has begun."""
    timers = []

    def refuse(times: int | None = None) -> None:
        fault = Fault("status", status=401, times=times)
        timers.append(threading.Timer(0.2, sandbox.gateway.faults.add, [fault]))
        timers[-1].start()

    yield refuse
    for timer in timers:
        timer.join()


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_moment_in_which_the_key_is_refused_ends_nothing(sandbox, run, refuse, monkeypatch, times):
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.DOUBT_PAUSE", 0.1)
    ids = submit(sandbox, *["[[seconds: 0.8]] a cat"] * 3)
    refuse(times)
    assert [task["id"] for task in run(ids)] == ids
    assert not any(fault["times"] for fault in sandbox.gateway.faults.active())


def test_a_key_that_stays_refused_ends_the_wait_for_all_by_one_fetch_each_time(
    sandbox, run, refuse, quick_doubts
):
    ids = submit(sandbox, *["[[never]] a cat"] * 40)
    refuse()
    with pytest.raises(AirflowFailException, match="40 of 40 tasks did not succeed.*every look") as caught:
        run(ids)
    assert str(caught.value).count("HTTP 401") == 10  # as many as are named
    assert calls(sandbox)["fetch"] <= 10


@pytest.mark.parametrize("times", [1, 2])
def test_a_key_that_is_refused_at_the_very_end_for_a_moment_costs_nothing(sandbox, quick_doubts, times):
    ids = submit(sandbox, "a cat [[seconds: 0]]", "another cat [[seconds: 0]]")
    watch = MJTaskSensor(task_id="s", mj_task_ids=ids, poke_interval=0.05)._begin()
    watch.source.look = lambda ids: {one: Task(id=one, status="SUCCESS", is_whole=False) for one in ids}
    sandbox.gateway.faults.add(Fault("status", status=401, times=times))
    watch.block()
    assert all(task["imageUrl"] for task in watch.published())


def test_a_key_that_stays_refused_at_the_very_end_is_the_end(sandbox, quick_doubts):
    ids = submit(sandbox, "a cat [[seconds: 0]]", "another cat [[seconds: 0]]")
    watch = MJTaskSensor(task_id="s", mj_task_ids=ids, poke_interval=0.05)._begin()
    watch.source.look = lambda ids: {one: Task(id=one, status="SUCCESS", is_whole=False) for one in ids}
    sandbox.gateway.faults.add(Fault("status", status=401))
    with pytest.raises(AirflowFailException, match="HTTP 401"):
        watch.block()


@pytest.mark.parametrize("status", [401, 500])
def test_an_end_that_can_not_be_made_whole_is_an_error_that_a_retry_may_mend(sandbox, status):
    ids = submit(sandbox, "a cat [[seconds: 0]]", "another cat [[seconds: 0]]")
    watch = MJTaskSensor(task_id="s", mj_task_ids=ids)._begin(time.time() - 4000)
    watch.source.look = lambda ids: {one: Task(id=one, status="SUCCESS", is_whole=False) for one in ids}
    sandbox.gateway.faults.add(Fault("status", status=status))
    with pytest.raises(GatewayError, match=f"HTTP {status}"):
        watch.check()


def test_a_task_that_is_gone_at_the_end_takes_no_other_with_it(sandbox, quick_doubts):
    (one,) = submit(sandbox, "a cat [[seconds: 0]]")
    watch = MJTaskSensor(task_id="s", mj_task_ids=[one, "404404"])._begin()
    watch.source.look = lambda ids: {one: Task(id=one, status="SUCCESS", is_whole=False) for one in ids}
    # It may be there again the next moment, and then with its picture.
    assert watch.check() is not None
    watch.block()
    found, gone = watch.published()
    assert found["imageUrl"]
    assert (gone["status"], gone["imageUrl"]) == ("SUCCESS", None)
    assert calls(sandbox)["fetch"] >= 3


def test_a_task_that_is_gone_for_a_moment_at_the_end_is_published_whole(sandbox, quick_doubts):
    ids = submit(sandbox, "a cat [[seconds: 0]]", "another cat [[seconds: 0]]")
    watch = MJTaskSensor(task_id="s", mj_task_ids=ids)._begin()
    watch.source.look = lambda ids: {one: Task(id=one, status="SUCCESS", is_whole=False) for one in ids}
    whole, gone = watch.source.get_whole, [ids[1:], ids[1:]]
    watch.source.get_whole = lambda ids: {
        one: task for one, task in whole(ids).items() if one not in (gone.pop() if gone else ())
    }
    watch.block()
    assert all(task["imageUrl"] for task in watch.published())


def test_a_gateway_without_the_list_call_is_asked_for_each(sandbox, run):
    sandbox.gateway.faults.add(Fault("status", status=404, path="list-by-condition"))
    ids = submit(sandbox, "a cat", "another cat")
    assert [task["id"] for task in run(ids)] == ids
    # A rescheduled sensor starts anew each time and has to learn it again.
    assert calls(sandbox)["list-by-condition"] * 2 <= calls(sandbox)["fetch"]


def test_a_gateway_that_shows_a_page_for_the_list_is_asked_for_each(sandbox, run):
    sandbox.gateway.faults.add(Fault("html", path="list-by-condition"))
    ids = submit(sandbox, "a cat", "another cat")
    assert [task["id"] for task in run(ids)] == ids


def test_more_tasks_than_one_request_takes(sandbox, run):
    ids = submit(sandbox, *(f"cat {number} [[seconds: 0]]" for number in range(230)))
    tasks = run(ids)
    assert [task["id"] for task in tasks] == ids


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mj_task_ids": "17"}, "must be a list of ids"),
        ({"mj_task_ids": {"17"}}, "must be a list of ids"),
        ({"mj_task_ids": 17}, "must be a list of ids"),
        ({"mj_task_ids": ["17", None]}, "mj_task_id"),
        ({"mj_task_ids": ["17", ["18"]]}, "mj_task_id"),
        ({"mj_task_ids": ["17"], "mj_task_id": "17"}, "not both"),
        ({}, "mj_task_id"),
        ({"mj_task_ids": ["17"], "min_success": 0}, "min_success"),
        ({"mj_task_ids": ["17"], "min_success": True}, "min_success"),
        ({"mj_task_ids": ["17"], "min_success": 1.5}, "min_success"),
    ],
)
def test_wrong_arguments_are_refused_when_constructed(arguments, words):
    with pytest.raises(ValueError, match=words):
        MJTaskSensor(task_id="s", **arguments)


def test_what_is_only_known_at_run_time_is_checked_then(rescheduled):
    sensor = MJTaskSensor(task_id="s", mj_task_ids="{{ ids }}")
    sensor.mj_task_ids = "['17', '18']"
    with pytest.raises(ValueError, match="must be a list"):
        sensor.execute(rescheduled())
    with pytest.raises(ValueError, match="there are only 1 tasks"):
        MJTaskSensor(task_id="s", mj_task_ids=["17", "17"], min_success=2).execute(rescheduled())


def test_a_lazy_sequence_of_xcoms_is_a_list(sandbox, run):
    class Lazy:
        def __init__(self, ids: list[str]) -> None:
            self.ids = ids

        def __iter__(self) -> Any:
            return iter(self.ids)

    ids = submit(sandbox, "a cat", "another cat")
    assert [task["id"] for task in run(Lazy(ids))] == ids
