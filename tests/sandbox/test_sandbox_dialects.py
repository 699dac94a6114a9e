"""What each dialect answers, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sandbox_caller import KEY, Caller, speaking

from airflow_provider_mj.sandbox import DIALECTS

GO_BUTTONS = ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]


def bare(caller: Caller, **headers: str) -> requests.Response:
    return requests.get(f"{caller.sandbox.url}/mj/task/1/fetch", headers=headers, timeout=10)


@speaking(
    ("gptplus5", {"bearer", "bare", "secret", "sk"}),
    ("sku-vip", {"bare"}),
    ("crazyrouter", {"bearer"}),
    ("novicezk", {"secret"}),
    ("trueai", {"bare", "secret"}),
)
def test_which_headers_carry_the_key(speaking: Caller, expected: set[str]) -> None:
    ways = {
        "bearer": {"Authorization": f"Bearer {KEY}"},
        "bare": {"Authorization": KEY},
        "secret": {"mj-api-secret": KEY},
        "sk": {"Authorization": f"Bearer sk-{KEY}"},
    }
    assert {
        name for name, headers in ways.items() if bare(speaking, **headers).status_code != 401
    } == expected


def test_the_csharp_proxy_ignores_the_secret_next_to_authorization() -> None:
    both = {"authorization": f"Bearer {KEY}", "mj-api-secret": KEY}
    assert not DIALECTS["trueai"].accepts(both, KEY)
    assert DIALECTS["gptplus5"].accepts(both | {"authorization": "midjourney-proxy"}, KEY)


@speaking(
    ("gptplus5", "application/json", ["error", "type"], "new_api_error"),
    ("sku-vip", "application/json", ["description"], "Unauthorized"),
    ("crazyrouter", "application/json", ["error", "code"], "invalid_api_key"),
    ("novicezk", None, None, ""),
    ("trueai", "text/plain", None, "Authorization header missing."),
)
def test_a_wrong_key_is_401(
    speaking: Caller, expected: str | None, expected1: list[str] | None, expected2: str
) -> None:
    for headers in ({}, {"Authorization": "wrong"}, {"mj-api-secret": "wrong"}):
        answer = bare(speaking, **headers)
        assert answer.status_code == 401
        content = answer.headers.get("content-type", "").partition(";")[0] or None
        assert content == expected
        said: Any = answer.text if expected1 is None else answer.json()
        for key in expected1 or []:
            said = said[key]
        assert said == expected2
        assert KEY not in answer.text


@speaking(
    ("gptplus5", 400, '{"description":"task_no_found ","type":"upstream_error","code":4}'),
    ("sku-vip", 200, ""),
    ("crazyrouter", 400, '{"description":"task_no_found ","type":"upstream_error","code":4}'),
    ("novicezk", 200, ""),
    ("trueai", 204, ""),
)
def test_fetch_of_an_unknown_id(speaking: Caller, expected: int, expected1: str) -> None:
    vanished = speaking.sandbox.gateway.submit("[[vanish]]")
    assert speaking.fetch(vanished).json()["id"] == vanished
    speaking.clock.advance(4)
    for mj_task_id in ("1730621826053455", vanished):
        answer = speaking.fetch(mj_task_id)
        assert (answer.status_code, answer.text) == (expected, expected1)


def test_a_list_drops_unknown_ids_and_names_each_task_once(any_dialect: Caller) -> None:
    first, second = (any_dialect.sandbox.gateway.submit("a fox") for _ in range(2))
    answer = any_dialect.list(second, "unknown", first, second)
    assert answer.status_code == 200
    assert sorted(row["id"] for row in answer.json()) == [first, second]
    for body in ({}, {"ids": None}, {"ids": []}):
        assert any_dialect.post("/mj/task/list-by-condition", json=body).json() == []


@speaking(
    ("gptplus5", False), ("sku-vip", True), ("crazyrouter", False), ("novicezk", True), ("trueai", False)
)
def test_a_list_has_an_order_of_its_own(speaking: Caller, expected: bool) -> None:
    gateway = speaking.sandbox.gateway
    old = [gateway.submit("a fox") for _ in range(8)]
    speaking.clock.advance(8)
    fresh = gateway.submit("a fox")
    rows = [row["id"] for row in speaking.list(fresh, *reversed(old)).json()]
    assert (rows[0] == fresh) is expected
    assert (rows == [*old, fresh]) is not expected


@speaking(
    ("gptplus5", 400, {"description": "do_request_failed ", "type": "upstream_error", "code": 4}),
    ("crazyrouter", 400, {"description": "do_request_failed ", "type": "upstream_error", "code": 4}),
    ("trueai", 200, {"success": False, "code": -1}),
)
def test_numbers_as_ids_are_refused(speaking: Caller, expected: int, expected1: dict[str, Any]) -> None:
    answer = speaking.list(1730621826053455)
    assert answer.status_code == expected
    assert expected1.items() <= answer.json().items()


@pytest.mark.parametrize("speaking", ["sku-vip", "novicezk"], indirect=True)
def test_numbers_as_ids_are_coerced(speaking: Caller) -> None:
    mj_task_id = speaking.sandbox.gateway.submit("a fox")
    assert [row["id"] for row in speaking.list(int(mj_task_id)).json()] == [mj_task_id]


def test_crazyrouter_lists_five_keys(caller: Caller) -> None:
    row = caller.list(caller.finished()["id"]).json()[0]
    assert list(row) == ["id", "action", "status", "progress", "imageUrl"]
    assert row["imageUrl"].startswith(caller.sandbox.url + "/attachments/")


@pytest.mark.parametrize("speaking", ["gptplus5", "sku-vip", "novicezk", "trueai"], indirect=True)
def test_other_lists_have_full_rows(speaking: Caller) -> None:
    task = speaking.finished()
    assert speaking.list(task["id"]).json() == [task]


def look_at(caller: Caller, *fields: str) -> list[tuple[Any, ...]]:
    """The fields of a task when it is queued, half done, done; and of one that failed."""
    gateway = caller.sandbox.gateway
    mj_task_id, failing = gateway.submit("a fox", "mine"), gateway.submit("[[fail: no luck]]")
    tasks = [caller.fetch(mj_task_id).json()]
    for seconds in (4, 4):
        caller.clock.advance(seconds)
        tasks.append(caller.fetch(mj_task_id).json())
    tasks.append(caller.fetch(failing).json())
    return [tuple(task.get(field, "absent") for field in fields) for task in tasks]


@speaking(
    (
        "gptplus5",
        [
            ("NOT_START", "0%", 0, 0, "", None, None, "mine"),
            ("IN_PROGRESS", "50%", 1730621826400, 0, "", None, None, "mine"),
            ("SUCCESS", "100%", 1730621826400, 1730621834000, "", list, dict, "mine"),
            ("FAILURE", "100%", 1730621826400, 1730621830000, "no luck", None, None, ""),
        ],
    ),
    (
        "sku-vip",
        [
            ("NOT_START", None, None, None, None, [], dict, "mine"),
            ("IN_PROGRESS", "50%", 1730621826000, None, None, [], dict, "mine"),
            ("SUCCESS", "100%", 1730621826000, 1730621834000, None, list, dict, "mine"),
            ("FAILURE", "", 1730621826000, 1730621830000, "no luck", [], dict, ""),
        ],
    ),
    (
        "crazyrouter",
        [
            ("NOT_START", "0%", "absent", "absent", "", [], "absent", "mine"),
            ("IN_PROGRESS", "50%", 1730621826000, "absent", "", [], "absent", "mine"),
            ("SUCCESS", "100%", 1730621826000, 1730621834000, "", list, {}, "mine"),
            ("FAILURE", "50%", 1730621826000, 1730621830000, "no luck", [], "absent", ""),
        ],
    ),
    (
        "novicezk",
        [
            ("NOT_START", None, None, None, None, "absent", dict, "mine"),
            ("IN_PROGRESS", "50%", 1730621826400, None, None, "absent", dict, "mine"),
            ("SUCCESS", "100%", 1730621826400, 1730621834000, None, "absent", dict, "mine"),
            ("FAILURE", "", 1730621826400, 1730621830000, "no luck", "absent", dict, None),
        ],
    ),
    (
        "trueai",
        [
            ("NOT_START", None, None, None, None, [], dict, "mine"),
            ("IN_PROGRESS", "50%", 1730621826400, None, None, [], dict, "mine"),
            ("SUCCESS", "100%", 1730621826400, 1730621834000, "", list, dict, "mine"),
            ("FAILURE", "", 1730621826400, 1730621830000, "no luck", [], dict, None),
        ],
    ),
)
def test_how_unset_looks(speaking: Caller, expected: list[tuple[Any, ...]]) -> None:
    fields = ("status", "progress", "startTime", "finishTime", "failReason", "buttons", "properties", "state")
    for seen, wanted in zip(look_at(speaking, *fields), expected, strict=True):
        for field, value, want in zip(fields, seen, wanted, strict=True):
            if isinstance(want, type):
                assert isinstance(value, want), field
                assert value, field
            else:
                assert value == want, field


@speaking(
    (
        "gptplus5",
        "id action customId botType prompt promptEn description state submitTime startTime finishTime "
        "imageUrl status progress failReason buttons maskBase64 properties",
        "finalPrompt finalZhPrompt",
        GO_BUTTONS,
    ),
    (
        "sku-vip",
        "id action status prompt promptEn description submitTime startTime finishTime progress cost imageUrl "
        "failReason buttons properties state seed",
        "botType discordChannelId discordInstanceId finalPrompt flags messageContent messageHash messageId "
        "nonce notifyHook progressMessageId",
        GO_BUTTONS,
    ),
    (
        "crazyrouter",
        # Its documents leave the state out; new-api, of which it is a fork, has it.
        "id action status prompt promptEn state progress submitTime startTime finishTime imageUrl failReason "
        "buttons properties",
        "",
        [label for label in GO_BUTTONS if label != "🔄"],
    ),
)
def test_a_finished_task_has_the_fields_of_the_documents(
    speaking: Caller, expected: str, expected1: str, expected2: list[str]
) -> None:
    task = speaking.finished()
    assert list(task) == expected.split()
    assert sorted(task["properties"]) == expected1.split()
    assert [button["label"] or button["emoji"] for button in task["buttons"]] == expected2


def test_ids_and_buttons_are_the_dialects_own(with_buttons: Caller) -> None:
    task = with_buttons.finished()
    crazyrouter = with_buttons.sandbox.gateway.dialect.name == "crazyrouter"
    assert task["id"].startswith("task_") is crazyrouter
    assert len(task["id"].removeprefix("task_")) == 16
    first = task["buttons"][0]
    assert ("type" in first) is not crazyrouter
    assert first["emoji"] == ("U1" if crazyrouter else "")
    assert len(first["customId"].rpartition("::")[2]) == (6 if crazyrouter else 36)


@pytest.mark.parametrize("speaking", ["novicezk"], indirect=True)
def test_the_java_proxy_shows_previews_and_words_for_progress(speaking: Caller) -> None:
    mj_task_id = speaking.sandbox.gateway.submit("a fox")
    speaking.clock.advance(2)
    assert speaking.fetch(mj_task_id).json()["progress"] == "Waiting to start"
    speaking.clock.advance(2)
    preview = speaking.fetch(mj_task_id).json()["imageUrl"]
    speaking.clock.advance(4)
    picture = speaking.fetch(mj_task_id).json()["imageUrl"]
    assert preview != picture
    assert requests.get(preview, timeout=10).content != requests.get(picture, timeout=10).content
