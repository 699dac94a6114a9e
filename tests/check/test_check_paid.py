"""The paid part in each dialect of the sandbox, and what it says of money when something breaks."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_mj.check.paid import PaidCheck
from airflow_provider_mj.check.paying import PayingHook
from airflow_provider_mj.gateway.errors import SearchFailedError
from airflow_provider_mj.hooks.mj import MJHook
from airflow_provider_mj.sandbox import Fault
from airflow_provider_mj.sandbox.conditions import Condition
from airflow_provider_mj.submitting.reconcile import Reconciliation, Verdict

PNG = b"\x89PNG"


class Quiet:
    def __init__(self):
        self.lines = []

    def info(self, message, *args):
        self.lines.append(message % args)

    warning = info


@pytest.fixture
def quick(monkeypatch):
    """What was lost is not looked for over minutes."""
    monkeypatch.setattr("airflow_provider_mj.hooks.mj.MJHook.submit_timeout", 0.1)
    monkeypatch.setattr("airflow_provider_mj.gateway.transport._wait_seconds", lambda state: 0.0)


@pytest.fixture
def check(sandbox, quick, tmp_path):
    """The paid part at an empty sandbox of each dialect."""
    hook = PayingHook("checked", MJHook("checked").settings)
    return PaidCheck(
        hook=hook, folder=str(tmp_path), log=Quiet(), timeout=30, interval=0.05, has_buttons=False
    )


def charged(sandbox):
    return [charge.action for charge in sandbox.gateway.ledger.charges]


def no_log_at(sandbox, dialect):
    """Let a gateway keep no log of the key, if it is of that dialect, and tell whether it is."""
    is_it = sandbox.gateway.dialect.name == dialect
    if is_it:
        sandbox.gateway.conditions = {Condition.LOG_OFF}
    return is_it


def kinds(paid):
    return sorted({finding.kind for finding in paid.findings})


def test_one_imagine_and_one_u1_are_paid_for_and_saved(check, sandbox, tmp_path):
    paid = check.run()
    assert paid.problem == ""
    assert charged(sandbox) == ["IMAGINE", "UPSCALE"]
    assert list(paid.mj_task_ids) == list(sandbox.gateway.tasks)
    assert len(paid.files) == 2
    for uri in paid.files:
        assert Path(urlsplit(uri).path).read_bytes().startswith(PNG)
        assert uri.startswith(f"file://{tmp_path}")
    assert kinds(paid) == []


def test_a_state_that_does_not_come_back_is_told(check, sandbox, monkeypatch):
    dialect = sandbox.gateway.dialect
    rows = {"row": lambda view: dialect.row(view) | {"state": ""}}
    monkeypatch.setattr(sandbox.gateway, "dialect", replace(dialect, **rows))
    paid = check.run()
    assert paid.problem == ""
    assert kinds(paid) == ["state_lost"]


@pytest.mark.parametrize("asked", [("--yes", ""), (None, "yes\n"), (None, "Y\n")], ids=str)
def test_from_the_command_line(sandbox, quick, command, monkeypatch, asked):
    option, said = asked
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    status, out, beside = command(
        "--paid", "--json", "--poll-interval", "0.05", *([option] if option else [])
    )
    told = json.loads(out)["paid"]
    assert status == 0
    assert (told["problem"], len(told["mjTaskIds"]), len(told["files"])) == (None, 2, 2)
    assert charged(sandbox) == ["IMAGINE", "UPSCALE"]
    assert "Go on?" not in beside or option is None


def test_as_text(sandbox, quick, command):
    status, out, _ = command("--paid", "--yes", "--poll-interval", "0.05")
    assert status == 0
    first, second = sandbox.gateway.tasks
    assert f"Paid for and finished: task {first}, {second}." in out
    assert out.count("Saved file:///") == 2


def test_an_answer_that_is_lost_is_looked_for_and_never_paid_again(check, sandbox):
    sandbox.gateway.faults.add(Fault("reset_after", path="/submit/imagine"))
    silent = no_log_at(sandbox, "crazyrouter")
    paid = check.run()
    if silent:
        assert charged(sandbox) == ["IMAGINE"]
        assert "A submission (imagine, state airflow-" in paid.problem
        assert "may have been paid for: look for it at the gateway" in paid.problem
    else:
        assert paid.problem == ""
        assert charged(sandbox) == ["IMAGINE", "UPSCALE"]
        assert list(paid.mj_task_ids) == list(sandbox.gateway.tasks)


def test_a_press_that_is_lost_names_what_is_paid(check, sandbox):
    sandbox.gateway.faults.add(Fault("reset_after", path="/submit/action"))
    sandbox.gateway.faults.add(Fault("reset_after", path="/submit/change"))
    silent = no_log_at(sandbox, "crazyrouter")
    paid = check.run()
    assert charged(sandbox) == ["IMAGINE", "UPSCALE"]
    grid = next(iter(sandbox.gateway.tasks))
    assert paid.mj_task_ids[0] == grid
    assert bool(paid.problem) is silent
    if paid.problem:
        assert f"Task {grid} (imagine) is paid for." in paid.problem
        assert "may have been paid for" in paid.problem
    assert len(paid.files) == (1 if paid.problem else 2)


@pytest.mark.parametrize(
    "fault",
    [Fault("status", status=401, path="/submit/"), Fault("status", status=429, path="/submit/")],
    ids=["refused", "busy"],
)
def test_a_submission_that_is_refused_is_not_paid(check, sandbox, fault):
    sandbox.gateway.faults.add(fault)
    paid = check.run()
    assert charged(sandbox) == []
    assert paid.problem
    assert "may have been paid" not in paid.problem
    assert "is paid for" not in paid.problem
    assert (paid.mj_task_ids, paid.files) == ((), ())


def test_a_task_that_fails_is_told_as_paid(check, sandbox, monkeypatch):
    monkeypatch.setattr("airflow_provider_mj.check.paid.PROMPT", "a cube [[fail: Banned prompt detected]]")
    paid = check.run()
    (task,) = sandbox.gateway.tasks
    assert f"Task {task} at gateway" in paid.problem
    assert paid.problem.endswith(f"Task {task} (imagine) is paid for.")
    assert paid.files == ()


def test_a_task_that_takes_too_long_is_told_as_paid(check, sandbox, monkeypatch):
    monkeypatch.setattr("airflow_provider_mj.check.paid.PROMPT", "a cube [[seconds: 600]]")
    check.timeout = 0.3
    paid = check.run()
    (task,) = sandbox.gateway.tasks
    assert f"Task {task} (imagine) is paid for." in paid.problem


def test_a_picture_that_can_not_be_saved_leaves_the_press_unpaid(check, sandbox):
    sandbox.gateway.faults.add(Fault("status", status=500, path="/attachments/"))
    paid = check.run()
    assert charged(sandbox) == ["IMAGINE"]
    assert "its host answers 500" in paid.problem
    assert "(imagine) is paid for." in paid.problem


def test_an_interrupt_says_what_may_have_been_paid(sandbox, quick, command, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("airflow_provider_mj.polling.Watch.block", interrupted)
    status, out, _ = command("--paid", "--yes", "--json")
    told = json.loads(out)["paid"]
    assert status == 1
    (task,) = sandbox.gateway.tasks
    assert told["problem"] == f"Interrupted. Task {task} (imagine) is paid for."


def test_an_interrupt_in_the_midst_of_a_submission(sandbox, quick, command, monkeypatch):
    def interrupted(self, action, body):
        raise KeyboardInterrupt

    monkeypatch.setattr("airflow_provider_mj.hooks.mj.MJHook.submit", interrupted)
    status, out, _ = command("--paid", "--yes", "--json")
    told = json.loads(out)["paid"]
    assert status == 1
    assert told["problem"].startswith("Interrupted. A submission (imagine, state airflow-")


@pytest.mark.parametrize("sandbox", ["novicezk", "gptplus5"], indirect=True)
@pytest.mark.parametrize(
    ("found", "may_be_paid"),
    [
        (Reconciliation(Verdict.ABSENT), False),
        (Reconciliation(Verdict.UNKNOWN), True),
        (SearchFailedError("its list can't be read", gateway="gw"), True),
    ],
    ids=["absent", "unknown", "not told"],
)
def test_what_a_search_says_decides_what_may_be_paid(check, sandbox, monkeypatch, found, may_be_paid):
    def submission(self, state, intent_at):
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr("airflow_provider_mj.submitting.search.Search.submission", submission)
    sandbox.gateway.faults.add(Fault("reset", path="/submit/imagine"))
    paid = check.run()
    assert paid.problem
    assert ("may have been paid for" in paid.problem) is may_be_paid
    assert len([seen for seen in sandbox.gateway.requests if seen.is_submission]) == 1
