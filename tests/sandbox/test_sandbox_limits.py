"""Full queues, directives that refuse, notes of bodies, and answers that are withheld."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from sandbox_caller import PNG, speaking

from airflow_provider_mj.sandbox import DIALECTS, Fault, ManualClock, SandboxGateway
from airflow_provider_mj.sandbox.answers import Reason, RefusedError
from airflow_provider_mj.sandbox.prompts import KNOWN_DIRECTIVES, Ending, read_prompt
from airflow_provider_mj.sandbox.seen import KEPT_BODIES, BodyShelf, RequestSeen
from airflow_provider_mj.sandbox.windows import confirm

if TYPE_CHECKING:
    from sandbox_caller import Caller


def said(answer: requests.Response) -> tuple[int, Any, str]:
    body = answer.json()
    words = body.get("description") or body["error"]["message"]
    return answer.status_code, body.get("code"), words


@speaking(
    ("gptplus5", 200, 9, "队列已满"),
    ("sku-vip", 200, 23, "队列已满"),
    ("crazyrouter", 200, 23, "队列已满"),
    ("novicezk", 200, 23, "队列已满"),
    ("trueai", 200, 9, "队列已满"),
)
def test_a_full_queue_refuses(speaking: Caller, expected: int, expected1: int, expected2: str) -> None:
    gateway = speaking.sandbox.gateway
    gateway.queue_limit = 2
    try:
        assert [speaking.imagine("a fox").json()["code"] for _ in range(2)] == [1, 1]
        for refused in (speaking.imagine("a fox"), speaking.submit("describe", base64=PNG)):
            status, code, words = said(refused)
            assert (status, code) == (expected, expected1)
            assert expected2 in words
        speaking.clock.advance(8)
        assert speaking.imagine("a fox").json()["code"] == 1
    finally:
        gateway.queue_limit = None
    assert len(speaking.charged) == 3


def test_an_open_window_takes_no_place_and_its_answer_does() -> None:
    clock = ManualClock()
    gateway = SandboxGateway(DIALECTS["trueai"], clock=clock, queue_limit=1)
    window = gateway.submit("a fox [[modal]]")
    gateway.submit("a hare")
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            confirm(gateway, window, "", has_mask=False)
        assert caught.value.reason is Reason.QUEUE_FULL
    clock.advance(8)
    assert confirm(gateway, window, "", has_mask=False) == window
    with pytest.raises(RefusedError):
        gateway.submit("a cat")
    assert gateway.confirmations == {window: 3}


SYSTEM_ERROR = (200, 9, "系统错误")
NO_ACCOUNT = {"no account": (200, 3, "无可用的账号实例")}
RELAY = {
    "no account": (503, None, "No available channel"),
    "quota": (400, 4, "quota_not_enough "),
    "lost": (400, 5, "do_request_failed "),
    "outcome unknown": (400, 4, "midjourney_task_outcome_unknown "),
}


@speaking(
    ("gptplus5", RELAY),
    ("sku-vip", NO_ACCOUNT),
    ("crazyrouter", RELAY),
    ("novicezk", NO_ACCOUNT),
    ("trueai", NO_ACCOUNT),
)
def test_directives_that_refuse(speaking: Caller, expected: dict[str, tuple[int, int, str]]) -> None:
    unknown = (200, 4, "only gateways like new-api know")
    for directive in ("no account", "quota", "lost", "outcome unknown", "system  error"):
        status, code, words = expected.get(directive, SYSTEM_ERROR if "system" in directive else unknown)
        answer = said(speaking.imagine(f"a fox [[{directive}]]"))
        assert answer[:2] == (status, code)
        assert answer[2].startswith(words)
    assert len(speaking.charged) == len(speaking.sandbox.gateway.tasks) == (1 if "lost" in expected else 0)


@speaking(("gptplus5", None), ("crazyrouter", None))
def test_a_task_whose_outcome_was_said_to_be_unknown_runs_on(speaking: Caller, expected: None) -> None:
    caller = speaking
    caller.imagine("a fox [[outcome unknown]]", state="mine")
    (mj_task_id,) = caller.sandbox.gateway.tasks
    caller.clock.advance(8)
    assert caller.fetch(mj_task_id).json()["status"] == "SUCCESS"


def test_a_prompt_that_turns_out_to_be_banned(any_dialect: Caller) -> None:
    answer = any_dialect.imagine("a fox [[banned]]")
    assert answer.json()["code"] == 1
    task = any_dialect.ended(answer)
    is_cs = any_dialect.sandbox.gateway.dialect.name == "trueai"
    assert task["status"] == "FAILURE"
    assert task["failReason"] == ("可能包含敏感词" if is_cs else "Banned prompt detected: bannedword")


def test_every_known_directive_is_known_and_every_ending_has_one() -> None:
    wishes = [read_prompt(directive) for directive in KNOWN_DIRECTIVES]
    assert all(wish.ending or wish.refusal or wish.seconds == 3 or wish.has_four for wish in wishes)
    assert {wish.ending for wish in wishes} - {None} == set(Ending) - {Ending.SUCCESS}


def test_the_body_of_a_submission_is_noted_and_shown_to_nobody(caller: Caller) -> None:
    body = {"prompt": "a fox", "base64Array": [PNG], "unknown": {"a": [1, None]}}
    caller.submit("imagine", **body)
    caller.list("1")
    caller.post("/mj/submit/imagine", data=b"{")
    seen = caller.sandbox.gateway.requests
    assert [one.body for one in seen] == [body, None, None]
    shown = requests.get(f"{caller.sandbox.url}/sandbox/requests", timeout=10)
    assert list(shown.json()[0]) == ["method", "path", "at"]
    assert PNG not in shown.text
    assert PNG not in repr(seen)


def test_only_the_newest_bodies_are_kept() -> None:
    shelf, notes = BodyShelf(), [RequestSeen("POST", "/mj/submit/imagine", float(n)) for n in range(3)]
    for note in notes:
        shelf.put(note, b'"' + b"x" * (KEPT_BODIES // 2 - 2) + b'"')
    assert [note.body is None for note in notes] == [True, False, False]


def test_a_withheld_answer_comes_late_but_its_task_is_there_at_once(caller: Caller) -> None:
    caller.sandbox.gateway.faults.add(Fault("withhold", path="/submit/", seconds=0.4))
    answers: list[requests.Response] = []
    started = time.monotonic()
    thread = threading.Thread(target=lambda: answers.append(caller.imagine("a fox")))
    thread.start()
    while not caller.charged:
        assert time.monotonic() < started + 5
    assert answers == []
    thread.join(5)
    assert time.monotonic() >= started + 0.4
    assert answers[0].json()["result"] in caller.sandbox.gateway.tasks


def test_a_withheld_answer_is_not_missed_by_anybody(caller: Caller) -> None:
    caller.sandbox.gateway.faults.add(Fault("withhold", path="/submit/", seconds=0.2))
    with pytest.raises(requests.Timeout):
        requests.post(
            f"{caller.sandbox.url}/mj/submit/imagine",
            json={"prompt": "a fox"},
            headers=caller.auth,
            timeout=0.1,
        )
    assert caller.charged == ["IMAGINE"]
    assert caller.list().json() == []
