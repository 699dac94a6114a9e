"""How the benchmark of saving measures and judges, and that the page shows its last results."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.images.__main__ import Case, InvalidRunError, check, measure_all
from benchmarks.images.host import picture
from benchmarks.images.measure import measure
from benchmarks.images.report import Cost, marks, table
from benchmarks.images.savers import LOOP, OURS, QUARTERS

CLONE = Path(__file__).resolve().parents[2]
KIB, MIB = 1024, 1024 * 1024
SIZE = 64 * KIB


def cost(saver: str, *seconds: float, growth: tuple[float, ...] = (1.0,), **more: Any) -> Cost:
    facts = {"pictures": 200, "delay": 0, "cpu_seconds": seconds, "baseline_mib": (100.0,)} | more
    return Cost(saver=saver, seconds=seconds, growth_mib=growth, **facts)


@pytest.mark.parametrize(
    ("ours", "loop", "reached"),
    [
        pytest.param(cost(OURS, 1.3), cost(LOOP, 1.0), [True, True], id="at the limit"),
        pytest.param(cost(OURS, 1.31), cost(LOOP, 1.0), [False, True], id="too slow"),
        pytest.param(cost(OURS, 9, 1, 1), cost(LOOP, 1, 1, 0.1), [True, True], id="slow once"),
        pytest.param(cost(OURS, 2, 1, 2), cost(LOOP, 1, 9, 1), [False, True], id="quick once"),
        pytest.param(
            cost(OURS, 1.0, growth=(1, 64.1, 1)), cost(LOOP, 1.0), [True, False], id="too large once"
        ),
    ],
)
def test_time_is_judged_by_the_median_and_memory_by_the_worst(
    ours: Cost, loop: Cost, reached: list[bool]
) -> None:
    far = [cost(OURS, 60.0, delay=50), cost(LOOP, 1.0, delay=50)]
    assert [mark.is_reached for mark in marks([ours, loop, *far])] == reached


def test_the_table_compares_with_the_loop_under_the_same_conditions() -> None:
    costs = [
        cost(OURS, 3.0),
        cost(LOOP, 2.0),
        cost(OURS, 3.0, delay=50, pictures=50),
        cost(LOOP, 1.0, delay=50, pictures=50),
        cost(QUARTERS, 5.0, pictures=50),
    ]
    found = [line.split(" | ")[4] for line in table(costs).splitlines()[2:]]
    assert found == ["1.50", "1.00", "3.00", "1.00", ""]


@pytest.mark.parametrize("size", [4096, SIZE, 2 * MIB])
def test_a_picture_has_its_size_and_is_whole(size: int) -> None:
    drawn = picture(1, size)
    assert len(drawn) == size
    assert drawn != picture(2, size)
    with Image.open(io.BytesIO(drawn)) as image:
        image.load()
        first, last = (image.crop((0, y, image.width, y + 1)).tobytes() for y in (0, image.height - 1))
    assert len(set(first)) > 64
    assert first != last


def test_memory_that_was_given_back_counts() -> None:
    measured = measure(lambda: bytearray(b"x" * 32 * MIB).clear())
    assert measured["growth"] > 24 * MIB
    assert measure(lambda: None)["growth"] < 4 * MIB


@pytest.mark.parametrize(
    ("saver", "sizes"),
    [(OURS, [SIZE, SIZE]), (OURS, [SIZE, SIZE, SIZE - 1]), (OURS, [SIZE] * 4), (QUARTERS, [SIZE] * 3)],
)
def test_a_run_that_saved_something_else_does_not_count(saver: str, sizes: list[int]) -> None:
    with pytest.raises(InvalidRunError, match=saver):
        check(Case(saver, pictures=3), sizes, SIZE)


def test_every_kind_of_contestant_saves_all_pictures() -> None:
    cases = [Case(OURS, pictures=3), Case(LOOP, pictures=3, delay=20), Case(QUARTERS, pictures=1)]
    ours, loop, quarters = measure_all(cases, 1, SIZE)
    assert (ours.saver, loop.saver, quarters.saver) == (OURS, LOOP, QUARTERS)
    assert loop.seconds[0] > 3 * 0.02
    assert all(one.baseline_mib[0] > 0 and one.growth_mib[0] < 64 for one in (ours, loop, quarters))


def test_the_page_shows_the_last_results() -> None:
    page = (CLONE / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    results = (CLONE / "benchmarks" / "results" / "images.md").read_text(encoding="utf-8")
    assert results in page
