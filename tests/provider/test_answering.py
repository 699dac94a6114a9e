from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from desks import (
    ANSWER_DIGEST,
    ANSWERED,
    GATEWAY,
    LOST,
    NO_LIST,
    START,
    STATE,
    WINDOW,
    Case,
    accepted,
    failure,
    listed,
)

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.errors import (
    BannedPromptError,
    GatewayDownError,
    GatewayError,
    NoConnectionError,
    QueueFullError,
    SearchFailedError,
    SubmissionUnknownError,
    WindowRefusedError,
)
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.submitting.queue import queue_delay


def test_a_window_is_answered_and_the_task_that_the_answer_names_is_waited_for() -> None:
    case = Case(accepted("18"), record=WINDOW)
    record = case.answer(WINDOW)
    assert (record.mj_task_ids, record.is_confirmed, record.is_window) == (("18",), True, False)
    assert case.store.record == record
    assert case.desk.written == [[replace(WINDOW, answer=ANSWER_DIGEST, answer_at=START)]]
    assert case.desk.sent == [("modal", {"taskId": "17", "prompt": "a hat", "state": f"{STATE}+answer"})]


@pytest.mark.parametrize("refusal", [QueueFullError, BannedPromptError, NoConnectionError])
def test_a_window_whose_answer_was_refused_may_be_answered_again(refusal: type[GatewayError]) -> None:
    case = Case(failure(refusal), accepted("17"), record=WINDOW)
    # A retry can't mend the one, and the press is paid for: its own words say so.
    expected = WindowRefusedError if refusal is BannedPromptError else refusal
    with pytest.raises(expected) as caught:
        case.answer(WINDOW)
    assert (refusal is BannedPromptError) is ("task 17" in str(caught.value))
    assert case.store.record == WINDOW
    assert case.answer(case.store.record).is_confirmed


@pytest.mark.parametrize("status", ["SUBMITTED", "IN_PROGRESS", "SUCCESS", "FAILURE"])
def test_a_window_that_has_gone_on_was_answered_by_an_earlier_try(status: str) -> None:
    case = Case(record=ANSWERED)
    case.desk.status = status
    record = case.answer(ANSWERED)
    assert (record.mj_task_ids, record.is_confirmed) == (("17",), True)
    assert case.store.record == record
    assert not case.desk.sent


def test_an_answer_that_made_a_new_task_is_found_by_its_state() -> None:
    case = Case(record=ANSWERED)
    case.desk.lists = [listed(("18", f"{STATE}+answer", START - 4))]
    assert case.answer(ANSWERED).mj_task_ids == ("18",)
    assert not case.desk.sent


@pytest.mark.parametrize("lists", [[NO_LIST], [listed()[:0]], [listed()], [listed(("17", STATE, START - 9))]])
def test_an_answer_that_may_have_arrived_is_never_sent_again(lists: list[Any]) -> None:
    """A list without the answer's state proves nothing: trueai keeps the press's state at the task."""
    case = Case(accepted("17"), record=ANSWERED)
    case.desk.lists = lists
    with pytest.raises(SubmissionUnknownError, match="may have confirmed the window"):
        case.answer(ANSWERED)
    assert not case.desk.sent
    assert case.store.record == ANSWERED


def test_an_answer_that_may_have_arrived_is_sent_again_if_the_author_says_so() -> None:
    case = Case(accepted("17"), record=ANSWERED)
    assert case.answer(ANSWERED, pay_if_unknown=True).is_confirmed
    assert len(case.desk.sent) == 1


def test_a_gateway_that_is_down_says_nothing_about_a_window_and_a_retry_may_help() -> None:
    case = Case(record=ANSWERED)
    case.desk.status = failure(GatewayDownError)
    with pytest.raises(GatewayDownError):
        case.answer(ANSWERED)
    assert case.store.record == ANSWERED


@pytest.mark.parametrize(("status", "is_known"), [("IN_PROGRESS", True), ("MODAL", False)])
def test_a_lost_answer_to_a_window_is_settled_by_how_its_task_goes_on(status: str, is_known: bool) -> None:
    case = Case(LOST, record=WINDOW)
    case.desk.status = status
    if is_known:
        assert case.answer(WINDOW).is_confirmed
    else:
        with pytest.raises(SubmissionUnknownError):
            case.answer(WINDOW)
        assert case.store.record == replace(ANSWERED, answer_at=START)
    assert len(case.desk.sent) == 1


FULL = QueueFullError("the queue is full", gateway=GATEWAY)


@pytest.mark.parametrize(
    ("attempt", "retry_after", "left", "least", "most"),
    [
        (0, None, 3600, 10, 12),
        (1, None, 3600, 20, 24),
        (3, None, 3600, 80, 96),
        (4, None, 3600, 120, 144),
        (9999, None, 3600, 120, 144),
        (0, 60.0, 3600, 60, 72),
        (4, 5.0, 3600, 120, 144),
        (4, 86400.0, 3600, 3600, 3600),
        (0, None, 3, 3, 3),
    ],
)
def test_a_full_queue_is_tried_again_ever_more_seldom_until_time_is_up(
    attempt: int, retry_after: float | None, left: float, least: float, most: float
) -> None:
    error = QueueFullError("the queue is full", gateway=GATEWAY, retry_after=retry_after)
    delays = [
        queue_delay(attempt, error, since=START, now=START + 100, queue_timeout=left + 100) for _ in range(50)
    ]
    assert all(delay is not None and least <= delay <= most for delay in delays)


def test_mapped_tasks_do_not_come_back_in_step() -> None:
    delays = {queue_delay(0, FULL, since=START, now=START, queue_timeout=3600) for _ in range(20)}
    assert len(delays) > 1


@pytest.mark.parametrize("late", [0, 1, 1e6])
def test_a_full_queue_is_given_up_when_time_is_up(late: float) -> None:
    assert queue_delay(2, FULL, since=START, now=START + 60 + late, queue_timeout=60) is None


def test_no_picture_and_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    case = Case(accepted("17"))
    case.submit(job=jobs.imagine("a fox", images=["data:image/png;base64,iVBORw0KGgoAAA=="]))
    assert "Submitting imagine to gateway gw.example" in caplog.text
    assert "base64" not in caplog.text


@pytest.mark.parametrize("before", ["", None, "NOT_START"])
@pytest.mark.parametrize(("then", "is_sent"), [("MODAL", True), ("SUCCESS", False), ("IN_PROGRESS", False)])
def test_a_window_that_shows_no_status_yet_may_have_been_answered(
    before: str | None, then: str, is_sent: bool
) -> None:
    """A relay shows none before it has copied one from what stands behind it."""
    case = Case(accepted("17"), record=WINDOW)
    statuses = iter([before, before, before, then])

    def look(mj_task_id: str) -> Task:
        return Task(id=mj_task_id, status=next(statuses, then))

    case.desk.look_alone = look  # type: ignore[method-assign]
    assert case.answer(WINDOW, is_new=False).is_confirmed
    assert len(case.desk.sent) == is_sent


def test_a_window_that_goes_on_showing_no_status_is_left_to_a_retry() -> None:
    case = Case(record=WINDOW)
    case.desk.status = ""
    with pytest.raises(SearchFailedError, match="may have been answered"):
        case.answer(WINDOW, is_new=False)
    assert not case.desk.sent
    assert case.store.record == WINDOW
