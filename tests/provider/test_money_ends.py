"""Ends without a picture, inputs that are gone, and stores that fail or forget."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from fakes import context
from paying import PNG, QUICK, AirflowTask, Gateway, Store

from airflow_provider_mj.decorators.mj import mj_imagine_task
from airflow_provider_mj.operators.mj import (
    MJActionOperator,
    MJBlendOperator,
    MJImagineOperator,
    MJUploadImagesOperator,
)
from airflow_provider_mj.submitting.record import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

GRID = {
    "id": "5",
    "status": "SUCCESS",
    "buttons": [{"customId": "MJ::Job::PicReader::all", "label": "Imagine all"}],
}
ADVICE = "set resubmit_on_failure=True and clear the task"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Give what was logged since it was last asked for; each Airflow has loggers of its own."""

    def read() -> str:
        text = "".join((*capfd.readouterr(), caplog.text))
        caplog.clear()
        return text

    return read


def imagine(**more: Any) -> Callable[[], Any]:
    return lambda: MJImagineOperator(task_id="draw", prompt="a fox", **QUICK, **more)


# --- M7: an Airflow that forgets on success --------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "is_said"), [("True", True), ("true", True), ("1", True), ("False", False), (None, False)]
)
def test_an_airflow_that_deletes_records_on_success_is_warned_of(
    gateway, monkeypatch, told, setting, is_said
):
    if setting is not None:
        monkeypatch.setenv("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", setting)
    AirflowTask(gateway, imagine()).attempt()
    assert ("clear_on_success" in told()) is is_said


# --- M13: some of several --------------------------------------------------------------------------------


def press_all(**more: Any) -> Callable[[], Any]:
    return lambda: MJActionOperator(task_id="draw", task=GRID, button="Imagine all", **QUICK, **more)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(
    "ends",
    [
        ["SUCCESS", "FAILURE", "SUCCESS", "SUCCESS"],
        ["FAILURE", "SUCCESS"],
        ["CANCEL", "SUCCESS", "FAILURE"],
    ],
)
def test_what_succeeded_of_several_is_published(gateway, ends, deferrable):
    gateway.ends = ends
    task = AirflowTask(gateway, press_all(deferrable=deferrable))
    with pytest.raises(AirflowFailException, match="What succeeded is published"):
        task.attempt()
    made = [str(17 + number) for number, end in enumerate(ends) if end == "SUCCESS"]
    assert [one["id"] for one in task.xcoms["return_value"]] == made
    addresses = task.xcoms["imageUrl"]
    assert (addresses if len(made) > 1 else [addresses]) == [f"https://cdn.example/{one}.png" for one in made]


@pytest.mark.parametrize("deferrable", [False, True])
def test_only_a_clear_pays_for_several_anew_and_says_so(gateway, told, deferrable):
    gateway.ends = ["SUCCESS", "FAILURE", "SUCCESS"]
    task = AirflowTask(gateway, press_all(deferrable=deferrable, resubmit_on_failure=True))
    for _ in range(3):
        with pytest.raises(AirflowFailException, match="clear submits all 3 anew, and pays for all of them"):
            task.attempt()
    assert gateway.charges == 1
    gateway.ends = ["SUCCESS"] * 3
    told()
    assert [one["id"] for one in task.clear()] == ["20", "21", "22"]
    assert "2 of 3 tasks have succeeded, and this clear submits all of them anew" in told()
    assert gateway.charges == 2


def test_a_clear_is_not_forgotten_on_the_way_through_the_triggerer(gateway):
    gateway.ends = ["SUCCESS", "FAILURE"]
    task = AirflowTask(gateway, press_all(deferrable=True, resubmit_on_failure=True))
    with pytest.raises(AirflowFailException):
        task.attempt()
    looks = iter(["IN_PROGRESS", "IN_PROGRESS"])
    gateway.ends = ["SUCCESS", "SUCCESS"]

    def show() -> None:
        gateway.rows["18"]["status"] = next(looks, "FAILURE")

    gateway.before_look = show
    assert [one["id"] for one in task.clear()] == ["19", "20"]


