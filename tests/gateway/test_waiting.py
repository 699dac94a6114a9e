from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_mj.gateway.errors import (
    GatewayBusyError,
    GatewayUnreachableError,
    TaskNotFoundError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.gateway.waiting import Goal, GoOn, Outcome, Stop, Wait, decide

START, DEADLINE = 1000.0, 4600.0
WAIT = Wait(gateway="gw.example", started_at=START, deadline=DEADLINE, interval=5.0)
CONFIRMED = replace(WAIT, confirmed=True)


def at(seconds: float, seen: object, wait: Wait = WAIT, *, answered: bool = True) -> GoOn | Stop:
    return decide(wait, "17", seen, START + seconds, answered=answered)  # type: ignore[arg-type]


def error(kind=GatewayUnreachableError, **more):
    return kind("it broke", gateway="gw.example", mj_task_id="17", **more)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("SUCCESS", Outcome.SUCCESS), ("FAILURE", Outcome.FAILURE), ("CANCEL", Outcome.CANCELLED)],
)
@pytest.mark.parametrize("seconds", [0, 10, 3600, 99999])
def test_an_end_is_an_end_even_after_the_deadline(status, outcome, seconds):
    stop = at(seconds, Task(id="17", status=status), answered=False)
    assert isinstance(stop, Stop)
    assert (stop.outcome, stop.task) == (outcome, Task(id="17", status=status))


@pytest.mark.parametrize("status", [None, "NOT_START", "SUBMITTED", "IN_PROGRESS", "UNKNOWN", "QUEUED"])
def test_anything_else_is_running(status):
    running = Task(id="17", status=status, progress=100, image_url="https://a/preview.png")
    assert isinstance(at(10, running), GoOn)


def test_an_unknown_word_is_told():
    step = at(10, Task(id="17", status="QUEUED"))
    assert isinstance(step, GoOn)
    assert "unknown word" in step.line
    assert "unknown word" not in at(10, Task(id="17", status="IN_PROGRESS")).line  # type: ignore[union-attr]


def test_modal_needs_the_caller_unless_confirmed():
    modal = Task(id="17", status="MODAL")
    stop = at(10, modal)
    assert isinstance(stop, Stop)
    assert stop.outcome is Outcome.NEEDS_INPUT
    assert 'MJModalOperator(mj_task_id="17"' in stop.message
    assert isinstance(at(10, modal, CONFIRMED), GoOn)
    assert at(3600, modal, CONFIRMED).outcome is Outcome.TIMEOUT  # type: ignore[union-attr]


def test_a_failure_says_why_for_which_task_where_and_what_of_the_money():
    stop = at(10, Task(id="17", status="FAILURE", fail_reason="Out of\npaint " + "x" * 500))
    assert isinstance(stop, Stop)
    assert stop.message.startswith("Task 17 at gateway gw.example ended as FAILURE: Out of paint xxx")
    assert "paid anew" in stop.message
    assert len(stop.message) < 480
    assert "\n" not in stop.message


def test_moderation_says_that_the_prompt_has_to_change():
    stop = at(10, Task(id="17", status="FAILURE", fail_reason="可能包含敏感词"))
    assert isinstance(stop, Stop)
    assert stop.outcome is Outcome.FAILURE
    assert "change the prompt" in stop.message


def test_an_error_before_the_first_answer_is_the_tasks_error():
    seen = error()
    with pytest.raises(GatewayUnreachableError) as caught:
        at(0, seen, answered=False)
    assert caught.value is seen


@pytest.mark.parametrize("kind", [GatewayUnreachableError, GatewayBusyError, UnexpectedAnswerError])
def test_a_later_error_is_a_warning_and_slows_the_wait_down(kind):
    step = at(10, error(kind))
    assert isinstance(step, GoOn)
    assert step.is_error
    assert step.delay == 15.0
    assert "it broke" in step.line


