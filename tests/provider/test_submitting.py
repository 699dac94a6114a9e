"""What a try submits, takes up, searches for, and leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from desks import (
    ANSWERED,
    CLEARED,
    FIRST,
    INTENT,
    JOB,
    KEPT,
    NO_LIST,
    OTHER,
    OTHER_ARGUMENTS,
    PAID,
    RETRY,
    SENT,
    START,
    STATE,
    TIMEOUT,
    WINDOW,
    Case,
    accepted,
    failure,
    listed,
    proving,
    state_at,
)

from airflow_provider_mj.gateway.errors import (
    Acceptance,
    BannedPromptError,
    GatewayDownError,
    GatewayError,
    NoConnectionError,
    QueueFullError,
    SearchFailedError,
    SubmissionError,
    SubmissionUnknownError,
    UnauthorizedError,
)
from airflow_provider_mj.submitting.record import Records
from airflow_provider_mj.submitting.search import PATIENCE


def test_an_intent_is_written_down_before_the_call_and_the_task_after_it() -> None:
    case = Case(accepted("17"))
    submitted = case.submitter().submit(lambda: JOB)
    assert submitted.record == KEPT == case.store.record
    assert submitted.is_new
    assert case.desk.written == [[SENT]]
    assert case.desk.sent == [("imagine", {"prompt": "a red fox", "state": state_at(START)})]


def test_all_tasks_of_a_press_that_makes_several_are_kept() -> None:
    case = Case(accepted("1", "2", "3", "4"))
    assert case.submit().mj_task_ids == ("1", "2", "3", "4")


@pytest.mark.parametrize(
    ("acceptance", "is_window"),
    [(Acceptance.TASK, False), (Acceptance.EXISTED, False), (Acceptance.CONFIRM, True)],
)
def test_a_window_is_remembered(acceptance: Acceptance, is_window: bool) -> None:
    case = Case(accepted("17", acceptance=acceptance))
    assert case.submit().is_window is is_window


def test_the_authors_own_state_goes_out_in_place_of_the_mark() -> None:
    case = Case(accepted("17"))
    record = case.submit(own_state="theirs")
    assert case.states == ["theirs"] == [record.state]


def must_not_be_built() -> Any:
    raise AssertionError("nothing is sent, and so nothing has to be built")


@pytest.mark.parametrize("record", [PAID, WINDOW, ANSWERED], ids=["task", "window", "answered window"])
def test_what_an_earlier_try_has_submitted_is_taken_up(record: Any) -> None:
    case = Case(record=record)
    submitted = case.submitter(RETRY, arguments=OTHER_ARGUMENTS).submit(must_not_be_built)
    assert submitted.record == record
    assert not submitted.is_new
    assert not case.desk.sent


def test_a_clear_that_asks_for_the_same_takes_it_up_and_builds_nothing() -> None:
    case = Case(record=PAID)
    submitted = case.submitter(CLEARED).submit(must_not_be_built)
    assert submitted.record == replace(PAID, round=1) == case.store.record
    assert (submitted.is_new, submitted.is_asked_again) == (False, True)


def test_a_clear_that_asks_for_something_else_pays_for_it_and_keeps_both() -> None:
    case = Case(accepted("18"), record=PAID)
    record = case.submit(CLEARED, OTHER, arguments=OTHER_ARGUMENTS)
    assert record.mj_task_ids == ("18",)
    assert case.states != [STATE]
    assert case.store.records == [PAID, record]


def test_another_job_that_is_refused_leaves_what_was_paid_for_known() -> None:
    case = Case(failure(BannedPromptError), record=PAID)
    with pytest.raises(BannedPromptError):
        case.submit(CLEARED, OTHER, arguments=OTHER_ARGUMENTS)
    assert case.store.record == PAID
    assert case.submit(CLEARED).mj_task_ids == ("17",)
    assert len(case.desk.sent) == 1


def test_a_retry_of_a_clear_whose_submission_was_refused_does_not_give_what_is_from_before_it() -> None:
    case = Case(failure(BannedPromptError), accepted("18"), record=PAID)
    with pytest.raises(BannedPromptError):
        case.submit(CLEARED, OTHER, arguments=OTHER_ARGUMENTS)
    retry = replace(RETRY, round=CLEARED.round)
    assert case.submit(retry, OTHER, arguments=OTHER_ARGUMENTS).mj_task_ids == ("18",)


def test_another_answer_to_a_window_is_another_press_after_a_clear_only() -> None:
    case = Case(accepted("18"), record=ANSWERED)
    assert case.submit(RETRY, answer="of another answer") == ANSWERED
    case.submit(CLEARED, answer="of another answer")
    assert [action for action, _ in case.desk.sent] == ["imagine"]


def test_a_submission_of_a_try_that_ended_in_between_is_found_and_not_paid_again() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [listed(("17", STATE, START - 9))]
    submitted = case.submitter(RETRY).submit(must_not_be_built)
    assert submitted.record == PAID == case.store.record
    assert not submitted.is_new
    assert not case.desk.sent


def test_a_submission_that_shows_late_is_waited_for() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [listed(), listed(), listed(("17", STATE, START + 9))]
    assert case.submit(RETRY).mj_task_ids == ("17",)
    assert START < case.clock.now < INTENT.intent_at + TIMEOUT
    assert not case.desk.sent


def test_what_surely_did_not_arrive_is_submitted_once_it_cannot_arrive_any_more() -> None:
    case = Case(accepted("17"), record=INTENT)
    case.desk.lists = [proving()]
    assert case.submit(RETRY).mj_task_ids == ("17",)
    assert case.clock.now >= INTENT.intent_at + TIMEOUT
    assert len(case.desk.sent) == 1


def test_what_is_not_in_the_list_of_another_gateway_may_have_arrived() -> None:
    """The connection was changed between the tries: the list is that of another gateway."""
    case = Case(record=replace(INTENT, gateway="elsewhere.example"))
    case.desk.lists = [proving()]
    with pytest.raises(SubmissionUnknownError):
        case.submit(RETRY)
    assert not case.desk.sent


def test_what_is_in_the_list_is_found_under_another_name_of_its_gateway() -> None:
    case = Case(record=replace(INTENT, gateway="elsewhere.example"))
    case.desk.lists = [proving(("17", STATE, START - 9))]
    assert case.submit(RETRY).mj_task_ids == ("17",)


OWN = replace(INTENT, state="theirs")
UNDECIDED: list[Any] = [
    pytest.param(INTENT, [NO_LIST], id="the gateway has no list"),
    pytest.param(INTENT, [listed()[:0]], id="the list is empty"),
    pytest.param(INTENT, [listed()], id="the list reaches back and shows no later task of ours"),
    pytest.param(OWN, [proving(("17", "theirs", START))], id="the author's own state"),
]


@pytest.mark.parametrize(("record", "lists"), UNDECIDED)
def test_what_nobody_can_decide_is_not_paid_again(record: Any, lists: list[Any]) -> None:
    case = Case(record=record)
    case.desk.lists = lists
    with pytest.raises(SubmissionUnknownError, match="resubmit_if_unknown=True or delete the key mj_subm"):
        case.submit(RETRY)
    assert not case.desk.sent
    assert case.store.record == record


@pytest.mark.parametrize(("record", "lists"), UNDECIDED)
def test_what_nobody_can_decide_is_paid_again_if_the_author_says_so(record: Any, lists: list[Any]) -> None:
    case = Case(accepted("18"), record=record)
    case.desk.lists = lists
    again = case.submit(RETRY, pay_if_unknown=True)
    assert (again.mj_task_ids, again.generation) == (("18",), 1)
    assert again.state != record.state
    assert len(case.desk.sent) == 1


def test_an_outage_during_the_search_decides_nothing_and_is_worth_a_retry() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [failure(GatewayDownError)]
    with pytest.raises(SearchFailedError) as caught:
        case.submit(RETRY, pay_if_unknown=True)
    assert caught.value.retry_helps
    assert case.clock.now >= INTENT.intent_at + TIMEOUT
    assert (case.desk.sent, case.store.record) == ([], INTENT)


def test_an_outage_that_ends_during_the_search_loses_nothing() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [failure(GatewayDownError), listed(("17", STATE, START))]
    assert case.submit(RETRY).mj_task_ids == ("17",)
    assert case.desk.sent == []


def test_a_list_that_was_asked_for_in_time_and_came_late_proves_nothing() -> None:
    case = Case(record=INTENT)
    answers = iter([proving(), proving(("17", STATE, START))])

    def late() -> Any:
        case.clock.now += PATIENCE * TIMEOUT
        return next(answers)

    case.desk.list_newest = late  # type: ignore[method-assign]
    assert case.submit(RETRY).mj_task_ids == ("17",)
    assert case.desk.sent == []


def test_an_own_state_is_not_searched_for_since_other_submissions_may_carry_it() -> None:
    case = Case(record=OWN)
    with pytest.raises(SubmissionUnknownError):
        case.submit(RETRY)
    assert case.desk.looks == 0


@pytest.mark.parametrize("now", [None, "theirs", "theirs too"])
def test_what_is_searched_for_is_what_was_sent_whatever_the_author_says_now(now: str | None) -> None:
    case = Case(record=INTENT)
    case.desk.lists = [listed(("17", STATE, START - 9), ("18", "theirs", START), ("19", "theirs too", START))]
    assert case.submit(RETRY, own_state=now).mj_task_ids == ("17",)


# Without a store the mark says nothing of the arguments, since a retry may have others.
UNSTORED = state_at(START - 500, "")


@pytest.mark.parametrize(
    ("a_try", "lists", "expected"),
    [
        pytest.param(FIRST, [NO_LIST], ("submitted", 1), id="a first try submits"),
        pytest.param(
            replace(RETRY, is_resumed=True), [NO_LIST], ("submitted", 1), id="so it does after its queue"
        ),
        pytest.param(RETRY, [listed(("17", UNSTORED, START - 500))], ("17", 0), id="a later one finds"),
        pytest.param(RETRY, [proving()], (None, 0), id="a later one that finds nothing does not pay"),
        pytest.param(RETRY, [NO_LIST], (None, 0), id="nor one that can't search"),
        pytest.param(
            CLEARED, [listed(("17", UNSTORED, START - 500))], (None, 0), id="nor one that may be cleared"
        ),
    ],
)
def test_without_a_store_a_later_try_searches(
    a_try: Any, lists: list[Any], expected: tuple[str | None, int]
) -> None:
    case = Case(accepted("submitted"))
    case.desk.lists = lists
    if expected[0] is None:
        with pytest.raises(SubmissionUnknownError):
            case.submit(a_try, records=Records(None))
    else:
        # A retry may have other arguments, and has to make the same mark.
        record = case.submit(a_try, records=Records(None), arguments=OTHER_ARGUMENTS)
        assert record.mj_task_ids == (expected[0],)
    assert len(case.desk.sent) == expected[1]


def test_without_a_store_the_last_of_several_submissions_is_taken_up() -> None:
    case = Case()
    rows = [(str(n), state_at(START - 500 + n, "", generation=n), START - 500 + n) for n in range(3)]
    case.desk.lists = [listed(*rows)]
    record = case.submit(RETRY, records=Records(None))
    assert (record.mj_task_ids, record.generation) == (("2",), 2)


REFUSALS = [QueueFullError, BannedPromptError, SubmissionError, NoConnectionError, UnauthorizedError]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_forgotten_and_any_try_may_submit(refusal: type[GatewayError]) -> None:
    case = Case(failure(refusal), accepted("17"))
    with pytest.raises(refusal):
        case.submit()
    assert case.store.record is None
    assert case.submit(RETRY).mj_task_ids == ("17",)
