"""A hundred triggers at a hostile gateway and a hundred at an honest one, in one event loop.

Whatever the hostile one does, the loop goes on turning, the honest triggers fire in time, and the hostile
ones keep their own deadline. Both gateways run in processes of their own.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from two_gateways import MISBEHAVIOURS

from airflow_provider_mj.triggers.mj import MJTaskTrigger
from benchmarks.stalls import WatchedSelector

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

pytestmark = pytest.mark.alone

TRIGGERS = 100
INTERVAL = 1.0
HOSTILE_INTERVAL = 0.05
MARK = 0.1
"""Seconds for which the loop may stand still, on a machine where it does not do so anyway."""
ALONE, TOGETHER = 3.0, 10.0
"""Seconds in which the honest tasks come to their end: without the hostile gateway, and with it."""
LATE = 1.0
"""Seconds after its deadline in which a hostile trigger has to fire."""
PATIENCE = 6.0
_BEAT = 0.01


@dataclass
class Course:
    """What was seen of some triggers."""

    lateness: list[float] = field(default_factory=list)
    past_deadline: list[float] = field(default_factory=list)
    outcomes: set[str] = field(default_factory=set)
    still_waiting: int = 0
    stall: float = 0.0
    stall_with_collections: float = 0.0

    def __str__(self) -> str:
        stall, with_collections = self.stall * 1000, self.stall_with_collections * 1000
        return (
            f"the loop stood still for {stall:.0f} ms ({with_collections:.0f} with garbage collection), "
            f"the honest event came {self.latest:.2f} s after the end of its task, at the most"
        )

    @property
    def latest(self) -> float:
        """Seconds from the end of a task to the event that tells it, at the most."""
        return max(self.lateness)


@contextmanager
def gateway(kind: str) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).parent / "two_gateways.py"), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@pytest.fixture
def hostile_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run both gateways, and let a connection lead to each."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with gateway("honest") as honest, gateway("hostile") as hostile:
        for name, url, timeout in (("HONEST", honest, 10), ("HOSTILE", hostile, 0.6)):
            extra = {"read_timeout": timeout, "connect_timeout": 2}
            value = {"conn_type": "mj", "host": url, "password": "sk-0123456789", "extra": extra}
            monkeypatch.setenv(f"AIRFLOW_CONN_MJ_{name}", json.dumps(value))
        yield hostile


def in_watched_loop(story: Coroutine[Any, Any, Course]) -> Course:
    """Run a story in an event loop that notes for how long it stands still."""
    selector = WatchedSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(warm_up())
        with selector.watching():
            course = runner.run(story)
            course.stall, course.stall_with_collections = selector.longest_without_gc, selector.longest
    return course


async def warm_up() -> None:
    """Let everything be imported that is imported once."""
    now = time.time()
    await ended(honest_trigger("warm", now, now + 60), Course(), now)


async def beat() -> None:
    """Have something to do all the time, so that the loop notices whenever it can't."""
    while True:
        await asyncio.sleep(_BEAT)


def honest_trigger(name: str, finish: float, deadline: float) -> MJTaskTrigger:
    return MJTaskTrigger([f"{name}-{int(finish * 1000)}"], "mj_honest", INTERVAL, deadline)


async def ended(trigger: MJTaskTrigger, course: Course, finish: float) -> None:
    async for event in trigger.run():
        course.lateness.append(time.time() - finish)
        course.outcomes |= {one["outcome"] for one in event.payload["outcomes"].values()}


async def at_deadline(trigger: MJTaskTrigger, course: Course) -> None:
    async for event in trigger.run():
        course.past_deadline.append(time.time() - trigger.deadline)
        outcomes = event.payload.get("outcomes", {"": {"outcome": event.payload.get("error")}})
        course.outcomes |= {str(one["outcome"]) for one in outcomes.values()}


async def honest_alone(seconds: float) -> Course:
    course, heart = Course(), asyncio.create_task(beat())
    await honest_ones(course, seconds)
    heart.cancel()
    return course


async def honest_ones(course: Course, seconds: float) -> None:
    drawn = random.Random(seconds)
    now = time.time()
    ends = [now + drawn.uniform(0.5, seconds) for _ in range(TRIGGERS)]
    triggers = (honest_trigger(f"h{number}", end, now + 60) for number, end in enumerate(ends))
    await asyncio.gather(*(ended(one, course, end) for one, end in zip(triggers, ends, strict=True)))


async def with_hostile_ones(hostile: Course) -> Course:
    course, heart = Course(), asyncio.create_task(beat())
    deadline = time.time() + TOGETHER
    triggers = (MJTaskTrigger([f"e-{n}"], "mj_hostile", HOSTILE_INTERVAL, deadline) for n in range(TRIGGERS))
    waits = [asyncio.create_task(at_deadline(one, hostile)) for one in triggers]
    await honest_ones(course, TOGETHER)
    _, waiting = await asyncio.wait(waits, timeout=max(0.0, deadline + PATIENCE - time.time()))
    hostile.still_waiting = len(waiting)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    heart.cancel()
    return course


def test_a_hostile_gateway_harms_no_other_in_the_same_loop(hostile_url):
    alone = in_watched_loop(honest_alone(ALONE))
    hostile = Course()
    together = in_watched_loop(with_hostile_ones(hostile))
    with urllib.request.urlopen(f"{hostile_url}/done", timeout=5) as answer:
        done = json.load(answer)
    missing = sorted(set(MISBEHAVIOURS) - set(done))
    past = f"{max(hostile.past_deadline):.2f} s" if hostile.past_deadline else "never"
    figures = (
        f"alone: {alone}\nwith {TRIGGERS} hostile triggers: {together}\n"
        f"hostile triggers: {len(hostile.past_deadline)} fired, the last {past} past the deadline; "
        f"{hostile.still_waiting} still waited {PATIENCE:.0f} s after it; {sorted(hostile.outcomes)}\n"
        f"{len(done)} requests to the hostile gateway; never came to: {missing}"
    )
    sys.stdout.write(f"\n{figures}\n")
    assert alone.outcomes == together.outcomes == {"success"}, figures
    assert len(together.lateness) == TRIGGERS, figures
    trouble = [
        what
        for is_bad, what in (
            # What the machine does to a loop without a hostile gateway is nobody's fault.
            (together.stall > MARK + alone.stall, "the loop stood still"),
            (together.latest > alone.latest + INTERVAL, "honest triggers were late"),
            (hostile.still_waiting > 0, "hostile triggers waited beyond their deadline"),
            (max(hostile.past_deadline, default=0.0) > LATE, "hostile triggers ended late"),
            (hostile.outcomes - {"timeout"}, "hostile triggers ended otherwise"),
            (bool(missing), "not every kind of answer had its turn"),
        )
        if is_bad
    ]
    assert not trouble, f"{trouble}\n{figures}"


def test_a_loop_that_stands_still_is_seen():
    async def story() -> Course:
        heart = asyncio.create_task(beat())
        await asyncio.sleep(0.05)
        time.sleep(0.2)
        await asyncio.sleep(0.05)
        heart.cancel()
        return Course()

    selector = WatchedSelector()
    with (
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner,
        selector.watching(),
    ):
        runner.run(story())
        assert selector.longest_without_gc >= 0.2
