"""What a try has to do about a wish, by what is written down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_mj.submitting.record import Record
from airflow_provider_mj.submitting.wishes import Choice, Step, Try, Wish, choose

FIRST = Try(round=0, is_first=True, may_be_first=True)


def retry(of_round: int = 0) -> Try:
    return Try(round=of_round, is_first=False, may_be_first=False)


def clear(to_round: int = 1) -> Try:
    return Try(round=to_round, is_first=False, may_be_first=True)


def resumed(of_round: int = 0) -> Try:
    return Try(round=of_round, is_first=False, may_be_first=False, is_resumed=True)


def never() -> Any:
    raise AssertionError("nothing of this decides here")


def wish(arguments: str = "A", *, operator: str = "", place: int = 0, **more: Any) -> Wish:
    given = {"answer": never, "payload": never, **{name: (lambda v=value: v) for name, value in more.items()}}
    return Wish(arguments=lambda: arguments, place=lambda _: place, operator=operator, **given)


def record(
    arguments: str = "A", *, at: float = 1.0, ids: str = "17", of_round: int = 0, **more: Any
) -> Record:
    known = tuple(ids.split())
    return Record(
        state=f"s{at}", intent_at=at, arguments=arguments, round=of_round, mj_task_ids=known, **more
    )


def chosen(records: list[Record], wanted: Wish, a_try: Try, **more: Any) -> Choice:
    return choose(records, wanted, a_try, **{"is_told": True, **more})


A, B = record("A"), record("B", at=2.0, ids="18", of_round=1)
INTENT = record("A", ids="")
UPLOAD = replace(INTENT, addresses=("https://cdn.example/1.png",))

CASES: dict[str, tuple[list[Record], Wish, Try, Step, Record | None]] = {
    "a first try": ([], wish(), FIRST, Step.SUBMIT, None),
    "a retry after a refusal": ([], wish(), retry(), Step.SUBMIT, None),
    "a retry": ([A], wish("A"), retry(), Step.TAKE_UP, A),
    "a retry with other arguments": ([A], wish("B"), retry(), Step.TAKE_UP, A),
    "a retry whose function must not run": (
        [A],
        Wish(arguments=never, place=never, answer=never, payload=never),
        retry(),
        Step.TAKE_UP,
        A,
    ),
    "a retry after an intent": ([INTENT], wish("A"), retry(), Step.SEARCH, INTENT),
    "a retry after an intent, with other arguments": ([INTENT], wish("B"), retry(), Step.SEARCH, INTENT),
    "a retry after an upload": ([UPLOAD], wish("B"), retry(), Step.TAKE_UP, UPLOAD),
    "a clear that asks for the same": ([A], wish("A"), clear(), Step.TAKE_UP, A),
    "a clear that asks for something else": ([A], wish("B"), clear(), Step.SUBMIT, None),
    "a clear after an intent": ([INTENT], wish("A"), clear(), Step.SEARCH, INTENT),
    "a clear after an intent of something else": ([INTENT], wish("B"), clear(), Step.SUBMIT, None),
    "a retry of a clear": ([A, B], wish("B"), retry(1), Step.TAKE_UP, B),
    "a retry of a clear, with other arguments": ([A, B], wish("C"), retry(1), Step.TAKE_UP, B),
    "a retry of a clear, with those from before it": ([A, B], wish("A"), retry(1), Step.TAKE_UP, B),
    "a retry of a clear whose submission was refused": ([A], wish("B"), retry(1), Step.SUBMIT, None),
    "the same, where the author has gone back": ([A], wish("A"), retry(1), Step.TAKE_UP, A),
    "a clear that comes back from a full queue": ([A], wish("B"), resumed(1), Step.SUBMIT, None),
    "a retry that comes back from a full queue": ([A], wish("B"), resumed(0), Step.TAKE_UP, A),
    "A, B, and A again": ([A, B], wish("A"), clear(2), Step.TAKE_UP, A),
    "A, B, and C": ([A, B], wish("C"), clear(2), Step.SUBMIT, None),
    "a retry of A again, with other arguments": (
        [replace(A, round=2), B],
        wish("C"),
        retry(2),
        Step.TAKE_UP,
        replace(A, round=2),
    ),
    "a retry after one that submitted anew with other arguments": (
        [A, replace(B, round=0, generation=1)],
        wish("A"),
        retry(),
        Step.TAKE_UP,
        replace(B, round=0, generation=1),
    ),
    "a retry of an operator that was executed several times": (
        [A, replace(B, round=0)],
        wish("A"),
        retry(),
        Step.TAKE_UP,
        A,
    ),
    "a clear with fewer retries that left max_tries as it was, or a retry, with the same arguments": (
        [A],
        wish("A"),
        Try(round=A.round or 0, is_first=False, may_be_first=True, clears=1),
        Step.TAKE_UP,
        A,
    ),
    "the same, with other arguments: nobody can tell": (
        [A],
        wish("B"),
        Try(round=A.round or 0, is_first=False, may_be_first=True, clears=1),
        Step.REFUSE,
        A,
    ),
    "the same, with arguments that were not asked for": (
        [A, replace(B, round=0)],
        wish("C"),
        retry(),
        Step.REFUSE,
        replace(B, round=0),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_one_operator_does(case: str) -> None:
    records, wanted, a_try, step, found = CASES[case]
    assert chosen(records, wanted, a_try) == Choice(step, found)


def test_without_a_store_no_record_does_not_mean_that_nothing_was_sent() -> None:
    assert chosen([], wish(), retry(), is_told=False) == Choice(Step.SEARCH)
    assert chosen([], wish(), FIRST, is_told=True) == Choice(Step.SUBMIT)


# --- several operators inside one Airflow task -----------------------------------------------------------


def inner(arguments: str, operator: str = "inner", **more: Any) -> Record:
    return record(arguments, operator=operator, **more)


INNER_A, INNER_B = inner("A"), inner("B", ids="18")
INNER_WISH = wish("A", operator="inner")
EQUAL = [inner("A"), inner("A", place=1, ids="18")]

INSIDE: dict[str, tuple[list[Record], Wish, Try, Step, Record | None]] = {
    "a first one": ([], wish(operator="inner"), FIRST, Step.SUBMIT, None),
    "a second one of another name": ([INNER_A], wish("B", operator="other"), retry(), Step.SUBMIT, None),
    "the task's own record is none of an inner one's": (
        [A],
        INNER_WISH,
        retry(),
        Step.SUBMIT,
        None,
    ),
    "an inner one's record is none of the task's own": ([INNER_A], wish("A"), retry(), Step.SUBMIT, None),
    "a retry": ([INNER_A, INNER_B], wish("B", operator="inner"), retry(), Step.TAKE_UP, INNER_B),
    "a retry in another order": (
        [INNER_B, INNER_A],
        INNER_WISH,
        retry(),
        Step.TAKE_UP,
        INNER_A,
    ),
    "the second of equal ones": (
        EQUAL,
        wish("A", operator="inner", place=1),
        retry(),
        Step.TAKE_UP,
        EQUAL[1],
    ),
    "the first of equal ones": (EQUAL, INNER_WISH, retry(), Step.TAKE_UP, EQUAL[0]),
    "a retry with other arguments": ([INNER_A], wish("C", operator="inner"), retry(), Step.REFUSE, INNER_A),
    "a third of equal ones where there were two": (
        EQUAL,
        wish("A", operator="inner", place=2),
        retry(),
        Step.REFUSE,
        EQUAL[1],
    ),
    "a clear with other arguments": ([INNER_A], wish("C", operator="inner"), clear(), Step.SUBMIT, None),
    "a clear with the same": (
        [INNER_A, INNER_B],
        INNER_WISH,
        clear(),
        Step.TAKE_UP,
        INNER_A,
    ),
    "a retry after an intent": (
        [inner("A", ids="")],
        INNER_WISH,
        retry(),
        Step.SEARCH,
        inner("A", ids=""),
    ),
}


@pytest.mark.parametrize("case", INSIDE)
def test_what_an_operator_inside_a_task_does(case: str) -> None:
    records, wanted, a_try, step, found = INSIDE[case]
    assert chosen(records, wanted, a_try) == Choice(step, found)


def test_what_another_operator_of_this_try_works_with_is_not_this_ones() -> None:
    taken = {INNER_A.key}
    changed = wish("C", operator="inner")
    assert chosen([INNER_A], changed, retry(), taken=taken) == Choice(Step.SUBMIT)
    assert chosen([INNER_A, INNER_B], changed, retry(), taken=taken) == Choice(Step.REFUSE, INNER_B)


# --- windows ---------------------------------------------------------------------------------------------

WINDOW = replace(A, is_window=True)
ANSWERED = replace(WINDOW, answer="x", answer_at=3.0)


@pytest.mark.parametrize(
    ("kept", "answer", "a_try", "expected"),
    [
        pytest.param(WINDOW, "y", clear(), Step.TAKE_UP, id="a window that was not answered yet"),
        pytest.param(ANSWERED, "x", clear(), Step.TAKE_UP, id="one that was answered likewise"),
        pytest.param(ANSWERED, "y", clear(), Step.SUBMIT, id="one that was answered otherwise"),
        pytest.param(ANSWERED, "", clear(), Step.SUBMIT, id="one that is to have no answer any more"),
        pytest.param(ANSWERED, "y", retry(), Step.TAKE_UP, id="a retry does not compare answers"),
    ],
)
def test_another_answer_is_another_wish_after_a_clear(
    kept: Record, answer: str, a_try: Try, expected: Step
) -> None:
    assert chosen([kept], wish("A", answer=answer), a_try).step is expected


# --- the record of the release before --------------------------------------------------------------------

BEFORE = Record(state="s", intent_at=1.0, payload="p", mj_task_ids=("17",))
BEFORE_ANSWERED = replace(BEFORE, is_window=True, answer="old x", answer_at=2.0)
TAKEN_UP_SINCE = replace(BEFORE, round=1)


@pytest.mark.parametrize(
    ("kept", "payload", "a_try", "expected"),
    [
        pytest.param(BEFORE, "p", clear(), Step.TAKE_UP, id="a clear that would send the same"),
        pytest.param(BEFORE, "q", clear(), Step.SUBMIT, id="a clear that would send something else"),
        pytest.param(BEFORE, "q", retry(), Step.TAKE_UP, id="a retry"),
        pytest.param(BEFORE, "q", resumed(), Step.TAKE_UP, id="a try that comes back from the triggerer"),
        pytest.param(TAKEN_UP_SINCE, "p", clear(2), Step.TAKE_UP, id="the next clear, after it was taken up"),
        pytest.param(TAKEN_UP_SINCE, "q", clear(2), Step.SUBMIT, id="and one that changes it"),
        pytest.param(TAKEN_UP_SINCE, "q", retry(1), Step.TAKE_UP, id="and a retry"),
        pytest.param(replace(BEFORE, mj_task_ids=()), "p", clear(), Step.SEARCH, id="an intent"),
        pytest.param(replace(BEFORE, mj_task_ids=()), "q", retry(), Step.SEARCH, id="a retry of an intent"),
    ],
)
def test_the_record_of_the_release_before_is_compared_by_what_was_sent(
    kept: Record, payload: str, a_try: Try, expected: Step
) -> None:
    assert chosen([kept], wish("A", payload=payload), a_try).step is expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"answer": "new x", "answer_before": "old x"}, Step.TAKE_UP),
        ({"answer": "new y", "answer_before": "old y"}, Step.SUBMIT),
        ({"answer": "old x", "answer_before": "another"}, Step.TAKE_UP),
    ],
)
def test_a_window_that_the_release_before_has_answered_is_known(
    answers: dict[str, str], expected: Step
) -> None:
    assert chosen([BEFORE_ANSWERED], wish("A", payload="p", **answers), clear()).step is expected


def test_a_retry_builds_nothing_to_compare_it_with_the_record_of_the_release_before() -> None:
    assert chosen([BEFORE], wish("A"), retry()) == Choice(Step.TAKE_UP, BEFORE)
