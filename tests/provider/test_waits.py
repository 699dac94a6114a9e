"""The sensor and the operator, in each way to wait: the same XCom, the same errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from fakes import KEY, AirflowRescheduleException
from fakes import context as plain_context
from ways_to_wait import MODES, Way

from airflow_provider_mj.gateway.errors import (
    GatewayBusyError,
    GatewayUnreachableError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.operators.mj import MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor

RUNNING = {"status": "IN_PROGRESS", "progress": "40%"}
DONE = {
    "status": "SUCCESS",
    "imageUrl": "https://a/1.png",
    "buttons": [{"customId": "MJ::JOB::upsample::1::x", "label": "U1"}],
}
Run = Callable[..., Any]


SENSORS = pytest.mark.parametrize("mode", ["poke", "reschedule", "deferred sensor"], indirect=True)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def way(mode: str, rescheduled) -> Way:
    return Way(mode, rescheduled)


@pytest.fixture
def late(way: Way) -> type[Exception]:
    """What a wait that takes too long raises."""
    return way.late


@pytest.fixture
def run(way: Way) -> Run:
    """Run a wait in one of the modes to its end, whatever it gives or raises."""
    return way.run


def test_success_gives_the_task(run, fetches):
    fetches({"status": ""}, RUNNING, DONE)
    assert run() == Task.from_wire({"id": "17", **DONE}).to_dict()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": "FAILURE", "failReason": "Banned prompt"}, "ended as FAILURE: Banned prompt"),
        ({"status": "FAILURE", "failReason": None, "progress": "100%"}, "no reason given"),
        ({"status": "CANCEL"}, "was cancelled"),
        ({"status": "MODAL"}, "waits for a confirmation"),
    ],
)
def test_what_no_retry_can_mend_fails_at_once(run, mode, fetches, gateway, answer, words):
    fetches(RUNNING, answer)
    with pytest.raises(AirflowFailException, match=words) as caught:
        run()
    assert "17" in str(caught.value)
    assert "gw.example" in str(caught.value)
    # The worker that resumes looks for itself.
    assert len(gateway.calls) == (3 if mode.startswith("deferred") else 2)


@pytest.mark.parametrize("failure", [500, 503, requests.ConnectionError("reset"), {"code": 0, "data": {}}])
def test_an_outage_in_the_middle_is_a_warning(run, fetches, caplog, failure):
    fetches(RUNNING, failure, failure, failure, failure, DONE)
    assert run()["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (503, GatewayBusyError),
        (requests.ConnectTimeout("x"), GatewayUnreachableError),
        ({"code": 0, "data": {}}, UnexpectedAnswerError),
    ],
)
def test_an_error_before_the_first_answer_is_the_tasks_error(run, fetches, failure, kind):
    fetches(failure)
    with pytest.raises(kind):
        run()


def test_a_wrong_path_is_not_retried(run, fetches):
    fetches(404)
    with pytest.raises(AirflowFailException, match="path_prefix"):
        run()


def test_a_timeout_names_the_task_and_says_that_it_may_still_finish(run, fetches, late):
    fetches(RUNNING)
    with pytest.raises(late, match="Task 17 at gateway gw.example was not finished.*40 %.*may still finish"):
        run(timeout=0.3)


def test_a_timeout_in_an_outage_says_how_the_last_check_failed(run, fetches, late):
    fetches(RUNNING, 500)
    with pytest.raises(
        late, match="the last check failed: task 17 at gateway gw.example: the gateway failed"
    ):
        run(timeout=0.3)


def test_an_unknown_id_is_not_yet_at_first(run, fetches):
    fetches(204, 204, DONE)
    assert run()["id"] == "17"


def test_an_id_that_stays_unknown(fetches, rescheduled, quick_doubts):
    fetches(204)
    a_minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    with pytest.raises(AirflowFailException, match="not known"):
        MJTaskSensor(task_id="s", mj_task_id="17").execute(rescheduled(a_minute_ago))


@SENSORS
@pytest.mark.parametrize("answer", [{"status": "FAILURE"}, {"status": "CANCEL"}, {"status": "MODAL"}, 401])
def test_soft_fail_skips_and_tells_why(run, fetches, answer, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(MJTaskSensor, "log", Told(told))
    fetches(answer)
    with pytest.raises(AirflowSkipException):
        run(soft_fail=True)
    assert any("gw.example" in line for line in told)


class Told:
    """A log that keeps its lines."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def _keep(self, message: str, *args: object) -> None:
        self.lines.append(message % args if args else message)

    debug = info = warning = error = _keep


