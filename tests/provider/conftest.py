from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import responses
from fakes import AIRFLOW_2, API, KEY, context, without_history

if TYPE_CHECKING:
    from datetime import datetime


@pytest.fixture(autouse=True)
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"conn_type": "mj", "host": "https://gw.example", "password": KEY}
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))


@pytest.fixture(autouse=True)
def no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells Airflow 2 of a clear is tested in a real one."""
    without_history(monkeypatch)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads are tried again without waiting; how long they wait is tested where the clock is passed in."""
    monkeypatch.setattr("airflow_provider_mj.gateway.transport._wait_seconds", lambda state: 0.0)


@pytest.fixture
def quick_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute of doubts takes a fifth of a second, and an id that is not known has no grace."""
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.NOT_FOUND_GRACE", 0.0)
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.DOUBT_SECONDS", 0.2)
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.DOUBT_PAUSE", 0.1)


@pytest.fixture
def gateway() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


Answer = dict[str, Any] | tuple[int, dict[str, Any]] | int | Exception
Fetches = Callable[..., None]
UNKNOWN = 204


@pytest.fixture
def fetches(gateway: responses.RequestsMock) -> Fetches:
    """Let the gateway answer about task 17, by fetch and by list, one answer after the other.

    A dict is the task, a number an HTTP status (204: not known), a pair such a status with JSON, and an
    exception breaks the connection. The last one is given again and again.
    """
    script: list[Answer] = []

    def take(shape: Callable[[dict[str, Any]], Any], unknown: tuple[int, str]) -> Any:
        one = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(one, dict):
            return 200, {}, json.dumps(shape({"id": "17", **one}) if "status" in one else one)
        if isinstance(one, tuple):
            return one[0], {}, json.dumps(one[1])
        if isinstance(one, int):
            return (unknown[0], {}, unknown[1]) if one == UNKNOWN else (one, {}, "")
        return one

    def answer(*answers: Answer) -> None:
        script[:] = answers

    gateway.add_callback("GET", f"{API}/task/17/fetch", lambda _: take(lambda task: task, (204, "")))
    gateway.add_callback(
        "POST", f"{API}/task/list-by-condition", lambda _: take(lambda task: [task], (200, "[]"))
    )
    return answer


@pytest.fixture(autouse=True)
def rescheduled(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Give the context of a sensor that first gave its worker back at a time, or has not yet."""

    def make(first_reschedule: datetime | None = None) -> dict[str, Any]:
        if AIRFLOW_2:
            # There a sensor asks the metadata database.
            found = "airflow.sensors.base._orig_start_date"
            monkeypatch.setattr(found, lambda *args, **kwargs: first_reschedule)
        return context(first_reschedule)

    make()
    return make
