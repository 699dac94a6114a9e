"""A thousand triggers in one loop, through a gateway that fails one request in five."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from fakes import KEY, first_event

from airflow_provider_mj.sandbox import Fault, FaultKind, SandboxServer
from airflow_provider_mj.triggers.mj import MJTaskTrigger

pytestmark = pytest.mark.alone

TASKS, INTERVAL = 1000, 0.5
FAULTS = [
    Fault(FaultKind.STATUS, status=500, rate=0.04),
    Fault(FaultKind.STATUS, status=429, retry_after="0", rate=0.04),
    Fault(FaultKind.RESET, rate=0.04),
    Fault(FaultKind.CUT, rate=0.04),
    Fault(FaultKind.SLOW, seconds=0.3, rate=0.04),
    Fault(FaultKind.OMIT, rate=0.05),
]


@pytest.fixture(scope="module")
def sandbox():
    # This dialect's lists come in another order than they were asked for.
    with SandboxServer("novicezk", key=KEY) as server:
        yield server


@pytest.fixture(autouse=True)
def connection(sandbox, monkeypatch):
    value = {"host": sandbox.url, "password": KEY, "extra": {"auth_scheme": "mj-api-secret"}}
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps({"conn_type": "mj", **value}))


async def follow(sandbox: SandboxServer, mj_task_id: str) -> tuple[dict[str, Any], str]:
    """Wait for a task, and see what the gateway knows of it at the moment of the event."""
    # The grace for unknown ids is over, so that a list that drops rows is put to the test.
    trigger = MJTaskTrigger([mj_task_id], "mj_default", INTERVAL, time.time() + 120, time.time() - 60)
    event = await first_event(trigger)
    return event["outcomes"][mj_task_id], str(sandbox.gateway.look(mj_task_id).status)


def wait_for_all(sandbox: SandboxServer) -> tuple[list[tuple[dict[str, Any], str]], int]:
    ids = [
        sandbox.gateway.submit(
            f"[[seconds: {2 + number % 50 / 10}]] {'' if number % 10 else '[[fail: no]]'} cat"
        )
        for number in range(TASKS)
    ]

    async def all_of_them() -> list[tuple[dict[str, Any], str]]:
        return await asyncio.gather(*(follow(sandbox, one) for one in ids))

    ended = asyncio.run(all_of_them())
    return ended, len(sandbox.gateway.requests)


def test_a_thousand_waits_through_a_gateway_that_fails_one_request_in_five(sandbox):
    sandbox.gateway.reset()
    quiet, quiet_requests = wait_for_all(sandbox)
    sandbox.gateway.reset()
    sandbox.gateway.faults.add(*FAULTS)
    rough, rough_requests = wait_for_all(sandbox)
    right = {("success", "SUCCESS"): TASKS * 9 // 10, ("failure", "FAILURE"): TASKS // 10}
    for ended in (quiet, rough):
        pairs = [(told["outcome"], known) for told, known in ended]
        assert {pair: pairs.count(pair) for pair in set(pairs)} == right
    assert rough_requests <= 1.5 * quiet_requests, (rough_requests, quiet_requests)
