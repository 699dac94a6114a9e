"""One contestant in a process of its own: ``python -m benchmarks.measure CONTESTANT SCENARIO URL``.

It prints one JSON object: the moment of each event, CPU, memory, the longest stall of the event loop.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.contestants import CONTESTANTS, Wait
from benchmarks.gateway import START
from benchmarks.scenario import WARM_UP_ID, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEAT = 0.005
_CALIBRATIONS, _CALIBRATION = 15, 0.2
_WARM_UP_INTERVAL = 0.05


class Pauses:
    """Adds up what Python's garbage collection takes: it stops the event loop, whoever made the garbage."""

    def __init__(self) -> None:
        self._finished = 0.0
        self._began: float | None = None

    def note(self, phase: str, _: dict[str, int]) -> None:
        """Be told of the start and the end of each collection."""
        now = time.perf_counter()
        if phase == "start":
            self._began = now
        elif self._began is not None:
            self._finished, self._began = self._finished + now - self._began, None

    @property
    def seconds(self) -> float:
        """The time of all collections until now; another thread may be about to note the end of one."""
        began = self._began
        return self._finished + (0.0 if began is None else time.perf_counter() - began)


class Heartbeat:
    """Asks to be called every 5 ms, and notes how late the event loop does it.

    :param all_wait: seconds after which it measures the memory once: the longest pause of all, which is
        ours and no stall.
    """

    def __init__(self, all_wait: float) -> None:
        self.pauses = Pauses()
        self.longest = 0.0
        self.longest_without_gc = 0.0
        self.beats = 0
        self.memory = 0
        self.cpu_of_memory = 0.0
        self._loop = asyncio.get_running_loop()
        self._measure_at = self._loop.time() + all_wait
        self._collected = 0.0
        self._next: asyncio.TimerHandle
        self._ask()

    def stop(self) -> None:
        """Beat no more."""
        self._next.cancel()

    def _ask(self) -> None:
        self._collected = self.pauses.seconds
        self._next = self._loop.call_later(_BEAT, self._beat)

    def _beat(self) -> None:
        late = self._loop.time() - self._next.when()
        self.beats += 1
        self.longest = max(self.longest, late)
        self.longest_without_gc = max(self.longest_without_gc, late - (self.pauses.seconds - self._collected))
        if not self.memory and self._loop.time() >= self._measure_at:
            before = time.process_time()
            self.memory = resident_bytes()
            self.cpu_of_memory = time.process_time() - before
        self._ask()


@contextmanager
def beating(all_wait: float) -> Iterator[Heartbeat]:
    """Let a heartbeat run beside what is in the block."""
    heartbeat = Heartbeat(all_wait)
    gc.callbacks.append(heartbeat.pauses.note)
    yield heartbeat
    heartbeat.stop()
    gc.callbacks.remove(heartbeat.pauses.note)


def control(url: str) -> Any:
    """Ask the gateway for what is no part of the comparison."""
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def count_full_collections() -> int:
    """Give how often all of the heap was searched for garbage."""
    return int(gc.get_stats()[-1]["collections"])


def resident_bytes() -> int:
    """Give the memory that the process really holds, without garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def cpu_of_a_beat() -> float:
    """Give the CPU seconds of one beat in a process that does nothing else."""
    costs = []
    with beating(float("inf")) as heartbeat:
        for _ in range(_CALIBRATIONS):
            cpu, beats = time.process_time(), heartbeat.beats
            await asyncio.sleep(_CALIBRATION)
            costs.append((time.process_time() - cpu) / (heartbeat.beats - beats))
    return median(costs)


async def measure(wait: Wait, scenario: Scenario, url: str) -> dict[str, Any]:
    """Wait for all tasks of a scenario, and tell what it took.

    :param wait: the contestant.
    :param scenario: the tasks, whose time starts to run now.
    :param url: address of the gateway.
    :returns: moments of the events by id, and the costs, without those of measuring.
    """
    beat = await cpu_of_a_beat()
    events: list[tuple[str, float]] = []
    ids = list(scenario.durations)
    control(url + START)
    before = time.perf_counter()
    memory = resident_bytes()
    collection = time.perf_counter() - before
    full_collections, cpu = count_full_collections(), time.process_time()
    with beating(scenario.all_wait) as heartbeat:
        await wait(url, ids, scenario.interval, lambda id_: events.append((id_, time.time())))
    cpu = time.process_time() - cpu
    return {
        "events": events,
        "cpu": cpu - heartbeat.beats * beat - heartbeat.cpu_of_memory,
        "cpu_of_heartbeat": heartbeat.beats * beat,
        "memory": heartbeat.memory - memory,
        "full_collection": collection,
        "full_collections": count_full_collections() - full_collections - 1,  # one to measure the memory
        "longest_stall": heartbeat.longest,
        "longest_stall_without_gc": heartbeat.longest_without_gc,
    }


def prepare() -> None:
    """Make this process what a triggerer is: Airflow imported, logs in JSON at level INFO."""
    import airflow.triggers.base  # noqa: F401 (for every contestant, so that the heaps are alike)
    from airflow.sdk.log import configure_logging

    nowhere = open(os.devnull, "wb")  # noqa: SIM115 (for the life of the process)
    configure_logging(json_output=True, output=nowhere, sending_to_supervisor=True)


def main(contestant: str, scenario: str, url: str) -> None:
    """Measure one contestant, after a first wait that imports what it imports late."""
    prepare()
    wait = CONTESTANTS[contestant]
    asyncio.run(wait(url, [WARM_UP_ID], _WARM_UP_INTERVAL, lambda _: None))
    print(json.dumps(asyncio.run(measure(wait, Scenario.parse(scenario), url))))


if __name__ == "__main__":
    main(*sys.argv[1:])
