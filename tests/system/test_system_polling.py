"""Waiting in a real triggerer."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_mj.sandbox import ManualClock, SandboxServer
from tools.airflow_instance import AirflowInstance
from tools.example import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.airflow_api import TaskInstance

DAG_ID = "mj_shared_polling"
KEY = "system-test-key-9012"
IMAGES = 20
# By the gateway's clock, which stands still until the test moves it: however long this machine takes to start
# twenty tasks, no image is done before all of them are deferred.
IMAGE_SECONDS = 60
WATCHED_SECONDS = 20
RUN_SECONDS = 400
POLL_INTERVAL = 5


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock(time.time())


@pytest.fixture(scope="module")
def sandbox(clock: ManualClock) -> Iterator[SandboxServer]:
    server = SandboxServer("gptplus5", key=KEY, task_seconds=IMAGE_SECONDS, loop_seconds=1, clock=clock)
    with server:
        yield server


@pytest.fixture(scope="module")
def airflow(sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowInstance]:
    environment = settings(sandbox.url, KEY, tmp_path_factory.mktemp("pictures"))
    dags = Path(__file__).parent / "dags"
    with AirflowInstance(tmp_path_factory.mktemp("airflow"), dags, environment, triggerer=True) as instance:
        instance.wait_for_dag(DAG_ID)
        yield instance


@dataclass
class Run:
    """A run of the DAG, looked at while all of its waiting tasks are deferred.

    :param database: the metadata database as it was then.
    :param list_calls: how often the gateway was asked for a list in ``WATCHED_SECONDS``.
    """

    airflow: AirflowInstance
    sandbox: SandboxServer
    clock: ManualClock
    run_id: str = ""
    state: str = ""
    database: bytes = b""
    list_calls: int = -1

    def to_its_end(self) -> Run:
        self.run_id = self.airflow.api.trigger(DAG_ID)
        self.state = self.airflow.api.wait_for_run(DAG_ID, self.run_id, RUN_SECONDS, self._watch)
        return self

    def calls(self) -> Counter[str]:
        return Counter(seen.path.rpartition("/")[2] for seen in self.sandbox.gateway.requests)

    def _watch(self, tasks: dict[str, TaskInstance]) -> None:
        if not self.database and tasks["all"].state == "deferred" and self._are_all_deferred():
            self.database = b"".join(part.read_bytes() for part in self.airflow.home.glob("airflow.db*"))
            self.clock.advance(IMAGE_SECONDS / 2)
            before = self.calls()["list-by-condition"]
            time.sleep(WATCHED_SECONDS)
            self.list_calls = self.calls()["list-by-condition"] - before
            self.clock.advance(IMAGE_SECONDS)

    def _are_all_deferred(self) -> bool:
        parts = self.airflow.api.mapped_instances(DAG_ID, self.run_id, "each")
        return [part.state for part in parts] == IMAGES * ["deferred"]


@pytest.fixture(scope="module")
def run(airflow: AirflowInstance, sandbox: SandboxServer, clock: ManualClock) -> Run:
    return Run(airflow, sandbox, clock).to_its_end()


def test_the_run_succeeds(airflow: AirflowInstance, run: Run) -> None:
    assert run.state == "success", airflow.task_log(DAG_ID, run.run_id, "all")[-3000:]


def test_one_task_waited_for_all_of_them(airflow: AirflowInstance, run: Run) -> None:
    tasks: list[dict[str, Any]] = airflow.api.xcom(DAG_ID, run.run_id, "all")
    assert [task["id"] for task in tasks] == airflow.api.xcom(DAG_ID, run.run_id, "submit")
    assert {task["status"] for task in tasks} == {"SUCCESS"}
    assert len({task["imageUrl"] for task in tasks}) == IMAGES


def test_polling_was_shared(run: Run) -> None:
    # 21 triggers wait, and one call in an interval tells all of them.
    assert 1 <= run.list_calls <= WATCHED_SECONDS / POLL_INTERVAL + 1


def test_each_task_looked_before_it_was_deferred_and_when_it_came_back(run: Run) -> None:
    assert run.calls()["fetch"] == 2 * IMAGES
    assert run.calls()["imagine"] == IMAGES


def test_nothing_was_paid_twice(sandbox: SandboxServer, run: Run) -> None:
    assert len(sandbox.gateway.ledger.charges) == IMAGES


def test_progress_is_in_the_tasks_own_log(airflow: AirflowInstance, run: Run) -> None:
    log = airflow.trigger_log(DAG_ID, run.run_id, "all")
    assert "IN_PROGRESS" in log
    assert KEY not in log


def test_no_trigger_holds_the_key(run: Run) -> None:
    assert b"MJTaskTrigger" in run.database
    assert KEY.encode() not in run.database
