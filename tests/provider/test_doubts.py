"""Ends that cost a picture, in each way to wait: believed once they were seen often enough."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from fakes import AirflowRescheduleException, context
from ways_to_wait import MODES, QUICK, Way

from airflow_provider_mj.gateway.waiting import Outcome
from airflow_provider_mj.operators.mj import MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor

RUNNING = {"status": "IN_PROGRESS", "progress": "40%"}
DONE = {"status": "SUCCESS", "imageUrl": "https://a/1.png"}
UNKNOWN, REFUSED, MAY_NOT = 204, 401, (403, {"error": {"message": "this token may not do this"}})
COSTLY = pytest.mark.parametrize("end", [UNKNOWN, REFUSED, MAY_NOT], ids=["unknown", "401", "403"])

pytestmark = pytest.mark.usefixtures("quick_doubts")


@pytest.fixture(params=MODES)
def way(request: pytest.FixtureRequest, rescheduled) -> Way:
    return Way(request.param, rescheduled)


@COSTLY
def test_an_end_that_is_seen_once_or_twice_ends_nothing(way, fetches, end):
    fetches(RUNNING, end, RUNNING, end, end, DONE)
    assert way.run()["status"] == "SUCCESS"


@COSTLY
def test_an_end_that_comes_and_goes_ends_nothing(way, fetches, end):
    fetches(RUNNING, *itertools.chain.from_iterable([(end, end, RUNNING), (end, end, 500)] * 3), DONE)
    assert way.run()["status"] == "SUCCESS"


@COSTLY
def test_an_end_that_stays_ends_the_wait_without_a_retry(way, fetches, gateway, end):
    fetches(RUNNING, end)
    began = time.monotonic()
    with pytest.raises(AirflowFailException, match="task 17 at gateway gw.example.*at every look"):
        way.run()
    assert time.monotonic() - began >= 0.2
    assert len(gateway.calls) >= 4


@COSTLY
def test_a_deadline_during_a_doubt_is_a_timeout_that_says_what_was_seen(way, fetches, monkeypatch, end):
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.DOUBT_SECONDS", 60.0)
    fetches(RUNNING, end)
    with pytest.raises(way.late, match="the last check failed: task 17.*It is paid for"):
        way.run(timeout=0.3)


@pytest.mark.parametrize("end", [REFUSED, MAY_NOT], ids=["401", "403"])
def test_a_key_that_is_refused_at_the_first_look_is_the_tasks_error_at_once(way, fetches, gateway, end):
    fetches(end)
    with pytest.raises(AirflowFailException, match="auth_scheme"):
        way.run()
    assert len(gateway.calls) == 1


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferred sensor"])
@COSTLY
def test_soft_fail_skips_at_an_end_that_stays(mode, rescheduled, fetches, end):
    fetches(RUNNING, end)
    with pytest.raises(AirflowSkipException):
        Way(mode, rescheduled).run(soft_fail=True)


class TestARescheduledSensor:
    """It forgets everything between two looks, and so makes sure before it gives its worker back."""

    @pytest.fixture
    def poke(self, rescheduled):
        def poke() -> Any:
            began = datetime.now(UTC) - timedelta(seconds=60)
            return MJTaskSensor(task_id="s", mj_task_id="17", poke_interval=QUICK).execute(rescheduled(began))

        return poke

    @COSTLY
    def test_one_process_settles_it(self, poke, fetches, gateway, end):
        fetches(end)
        with pytest.raises(AirflowFailException):
            poke()
        assert len(gateway.calls) == 3

    @COSTLY
    @pytest.mark.parametrize("then", [RUNNING, 500])
    def test_what_comes_to_nothing_gives_the_worker_back(self, poke, fetches, gateway, end, then):
        fetches(end, end, then)
        with pytest.raises(AirflowRescheduleException):
            poke()
        assert len(gateway.calls) >= 3

    def test_the_end_of_the_task_may_come_meanwhile(self, poke, fetches):
        fetches(REFUSED, DONE)
        assert poke()["status"] == "SUCCESS"

    def test_what_is_running_takes_one_look(self, poke, fetches, gateway):
        fetches(RUNNING)
        with pytest.raises(AirflowRescheduleException):
            poke()
        assert len(gateway.calls) == 1

    def test_an_unknown_id_gives_the_worker_back_during_the_grace(self, poke, fetches, gateway, monkeypatch):
        monkeypatch.setattr("airflow_provider_mj.gateway.waiting.NOT_FOUND_GRACE", 90.0)
        fetches(UNKNOWN)
        with pytest.raises(AirflowRescheduleException):
            poke()
        assert len(gateway.calls) == 1

    def test_its_deadline_holds_meanwhile(self, rescheduled, fetches, monkeypatch):
        monkeypatch.setattr("airflow_provider_mj.gateway.waiting.DOUBT_SECONDS", 60.0)
        fetches(REFUSED)
        sensor = MJTaskSensor(task_id="s", mj_task_id="17", timeout=62)
        began = time.monotonic()
        with pytest.raises(AirflowSensorTimeout, match="the last check failed"):
            sensor.execute(rescheduled(datetime.now(UTC) - timedelta(seconds=60)))
        assert time.monotonic() - began < 10


class TestAWorkerThatResumes:
    """The triggerer has made sure, so that the worker only looks once, and never waits."""

    @pytest.fixture(autouse=True)
    def never_sleeps(self, monkeypatch):
        def sleep(seconds: float) -> None:
            raise AssertionError(f"a worker is held for {seconds} s")

        monkeypatch.setattr("airflow_provider_mj.polling.time.sleep", sleep)

    @pytest.fixture(params=[MJTaskSensor, MJTaskResultOperator])
    def resume(self, request):
        def resume(outcome: Outcome) -> Any:
            operator = request.param(task_id="t", mj_task_id="17", deferrable=True)
            told = {"17": {"outcome": outcome.value, "message": "it ended"}}
            event = {"mj_task_ids": ["17"], "outcomes": told}
            resumption = {"event": event, "started_at": time.time() - 100}
            return operator.resume_execution("execute_complete", resumption, context())

        return resume

    @pytest.mark.parametrize(
        ("end", "outcome"), [(UNKNOWN, Outcome.NOT_FOUND), (REFUSED, Outcome.UNAUTHORIZED)]
    )
    def test_an_end_that_the_triggerer_has_made_sure_of_is_one(self, resume, fetches, gateway, end, outcome):
        fetches(end)
        with pytest.raises(AirflowFailException):
            resume(outcome)
        assert len(gateway.calls) == 1

    @pytest.mark.parametrize("seen", [RUNNING, 500, UNKNOWN, REFUSED])
    def test_what_is_no_end_goes_back_to_the_triggerer(self, resume, fetches, seen):
        fetches(seen)
        with pytest.raises(TaskDeferred):
            resume(Outcome.SUCCESS)

    def test_a_task_that_is_there_again_goes_on(self, resume, fetches):
        fetches(RUNNING)
        with pytest.raises(TaskDeferred):
            resume(Outcome.NOT_FOUND)
