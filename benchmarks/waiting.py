"""What waiting costs: ``python -m benchmarks.waiting [TASKS/SCALE ...]``.

Each contestant waits for the same tasks at the same gateway, in a fresh process, one after the other. The
durations are divided by the scale. That makes no mark easier: the same looks have to be done in less time,
and an HTTP sensor that can't keep up asks less often than it should.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.contestants import CONTESTANTS, connections
from benchmarks.gateway import REPORT
from benchmarks.measure import control
from benchmarks.scenario import LONGEST, Scenario
from benchmarks.serving import served

if TYPE_CHECKING:
    from collections.abc import Mapping

SCENARIOS = ("100/10", "1000/2", "5000/2")
_KIBI = 1024
_PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What it took one contestant to wait for the tasks of one scenario.

    :param cpu_seconds: user and system time without start and imports.
    :param kib_per_task: growth of the resident memory while all tasks waited, divided by their number.
    :param latency_p50: seconds from the moment the gateway finished a task to the event; also p95 and max.
    :param longest_stall_ms: the longest that the event loop could not turn to anything else; also without
        the pauses of Python's garbage collection, which grow with all that Airflow imports.
    :param full_collections: how often a pause was one of the whole heap.
    :param full_collection_ms: what such a pause takes before the first task waits.
    """

    contestant: str
    tasks: int
    scale: float
    interval: float
    requests: int
    cpu_seconds: float
    kib_per_task: float
    latency_p50: float
    latency_p95: float
    latency_max: float
    longest_stall_ms: float
    longest_stall_without_gc_ms: float
    full_collections: int
    full_collection_ms: float


class InvalidRunError(RuntimeError):
    """A contestant did not see each task end once, so that its costs say nothing."""


def cost(contestant: str, scenario: Scenario, measured: Mapping[str, Any], seen: Mapping[str, Any]) -> Cost:
    """Put together what the contestant's process measured and what the gateway saw.

    :raises InvalidRunError: when an event is missing, came twice, or came before its task was finished.
    """
    ids = [mj_task_id for mj_task_id, _ in measured["events"]]
    latencies = [moment - seen["finished"][mj_task_id] for mj_task_id, moment in measured["events"]]
    if sorted(ids) != sorted(seen["finished"]) or min(latencies) < 0:
        raise InvalidRunError(
            f"{contestant} gave {len(ids)} events for {scenario.tasks} tasks, or some early"
        )
    percentiles = quantiles(latencies, n=100, method="inclusive")
    return Cost(
        contestant=contestant,
        tasks=scenario.tasks,
        scale=scenario.scale,
        interval=scenario.interval,
        requests=sum(seen["requests"].values()),
        cpu_seconds=round(measured["cpu"], 3),
        kib_per_task=round(measured["memory"] / _KIBI / scenario.tasks, 2),
        latency_p50=round(percentiles[49], 3),
        latency_p95=round(percentiles[94], 3),
        latency_max=round(max(latencies), 3),
        longest_stall_ms=round(measured["longest_stall"] * 1000, 1),
        longest_stall_without_gc_ms=round(measured["longest_stall_without_gc"] * 1000, 1),
        full_collections=measured["full_collections"],
        full_collection_ms=round(measured["full_collection"] * 1000, 1),
    )


def run(contestant: str, scenario: Scenario) -> Cost:
    """Let one contestant wait for the tasks of a scenario.

    :raises InvalidRunError: when it did not see each task end once.
    """
    command = [sys.executable, "-m", "benchmarks.measure", contestant, str(scenario)]
    limit = LONGEST / scenario.scale + _PATIENCE
    with served("benchmarks.gateway", str(scenario)) as url, tempfile.TemporaryDirectory() as home:
        environ = os.environ | connections(url) | {"AIRFLOW_HOME": home, "_AIRFLOW_PROCESS_CONTEXT": "client"}
        shown = subprocess.run(
            [*command, url], env=environ, stdout=subprocess.PIPE, text=True, timeout=limit, check=True
        )
        seen = control(url + REPORT)
    return cost(contestant, scenario, json.loads(shown.stdout.splitlines()[-1]), seen)


def main(scenarios: list[str]) -> None:
    """Measure, print and write the results."""
    costs = []
    for scenario in map(Scenario.parse, scenarios):
        for contestant in CONTESTANTS:
            costs.append(run(contestant, scenario))
            print(report.line(costs[-1]), flush=True)
    report.publish(costs)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SCENARIOS))
