"""The few REST calls that the demo and the system tests need, the same for Airflow 2 and 3."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

POLL_SECONDS = 0.5
ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class TaskInstance:
    """What Airflow says about one task of a run.

    :param pid: of the last process that ran it.
    :param map_index: which of a mapped task it is; -1 for one that is not mapped.
    :param label: what the UI calls it, if its task has a ``map_index_template``.
    """

    task_id: str
    state: str | None
    try_number: int
    pid: int | None
    map_index: int
    label: str | None

    @classmethod
    def from_api(cls, raw: dict[str, Any]) -> Self:
        """Read it from the API's answer."""
        label = raw.get("rendered_map_index")
        return cls(raw["task_id"], raw["state"], raw["try_number"], raw["pid"], raw["map_index"], label)


@dataclass(frozen=True)
class Dialect:
    """Where Airflow 2 and 3 differ.

    :param prefix: path of the API.
    :param health: path of the health report.
    :param run_body: JSON body that starts a DAG run.
    :param mark_body: what the JSON body that marks a task has besides the state.
    """

    prefix: str
    health: str
    run_body: dict[str, None]
    mark_body: dict[str, bool]


DIALECT_2 = Dialect(prefix="/api/v1", health="/health", run_body={}, mark_body={"dry_run": False})
DIALECT_3 = Dialect(
    prefix="/api/v2", health="/api/v2/monitor/health", run_body={"logical_date": None}, mark_body={}
)


class AirflowApi:
    """A client of one Airflow.

    :param url: address of the API server, without a path.
    :param dialect: ``DIALECT_2`` or ``DIALECT_3``.
    :param basic_auth: user and password; None where everybody who asks gets a token.
    """

    def __init__(self, url: str, dialect: Dialect, basic_auth: tuple[str, str] | None = None) -> None:
        self._url = url
        self._dialect = dialect
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = basic_auth

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        response = self._session.request(method, self._url + path, timeout=30, **arguments)
        if not response.ok:
            raise requests.HTTPError(f"{method} {path}: {response.status_code} {response.text[:500]}")
        return response.json()

    def _get(self, path: str, **parameters: str) -> Any:
        return self._call("GET", self._dialect.prefix + path, params=parameters)

    def login(self) -> None:
        """Fetch a token and use it from now on, unless there is a user and a password."""
        if self._session.auth is None:
            token = self._call("GET", "/auth/token")["access_token"]
            self._session.headers["Authorization"] = f"Bearer {token}"

    def health(self) -> dict[str, str | None]:
        """Return the state of each component; empty while nobody answers."""
        try:
            report = self._call("GET", self._dialect.health)
        except requests.RequestException:
            return {}
        return {component: state["status"] for component, state in report.items()}

    def has_dag(self, dag_id: str) -> bool:
        """Tell whether the DAG has been parsed."""
        return any(dag["dag_id"] == dag_id for dag in self._get("/dags", limit="100")["dags"])

    def import_errors(self) -> list[str]:
        """Return the tracebacks of DAG files that do not load."""
        return [error["stack_trace"] for error in self._get("/importErrors")["import_errors"]]

    def _post(self, path: str, **body: object) -> Any:
        return self._call("POST", self._dialect.prefix + path, json=body)

    def trigger(self, dag_id: str, params: Mapping[str, object] | None = None) -> str:
        """Start a run, with these of its params, and return its id."""
        run = self._post(f"/dags/{dag_id}/dagRuns", **self._dialect.run_body, conf=dict(params or {}))
        return str(run["dag_run_id"])

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str] | None = None, **more: object) -> None:
        """Let tasks of a run, or all of them, run again.

        :param more: other options of the call, such as ``only_failed``.
        """
        which = {} if task_ids is None else {"task_ids": list(task_ids)}
        options = {"dry_run": False, "reset_dag_runs": True, "only_failed": False, **which, **more}
        self._post(f"/dags/{dag_id}/clearTaskInstances", dag_run_id=run_id, **options)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Set the state of a task, as a person does in the UI."""
        path = self._dialect.prefix + _task(dag_id, run_id, task_id)
        self._call("PATCH", path, json={"new_state": state, **self._dialect.mark_body})

    def create_pool(self, name: str, slots: int) -> None:
        """Create a pool in which deferred tasks count, too."""
        self._post("/pools", name=name, slots=slots, include_deferred=True)

    def runs(self, dag_id: str) -> list[str]:
        """Return the ids of the runs of a DAG."""
        return [str(run["dag_run_id"]) for run in self._get(f"/dags/{dag_id}/dagRuns")["dag_runs"]]

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self._get(f"/dags/{dag_id}/dagRuns/{quote(run_id)}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> dict[str, TaskInstance]:
        """Return the tasks of a run by task id; of a mapped one any."""
        answer = self._get(f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances")
        return {raw["task_id"]: TaskInstance.from_api(raw) for raw in answer["task_instances"]}

    def mapped_instances(self, dag_id: str, run_id: str, task_id: str) -> list[TaskInstance]:
        """Return the parts of a mapped task, in their order."""
        answer = self._get(f"{_task(dag_id, run_id, task_id)}/listMapped", limit="100")
        parts = [TaskInstance.from_api(raw) for raw in answer["task_instances"]]
        return sorted(parts, key=lambda part: part.map_index)

    def rendered_fields(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return the arguments of a task as Airflow shows them."""
        return dict(self._get(_task(dag_id, run_id, task_id))["rendered_fields"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return a value that a task has pushed."""
        path = f"{_task(dag_id, run_id, task_id)}/xcomEntries/{key}"
        return self._get(path, stringify="false")["value"]

    def occupied_slots(self, pool: str = "default_pool") -> int:
        """Return how many worker slots of a pool are taken, by queued and by running tasks."""
        return int(self._get(f"/pools/{pool}")["occupied_slots"])

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        seconds: float,
        watch: Callable[[dict[str, TaskInstance]], None] | None = None,
    ) -> str:
        """Wait until a run has ended and return its state.

        :param seconds: how long to wait at most.
        :param watch: is called with the tasks at every look, the last one included.
        :raises TimeoutError: when the run has not ended by then.
        """
        deadline = time.monotonic() + seconds
        while True:
            state = self.run_state(dag_id, run_id)
            if watch is not None:
                watch(self.task_instances(dag_id, run_id))
            if state in ENDED:
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {run_id} of {dag_id} is still {state} after {seconds:g} s")
            time.sleep(POLL_SECONDS)


def _task(dag_id: str, run_id: str, task_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}"
