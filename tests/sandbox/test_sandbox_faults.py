"""Every fault over real HTTP, and the ledger that shows which requests were processed."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_mj.sandbox import Fault, FaultKind, SandboxServer
from airflow_provider_mj.sandbox.faults import HEADER, FaultPlan

if TYPE_CHECKING:
    from sandbox_caller import Caller

JSON = {"Content-Type": "application/json"}
UNPROCESSED = {
    *(FaultKind.STATUS, FaultKind.HTML, FaultKind.GARBAGE, FaultKind.HUGE, FaultKind.RESET),
    FaultKind.OVERLOAD,
}


def test_a_status_with_body_and_retry_after(caller: Caller) -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    caller.sandbox.gateway.faults.add(
        Fault("status", status=429, retry_after="2", times=1),
        Fault("status", status=503, retry_after=date, body="busy", times=1),
    )
    first, second, third = (caller.list() for _ in range(3))
    assert (first.status_code, first.headers["retry-after"], first.text) == (429, "2", "")
    assert (second.status_code, second.headers["retry-after"], second.text) == (503, date, "busy")
    assert third.status_code == 200


def test_a_page_garbage_and_a_huge_body(caller: Caller) -> None:
    page, garbage, huge = (
        caller.get("/mj/task/1/fetch", headers={HEADER: f"kind={k}"}) for k in ("html", "garbage", "huge")
    )
    assert page.status_code == 200
    assert page.text.startswith("<!doctype html>")
    assert garbage.headers["content-type"] == "application/json"
    with pytest.raises(ValueError, match="Unterminated string"):
        json.loads(garbage.text)
    assert len(huge.content) > 8 * 1024 * 1024


def test_a_cut_answer(caller: Caller) -> None:
    mj_task_id = caller.sandbox.gateway.submit("a fox")
    whole = caller.fetch(mj_task_id)
    headers = {HEADER: "kind=cut"}
    with requests.get(
        f"{caller.sandbox.url}/mj/task/{mj_task_id}/fetch",
        headers=caller.auth | headers,
        stream=True,
        timeout=10,
    ) as cut:
        assert cut.headers["content-length"] == whole.headers["content-length"]
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            cut.content  # noqa: B018
    picture = caller.finished()["imageUrl"]
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        requests.get(picture, headers=headers, timeout=10)


@pytest.mark.parametrize("kind", ["reset", "reset_after"])
def test_a_reset_connection(caller: Caller, kind: str) -> None:
    with pytest.raises(requests.ConnectionError, match="Connection reset by peer"):
        caller.get("/mj/task/1/fetch", headers={HEADER: f"kind={kind}"})
    assert caller.get("/mj/task/1/fetch").status_code == 400


@pytest.mark.parametrize("kind", list(FaultKind))
def test_which_faults_let_a_submission_be_charged(caller: Caller, kind: FaultKind) -> None:
    caller.sandbox.gateway.faults.add(Fault(kind, path="/submit/", method="post", seconds=0.01))
    try:
        caller.imagine("a fox")
    except requests.RequestException:
        assert kind in {FaultKind.CUT, FaultKind.RESET, FaultKind.RESET_AFTER}
    assert len(caller.sandbox.gateway.ledger.charges) == (0 if kind in UNPROCESSED else 1)
    assert [seen.path for seen in caller.sandbox.gateway.requests] == ["/mj/submit/imagine"]


def test_a_slow_answer_holds_up_nobody_else(caller: Caller) -> None:
    done: list[str] = []

    def slow() -> None:
        caller.get("/mj/task/1/fetch", headers={HEADER: "kind=slow;seconds=0.5"})
        done.append("slow")

    thread = threading.Thread(target=slow)
    started = time.monotonic()
    thread.start()
    while not caller.sandbox.gateway.requests:
        assert time.monotonic() < started + 5
    caller.get("/mj/task/1/fetch")
    done.append("other")
    thread.join(5)
    assert done == ["other", "slow"]
    assert time.monotonic() >= started + 0.5


@pytest.mark.parametrize("kind", ["slow", "withhold"])
def test_a_late_answer_does_not_hold_up_the_end(capfd: pytest.CaptureFixture[str], kind: str) -> None:
    sandbox = SandboxServer()
    sandbox.start()

    def slow() -> None:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{sandbox.url}/mj", headers={HEADER: f"kind={kind};seconds=60"}, timeout=10)

    thread = threading.Thread(target=slow)
    thread.start()
    started = time.monotonic()
    while not sandbox.gateway.requests:
        assert time.monotonic() < started + 5
    sandbox.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() < started + 5
    assert "Traceback" not in capfd.readouterr().err


def test_omit_empties_lists_only(caller: Caller) -> None:
    mj_task_id = caller.sandbox.gateway.submit("a fox")
    caller.sandbox.gateway.faults.add(Fault("omit"))
    assert caller.list(mj_task_id).json() == []
    assert caller.fetch(mj_task_id).json()["id"] == mj_task_id
    assert caller.get("/mj/nothing").text.startswith("<!doctype html>")
    caller.sandbox.gateway.faults.clear()
    assert [row["id"] for row in caller.list(mj_task_id).json()] == [mj_task_id]


@pytest.mark.parametrize("speaking", ["trueai"], indirect=True)
def test_a_cut_of_an_answer_without_a_body(speaking: Caller) -> None:
    assert speaking.get("/mj/task/1/fetch", headers={HEADER: "kind=cut"}).status_code == 204


@pytest.mark.parametrize(
    "text", ["kind=status;status=502", '{"kind": "status", "status": 502}', " kind = status ; status = 502 "]
)
def test_the_header_takes_json_and_pairs(caller: Caller, text: str) -> None:
    assert caller.list().status_code == 200
    assert requests.get(caller.sandbox.url, headers={HEADER: text.strip()}, timeout=10).status_code == 502


@pytest.mark.parametrize(
    "text",
    [
        "kind=explode",
        "status=500",
        "kind=status;status=99",
        "kind=status;status=abc",
        "kind=status;colour=red",
        "kind=slow;seconds=nan",
        "kind=slow;seconds=-1",
        "kind=html;rate=2",
        "kind=html;times=-1",
        '{"kind": "status", "status": [1]}',
        '{"kind": "status", "status": 1e999}',
        '{"kind": "status", "retry_after": "\\u00e9"}',
        '{"kind": ',
        "{" * 20_000,
        "kind",
        "é",
    ],
)
def test_a_wrong_header_is_said(caller: Caller, text: str) -> None:
    answer = caller.get("/mj/task/1/fetch", headers={HEADER: text.encode("latin-1")})
    assert answer.status_code == 400
    assert answer.text.startswith(HEADER)


def test_a_plan_counts_matches_and_draws_by_its_seed() -> None:
    plan = FaultPlan(seed=5)
    plan.add(Fault("html", path="/fetch", times=2), Fault("status", method="POST"))
    kinds = [fault and fault.kind for fault in (plan.pick("GET", "/mj/task/1/fetch") for _ in range(3))]
    assert kinds == ["html", "html", None]
    post = plan.pick("POST", "/x")
    assert post is not None
    assert post.status == 503
    assert [entry["times"] for entry in plan.active()] == [0, None]

    def hits(seed: int) -> list[bool]:
        plan = FaultPlan(seed)
        plan.add(Fault("reset", rate=0.3))
        return [plan.pick("GET", "/") is not None for _ in range(500)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 100 < sum(hits(1)) < 200


def test_other_processes_use_the_control_routes(caller: Caller) -> None:
    url = caller.sandbox.url
    caller.sandbox.gateway.faults.add(Fault("status", rate=1.0))
    assert requests.get(f"{url}/sandbox/faults", timeout=10).json()[0]["status"] == 503
    assert requests.delete(f"{url}/sandbox/faults", timeout=10).json() == []
    fault = {"kind": "status", "status": 500, "times": 1}
    assert requests.post(f"{url}/sandbox/faults", json=[fault, fault], timeout=10).json()[1]["times"] == 1
    assert [caller.imagine("a fox").status_code for _ in range(3)] == [500, 500, 200]
    for wrong in ("{", "7", '[["kind"]]', '{"kind": "x"}', "[" * 100_000):
        answer = requests.post(f"{url}/sandbox/faults", data=wrong, headers=JSON, timeout=10)
        assert answer.status_code == 400
    ledger = requests.get(f"{url}/sandbox/ledger", timeout=10).json()
    assert ledger["total"] == 2.0
    assert [charge["action"] for charge in ledger["charges"]] == ["IMAGINE"]
    seen = requests.get(f"{url}/sandbox/requests", timeout=10)
    assert [(one["method"], one["path"]) for one in seen.json()] == [("POST", "/mj/submit/imagine")] * 3
    assert "sandbox-key-1234" not in seen.text
