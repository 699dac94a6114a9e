"""What outsiders send neither piles up in the sandbox nor holds it up, and is not printed raw."""

from __future__ import annotations

import logging
import re
import time
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

import airflow_provider_mj.sandbox
from airflow_provider_mj.sandbox import DIALECTS, Fault, ManualClock, SandboxGateway
from airflow_provider_mj.sandbox.__main__ import _OneLine
from airflow_provider_mj.sandbox.access import Access, canonical
from airflow_provider_mj.sandbox.answers import Reason, RefusedError
from airflow_provider_mj.sandbox.bodies import STATE_LIMIT, check_image
from airflow_provider_mj.sandbox.course import Picture
from airflow_provider_mj.sandbox.faults import MOST_FAULTS, MOST_TEXT, TEXT_LIMIT, FaultPlan
from airflow_provider_mj.sandbox.gateway import MOST_TASKS
from airflow_provider_mj.sandbox.links import LinkSigner
from airflow_provider_mj.sandbox.prompts import PROMPT_LIMIT, banned_word, read_prompt
from airflow_provider_mj.sandbox.seen import KEPT_REQUESTS, PATH_LIMIT, BodyShelf, RequestSeen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox_caller import Caller

pytestmark = pytest.mark.alone

JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024
SECONDS = 0.05
FOLDER = Path(str(airflow_provider_mj.sandbox.__file__)).parent

# Texts of 1 MiB that begin like what a pattern looks for, go on like it, and do not end like it.
BEGINNINGS = ("", "[[", "[[a:", "data:", "data:image/", "/attachments/1/2/sandbox_", "MJ::JOB::", "[")
MIDDLES = (
    "[[",
    "[[ ",
    " ",
    "a",
    "_",
    "[[a:b",
    "0",
    "ab ",
    "[",
    "]]",
    "[[a]",
    "\n",
    ".a",
    "é",
    "data:a/",
    "[:",
)
HOSTILE = [(begin + middle * MIB)[:MIB] + "\x00" for begin in BEGINNINGS for middle in MIDDLES]


def quickest(call: Callable[[str], object], text: str) -> float:
    """Return the least of up to five times that a call takes the processor for, seconds."""
    least = float("inf")
    for _ in range(5):
        started = time.thread_time()
        with suppress(RefusedError, ValueError):
            call(text)
        least = min(least, time.thread_time() - started)
        if least < SECONDS:
            break
    return least


def slow(call: Callable[[str], object], limit: float = SECONDS) -> list[tuple[str, str]]:
    return [(text[:30], text[-8:]) for text in HOSTILE if quickest(call, text) >= limit]


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for file in FOLDER.glob("*.py"):
        module = import_module(f"airflow_provider_mj.sandbox.{file.stem}")
        yield from ((f"{file.stem}.{n}", v) for n, v in vars(module).items() if isinstance(v, re.Pattern))


PATTERNS = dict(patterns())


def test_all_patterns_of_the_sandbox_stand_at_the_top_of_a_module() -> None:
    source = "".join(file.read_text() for file in FOLDER.glob("*.py"))
    assert len(PATTERNS) == len(re.findall(r"^\w+ = re\.compile\(", source, re.MULTILINE))
    assert set(re.findall(r"\bre\.\w+", source)) <= {"re.compile", "re.Pattern", "re.ASCII"}


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_is_slow_on_a_mebibyte(name: str) -> None:
    pattern = PATTERNS[name]
    assert slow(pattern.match) == slow(pattern.fullmatch) == []
    assert slow(pattern.search, 10 * SECONDS) == []


def test_the_measure_sees_a_pattern_that_goes_back() -> None:
    before = re.compile(r"\[\[\s*([^\[\]:]*?)\s*(?::\s*([^\[\]]*?)\s*)?\]\]")
    assert quickest(before.match, "[[" + " " * 500 + "x") >= SECONDS


def drawn(text: str) -> str:
    gateway = SandboxGateway(DIALECTS["trueai"])
    task = gateway.tasks[gateway.submit("a fox")]
    return LinkSigner(b"secret", 60).link(replace(task, picture=Picture("seed", text)), 0.0)


USES: dict[str, Callable[[str], object]] = {
    "prompt": read_prompt,
    "prompt of the greatest length": lambda text: read_prompt(text[:PROMPT_LIMIT]),
    "words": lambda text: banned_word(text, frozenset()),
    "words of the greatest length": lambda text: banned_word(text[:PROMPT_LIMIT], frozenset()),
    "link": lambda text: LinkSigner(b"secret", 60).check(text, {}, 0.0),
    "name of a file": drawn,
    "host": lambda text: Access().refusal("GET", "/", [(b"host", text.encode())], ""),
    "allowed host": canonical,
    "image": lambda text: check_image(SandboxGateway(DIALECTS["novicezk"]), text),
    "custom id": lambda text: [dialect.takes.match(text) for dialect in DIALECTS.values()],
}


@pytest.mark.parametrize("use", USES)
def test_no_use_of_a_pattern_is_slow_on_a_mebibyte(use: str) -> None:
    assert slow(USES[use]) == []


