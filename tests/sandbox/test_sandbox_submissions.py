"""Submissions in each dialect, wrong routes, and input that nobody would send on purpose, over real HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from sandbox_caller import speaking

from airflow_provider_mj.sandbox.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from sandbox_caller import Caller

GO_EMPTY = {"description": "prompt_is_required ", "type": "upstream_error", "code": 4}


@speaking(
    ("gptplus5", 400, GO_EMPTY),
    ("sku-vip", 200, {"code": 4, "result": None}),
    ("crazyrouter", 400, GO_EMPTY),
    ("novicezk", 200, {"code": 4, "result": None, "properties": {}}),
    ("trueai", 200, {"code": 4, "result": None}),
)
def test_an_empty_prompt_is_refused(speaking: Caller, expected: int, expected1: dict[str, Any]) -> None:
    for body in ({"prompt": " "}, {"prompt": None}, {}):
        answer = speaking.post("/mj/submit/imagine", json=body)
        assert answer.status_code == expected
        assert expected1.items() <= answer.json().items()
    assert speaking.sandbox.gateway.ledger.charges == []


def test_an_unknown_directive_is_refused_with_the_known_ones(any_dialect: Caller) -> None:
    answer = any_dialect.imagine("[[explode]]")
    assert "unknown directive [[explode]]; the sandbox knows [[fail: reason]]" in answer.text
    assert answer.json()["code"] == 4


def test_a_banned_prompt_is_code_24(any_dialect: Caller) -> None:
    answer = any_dialect.imagine("a BannedWord, please")
    assert answer.status_code == 200
    assert answer.json()["code"] == 24
    assert answer.json()["properties"] == {"promptEn": "a BannedWord, please", "bannedWord": "bannedword"}
    assert answer.json()["result"] is None


def test_an_accepted_submission_is_code_1_and_charged(any_dialect: Caller) -> None:
    answer = any_dialect.imagine("a fox", state="mine").json()
    assert answer["code"] == 1
    assert any_dialect.fetch(answer["result"]).json()["prompt"] == "a fox"
    assert [charge.mj_task_id for charge in any_dialect.sandbox.gateway.ledger.charges] == [answer["result"]]


def test_new_api_rewrites_22_and_21(any_dialect: Caller) -> None:
    dialect = any_dialect.sandbox.gateway.dialect
    rewrites = dialect.name in {"gptplus5", "crazyrouter"}
    answers = [any_dialect.imagine("a fox").json() for _ in range(4)]
    assert [answer["code"] for answer in answers] == [1, 1, 1, 1 if rewrites else 22]
    assert answers[3]["properties"]["numberOfQueues"] == 1
    modal = any_dialect.imagine("a fox [[modal]]").json()
    if dialect.name == "novicezk":
        assert modal["code"] == 4
        return
    assert modal["code"] == (1 if rewrites else 21)
    assert modal["description"] == "Waiting for window confirm"
    assert any_dialect.fetch(modal["result"]).json()["status"] == "MODAL"


def test_pressing_a_button_starts_a_task(with_buttons: Caller) -> None:
    task = with_buttons.finished()
    job = task["buttons"][0]["customId"].rpartition("::")[2]
    dialect = with_buttons.sandbox.gateway.dialect
    reroll = "IMAGINE" if dialect.name == "trueai" else "REROLL"
    single = 14 if dialect.has_motion else 12
    for custom_id, action in (
        (f"MJ::JOB::upsample::3::{job}", "UPSCALE"),
        (f"MJ::JOB::variation::2::{job}", "VARIATION"),
        (f"MJ::JOB::reroll::0::{job}::SOLO", reroll),
    ):
        answer = with_buttons.post("/mj/submit/action", json={"taskId": task["id"], "customId": custom_id})
        with_buttons.clock.advance(8)
        pressed = with_buttons.fetch(answer.json()["result"]).json()
        assert pressed["action"] == action
        assert len(pressed["buttons"]) == (single if action == "UPSCALE" else len(task["buttons"]))
    assert [charge.amount for charge in with_buttons.sandbox.gateway.ledger.charges] == [2, 1, 2, 2]


@speaking(
    ("gptplus5", (400, 4), (400, 4), (400, None)),
    ("sku-vip", (200, 3), (200, 4), (200, 4)),
    ("crazyrouter", (400, 4), (400, 4), (400, None)),
    ("trueai", (404, 3), (200, 4), (200, 4)),
)
def test_pressing_what_cannot_be_pressed(
    speaking: Caller, expected: Any, expected1: Any, expected2: Any
) -> None:
    done, running = speaking.finished()["id"], speaking.sandbox.gateway.submit("a fox")

    def press(mj_task_id: str, custom_id: str) -> tuple[int, int | None]:
        answer = speaking.post("/mj/submit/action", json={"taskId": mj_task_id, "customId": custom_id})
        return answer.status_code, answer.json().get("code")

    assert press("unknown", "MJ::JOB::upsample::1::x") == expected
    assert press(running, "MJ::JOB::upsample::1::x") == expected1
    assert press(done, "MJ::JOB::nonsense::1::x") == expected2
    assert press(done, "") == (expected1[0], 4)
    assert len(speaking.sandbox.gateway.ledger.charges) == 2


@speaking(
    ("gptplus5", 200, "text/html"),
    ("sku-vip", 404, "application/json"),
    ("crazyrouter", 200, "text/html"),
    ("novicezk", 404, "application/json"),
    ("trueai", 404, ""),
)
def test_a_wrong_route_below_the_prefix(speaking: Caller, expected: int, expected1: str) -> None:
    for answer in (
        speaking.get("/mj/task/1"),
        speaking.post("/mj/task/1/fetch"),
        speaking.get("/mj/nothing"),
    ):
        assert answer.status_code == expected
        assert answer.headers.get("content-type", "").partition(";")[0] == expected1


@pytest.mark.parametrize("speaking", ["novicezk"], indirect=True)
def test_the_java_proxy_lacks_action_and_is_html_outside(speaking: Caller) -> None:
    task = speaking.finished()
    assert "buttons" not in task
    assert speaking.post("/mj/submit/action", json={"taskId": task["id"], "customId": "x"}).status_code == 404
    assert "<html>" in speaking.get(f"/task/{task['id']}/fetch").text
    refused = speaking.imagine("a fox", base64Array=["iVBORw0KGgo="])
    assert refused.json()["description"] == "base64格式错误"


@speaking(
    ("gptplus5", {"/mj-fast", "/mj-relax", "/relax"}),
    ("sku-vip", set()),
    ("crazyrouter", {"/mj-fast", "/mj-relax", "/relax"}),
    ("novicezk", set()),
    ("trueai", {"/mj-fast", "/mj-relax"}),
)
def test_path_prefixes(speaking: Caller, expected: set[str]) -> None:
    mj_task_id = speaking.sandbox.gateway.submit("a fox")
    found = set()
    for mode in ("/mj-fast", "/mj-relax", "/relax"):
        answer = speaking.get(f"{mode}/mj/task/{mj_task_id}/fetch")
        if (
            answer.headers.get("content-type", "").startswith("application/json")
            and "prompt" in answer.json()
        ):
            found.add(mode)
    assert found == expected


@pytest.mark.parametrize("speaking", ["trueai"], indirect=True)
def test_a_long_state_is_refused(speaking: Caller) -> None:
    assert speaking.imagine("a fox", state="x" * 255).json()["code"] == 1
    assert speaking.imagine("a fox", state="x" * 256).json()["code"] == 4


BAD_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"prompt": 5}',
    b'{"prompt": {"a": 1}}',
    b'{"prompt": "a fox", "state": 7}',
    b'{"base64Array": "x"}',
    b'{"ids": "one"}',
    b'{"ids": {"a": 1}}',
    b'{"ids": [null, [], {}, NaN, 1e999]}',
    b'{"taskId": 1, "customId": []}',
    b'{"taskId": "1", "action": "REROLL", "index": 1e999}',
    b'{"taskId": "1", "prompt": [], "maskBase64": "data:image/png;base64,?"}',
    b'{"base64Array": ["data:,", "data:image/png;base64,="], "dimensions": 3}',
    b'{"base64": "data:image/png;base64,"}',
    b'{"sourceBase64": {}, "targetBase64": "data:"}',
    b'{"prompt": "", "image": 7, "motion": true, "batchSize": true}',
]


def test_bad_bodies_are_never_a_500(any_dialect: Caller) -> None:
    paths = [endpoint.path for endpoint in ENDPOINTS if endpoint.method == "POST"]
    for path in paths:
        for body in BAD_BODIES:
            answer = any_dialect.post(f"/mj{path}", data=body)
            assert answer.status_code < 500, (path, body)
    assert any_dialect.sandbox.gateway.tasks == {}


def test_strange_text_survives(any_dialect: Caller) -> None:
    for prompt in (
        "\ud800 half a pair",
        "\x00\x07 control",
        "\u202eright to left",
        "👩\u200d👧 " * 200,
        "x" * 100_000,
    ):
        answer = any_dialect.post(
            "/mj/submit/imagine", data=json.dumps({"prompt": prompt, "state": prompt[:99]})
        )
        any_dialect.clock.advance(8)
        task = any_dialect.fetch(answer.json()["result"]).json()
        picture = requests.get(task["imageUrl"], timeout=10)
        assert picture.headers["content-type"] == "image/png"


def test_a_body_over_the_limit_is_413(caller: Caller) -> None:
    answer = caller.post("/mj/submit/imagine", data=b" " * (32 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert caller.imagine("a fox").status_code == 200


def test_strange_paths_and_hosts_are_never_a_500(any_dialect: Caller) -> None:
    for path in (
        "/",
        "/mj/task/%00/fetch",
        "/mj/task/%ff%fe/fetch",
        "/mj/task//fetch",
        "//",
        "/sandbox/x",
        "/attachments/1",
    ):
        assert any_dialect.get(path).status_code < 500, path
    for host in ("[evil\\/", "["):
        assert any_dialect.get("/nothing", headers={"Host": host}).status_code == 403
