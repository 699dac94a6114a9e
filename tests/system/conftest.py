from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# The S3 server is shared with other tests.
sys.path.append(str(Path(__file__).parent.parent / "keeping"))

from buckets import CONNECTION, Bucket, s3_server

from airflow_provider_mj.sandbox import SandboxServer
from tools.airflow_instance import AirflowInstance
from tools.example import DAG_ID, DAGS_FOLDER, RUN_SECONDS, connection, settings
from tools.processes import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.airflow_api import AirflowApi, TaskInstance

KEY = "system-test-key-5678"
TASK_SECONDS = 8


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as a system test."""
    for item in items:
        if "/tests/system/" in item.path.as_posix():
            item.add_marker(pytest.mark.system)


@dataclass(frozen=True)
class Look:
    """One look at a run: its tasks, the taken worker slots, and whether the sensor's last process lives."""

    tasks: dict[str, TaskInstance]
    slots: int
    sensor_alive: bool

    @property
    def sensor(self) -> TaskInstance:
        return self.tasks["wait"]


@dataclass
class Story:
    """A run of the example DAG from its start to its end."""

    api: AirflowApi
    run_id: str
    state: str = ""
    looks: list[Look] = field(default_factory=list)

    def watch(self, tasks: dict[str, TaskInstance]) -> None:
        pid = tasks["wait"].pid
        self.looks.append(Look(tasks, self.api.occupied_slots(), pid is not None and is_alive(pid)))

    def xcom(self, task_id: str, key: str = "return_value") -> object:
        return self.api.xcom(DAG_ID, self.run_id, task_id, key)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(dialect="crazyrouter", key=KEY, task_seconds=TASK_SECONDS, loop_seconds=1) as server:
        yield server


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def bucket() -> Iterator[Bucket]:
    for url in s3_server():
        # Servers in one process share what they hold: no other test has a bucket of this name.
        yield Bucket(url, "mj-system-pictures")


@pytest.fixture(scope="session")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that OpenLineage's events are written to."""
    return tmp_path_factory.mktemp("lineage") / "events.jsonl"


@pytest.fixture(scope="session")
def airflow(
    sandbox: SandboxServer,
    pictures: Path,
    bucket: Bucket,
    lineage: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AirflowInstance]:
    environment = settings(sandbox.url, KEY, pictures) | {
        "AIRFLOW_CONN_MJ_WRONG_KEY": connection(sandbox.url, "not-the-key-9999"),
        f"AIRFLOW_CONN_{CONNECTION.upper()}": bucket.connection,
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(lineage), "append": True}
        ),
    }
    home, dags = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("dags")
    shutil.copytree(DAGS_FOLDER, dags, dirs_exist_ok=True)
    shutil.copy(Path(__file__).parent / "dags" / "mj_saving.py", dags)
    with AirflowInstance(home, dags, environment) as instance:
        instance.wait_for_dag(DAG_ID)
        yield instance


@pytest.fixture(scope="session")
def story(airflow: AirflowInstance) -> Story:
    """Run the example DAG once; the tests look at what happened."""
    told = Story(airflow.api, airflow.api.trigger(DAG_ID))
    told.state = airflow.api.wait_for_run(DAG_ID, told.run_id, RUN_SECONDS, told.watch)
    return told