@pytest.mark.parametrize("body", ["[[ ", "[[", "[[a:", "[", "]]", " "])
def test_a_hostile_prompt_is_answered_at_once(caller: Caller, body: str) -> None:
    started = time.monotonic()
    assert caller.imagine(body * (MIB // len(body))).status_code == 400
    assert time.monotonic() < started + 2


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("a [[seconds:3]] b", "a b"),
        ("a [[[seconds:3]]] b", "a [ ] b"),
        ("a [[seconds: 3 ]]b", "a b"),
        ("a]] [[seconds:3]]", "a]]"),
        ("[[a [[seconds:3]] b", "[[a b"),
        ("[[a] b]] [[seconds:3]]", "[[a] b]]"),
        ("[[a[b]] [[ SECONDS :3]]", "[[a[b]]"),
        ("a ] [[seconds\n:\t3]] [", "a ] ["),
    ],
)
def test_directives_are_what_stands_between_double_brackets(prompt: str, text: str) -> None:
    wish = read_prompt(prompt)
    assert (wish.text, wish.seconds) == (text, 3.0)


def test_a_value_may_have_colons() -> None:
    assert read_prompt("a [[fail: no: never ]]").fail_reason == "no: never"


def test_the_newest_requests_are_kept_and_all_are_counted() -> None:
    gateway = SandboxGateway(DIALECTS["trueai"])
    for number in range(KEPT_REQUESTS + 7):
        gateway.saw("GET", f"/mj/task/{number}/fetch")
    assert len(gateway.requests) == KEPT_REQUESTS
    assert gateway.requests[0].path == "/mj/task/7/fetch"
    assert gateway.request_count == KEPT_REQUESTS + 7
    gateway.reset()
    assert (gateway.requests, gateway.request_count) == ([], 0)


def test_the_number_of_requests_is_told_beside_them(caller: Caller) -> None:
    for _ in range(3):
        caller.list()
    seen = requests.get(f"{caller.sandbox.url}/sandbox/requests", timeout=10)
    assert (len(seen.json()), seen.headers["X-Sandbox-Request-Count"]) == (3, "3")


def test_a_long_path_is_cut() -> None:
    seen = SandboxGateway(DIALECTS["trueai"]).saw("GET", "/" + "a" * 60_000)
    assert len(seen.path) == PATH_LIMIT


def test_the_number_of_small_bodies_is_limited() -> None:
    shelf, first = BodyShelf(), RequestSeen("POST", "/mj/submit/imagine", 0.0)
    shelf.put(first, b"{}")
    for _ in range(150_000):
        shelf.put(RequestSeen("POST", "/mj/submit/imagine", 0.0), b"0")
    assert first.body is None


def test_tasks_and_with_them_the_ledger_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_mj.sandbox.gateway.MOST_TASKS", 3)
    clock = ManualClock()
    gateway = SandboxGateway(DIALECTS["gptplus5"], clock=clock)
    for _ in range(3):
        gateway.submit("a fox")
    clock.advance(60)
    with pytest.raises(RefusedError) as caught:
        gateway.submit("a fox")
    assert caught.value.reason is Reason.QUEUE_FULL
    assert len(gateway.ledger.charges) == len(gateway.tasks) == 3
    gateway.reset()
    assert gateway.submit("a fox")
    assert MOST_TASKS >= 100_000, "a benchmark may make tens of thousands"


def test_long_texts_are_refused(any_dialect: Caller) -> None:
    answers = [
        any_dialect.imagine("x" * (PROMPT_LIMIT + 1)),
        any_dialect.imagine("a fox", state="x" * (STATE_LIMIT + 1)),
    ]
    assert [answer.json()["code"] for answer in answers] == [4, 4]
    assert any_dialect.sandbox.gateway.tasks == {}
    assert any_dialect.charged == []


def test_the_number_of_faults_is_limited(caller: Caller) -> None:
    url = f"{caller.sandbox.url}/sandbox/faults"
    many = [{"kind": "html", "times": 1}] * MOST_FAULTS
    assert len(requests.post(url, json=many, timeout=10).json()) == MOST_FAULTS
    for more in (many[:1], many, many * 20):
        assert requests.post(url, json=more, timeout=10).status_code == 400
    assert len(caller.sandbox.gateway.faults.active()) == MOST_FAULTS
    # One that has hit all its requests makes room.
    caller.list()
    assert requests.post(url, json=many[:1], timeout=10).status_code == 200
    assert requests.delete(url, timeout=10).json() == []


def test_the_text_of_faults_is_limited(caller: Caller) -> None:
    url = f"{caller.sandbox.url}/sandbox/faults"
    for name in ("body", "path", "method", "retry_after"):
        fault = {"kind": "status", name: "x" * (TEXT_LIMIT + 1)}
        assert requests.post(url, json=fault, timeout=10).status_code == 400
    assert requests.post(url, data=b" " * (32 * MIB + 1), headers=JSON, timeout=10).status_code == 400
    plan = FaultPlan()
    for _ in range(MOST_TEXT // TEXT_LIMIT):
        plan.add(Fault("status", body="x" * TEXT_LIMIT))
    with pytest.raises(ValueError, match="characters"):
        plan.add(Fault("html", path="x"))


def test_what_is_logged_is_one_printable_line() -> None:
    evil = "\x1b[31mred\r\n2026-01-01 forged\x85\u2028\x9b\u202e\x00é"
    try:
        raise ValueError(evil)
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "x.py", 1, "%s", (evil,), info)
    line = _OneLine("%(message)s").format(record)
    assert line.isprintable()
    assert line.startswith(r"\x1b[31mred\r\n2026-01-01 forged\x85\u2028\x9b\u202e\x00é\nTraceback")
