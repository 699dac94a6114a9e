"""The results of the kill test: on the terminal, as JSON, as a Markdown table."""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmarks.payonce.cases import TURNS, Point, Victim
from benchmarks.payonce.judging import Outcome, faults
from benchmarks.results import markdown_table, write, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.payonce.judging import Ending

COMMAND = "make bench-payonce"
_WORDS = {
    Point.BEFORE_POST: "before the POST, the intent is written",
    Point.BEFORE_POST_NEW: "the same, and the gateway was just started",
    Point.IN_FLIGHT: "in the POST, it is charged, the answer withheld",
    Point.AFTER_ANSWER: "after the answer, the id is not stored",
    Point.ID_STORED: "after the id is stored",
    Point.LOOKING: "while it waits, in a look",
    Point.DEFERRED: "while it waits, the triggerer is killed",
    Point.RESUMED: "when it comes back in `execute_complete`",
    Point.FINISHED: "after the last look, before the XComs",
}


def table(endings: Sequence[Ending]) -> str:
    """Give the Markdown table: points and modes down, dialects across."""
    dialects = list(dict.fromkeys(ending.case.dialect for ending in endings))
    rows = dict.fromkeys((ending.case.point, ending.case.mode) for ending in endings)
    order = sorted(rows, key=lambda row: (list(Point).index(row[0]), row[1]))
    return markdown_table(
        ("killed", "mode", *dialects),
        [(_WORDS[row[0]], row[1], *(_cell(endings, row, dialect) for dialect in dialects)) for row in order],
    )


def totals(endings: Sequence[Ending]) -> dict[str, int]:
    """Count over all cases."""
    killed = Counter(ending.case.victim for ending in endings if ending.was_killed)
    ended = Counter(ending.outcome for ending in endings)
    return {
        "cases that were hit by a kill": killed.total(),
        "processes of tasks that were killed": killed[Victim.TASK],
        "waits whose triggerer was killed": killed[Victim.TRIGGERER],
        "charges": sum(len(ending.charged) for ending in endings),
        "double charges": sum(ending.is_paid_twice for ending in endings),
        "lost pictures": sum(ending.is_lost for ending in endings),
        "pictures": ended[Outcome.PICTURE],
        "unknown, and charged": _unknown(endings, is_charged=True),
        "unknown, and not charged": _unknown(endings, is_charged=False),
        "other endings": ended[Outcome.OTHER],
    }


def publish(endings: Sequence[Ending], seconds: float) -> list[str]:
    """Print and write the results.

    :param endings: how each case ended.
    :param seconds: how long it took.
    :returns: what is not as it must be.
    """
    wrong = [fault for ending in endings for fault in faults(ending)]
    counted = totals(endings)
    lines = "".join(f"- {what}: {count}\n" for what, count in counted.items())
    text = (
        f"{table(endings)}\n{_EXPLANATION}\n\n{lines}\n{_list(wrong)}"
        f"Made with `{COMMAND}` in {seconds / 60:.0f} minutes. {_conditions()}\n"
    )
    write("payonce.md", text)
    write_json("payonce.json", {"totals": counted, "faults": wrong, "cases": [_raw(one) for one in endings]})
    print(text)
    return wrong


_EXPLANATION = (
    f"Every case was run {TURNS} times. A cell has how it ended and, in parentheses, how often the gateway "
    "charged for one. All kills are SIGKILL. `picture`: the task succeeded, its XCom has the task that was "
    "charged, and the link in its XCom opens. `unknown`: it failed without paying again, and its log says "
    "that nobody knows whether it paid, and what to do."
)


def _cell(endings: Iterable[Ending], row: tuple[Point, str], dialect: str) -> str:
    found = Counter(
        f"{ending.outcome} ({len(ending.charged)})"
        for ending in endings
        if (ending.case.point, ending.case.mode) == row and ending.case.dialect == dialect
    )
    # What all of them did needs no number.
    return ", ".join(what if len(found) == 1 else f"{count} {what}" for what, count in found.items())


def _unknown(endings: Iterable[Ending], *, is_charged: bool) -> int:
    return sum(one.outcome is Outcome.UNKNOWN and bool(one.charged) is is_charged for one in endings)


def _list(wrong: Sequence[str]) -> str:
    return "".join(f"- **{fault}**\n" for fault in wrong) + "\n" if wrong else ""


def _raw(ending: Ending) -> dict[str, object]:
    return asdict(ending) | {"outcome": ending.outcome}


def _conditions() -> str:
    airflow, system = version("apache-airflow"), f"{platform.system()} {platform.machine()}"
    return f"Airflow {airflow}, Python {platform.python_version()}, {system}, {os.cpu_count()} cores."
