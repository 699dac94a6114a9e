"""Who ends a waiting task, and what becomes of the job that is paid for, in a real Airflow."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.triggers.base import BaseTrigger

from airflow_provider_mj.sandbox import SandboxServer
from tools.airflow_instance import AirflowInstance
from tools.example import connection
from tools.processes import is_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.airflow_api import TaskInstance

KEY = "system-test-key-3456"
IN_A_WORKER, IN_THE_TRIGGERER = "mj_ended_in_a_worker", "mj_ended_in_the_triggerer"
# Long enough that Airflow has ended the task by then, and the next try waits for the rest.
IMAGE_SECONDS = 40
STEP_SECONDS, PATIENCE = 0.5, 180.0

AIRFLOW = version("apache-airflow")
# It gives a task up whose process was killed, and one that was cleared while it ran never runs again.
IS_RUN_AGAIN = not AIRFLOW.startswith("3.0.")

# The API of Airflow 2.11 clears no running task.
CLEARS_WHAT_RUNS = not AIRFLOW.startswith("2.")
# Triggers hear of it in Airflow 3.3 and later.
TELLS_TRIGGERS = hasattr(BaseTrigger, "on_kill")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    # A dialect that can cancel.
    with SandboxServer(dialect="trueai", key=KEY, task_seconds=IMAGE_SECONDS) as server:
        yield server


@pytest.fixture(scope="module")
def airflow(sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowInstance]:
    environment = {"AIRFLOW_CONN_MJ_DEFAULT": connection(sandbox.url, KEY, auth_scheme="raw")}
    dags = Path(__file__).parent / "dags"
    with AirflowInstance(tmp_path_factory.mktemp("airflow"), dags, environment, triggerer=True) as instance:
        instance.wait_for_dag(IN_A_WORKER)
        instance.wait_for_dag(IN_THE_TRIGGERER)
        yield instance


@dataclass
class Waiting:
    """A task that waits for an image."""

    airflow: AirflowInstance
    sandbox: SandboxServer
    dag_id: str
    run_id: str
    mj_task_id: str

    @property
    def task(self) -> TaskInstance:
        return self.airflow.api.task_instances(self.dag_id, self.run_id)["wait"]

    @property
    def log(self) -> str:
        return self.airflow.task_log(self.dag_id, self.run_id, "wait")

    @property
    def is_cancelled(self) -> bool:
        seen = self.sandbox.gateway.look(self.mj_task_id)
        return seen is not None and seen.status == "FAILURE"

    @property
    def cancels(self) -> int:
        path = f"/task/{self.mj_task_id}/cancel"
        return sum(seen.path.endswith(path) for seen in self.sandbox.gateway.requests)

    @property
    def looks(self) -> int:
        return sum(
            seen.path.endswith(("fetch", "list-by-condition")) for seen in self.sandbox.gateway.requests
        )

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, (self.task, self.log[-3000:])
            time.sleep(STEP_SECONDS)

    def is_left_alone(self) -> None:
        """See that its worker was told to end it, and that this has cancelled nothing."""
        self.until(lambda: "Nothing is cancelled" in self.log)
        assert self.cancels == 0

    def collects(self) -> None:
        """See that a later try gets the picture, and nobody has cancelled it."""
        state = self.airflow.api.wait_for_run(self.dag_id, self.run_id, PATIENCE)
        assert (state, self.cancels) == ("success", 0), self.log[-3000:]
        assert self.task.try_number >= 2
        assert self.airflow.api.xcom(self.dag_id, self.run_id, "wait")["imageUrl"]


@pytest.fixture
def waiting(airflow: AirflowInstance, sandbox: SandboxServer, request: pytest.FixtureRequest) -> Waiting:
    """A task that has begun to wait; the parameter is the DAG, and the prompt of what it waits for."""
    dag_id, prompt = request.param
    mj_task_id = sandbox.gateway.submit(prompt)
    begun = Waiting(airflow, sandbox, dag_id, airflow.api.trigger(dag_id, {"task": mj_task_id}), mj_task_id)
    before = begun.looks
    state = "running" if dag_id == IN_A_WORKER else "deferred"
    begun.until(lambda: begun.task.state == state and begun.looks > before + 1)
    return begun


def begun_in(dag_id: str, prompt: str = "a cat") -> pytest.MarkDecorator:
    return pytest.mark.parametrize("waiting", [(dag_id, prompt)], indirect=True, ids=[dag_id])


@begun_in(IN_A_WORKER, "[[never]] a cat")
def test_a_task_that_a_person_marks_failed_is_cancelled(waiting: Waiting) -> None:
    waiting.airflow.api.mark(waiting.dag_id, waiting.run_id, "wait", "failed")
    waiting.until(lambda: waiting.is_cancelled)
    assert waiting.task.state == "failed"


@begun_in(IN_A_WORKER)
def test_a_task_whose_machine_goes_is_not_and_the_retry_collects_the_picture(waiting: Waiting) -> None:
    pid = waiting.task.pid
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    waiting.is_left_alone()
    # Airflow 2 ends by itself then; from 3.0 on a process goes on until its machine is gone.
    time.sleep(4)
    if is_alive(pid):
        os.kill(pid, signal.SIGKILL)
    if IS_RUN_AGAIN:
        waiting.collects()


if CLEARS_WHAT_RUNS:

    @begun_in(IN_A_WORKER)
    def test_a_task_that_a_person_clears_is_not_and_the_next_try_collects_it(waiting: Waiting) -> None:
        waiting.airflow.api.clear(waiting.dag_id, waiting.run_id, ["wait"])
        waiting.is_left_alone()
        if IS_RUN_AGAIN:
            waiting.collects()


if TELLS_TRIGGERS:

    @begun_in(IN_THE_TRIGGERER, "[[never]] a cat")
    def test_a_deferred_task_that_a_person_marks_failed_is_cancelled(waiting: Waiting) -> None:
        waiting.airflow.api.mark(waiting.dag_id, waiting.run_id, "wait", "failed")
        waiting.until(lambda: waiting.is_cancelled)
        assert waiting.task.state == "failed"


@begun_in(IN_THE_TRIGGERER)
def test_a_deferred_task_that_a_person_clears_is_not(waiting: Waiting) -> None:
    waiting.airflow.api.clear(waiting.dag_id, waiting.run_id, ["wait"])
    waiting.collects()
