"""Looking for a submission at a gateway without a list of tasks: in the log of its key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from desks import INTENT, JOB, KEPT, LOST, RETRY, SENT, START, STATE, TIMEOUT, Case, failure, listed, state_at

from airflow_provider_mj.gateway.errors import (
    GatewayBusyError,
    GatewayDownError,
    GatewayUnreachableError,
    SearchFailedError,
    SubmissionUnknownError,
    UnauthorizedError,
)
from airflow_provider_mj.gateway.keylog import LogRow
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.submitting.search import LOG_CALLS, PATIENCE

OVER = START + PATIENCE * TIMEOUT
OLD = LogRow(START - 7200, "1", is_submission=True)


def charge(after: float, mj_task_id: str) -> LogRow:
    return LogRow(START + after, mj_task_id, is_submission=True)


def shows(case: Case, *tasks: tuple[str, str | None]) -> None:
    case.desk.known = {
        one: Task(id=one, status="SUBMITTED", state=state, prompt="a fox") for one, state in tasks
    }


def test_a_lost_answer_is_found_in_the_log_at_once() -> None:
    case = Case(LOST)
    case.desk.logs = [[charge(1, "17"), OLD]]
    shows(case, ("17", state_at(START)))
    submitted = case.submitter().submit(lambda: JOB)
    assert submitted.record == KEPT == case.store.record
    assert (case.desk.log_calls, case.clock.now) == (1, START)


def test_one_that_the_gateway_charges_later_is_found_later() -> None:
    case = Case(LOST)
    case.desk.logs = [[OLD], [charge(60, "17"), OLD]]
    shows(case, ("17", state_at(START)))
    assert case.submit().mj_task_ids == ("17",)
    assert case.desk.log_calls == 2
    assert case.clock.now < START + TIMEOUT + 10


def test_the_state_that_the_gateway_copies_later_is_waited_for() -> None:
    case = Case(LOST)
    case.desk.logs = [[charge(1, "17"), OLD]]
    shows(case, ("17", ""))
    asked = []

    def copied(mj_task_ids: Any) -> dict[str, Task]:
        asked.append(case.clock.now)
        if len(asked) > 4:
            shows(case, ("17", state_at(START)))
        return case.desk.known

    case.desk.get_tasks = copied  # type: ignore[method-assign]
    assert case.submit().mj_task_ids == ("17",)
    assert case.desk.log_calls == 1


def test_a_log_that_shows_no_charge_proves_that_none_was_made() -> None:
    case = Case(LOST)
    case.desk.logs = [[charge(1, "16"), OLD]]
    shows(case, ("16", "theirs"))
    with pytest.raises(GatewayUnreachableError, match="did not arrive"):
        case.submit()
    assert (case.store.record, case.clock.now, case.desk.log_calls) == (None, OVER, LOG_CALLS)


def test_what_it_might_be_is_named_with_the_beginning_of_its_prompt() -> None:
    case = Case(record=INTENT)
    case.desk.logs = [[charge(1, "16"), charge(1, "15"), OLD]]
    case.desk.known = {"16": Task(id="16", status="", prompt="a fox " * 60)}
    with pytest.raises(SubmissionUnknownError) as caught:
        case.submit(RETRY)
    named = f"that the key was charged for since: 16 ({('a fox ' * 60)[:80].strip()}), 15. If the gateway"
    assert named in str(caught.value)
    assert (case.desk.sent, case.store.record) == ([], INTENT)
    # A while longer, since the gateway copies states from behind it only now and then.
    assert case.clock.now == OVER + 60


def test_a_lost_answer_names_them_as_well() -> None:
    case = Case(LOST)
    case.desk.logs = [[charge(1, "16"), OLD]]
    with pytest.raises(SubmissionUnknownError, match="charged for since: 16"):
        case.submit()
    assert case.store.record == SENT


@pytest.mark.parametrize(
    "logs",
    [
        pytest.param([[]], id="an empty log"),
        pytest.param([failure(UnauthorizedError)], id="the key may not"),
        pytest.param([[LogRow(START - 9000, None, is_submission=False)]], id="no submission in it"),
    ],
)
def test_without_a_log_nobody_can_tell(logs: list[Any]) -> None:
    case = Case(LOST)
    case.desk.logs = logs
    with pytest.raises(SubmissionUnknownError):
        case.submit()
    assert (case.store.record, len(case.desk.sent)) == (SENT, 1)
    assert case.desk.log_calls <= LOG_CALLS


@pytest.mark.parametrize("kind", [GatewayBusyError, GatewayDownError, GatewayUnreachableError])
def test_a_log_that_can_not_be_read_just_now_is_read_by_a_retry(kind: type[Exception]) -> None:
    case = Case(record=INTENT)
    case.desk.logs = [failure(kind)]
    with pytest.raises(SearchFailedError, match="the log of the key"):
        case.submit(RETRY)
    assert case.desk.log_calls == LOG_CALLS
    assert (case.desk.sent, case.store.record) == ([], INTENT)


def test_of_a_log_that_can_be_read_again_nothing_is_lost() -> None:
    case = Case(record=INTENT)
    case.desk.logs = [failure(GatewayBusyError), failure(GatewayBusyError), [charge(1, "17"), OLD]]
    shows(case, ("17", STATE))
    assert case.submit(RETRY).mj_task_ids == ("17",)


def test_where_there_is_a_list_the_log_is_left_alone() -> None:
    case = Case(record=INTENT)
    case.desk.lists = [listed(("17", STATE, START))]
    assert case.submit(RETRY).mj_task_ids == ("17",)
    assert case.desk.log_calls == 0


def test_a_record_that_is_gone_does_not_ask_for_the_log_again_and_again() -> None:
    """Without a record each generation of each round is looked for."""
    case = Case()
    case.store.text = '{"version": 99}'
    case.desk.logs = [[charge(-3600, "16"), OLD]]
    shows(case, ("16", "theirs"))
    with pytest.raises(SubmissionUnknownError):
        case.submit(replace(RETRY, is_resumed=False))
    assert case.desk.log_calls <= LOG_CALLS
    assert case.clock.now <= START + 600
