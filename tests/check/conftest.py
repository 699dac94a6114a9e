from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from checking import KEY

from airflow_provider_mj.check.__main__ import main
from airflow_provider_mj.sandbox import DIALECTS, SandboxServer

Connect = Callable[..., None]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, SandboxServer]]:
    """One running sandbox for each dialect."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(SandboxServer(name, key=KEY, task_seconds=0.1, loop_seconds=0.03))
            for name in DIALECTS
        }


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Let the connection `checked` lead to a host."""

    def to(host: str, key: str = KEY, **extra: Any) -> None:
        value = {"conn_type": "mj", "host": host, "password": key, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_CHECKED", json.dumps(value))

    return to


@pytest.fixture(params=list(DIALECTS))
def sandbox(
    request: pytest.FixtureRequest, servers: dict[str, SandboxServer], connect: Connect
) -> SandboxServer:
    """An empty sandbox of each dialect, to which the connection `checked` leads."""
    server = servers[request.param]
    server.gateway.reset()
    server.gateway.conditions = set()
    connect(server.url, auth_scheme=server.gateway.dialect.auth_scheme)
    return server


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command for the connection `checked`: its status, its report, and what it says beside it."""

    def run(*arguments: str) -> tuple[int, str, str]:
        # Some releases of Airflow log to the standard output, which a process of its own keeps apart.
        out = io.StringIO()
        status = main(["checked", *arguments], out=out)
        beside = capsys.readouterr()
        assert KEY.removeprefix("sk-") not in out.getvalue() + beside.out + beside.err
        return status, out.getvalue(), beside.err

    return run
