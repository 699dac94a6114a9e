"""What gateways without a relay before them do of their own: refusals, limits, states, clips, repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from sandbox_caller import PNG, speaking

from airflow_provider_mj.sandbox import Condition, UserLimits
from airflow_provider_mj.sandbox.stock import stock

if TYPE_CHECKING:
    from sandbox_caller import Caller

CS = pytest.mark.parametrize("speaking", ["trueai"], indirect=True)
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("describe", {"base64": PNG}),
    ("shorten", {"prompt": "a red fox"}),
    ("blend", {"base64Array": [PNG, PNG]}),
    ("edits", {"prompt": "a blue fox", "image": PNG}),
    ("video", {"prompt": "it runs", "image": PNG}),
]


def failed(answer: requests.Response) -> str:
    """Give the message of a refusal in the C# proxy's second shape."""
    body = answer.json()
    assert answer.status_code == 200
    assert (body["success"], body["code"]) == (False, -1)
    assert sorted(body) == ["code", "message", "success", "timestamp"]
    return str(body["message"])


# --- limits ----------------------------------------------------------------------------------------------


@CS
@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"concurrency": 1}, "并发数已达上限"),
        ({"queue": 1}, "队列数已达上限"),
        ({"day": 0}, "用户今日绘图次数已达上限"),
        ({"total": 0}, "总绘图次数已达上限"),
    ],
)
def test_a_limit_of_the_user(speaking: Caller, limits: dict[str, int], text: str) -> None:
    gateway = speaking.sandbox.gateway
    gateway.user_limits = UserLimits(**limits)
    assert speaking.imagine("a slow fox [[seconds: 100]]").json()["code"] == 1
    speaking.clock.advance(20 if "concurrency" in limits else 0)
    refused = speaking.imagine("a fox")
    assert (refused.status_code, refused.json()["code"]) == (200, 4)
    assert refused.json()["description"] == text
    for action, body in OTHERS:
        assert failed(speaking.submit(action, **body)) == text
    assert speaking.charged == ["IMAGINE"]
    speaking.clock.advance(86400)
    assert speaking.imagine("a fox").json()["code"] == (4 if "total" in limits else 1)


@CS
def test_a_limit_holds_for_a_press_and_not_for_the_answer_to_a_window(speaking: Caller) -> None:
    parent, window = speaking.single(), speaking.imagine("a fox [[modal]]").json()["result"]
    speaking.sandbox.gateway.user_limits = UserLimits(total=0)
    assert failed(speaking.press(parent, "MJ::JOB::pan_left")) == "总绘图次数已达上限"
    assert speaking.submit("modal", taskId=window).json()["code"] == 1


@CS
def test_four_tasks_of_one_press_count_as_one_submission(speaking: Caller) -> None:
    task = speaking.ended(speaking.submit("describe", base64=PNG))
    speaking.sandbox.gateway.user_limits = UserLimits(queue=1)
    made = speaking.press(task["id"], "MJ::Job::PicReader::all").json()
    assert len(made["result"].split(",")) == 4
    assert failed(speaking.press(task["id"], "MJ::Job::PicReader::all")) == "队列数已达上限"


# --- refusals --------------------------------------------------------------------------------------------


@CS
def test_a_state_that_is_too_long(speaking: Caller) -> None:
    parent = speaking.finished()["id"]
    paid = speaking.charged
    for action, body in OTHERS:
        assert "255" in failed(speaking.submit(action, **body, state="x" * 256))
    assert "255" in failed(speaking.press(parent, "MJ::JOB::upsample::1", state="x" * 256))
    assert speaking.imagine("a fox", state="x" * 256).json()["code"] == 4
    assert speaking.charged == paid


@CS
@pytest.mark.parametrize(
    ("action", "body"),
    [("imagine", {"prompt": 5}), ("describe", {"base64": []}), ("action", {"taskId": 7, "customId": "x"})],
)
def test_what_can_not_be_bound(speaking: Caller, action: str, body: dict[str, Any]) -> None:
    assert failed(speaking.submit(action, **body))


@CS
def test_a_user_who_is_no_admin_cancels_nothing(speaking: Caller) -> None:
    speaking.sandbox.gateway.conditions.add(Condition.NOT_ADMIN)
    mj_task_id = speaking.imagine("a fox").json()["result"]
    answer = speaking.post(f"/mj/task/{mj_task_id}/cancel")
    assert (answer.status_code, answer.text[:4]) == (400, "演示模式")
    assert answer.headers["content-type"].startswith("text/plain")
    speaking.clock.advance(8)
    assert speaking.fetch(mj_task_id).json()["status"] == "SUCCESS"


@CS
@pytest.mark.parametrize(("condition", "code"), [(Condition.SEED_NOT_FOUND, 3), (Condition.SEED_FAILED, 9)])
def test_a_seed_that_is_not_there(speaking: Caller, condition: Condition, code: int) -> None:
    speaking.sandbox.gateway.conditions.add(condition)
    answer = speaking.get(f"/mj/task/{speaking.finished()['id']}/image-seed")
    assert (answer.status_code, answer.json()["code"], answer.json()["result"]) == (200, code, None)


# --- presses ---------------------------------------------------------------------------------------------


@speaking(
    ("sku-vip", "mine", ["mine"] * 4),
    ("trueai", "mine", [f"mine::{n}" for n in range(1, 5)]),
    ("trueai", "mine::1", [f"mine::1::{n}" for n in range(1, 5)]),
    ("trueai", None, [f"::{n}" for n in range(1, 5)]),
)
def test_the_states_of_four_tasks_of_one_press(
    speaking: Caller, expected: str | None, expected1: list[str]
) -> None:
    task = speaking.ended(speaking.submit("describe", base64=PNG))
    state = {} if expected is None else {"state": expected}
    ids = speaking.press(task["id"], "MJ::Job::PicReader::all", **state).json()["result"].split(",")
    assert [speaking.fetch(one).json()["state"] for one in ids] == expected1


