from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import responses
from fakes import AIRFLOW_2, API, KEY, context

if TYPE_CHECKING:
    from datetime import datetime


@pytest.fixture(autouse=True)
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"conn_type": "mj", "host": "https://gw.example", "password": KEY}
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads are tried again without waiting; how long they wait is tested where the clock is passed in."""
    monkeypatch.setattr("airflow_provider_mj.gateway.transport._wait_seconds", lambda state: 0.0)


@pytest.fixture
def gateway() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


Fetches = Callable[..., None]


@pytest.fixture
def fetches(gateway: responses.RequestsMock) -> Fetches:
    """Let the gateway answer the fetches of task 17 one after the other; the last one again and again."""

    def answer(*answers: dict[str, Any] | int | Exception) -> None:
        for one in answers:
            if isinstance(one, dict):
                gateway.get(f"{API}/task/17/fetch", json={"id": "17", **one})
            elif isinstance(one, int):
                gateway.get(f"{API}/task/17/fetch", status=one)
            else:
                gateway.get(f"{API}/task/17/fetch", body=one)

    return answer


@pytest.fixture
def rescheduled(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime | None], dict[str, Any]]:
    """Give the context of a sensor that first gave its worker back at a time, or has not yet."""

    def make(first_reschedule: datetime | None = None) -> dict[str, Any]:
        if AIRFLOW_2:
            monkeypatch.setattr(
                "airflow.sensors.base._orig_start_date", lambda *args, **kwargs: first_reschedule
            )
        return context(first_reschedule)

    return make