@pytest.mark.parametrize("ends", [["FAILURE"], ["FAILURE", "FAILURE"], ["CANCEL", "FAILURE"]])
def test_where_nothing_succeeded_a_retry_submits_anew(gateway, ends):
    gateway.ends = ends
    task = AirflowTask(gateway, press_all(resubmit_on_failure=True))
    with pytest.raises(RuntimeError, match="A retry submits it anew"):
        task.attempt()
    gateway.ends = ["SUCCESS"] * len(ends)
    task.attempt()
    assert gateway.charges == 2


# --- M14: what is paid for, and what it was made of is gone ----------------------------------------------


def test_a_picture_that_is_gone_hinders_no_retry_and_no_clear(gateway, tmp_path):
    path = tmp_path / "reference.png"
    path.write_bytes(PNG)
    task = AirflowTask(gateway, imagine(images=[str(path)]))
    first = task.attempt()
    path.unlink()
    assert task.attempt() == task.clear() == first
    assert gateway.charges == 1


def test_pictures_that_can_not_be_fetched_any_more_hinder_no_retry(gateway, tmp_path):
    links = [f"https://cdn.invalid/{name}.png" for name in "ab"]
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_bytes(PNG)
    task = AirflowTask(
        gateway, lambda: MJBlendOperator(task_id="draw", images=list(map(str, paths)), **QUICK)
    )
    first = task.attempt()
    assert task.attempt(lambda: MJBlendOperator(task_id="draw", images=links, **QUICK)) == first


def test_a_parent_that_the_gateway_has_forgotten_hinders_no_retry_and_no_clear(gateway):
    gateway.rows["5"] = dict(GRID)
    make = lambda: MJActionOperator(task_id="draw", task="5", button="Imagine all", **QUICK)  # noqa: E731
    task = AirflowTask(gateway, make)
    first = task.attempt()
    del gateway.rows["5"]
    assert task.attempt() == task.clear() == first
    assert gateway.charges == 1


def gone() -> str:
    raise LookupError("the model is switched off")


def test_a_function_that_fails_hinders_no_retry(gateway):
    def make(function: Callable[[], str]) -> Callable[[], Any]:
        return lambda: mj_imagine_task(function, task_id="draw", **QUICK)().operator

    task = AirflowTask(gateway, make(lambda: "a fox"))
    first = task.attempt()
    assert task.attempt(make(gone)) == first
    with pytest.raises(LookupError) as caught:
        task.clear(make(gone))
    assert "17 of an earlier try is paid for" in "".join(caught.value.__notes__)
    assert gateway.charges == 1


# --- M16: ends that no retry could mend ------------------------------------------------------------------


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.NOT_FOUND_GRACE", 0.0)
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.DOUBT_SECONDS", 0.0)
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.DOUBT_LOOKS", 1)


@pytest.mark.parametrize("end", ["FAILURE", "CANCEL", "forgotten"])
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("again", ["attempt", "clear"])
@pytest.mark.usefixtures("no_grace")
def test_what_ended_without_a_picture_is_drawn_anew_if_the_author_says_so(gateway, end, waits, again):
    gateway.ends = [end]
    task = AirflowTask(gateway, imagine(wait_for_completion=False))
    task.attempt()
    if end == "forgotten":
        del gateway.rows["17"]
    with pytest.raises(AirflowFailException, match=ADVICE):
        task.attempt(imagine())
    gateway.ends = ["SUCCESS"]
    anew = imagine(resubmit_on_failure=True, wait_for_completion=waits)
    ended = getattr(task, again)(anew)
    assert (ended["id"] if waits else ended) == "18"
    assert gateway.charges == 2
    assert task.attempt() == ended
    assert gateway.charges == 2


@pytest.mark.parametrize("again", ["attempt", "clear"])
def test_moderation_is_never_drawn_anew(gateway, again):
    gateway.ends = ["FAILURE"]
    task = AirflowTask(gateway, imagine(resubmit_on_failure=True, wait_for_completion=False))
    task.attempt()
    gateway.rows["17"]["failReason"] = "Banned prompt detected"
    with pytest.raises(AirflowFailException, match="That is moderation"):
        getattr(task, again)(imagine(resubmit_on_failure=True))
    assert gateway.charges == 1


# --- M18: a store that fails right after the call --------------------------------------------------------


