"""The sandbox as a program, and as an object that starts and stops."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_mj.sandbox import Condition, Ending, SandboxServer, UserLimits
from airflow_provider_mj.sandbox.__main__ import _banner, _parser, _server, main

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """Give pytest its handlers back after a test that ran `main` in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


PROGRAM = [sys.executable, "-m", "airflow_provider_mj.sandbox"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_a_signal(number: signal.Signals) -> None:
    arguments = [
        "--port",
        "0",
        "--dialect",
        "sku-vip",
        "--key",
        "k-1",
        "--task-seconds",
        "0",
        "--fault-rate",
        "429=1",
    ]
    with subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stdout is not None
            banner = "".join(iter(program.stdout.readline, "  Ctrl-C ends it.\n"))
            found = re.search(r"AIRFLOW_CONN_MJ_DEFAULT='(.*)'", banner)
            assert found is not None
            connection = json.loads(found[1])
            url = connection["host"]
            assert connection == {
                "conn_type": "mj",
                "host": url,
                "password": "k-1",
                "extra": {"auth_scheme": "raw"},
            }
            assert "drawings" in banner
            assert "nothing is paid" in banner
            assert "WARNING" not in banner
            submit = {"url": f"{url}/mj/submit/imagine", "json": {"prompt": "a fox"}, "timeout": 10}
            assert requests.post(**submit, headers={"Authorization": "k-1"}).status_code == 429
            requests.delete(f"{url}/sandbox/faults", timeout=10)
            answer = requests.post(**submit, headers={"Authorization": "k-1"})
            fetched = requests.get(
                f"{url}/mj/task/{answer.json()['result']}/fetch", headers={"Authorization": "k-1"}, timeout=10
            )
            assert fetched.json()["status"] == "SUCCESS"
            program.send_signal(number)
            rest, errors = program.communicate(timeout=10)
        finally:
            program.kill()
    assert (program.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dialect", "klingon"], "invalid choice"),
        (["--fault-rate", "explode=0.5"], "'explode' is no fault"),
        (["--fault-rate", "99=0.5"], "'99' is no fault"),
        (["--fault-rate", "html=2"], "not NAME=RATE"),
        (["--fault-rate", "html"], "not NAME=RATE"),
        (["--task-seconds", "nan"], "must be from 0"),
        (["--link-seconds", "-1"], "must be from 0"),
        (["--queue-limit", "-1"], "queue_limit must be from 0"),
        (["--loop-seconds", "-1"], "loop_seconds must be from 0"),
        (["--balance", "-1"], "balance must be from 0"),
        (["--user-limit", "month=3"], "is not NAME=N"),
        (["--user-limit", "day=-3"], "is not NAME=N"),
        (["--user-limit", "day=3"], "has no limits per user"),
        (["--condition", "sleepy"], "invalid choice"),
        (["--condition", "not-admin"], "not-admin is a condition of trueai, not of crazyrouter"),
        (["--key", ""], "the key must be printable ASCII"),
        (["--port", "70000"], "port 70000"),
        (["--host", "192.0.2.1"], "mj-sandbox: "),
        (["--allow-host", "sandbox:8090"], "no host name"),
    ],
)
def test_wrong_arguments_are_said(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_rates_are_of_requests_or_of_submissions() -> None:
    names = ["503=0.25", "reset=0.5", "fail=0.125", "vanish=0"]
    rates = [argument for name in names for argument in ("--fault-rate", name)]
    gateway = _server(_parser().parse_args(rates)).gateway
    faults = [(fault["kind"], fault["status"], fault["rate"]) for fault in gateway.faults.active()]
    assert faults == [("status", 503, 0.25), ("reset", 503, 0.5)]
    assert gateway.ending_rates == {Ending.FAIL: 0.125, Ending.VANISH: 0.0}


def test_remix_and_the_queue_limit_reach_the_gateway() -> None:
    gateway = _server(_parser().parse_args(["--remix", "--queue-limit", "3"])).gateway
    assert (gateway.remix, gateway.queue_limit) == (True, 3)
    gateway = _server(_parser().parse_args([])).gateway
    assert (gateway.remix, gateway.queue_limit) == (False, None)


def test_hosts_can_be_allowed_by_name() -> None:
    arguments = ["--port", "0", "--allow-host", "sandbox", "--allow-host", "mj.internal"]
    with _server(_parser().parse_args(arguments)) as sandbox:
        for host, status in (("sandbox", 200), ("mj.internal:8090", 200), ("other", 403)):
            url = f"{sandbox.url}/sandbox/ledger"
            assert requests.get(url, headers={"Host": host}, timeout=10).status_code == status


def test_strangers_are_warned_of() -> None:
    for host, warned in (("127.0.0.1", False), ("localhost", False), ("::1", False), ("0.0.0.0", True)):
        banner = _banner(_parser().parse_args(["--host", host]), "http://127.0.0.1:8090")
        assert ("WARNING" in banner) is warned


def test_a_taken_port_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as caught:
        main(["--port", str(taken.getsockname()[1])])
    assert caught.value.code == 2
    assert "Address already in use" in capsys.readouterr().err


def test_a_missing_extra_is_said_without_a_traceback() -> None:
    code = (
        "import sys; sys.modules['PIL'] = None; sys.argv = ['mj-sandbox', '--port', '0'];"
        "from airflow_provider_mj.sandbox.__main__ import _banner, _parser, _server, main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "mj-sandbox: the sandbox needs PIL: pip install 'airflow-provider-mj[sandbox]'\n"


def test_importing_the_sandbox_loads_no_web_stack_and_no_airflow() -> None:
    heavy = {"PIL", "starlette", "uvicorn", "airflow"}
    code = f"import sys, airflow_provider_mj.sandbox; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"


def test_a_server_leaves_nothing_behind_and_can_start_again() -> None:
    before = threading.active_count()
    sandbox = SandboxServer()
    for _ in range(2):
        with sandbox:
            url = sandbox.url
            assert requests.get(url, timeout=10).status_code == 200
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=10)
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="not running"):
        sandbox.url  # noqa: B018