def test_ten_minutes_of_outage_do_not_end_the_wait():
    assert all(isinstance(at(seconds, error()), GoOn) for seconds in range(60, 660, 15))
    assert at(661, Task(id="17", status="SUCCESS")).outcome is Outcome.SUCCESS  # type: ignore[union-attr]


def test_the_gateways_retry_after_is_kept():
    assert at(10, error(GatewayBusyError, retry_after=120.0)).delay == 120.0  # type: ignore[union-attr]
    assert at(10, error(GatewayBusyError, retry_after=1.0)).delay == 15.0  # type: ignore[union-attr]


def test_the_last_look_is_at_the_deadline():
    assert at(3598, Task(id="17", status="SUBMITTED")).delay == 2.0  # type: ignore[union-attr]
    assert at(3598, error()).delay == 2.0  # type: ignore[union-attr]


def test_a_timeout_names_the_task_and_says_that_it_may_still_finish():
    stop = at(3600, Task(id="17", status="IN_PROGRESS", progress=93))
    assert isinstance(stop, Stop)
    assert stop.outcome is Outcome.TIMEOUT
    for words in ("Task 17", "gw.example", "3600 s", "IN_PROGRESS, 93 %", "may still finish", "paid"):
        assert words in stop.message


def test_a_timeout_in_an_outage_says_how_the_last_check_failed():
    stop = at(3600, error())
    assert isinstance(stop, Stop)
    assert stop.outcome is Outcome.TIMEOUT
    assert "the last check failed: task 17 at gateway gw.example: it broke" in stop.message


@pytest.mark.parametrize("answered", [False, True])
def test_a_refused_key_ends_the_wait_at_once(answered):
    stop = at(10, error(UnauthorizedError), answered=answered)
    assert isinstance(stop, Stop)
    assert stop.outcome is Outcome.UNAUTHORIZED
    assert "auth_scheme" in stop.message


@pytest.mark.parametrize("answered", [False, True])
def test_an_unknown_id_is_not_yet_during_the_grace(answered):
    step = at(29.9, error(TaskNotFoundError), answered=answered)
    assert isinstance(step, GoOn)
    assert "not known at gateway gw.example yet" in step.line
    stop = at(30, error(TaskNotFoundError), answered=answered)
    assert isinstance(stop, Stop)
    assert stop.outcome is Outcome.NOT_FOUND


def test_a_deadline_inside_of_the_grace_is_a_timeout():
    short = Wait(gateway="gw", started_at=START, deadline=START + 10, interval=5)
    assert at(10, error(TaskNotFoundError), short).outcome is Outcome.TIMEOUT  # type: ignore[union-attr]


def test_an_id_that_a_list_left_out_is_asked_for_by_itself_after_the_grace():
    early = at(10, None)
    assert isinstance(early, GoOn)
    assert not early.confirm
    for seconds in (30, 3600):
        late = at(seconds, None)
        assert isinstance(late, GoOn)
        assert late.confirm


@pytest.mark.parametrize(
    ("goal", "outcomes", "over", "reached"),
    [
        (Goal(total=2), [], False, False),
        (Goal(total=2), [Outcome.SUCCESS], False, False),
        (Goal(total=2), [Outcome.FAILURE], False, False),
        (Goal(total=2), [Outcome.FAILURE, Outcome.SUCCESS], True, False),
        (Goal(total=2), [Outcome.SUCCESS, Outcome.SUCCESS], True, True),
        (Goal(total=2, fail_fast=True), [Outcome.TIMEOUT], True, False),
        (Goal(total=2, fail_fast=True), [Outcome.SUCCESS], False, False),
        (Goal(total=3, min_success=1), [Outcome.FAILURE], False, False),
        (Goal(total=3, min_success=1), [Outcome.FAILURE, Outcome.SUCCESS], True, True),
        (Goal(total=3, min_success=1, fail_fast=True), [Outcome.FAILURE], True, False),
        (Goal(total=0), [], True, True),
    ],
)
def test_when_the_wait_for_several_tasks_is_over(goal, outcomes, over, reached):
    assert goal.is_over(outcomes) is over
    assert goal.is_reached(outcomes) is reached
