from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from sandbox_caller import BUTTON_DIALECTS, KEY, NOW, Caller

from airflow_provider_mj.sandbox import DIALECTS, ManualClock, SandboxServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Callers = Callable[[str], Caller]


@pytest.fixture(scope="session")
def callers() -> Iterator[Callers]:
    """One server for each dialect that is asked for; each test gets it empty."""
    running: dict[str, Caller] = {}
    with ExitStack() as stack:

        def fresh(dialect: str) -> Caller:
            if dialect not in running:
                clock = ManualClock(NOW)
                sandbox = stack.enter_context(SandboxServer(dialect, clock=clock, key=KEY, loop_seconds=0))
                running[dialect] = Caller(sandbox, clock)
            caller = running[dialect]
            gateway = caller.sandbox.gateway
            gateway.loop_seconds, gateway.balance, gateway.user_limits = 0, None, None
            gateway.conditions.clear()
            gateway.reset()
            caller.clock.now = NOW
            return caller

        yield fresh


@pytest.fixture(params=list(DIALECTS))
def any_dialect(request: pytest.FixtureRequest, callers: Callers) -> Caller:
    return callers(request.param)


@pytest.fixture(params=BUTTON_DIALECTS)
def with_buttons(request: pytest.FixtureRequest, callers: Callers) -> Caller:
    return callers(request.param)


@pytest.fixture
def speaking(request: pytest.FixtureRequest, callers: Callers) -> Caller:
    """The dialect that the test names: ``@pytest.mark.parametrize("speaking", [...], indirect=True)``."""
    return callers(request.param)


@pytest.fixture
def caller(callers: Callers) -> Caller:
    return callers("crazyrouter")
