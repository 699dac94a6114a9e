"""The results of waiting: on the terminal, as JSON, as a Markdown table, as a plot."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.marks import marks
from benchmarks.plot import plot
from benchmarks.results import FOLDER, conditions, conditions_line, markdown_table, write, write_json
from benchmarks.scenario import ANSWER, INTERVAL, LONGEST, SHORTEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.waiting import Cost

COMMAND = "make bench"
_HEADER = (
    "contestant",
    "tasks",
    "scale (interval)",
    "requests",
    "CPU s",
    "KiB/task",
    "p50 s",
    "p95 s",
    "max s",
    "longest stall ms",
    "without gc ms",
    "full gc",
)


def line(cost: Cost) -> str:
    """Give one result as a line for the terminal."""
    return (
        f"{cost.contestant:<18} {cost.tasks:>5} tasks, scale {cost.scale:g}: {cost.requests:>6} requests, "
        f"{cost.cpu_seconds:7.3f} CPU s, {cost.kib_per_task:6.2f} KiB/task, "
        f"latency p50 {cost.latency_p50:.2f} p95 {cost.latency_p95:.2f} max {cost.latency_max:.2f} s, "
        f"longest stall {cost.longest_stall_ms:.0f} ms ({cost.longest_stall_without_gc_ms:.0f} without gc)"
    )


def publish(costs: Sequence[Cost]) -> None:
    """Print the table and the marks, and write everything into the folder of results."""
    judged = marks(costs)
    table = markdown_table(_HEADER, [_cells(cost) for cost in costs])
    verdicts = "".join(f"- {mark}\n" for mark in judged)
    write(
        "waiting.md",
        f"{table}\n{_explanation(costs)}\n\n{verdicts}\nMade with `{COMMAND}`. {conditions_line()}\n",
    )
    write("waiting.svg", plot(costs))
    write_json(
        "waiting.json",
        {
            "conditions": conditions(),
            "costs": [asdict(cost) for cost in costs],
            "marks": [asdict(mark) | {"is_reached": mark.is_reached} for mark in judged],
        },
    )
    print(f"\n{table}\n{verdicts}\nwritten to {FOLDER}")


def _cells(cost: Cost) -> tuple[str, ...]:
    return (
        cost.contestant,
        f"{cost.tasks}",
        f"1/{cost.scale:g} ({cost.interval:g} s)",
        f"{cost.requests:,}",
        f"{cost.cpu_seconds:.2f}",
        f"{cost.kib_per_task:.1f}",
        f"{cost.latency_p50:.2f}",
        f"{cost.latency_p95:.2f}",
        f"{cost.latency_max:.2f}",
        f"{cost.longest_stall_ms:.0f}",
        f"{cost.longest_stall_without_gc_ms:.0f}",
        f"{cost.full_collections}",
    )


def _explanation(costs: Sequence[Cost]) -> str:
    pause = median(cost.full_collection_ms for cost in costs)
    return (
        f"Tasks take {SHORTEST:.0f} to {LONGEST:.0f} s, the interval is {INTERVAL:.0f} s, an answer of the "
        f"gateway takes {ANSWER * 1000:.0f} ms, all times the scale. All waits begin at once, as after a "
        "restart of the triggerer. Latency is the time from the moment the gateway finished a task to the "
        "event. In a stall the loop can't turn to anything else. Python's garbage collector stops "
        f"the loop whoever made the garbage: one full collection takes {pause:.0f} ms in a process that has "
        "imported Airflow and waits for nothing yet, and any few thousand triggers cause some."
    )
