"""What lists prove, and each way in which they were seen to lie."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.submitting.marks import answer_mark, mark
from airflow_provider_mj.submitting.reconcile import (
    CLOCK_SKEW,
    WORKER_SKEW,
    Reconciliation,
    Verdict,
    reconcile,
)

if TYPE_CHECKING:
    from collections.abc import Callable

INTENT = 1_790_000_000.0
OVER = INTENT + 270.0
STATE = mark(INTENT, "ours")
LATER = OVER + WORKER_SKEW + 60
NOW = LATER + 10
BEFORE = "airflow-e34cc3784a28492ff2de7a21a10f23a04cf03abfcd2d97b94dfb0228"
HOUR = 3600.0


def row(
    mj_task_id: str, state: str | None, submitted_at: float | None, status: str | None = "SUCCESS"
) -> Task:
    wire: dict[str, Any] = {"id": mj_task_id, "status": status, "state": state}
    return Task.from_wire(
        wire if submitted_at is None else {**wire, "submitTime": round(submitted_at * 1000)}
    )


OLD = row("1", "theirs", INTENT - HOUR)
NEIGHBOUR = row("99", mark(LATER, "a neighbour"), LATER + 1, "IN_PROGRESS")
OURS = row("7", STATE, INTENT + 1)
PROOF = (NEIGHBOUR, OLD)


def verdict(*tasks: Task, now: float = NOW, **more: Any) -> Verdict:
    return reconcile(tasks, STATE, intent_at=INTENT, now=now, over_at=OVER, **more).verdict


# --- found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tasks",
    [
        pytest.param([OURS], id="alone"),
        pytest.param([NEIGHBOUR, OURS, OLD], id="among others"),
        pytest.param([row("7", STATE, None)], id="without a time"),
        pytest.param([row("7", f"{STATE}::1", INTENT + 1)], id="with something behind the mark"),
        pytest.param([row("7", f"user-7:{STATE}", INTENT + 1)], id="with something before it"),
    ],
)
@pytest.mark.parametrize("now", [INTENT + 2, OVER])
def test_a_task_with_the_mark_is_the_submissions(tasks: list[Task], now: float) -> None:
    found = reconcile(tasks, STATE, intent_at=INTENT, now=now, over_at=OVER)
    assert found.verdict is Verdict.FOUND
    assert [task.id for task in found.tasks] == ["7"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_two_with_the_mark_the_older_is_ours(newest_first: bool) -> None:
    """A gateway that hands the state on to what a person makes of a picture."""
    tasks = [row("9", STATE, INTENT + HOUR), OURS]
    found = reconcile(tasks if newest_first else tasks[::-1], STATE, intent_at=INTENT, now=OVER, over_at=OVER)
    assert found == Reconciliation(Verdict.FOUND, (OURS,))


def test_all_that_one_press_has_made_are_found_in_their_order() -> None:
    four = [row(str(10 - n), STATE, INTENT + n) for n in range(4)]
    found = reconcile([NEIGHBOUR, *four[::-1], OLD], STATE, intent_at=INTENT, now=NOW, over_at=OVER)
    assert found.tasks == tuple(four)


def numbered(*parts: int) -> list[Task]:
    """Rows of a press that makes several, as CS marks them; made in the wrong order, to be sure."""
    return [row(f"1{part}", f"{STATE}::{part}", INTENT + 90 - 20 * part) for part in parts]


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        ((1, 2, 3, 4), ()),
        ((4, 2, 1, 3), ()),
        ((1,), (2, 3, 4)),
        ((2, 4), (1, 3)),
        ((1, 2, 3, 4, 6), (5,)),
    ],
)
def test_numbered_tasks_of_a_press_are_found_in_their_order(
    parts: tuple[int, ...], missing: tuple[int, ...]
) -> None:
    tasks = [NEIGHBOUR, *numbered(*parts), OLD, row("8", f"{mark(INTENT, 'theirs')}::2", INTENT + 1)]
    found = reconcile(tasks, STATE, intent_at=INTENT, now=NOW, over_at=OVER)
    assert [task.id for task in found.tasks] == [f"1{part}" for part in sorted(parts)]
    assert found.missing == missing


def test_a_row_that_comes_twice_is_one_task() -> None:
    twice = [*numbered(1, 2, 3, 4), *numbered(2), row("22", f"{STATE}::2", INTENT + 95)]
    found = reconcile(twice, STATE, intent_at=INTENT, now=NOW, over_at=OVER)
    assert [task.id for task in found.tasks] == ["11", "12", "13", "14"]


@pytest.mark.parametrize(
    "state",
    [
        STATE[:-1],
        f"{STATE[:-1]}0",
        f"{STATE}0",
        f"{STATE}-1",
        f"{STATE}::",
        f"{STATE}::x",
        f"{STATE}::1::2",
        f"{STATE}:1",
        f"{STATE[:-1]}::1",
    ],
)
def test_a_mark_that_only_begins_alike_is_anothers(state: str) -> None:
    assert verdict(row("7", state, INTENT + 1), *PROOF) is not Verdict.FOUND


def test_a_window_is_not_found_beside_the_task_that_its_answer_has_made() -> None:
    window = row("6", STATE, INTENT + 1, "MODAL")
    for tasks, expected in (([window], (window,)), ([window, OURS], (OURS,))):
        assert reconcile(tasks, STATE, intent_at=INTENT, now=NOW, over_at=OVER).tasks == expected


def test_where_only_the_name_is_known_it_is_found_by_it() -> None:
    sought = mark(0.0, "ours")
    assert reconcile([OURS], sought, intent_at=0.0, now=OVER, over_at=OVER, by_name=True).tasks == (OURS,)
    assert reconcile([OURS], sought, intent_at=0.0, now=OVER, over_at=OVER).tasks == ()
    others = mark(0.0, "theirs")
    assert reconcile([OURS], others, intent_at=0.0, now=OVER, over_at=OVER, by_name=True).tasks == ()


def test_a_mark_of_the_release_before_is_found_and_its_absence_is_never_proved() -> None:
    listed = [*PROOF, row("7", BEFORE, INTENT + 1)]
    assert reconcile(listed, BEFORE, intent_at=INTENT, now=OVER, over_at=OVER).tasks == (listed[-1],)
    absent = reconcile(PROOF, BEFORE, intent_at=INTENT, now=OVER, over_at=OVER)
    assert absent.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("state", ["order 17", "airflow-nightly", "x" * 64])
def test_the_absence_of_an_authors_own_state_is_never_proved(state: str) -> None:
    assert reconcile(PROOF, state, intent_at=INTENT, now=OVER, over_at=OVER).verdict is Verdict.UNKNOWN


# --- absent ----------------------------------------------------------------------------------------------


def test_a_list_that_would_show_it_proves_that_it_did_not_arrive() -> None:
    assert verdict(*PROOF) is Verdict.ABSENT
    assert verdict(*reversed(PROOF)) is Verdict.ABSENT


def test_while_it_may_be_under_way_nothing_is_proved() -> None:
    assert verdict(*PROOF, now=OVER - 0.1) is Verdict.UNKNOWN


def test_where_it_is_not_known_when_it_was_sent_nothing_is_proved() -> None:
    assert reconcile(PROOF, STATE, intent_at=0.0, now=OVER, over_at=OVER).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("ahead", [-HOUR, -HOUR / 2, 0.0, HOUR / 2, HOUR, 8 * HOUR, -8 * HOUR])
def test_a_gateways_clock_is_put_right_by_our_marks(ahead: float) -> None:
    neighbour = row("99", mark(LATER, "a neighbour"), LATER + 1 + ahead, "IN_PROGRESS")
    assert verdict(neighbour, row("1", "theirs", INTENT - HOUR + ahead)) is Verdict.ABSENT
    younger = [row(str(n), "theirs", INTENT + n + ahead) for n in range(9)]
    assert verdict(neighbour, *younger) is Verdict.UNKNOWN


@pytest.mark.parametrize("late", [0.0, 62.0, 200.0, 269.0])
def test_a_list_whose_marks_were_all_late_has_to_reach_back_further(late: float) -> None:
    """The gateway's clock seems to be ahead by it, and what came after the intent to have come before."""
    neighbour = row("99", mark(LATER, "a neighbour"), LATER + late, "IN_PROGRESS")
    younger = row("1", "theirs", INTENT + 1)
    assert verdict(neighbour, younger, now=NOW + late, patience=270.0) is Verdict.UNKNOWN
    assert verdict(neighbour, OLD, now=NOW + late, patience=270.0) is Verdict.ABSENT


