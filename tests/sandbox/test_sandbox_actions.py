"""Every submission but imagine, in each dialect over real HTTP: what it makes, refuses and costs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from sandbox_caller import PNG, speaking

from airflow_provider_mj.sandbox import DIALECTS

if TYPE_CHECKING:
    from sandbox_caller import Caller

BODIES: dict[str, dict[str, Any]] = {
    "blend": {"base64Array": [PNG, PNG], "dimensions": "PORTRAIT"},
    "describe": {"base64": PNG},
    "shorten": {"prompt": "a very very red fox"},
    "edits": {"prompt": "a blue fox", "image": PNG},
    "video": {"prompt": "it runs", "image": PNG, "motion": "high"},
    "swap": {"sourceBase64": PNG, "targetBase64": f"{PNG[:-4]}AAA="},
}
LACKING = {"novicezk": {"shorten", "edits", "video", "swap"}}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("blend", {"base64Array": [PNG]}),
    ("blend", {"base64Array": [PNG] * 6}),
    ("blend", {"base64Array": [PNG, PNG], "dimensions": "ROUND"}),
    ("blend", {"base64Array": [PNG, "data:image/png;base64,?"]}),
    ("describe", {}),
    ("shorten", {"prompt": " "}),
    ("edits", {"prompt": "", "image": PNG}),
    ("edits", {"prompt": "a fox"}),
    ("video", {"prompt": "x", "motion": "wild", "image": PNG}),
    ("video", {"prompt": "x", "motion": "low"}),
    ("video", {"prompt": "x", "motion": "low", "image": PNG, "batchSize": 3}),
    ("video", {"prompt": "x", "motion": "low", "taskId": "1", "action": "shrink", "index": 0}),
    ("swap", {"sourceBase64": PNG}),
    ("upload-discord-images", {"base64Array": []}),
    ("change", {"taskId": "1", "action": "PAN", "index": 1}),
    ("change", {"taskId": "1", "action": "UPSCALE", "index": 5}),
    ("change", {"taskId": "1", "action": "UPSCALE"}),
    ("modal", {"prompt": "a fox"}),
]


def has(caller: Caller, action: str) -> bool:
    return action not in LACKING.get(caller.sandbox.gateway.dialect.name, set())


@pytest.mark.parametrize("action", BODIES)
def test_a_submission_makes_a_task_of_its_own_kind(any_dialect: Caller, action: str) -> None:
    answer = any_dialect.submit(action, **BODIES[action], state="mine")
    if not has(any_dialect, action):
        assert answer.status_code == 404
        return
    assert (answer.status_code, answer.json()["code"]) == (200, 1)
    task = any_dialect.ended(answer)
    is_cs = any_dialect.sandbox.gateway.dialect.name == "trueai"
    names = {"swap": "SWAP_FACE", "edits": "EDIT" if is_cs else "EDITS"}
    assert (task["status"], task["action"]) == ("SUCCESS", names.get(action, action.upper()))
    assert any_dialect.charged == [task["action"]]
    assert any_dialect.sandbox.gateway.requests[0].body == BODIES[action] | {"state": "mine"}
    if task["imageUrl"]:
        assert requests.get(task["imageUrl"], timeout=10).status_code == 200
    assert bool(task["imageUrl"]) is (action != "shorten")


@pytest.mark.parametrize(("action", "body"), WRONG)
def test_a_wrong_body_is_refused_and_costs_nothing(
    any_dialect: Caller, action: str, body: dict[str, Any]
) -> None:
    answer = any_dialect.submit(action, **body)
    if answer.status_code == 404:
        assert any_dialect.sandbox.gateway.dialect.name in {"novicezk", "trueai"}
        return
    assert answer.status_code == (400 if any_dialect.sandbox.gateway.dialect.is_relay else 200)
    assert answer.json()["code"] == 4
    assert any_dialect.charged == []


def test_a_description_is_numbered_lines_wherever_a_prompt_stands(any_dialect: Caller) -> None:
    task = any_dialect.ended(any_dialect.submit("describe", base64=PNG))
    again = any_dialect.ended(any_dialect.submit("describe", base64=PNG))
    lines = task["promptEn"].split("\n\n")
    assert [line[:3] for line in lines] == ["1️⃣", "2️⃣", "3️⃣", "4️⃣"]
    assert task["prompt"] == task["promptEn"] == again["prompt"]
    assert task["properties"].get("finalPrompt", task["prompt"]) == task["prompt"]
    ids = [button["customId"] for button in task.get("buttons", [])]
    assert ids == [] or ids[0] == "MJ::Job::PicReader::1"


@speaking(("gptplus5", 400), ("sku-vip", 200), ("crazyrouter", 400), ("trueai", 200))
def test_pictures_from_a_description(speaking: Caller, expected: int) -> None:
    task = speaking.ended(speaking.submit("describe", base64=PNG))
    one, every = (speaking.press(task["id"], f"MJ::Job::PicReader::{which}") for which in ("2", "all"))
    assert (one.status_code, every.status_code) == (expected, expected)
    if expected == 400:
        assert "unknown_action:MJ::Job::PicReader::2" in one.json()["error"]["message"]
        return
    assert one.json()["code"] == 21
    assert one.json()["properties"]["finalPrompt"] == task["prompt"].split("\n\n")[1][4:]
    ids = every.json()["result"].split(",")
    assert [speaking.fetch(mj_task_id).json()["action"] for mj_task_id in ids] == ["IMAGINE"] * 4
    assert speaking.charged == ["DESCRIBE"] + ["IMAGINE"] * 5


@speaking(("gptplus5", 400), ("sku-vip", 21), ("crazyrouter", 400), ("trueai", 4))
def test_a_picture_from_an_analysis(speaking: Caller, expected: int) -> None:
    task = speaking.ended(speaking.submit("shorten", prompt="a very red fox [[seconds: 3]]"))
    assert task["promptEn"].startswith("1️⃣ a very red fox\n\n2️⃣ a very red\n\n")
    answer = speaking.press(task["id"], "MJ::Job::PromptAnalyzer::2")
    assert expected == (answer.json().get("code") or answer.status_code)


@speaking(
    ("gptplus5", "UPSCALE LOW_VARIATION HIGH_VARIATION ZOOM PAN"),
    ("sku-vip", "UPSCALE VARIATION VARIATION ZOOM PAN VIDEO"),
    ("crazyrouter", "UPSCALE LOW_VARIATION HIGH_VARIATION ZOOM PAN"),
    ("trueai", "UPSCALE_HD VARIATION VARIATION ZOOM PAN VIDEO"),
)
def test_the_buttons_of_a_single_picture(speaking: Caller, expected: str) -> None:
    task = speaking.fetch(speaking.single()).json()
    shown = [(button["label"], button["emoji"]) for button in task["buttons"]]
    if speaking.sandbox.gateway.dialect.name == "crazyrouter":
        assert all(label == emoji for label, emoji in shown)
        assert shown[0][0] == "Upscale (Subtle)"
    else:
        assert shown[0] == ("Upscale (Subtle)", "upscale_1")
        assert ("Vary (Region)", "🖌️") in shown
    assert [emoji for _, emoji in shown if emoji in "⬅️➡️⬆️⬇️" and emoji] == ["⬅️", "➡️", "⬆️", "⬇️"]
    begins = ("upsample_v6_2x_creative", "low_variation", "high_variation", "::75", "pan_up", "animate_low")
    actions = []
    for begin in begins:
        found = [button["customId"] for button in task["buttons"] if begin in button["customId"]]
        actions += [speaking.ended(speaking.press(task["id"], one))["action"] for one in found]
    assert actions == expected.split()


@pytest.mark.parametrize("speaking", [name for name in DIALECTS if name != "trueai"], indirect=True)
def test_changes_by_name_and_index(speaking: Caller) -> None:
    parent = speaking.finished()["id"]
    relay = speaking.sandbox.gateway.dialect.is_relay

    def change(mj_task_id: str = parent, **body: Any) -> requests.Response:
        return speaking.submit("change", taskId=mj_task_id, **body)

    assert speaking.ended(change(action="UPSCALE", index=4))["action"] == "UPSCALE"
    assert speaking.ended(change(action="VARIATION", index=1))["action"] == "VARIATION"
    assert speaking.ended(change(action="REROLL", index=1))["action"] == "REROLL"
    assert change(action="REROLL").json()["code"] == (4 if relay else 1)
    assert change("404404", action="UPSCALE", index=1).json()["code"] == (4 if relay else 3)
    running = speaking.imagine("a fox").json()["result"]
    assert change(running, action="UPSCALE", index=1).json()["code"] == 4
    upscaled = speaking.ended(change(action="UPSCALE", index=4))["id"]
    assert change(upscaled, action="UPSCALE", index=1).json()["code"] == 4


@speaking(("gptplus5", True), ("sku-vip", False), ("crazyrouter", False), ("trueai", True))
def test_where_the_clips_of_a_video_are(speaking: Caller, expected: bool) -> None:
    task = speaking.ended(speaking.submit("video", **BODIES["video"], batchSize=2))
    link = task["videoUrl"] if expected else task["imageUrl"]
    clip = requests.get(link, timeout=10)
    assert (clip.headers["content-type"], clip.content[:4]) == ("image/gif", b"GIF8")
    clips = [one["url"] for one in task.get("videoUrls", [])]
    has_copy = speaking.sandbox.gateway.dialect.name == "trueai"
    assert len(clips) == len(set(clips)) == (2 if expected else 0)
    assert (link in clips) is (expected and not has_copy)
    assert all(requests.get(one, timeout=10).content[:4] == b"GIF8" for one in clips)
    longer = {"prompt": "on", "motion": "low", "taskId": task["id"], "action": "extend", "index": 0}
    assert speaking.ended(speaking.submit("video", **longer))["status"] == "SUCCESS"
    assert speaking.submit("video", **longer | {"taskId": speaking.finished()["id"]}).json()["code"] == 4


@pytest.mark.parametrize("speaking", ["trueai"], indirect=True)
def test_the_csharp_proxy_takes_urls_and_knows_no_change(speaking: Caller) -> None:
    urls = {"sourceUrl": "https://img.example/a.png", "targetUrl": "https://img.example/b.png"}
    assert speaking.submit("swap", **urls).json()["code"] == 1
    same = speaking.submit("swap", **urls | {"sourceUrl": urls["targetUrl"]})
    assert same.json()["code"] == 4
    assert speaking.submit("describe", link="https://img.example/a.png").json()["code"] == 1
    assert speaking.submit("change", taskId="1", action="REROLL").status_code == 404
    assert speaking.submit("video", image=PNG).json()["code"] == 4


def test_uploads_are_links_at_once_and_no_task(any_dialect: Caller) -> None:
    answer = any_dialect.submit("upload-discord-images", base64Array=[PNG, f"{PNG[:-4]}AAA="])
    if any_dialect.sandbox.gateway.dialect.name == "novicezk":
        assert answer.status_code == 404
        return
    links = answer.json()["result"]
    assert len(set(links)) == 2
    assert all(re.fullmatch(r"https://cdn\.discordapp\.com/attachments/\S+\.png", link) for link in links)
    assert any_dialect.sandbox.gateway.tasks == {}
    assert any_dialect.charged == []


@speaking(
    ("gptplus5", (400, 4), (400, 4)),
    ("sku-vip", (200, 3), (200, 4)),
    ("crazyrouter", (400, 4), (400, 4)),
    ("trueai", (404, 3), (400, 4)),
)
def test_the_seed_of_a_picture(speaking: Caller, expected: Any, expected1: Any) -> None:
    done, other = speaking.finished()["id"], speaking.finished()["id"]
    running = speaking.imagine("a fox").json()["result"]
    answers = [speaking.get(f"/mj/task/{one}/image-seed") for one in ("404404", running, done, other)]
    said = [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert said == [expected, expected1, (200, 1), (200, 1)]
    seeds = {answer.json()["result"] for answer in answers[2:]}
    assert len(seeds) == 2
    assert all(seed.isdecimal() for seed in seeds)


@speaking(
    ("gptplus5", None),
    ("sku-vip", "CANCEL"),
    ("crazyrouter", None),
    ("novicezk", None),
    ("trueai", "FAILURE"),
)
def test_cancelling(speaking: Caller, expected: str | None) -> None:
    mj_task_id = speaking.imagine("a fox").json()["result"]
    speaking.clock.advance(4)
    answer = speaking.post(f"/mj/task/{mj_task_id}/cancel")
    speaking.clock.advance(8)
    task = speaking.fetch(mj_task_id).json()
    assert task["status"] == (expected or "SUCCESS")
    again, unknown = (speaking.post(f"/mj/task/{one}/cancel") for one in (mj_task_id, "404404"))
    if expected == "CANCEL":
        assert [one.json()["code"] for one in (answer, again, unknown)] == [1, 4, 3]
        assert task["finishTime"] == 1730621830000
    elif expected == "FAILURE":
        assert [(one.status_code, one.text) for one in (answer, again, unknown)] == [(200, "")] * 3
        assert task["failReason"] == "取消任务"
    else:
        assert "json" not in answer.headers.get("content-type", "") or answer.status_code == 404


@speaking(("gptplus5", None), ("sku-vip", 120), ("crazyrouter", None), ("novicezk", 120), ("trueai", 100))
def test_the_list_of_all_tasks_is_newest_first(speaking: Caller, expected: int | None) -> None:
    ids = []
    for number in range(120):
        ids.append(speaking.sandbox.gateway.submit("a fox", str(number)))
        speaking.clock.advance(1)
    answer = speaking.get("/mj/task/list")
    if expected is None:
        assert answer.headers["content-type"].startswith("text/html")
        return
    assert [row["id"] for row in answer.json()] == ids[::-1][:expected]
    assert answer.json()[0]["state"] == "119"
