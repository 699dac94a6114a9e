"""Waiting in a real triggerer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_mj.sandbox import SandboxServer
from tools.airflow_instance import AirflowInstance
from tools.example import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.airflow_api import TaskInstance

DAG_ID = "mj_shared_polling"
KEY = "system-test-key-9012"
IMAGES = 20
# Long enough that all of them have been deferred for a while, even where one task runs at a time.
IMAGE_SECONDS = 60
RUN_SECONDS = 400
POLL_INTERVAL = 5


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(dialect="gptplus5", key=KEY, task_seconds=IMAGE_SECONDS) as server:
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
    """A run of the DAG, and the metadata database as it was while tasks were deferred."""

    run_id: str
    state: str
    database: bytes


@pytest.fixture(scope="module")
def run(airflow: AirflowInstance) -> Run:
    kept: list[bytes] = []

    def keep_database(tasks: dict[str, TaskInstance]) -> None:
        if not kept and tasks["all"].state == "deferred":
            kept.append(b"".join(part.read_bytes() for part in airflow.home.glob("airflow.db*")))

    run_id = airflow.api.trigger(DAG_ID)
    state = airflow.api.wait_for_run(DAG_ID, run_id, RUN_SECONDS, keep_database)
    return Run(run_id, state, b"".join(kept))


def test_the_run_succeeds(airflow: AirflowInstance, run: Run) -> None:
    assert run.state == "success", airflow.task_log(DAG_ID, run.run_id, "all")[-3000:]


def test_one_task_waited_for_all_of_them(airflow: AirflowInstance, run: Run) -> None:
    tasks: list[dict[str, Any]] = airflow.api.xcom(DAG_ID, run.run_id, "all")
    assert [task["id"] for task in tasks] == airflow.api.xcom(DAG_ID, run.run_id, "submit")
    assert {task["status"] for task in tasks} == {"SUCCESS"}
    assert len({task["imageUrl"] for task in tasks}) == IMAGES


def test_polling_was_shared(sandbox: SandboxServer, run: Run) -> None:
    calls = Counter(seen.path.rpartition("/")[2] for seen in sandbox.gateway.requests)
    # A look of its own before each of the mapped tasks is deferred, and one when it comes back.
    assert calls["fetch"] == 2 * IMAGES
    # Each of the 21 triggers waited for most of the time that an image takes.
    alone = 21 * IMAGE_SECONDS / POLL_INTERVAL / 2
    assert calls["list-by-condition"] < alone / 4, calls
    assert calls["imagine"] == IMAGES


def test_nothing_was_paid_twice(sandbox: SandboxServer, run: Run) -> None:
    assert len(sandbox.gateway.ledger.charges) == IMAGES


def test_progress_is_in_the_tasks_own_log(airflow: AirflowInstance, run: Run) -> None:
    log = airflow.trigger_log(DAG_ID, run.run_id, "all")
    assert "IN_PROGRESS" in log
    assert KEY not in log


def test_no_trigger_holds_the_key(run: Run) -> None:
    assert b"MJTaskTrigger" in run.database
    assert KEY.encode() not in run.database
