from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from desks import (
    ANSWERED,
    DIGEST,
    INTENT,
    JOB,
    LOST,
    NO_LIST,
    OTHER,
    PAID,
    START,
    STATE,
    TIMEOUT,
    WINDOW,
    Case,
    accepted,
    failure,
    listed,
)

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.errors import (
    Acceptance,
    BannedPromptError,
    GatewayDownError,
    GatewayError,
    GatewayUnreachableError,
    NoConnectionError,
    QueueFullError,
    SearchFailedError,
    SubmissionError,
    SubmissionUnknownError,
    UnauthorizedError,
)
from airflow_provider_mj.record import Record, Records
from airflow_provider_mj.submitting import PATIENCE, SEARCH_INTERVAL


def test_an_intent_is_written_down_before_the_call_and_the_task_after_it() -> None:
    case = Case(accepted("17"))
    submitter = case.submitter()
    assert submitter.submit(JOB) == replace(PAID, intent_at=START) == case.store.record
    assert submitter.is_new
    assert case.desk.written == [replace(INTENT, intent_at=START)]
    assert case.desk.sent == [("imagine", {"prompt": "a red fox", "state": STATE})]


def test_all_tasks_of_a_press_that_makes_several_are_kept() -> None:
    case = Case(accepted("1", "2", "3", "4"))
    assert case.submitter().submit(JOB).mj_task_ids == ("1", "2", "3", "4")


@pytest.mark.parametrize(
    ("acceptance", "is_window"),
    [(Acceptance.TASK, False), (Acceptance.EXISTED, False), (Acceptance.CONFIRM, True)],
)
def test_a_window_is_remembered(acceptance: Acceptance, is_window: bool) -> None:
    case = Case(accepted("17", acceptance=acceptance))
    assert case.submitter().submit(JOB).is_window is is_window


def test_the_authors_own_state_goes_out_in_place_of_the_mark() -> None:
    case = Case(accepted("17"))
    case.submitter(own_state="theirs").submit(JOB)
    assert case.states == ["theirs"]


@pytest.mark.parametrize("record", [PAID, WINDOW, ANSWERED], ids=["task", "window", "answered window"])
def test_what_an_earlier_try_has_submitted_is_taken_up(record: Record) -> None:
    case = Case(record=record)
    submitter = case.submitter(is_first_try=False)
    assert submitter.submit(JOB) == record
    assert not submitter.is_new
    assert not case.desk.sent


def test_another_job_is_another_submission() -> None:
    case = Case(accepted("18"), record=PAID)
    assert case.submitter().submit(OTHER).mj_task_ids == ("18",)
    assert case.states != [STATE]


def test_another_job_that_is_refused_leaves_what_was_paid_for_known() -> None:
    case = Case(failure(BannedPromptError), record=PAID)
    with pytest.raises(BannedPromptError):
        case.submitter().submit(OTHER)
    assert case.store.record == PAID
    assert case.submitter().submit(JOB).mj_task_ids == ("17",)
    assert len(case.desk.sent) == 1


def test_another_answer_to_a_window_is_another_press() -> None:
    case = Case(accepted("18"), record=ANSWERED)
    case.submitter(answer_digest=lambda: "of another answer").submit(JOB)
    assert [action for action, _ in case.desk.sent] == ["imagine"]


def test_a_submission_of_a_try_that_ended_in_between_is_found_and_not_paid_again() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [listed(("17", STATE, START - 9))]
    submitter = case.submitter(is_first_try=False)
    assert submitter.submit(JOB) == PAID == case.store.record
    assert not submitter.is_new
    assert not case.desk.sent


def test_a_submission_that_shows_late_is_waited_for() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [listed(), listed(), listed(("17", STATE, START + 9))]
    assert case.submitter().submit(JOB).mj_task_ids == ("17",)
    assert START < case.clock.now < INTENT.intent_at + TIMEOUT
    assert not case.desk.sent


def test_what_surely_did_not_arrive_is_submitted_once_it_cannot_arrive_any_more() -> None:
    case = Case(accepted("17"), record=INTENT)
    case.desk.lists = [listed()]
    assert case.submitter(is_first_try=False).submit(JOB).mj_task_ids == ("17",)
    assert case.clock.now >= INTENT.intent_at + TIMEOUT
    assert len(case.desk.sent) == 1


UNDECIDED: list[Any] = [
    pytest.param([NO_LIST], {}, id="the gateway has no list"),
    pytest.param([listed()[:0]], {}, id="the list is empty"),
    pytest.param([listed(("17", "theirs", START))], {"own_state": "theirs"}, id="the author's own state"),
]


