from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_mj.gateway.reconcile import CLOCK_SKEW, Reconciliation, Verdict, reconcile
from airflow_provider_mj.gateway.task import Task

STATE, OTHER = "airflow-ours", "airflow-theirs"
INTENT, GRACE = 1_790_000_000.0, 90.0
OVER = INTENT + GRACE
LONG_AGO = INTENT - CLOCK_SKEW - 1
FOUND, ABSENT, UNKNOWN = Verdict.FOUND, Verdict.ABSENT, Verdict.UNKNOWN


def task(mj_task_id: str, state: str | None = OTHER, submitted_at: float | None = LONG_AGO) -> Task:
    wire: dict[str, Any] = {"id": mj_task_id, "status": "SUCCESS", "state": state}
    return Task.from_wire(
        wire if submitted_at is None else {**wire, "submitTime": round(submitted_at * 1000)}
    )


OURS = task("7", STATE, INTENT + 1)


@pytest.mark.parametrize(
    ("tasks", "now", "expected"),
    [
        pytest.param([OURS], INTENT + 2, (FOUND, "7"), id="there while it may still be under way"),
        pytest.param([task("1"), OURS, task("9")], OVER, (FOUND, "7"), id="there among others"),
        pytest.param([task("7", STATE, None)], OVER, (FOUND, "7"), id="there without a time"),
        pytest.param([task("1")], OVER, (ABSENT, ""), id="the list reaches back beyond it and lacks it"),
        pytest.param([task("1")], OVER - 0.1, (UNKNOWN, ""), id="it may still be under way"),
        pytest.param([], OVER, (UNKNOWN, ""), id="an empty list: the gateway may have been restarted"),
        pytest.param(
            [task(str(n), submitted_at=INTENT + n) for n in range(100)],
            OVER + 100,
            (UNKNOWN, ""),
            id="the newest hundred are all younger",
        ),
        pytest.param(
            [task("1", submitted_at=INTENT - CLOCK_SKEW + 1)], OVER, (UNKNOWN, ""), id="within the clock skew"
        ),
        pytest.param([task("1", submitted_at=None)], OVER, (UNKNOWN, ""), id="no times to go by"),
        pytest.param([task("1", None), task("2", "")], OVER, (ABSENT, ""), id="tasks without a state"),
    ],
)
def test_a_list_of_tasks_tells_what_became_of_a_submission(
    tasks: list[Task], now: float, expected: tuple[Verdict, str]
) -> None:
    assert reconcile(tasks, STATE, intent_at=INTENT, now=now, grace=GRACE) == Reconciliation(*expected)


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_two_with_the_mark_the_younger_is_ours(newest_first: bool) -> None:
    """A task that was cleared with its key deleted carries the mark of its predecessor."""
    tasks = [OURS, task("3", STATE, LONG_AGO - 3600)]
    found = reconcile(
        tasks if newest_first else tasks[::-1], STATE, intent_at=INTENT, now=INTENT + 2, grace=GRACE
    )
    assert found == Reconciliation(FOUND, "7")


def test_a_task_from_long_before_with_the_mark_decides_nothing() -> None:
    """It is the predecessor's, and ours may be missing, or the clocks differ by more than they may."""
    listed = [task("3", STATE, LONG_AGO)]
    assert reconcile(listed, STATE, intent_at=INTENT, now=OVER, grace=GRACE).verdict is UNKNOWN