@pytest.fixture
def falling(gateway: Gateway) -> Callable[..., AirflowTask]:
    """Give a task whose store is down from the call on until the first look."""

    def make(operator: Callable[[], Any]) -> AirflowTask:
        task = AirflowTask(gateway, operator)

        def fall() -> None:
            task.store.is_down = True

        def rise() -> None:
            task.store.is_down = False

        gateway.then, gateway.before_look = fall, rise
        return task

    return make


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_id_that_the_store_refused_is_written_before_the_next_look(gateway, falling, deferrable):
    gateway.ends = ["IN_PROGRESS"]
    task = falling(imagine(deferrable=deferrable))
    with pytest.raises(TimeoutError):
        task.attempt()
    assert task.store.kept == ["17"]
    gateway.is_empty, gateway.rows["17"]["status"] = True, "SUCCESS"
    assert task.attempt()["id"] == "17"
    assert gateway.charges == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_id_that_the_store_refused_is_written_at_the_end(falling, deferrable):
    task = falling(imagine(deferrable=deferrable))
    task.attempt()
    assert task.store.kept == ["17"]


@pytest.mark.parametrize("kind", ["no waiting", "upload"])
def test_a_try_that_does_not_look_writes_at_its_end(gateway, kind):
    make = imagine(wait_for_completion=False)
    if kind == "upload":
        make = lambda: MJUploadImagesOperator(task_id="draw", images=[PNG])  # noqa: E731
    task = AirflowTask(gateway, make)
    refusals = iter([False, True])
    put = task.store.set

    def fall_once(key: str, value: Any, **more: Any) -> None:
        if next(refusals, False):
            raise ConnectionError("the API server is down")
        put(key, value, **more)

    task.store.set = fall_once  # type: ignore[method-assign]
    first = task.attempt()
    gateway.is_empty = True
    assert task.clear() == first
    assert gateway.charges == 1


def test_what_was_written_by_the_release_before_is_taken_up(gateway):
    task = AirflowTask(gateway, imagine())
    first = task.attempt()
    flat = {"digest": "of what it sent", "state": "s", "intent_at": 5.0, "mj_task_ids": ["17"]}
    task.store.values[KEY] = json.dumps(flat)
    assert task.attempt() == first
    assert gateway.charges == 1


# --- resumed with nothing but the event, as ``dag.test()`` does ---------------------------------------------


@pytest.mark.parametrize("has_store", [False, True])
def test_an_event_alone_ends_what_was_deferred(gateway, has_store):
    gateway.ends = ["IN_PROGRESS"]
    given = context() | ({"task_state_store": Store()} if has_store else {})
    operator = MJImagineOperator(task_id="draw", prompt="a fox", deferrable=True)
    operator.__dict__["hook"] = gateway
    with pytest.raises(TaskDeferred):
        operator.execute(given)
    gateway.rows["17"]["status"] = "SUCCESS"
    event = {"mj_task_ids": ["17"], "outcomes": {}}
    assert operator.resume_execution("execute_complete", {"event": event}, given)["id"] == "17"
    assert gateway.charges == 1


def test_without_a_store_no_retry_is_promised_that_would_submit_anew(gateway):
    gateway.ends = ["FAILURE"]
    task = AirflowTask(gateway, imagine(resubmit_on_failure=True), has_store=False)
    with pytest.raises(AirflowFailException, match=ADVICE):
        task.attempt()
    assert gateway.charges == 1


def test_a_worker_that_comes_back_late_overwrites_nothing_newer(gateway):
    gateway.ends = ["FAILURE"]
    task = AirflowTask(gateway, imagine(resubmit_on_failure=True))
    with pytest.raises(RuntimeError, match="submits it anew"):
        task.attempt()
    old = task.store.get(KEY)["records"][0]
    gateway.ends = ["SUCCESS"]
    assert task.attempt()["id"] == "18"
    operator = imagine()()
    vars(operator)["hook"] = gateway
    event = {"mj_task_ids": old["mj_task_ids"], "outcomes": {}}
    with pytest.raises(AirflowFailException):
        operator.execute_complete(context() | {"task_state_store": task.store}, event, time.time(), old)
    assert task.store.kept == ["18"]
