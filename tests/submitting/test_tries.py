"""What Airflow tells of a try, on an Airflow with a state store, on an early Airflow 3, and on Airflow 2."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_mj.operators.mj import MJBlendOperator, MJImagineOperator
from airflow_provider_mj.submitting import tries
from airflow_provider_mj.submitting.record import Record
from airflow_provider_mj.submitting.tries import Claims, claims, identity, installation, is_inside, this_try


class Instance:
    """Airflow's task instance."""

    dag_id, run_id, task_id, map_index = "dag", "run", "draw", -1

    def __init__(self, try_number: int = 1, max_tries: int = 0, task: Any = None) -> None:
        self.try_number, self.max_tries, self.task = try_number, max_tries, task


def of_round(number: int | None) -> Record:
    return Record(state="s", intent_at=1.0, round=number)


def given(try_number: int, max_tries: int, **more: Any) -> dict[str, Any]:
    return {"ti": Instance(try_number, max_tries), **more}


def with_store(try_number: int, max_tries: int) -> dict[str, Any]:
    return given(try_number, max_tries, task_state_store={})


# --- with a store: the rounds tell -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("try_number", "max_tries", "retries", "anew"),
    [
        pytest.param(2, 2, 2, [], id="a retry"),
        pytest.param(3, 2, 2, [], id="the last retry"),
        pytest.param(2, 3, 2, [2], id="the first try after a clear"),
        pytest.param(3, 3, 2, [2], id="a retry after a clear"),
        pytest.param(2, 2, 1, [], id="a retry where the DAG file has fewer retries now"),
        pytest.param(2, 2, 0, [], id="a retry where it has none any more"),
        pytest.param(2, 2, 9, [], id="a retry where it has more"),
        pytest.param(3, 3, 0, [2], id="a clear where it has fewer"),
    ],
)
def test_with_a_store_only_another_round_asks_anew(
    try_number: int, max_tries: int, retries: int, anew: list[int]
) -> None:
    a_try = this_try(with_store(try_number, max_tries), retries, is_resumed=False)
    assert not a_try.is_first
    assert [number for number in (2, max_tries) if a_try.is_asked_anew(of_round(number))] == anew


@pytest.mark.parametrize("is_resumed", [False, True])
def test_the_first_try_of_all_is_first_unless_it_goes_on(is_resumed: bool) -> None:
    for context in (with_store(1, 2), given(1, 2)):
        a_try = this_try(context, 2, is_resumed=is_resumed)
        assert a_try.is_first is not is_resumed
        assert a_try.is_resumed is is_resumed
        assert not a_try.is_asked_anew(of_round(2)) or not is_resumed


@pytest.mark.parametrize(
    ("try_number", "max_tries", "retries", "expected"),
    [
        pytest.param(2, 2, 2, False, id="a retry"),
        pytest.param(2, 3, 2, True, id="a clear"),
        pytest.param(3, 3, 2, False, id="a retry of a clear"),
    ],
)
def test_a_record_of_the_release_before_is_compared_in_the_first_try_after_a_clear(
    try_number: int, max_tries: int, retries: int, expected: bool
) -> None:
    a_try = this_try(with_store(try_number, max_tries), retries, is_resumed=False)
    assert a_try.is_asked_anew(of_round(None)) is expected
    assert not this_try(with_store(try_number, max_tries), retries, is_resumed=True).is_asked_anew(
        of_round(None)
    )


