"""The command: what it prints, as what it ends, and that the key is nowhere."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from airflow.exceptions import AirflowNotFoundException
from airflow.models.connection import Connection as StoredConnection
from checking import KEY
from hostile.server import HostileServer

from airflow_provider_mj.check.__main__ import main
from airflow_provider_mj.sandbox import Fault


def test_a_table_for_people(sandbox, command):
    status, out, _ = command()
    assert status == 0
    assert out.startswith(f"Gateway {sandbox.url[7:]}")
    assert "It most likely runs " in out
    for words in ("is the key taken", "POST task/{id}/cancel", "is a lost submission found"):
        assert words in out
    assert "\x1b" not in out


def test_the_same_as_json(sandbox, command):
    status, out, _ = command("--json")
    told = json.loads(out)
    assert status == 0
    assert (told["usable"], told["problem"], told["gateway"]) == (True, None, sandbox.url[7:])
    assert {"name", "asked", "verdict", "came", "needed"} == set(told["lines"][0])
    assert len(told["lines"]) == 12
    assert len(told["promises"]) == 5
    assert "paid" not in told
    assert sandbox.gateway.ledger.charges == []


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
def test_what_can_not_be_used_ends_with_1(connect, servers, command, form):
    server = servers["crazyrouter"]
    server.gateway.reset()
    server.gateway.faults.add(Fault("status", status=401, body=f'{{"error": {{"message": "bad {KEY}"}}}}'))
    connect(server.url)
    status, out, _ = command(*form)
    assert status == 1
    assert "the key is refused [HTTP 401] (it said: bad ***)" in " ".join(out.split())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CHECKED", None, "There is no Airflow connection 'checked' that can be read"),
        (
            "CHECKED",
            {"conn_type": "mj", "password": KEY},
            "'checked': the connection has no host",
        ),
        ("CHECKED", {"conn_type": "mj", "host": "ftp://gw", "password": KEY}, "ftp://"),
        ("CHECKED", {"conn_type": "mj", "host": "gw", "login": KEY}, "the key belongs into the password"),
        (
            "CHECKED",
            {"conn_type": "mj", "host": "gw", "password": f"{KEY}\u00e9"},
            "no HTTP header can carry",
        ),
        (
            "CHECKED",
            {"conn_type": "mj", "host": "gw", "extra": {"auth_scheme": KEY}},
            "`auth_scheme` is none",
        ),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
def test_a_connection_that_is_not_there_or_can_not_be_used(monkeypatch, command, name, value, words, form):
    if value is not None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(value))
    status, out, _ = command(*form)
    assert status == 1
    assert words in (json.loads(out)["problem"] if form else out)
    assert len(out.splitlines()) == (4 if form else 1)


def test_a_connection_in_airflows_database(servers, monkeypatch, command):
    """Airflow 3 shows hooks outside of a task only what is in the environment."""
    server = servers["crazyrouter"]
    server.gateway.reset()
    stored = StoredConnection(conn_id="checked", conn_type="mj", host=server.url, password=KEY)

    def nothing(_):
        raise AirflowNotFoundException("no such connection")

    monkeypatch.setattr("airflow_provider_mj.hooks.mj.MJHook.get_connection", nothing)
    monkeypatch.setattr(StoredConnection, "get_connection_from_secrets", lambda conn_id: stored)
    assert command()[0] == 0


@pytest.mark.parametrize("raised", [ValueError, RuntimeError, OSError, KeyError])
def test_what_a_secrets_backend_raises_is_not_shown(monkeypatch, command, raised):
    def fails(_):
        raise raised(f"can't parse mj://:{KEY}@gw")

    monkeypatch.setattr("airflow_provider_mj.hooks.mj.MJHook.get_connection", fails)
    status, out, _ = command()
    assert (status, out) == (1, f"Airflow connection 'checked' can't be read ({raised.__name__}).\n")


def test_a_gateway_that_repeats_the_key_and_sends_escape_codes(connect, command):
    body = json.dumps({"code": 4, "description": f"[bold]task_no_found[/bold] {KEY} \x1b[31m\u202ered"})

    def way(peer):
        while True:
            peer.head = b""
            peer.read_request()
            head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(body)}\r\n\r\n"
            peer.send(f"{head}{body}".encode())

    with HostileServer(way) as server:
        connect(f"http://{server.host}")
        _, out, _ = command()
    assert "[bold]task_no_found[/bold] ***" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


@pytest.mark.parametrize(
    "arguments", [["--timeout", "0"], ["--timeout", "x"], ["--poll-interval", "-1"], ["--no"]], ids=str
)
def test_arguments_that_are_none(arguments):
    with pytest.raises(SystemExit) as caught:
        main(["checked", *arguments])
    assert caught.value.code == 2


def test_in_a_process_of_its_own_nothing_but_the_report_is_on_the_standard_output(servers, tmp_path):
    server = servers["gptplus5"]
    server.gateway.reset()
    value = {"conn_type": "mj", "host": server.url, "password": KEY, "extra": {"auth_scheme": "raw"}}
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW_CONN_OWN": json.dumps(value)}
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_mj.check", "own", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["family"] == "new_api"
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("said", ["no\n", "\n", "", "YES please\n", "n\n"], ids=repr)
def test_without_a_yes_nothing_is_paid(sandbox, command, monkeypatch, said):
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    status, out, beside = command("--paid", "--json")
    assert status == 1
    assert json.loads(out)["paid"]["problem"].endswith("nobody said yes. Nothing was paid.")
    assert f"to gateway {sandbox.url[7:]}, which charges the key for both. Go on? [yes/no]" in beside
    assert sandbox.gateway.ledger.charges == []


def test_what_can_not_be_used_is_not_paid_for(sandbox, connect, command):
    connect(sandbox.url, key="sk-wrong-987654", auth_scheme=sandbox.gateway.dialect.auth_scheme)
    status, out, _ = command("--paid", "--yes", "--json")
    assert status == 1
    assert "was not run, since the gateway can't be used" in json.loads(out)["paid"]["problem"]
    assert sandbox.gateway.ledger.charges == []