@pytest.mark.parametrize(("lists", "more"), UNDECIDED)
def test_what_nobody_can_decide_is_not_paid_again(lists: list[Any], more: dict[str, Any]) -> None:
    case = Case(record=INTENT)
    case.desk.lists = lists
    with pytest.raises(SubmissionUnknownError, match="resubmit_if_unknown=True or delete the key mj_subm"):
        case.submitter(is_first_try=False, **more).submit(JOB)
    assert not case.desk.sent
    assert case.store.record == INTENT


@pytest.mark.parametrize(("lists", "more"), UNDECIDED)
def test_what_nobody_can_decide_is_paid_again_if_the_author_says_so(
    lists: list[Any], more: dict[str, Any]
) -> None:
    case = Case(accepted("18"), record=INTENT)
    case.desk.lists = lists
    record = case.submitter(pay_if_unknown=True, **more).submit(JOB)
    assert (record.mj_task_ids, record.generation) == (("18",), 1)
    assert record.state != STATE
    assert len(case.desk.sent) == 1


def test_an_outage_during_the_search_decides_nothing_and_is_worth_a_retry() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [failure(GatewayDownError)]
    with pytest.raises(SearchFailedError) as caught:
        case.submitter(pay_if_unknown=True).submit(JOB)
    assert caught.value.retry_helps
    assert case.clock.now >= INTENT.intent_at + TIMEOUT
    assert (case.desk.sent, case.store.record) == ([], INTENT)


def test_an_outage_that_ends_during_the_search_loses_nothing() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [failure(GatewayDownError), listed(("17", STATE, START))]
    assert case.submitter().submit(JOB).mj_task_ids == ("17",)
    assert case.desk.sent == []


def test_a_list_that_was_asked_for_in_time_and_came_late_proves_nothing() -> None:
    case = Case(record=INTENT)
    answers = iter([listed(), listed(("17", STATE, START))])

    def late() -> Any:
        case.clock.now += PATIENCE * TIMEOUT
        return next(answers)

    case.desk.list_newest = late  # type: ignore[method-assign]
    assert case.submitter().submit(JOB).mj_task_ids == ("17",)
    assert case.desk.sent == []


def test_an_own_state_is_not_searched_for_since_other_submissions_may_carry_it() -> None:
    case = Case(record=INTENT)
    with pytest.raises(SubmissionUnknownError):
        case.submitter(own_state="theirs").submit(JOB)
    assert case.desk.looks == 0


@pytest.mark.parametrize(
    ("is_first_try", "lists", "expected"),
    [
        pytest.param(True, [NO_LIST], ("submitted", 1), id="a first try submits"),
        pytest.param(False, [listed(("17", STATE, START - 500))], ("17", 0), id="a later one finds"),
        pytest.param(False, [listed()], (None, 0), id="a later one that finds nothing does not pay"),
        pytest.param(False, [NO_LIST], (None, 0), id="nor one that can't search"),
    ],
)
def test_without_a_store_a_later_try_searches(
    is_first_try: bool, lists: list[Any], expected: tuple[str | None, int]
) -> None:
    case = Case(accepted("submitted"))
    case.desk.lists = lists
    submitter = case.submitter(records=Records(None), is_first_try=is_first_try)
    if expected[0] is None:
        with pytest.raises(SubmissionUnknownError):
            submitter.submit(JOB)
    else:
        assert submitter.submit(JOB).mj_task_ids == (expected[0],)
    assert len(case.desk.sent) == expected[1]


REFUSALS = [QueueFullError, BannedPromptError, SubmissionError, NoConnectionError, UnauthorizedError]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_forgotten_and_any_try_may_submit(refusal: type[GatewayError]) -> None:
    case = Case(failure(refusal), accepted("17"))
    with pytest.raises(refusal):
        case.submitter().submit(JOB)
    assert case.store.record is None
    assert case.submitter(is_first_try=False).submit(JOB).mj_task_ids == ("17",)


def test_a_lost_answer_is_found_in_the_same_try() -> None:
    case = Case(LOST)
    case.desk.lists = [listed(("17", STATE, START + 1))]
    submitter = case.submitter()
    assert submitter.submit(JOB).mj_task_ids == ("17",)
    assert submitter.is_new
    assert case.store.record == replace(PAID, intent_at=START)


