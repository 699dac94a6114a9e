"""The ways to wait that are compared. Each waits for all tasks in one event loop, from the same moment on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

KEY = "bench-key-0000"
_CHUNK = 200
_DEADLINE = 3600.0

Fired = Callable[[str], None]
"""Called with the id of a task as soon as its end is known."""

Wait = Callable[[str, Iterable[str], float, Fired], Coroutine[Any, Any, None]]
"""Waits for tasks: address of the gateway, ids, interval in seconds, what to call for each."""


def connections(url: str) -> dict[str, str]:
    """Give the environment variables of the Airflow connections that the contestants read.

    :param url: address of the gateway.
    """
    mj = {"conn_type": "mj", "host": url, "password": KEY}
    http = {"conn_type": "http", "host": url, "extra": {"Authorization": f"Bearer {KEY}"}}
    return {"AIRFLOW_CONN_MJ_DEFAULT": json.dumps(mj), "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps(http)}


async def mj_task_triggers(_: str, mj_task_ids: Iterable[str], interval: float, fired: Fired) -> None:
    """Wait with one MJTaskTrigger a task, made as a deferring sensor makes it."""
    from airflow_provider_mj.triggers.mj import MJTaskTrigger

    now = time.time()

    def trigger(mj_task_id: str) -> BaseTrigger:
        return MJTaskTrigger(
            mj_task_ids=[mj_task_id],
            mj_conn_id="mj_default",
            poll_interval=interval,
            deadline=now + _DEADLINE,
            started_at=now,
        )

    await _run_triggers(trigger, mj_task_ids, fired)


async def http_sensor_triggers(_: str, mj_task_ids: Iterable[str], interval: float, fired: Fired) -> None:
    """Wait with one HttpSensorTrigger a task, made as a deferring HttpSensor makes it."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    def trigger(mj_task_id: str) -> BaseTrigger:
        return HttpSensorTrigger(
            endpoint=f"mj/task/{mj_task_id}/result",
            http_conn_id="http_default",
            data={},
            headers={},
            method="GET",
            extra_options={},
            poke_interval=interval,
        )

    await _run_triggers(trigger, mj_task_ids, fired)


async def list_loop(url: str, mj_task_ids: Iterable[str], interval: float, fired: Fired) -> None:
    """Wait with a bare loop around the list call: no Airflow, no outage survived, the practical floor."""
    import aiohttp

    waiting = dict.fromkeys(mj_task_ids)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(url, headers=headers) as session:

        async def look(ids: list[str]) -> None:
            async with session.post("/mj/task/list-by-condition", json={"ids": ids}) as response:
                for row in await response.json():
                    if row["status"] == "SUCCESS":
                        del waiting[row["id"]]
                        fired(row["id"])

        while waiting:
            await asyncio.sleep(interval)
            ids = list(waiting)
            await asyncio.gather(*(look(ids[at : at + _CHUNK]) for at in range(0, len(ids), _CHUNK)))


async def _run_triggers(
    trigger: Callable[[str], BaseTrigger], mj_task_ids: Iterable[str], fired: Fired
) -> None:
    """Do with triggers what the triggerer does, which lets other tasks run before it starts the next."""

    async def run(mj_task_id: str) -> None:
        async for _ in trigger(mj_task_id).run():
            fired(mj_task_id)

    async with asyncio.TaskGroup() as tasks:
        for mj_task_id in mj_task_ids:
            tasks.create_task(run(mj_task_id))
            await asyncio.sleep(0)


CONTESTANTS: dict[str, Wait] = {
    "MJTaskTrigger": mj_task_triggers,
    "HttpSensorTrigger": http_sensor_triggers,
    "aiohttp list loop": list_loop,
}
OURS, THEIRS, _ = CONTESTANTS
