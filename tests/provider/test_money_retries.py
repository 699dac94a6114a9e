"""Who asks: a retry is nobody's wish, a clear is a person's, and both find what is paid for."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from fakes import context
from paying import PNG, QUICK, AirflowTask, Gateway, Store

from airflow_provider_mj.decorators.mj import mj_imagine_task
from airflow_provider_mj.gateway.errors import QueueFullError, SubmissionUnknownError
from airflow_provider_mj.operators.mj import (
    MJActionOperator,
    MJBlendOperator,
    MJDescribeOperator,
    MJImagineOperator,
    MJUploadImagesOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GRID = {
    "id": "5",
    "status": "SUCCESS",
    "buttons": [{"customId": "MJ::JOB::upsample::2::abc", "label": "U2"}],
}
FULL = QueueFullError("the queue is full", gateway=Gateway.gateway)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def imagine(prompt: str = "a fox", **more: Any) -> Callable[[], Any]:
    return lambda: MJImagineOperator(task_id="draw", prompt=prompt, **QUICK, **more)


# --- M1: what is sent differs in each try ----------------------------------------------------------------


def of_a_file(folder: Path) -> Callable[[], Any]:
    """A reference picture that has other bytes in each try."""
    numbers = itertools.count()
    path = folder / "reference.png"

    def make() -> Any:
        path.write_bytes(PNG + str(next(numbers)).encode())
        return MJImagineOperator(task_id="draw", prompt="a fox", images=[str(path)], **QUICK)

    return make


def of_two_files(folder: Path) -> Callable[[], Any]:
    numbers = itertools.count()
    paths = [folder / "a.png", folder / "b.png"]

    def make() -> Any:
        for path in paths:
            path.write_bytes(PNG + str(next(numbers)).encode())
        return MJBlendOperator(task_id="draw", images=[str(path) for path in paths], **QUICK)

    return make


def of_a_described_file(folder: Path) -> Callable[[], Any]:
    make = of_a_file(folder)

    def described() -> Any:
        make()
        return MJDescribeOperator(task_id="draw", image=str(folder / "reference.png"), **QUICK)

    return described


def of_a_random_prompt(_: Path) -> Callable[[], Any]:
    numbers = itertools.count()
    return lambda: MJImagineOperator(task_id="draw", prompt=f"a fox --seed {next(numbers)}", **QUICK)


def of_a_function(_: Path) -> Callable[[], Any]:
    """A decorated function that asks a model."""
    numbers = itertools.count()
    return lambda: mj_imagine_task(lambda: f"a fox, {next(numbers)}", task_id="draw", **QUICK)().operator


DIFFERING = [of_a_file, of_two_files, of_a_described_file, of_a_random_prompt, of_a_function]


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("differing", DIFFERING)
def test_a_retry_pays_nothing_whatever_else_would_be_sent(gateway, tmp_path, differing, deferrable):
    gateway.ends = ["IN_PROGRESS"]
    make = differing(tmp_path)

    def deferring() -> Any:
        operator = make()
        operator.deferrable = deferrable
        return operator

    task = AirflowTask(gateway, deferring)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            task.attempt()
    gateway.rows["17"]["status"] = "SUCCESS"
    task.attempt()
    assert gateway.charges == 1


@pytest.mark.parametrize("differing", [of_a_file, of_two_files, of_a_described_file])
def test_a_clear_compares_what_the_author_has_written_and_not_what_is_there(gateway, tmp_path, differing):
    task = AirflowTask(gateway, differing(tmp_path))
    task.attempt()
    task.clear()
    assert gateway.charges == 1


@pytest.mark.parametrize("differing", [of_a_random_prompt, of_a_function])
def test_a_clear_pays_for_what_the_author_asks_for_now(gateway, tmp_path, differing):
    task = AirflowTask(gateway, differing(tmp_path))
    task.attempt()
    task.clear()
    assert gateway.charges == 2


def test_pictures_that_a_function_yields_are_sent_although_they_were_named_before(gateway, tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)

    def said() -> Any:
        return {"prompt": "a fox", "images": (str(tmp_path / name) for name in ["a.png"])}

    AirflowTask(gateway, lambda: mj_imagine_task(said, task_id="draw", **QUICK)().operator).attempt()
    assert len(gateway.calls[0][1]["base64Array"]) == 1


# --- a clear whose first try came to nothing -------------------------------------------------------------


def test_a_retry_of_a_clear_does_not_bring_back_the_picture_from_before_it(gateway):
    task = AirflowTask(gateway, imagine("a fox"))
    task.attempt()
    gateway.refusals = [FULL] * 1000
    with pytest.raises(QueueFullError):
        task.clear(imagine("a hare", queue_timeout=0.001))
    gateway.refusals = []
    assert task.attempt()["prompt"] == "a hare"
    assert task.attempt()["prompt"] == "a hare"
    assert gateway.charges == 2


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("has_store", [False, True])
def test_a_clear_that_waits_for_a_place_in_the_queue_gets_what_it_asked_for(
    gateway, monkeypatch, deferrable, has_store
):
    monkeypatch.setattr("airflow_provider_mj.submitting.run.time.sleep", lambda _: None)
    task = AirflowTask(gateway, imagine("a fox"), has_store=has_store)
    task.attempt()
    gateway.refusals = [FULL, FULL]
    assert task.clear(imagine("a hare", deferrable=deferrable))["prompt"] == "a hare"
    assert gateway.charges == 2


def test_without_a_store_a_first_try_that_waits_in_the_triggerer_for_a_place_submits(gateway):
    gateway.refusals, gateway.is_empty = [FULL], True
    AirflowTask(gateway, imagine(deferrable=True), has_store=False).attempt()
    assert gateway.charges == 1


# --- M4: several wishes of one Airflow task --------------------------------------------------------------


def test_a_prompt_that_goes_back_and_forth_is_paid_once_for_each(gateway):
    task = AirflowTask(gateway, imagine("A"))
    seen = [task.attempt()["id"]]
    seen += [task.clear(imagine(prompt))["id"] for prompt in ("B", "A", "C", "B", "A")]
    assert seen == ["17", "18", "17", "19", "18", "17"]
    assert gateway.charges == 3


def test_a_retry_after_going_back_gets_what_was_gone_back_to(gateway):
    task = AirflowTask(gateway, imagine("A"))
    task.attempt()
    task.clear(imagine("B"))
    assert task.clear(imagine("A"))["id"] == "17"
    assert task.attempt(imagine("C"))["id"] == "17"


class Outer:
    """A Python function that executes operators of ours."""

    task_id, retries, hook = "outer", 0, None

    def __init__(self, gateway: Gateway, *wishes: tuple[str, str]) -> None:
        self.gateway, self.wishes = gateway, wishes

    def execute(self, context: Any) -> list[str]:
        return [self._drawn(context, *wish) for wish in self.wishes]

    def _drawn(self, context: Any, task_id: str, prompt: str) -> str:
        if prompt == "fails":
            raise RuntimeError("something of the author's own")
        operator = MJImagineOperator(task_id=task_id, prompt=prompt, **QUICK)
        vars(operator)["hook"] = self.gateway
        return operator.execute(context)["id"]


@pytest.mark.parametrize(
    "wishes",
    [
        pytest.param([("a", "A"), ("b", "B"), ("c", "C")], id="of several names"),
        pytest.param([("a", "A"), ("a", "B"), ("a", "C")], id="of one name"),
        pytest.param([("a", "A"), ("a", "A"), ("a", "A")], id="all equal"),
        pytest.param([("a", "A"), ("a", "A"), ("b", "A")], id="some equal"),
    ],
)
@pytest.mark.parametrize("again", ["attempt", "clear"])
def test_several_operators_inside_a_task_pay_once_each(gateway, wishes, again):
    task = AirflowTask(gateway, lambda: Outer(gateway, *wishes))
    first = task.attempt()
    assert len(set(first)) == 3
    for _ in range(2):
        assert getattr(task, again)() == first
    assert gateway.charges == 3


def test_what_fails_between_two_operators_costs_nothing(gateway):
    task = AirflowTask(gateway, lambda: Outer(gateway, ("a", "A"), ("a", "fails"), ("a", "B")))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="author's own"):
            task.attempt()
    assert gateway.charges == 1
    assert task.attempt(lambda: Outer(gateway, ("a", "A"), ("a", "B"))) == ["17", "18"]
    assert gateway.charges == 2


def test_operators_inside_a_task_may_change_their_order(gateway):
    task = AirflowTask(gateway, lambda: Outer(gateway, ("a", "A"), ("a", "B")))
    assert task.attempt() == ["17", "18"]
    assert task.attempt(lambda: Outer(gateway, ("a", "B"), ("a", "A"))) == ["18", "17"]


def test_an_operator_inside_a_task_whose_arguments_change_in_a_retry_is_refused(gateway):
    task = AirflowTask(gateway, lambda: Outer(gateway, ("a", "A"), ("a", "B")))
    task.attempt()
    with pytest.raises((AirflowFailException, SubmissionUnknownError), match="nobody can tell"):
        task.attempt(lambda: Outer(gateway, ("a", "C"), ("a", "B")))
    assert gateway.charges == 2
    assert task.clear(lambda: Outer(gateway, ("a", "C"), ("a", "B"))) == ["19", "18"]


# --- M5: uploads -----------------------------------------------------------------------------------------


def upload(*pictures: bytes) -> Callable[[], Any]:
    return lambda: MJUploadImagesOperator(task_id="draw", images=list(pictures))


def test_an_upload_is_paid_once(gateway):
    task = AirflowTask(gateway, upload(PNG))
    first = task.attempt()
    assert task.attempt() == task.clear() == task.attempt(upload(PNG + b"1")) == first
    assert gateway.charges == 1
    assert task.clear(upload(PNG + b"2")) != first


@pytest.mark.parametrize("loses", ["loses_answers", "loses_requests"])
@pytest.mark.parametrize("is_proving", [False, True])
def test_an_upload_whose_answer_was_lost_is_not_made_again(gateway, loses, is_proving):
    setattr(gateway, loses, True)
    if is_proving:
        gateway.is_proving()
    task = AirflowTask(gateway, upload(PNG))
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="unknown whether"):
            task.attempt()
        gateway.loses_answers = gateway.loses_requests = False
    assert len(gateway.calls) == 1


# --- M6: before 3.3, the DAG file has other retries than when the run began ------------------------------


@pytest.mark.parametrize("retries", [2, 1, 0, 5])
@pytest.mark.parametrize("loses", [False, True])
def test_without_a_store_other_retries_make_no_try_a_first_one(gateway, retries, loses):
    gateway.is_empty, gateway.loses_answers = True, loses
    task = AirflowTask(gateway, imagine(), has_store=False)
    with pytest.raises(AirflowFailException) if loses else pytest.MonkeyPatch.context():
        task.attempt()
    task.retries = retries
    for _ in range(3):
        with pytest.raises(AirflowFailException, match="unknown whether"):
            task.attempt()
    assert (gateway.charges, len(gateway.calls)) == (1, 1)


def test_without_a_store_a_list_gives_the_task_whatever_the_prompt_is_by_then(gateway):
    task = AirflowTask(gateway, imagine("A"), has_store=False)
    first = task.attempt()
    assert task.attempt(imagine("B")) == first
    assert gateway.charges == 1


# --- M21: two installations of Airflow with the same DAG -------------------------------------------------


@pytest.mark.parametrize("name", ["AIRFLOW__MJ__INSTALLATION_ID", "AIRFLOW__API__BASE_URL"])
def test_one_installation_never_takes_the_task_of_another(gateway, monkeypatch, name):
    AirflowTask(gateway, imagine(), has_store=False).attempt()
    monkeypatch.setenv(name, "https://another.example")
    other = AirflowTask(gateway, imagine(), has_store=False)
    other.try_number = 1
    with pytest.raises(AirflowFailException, match="unknown whether"):
        other.attempt()
    assert gateway.charges == 1


def test_a_press_is_paid_once_whatever_its_parent_shows(gateway):
    task = AirflowTask(gateway, lambda: MJActionOperator(task_id="draw", task=GRID, button="U2", **QUICK))
    first = task.attempt()
    changed = {**GRID, "buttons": [], "progress": "100%"}
    press = lambda: MJActionOperator(task_id="draw", task=changed, button="U2", **QUICK)  # noqa: E731
    assert task.clear(press) == first
    assert gateway.actions == ["action"]


# --- several executions in one try -------------------------------------------------------------------------


class Series(MJImagineOperator):
    """An author's own operator that draws several pictures with itself."""

    def execute(self, context):
        drawn = []
        for prompt in context["prompts"]:
            self.prompt = prompt
            drawn.append(super().execute(context)["prompt"])
        return drawn


def test_an_operator_that_executes_itself_again_gets_each_of_its_pictures(gateway):
    task = AirflowTask(gateway, lambda: Series(task_id="draw", prompt="-", **QUICK))
    task.more = {"prompts": ["a fox", "a hare"]}
    for again in (task.attempt, task.attempt, task.clear):
        assert again() == ["a fox", "a hare"]
    assert gateway.charges == 2
    task.more = {"prompts": ["a fox", "an owl"]}
    assert task.clear() == ["a fox", "an owl"]
    assert gateway.charges == 3


def test_what_an_author_repeats_inside_a_try_is_the_same_wish(gateway):
    gateway.ends = ["IN_PROGRESS"]
    given = context() | {"task_state_store": Store()}
    given["ti"].task = object()

    def attempt():
        operator = MJImagineOperator(task_id="inner", prompt="a fox", **QUICK)
        vars(operator)["hook"] = gateway
        return operator.execute(given)

    with pytest.raises(TimeoutError):
        attempt()
    gateway.rows["17"]["status"] = "SUCCESS"
    assert attempt()["id"] == "17"
    gateway.ends = ["SUCCESS"]
    assert attempt()["id"] == "18", "two equal wishes, of which the first has ended well, are two"
    assert gateway.charges == 2
