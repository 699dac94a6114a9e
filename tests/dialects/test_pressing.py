"""Pressing buttons, and answering the windows that open, in each dialect."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from running import PNG, PNG_URI, QUICK, SECONDS, Sandbox, Store, context, fetch, run

from airflow_provider_mj.gateway.answers import Acceptance, acceptance
from airflow_provider_mj.operators.mj import MJActionOperator, MJImagineOperator, MJModalOperator

RELAYS = ("gptplus5", "crazyrouter")
MASKED = {"prompt": "a  blue fox", "mask": PNG}

Press = Callable[..., Any]


@pytest.fixture(params=["blocking", "deferred"])
def press(request: pytest.FixtureRequest) -> Press:
    """Press a button and wait for what follows, in either way to wait."""

    def pressed(given: dict[str, Any] | None = None, wait_until: Any = None, **kwargs: Any) -> Any:
        def make() -> MJActionOperator:
            deferrable = request.param == "deferred"
            return MJActionOperator(task_id="p", poll_interval=QUICK, deferrable=deferrable, **kwargs)

        return run(make, given or context(Store()), wait_until)

    return pressed


def imagined() -> dict[str, Any]:
    """Give a grid as MJImagineOperator returns it."""
    operator = MJImagineOperator(task_id="i", prompt="a red fox", poll_interval=QUICK)
    return operator.execute(context(Store()))


def confirmed_id(sandbox: Sandbox, window: str, task: dict[str, Any]) -> None:
    """See that the task that modal gave was waited for: a new one only on sku-vip."""
    assert (task["id"] == window) is not (sandbox.name == "sku-vip")


# --- buttons ---------------------------------------------------------------------------------------------


def test_u2_from_the_task_as_the_imagine_gives_it(sandbox, press):
    grid = imagined()
    task = press(task=grid, button="U2")
    assert (task["action"], task["status"], task["prompt"]) == ("UPSCALE", "SUCCESS", "a red fox")
    assert sandbox.gateway.tasks[task["id"]].picture.quarter == 2
    submits = ["submit/imagine", "submit/change" if sandbox.name == "novicezk" else "submit/action"]
    assert sandbox.paths() == submits
    assert sandbox.charges == 2


def test_u2_from_the_bare_id(sandbox, press):
    task = press(task=sandbox.finished(), button="U2")
    assert (task["action"], task["status"]) == ("UPSCALE", "SUCCESS")
    assert sandbox.gateway.tasks[task["id"]].picture.quarter == 2
    assert sandbox.charges == 1


def test_a_subtle_upscale_after_u2(with_buttons, press):
    second = press(task=press(task=imagined(), button="U2"), button="Upscale (Subtle)")
    assert second["status"] == "SUCCESS"
    assert "upsample_v6_2x_subtle" in with_buttons.submissions[-1].body["customId"]
    assert with_buttons.charges == 3


@pytest.mark.parametrize(
    ("button", "segments"),
    [
        ("v1", "JOB::variation::1::"),
        ("upsample::3", "JOB::upsample::3::"),
        ("🔄", "JOB::reroll::0::"),
        ("reroll", "JOB::reroll::0::"),
    ],
)
# The documents of crazyrouter show no reroll.
@pytest.mark.parametrize("dialect", ["gptplus5", "sku-vip", "trueai"])
def test_a_button_of_a_grid_by_label_emoji_and_pattern(with_buttons, button, segments):
    MJActionOperator(
        task_id="p", task=with_buttons.finished(), button=button, wait_for_completion=False
    ).execute(context())
    assert segments in with_buttons.submissions[-1].body["customId"]


@pytest.mark.parametrize(
    ("button", "segments"),
    [("⬅️", "pan_left"), ("Zoom Out 2x", "Outpaint::50"), ("vary (strong)", "high_variation")],
)
def test_a_button_of_a_single_picture_by_label_and_emoji(with_buttons, button, segments):
    MJActionOperator(
        task_id="p", task=with_buttons.single(), button=button, wait_for_completion=False
    ).execute(context())
    assert segments in with_buttons.submissions[-1].body["customId"]


def test_a_whole_custom_id(with_buttons):
    parent = fetch(with_buttons.finished())
    custom_id = parent["buttons"][1]["customId"]
    MJActionOperator(task_id="p", task=parent, button=custom_id, wait_for_completion=False).execute(context())
    assert with_buttons.submissions[-1].body["customId"] == custom_id


@pytest.mark.parametrize("from_dict", [True, False])
def test_a_missing_button_names_those_that_there_are(with_buttons, press, from_dict):
    parent = with_buttons.finished()
    store = Store()
    with pytest.raises(AirflowFailException, match="no button is 'Upscale") as caught:
        press(context(store), task=fetch(parent) if from_dict else parent, button="Upscale (Subtle)")
    assert all(f"{name} (" in str(caught.value) for name in ("U1", "U4", "V1", "V4"))
    assert (with_buttons.submissions, store.values) == ([], {})


@pytest.mark.parametrize("dialect", ["novicezk"])
def test_a_button_that_a_gateway_without_buttons_can_not_press(sandbox, press):
    with pytest.raises(AirflowFailException, match="It has no buttons"):
        press(task=sandbox.finished(), button="Upscale (Subtle)")
    assert sandbox.submissions == []


@pytest.mark.parametrize(
    "prompt", ["a fox [[seconds: 1000]]", "a fox [[fail: no paint]]", "a fox [[cancel]]"]
)
def test_a_parent_that_is_not_finished_well_is_refused_before_paying(sandbox, press, prompt):
    slow = "1000" in prompt
    parent = sandbox.gateway.submit(prompt) if slow else sandbox.finished(prompt)
    before = len(sandbox.gateway.ledger.charges)
    with pytest.raises(AirflowFailException, match=f"task {parent} at gateway .*its buttons can be pressed"):
        press(task=parent, button="U2")
    assert len(sandbox.gateway.ledger.charges) == before
    assert sandbox.submissions == []


def test_a_parent_that_the_gateway_does_not_know(sandbox, press):
    with pytest.raises(AirflowFailException, match="404404"):
        press(task="404404", button="U2")
    assert sandbox.charges == 0


@pytest.mark.parametrize("dialect", ["sku-vip", "trueai"])
def test_a_press_that_starts_several_tasks_gives_them_all(sandbox, press):
    parent = sandbox.described(PNG_URI)
    given = context(Store())
    tasks = press(given, task=parent, button="Imagine all")
    assert [task["status"] for task in tasks] == ["SUCCESS"] * 4
    assert given["ti"].xcoms["imageUrl"] == [task["imageUrl"] for task in tasks]
    assert sandbox.charges == 4
    assert press(given, task=parent, button="Imagine all") == tasks
    assert sandbox.charges == 4


# --- windows ---------------------------------------------------------------------------------------------


def test_a_region_is_repainted_with_mask_and_prompt(with_buttons, press):
    task = press(task=with_buttons.single(), button="Vary (Region)", modal=MASKED)
    assert (task["status"], task["prompt"]) == ("SUCCESS", "a blue fox")
    ((window, count),) = with_buttons.gateway.confirmations.items()
    body = dict(with_buttons.submissions[-1].body)
    body.pop("state")
    assert body == {"taskId": window, "prompt": "a blue fox", "maskBase64": PNG_URI}
    assert (count, with_buttons.charges) == (1, 1)
    confirmed_id(with_buttons, window, task)


def test_a_custom_zoom_takes_its_prompt(with_buttons, press):
    modal = {"prompt": "a fox --zoom 1.8"}
    task = press(task=with_buttons.single(), button="Custom Zoom", modal=modal)
    assert (task["status"], task["prompt"]) == ("SUCCESS", "a fox --zoom 1.8")
    assert list(with_buttons.gateway.confirmations.values()) == [1]
    assert with_buttons.charges == 1


def test_without_a_prompt_what_stands_in_the_window_is_taken(with_buttons, press):
    task = press(task=with_buttons.single(), button="Custom Zoom", modal={})
    assert task["status"] == "SUCCESS"
    assert task["prompt"].startswith("a red fox")
    assert list(with_buttons.gateway.confirmations.values()) == [1]


@pytest.mark.parametrize("switched_on", ["by the press", "at the account"])
def test_a_variation_with_remix(with_buttons, press, switched_on):
    with_buttons.gateway.remix = switched_on == "at the account"
    remix = True if switched_on == "by the press" else None
    task = press(task=imagined(), button="V1", remix=remix, modal={"prompt": "a hare"})
    assert (task["status"], task["prompt"]) == ("SUCCESS", "a hare")
    ((window, count),) = with_buttons.gateway.confirmations.items()
    confirmed_id(with_buttons, window, task)
    assert (count, with_buttons.charges) == (1, 3 if with_buttons.is_relay else 2)


@pytest.mark.parametrize("dialect", RELAYS)
def test_a_window_that_only_the_status_tells_of(sandbox, press, monkeypatch):
    def without_words(answer: Any) -> Acceptance | None:
        return acceptance(answer) and Acceptance.TASK

    monkeypatch.setattr("airflow_provider_mj.gateway.client.acceptance", without_words)
    task = press(task=sandbox.finished(), button="V1", remix=True, modal={"prompt": "a hare"})
    assert (task["status"], task["prompt"]) == ("SUCCESS", "a hare")
    assert list(sandbox.gateway.confirmations.values()) == [1]
    assert sandbox.charges == 2


@pytest.mark.parametrize(
    ("button", "modal", "words"),
    [
        ("Vary (Region)", None, "opens a window that waits for an answer: give modal="),
        ("Custom Zoom", None, "opens a window that waits for an answer: give modal="),
        ("Vary (Region)", {"prompt": "a hare"}, "needs a mask"),
    ],
)
def test_a_button_that_always_opens_a_window_needs_an_answer_before_paying(
    with_buttons, press, button, modal, words
):
    store = Store()
    with pytest.raises(AirflowFailException, match=words):
        press(context(store), task=with_buttons.single(), button=button, modal=modal)
    assert (with_buttons.submissions, store.values) == ([], {})


def test_a_window_without_an_answer_is_answered_by_a_later_try_that_has_one(with_buttons, press):
    parent, store = with_buttons.finished(), Store()
    with pytest.raises(AirflowFailException, match=r"\(status MODAL\).*paid for"):
        press(context(store), task=parent, button="V1", remix=True)
    assert (with_buttons.charges, with_buttons.gateway.confirmations) == (1, {})
    task = press(context(store), task=parent, button="V1", remix=True, modal={"prompt": "a hare"})
    assert (task["status"], task["prompt"]) == ("SUCCESS", "a hare")
    assert list(with_buttons.gateway.confirmations.values()) == [1]
    assert with_buttons.charges == (2 if with_buttons.is_relay else 1)


def test_a_try_after_the_answer_waits_for_what_modal_gave_and_confirms_no_more(with_buttons, press):
    parent, store = with_buttons.single(), Store()
    first = press(context(store), task=parent, button="Vary (Region)", modal=MASKED)
    assert press(context(store), task=parent, button="Vary (Region)", modal=MASKED) == first
    assert list(with_buttons.gateway.confirmations.values()) == [1]
    assert with_buttons.charges == 1


def test_a_refused_answer_leaves_the_window_open_for_the_next_try(with_buttons, press):
    parent, store = with_buttons.single(), Store()
    with pytest.raises(AirflowFailException, match="banned"):
        press(context(store), task=parent, button="Custom Zoom", modal={"prompt": "a bannedword"})
    task = press(context(store), task=parent, button="Custom Zoom", modal={"prompt": "a hare"})
    assert (task["prompt"], with_buttons.charges) == ("a hare", 1)


@pytest.mark.parametrize("seconds", [SECONDS, 1000], ids=["finished", "still queued"])
@pytest.mark.parametrize("confirms", ["the press", "MJModalOperator"])
def test_an_answer_whose_receipt_was_lost_is_not_sent_again(with_buttons, seconds, confirms):
    prompt, store = f"a hare [[seconds: {seconds}]]", Store()
    if confirms == "the press":
        parent = with_buttons.single()
        make = partial(MJActionOperator, task=parent, button="Custom Zoom", modal={"prompt": prompt})
    else:
        make = partial(MJModalOperator, mj_task_id=with_buttons.window(), prompt=prompt)

    def attempt() -> str:
        operator = make(task_id="p", poll_interval=QUICK, timeout=5 * SECONDS)
        try:
            return operator.execute(context(store))["status"]
        except TimeoutError:
            return "late"
        except AirflowFailException as error:
            assert "unknown whether" in str(error)  # noqa: PT017
            return "unknown"

    with_buttons.fault("reset_after", path="/modal", times=1)
    seen = attempt()
    # Later a queued task has gone on; on sku-vip the old id reads MODAL for ever.
    with_buttons.gateway.clock = lambda: time.time() + 10
    seen_later = attempt()
    if seconds == SECONDS and with_buttons.name != "sku-vip":
        assert (seen in {"SUCCESS", "unknown"}, seen_later) == (True, "SUCCESS")
    else:
        assert {seen, seen_later} <= {"late", "unknown"}
    assert list(with_buttons.gateway.confirmations.values()) == [1]


@pytest.mark.parametrize("has_store", [True, False])
def test_a_queue_that_is_full_when_a_window_is_answered_does_not_press_again(
    with_buttons, press, worker_clock, has_store
):
    with_buttons.fault("status", status=429, path="/modal", times=2)
    # The sandbox's clock stands still while the operator waits for the task.
    modal = {"prompt": "a hare [[seconds: 0]]"}
    given = context(Store() if has_store else None)
    parent = with_buttons.single()
    task = press(given, worker_clock.wait_until, task=parent, button="Custom Zoom", modal=modal)
    assert task["status"] == "SUCCESS"
    assert with_buttons.paths() == ["submit/action", "submit/modal", "submit/modal", "submit/modal"]
    assert with_buttons.charges == 1
    assert len(worker_clock.slept) == 2


def test_the_worker_that_resumes_needs_no_mask(with_buttons, tmp_path):
    mask, parent, store = tmp_path / "mask.png", with_buttons.single(), Store()
    mask.write_bytes(PNG)

    def make() -> MJActionOperator:
        operator = MJActionOperator(
            task_id="p",
            task=parent,
            button="Vary (Region)",
            modal={"prompt": "a hare", "mask": str(mask)},
            poll_interval=QUICK,
            deferrable=True,
        )
        made.append(operator)
        if len(made) > 1:  # another worker, on another machine
            mask.unlink(missing_ok=True)
        return operator

    made: list[MJActionOperator] = []
    assert run(make, context(store))["status"] == "SUCCESS"
    # Behind a relay fetch shows the end later than the list, so that there may be a third.
    assert len(made) == 2 or (with_buttons.is_relay and len(made) > 2)
