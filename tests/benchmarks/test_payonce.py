"""How the kill test judges, and that the page shows its last results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_mj.sandbox import DIALECTS
from benchmarks.payonce.cases import Case, Point, Victim, cases
from benchmarks.payonce.judging import Ending, Outcome, faults
from benchmarks.payonce.report import table, totals

CLONE = Path(__file__).resolve().parents[2]


def ended(point: Point, dialect: str = "crazyrouter", **facts: object) -> Ending:
    """Give the ending of a case that was charged once and ended with its picture, but for some facts."""
    victim = Victim.TRIGGERER if point is Point.DEFERRED else Victim.TASK
    ending = Ending(
        case=Case(dialect, victim, point, is_deferrable=True, turn=0),
        was_killed=True,
        state="success",
        tries=2,
        charged=("1",),
        mj_task_id="1",
        has_picture=True,
        has_lost_wait=False,
        says_unknown=False,
    )
    return replace(ending, **facts)  # type: ignore[arg-type]


UNKNOWN: dict[str, object] = {
    "state": "failed",
    "mj_task_id": None,
    "has_picture": False,
    "says_unknown": True,
}


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        pytest.param(ended(Point.ID_STORED), Outcome.PICTURE, id="a picture"),
        pytest.param(
            ended(Point.DEFERRED, tries=1), Outcome.PICTURE, id="a wait that survives its triggerer"
        ),
        pytest.param(ended(Point.BEFORE_POST, **UNKNOWN, charged=()), Outcome.UNKNOWN, id="nothing was paid"),
        pytest.param(ended(Point.BEFORE_POST, "trueai"), Outcome.PICTURE, id="surely not there, so paid now"),
    ],
)
def test_an_ending_as_it_must_be_has_no_fault(ending: Ending, outcome: Outcome) -> None:
    assert ending.outcome is outcome
    assert faults(ending) == []


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        pytest.param(ended(Point.ID_STORED, charged=("1", "2")), "paid 2 times", id="twice"),
        pytest.param(ended(Point.ID_STORED, **UNKNOWN), "picture is lost", id="the id was stored"),
        pytest.param(ended(Point.IN_FLIGHT, "trueai", **UNKNOWN), "picture is lost", id="a list has it"),
        pytest.param(ended(Point.AFTER_ANSWER, "gptplus5", **UNKNOWN), "picture is lost", id="a log has it"),
        pytest.param(ended(Point.ID_STORED, has_picture=False), "picture is lost", id="the link is dead"),
        pytest.param(ended(Point.ID_STORED, mj_task_id="7"), "picture is lost", id="another's picture"),
        pytest.param(
            ended(Point.AFTER_ANSWER, **UNKNOWN | {"says_unknown": False}),
            "neither",
            id="it failed without a word",
        ),
        pytest.param(ended(Point.BEFORE_POST, charged=()), "neither", id="a picture that nobody paid for"),
        pytest.param(ended(Point.LOOKING, was_killed=False), "not killed", id="not killed"),
        pytest.param(ended(Point.DEFERRED, has_lost_wait=True), "triggerer failed", id="the wait is lost"),
        pytest.param(ended(Point.LOOKING, tries=1), "not retried", id="not retried"),
        pytest.param(ended(Point.IN_FLIGHT, **UNKNOWN, charged=()), "another case", id="killed too early"),
    ],
)
def test_a_wrong_ending_is_named(ending: Ending, words: str) -> None:
    assert words in " ".join(faults(ending))


def test_every_dialect_is_killed_at_every_point_in_every_mode() -> None:
    found = {(case.dialect, case.point, case.is_deferrable) for case in cases()}
    blocking = [point for point in Point if point not in (Point.DEFERRED, Point.RESUMED)]
    assert found == {
        *((dialect, point, True) for dialect in DIALECTS for point in Point),
        *((dialect, point, False) for dialect in DIALECTS for point in blocking),
    }


def test_no_two_cases_can_be_taken_for_each_other() -> None:
    every = cases()
    assert len({case.prompt for case in every}) == len({case.name for case in every}) == len(every)


def test_the_table_shows_what_differs_between_the_turns() -> None:
    endings = [
        ended(Point.IN_FLIGHT),
        ended(Point.IN_FLIGHT, **UNKNOWN),
        ended(Point.IN_FLIGHT, charged=("1", "2")),
    ]
    assert "| 1 picture (1), 1 unknown (1), 1 picture (2) |" in table(endings)
    assert totals(endings)["double charges"] == 1


def test_the_page_shows_the_last_results() -> None:
    page = (CLONE / "docs" / "pay-once.md").read_text(encoding="utf-8")
    results = (CLONE / "benchmarks" / "results" / "payonce.md").read_text(encoding="utf-8")
    assert results in page
