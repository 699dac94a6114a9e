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
from pathlib import Path
from typing import Any

from benchmarks.contestants import CONTESTANTS, Wait
from benchmarks.gateway import START
from benchmarks.scenario import WARM_UP_ID, Scenario
from benchmarks.stalls import WatchedSelector

_WARM_UP_INTERVAL = 0.05


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


class Memory:
    """Measures the memory once, while all tasks wait.

    :param selector: it must not take the measuring for a stall.
    :param all_wait: seconds until then.
    """

    def __init__(self, selector: WatchedSelector, all_wait: float) -> None:
        self._selector = selector
        self._before = resident_bytes()
        self.growth = 0
        self.cpu = 0.0
        asyncio.get_running_loop().call_later(all_wait, self._measure)

    def _measure(self) -> None:
        cpu = time.process_time()
        with self._selector.looking_away():
            self.growth = resident_bytes() - self._before
        self.cpu = time.process_time() - cpu


async def measure(wait: Wait, scenario: Scenario, url: str, selector: WatchedSelector) -> dict[str, Any]:
    """Wait for all tasks of a scenario, and tell what it took.

    :param wait: the contestant.
    :param scenario: the tasks, whose time starts to run now.
    :param url: address of the gateway.
    :param selector: that of the running loop.
    :returns: moments of the events by id, and the costs, without those of measuring.
    """
    events: list[tuple[str, float]] = []
    ids = list(scenario.durations)
    before = time.perf_counter()
    gc.collect()
    full_collection = time.perf_counter() - before
    control(url + START)
    memory = Memory(selector, scenario.all_wait)
    full_collections, cpu = count_full_collections(), time.process_time()
    with selector.watching():
        await wait(url, ids, scenario.interval, lambda id_: events.append((id_, time.time())))
    return {
        "events": events,
        "cpu": time.process_time() - cpu - memory.cpu,
        "memory": memory.growth,
        "full_collection": full_collection,
        "full_collections": count_full_collections() - full_collections - 1,  # one to measure the memory
        "longest_stall": selector.longest,
        "longest_stall_without_gc": selector.longest_without_gc,
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
    selector = WatchedSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        measured = runner.run(measure(wait, Scenario.parse(scenario), url, selector))
    print(json.dumps(measured))


if __name__ == "__main__":
    main(*sys.argv[1:])
