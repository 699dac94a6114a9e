"""A real Airflow on this machine: SQLite, its own home folder, a free port, and nothing left when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from tools.airflow_api import AirflowApi
from tools.airflow_settings import common_settings, inherited, installed_setup
from tools.processes import TAIL_LINES, ProcessSet, free_port, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

START_SECONDS = 120
STEP_SECONDS = 0.25
COMMAND = (sys.executable, "-m", "airflow")


class AirflowFailedError(RuntimeError):
    """Airflow did not start, or a part of it died; the message ends with what it logged."""


class AirflowInstance:
    """A running Airflow; use it with ``with``. Its API is ``api``.

    :param home: folder for its database and its logs; must be new or empty.
    :param dags_folder: folder with the DAG files.
    :param environment: more environment variables for all its processes, such as ``AIRFLOW_CONN_MJ_DEFAULT``.
    :param triggerer: whether a triggerer is started too, which only deferred tasks need.
    """

    def __init__(
        self, home: Path, dags_folder: Path, environment: Mapping[str, str], *, triggerer: bool = False
    ) -> None:
        self._setup = setup = installed_setup()
        port = free_port()
        settings = common_settings(home, dags_folder) | setup.settings(port)
        self.home = home
        self.environment = inherited(os.environ) | settings | dict(environment)
        self.api = AirflowApi(f"http://127.0.0.1:{port}", setup.dialect, setup.basic_auth)
        self._components = [*setup.components]
        self._healthy = {*setup.healthy}
        if triggerer:
            self._components.append(("triggerer", "--skip-serve-logs"))
            self._healthy.add("triggerer")

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        self._processes = ProcessSet(self.environment, self.home)
        try:
            self._start()
        except BaseException:
            self._processes.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._processes.close()

    def _start(self) -> None:
        for arguments in self._setup.prepare:
            self._prepare(arguments)
        for name, *options in self._components:
            self._processes.start(name, [*COMMAND, name, *options])
        self._wait_until("healthy", self._is_healthy)
        self.api.login()

    def _prepare(self, arguments: tuple[str, ...]) -> None:
        command = f"airflow {' '.join(arguments[:2])}"
        try:
            done = self.cli(*arguments)
        except subprocess.TimeoutExpired as error:
            raise AirflowFailedError(f"{command} did not end within {START_SECONDS} s") from error
        if done.returncode != 0:
            output = "\n".join((done.stdout + done.stderr).splitlines()[-TAIL_LINES:])
            raise AirflowFailedError(f"{command} failed:\n{output}")

    def _is_healthy(self) -> bool:
        health = self.api.health()
        return all(health.get(component) == "healthy" for component in self._healthy)

    def _wait_until(self, goal: str, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not reached():
            if dead := self._processes.dead():
                self._fail(f"these parts of Airflow ended by themselves: {', '.join(dead)}")
            if time.monotonic() > deadline:
                self._fail(f"Airflow is not {goal} after {START_SECONDS} s")
            time.sleep(STEP_SECONDS)

    def _fail(self, what: str) -> None:
        raise AirflowFailedError("\n".join([what, *map(tail, self._processes.logs())]))

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until the DAG has been parsed.

        :raises AirflowFailedError: when a DAG file does not load; with the traceback.
        """
        self._wait_until(f"ready to run {dag_id}", lambda: self._has_loaded(dag_id))

    def wait_for_a_run(self, dag_id: str) -> str:
        """Wait until a DAG that nobody triggers has a run, and return its id."""
        self._wait_until(f"running {dag_id}", lambda: bool(self.api.runs(dag_id)))
        return self.api.runs(dag_id)[0]

    def _has_loaded(self, dag_id: str) -> bool:
        if errors := self.api.import_errors():
            raise AirflowFailedError("a DAG file does not load:\n" + "\n".join(errors))
        return self.api.has_dag(dag_id)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an ``airflow`` command in this Airflow's environment and return its status and output."""
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return all that a task has logged, over all its tries."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "".join(log.read_text(errors="replace") for log in sorted(folder.glob("attempt=*.log")))

    def trigger_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return what the triggers of a task have logged, over all its tries."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "".join(
            log.read_text(errors="replace") for log in sorted(folder.glob("attempt=*.log.trigger.*"))
        )
