"""A gateway that charges, and Airflow tasks whose tries, retries and clears run against it."""

from __future__ import annotations

import itertools
import json
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskDeferred
from fakes import FakeTaskInstance

from airflow_provider_mj.gateway.errors import Acceptance, SubmissionUnknownError, TaskNotFoundError
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.gateway.submissions import Submission
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.submitting.marks import mark
from airflow_provider_mj.submitting.record import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_mj.gateway.errors import GatewayError

PNG = bytes.fromhex("89504e470d0a1a0a") + b"0"
QUICK: dict[str, Any] = {"poll_interval": 0.01, "timeout": 0.05}
HOUR = 3600.0


class Gateway:
    """A hook of a gateway: it takes what is submitted, and counts what that costs."""

    gateway, path, submit_timeout = "gw.example", "/mj", 0.01
    client = SimpleNamespace(settings=GatewaySettings(base_url="https://gw.example/mj"))

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.charges = 0
        self.ends: list[str] = ["SUCCESS"]
        self.opens_windows = self.loses_answers = self.loses_requests = self.is_empty = False
        self.refusals: list[Exception] = []
        self.then: Callable[[], None] = lambda: None
        self.before_look: Callable[[], None] = lambda: None
        self._ids = map(str, itertools.count(17))

    def submit(self, action: str, body: Mapping[str, Any]) -> Submission:
        """Take a submission, and make as many tasks of it as there are ends."""
        self.calls.append((action, dict(body)))
        if self.refusals:
            raise self.refusals.pop(0)
        if self.loses_requests:
            raise SubmissionUnknownError("it did not answer", gateway=self.gateway)
        results = self._made(action, dict(body))
        self.then()
        if self.loses_answers:
            raise SubmissionUnknownError("it did not answer", gateway=self.gateway)
        acceptance = Acceptance.CONFIRM if self._is_window(action) else Acceptance.TASK
        return Submission(results[0], acceptance, results)

    def _is_window(self, action: str) -> bool:
        return self.opens_windows and action == "action"

    def _made(self, action: str, body: dict[str, Any]) -> tuple[str, ...]:
        if action == "modal":
            self.rows[body["taskId"]]["status"] = self.ends[0]
            return (body["taskId"],)
        self.charges += 1
        if action == "upload-discord-images":
            return (f"https://cdn.example/{next(self._ids)}.png",)
        return tuple(self._row(body, "MODAL" if self._is_window(action) else end) for end in self.ends)

    def _row(self, body: dict[str, Any], status: str) -> str:
        mj_task_id = next(self._ids)
        self.rows[mj_task_id] = {
            "id": mj_task_id,
            "status": status,
            "prompt": body.get("prompt"),
            "state": body.get("state"),
            "imageUrl": f"https://cdn.example/{mj_task_id}.png",
            "submitTime": round(time.time() * 1000),
        }
        return mj_task_id

    def list_newest(self) -> list[Task]:
        """Give what the gateway lists."""
        return [] if self.is_empty else [Task.from_wire(row) for row in self.rows.values()]

    def read_newest(self, read: Callable[[Iterable[Task]], Any]) -> Any:
        """Read what the gateway lists."""
        return read(self.list_newest())

    def is_proving(self) -> None:
        """Let the list reach back, and show a later task of ours that is not finished."""
        past, later = time.time() - HOUR, time.time() + 60
        self.rows["1"] = {"id": "1", "status": "SUCCESS", "submitTime": round(past * 1000)}
        state = mark(later, "a neighbour")
        self.rows["99"] = {
            "id": "99",
            "status": "IN_PROGRESS",
            "state": state,
            "submitTime": round(time.time() * 1000),
        }

    def look_alone(self, mj_task_id: str) -> Task | GatewayError:
        """Look at a task."""
        self.before_look()
        if mj_task_id not in self.rows:
            return TaskNotFoundError("it does not know the task", gateway=self.gateway, mj_task_id=mj_task_id)
        return Task.from_wire(self.rows[mj_task_id])

    def look(self, mj_task_ids: Sequence[str]) -> dict[str, Task | GatewayError]:
        """Look at several."""
        return {one: self.look_alone(one) for one in mj_task_ids}

    def get_whole(self, mj_task_ids: Sequence[str]) -> dict[str, Task]:
        """Give several with all their fields."""
        return {one: Task.from_wire(self.rows[one]) for one in mj_task_ids if one in self.rows}

    def get_task(self, mj_task_id: str) -> Task:
        """Give a task, or raise why not."""
        seen = self.look_alone(mj_task_id)
        if isinstance(seen, Exception):
            raise seen
        return seen

    @property
    def actions(self) -> list[str]:
        """What was asked for, in order."""
        return [action for action, _ in self.calls]


class Store:
    """Airflow's store of one task instance, through which only JSON passes, and which can be down."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.is_down = False

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any, **_: Any) -> None:
        if self.is_down:
            raise ConnectionError("the API server is down")
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    @property
    def kept(self) -> list[str]:
        """The ids that are written down."""
        return [one for record in self.get(KEY)["records"] for one in record.get("mj_task_ids", ())]


class AirflowTask:
    """One task instance: each attempt is a try in a worker of its own.

    :param gateway: the gateway that its connection leads to.
    :param make: makes the operator, as the DAG file says now.
    :param retries: how many it has.
    :param has_store: whether Airflow is 3.3 or later.
    """

    def __init__(
        self, gateway: Gateway, make: Callable[[], Any], *, retries: int = 3, has_store: bool = True
    ) -> None:
        self.gateway, self.make, self.retries = gateway, make, retries
        self.store = Store()
        self.has_store = has_store
        self.try_number, self.max_tries = 0, retries
        self.xcoms: dict[str, Any] = {}
        self.clears = 0
        self.more: dict[str, Any] = {}

    def clear(self, make: Callable[[], Any] | None = None) -> Any:
        """Clear it, perhaps with another DAG file, and let it have a try."""
        self.make = make or self.make
        self.max_tries = self.try_number + self.retries
        self.clears += 1
        return self.attempt()

    def attempt(self, make: Callable[[], Any] | None = None) -> Any:
        """Let it have a try: as a retry, unless it is the first one."""
        self.make = make or self.make
        self.try_number += 1
        ti = FakeTaskInstance()
        ti.try_number, ti.max_tries, ti.task_id = self.try_number, self.max_tries, "draw"
        self.xcoms = ti.xcoms
        context: dict[str, Any] = {"ti": ti, "dag_run": SimpleNamespace(clear_number=self.clears)}
        context |= self.more
        if self.has_store:
            context["task_state_store"] = self.store
        return self._run(context)

    def _run(self, context: dict[str, Any]) -> Any:
        method, given = "execute", dict[str, Any]()
        while True:
            try:
                return getattr(self._operator(context), method)(context, **given)
            except TaskDeferred as deferral:
                method, given = deferral.method_name, json.loads(json.dumps(deferral.kwargs or {}))
                ids = given["record"]["mj_task_ids"] if method == "execute_complete" else []
                given["event"] = {"mj_task_ids": ids}

    def _operator(self, context: dict[str, Any]) -> Any:
        operator = self.make()
        operator.retries = self.retries
        vars(operator)["hook"] = self.gateway
        context["ti"].task = operator
        return operator