@SENSORS
def test_soft_fail_skips_a_timeout(run, fetches):
    fetches(RUNNING)
    with pytest.raises(AirflowSkipException):
        run(timeout=0.3, soft_fail=True)


@pytest.mark.parametrize("mode", ["poke"], indirect=True)
def test_progress_is_logged_when_it_changes(run, fetches, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(MJTaskSensor, "log", Told(told))
    fetches(RUNNING, RUNNING, RUNNING, {"status": "IN_PROGRESS", "progress": "80%"}, 500, DONE)
    run()
    progress = [line for line in told if line.startswith("Task 17 at gateway gw.example")]
    assert progress == [
        "Task 17 at gateway gw.example: IN_PROGRESS, 40 %",
        "Task 17 at gateway gw.example: IN_PROGRESS, 80 %",
    ]
    assert sum("the wait goes on" in line for line in told) == 1
    assert not any(KEY in line for line in told)


def test_the_operator_publishes_the_picture_and_the_buttons(fetches):
    fetches(DONE)
    given = plain_context()
    task = MJTaskResultOperator(task_id="r", mj_task_id="17").execute(given)
    assert given["ti"].xcoms == {"imageUrl": "https://a/1.png", "buttons": task["buttons"]}


def test_do_xcom_push_is_respected(fetches):
    fetches(DONE)
    given = plain_context()
    MJTaskResultOperator(task_id="r", mj_task_id="17", do_xcom_push=False).execute(given)
    assert given["ti"].xcoms == {}


def test_without_waiting_a_running_task_is_an_error(fetches, gateway):
    fetches(RUNNING)
    operator = MJTaskResultOperator(task_id="r", mj_task_id="17", wait_for_completion=False)
    with pytest.raises(TimeoutError, match="last seen IN_PROGRESS, 40 %"):
        operator.execute(plain_context())
    assert len(gateway.calls) == 1


def test_without_waiting_a_finished_task_is_published(fetches):
    fetches(DONE)
    operator = MJTaskResultOperator(task_id="r", mj_task_id="17", wait_for_completion=False)
    assert operator.execute(plain_context())["imageUrl"] == "https://a/1.png"


def test_a_rescheduled_sensor_keeps_its_deadline(fetches, rescheduled):
    fetches(RUNNING)
    sensor = MJTaskSensor(task_id="s", mj_task_id="17", timeout=600)
    with pytest.raises(AirflowRescheduleException):
        sensor.execute(rescheduled(datetime.now(UTC) - timedelta(seconds=590)))
    with pytest.raises(AirflowSensorTimeout, match="after 60. s"):
        sensor.execute(rescheduled(datetime.now(UTC) - timedelta(seconds=601)))


def test_a_rescheduled_sensor_is_not_rescheduled_too_soon(fetches, rescheduled):
    fetches(RUNNING)
    sensor = MJTaskSensor(task_id="s", mj_task_id="17", timeout=600)
    with pytest.raises(AirflowRescheduleException) as caught:
        sensor.execute(rescheduled(datetime.now(UTC) - timedelta(seconds=595)))
    pause = (caught.value.reschedule_date - datetime.now(UTC)).total_seconds()
    assert 19 < pause <= 24


def test_an_outage_slows_a_rescheduled_sensor_down(fetches, rescheduled):
    fetches(500)
    sensor = MJTaskSensor(task_id="s", mj_task_id="17")
    with pytest.raises(AirflowRescheduleException) as caught:
        sensor.execute(rescheduled(datetime.now(UTC) - timedelta(seconds=60)))
    pause = (caught.value.reschedule_date - datetime.now(UTC)).total_seconds()
    assert 59 < pause <= 72


def test_exponential_backoff_is_airflows(fetches, rescheduled):
    fetches(RUNNING)
    sensor = MJTaskSensor(
        task_id="s", mj_task_id="17", poke_interval=64, exponential_backoff=True, max_wait=70, timeout=36000
    )
    with pytest.raises(AirflowRescheduleException) as caught:
        sensor.execute(rescheduled(datetime.now(UTC) - timedelta(seconds=6000)))
    assert 69 < (caught.value.reschedule_date - datetime.now(UTC)).total_seconds() <= 70


def test_poke_by_itself_looks_once(fetches, gateway):
    fetches(RUNNING, DONE)
    sensor = MJTaskSensor(task_id="s", mj_task_id="17", mode="poke")
    assert sensor.poke(plain_context()) is False
    assert sensor.poke(plain_context()).xcom_value["status"] == "SUCCESS"
    assert len(gateway.calls) == 2