def test_what_a_gateway_does_after_its_client_has_given_up_is_found() -> None:
    """The client's time limit says nothing about the gateway's: Spring and ASP.NET go on with the request."""
    case = Case(LOST)
    looks_until_it_is_done = round((TIMEOUT + 30) / SEARCH_INTERVAL)
    case.desk.lists = [listed()] * looks_until_it_is_done + [listed(("17", STATE, START + TIMEOUT + 30))]
    assert case.submitter().submit(JOB).mj_task_ids == ("17",)


def test_a_lost_submission_that_did_not_arrive_leaves_the_next_try_free() -> None:
    case = Case(LOST, accepted("17"))
    case.desk.lists = [listed()]
    with pytest.raises(GatewayUnreachableError, match="did not arrive"):
        case.submitter().submit(JOB)
    assert case.clock.now >= START + TIMEOUT
    assert case.store.record is None
    assert case.submitter(is_first_try=False).submit(JOB).mj_task_ids == ("17",)


def test_a_lost_submission_that_nobody_can_decide_stays_written_down() -> None:
    case = Case(LOST)
    with pytest.raises(SubmissionUnknownError):
        case.submitter().submit(JOB)
    assert case.store.record == replace(INTENT, intent_at=START)


class Killed(BaseException):
    """The end of a process, or Airflow's execution_timeout, which is no Exception either."""


def test_a_try_that_is_killed_in_the_call_leaves_its_intent() -> None:
    case = Case(accepted("17"), accepted("18"))

    def kill() -> None:
        raise Killed

    case.desk.then = kill
    with pytest.raises(Killed):
        case.submitter().submit(JOB)
    assert case.store.record == replace(INTENT, intent_at=START)
    with pytest.raises(SubmissionUnknownError):
        case.submitter(is_first_try=False).submit(JOB)
    assert len(case.desk.sent) == 1


FAILED = replace(PAID, mj_task_ids=("9",))


def test_a_failed_task_is_submitted_anew_under_another_mark() -> None:
    case = Case(accepted("17"), record=FAILED)
    record = case.submitter().submit_anew(JOB, FAILED)
    assert (record.mj_task_ids, record.generation, record.digest) == (("17",), 1, DIGEST)
    assert case.states == [record.state] != [STATE]
    assert case.store.record == record


@pytest.mark.parametrize(
    ("answer", "lists"),
    [
        pytest.param(failure(QueueFullError), [NO_LIST], id="refused"),
        pytest.param(LOST, [listed(("9", STATE, START - 500))], id="not arrived"),
    ],
)
def test_a_failed_task_is_still_known_when_submitting_anew_pays_nothing(
    answer: Exception, lists: list[Any]
) -> None:
    case = Case(answer, record=FAILED)
    case.desk.lists = lists
    with pytest.raises(GatewayError):
        case.submitter().submit_anew(JOB, FAILED)
    assert case.store.record == FAILED


def test_a_lost_answer_to_submitting_anew_does_not_find_the_failed_task() -> None:
    case = Case(LOST, record=FAILED)
    anew = jobs.marker("dag", "run", "draw", -1, digest=DIGEST, generation=1)
    case.desk.lists = [listed(("9", STATE, START - 500), ("17", anew, START + 1))]
    assert case.submitter().submit_anew(JOB, FAILED).mj_task_ids == ("17",)


def test_nothing_is_sent_when_the_intent_cannot_be_written() -> None:
    case = Case(accepted("17"))
    case.store.is_down = True
    with pytest.raises(ConnectionError):
        case.submitter().submit(JOB)
    assert not case.desk.sent


def test_a_task_that_cannot_be_written_down_is_waited_for_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    case = Case(accepted("17"))

    def break_down() -> None:
        case.store.is_down = True

    case.desk.then = break_down
    assert case.submitter().submit(JOB).mj_task_ids == ("17",)
    assert "Task 17 could not be written down (ConnectionError)" in caplog.text
    case.store.is_down = False
    case.desk.lists = [listed(("17", STATE, START + 1))]
    assert case.submitter(is_first_try=False).submit(JOB).mj_task_ids == ("17",)
    assert len(case.desk.sent) == 1


def test_what_can_be_wrong_with_a_body_is_found_before_an_intent_is_written() -> None:
    """Else the next try would look for something that was never sent."""
    case = Case()
    with pytest.raises(ValueError, match="extra_body must not hold state"):
        case.submitter().submit(jobs.with_extra(JOB, {"state": "theirs"}))
    assert case.store.record is None
    assert not case.desk.sent