# --- without a store -------------------------------------------------------------------------------------


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of Airflow 3, which reaches no database."""

    def refuse() -> Any:
        raise RuntimeError("Direct database access via the ORM is not allowed in Airflow 3.0")

    monkeypatch.setattr("airflow.utils.session.create_session", refuse)


@pytest.mark.parametrize(
    ("try_number", "max_tries", "retries", "clears", "expected"),
    [
        pytest.param(2, 2, 1, 1, True, id="cleared, and by the count a first try"),
        pytest.param(2, 2, 1, 0, False, id="by the count a first try, and never cleared: fewer retries"),
        pytest.param(2, 2, 1, None, False, id="nothing is told of clears"),
        pytest.param(3, 2, 1, 1, False, id="a retry after a clear"),
        pytest.param(2, 2, 2, 3, False, id="a retry of a task whose run was cleared for another"),
    ],
)
@pytest.mark.usefixtures("no_database")
def test_an_early_airflow_3_is_told_of_clears_by_the_run(
    try_number: int, max_tries: int, retries: int, clears: int | None, expected: bool
) -> None:
    run = SimpleNamespace(clear_number=clears)
    a_try = this_try(given(try_number, max_tries, dag_run=run), retries, is_resumed=False)
    assert a_try.is_first is expected


@pytest.mark.parametrize("more", [{}, {"dag_run": None}, {"dag_run": SimpleNamespace()}])
@pytest.mark.usefixtures("no_database")
def test_without_a_word_of_clears_it_is_a_retry(more: dict[str, Any]) -> None:
    assert not this_try(given(2, 2, **more), 1, is_resumed=False).is_first


class History:
    """Airflow 2's database: what the task instance was in its tries before, the last one first."""

    def __init__(self, *max_tries: int) -> None:
        self.rows = [(one,) for one in max_tries]
        self.asked: dict[str, Any] = {}

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def query(self, _: Any) -> History:
        return self

    def filter_by(self, **asked: Any) -> History:
        self.asked = asked
        return self

    def order_by(self, _: Any) -> History:
        return self

    def first(self) -> Any:
        return self.rows[0] if self.rows else None


@pytest.mark.parametrize(
    ("before", "try_number", "max_tries", "retries", "expected"),
    [
        pytest.param([2], 2, 2, 2, False, id="a retry"),
        pytest.param([2], 2, 2, 1, False, id="a retry where the DAG file has fewer retries now"),
        pytest.param([2], 2, 2, 0, False, id="a retry where it has none any more"),
        pytest.param([0], 2, 1, 0, True, id="a clear"),
        pytest.param([2], 2, 3, 2, True, id="a clear before all retries were used"),
        pytest.param([3, 2], 3, 3, 2, False, id="a retry of a clear"),
        pytest.param([], 2, 2, 1, False, id="no row: it is not sure"),
    ],
)
def test_airflow_2_reads_clears_in_the_history(
    monkeypatch: pytest.MonkeyPatch,
    before: list[int],
    try_number: int,
    max_tries: int,
    retries: int,
    expected: bool,
) -> None:
    history = History(*before)
    monkeypatch.setattr("airflow.utils.session.create_session", lambda: history)
    run = SimpleNamespace(clear_number=1)
    assert this_try(given(try_number, max_tries, dag_run=run), retries, is_resumed=False).is_first is expected
    assert history.asked == {"dag_id": "dag", "run_id": "run", "task_id": "draw", "map_index": -1}


def test_no_database_is_asked_where_nothing_hangs_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(tries, "_was_cleared", lambda *_, **__: fail())
    assert this_try(given(1, 2), 2, is_resumed=False).is_first


# --- the installation ------------------------------------------------------------------------------------