def test_the_quickest_of_our_submissions_tells_how_far_a_clock_is_ahead() -> None:
    slow = row("98", mark(LATER, "a slow one"), LATER + HOUR, "SUBMITTED")
    assert verdict(slow, row("5", "theirs", INTENT + 60), NEIGHBOUR) is Verdict.UNKNOWN


# --- lists that lie --------------------------------------------------------------------------------------


def of_every_row(change: Callable[[Task], Task]) -> list[Task]:
    return [change(task) for task in PROOF]


UNPROVEN: dict[str, list[Task]] = {
    "empty: the gateway may have been restarted": [],
    "rows without a state": of_every_row(lambda task: replace(task, state=None)),
    "states that are empty until the task is finished": of_every_row(lambda task: replace(task, state="")),
    "states that are cut to 32 characters": of_every_row(
        lambda task: replace(task, state=(task.state or "")[:32])
    ),
    "states that are cut by one": of_every_row(lambda task: replace(task, state=(task.state or "")[:-1])),
    "states with the user before them": of_every_row(lambda task: replace(task, state=f"u7:{task.state}")),
    "states with a number behind them": of_every_row(lambda task: replace(task, state=f"{task.state}::1")),
    "states that are hashed": of_every_row(lambda task: replace(task, state="5f" * 32)),
    "cached: nothing of ours is newer": [
        row("5", mark(INTENT - 1, "earlier"), INTENT, "IN_PROGRESS"),
        OLD,
    ],
    "newer by less than workers' clocks differ": [
        row("99", mark(OVER + WORKER_SKEW, "a neighbour"), OVER + 6, "IN_PROGRESS"),
        OLD,
    ],
    "cached after the intent, while the request was under way": [
        row("99", mark(INTENT + 100, "a neighbour"), INTENT + 101, "IN_PROGRESS"),
        OLD,
    ],
    "oldest first, and cut": [row(str(n), mark(INTENT - HOUR, n), INTENT - HOUR) for n in range(100)],
    "the newest only": [NEIGHBOUR, *(row(str(n), "theirs", INTENT + n) for n in range(100))],
    "our own later task, and nothing older": [NEIGHBOUR],
    "older by less than clocks may differ": [NEIGHBOUR, row("1", "theirs", INTENT - CLOCK_SKEW + 2)],
    "finished tasks only": of_every_row(lambda task: replace(task, status="SUCCESS")),
    "ended tasks only": [
        replace(NEIGHBOUR, status="FAILURE"),
        replace(OLD, status="CANCEL"),
    ],
    "tasks without a status": of_every_row(lambda task: replace(task, status=None)),
    "no times to go by": of_every_row(lambda task: replace(task, submit_time=None)),
    "no time at ours": [replace(NEIGHBOUR, submit_time=None), OLD],
    "no time at the old one": [NEIGHBOUR, replace(OLD, submit_time=None)],
    "marks of the release before": [replace(NEIGHBOUR, state=BEFORE), OLD],
    "a mark of ours only at an answered window": [
        row("98", answer_mark(mark(LATER, "a press")), LATER + 3 * HOUR, "IN_PROGRESS"),
        row("1", "theirs", INTENT + HOUR),
    ],
}


@pytest.mark.parametrize("lie", UNPROVEN)
def test_a_list_that_may_lack_it_although_it_arrived_proves_nothing(lie: str) -> None:
    assert verdict(*UNPROVEN[lie]) is Verdict.UNKNOWN


@pytest.mark.parametrize("lie", UNPROVEN)
def test_what_such_a_list_lacks_can_not_be_added_by_asking_later(lie: str) -> None:
    assert verdict(*UNPROVEN[lie], now=OVER + 30 * HOUR) is Verdict.UNKNOWN


def test_two_gateways_behind_one_name_can_not_be_told_apart_by_a_list() -> None:
    """Each would show this; that is why the record holds host and port, and another's list proves nothing."""
    assert verdict(*PROOF) is Verdict.ABSENT