def test_two_servers_live_side_by_side_and_on_ipv6() -> None:
    with SandboxServer("trueai") as one, SandboxServer("gptplus5", host="::1") as other:
        assert requests.get(f"{one.url}/mj/task/1/fetch", timeout=10).text == "Authorization header missing."
        assert "new_api_error" in requests.get(f"{other.url}/mj/task/1/fetch", timeout=10).text
        assert other.url.startswith("http://[::1]:")


@pytest.mark.parametrize(
    ("dialect", "key"), [("klingon", "k"), ("trueai", " k"), ("trueai", "k\n"), ("trueai", "ключ")]
)
def test_wrong_parameters_are_refused(dialect: str, key: str) -> None:
    with pytest.raises(ValueError, match=r"unknown dialect 'klingon'|printable ASCII"):
        SandboxServer(dialect, key=key)


def test_loop_balance_limits_and_conditions_reach_the_gateway() -> None:
    arguments = ["--dialect", "gptplus5", "--loop-seconds", "2.5", "--balance", "30"]
    arguments += ["--user-limit", "day=5", "--user-limit", "queue=2", "--condition", "log-off"]
    gateway = _server(_parser().parse_args([*arguments, "--condition", "unreadable"])).gateway
    assert (gateway.loop_seconds, gateway.balance) == (2.5, 30)
    assert gateway.user_limits == UserLimits(day=5, queue=2)
    assert gateway.conditions == {Condition.LOG_OFF, Condition.UNREADABLE}
    gateway = _server(_parser().parse_args([])).gateway
    assert (gateway.loop_seconds, gateway.balance, gateway.user_limits) == (15, None, None)
    assert gateway.conditions == set()
