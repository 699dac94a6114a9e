"""The gateways of the kill test, and what their ledgers say."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from airflow_provider_mj.sandbox import DIALECTS, Fault, FaultKind, SandboxServer
from airflow_provider_mj.submitting.marks import mark
from benchmarks.payonce.cases import SUBMIT_TIMEOUT, TASK_SECONDS, Case, Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from airflow_provider_mj.sandbox import SandboxGateway

_KEY = "payonce-key-2468"
_OLD = 3600.0
# Far longer than a submission may be under way.
_WITHHELD = 60.0
# Seconds between two other tasks: three places draw about one picture in ten seconds. Where they came each
# second, the newest 100, which trueai lists, would not reach back over a try, and prove nothing.
_PAUSE = 3.0


class Gateways:
    """The gateways that some cases need, as a context manager.

    :param cases: the cases.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        # Cases that share a gateway need the same of it: any of them stands for all.
        self._cases = {case.gateway: case for case in cases}
        self._servers: dict[str, SandboxServer] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for name, case in self._cases.items():
                server = SandboxServer(case.dialect, key=_KEY, task_seconds=TASK_SECONDS, loop_seconds=1)
                _prepare(server.gateway, case.point)
                self._servers[name] = stack.enter_context(server)
                if case.point not in (Point.BEFORE_POST_NEW, Point.IN_FLIGHT):
                    stack.enter_context(_neighbour(server.gateway))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def connections(self) -> dict[str, str]:
        """Give an Airflow connection to each, as environment variables."""
        return {
            f"AIRFLOW_CONN_{case.conn_id.upper()}": _connection(self._servers[name].url, case.dialect)
            for name, case in self._cases.items()
        }

    def charged(self, case: Case) -> tuple[str, ...]:
        """Give the ids of the tasks that were charged for a case."""
        gateway = self._servers[case.gateway].gateway
        paid = [charge.mj_task_id for charge in gateway.ledger.charges]
        return tuple(one for one in paid if gateway.tasks[one].prompt == case.prompt)


def _prepare(gateway: SandboxGateway, point: Point) -> None:
    """Let a gateway have been in use for an hour, unless it is to be new; let it withhold an answer."""
    if point is Point.BEFORE_POST_NEW:
        return
    gateway.clock = lambda: time.time() - _OLD
    gateway.submit("somebody's picture of old")
    gateway.clock = time.time
    if point is Point.IN_FLIGHT:
        gateway.faults.add(Fault(FaultKind.WITHHOLD, path="submit/imagine", seconds=_WITHHELD, times=1))


@contextmanager
def _neighbour(gateway: SandboxGateway) -> Iterator[None]:
    """Let other tasks of the same Airflow draw pictures, one by one, as the rest of a catalogue does."""
    over = threading.Event()

    def draw() -> None:
        while not over.wait(_PAUSE):
            gateway.submit("a picture of another task", mark(time.time(), "another", time.time_ns()))

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _connection(url: str, dialect: str) -> str:
    extra = {"auth_scheme": DIALECTS[dialect].auth_scheme, "submit_timeout": SUBMIT_TIMEOUT}
    return json.dumps({"conn_type": "mj", "host": url, "password": _KEY, "extra": extra})
