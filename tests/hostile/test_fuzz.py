"""A part of what ``make fuzz`` does, the same each time; and that the machine sees what it looks for."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from drives import Drive
from fuzz import Machine, replay, say
from hostile_texts import KEY, SIGNED
from invariants import Finding, check_both_ways, check_line, check_value, logged
from known_answers import known_answers
from raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 20.0
EXAMPLES = 300

NO_PROXIES = [name for one in ("http_proxy", "https_proxy", "all_proxy") for name in (one, one.upper())]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NO_PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def drive() -> Iterator[Drive]:
    with RawServer() as server:
        yield Drive(server)


def http(body: Any, status: int = 200, **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


# How many answers it gets through depends on what runs beside it.
@pytest.mark.alone
def test_nothing_that_a_gateway_answers_comes_through():
    machine = Machine(SECONDS, examples=EXAMPLES, shrinking=3.0)
    found = machine.run()
    say(f"{machine.served} answers in {machine.took:.0f} s, {len(machine.errors)} classes of errors")
    assert not found, "\n" + "\n".join(one.report() for one in found)
    # Otherwise it has seen nothing but one kind of refusal.
    assert machine.served >= 20
    assert len(machine.errors) >= 8


def test_what_gateways_are_known_to_answer_is_known_in_every_dialect_and_kind():
    known = known_answers()
    statuses = {one.status for one in known}
    assert {200, 204, 302, 400, 401, 403, 404, 429, 500, 502, 503} <= statuses
    words = {one.body["status"] for one in known if isinstance(one.body, dict) and "status" in one.body}
    assert {"SUCCESS", "FAILURE", "MODAL", "IN_PROGRESS", "NOT_START"} <= words
    codes = {one.body.get("code") for one in known if isinstance(one.body, dict)}
    assert {1, 3, 4, 9, 21, 22, 23, 24, -1} <= codes
    assert [one.source for one in known] == [one.source for one in known_answers()]


def test_known_answers_come_through_without_a_finding(drive):
    for known in known_answers()[::3]:
        body = known.body if not known.is_json else json.dumps(known.body, ensure_ascii=False).encode()
        found = [one for one in drive.everything(http(body, known.status)) if one.kind not in BY_MEANING]
        assert not found, f"{known.source}: {found}"


# What an honest gateway answers to one call is no answer to another, and here each gets it.
BY_MEANING = ("no link of http", "an id that can't be asked for")


# --- what the machine looks for, it sees ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((1, 2), "a value that is not plain"),
        ({1: "a"}, "a key that is no text"),
        ({"a": {"b": 2**70}}, "an integer over 64 bits"),
        ([float("nan")], "a number that JSON does not have"),
        (float("inf"), "a number that JSON does not have"),
        ("a\0b", "NUL in XCom"),
        ({"a\0": 1}, "NUL in XCom"),
        ("\ud800", "no JSON in UTF-8"),
        ("x" * 1_100_000, "too large for XCom"),
        ({"a": [f"the key is {KEY}"]}, "the key in XCom"),
        (
            {"a": {"__type": "airflow.sdk.definitions.connection.Connection", "__var": {}}},
            "Airflow can't store it",
        ),
        ({"a": {"__classname__": "no.Such", "__version__": 1, "__data__": 1}}, "Airflow can't store it"),
        ({"a": {"__type": "dict", "__var": {"b": 1}}}, "comes out of XCom otherwise"),
    ],
)
def test_a_value_that_is_not_fit_for_xcom_is_found(value, kind):
    with pytest.raises(Finding) as caught:
        check_value(value, "here")
    assert caught.value.kind == kind


def test_a_value_that_is_fit_for_xcom_is_not_found():
    check_value({"a": [1, 2.5, None, True, "ä\n\\u0000 {{ 7*7 }}", {"b": {}}], "__x": 2**63 - 1}, "here")
    check_both_ways([{"id": "17"}], "here")


@pytest.mark.parametrize(
    "line",
    [
        "a\nb",
        "a\x1b[2J",
        "a\u202eb",
        "a\u2028b",
        f"see {SIGNED}",
        f"key {KEY}",
        "sk-fuzz%2F0123456789%26abc%2Bdef",
    ],
)
def test_a_line_that_is_not_fit_for_a_log_is_found(line):
    with pytest.raises(Finding):
        check_line(line, "here")


def test_what_anybody_logs_is_looked_at():
    with logged() as lines:
        logging.getLogger("urllib3.connectionpool").debug("GET %s", SIGNED)
        logging.getLogger("somebody").info("all\nis well")
        logging.getLogger("somebody").info("all is well")
    assert [one.kind for one in lines.findings()] == ["a signed link in words", "unprintable words"]


def test_a_raw_error_and_slowness_are_found_and_the_rest_is_done_all_the_same(drive, monkeypatch):
    monkeypatch.setattr("drives.SLOWEST", 0.0)
    monkeypatch.setattr("drives.valid_task_id", lambda _: 1 / 0)
    found = drive.everything(http({"code": 1, "result": "17", "description": "x"}))
    assert {"slow", "a raw error"} <= {one.kind for one in found}
    assert any(one.where.startswith("ZeroDivisionError") for one in found)
    assert drive.calls > 10


def test_a_finding_is_made_small_and_can_be_seen_again(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("fuzz.FOLDER", tmp_path)
    monkeypatch.setattr("drives.LONGEST_MESSAGE", 60)  # every error is too long then
    machine = Machine(30.0, examples=30, shrinking=5.0)
    found = [one for one in machine.run() if one.finding.kind == "endless words"]
    assert len(found) == 1
    report = found[0].report()
    (file,) = tmp_path.glob("endless*.http")
    assert str(file) in report
    assert file.read_bytes() == found[0].exchange.raw
    assert replay(file, found[0].action) == 1
    assert "endless words" in capsys.readouterr().out


def test_an_answer_that_does_no_harm_is_replayed_without_a_finding(tmp_path, capsys):
    file = tmp_path / "answer.http"
    file.write_bytes(http({"id": "17", "status": "IN_PROGRESS"}, 404))
    assert replay(file, "imagine") == 0
    assert "0 findings" in capsys.readouterr().out
