"""Deadlines of waits, while the gateway hangs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hostile import ways
from hostile.server import HostileServer

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import GatewayUnreachableError
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.gateway.time_limits import limited, time_limit
from airflow_provider_mj.gateway.waiting import Goal, Outcome, Stop, Wait
from airflow_provider_mj.polling import Progress, Watch, look_seconds
from airflow_provider_mj.triggers.poller import Poller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostile.server import Peer

pytestmark = pytest.mark.waits


@pytest.mark.parametrize(
    ("left", "usual", "seconds"),
    [
        *[(3600.0, None, 3600.0), (3.0, None, 3.0), (0.2, None, 1.0)],
        # A worker that the triggerer sends back after the deadline.
        *[(0.0, None, 10.0), (-300.0, None, 10.0)],
        # Around the deadline, as long as this gateway usually needs.
        *[(0.2, 0.1, 1.0), (0.0, 1.5, 3.0), (-1.0, 1.5, 3.0), (5.0, 1.5, 5.0), (-1.0, 25.0, 10.0)],
    ],
)
def test_how_long_a_look_may_take(left, usual, seconds):
    assert look_seconds(left, usual) == seconds


def test_the_limit_of_a_block_holds_for_all_of_its_requests_together():
    assert limited(30.0) == 30.0
    with time_limit(5.0):
        assert 4.0 < limited(30.0) <= 5.0
        assert limited(2.0) == 2.0
        with time_limit(0.0):
            assert limited(30.0) <= 0.0
        assert limited(30.0) > 4.0
    assert limited(30.0) == 30.0


def answers_once(peer: Peer) -> None:
    """Tell of a running task once, and hang ever after."""
    server_answer = ways.answers(ways.TASK)["with its length"][0]
    peer.read_request()
    peer.send(server_answer)
    peer.hang()


@pytest.mark.parametrize("ids", [["17"], ["17", "18"]])
@pytest.mark.parametrize("way", [answers_once, ways.says_nothing, ways.SLOW["drips a body"]])
def test_a_wait_ends_at_its_deadline_whatever_its_looks_are_doing(way, ids):
    with HostileServer(way, lifetime=10.0) as server:
        client = GatewayClient(GatewaySettings.parse(host=f"http://{server.host}"))
        began = time.time()
        watch = Watch(
            mj_task_ids=ids,
            wait=Wait(gateway="gw.example", started_at=began, deadline=began + 1.2, interval=0.1),
            goal=Goal(total=len(ids)),
            source=client,
            progress=Progress(logging.getLogger("test")),
            answered=True,
        )
        watch.block()
        client.close()
    assert time.time() - began < 2.5
    assert watch.outcomes == [Outcome.TIMEOUT] * len(ids)
    assert "was not finished after 1 s; the last check failed" in next(iter(watch.stops.values())).message
    assert "may still finish" in next(iter(watch.stops.values())).message


class Source:
    """A gateway that shows one task, and notes how long each call might take."""

    def __init__(self, *shown: Any) -> None:
        self.shown = list(shown)
        self.limits: list[float] = []

    def look(self, mj_task_ids: Sequence[str]) -> dict[str, Any]:
        return {one: self.look_alone(one) for one in mj_task_ids}

    def look_alone(self, mj_task_id: str) -> Any:
        self.limits.append(limited(1000.0))
        return self.shown.pop(0)

    def get_whole(self, mj_task_ids: Sequence[str]) -> dict[str, Task]:
        self.limits.append(limited(1000.0))
        return {}


def watch_of(source: Source, left: float, *mj_task_ids: str) -> Watch:
    return Watch(
        mj_task_ids=mj_task_ids,
        wait=Wait(gateway="gw.example", started_at=-1000.0, deadline=100.0 + left, interval=5.0),
        goal=Goal(total=len(mj_task_ids)),
        source=source,
        progress=Progress(logging.getLogger("test")),
        answered=True,
        now=lambda: 100.0,
    )


WHOLE = [Task(id=one, status="SUCCESS", is_whole=True) for one in ("17", "18")]
PARTIAL = [replace(task, is_whole=False) for task in WHOLE]


@pytest.mark.parametrize(
    ("shown", "limits"),
    [
        # A look at two, and both asked for whole.
        (PARTIAL, {7.0: [7.0, 7.0, 7.0], -50.0: [10.0, 10.0, 10.0]}),
        # A look at two, of which the list leaves one out, which is asked for alone.
        ([None, *WHOLE], {7.0: [7.0, 7.0, 7.0], -50.0: [10.0, 10.0, 1.0]}),
    ],
)
@pytest.mark.parametrize("left", [7.0, -50.0])
def test_every_call_of_a_wait_has_a_limit(shown, limits, left):
    source = Source(*shown)
    watch_of(source, left, "17", "18").check()
    assert source.limits == pytest.approx(limits[left], abs=0.5)


class Hanging:
    """A client whose looks hang until they are let go."""

    gateway = "gw.example"

    def __init__(self) -> None:
        self.release = threading.Event()
        self.looks = 0

    def look(self, mj_task_ids: Sequence[str]) -> dict[str, Any]:
        self.looks += 1
        self.release.wait(20)
        return dict.fromkeys(mj_task_ids, GatewayUnreachableError("x", gateway=self.gateway))

    look_alone = close = None


def test_a_poller_keeps_deadlines_while_a_look_hangs():
    client = Hanging()
    client.close = lambda: None
    poller = Poller(client, lambda: None)

    async def wait_for(mj_task_id: str, seconds: float) -> tuple[Outcome, float]:
        now = time.time()
        wait = Wait(gateway="gw.example", started_at=now, deadline=now + seconds, interval=0.05)
        with poller.subscribe(wait, [mj_task_id]) as news:
            while True:
                step = (await news.next())[mj_task_id]
                if isinstance(step, Stop):
                    return step.outcome, time.time() - now

    async def story() -> list[tuple[Outcome, float]]:
        first, second = (
            asyncio.create_task(wait_for(one, seconds)) for one, seconds in (("17", 0.4), ("18", 0.9))
        )
        await first
        # Whoever comes while a look hangs has a deadline of its own.
        third = asyncio.create_task(wait_for("19", 0.2))
        return [await first, await second, await third]

    try:
        ends = asyncio.run(asyncio.wait_for(story(), 10))
    finally:
        client.release.set()
    assert [outcome for outcome, _ in ends] == [Outcome.TIMEOUT] * 3
    assert all(seconds < most for (_, seconds), most in zip(ends, (0.9, 1.6, 1.4), strict=True))
    assert client.looks == 1
