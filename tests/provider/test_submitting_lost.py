"""Submissions whose answer was lost, and submissions anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from desks import (
    CLEARED,
    INTENT,
    JOB,
    KEPT,
    LOST,
    NO_LIST,
    OTHER_ARGUMENTS,
    PAID,
    RETRY,
    SENT,
    START,
    STATE,
    TIMEOUT,
    Case,
    accepted,
    failure,
    listed,
    proving,
    state_at,
)

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.errors import (
    GatewayError,
    GatewayUnreachableError,
    QueueFullError,
    SubmissionUnknownError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.submitting.search import SEARCH_INTERVAL


def test_a_lost_answer_is_found_in_the_same_try() -> None:
    case = Case(LOST)
    case.desk.lists = [listed(("17", state_at(START), START + 1))]
    submitted = case.submitter().submit(lambda: JOB)
    assert submitted.record == KEPT == case.store.record
    assert submitted.is_new


def test_what_a_gateway_does_after_its_client_has_given_up_is_found() -> None:
    """The client's time limit says nothing about the gateway's: Spring and ASP.NET go on with the request."""
    case = Case(LOST)
    looks_until_it_is_done = round((TIMEOUT + 30) / SEARCH_INTERVAL)
    done = ("17", state_at(START), START + TIMEOUT + 30)
    case.desk.lists = [proving()] * looks_until_it_is_done + [proving(done)]
    assert case.submit().mj_task_ids == ("17",)


def test_a_lost_submission_that_did_not_arrive_leaves_the_next_try_free() -> None:
    case = Case(LOST, accepted("17"))
    case.desk.lists = [proving()]
    with pytest.raises(GatewayUnreachableError, match="did not arrive"):
        case.submit()
    assert case.clock.now >= START + TIMEOUT
    assert case.store.record is None
    assert case.submit(RETRY).mj_task_ids == ("17",)


RESTARTING = UnexpectedAnswerError("a web page came instead of JSON", gateway=NO_LIST.gateway)


@pytest.mark.parametrize("restart", [[NO_LIST], [RESTARTING], [NO_LIST, RESTARTING] * 2, [NO_LIST] * 6])
def test_a_list_that_is_missing_for_a_moment_is_asked_for_again(restart: list[Any]) -> None:
    case = Case(LOST)
    case.desk.lists = [*restart, listed(("17", state_at(START), START + 1))]
    assert case.submit().mj_task_ids == ("17",)


@pytest.mark.parametrize("refusal", [NO_LIST, RESTARTING])
def test_a_gateway_that_has_no_list_is_not_asked_for_it_for_ever(refusal: Exception) -> None:
    case = Case(LOST)
    case.desk.lists = [refusal]
    with pytest.raises(SubmissionUnknownError):
        case.submit()
    assert (case.desk.looks, case.clock.now) == (7, START + 30)


def test_an_old_search_outlasts_a_restart_as_well() -> None:
    case = Case(record=replace(INTENT, intent_at=START - 86_400))
    case.desk.lists = [NO_LIST, NO_LIST, listed(("17", STATE, START))]
    assert case.submit(RETRY).mj_task_ids == ("17",)


@pytest.mark.parametrize("lists", [[NO_LIST], [listed()]])
def test_a_lost_submission_that_nobody_can_decide_stays_written_down(lists: list[Any]) -> None:
    case = Case(LOST)
    case.desk.lists = lists
    with pytest.raises(SubmissionUnknownError):
        case.submit()
    assert case.store.record == SENT


class Killed(BaseException):
    """The end of a process, or Airflow's execution_timeout, which is no Exception either."""


def test_a_try_that_is_killed_in_the_call_leaves_its_intent() -> None:
    case = Case(accepted("17"), accepted("18"))

    def kill() -> None:
        raise Killed

    case.desk.then = kill
    with pytest.raises(Killed):
        case.submit()
    assert case.store.record == SENT
    with pytest.raises(SubmissionUnknownError):
        case.submit(RETRY)
    assert len(case.desk.sent) == 1


FAILED = replace(PAID, mj_task_ids=("9",))


