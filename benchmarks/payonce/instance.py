"""The Airflow of the kill test, whose triggerer can be killed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.payonce.killing import MARKS
from tools.airflow_instance import COMMAND, AirflowInstance

if TYPE_CHECKING:
    from collections.abc import Mapping

CLONE = Path(__file__).resolve().parents[2]
_DAGS = Path(__file__).parent / "dags"
_TRIGGERER = "triggerer"
_SETTINGS = {
    "PYTHONPATH": str(CLONE),
    "AIRFLOW__CORE__PARALLELISM": "6",
    # In seconds: how soon another triggerer takes over.
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


class KillTestAirflow(AirflowInstance):
    """A running Airflow with the DAGs of the kill test.

    :param home: folder for its database, its logs and the notes of kills; must be new or empty.
    :param connections: environment variables with the connections to the gateways.
    """

    def __init__(self, home: Path, connections: Mapping[str, str]) -> None:
        self.marks = home / "kills"
        self.marks.mkdir(parents=True)
        environment = {**_SETTINGS, MARKS: str(self.marks), **connections}
        super().__init__(home, _DAGS, environment, triggerer=True)

    def replace_triggerer(self) -> None:
        """Kill the triggerer with everything that it runs, and start another."""
        doomed = [child for child in psutil.Process().children() if _TRIGGERER in " ".join(child.cmdline())]
        for process in [*(one for parent in doomed for one in parent.children(recursive=True)), *doomed]:
            process.kill()
        if not doomed:
            raise RuntimeError("there is no triggerer that could be killed")
        self._processes.start(f"{_TRIGGERER}-2", [*COMMAND, _TRIGGERER, "--skip-serve-logs"])