@speaking(("novicezk", "change"), ("trueai", "action"))
@pytest.mark.parametrize(
    ("seconds", "fails", "status"),
    [
        (0, False, "NOT_START"),
        (0.6, False, "SUBMITTED"),
        (4, False, "IN_PROGRESS"),
        (8, False, "SUCCESS"),
        (8, True, "FAILURE"),
    ],
)
def test_a_press_that_was_made_before(
    speaking: Caller, expected: str, seconds: float, fails: bool, status: str
) -> None:
    gateway = speaking.sandbox.gateway
    gateway.conditions.add(Condition.REPEATS_KNOWN)
    task = speaking.finished()

    def press() -> dict[str, Any]:
        if expected == "change":
            answer = speaking.submit("change", taskId=task["id"], action="UPSCALE", index=2)
        else:
            answer = speaking.press(task["id"], "MJ::JOB::upsample::2")
        found: dict[str, Any] = answer.json()
        return found

    if fails:
        gateway.ending_rates = {"fail": 1}
    first = press()
    gateway.ending_rates = {}
    speaking.clock.advance(seconds)
    again = press()
    assert (first["code"], again["code"]) == (1, 21)
    assert (again["description"], again["result"]) == ("任务已存在", first["result"])
    assert again["properties"]["status"] == status
    assert bool(again["properties"]["imageUrl"]) is (status == "SUCCESS")
    assert len(speaking.charged) == 2


@CS
def test_without_that_condition_a_press_makes_a_task_each_time(speaking: Caller) -> None:
    parent = speaking.finished()["id"]
    ids = {speaking.press(parent, "MJ::JOB::upsample::2").json()["result"] for _ in range(2)}
    assert len(ids) == 2


# --- videos, edits, descriptions -------------------------------------------------------------------------


@CS
def test_one_clip_of_a_video_can_be_taken(speaking: Caller) -> None:
    task = speaking.ended(speaking.submit("video", prompt="it runs", image=PNG))
    assert [button["label"] for button in task["buttons"]] == ["U1", "U2", "U3", "U4"]
    one = speaking.ended(speaking.press(task["id"], "MJ::JOB::video_virtual_upscale::2"))
    assert (one["status"], one["action"], len(one["videoUrls"])) == ("SUCCESS", "UPSCALE", 1)
    assert speaking.charged == ["VIDEO", "UPSCALE"]


@CS
def test_a_video_has_an_own_copy_beside_its_clips(speaking: Caller) -> None:
    task = speaking.ended(speaking.submit("video", prompt="it runs", image=PNG))
    clips = [clip["url"] for clip in task["videoUrls"]]
    assert len(set(clips)) == 4
    assert task["videoUrl"] == task["imageUrl"]
    assert task["videoUrl"] not in clips
    contents = [requests.get(url, timeout=10).content for url in (task["videoUrl"], clips[0])]
    assert contents[0] == contents[1]
    assert contents[0][:4] == b"GIF8"


@CS
def test_the_mask_of_an_edit_is_ignored(speaking: Caller) -> None:
    body = {"prompt": "a blue fox", "image": PNG}
    plain, masked = (speaking.submit("edits", **body, **more) for more in ({}, {"maskBase64": "no picture"}))
    assert (plain.json()["code"], masked.json()["code"]) == (1, 1)


@speaking(
    ("gptplus5", "properties"),
    ("sku-vip", "properties"),
    ("crazyrouter", ""),
    ("novicezk", ""),
    ("trueai", "prompt"),
)
@pytest.mark.parametrize("language", ["zh", "zh_cn", "fr", ""])
def test_where_the_translation_of_a_description_is(speaking: Caller, expected: str, language: str) -> None:
    task = speaking.ended(speaking.submit("describe", base64=PNG, language=language))
    found = task["prompt"] if expected == "prompt" else task["properties"].get("finalZhPrompt", "")
    is_chinese = any(ord(sign) > 0x4E00 and ord(sign) < 0x9FFF for sign in found)
    assert is_chinese is (language.startswith("zh") and expected != "")
    assert "--ar 1:1" in task["promptEn"]
    assert not any(0x4E00 < ord(sign) < 0x9FFF for sign in task["promptEn"])
    if is_chinese:
        assert len(found.split("\n\n")) == len(task["promptEn"].split("\n\n")) == 4


# --- long lists ------------------------------------------------------------------------------------------


@speaking(("novicezk", 3001), ("trueai", 100), ("sku-vip", 3001))
def test_the_list_of_a_gateway_that_has_been_in_use(speaking: Caller, expected: int) -> None:
    gateway = speaking.sandbox.gateway
    stock(gateway, 3000)
    mine = gateway.submit("a fox", "mine")
    rows = speaking.get("/mj/task/list").json()
    assert (len(rows), rows[0]["id"]) == (expected, mine)
    times = [row["submitTime"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert speaking.charged == ["IMAGINE"]


@pytest.mark.parametrize("speaking", ["novicezk"], indirect=True)
def test_the_java_proxy_lists_the_tasks_of_thirty_days(speaking: Caller) -> None:
    stock(speaking.sandbox.gateway, 60, days=60)
    assert 29 <= len(speaking.get("/mj/task/list").json()) <= 31