def test_a_failed_task_is_submitted_anew_under_another_mark() -> None:
    case = Case(accepted("17"), record=FAILED)
    record = case.anew(FAILED)
    assert (record.mj_task_ids, record.generation, record.key) == (("17",), 1, FAILED.key)
    assert case.states == [record.state] != [STATE]
    assert case.store.record == record


@pytest.mark.parametrize(
    ("answer", "lists"),
    [
        pytest.param(failure(QueueFullError), [NO_LIST], id="refused"),
        pytest.param(LOST, [proving(("9", STATE, START - 500))], id="not arrived"),
    ],
)
def test_a_failed_task_is_still_known_when_submitting_anew_pays_nothing(
    answer: Exception, lists: list[Any]
) -> None:
    case = Case(answer, record=FAILED)
    case.desk.lists = lists
    with pytest.raises(GatewayError):
        case.anew(FAILED)
    assert case.store.record == FAILED


def test_a_lost_answer_to_submitting_anew_does_not_find_the_failed_task() -> None:
    case = Case(LOST, record=FAILED)
    case.desk.lists = [
        listed(("9", STATE, START - 500), ("17", state_at(START, generation=1), START + 1)),
    ]
    assert case.anew(FAILED).mj_task_ids == ("17",)


def test_a_retry_takes_up_what_was_submitted_anew_with_other_arguments() -> None:
    case = Case(accepted("17"), record=FAILED)
    record = case.anew(FAILED, arguments=OTHER_ARGUMENTS)
    assert case.store.records == [FAILED, record]
    assert case.submit(RETRY) == record


def test_nothing_is_sent_when_the_intent_cannot_be_written() -> None:
    case = Case(accepted("17"))
    case.store.is_down = True
    with pytest.raises(ConnectionError):
        case.submit()
    assert not case.desk.sent


def test_a_task_that_cannot_be_written_down_is_waited_for_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    case = Case(accepted("17"))

    def break_down() -> None:
        case.store.is_down = True

    case.desk.then = break_down
    assert case.submit().mj_task_ids == ("17",)
    assert "Task 17 could not be written down (ConnectionError)" in caplog.text
    case.store.is_down = False
    case.desk.lists = [listed(("17", state_at(START), START + 1))]
    assert case.submit(RETRY).mj_task_ids == ("17",)
    assert len(case.desk.sent) == 1


def test_what_can_be_wrong_with_a_body_is_found_before_an_intent_is_written() -> None:
    """Else the next try would look for something that was never sent."""
    case = Case()
    with pytest.raises(ValueError, match="extra_body must not hold state"):
        case.submit(job=jobs.with_extra(JOB, {"state": "theirs"}))
    assert case.store.record is None
    assert not case.desk.sent


UPLOAD = jobs.upload(["data:image/png;base64,iVBORw0KGgoAAA=="])
UPLOADED = replace(INTENT, state="", addresses=("https://cdn.example/1.png",))


def test_an_upload_is_paid_once() -> None:
    case = Case(accepted("https://cdn.example/1.png"))
    assert case.submit(job=UPLOAD).addresses == UPLOADED.addresses
    assert case.submit(RETRY, UPLOAD).addresses == UPLOADED.addresses
    assert case.submit(CLEARED, UPLOAD).addresses == UPLOADED.addresses
    assert len(case.desk.sent) == 1
    assert "state" not in case.desk.sent[0][1]


@pytest.mark.parametrize("resends", [False, True])
def test_an_upload_whose_answer_was_lost_is_never_proved_absent(resends: bool) -> None:
    """It makes no task, so that no list would show it."""
    case = Case(LOST, accepted("https://cdn.example/1.png"))
    case.desk.lists = [proving()]
    with pytest.raises(SubmissionUnknownError):
        case.submit(job=UPLOAD)
    if resends:
        assert case.submit(RETRY, UPLOAD, pay_if_unknown=True).addresses == UPLOADED.addresses
    else:
        with pytest.raises(SubmissionUnknownError):
            case.submit(RETRY, UPLOAD)
    assert len(case.desk.sent) == 1 + resends


def test_an_own_state_that_begins_like_a_mark_is_not_searched_for_either() -> None:
    case = Case(record=replace(INTENT, state="airflow-nightly"))
    case.desk.lists = [listed(("17", "airflow-nightly", START))]
    with pytest.raises(SubmissionUnknownError):
        case.submit(RETRY)
