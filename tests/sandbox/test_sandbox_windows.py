"""Windows: which presses open one, how each dialect answers, and what a confirmation costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sandbox_caller import PNG, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox_caller import Caller

WAITS = "Waiting for window confirm"


@pytest.fixture
def remixing(with_buttons: Caller) -> Iterator[Caller]:
    with_buttons.sandbox.gateway.remix = True
    yield with_buttons
    with_buttons.sandbox.gateway.remix = False


def is_relay(caller: Caller) -> bool:
    return caller.sandbox.gateway.dialect.is_relay


@pytest.mark.parametrize(("custom_id", "prompt"), [("MJ::Inpaint", ""), ("MJ::CustomZoom", " --zoom 2")])
def test_region_and_custom_zoom_always_open_a_window(
    with_buttons: Caller, custom_id: str, prompt: str
) -> None:
    answer = with_buttons.press(with_buttons.single(), custom_id).json()
    assert (answer["code"], answer["description"]) == (21, WAITS)
    assert answer["properties"]["finalPrompt"] == f"a red fox{prompt}"
    with_buttons.clock.advance(1000)
    assert with_buttons.fetch(answer["result"]).json()["status"] == "MODAL"
    assert with_buttons.sandbox.gateway.busy() == 0


@pytest.mark.parametrize(
    "custom_id", [f"MJ::JOB::{name}" for name in ("variation::3", "pan_left", "low_variation")]
)
def test_variations_and_pans_open_a_window_only_with_remix(remixing: Caller, custom_id: str) -> None:
    parent = remixing.finished()["id"] if "::3" in custom_id else remixing.single()
    answer = remixing.press(parent, custom_id).json()
    assert answer["description"] == WAITS
    assert answer["code"] == (1 if is_relay(remixing) else 21)
    remixing.sandbox.gateway.remix = False
    plain = remixing.press(parent, custom_id).json()
    assert (plain["code"], plain["description"] == WAITS) == (1, False)
    assert remixing.press(parent, custom_id, enableRemix=True).json()["description"] == WAITS


def test_an_answered_window_is_a_task_that_was_paid_once(with_buttons: Caller) -> None:
    window = with_buttons.press(with_buttons.single(), "MJ::Inpaint").json()["result"]
    paid = with_buttons.charged
    answer = with_buttons.submit("modal", taskId=window, prompt="a blue fox", maskBase64=PNG)
    assert answer.json()["code"] == 1
    assert (answer.json()["result"] == window) is not with_buttons.sandbox.gateway.dialect.confirms_anew
    task = with_buttons.ended(answer)
    assert (task["status"], task["prompt"]) == ("SUCCESS", "a blue fox")
    assert with_buttons.charged == ([*paid, "MODAL"] if is_relay(with_buttons) else paid)
    assert ("INPAINT" in paid or "VARIATION" in paid) is not is_relay(with_buttons)
    assert with_buttons.sandbox.gateway.confirmations == {window: 1}


@pytest.mark.parametrize(
    ("first", "then"), [("a fox [[modal]] [[four]]", ""), ("a fox [[modal]]", "[[four]]")]
)
def test_who_confirms_gets_the_quarters_that_either_prompt_asks_for(
    with_buttons: Caller, first: str, then: str
) -> None:
    window = with_buttons.imagine(first).json()["result"]
    assert not with_buttons.fetch(window).json().get("imageUrls")
    task = with_buttons.ended(with_buttons.submit("modal", taskId=window, prompt=then))
    assert len(task["imageUrls"]) == 4


def test_who_polls_the_old_id_waits_for_ever_where_the_answer_has_a_new_one(with_buttons: Caller) -> None:
    window = with_buttons.imagine("a fox [[modal]]").json()["result"]
    with_buttons.ended(with_buttons.submit("modal", taskId=window))
    hangs = with_buttons.sandbox.gateway.dialect.name == "sku-vip"
    assert with_buttons.fetch(window).json()["status"] == ("MODAL" if hangs else "SUCCESS")


def test_every_attempt_to_answer_a_window_is_counted_and_a_relay_sends_each_on(with_buttons: Caller) -> None:
    window = with_buttons.press(with_buttons.single(), "MJ::Inpaint").json()["result"]
    relay = is_relay(with_buttons)

    def confirm(mj_task_id: str = window, **body: Any) -> tuple[int, int]:
        answer = with_buttons.submit("modal", taskId=mj_task_id, **body)
        return answer.status_code, answer.json()["code"]

    assert confirm() == (400 if relay else 200, 4)
    assert confirm(maskBase64=PNG) == (200, 1)
    assert confirm(maskBase64=PNG) == (200, 1 if relay else 4)
    assert with_buttons.charged.count("MODAL") == (2 if relay else 0)
    assert with_buttons.sandbox.gateway.confirmations == {window: 3}
    assert confirm("404404")[1] == (4 if relay else 3)
    assert confirm(with_buttons.finished()["id"]) == (200, 4)
    assert len(with_buttons.sandbox.gateway.confirmations) == 1


@speaking(
    ("gptplus5", ["MODAL", "MODAL", "MODAL", "SUCCESS"]),
    ("sku-vip", ["NOT_START", "SUBMITTED", "IN_PROGRESS", "SUCCESS"]),
    ("crazyrouter", ["MODAL", "MODAL", "MODAL", "SUCCESS"]),
    ("trueai", ["MODAL", "SUBMITTED", "IN_PROGRESS", "SUCCESS"]),
)
def test_what_fetch_shows_of_a_confirmed_task(speaking: Caller, expected: list[str]) -> None:
    window = speaking.imagine("a fox [[modal]]").json()["result"]
    speaking.clock.advance(50)
    confirmed = speaking.submit("modal", taskId=window).json()["result"]
    seen = []
    for seconds in (0.3, 0.3, 4, 4):
        speaking.clock.advance(seconds)
        seen.append(speaking.fetch(confirmed).json()["status"])
    assert seen == expected


@pytest.mark.parametrize("speaking", ["gptplus5", "crazyrouter"], indirect=True)
def test_new_api_lists_a_press_and_its_confirmation_under_one_id(speaking: Caller) -> None:
    window = speaking.imagine("a fox [[modal]]").json()["result"]
    speaking.submit("modal", taskId=window)
    speaking.clock.advance(4)
    rows = speaking.list(window).json()
    assert [(row["id"], row["status"]) for row in rows] == [(window, "MODAL"), (window, "IN_PROGRESS")]
    speaking.clock.advance(4)
    assert [row["status"] for row in speaking.list(window).json()] == ["SUCCESS"] * 2


def test_the_prompt_of_a_confirmation_has_directives_too(with_buttons: Caller) -> None:
    window = with_buttons.imagine("a fox [[modal]]").json()["result"]
    answer = with_buttons.submit("modal", taskId=window, prompt="a hare [[fail: no luck]] [[seconds: 2]]")
    task = with_buttons.ended(answer, 2)
    assert (task["status"], task["failReason"]) == ("FAILURE", "no luck")


def test_a_press_on_a_confirmed_task_is_not_held_up_by_its_directive(with_buttons: Caller) -> None:
    window = with_buttons.imagine("a fox [[modal]] [[seconds: 2]]").json()["result"]
    parent = with_buttons.ended(with_buttons.submit("modal", taskId=window), 2)
    upscaled = with_buttons.ended(with_buttons.press(parent["id"], "MJ::JOB::upsample::1"), 2)
    assert (upscaled["status"], upscaled["prompt"]) == ("SUCCESS", "a fox")


@pytest.mark.parametrize("speaking", ["novicezk"], indirect=True)
def test_the_java_proxy_has_no_windows(speaking: Caller) -> None:
    speaking.sandbox.gateway.remix = True
    answer = speaking.submit("change", taskId=speaking.finished()["id"], action="REROLL").json()
    speaking.sandbox.gateway.remix = False
    assert (answer["code"], answer["description"]) == (1, "提交成功")
    assert speaking.submit("modal", taskId=answer["result"]).status_code == 404