def test_an_installation_is_named_by_what_differs_between_two(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [installation()]
    for section, key, value in (
        ("API", "BASE_URL", "https://one.example"),
        ("CORE", "EXECUTION_API_SERVER_URL", "https://two.example/execution/"),
        ("CORE", "FERNET_KEY", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="),
    ):
        monkeypatch.setenv(f"AIRFLOW__{section}__{key}", value)
        names.append(installation())
    assert len(set(names)) == len(names)
    assert installation() == names[-1]
    assert "secret" not in names[-1]
    assert len(names[-1]) == 16


def test_a_setting_names_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MJ__INSTALLATION_ID", "blue")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://one.example")
    assert installation() == "blue"
    assert identity(given(1, 0))[0] == "blue"  # type: ignore[arg-type]


def test_an_empty_setting_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    unset = installation()
    monkeypatch.setenv("AIRFLOW__MJ__INSTALLATION_ID", "")
    assert installation() == unset


def test_every_try_has_the_same_identity_and_every_task_instance_its_own() -> None:
    first, second = identity(given(1, 2)), identity(given(2, 2))  # type: ignore[arg-type]
    assert first == second
    mapped, unmapped = Instance(), Instance()
    mapped.map_index, unmapped.map_index = 0, None  # type: ignore[assignment]
    assert identity({"ti": mapped}) != first  # type: ignore[arg-type]
    assert identity({"ti": unmapped}) == first  # type: ignore[arg-type]


# --- several operators of one try ------------------------------------------------------------------------


def test_claims_are_of_one_try_of_one_task_instance() -> None:
    ti, other = Instance(), Instance()
    assert claims(ti) is claims(ti)
    assert claims(other) is not claims(ti)
    before = claims(ti)
    ti.try_number = 2
    assert claims(ti) is not before


def test_claims_go_with_their_task_instance() -> None:
    gc.collect()  # what other tests have left goes now, and not in the middle of this one
    held = len(tries._CLAIMS)
    instances = [Instance() for _ in range(5)]
    for ti in instances:
        claims(ti)
    assert len(tries._CLAIMS) == held + 5
    del instances, ti
    gc.collect()
    assert len(tries._CLAIMS) == held


def test_equal_wishes_are_told_apart_by_their_place() -> None:
    held = Claims()
    owners = [f"inner {held.begin(SimpleNamespace(task_id='inner'))}" for _ in range(3)]
    assert len(set(owners)) == 3
    assert [held.place("inner", "A", owner) for owner in owners] == [0, 1, 2]
    assert [held.place("inner", "A", owner) for owner in owners] == [0, 1, 2]
    assert held.place("inner", "B", owners[2]) == 0


def test_operators_that_are_gone_are_not_taken_for_new_ones() -> None:
    """A new operator may lie where one lay that is gone."""
    held = Claims()
    for _ in range(50):
        operator = SimpleNamespace(task_id="inner")
        held.begin(operator)
        assert not held.is_repeated(operator)
        del operator


def test_an_operator_that_executes_itself_again_is_known() -> None:
    held, operator = Claims(), SimpleNamespace(task_id="series")
    assert [held.begin(operator), held.is_repeated(operator)] == [0, False]
    assert [held.begin(operator), held.is_repeated(operator)] == [1, True]


class Own(MJImagineOperator):
    """An author's own operator, which executes others."""


DRAW = MJImagineOperator(task_id="draw", prompt="a")


@pytest.mark.parametrize(
    ("task", "operator", "expected"),
    [
        pytest.param(None, DRAW, False, id="a context made by hand"),
        pytest.param(DRAW, DRAW, False, id="the task's own"),
        pytest.param(
            MJImagineOperator(task_id="draw", prompt="a"), DRAW, False, id="a copy of the task's own"
        ),
        pytest.param(MJImagineOperator(task_id="outer", prompt="a"), DRAW, True, id="one of another name"),
        pytest.param(SimpleNamespace(task_id="draw"), DRAW, True, id="one inside a Python function"),
        pytest.param(MJBlendOperator(task_id="draw", images=[b"1", b"2"]), DRAW, True, id="of another kind"),
        pytest.param(Own(task_id="draw", prompt="a"), DRAW, True, id="one inside an own class of that name"),
    ],
)
def test_an_operator_inside_another_task_is_told_from_the_tasks_own(
    task: Any, operator: Any, expected: bool
) -> None:
    assert is_inside(operator, Instance(task=task)) is expected


def test_the_next_equal_wish_takes_the_place_of_one_that_has_failed() -> None:
    held = Claims()
    places = [held.place("inner", "A", owner) for owner in ("1", "2", "3")]
    held.taken[("inner", "A", 1)] = "2"
    held.release("2")
    assert (places, held.taken) == ([0, 1, 2], {})
    assert [held.place("inner", "A", owner) for owner in ("4", "5", "3")] == [1, 3, 2]
