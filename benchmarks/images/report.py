"""The results of saving: on the terminal, as JSON, as a Markdown table, and the marks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.images.savers import LOOP, OURS
from benchmarks.marks import Mark
from benchmarks.results import FOLDER, conditions, conditions_line, markdown_table, write, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMMAND = "make bench-images"
_TIMES_LOOP, _MEMORY_MIB = 1.3, 64.0
_PACKAGES = ("apache-airflow", "fsspec", "pillow", "requests", "urllib3")
_HEADER = (
    "contestant",
    "pictures",
    "answer after",
    "s",
    "times the loop",
    "CPU s",
    "ms each",
    "MiB over baseline",
)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What it took one contestant to save the same pictures several times; a value for each time.

    :param delay: milliseconds until the host answers.
    :param seconds: by the clock.
    :param cpu_seconds: user and system time.
    :param baseline_mib: resident memory before.
    :param growth_mib: how far the memory went over that.
    """

    saver: str
    pictures: int
    delay: int
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    baseline_mib: tuple[float, ...]
    growth_mib: tuple[float, ...]


def marks(costs: Iterable[Cost]) -> list[Mark]:
    """Judge a run: the time by its median, the memory by its worst."""
    found = {cost.saver: cost for cost in costs if cost.delay == 0}
    ours, loop = found[OURS], found[LOOP]
    return [
        Mark(
            f"seconds for {ours.pictures} pictures, {_TIMES_LOOP} times those of the loop with {LOOP}",
            _TIMES_LOOP * median(loop.seconds),
            median(ours.seconds),
        ),
        Mark(
            f"memory in MiB over the baseline at {ours.pictures} pictures",
            _MEMORY_MIB,
            max(ours.growth_mib),
        ),
    ]


def table(costs: Sequence[Cost]) -> str:
    """Give the costs as Markdown."""
    loops = {(cost.pictures, cost.delay): median(cost.seconds) for cost in costs if cost.saver == LOOP}
    return markdown_table(_HEADER, [_cells(cost, loops.get((cost.pictures, cost.delay))) for cost in costs])


def publish(costs: Sequence[Cost], size: int) -> None:
    """Print the table and the marks, and write everything into the folder of results.

    :param size: of a picture in bytes.
    """
    judged = marks(costs)
    verdicts = "".join(f"- {mark}\n" for mark in judged)
    made = f"Made with `{COMMAND}`. {conditions_line(_PACKAGES)}"
    text = f"{table(costs)}\n{_explanation(costs[0], size)}\n\n{verdicts}\n{made}\n"
    write("images.md", text)
    write_json(
        "images.json",
        {
            "conditions": conditions(_PACKAGES),
            "costs": [asdict(cost) for cost in costs],
            "marks": [asdict(mark) | {"is_reached": mark.is_reached} for mark in judged],
        },
    )
    print(f"\n{text}\nwritten to {FOLDER}")


def _cells(cost: Cost, loop: float | None) -> tuple[str, ...]:
    seconds = median(cost.seconds)
    return (
        cost.saver,
        f"{cost.pictures}",
        f"{cost.delay} ms",
        f"{seconds:.2f}",
        f"{seconds / loop:.2f}" if loop else "",
        f"{median(cost.cpu_seconds):.2f}",
        f"{seconds / cost.pictures * 1000:.1f}",
        f"{max(cost.growth_mib):.1f}",
    )


def _explanation(cost: Cost, size: int) -> str:
    return (
        f"Pictures are PNGs of {size / 2**20:g} MiB and 2048 x 2048 pixels. Their host is a process of its "
        "own on the same machine, without TLS, and answers at once or after the time that an answer takes "
        "across the internet; the files go into a folder of the same machine. Every contestant runs in a "
        "fresh process that has imported Airflow and has saved one picture of 4 KiB: its memory then is the "
        f"baseline. Seconds are the median of {len(cost.seconds)} turns, in each of which every contestant "
        "runs once, the other way round every other time; memory is the most of all turns. The loops check "
        "nothing but the status, and write under the last name, without a checksum and without a history "
        "beside it."
    )
