"""What nobody has written down to its end: lost answers, lists, unreadable records, windows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from paying import PNG, QUICK, AirflowTask, Gateway

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.errors import GatewayUnreachableError, SubmissionUnknownError
from airflow_provider_mj.gateway.jobs import Job
from airflow_provider_mj.images import data_uri
from airflow_provider_mj.operators.mj import MJActionOperator, MJImagineOperator
from airflow_provider_mj.submitting.record import KEY, payload_digest

if TYPE_CHECKING:
    from collections.abc import Callable

GRID: dict[str, Any] = {
    "id": "5",
    "status": "SUCCESS",
    "buttons": [{"customId": "MJ::JOB::variation::1::abc", "label": "V1"}],
}


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def imagine(**more: Any) -> Callable[[], Any]:
    return lambda: MJImagineOperator(task_id="draw", prompt="a fox", **QUICK, **more)


def press(**more: Any) -> Callable[[], Any]:
    return lambda: MJActionOperator(task_id="draw", task=GRID, button="V1", **QUICK, **more)


# --- M2: lists that prove nothing ------------------------------------------------------------------------


def test_only_a_list_that_would_show_it_proves_that_a_submission_did_not_arrive(gateway):
    gateway.is_proving()
    gateway.loses_requests = True
    task = AirflowTask(gateway, imagine())
    with pytest.raises(GatewayUnreachableError, match="did not arrive"):
        task.attempt()
    gateway.loses_requests = False
    assert task.attempt()["status"] == "SUCCESS"
    assert gateway.charges == 1


LIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no state": lambda row: {**row, "state": None},
    "a cut state": lambda row: {**row, "state": (row.get("state") or "")[:40]},
    "a state with something before it": lambda row: {**row, "state": f"u7:{row.get('state')}"},
    "finished tasks only": lambda row: {**row, "status": "SUCCESS"},
    "no times": lambda row: {**row, "submitTime": None},
    "a clock that stands still": lambda row: {**row, "submitTime": 1_790_000_000_000},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_list_that_lies_does_not_let_a_retry_pay(gateway, lie):
    gateway.is_proving()
    gateway.rows = {one: LIES[lie](row) for one, row in gateway.rows.items()}
    gateway.loses_requests = True
    task = AirflowTask(gateway, imagine())
    for _ in range(3):
        with pytest.raises(AirflowFailException, match="unknown whether"):
            task.attempt()
    assert len(gateway.calls) == 1


@pytest.mark.parametrize("missing", ["1", "99"])
def test_a_list_that_lacks_one_side_of_the_submission_proves_nothing(gateway, missing):
    gateway.is_proving()
    del gateway.rows[missing]
    gateway.loses_requests = True
    task = AirflowTask(gateway, imagine())
    for _ in range(3):
        with pytest.raises(AirflowFailException, match="unknown whether"):
            task.attempt()
    assert len(gateway.calls) == 1


def test_the_list_of_another_gateway_proves_nothing(gateway):
    gateway.loses_requests = True
    task = AirflowTask(gateway, imagine())
    with pytest.raises(AirflowFailException):
        task.attempt()
    other = Gateway()
    other.gateway = "other.example"  # type: ignore[misc]
    other.is_proving()
    task.gateway = other
    with pytest.raises(AirflowFailException, match="unknown whether"):
        task.attempt()
    assert other.calls == []


@pytest.mark.parametrize("loses", ["loses_answers", "loses_requests"])
def test_what_is_unknown_is_paid_again_if_the_author_said_so(gateway, loses):
    gateway.is_empty = True
    setattr(gateway, loses, True)
    task = AirflowTask(gateway, imagine(resubmit_if_unknown=True))
    with pytest.raises(SubmissionUnknownError):
        task.attempt()
    gateway.loses_answers = gateway.loses_requests = False
    first = task.attempt()
    assert task.attempt() == first
    assert len({body["state"] for _, body in gateway.calls}) == len(gateway.calls) == 2


# --- M8: a record that can't be read ---------------------------------------------------------------------

GONE: dict[str, Any] = {
    "its object is gone": None,
    "overwritten with text": "17",
    "of a later version": {"version": 3, "records": []},
    "half of it": {"version": 2, "records": [{"state": "s"}]},
}


@pytest.mark.parametrize("what", GONE)
@pytest.mark.parametrize("again", ["attempt", "clear"])
def test_a_record_that_can_not_be_read_is_not_taken_for_none(gateway, what, again):
    task = AirflowTask(gateway, imagine())
    first = task.attempt()
    task.store.values[KEY] = json.dumps(GONE[what])
    # The marks of this round and of those before it can be made again.
    assert getattr(task, again)() == first
    assert task.store.kept == ["17"]
    assert task.clear() == first
    assert gateway.charges == 1


@pytest.mark.parametrize("what", GONE)
def test_a_record_that_can_not_be_read_is_given_up_on_an_authors_word_only(gateway, what):
    gateway.is_empty = True
    task = AirflowTask(gateway, imagine())
    task.attempt()
    task.store.values[KEY] = json.dumps(GONE[what])
    with pytest.raises(AirflowFailException, match="unknown whether"):
        task.attempt()
    assert task.attempt(imagine(resubmit_if_unknown=True))["id"] == "18"
    assert task.store.kept == ["18"]
    assert task.attempt()["id"] == "18"
    assert gateway.charges == 2


def test_a_key_that_a_person_has_deleted_lets_the_task_pay_again(gateway):
    task = AirflowTask(gateway, imagine())
    task.attempt()
    task.store.delete(KEY)
    task.attempt()
    assert gateway.charges == 2


# --- M10: an own state that comes and goes ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "later", "is_found"),
    [
        pytest.param(None, "order 17", True, id="added"),
        pytest.param(None, "airflow-nightly", True, id="added, and like a mark"),
        pytest.param("order 17", None, False, id="removed"),
        pytest.param("order 17", "order 18", False, id="changed"),
        pytest.param("airflow-nightly", None, False, id="removed, and like a mark"),
    ],
)
def test_what_was_sent_is_searched_for_and_not_what_the_author_says_now(gateway, sent, later, is_found):
    gateway.is_empty = gateway.loses_answers = True
    task = AirflowTask(gateway, imagine(state=sent))
    with pytest.raises(AirflowFailException, match="unknown whether"):
        task.attempt()
    gateway.is_empty = gateway.loses_answers = False
    gateway.is_proving()
    if is_found:
        assert task.attempt(imagine(state=later))["id"] == "17"
    else:
        with pytest.raises(AirflowFailException, match="unknown whether"):
            task.attempt(imagine(state=later))
    assert len(gateway.calls) == 1


# --- M9, M17, M22: windows -------------------------------------------------------------------------------


@pytest.fixture
def window(gateway: Gateway) -> AirflowTask:
    """A press without an answer has opened a window."""
    gateway.opens_windows = True
    task = AirflowTask(gateway, press())
    with pytest.raises(AirflowFailException, match=r"\(status MODAL\)"):
        task.attempt()
    return task


@pytest.mark.parametrize("modal", [None, {"prompt": "a hat"}])
@pytest.mark.parametrize("again", ["attempt", "clear"])
@pytest.mark.parametrize("status", ["SUCCESS", "IN_PROGRESS", "SUBMITTED"])
def test_a_window_that_somebody_else_has_answered_goes_on(gateway, window, modal, again, status):
    gateway.rows["17"]["status"] = status

    def finish() -> None:
        gateway.rows["17"]["status"] = "SUCCESS"

    gateway.before_look = finish if status != "SUCCESS" else gateway.before_look
    assert getattr(window, again)(press(modal=modal))["id"] == "17"
    assert gateway.actions == ["action"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_window_that_still_waits_is_answered_once(gateway, window, deferrable):
    answering = press(modal={"prompt": "a hat"}, deferrable=deferrable)
    assert window.clear(answering)["id"] == "17"
    assert window.attempt()["id"] == "17"
    assert gateway.actions == ["action", "modal"]


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_window_whose_press_had_a_lost_answer_is_found_and_answered(gateway, waits, is_killed):
    gateway.opens_windows = gateway.loses_answers = True
    gateway.is_empty = is_killed

    def found() -> None:
        gateway.loses_answers = False

    gateway.then = found if not is_killed else gateway.then
    task = AirflowTask(gateway, press(modal={"prompt": "a hat"}, wait_for_completion=waits))
    if is_killed:
        with pytest.raises(AirflowFailException, match="unknown whether"):
            task.attempt()
        gateway.loses_answers = gateway.is_empty = False
    ended = task.attempt()
    assert (ended["id"] if waits else ended) == "17"
    assert gateway.actions == ["action", "modal"]


@pytest.mark.parametrize("modal", [{"prompt": "a hat"}, {}])
def test_an_answer_for_which_no_window_opens_is_said_to_be_unused(gateway, capfd, caplog, modal):
    AirflowTask(gateway, press(modal=modal)).attempt()
    assert "No window has opened for task 17" in "".join((*capfd.readouterr(), caplog.text))
    assert gateway.actions == ["action"]


@pytest.mark.parametrize("opens", [False, True])
def test_where_an_answer_is_used_or_none_is_given_nothing_is_said(gateway, capfd, caplog, opens):
    gateway.opens_windows = opens
    AirflowTask(gateway, press(modal={"prompt": "a hat"} if opens else None)).attempt()
    assert "No window has opened" not in "".join((*capfd.readouterr(), caplog.text))


@pytest.mark.parametrize("modal", [{"prompt": "a hat"}, {"prompt": "a hat", "mask": PNG}, {}])
def test_a_window_that_the_release_before_has_answered_is_not_pressed_again_by_a_clear(gateway, modal):
    """It named the press and the answer by what was sent, pictures included."""
    gateway.opens_windows = True
    task = AirflowTask(gateway, press(modal=modal))
    first = task.attempt()
    mask = data_uri(modal["mask"]) if "mask" in modal else None
    task.store.set(
        KEY,
        {
            "digest": payload_digest(jobs.press("5", GRID["buttons"][0]["customId"])),
            "state": "s",
            "intent_at": 5.0,
            "mj_task_ids": ["17"],
            "answer_digest": payload_digest(Job("modal", {"prompt": modal.get("prompt"), "mask": mask})),
            "answer_at": 6.0,
            "is_confirmed": True,
        },
    )
    assert task.clear() == task.clear() == first
    assert gateway.actions == ["action", "modal"]
    task.clear(press(modal={"prompt": "a scarf"}))
    assert gateway.actions == ["action", "modal"] * 2
