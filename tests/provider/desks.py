"""Stand-ins for what submitting needs: a store, a hook that follows a script, a clock."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.client import Submission
from airflow_provider_mj.gateway.errors import (
    Acceptance,
    EndpointMissingError,
    GatewayError,
    SubmissionUnknownError,
)
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.record import KEY, Record, Records
from airflow_provider_mj.sandbox import ManualClock
from airflow_provider_mj.submitting import Submitter

if TYPE_CHECKING:
    from collections.abc import Callable

GATEWAY = "gw.example"
START, TIMEOUT, LONG_AGO = 1_790_000_000.0, 90.0, 1_789_990_000.0
JOB, OTHER = jobs.imagine("a red fox"), jobs.imagine("a blue fox")
ANSWER, ANSWER_DIGEST = jobs.modal("17", prompt="a hat"), "of the answer"
DIGEST = jobs.digest(JOB)
STATE = jobs.marker("dag", "run", "draw", -1, digest=DIGEST, generation=0)
INTENT = Record(digest=DIGEST, state=STATE, intent_at=START - 10)
PAID = replace(INTENT, mj_task_ids=("17",))
WINDOW = replace(PAID, is_window=True)
ANSWERED = replace(WINDOW, answer_digest=ANSWER_DIGEST, answer_at=START - 5)

NO_LIST = EndpointMissingError("the call does not exist there", gateway=GATEWAY)
LOST = SubmissionUnknownError("it did not answer in time", gateway=GATEWAY)


def failure(kind: type[GatewayError]) -> GatewayError:
    return kind("it went wrong", gateway=GATEWAY)


def accepted(*mj_task_ids: str, acceptance: Acceptance = Acceptance.TASK) -> Submission:
    return Submission(mj_task_ids[0], acceptance, mj_task_ids)


def listed(*tasks: tuple[str, str, float]) -> list[Task]:
    """Give a list that reaches back beyond everything here, with these tasks (id, state, time) in it."""
    rows = [("1", "somebody else's", LONG_AGO), *tasks]
    wires = [
        {"id": one, "status": "SUCCESS", "state": state, "submitTime": at * 1000} for one, state, at in rows
    ]
    return [Task.from_wire(wire) for wire in wires]


class Store:
    """Airflow's store, through which only JSON passes, and which can be down."""

    def __init__(self, record: Record | None = None) -> None:
        self.text: str | None = None
        self.is_down = False
        if record is not None:
            self.set(KEY, record.to_dict())

    @property
    def record(self) -> Record | None:
        return None if self.text is None else Record.from_dict(json.loads(self.text))

    def get(self, key: str, default: Any = None) -> Any:
        assert key == KEY
        return default if self.text is None else json.loads(self.text)

    def set(self, key: str, value: Any, **_: Any) -> None:
        self._check(key)
        self.text = json.dumps(value)

    def delete(self, key: str) -> None:
        self._check(key)
        self.text = None

    def _check(self, key: str) -> None:
        assert key == KEY
        if self.is_down:
            raise ConnectionError("the API server is down")


class Desk:
    """A hook that follows a script, and keeps what was sent and what was written down at that moment."""

    gateway, submit_timeout = GATEWAY, TIMEOUT

    def __init__(self, store: Store, *answers: Submission | Exception) -> None:
        self.store, self.script = store, list(answers)
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.written: list[Record | None] = []
        self.lists: list[list[Task] | Exception] = [NO_LIST]
        self.status: str | GatewayError = "MODAL"
        self.looks = 0
        self.then: Callable[[], None] = lambda: None

    def submit(self, action: str, body: Any) -> Submission:
        self.sent.append((action, dict(body)))
        self.written.append(self.store.record)
        answer = self.script.pop(0)
        self.then()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def list_newest(self) -> list[Task]:
        self.looks += 1
        shown = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(shown, Exception):
            raise shown
        return shown

    def look_alone(self, mj_task_id: str) -> Task | GatewayError:
        if isinstance(self.status, GatewayError):
            return self.status
        return Task(id=mj_task_id, status=self.status)


class Case:
    """A try of a task: its store, its desk, its clock."""

    def __init__(self, *answers: Submission | Exception, record: Record | None = None) -> None:
        self.store, self.clock = Store(record), ManualClock(START)
        self.desk = Desk(self.store, *answers)

    def submitter(self, **more: Any) -> Submitter:
        given: dict[str, Any] = {
            "records": Records(self.store),
            "is_first_try": True,
            "answer_digest": lambda: ANSWER_DIGEST,
            **more,
        }
        return Submitter(
            desk=self.desk,
            identity=("dag", "run", "draw", -1),
            log=logging.getLogger("submitting"),
            now=self.clock,
            sleep=self.clock.advance,
            **given,
        )

    def answer(self, record: Record, **more: Any) -> Record:
        return self.submitter(**more).answer(ANSWER, record)

    @property
    def states(self) -> list[str]:
        return [body["state"] for _, body in self.desk.sent]
