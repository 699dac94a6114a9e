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
from airflow_provider_mj.gateway.waiting import Doubt, Goal, GoOn, Outcome, Stop, Wait, decide

START, DEADLINE = 1000.0, 4600.0
WAIT = Wait(gateway="gw.example", started_at=START, deadline=DEADLINE, interval=5.0)
CONFIRMED = replace(WAIT, confirmed=True)


def at(seconds: float, seen: object, wait: Wait = WAIT, *, answered: bool = True) -> GoOn | Stop:
    return decide(wait, "17", seen, START + seconds, answered=answered)  # type: ignore[arg-type]


def error(kind=GatewayUnreachableError, **more):
    return kind("it broke", gateway="gw.example", mj_task_id="17", **more)


def course(looks, wait=WAIT):
    """Give the steps of several looks, each of which is passed the doubt of the one before."""
    steps, doubt = [], None
    for seconds, seen in looks:
        steps.append(decide(wait, "17", seen, START + seconds, answered=True, doubt=doubt))
        doubt = steps[-1].doubt if isinstance(steps[-1], GoOn) else None
    return steps


NOT_FOUND, REFUSED = error(TaskNotFoundError), error(UnauthorizedError)
LIST_REFUSED = UnauthorizedError("it broke", gateway="gw.example")
RUNNING = Task(id="17", status="IN_PROGRESS", progress=40)
COSTLY = pytest.mark.parametrize(
    ("seen", "outcome"), [(NOT_FOUND, Outcome.NOT_FOUND), (REFUSED, Outcome.UNAUTHORIZED)]
)


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


def test_a_key_that_is_refused_before_the_first_answer_ends_the_wait_at_once():
    for mj_task_id in ("17", None):
        seen = UnauthorizedError("it broke", gateway="gw.example", mj_task_id=mj_task_id)
        stop = at(0, seen, answered=False)
        assert isinstance(stop, Stop)
        assert stop.outcome is Outcome.UNAUTHORIZED
        assert "auth_scheme" in stop.message


def test_an_unknown_id_is_not_yet_during_the_grace():
    for answered in (False, True):
        step = at(29.9, error(TaskNotFoundError), answered=answered)
        assert isinstance(step, GoOn)
        assert "not known at gateway gw.example yet" in step.line
        assert (step.delay, step.is_error, step.settle) == (WAIT.interval, False, False)


def test_an_id_that_was_unknown_from_the_start_is_so_when_the_grace_is_over():
    *steps, stop = course([(seconds, NOT_FOUND) for seconds in range(0, 31, 5)])
    assert not any(step.settle for step in steps)
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


@COSTLY
def test_an_end_that_costs_the_picture_counts_when_it_was_seen_three_times_over_half_a_minute(seen, outcome):
    *steps, stop = course([(100, seen), (115, seen), (130, seen)])
    assert all(isinstance(step, GoOn) and step.is_error and step.settle for step in steps)
    assert [step.delay for step in steps] == [15.0, 15.0]
    assert "counts only if it stays so" in steps[0].line
    assert isinstance(stop, Stop)
    assert stop.outcome is outcome
    for words in ("task 17 at gateway gw.example", "for 30 s, at every look"):
        assert words in stop.message


@COSTLY
@pytest.mark.parametrize("seconds", [[100, 110, 120, 129.9], [100, 131], [100, 110]])
def test_fewer_or_quicker_looks_are_not_enough(seen, outcome, seconds):
    assert all(isinstance(step, GoOn) for step in course([(one, seen) for one in seconds]))


@COSTLY
@pytest.mark.parametrize("between", [RUNNING, error(), error(GatewayBusyError), LIST_REFUSED])
def test_anything_else_in_between_starts_the_count_again(seen, outcome, between):
    steps = course([(100, seen), (115, seen), (120, between), (130, seen), (145, seen), (160, seen)])
    assert [isinstance(step, Stop) for step in steps] == [False] * 5 + [True]
    assert steps[2].doubt is None
    assert steps[3].doubt.count == 1


def test_one_end_does_not_count_for_the_other():
    steps = course([(100, NOT_FOUND), (115, REFUSED), (130, NOT_FOUND), (145, REFUSED), (160, NOT_FOUND)])
    assert all(isinstance(step, GoOn) for step in steps)


@COSTLY
def test_a_deadline_during_a_doubt_is_a_timeout_that_says_what_was_seen(seen, outcome):
    step, stop = course([(3590, seen), (3600, seen)])
    assert step.delay == 10.0
    assert isinstance(stop, Stop)
    assert stop.outcome is Outcome.TIMEOUT
    assert "the last check failed: task 17 at gateway gw.example: it broke" in stop.message
    assert "It is paid for" in stop.message


@COSTLY
def test_a_doubt_that_the_look_at_the_deadline_settles_is_an_end(seen, outcome):
    assert course([(3569, seen), (3585, seen), (3600, seen)])[-1].outcome is outcome


@COSTLY
def test_a_success_in_the_middle_of_a_doubt_is_a_success(seen, outcome):
    done = Task(id="17", status="SUCCESS")
    assert course([(100, seen), (115, seen), (130, done)])[-1].outcome is Outcome.SUCCESS


@COSTLY
def test_an_end_that_another_has_made_sure_of_takes_one_more_look(seen, outcome):
    proved = Doubt.proved(outcome, START)
    assert decide(WAIT, "17", seen, START + 100, answered=True, doubt=proved).outcome is outcome
    assert isinstance(decide(WAIT, "17", RUNNING, START + 100, answered=True, doubt=proved), GoOn)


def test_a_list_that_is_refused_proves_nothing_about_the_tasks():
    steps = course([(100 + 15 * number, LIST_REFUSED) for number in range(20)])
    assert all(isinstance(step, GoOn) and step.is_error and step.doubt is None for step in steps)


def test_what_a_fetch_of_another_task_says_of_the_key_counts_and_names_this_one():
    refused = UnauthorizedError("it broke", gateway="gw.example", mj_task_id="99")
    *_, stop = course([(100, refused), (115, refused), (130, refused)])
    assert stop.outcome is Outcome.UNAUTHORIZED
    assert "Task 17 can't be asked for: task 99 at gateway gw.example" in stop.message


def test_a_row_that_a_list_leaves_out_never_counts_by_itself():
    steps = course([(100, None), (115, None), (130, None), (145, None), (3600, None)])
    assert all(isinstance(step, GoOn) and step.confirm and step.doubt is None for step in steps)


def test_a_row_that_a_list_leaves_out_takes_no_doubt_back_and_adds_none():
    steps = course([(100, None), (100, NOT_FOUND), (105, None), (110, None), (115, None), (115, NOT_FOUND)])
    assert [step.confirm for step in steps] == [True, False, False, False, True, False]
    assert [step.settle for step in steps] == [False, *[True] * 5]
    assert [step.doubt.count for step in steps[1:]] == [1, 1, 1, 1, 2]


def test_a_list_that_leaves_a_row_out_has_taken_the_key():
    assert course([(100, REFUSED), (115, None)])[-1].doubt is None


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
