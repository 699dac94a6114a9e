"""What the log of a key proves of a submission that was lost, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_mj.gateway.answers import Answer
from airflow_provider_mj.gateway.keylog import LogRow, brief_row, is_key_log, log_rows
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.submitting.charged import UNKNOWN_CLOCK, reconcile_charges, undecided
from airflow_provider_mj.submitting.marks import answer_mark, mark
from airflow_provider_mj.submitting.reconcile import CLOCK_SKEW, Verdict

INTENT = 1_790_000_000.0
OVER = INTENT + 270.0
STATE = mark(INTENT, "ours")
HOUR = 3600.0
CONTENT = "模型固定价格 0.10，分组倍率 1.00，操作 IMAGINE，ID 1720333718022739"


def charge(at: float, mj_task_id: str | None = "9", *, is_submission: bool = True) -> LogRow:
    return LogRow(at, mj_task_id, is_submission=is_submission)


def task(mj_task_id: str, state: str | None, **more: Any) -> Task:
    return Task(id=mj_task_id, status="SUBMITTED", state=state, **more)


OLD = charge(INTENT - 2 * HOUR, "1")


def verdict(rows: list[LogRow], *tasks: Task, asked_at: float = OVER, **more: Any) -> Verdict:
    return reconciled(rows, *tasks, asked_at=asked_at, **more).verdict


def reconciled(rows: list[LogRow], *tasks: Task, asked_at: float = OVER, **more: Any) -> Any:
    known = {one.id: one for one in tasks}
    given = {"intent_at": INTENT, "over_at": OVER} | more
    return reconcile_charges(rows, known, given.pop("state", STATE), asked_at=asked_at, **given)


# --- found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked_at", [INTENT + 2, OVER])
@pytest.mark.parametrize("state", [STATE, f"{STATE}::1", f"user-7:{STATE}"])
def test_a_charge_whose_task_has_our_mark_is_ours(state: str, asked_at: float) -> None:
    rows = [charge(INTENT + 1, "8"), charge(INTENT + 1, "7"), OLD]
    found = reconciled(rows, task("8", "theirs"), task("7", state), asked_at=asked_at)
    assert (found.verdict, [one.id for one in found.tasks]) == (Verdict.FOUND, ["7"])


def test_where_only_the_name_is_known_it_is_found_by_it() -> None:
    rows = [charge(INTENT + 1, "7"), OLD]
    sought: dict[str, Any] = {"state": mark(0.0, "ours"), "intent_at": 0.0, "by_name": True}
    assert verdict(rows, task("7", STATE), **sought) is Verdict.FOUND
    assert verdict(rows, task("7", mark(INTENT, "theirs")), **sought) is Verdict.UNKNOWN


@pytest.mark.parametrize("state", [mark(INTENT, "theirs"), STATE[:-1], f"{STATE}0", "", None, "ours"])
def test_anothers_mark_is_not_ours(state: str | None) -> None:
    assert verdict([charge(INTENT + 1, "7"), OLD], task("7", state)) is not Verdict.FOUND


# --- absent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([OLD], id="nothing since"),
        pytest.param([charge(INTENT + 1, "8"), OLD], id="one of another's since"),
        pytest.param([*(charge(INTENT + n, f"8{n}") for n in range(300)), OLD], id="many of another's since"),
        pytest.param([charge(INTENT + 1, None, is_submission=False), OLD], id="another service since"),
    ],
)
def test_a_log_without_it_proves_that_nothing_was_charged(rows: list[LogRow]) -> None:
    others = (task(f"8{number}", "theirs") for number in range(300))
    assert verdict(rows, task("8", "theirs"), *others) is Verdict.ABSENT


def test_what_was_charged_again_under_its_old_id_may_be_ours() -> None:
    """new-api charges a press that was made before once more; the task keeps the state of the first press."""
    rows = [charge(INTENT + 1, "8"), charge(INTENT - 9000, "8"), OLD]
    found = reconciled(
        rows, task("8", mark(INTENT - 9000, "the first press"), prompt="a fox"), patience=270.0
    )
    assert (found.verdict, found.candidates) == (Verdict.UNKNOWN, (("8", "a fox"),))


NEIGHBOUR = task("5", mark(INTENT - 30, "a neighbour"))


@pytest.mark.parametrize("ahead", [-7 * HOUR, -300.0, 0.0, 300.0, 7 * HOUR])
def test_a_gateways_clock_is_put_right_by_our_marks(ahead: float) -> None:
    neighbour = charge(INTENT - 30 + ahead, "5")
    before = charge(INTENT - CLOCK_SKEW - 1 + ahead, "1")
    assert verdict([neighbour, before], NEIGHBOUR) is Verdict.ABSENT
    stateless = charge(INTENT + 1 + ahead, "6")
    assert verdict([stateless, neighbour, before], NEIGHBOUR) is Verdict.UNKNOWN
    theirs_before = charge(INTENT - CLOCK_SKEW - 1 + ahead, "6")
    assert verdict([neighbour, theirs_before, before], NEIGHBOUR) is Verdict.ABSENT


@pytest.mark.parametrize("late", [0.0, 20.0, 200.0, 270.0])
def test_a_submission_of_ours_that_was_charged_late_tells_less_of_the_clock(late: float) -> None:
    """How far a clock is ahead is known only as well as the quickest of our submissions was quick."""
    rows = [charge(INTENT - 30 + late, "5"), charge(INTENT + 1, "6"), OLD]
    assert undecided(rows, {"5": NEIGHBOUR}, INTENT, patience=270.0) == ["6"]
    assert verdict(rows, NEIGHBOUR, patience=270.0) is Verdict.UNKNOWN
    assert verdict(rows, NEIGHBOUR, task("6", STATE), patience=270.0) is Verdict.FOUND


# --- unknown ---------------------------------------------------------------------------------------------

UNPROVEN: dict[str, list[LogRow]] = {
    "no row at all": [],
    "no submission in it": [charge(INTENT - 2 * HOUR, None, is_submission=False)],
    "it does not reach back": [charge(INTENT - UNKNOWN_CLOCK + 1, "8")],
    "a thousand of another's, all since": [charge(INTENT + n, "8") for n in range(1000)],
    "a charge whose task is not known": [charge(INTENT + 1, "6"), OLD],
    "a charge whose task has no state yet": [charge(INTENT + 1, "stateless"), OLD],
    "a charge by a clock that may be wrong": [charge(INTENT - UNKNOWN_CLOCK + 1, "6"), OLD],
    "a submission that names no task": [charge(INTENT + 1, None), OLD],
}


@pytest.mark.parametrize("why", UNPROVEN)
def test_a_log_that_may_lack_it_although_it_was_charged_proves_nothing(why: str) -> None:
    tasks = task("8", "theirs"), task("stateless", None)
    assert verdict(UNPROVEN[why], *tasks) is Verdict.UNKNOWN


def test_while_it_may_be_under_way_nothing_is_proved() -> None:
    assert verdict([OLD], asked_at=OVER - 1) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("after", "expected"), [(30.0, Verdict.UNKNOWN), (89.0, Verdict.UNKNOWN), (90.0, Verdict.ABSENT)]
)
def test_a_short_time_limit_of_ours_proves_nothing_of_the_gateways(after: float, expected: Verdict) -> None:
    """new-api goes on for 60 s with what its client has given up, and charges it then."""
    assert verdict([OLD], asked_at=INTENT + after, over_at=INTENT + 15) is expected


@pytest.mark.parametrize("state", ["mine", "airflow-nightly"])
def test_the_absence_of_an_authors_own_state_is_never_proved(state: str) -> None:
    assert verdict([OLD], state=state) is Verdict.UNKNOWN


def test_an_answered_windows_mark_tells_nothing_of_the_clock() -> None:
    answered = task("5", answer_mark(mark(INTENT - 9 * HOUR, "a press")))
    assert undecided([charge(INTENT + 1, "6"), charge(INTENT, "5")], {"5": answered}, INTENT) == ["6"]


def test_what_it_might_be_is_named_with_its_prompt() -> None:
    rows = [charge(INTENT + 3, "6"), charge(INTENT + 1, "7"), charge(INTENT + 2, "6"), OLD]
    found = reconciled(rows, task("6", None, prompt="a fox"))
    assert found.candidates == (("7", None), ("6", "a fox"))


# --- rows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "model", "expected"),
    [
        (CONTENT, "mj_imagine", "1720333718022739"),
        ("price 0.10, group 1.00, action UPSCALE, ID task_17203", "mj_upscale", "task_17203"),
        ("固定价格（次）：0.1 任务ID：17", "mj_imagine", "17"),
        ("操作 IMAGINE, id=3f0c1c1e-7a1b-4a55-8a55-2b1c55ad1f3e", "", "3f0c1c1e-7a1b-4a55-8a55-2b1c55ad1f3e"),
        ("模型固定价格 0.10，分组倍率 1.00，操作 SWAP_FACE", "swap_face", None),
        ("模型倍率 2.50，补全倍率 4.00，分组倍率 1.00", "gpt-4o", None),
        ("模型倍率 2，补全倍率 4，分组倍率 1", "gpt-4o", None),
        ("", "mj_imagine", None),
    ],
)
def test_a_row_ends_with_the_id_of_its_task(content: str, model: str, expected: str | None) -> None:
    (row,) = log_rows({"data": [{"created_at": 17, "type": 2, "content": content, "model_name": model}]})
    assert (row.at, row.mj_task_id) == (17, expected)
    assert row.is_submission is (not model.startswith("gpt"))


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "17",
        {},
        {"created_at": None, "type": 2, "content": CONTENT},
        {"created_at": "yesterday", "type": 2, "content": CONTENT},
        {"created_at": 17, "type": 1, "content": CONTENT},
        {"created_at": 17, "type": 5, "content": CONTENT},
    ],
)
def test_what_is_no_charge_is_passed_over(raw: object) -> None:
    assert log_rows({"data": [raw]}) == ()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"success": True, "message": "", "data": []}, True),
        (201, {"success": True, "data": []}, False),
        (200, {"success": False, "message": "no"}, False),
        (200, {"success": True, "data": None}, False),
        (200, {"success": "true", "data": []}, False),
        (200, [], False),
        (200, None, False),
    ],
)
def test_the_log_is_told_from_all_else(status: int, body: object, expected: bool) -> None:
    assert is_key_log(Answer(status, "", body, is_json=True)) is expected


def test_of_a_row_only_what_matters_is_kept() -> None:
    raw = {"id": 1, "created_at": 17, "type": 2, "content": "x", "username": "ann", "other": "{}"}
    assert brief_row(raw) == {"id": 1, "created_at": 17, "type": 2, "content": "x"}
    assert brief_row({"success": True}) == {"success": True}
