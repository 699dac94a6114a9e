from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Stand-ins for what Airflow gives to a task are shared with the tests of the provider.
sys.path.append(str(Path(__file__).parent.parent / "provider"))

from fakes import without_history
from running import (
    KEY,
    PNG,
    QUICK,
    Sandbox,
    Store,
    WorkerClock,
    conditions_of,
    context,
    run,
    sandboxes,
)

from airflow_provider_mj.operators.mj import MJDescribeOperator, MJImagineOperator
from airflow_provider_mj.sandbox import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WITHOUT_BUTTONS = "novicezk"


@pytest.fixture(autouse=True)
def no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells Airflow 2 of a clear is tested in a real one."""
    without_history(monkeypatch)


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Sandbox]]:
    """Give one running sandbox for each dialect."""
    with sandboxes(KEY) as every:
        yield every


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test in every dialect, in those with buttons, or in the ones that it names itself."""
    marks = metafunc.definition.iter_markers("parametrize")
    if "dialect" in metafunc.fixturenames and not any("dialect" in mark.args[0] for mark in marks):
        with_buttons = [name for name in DIALECTS if name != WITHOUT_BUTTONS]
        names = with_buttons if "with_buttons" in metafunc.fixturenames else list(DIALECTS)
        metafunc.parametrize("dialect", names, scope="function")


@pytest.fixture
def sandbox(servers: dict[str, Sandbox], dialect: str, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Give an empty sandbox of the dialect, to which the default connection leads."""
    name, conditions = conditions_of(dialect)
    one = servers[name]
    one.reset(conditions)
    extra = {"auth_scheme": one.gateway.dialect.auth_scheme, "submit_timeout": 20, "read_timeout": 20}
    value = {"conn_type": "mj", "host": one.server.url, "password": KEY, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))
    monkeypatch.setattr("airflow_provider_mj.gateway.transport._wait_seconds", lambda state: 0.0)
    # How long a lost submission may still be under way.
    monkeypatch.setattr("airflow_provider_mj.hooks.mj.MJHook.submit_timeout", 0.1)
    monkeypatch.setattr("airflow_provider_mj.submitting.charged.UPSTREAM_WAIT", 0.1)
    # How often, and for how long, what is doubtful is looked at again.
    monkeypatch.setattr("airflow_provider_mj.submitting.search.SEARCH_INTERVAL", 0.05)
    for module in ("airflow_provider_mj.submitting.search", "airflow_provider_mj.gateway.waiting"):
        monkeypatch.setattr(f"{module}.DOUBT_SECONDS", 0.2)
    monkeypatch.setattr("airflow_provider_mj.gateway.waiting.DOUBT_PAUSE", 0.1)
    return one


@pytest.fixture
def with_buttons(sandbox: Sandbox) -> Sandbox:
    """Give a sandbox of a dialect that has buttons and windows."""
    return sandbox


@pytest.fixture
def worker_clock(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> WorkerClock:
    """Let workers wait for a place in the queue by moving the sandbox's clock."""
    clock = WorkerClock()
    sandbox.gateway.clock, sandbox.gateway.loop_seconds = clock, 0
    monkeypatch.setattr("airflow_provider_mj.submitting.run.time", clock)
    return clock


@pytest.fixture(params=["blocking", "deferred"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def submit(mode: str) -> Callable[..., Any]:
    """Imagine, and run the operator to its end in the mode."""

    def imagined(
        given: dict[str, Any] | None = None,
        prompt: str = "a red fox",
        wait_until: Any = None,
        operator: type = MJImagineOperator,
        **kwargs: Any,
    ) -> Any:
        arguments = {"prompt": prompt} if operator is not MJDescribeOperator else {"image": PNG}
        return run(
            lambda: operator(
                task_id="i", poll_interval=QUICK, deferrable=mode == "deferred", **arguments, **kwargs
            ),
            context(Store()) if given is None else given,
            wait_until,
        )

    return imagined
