"""Stand-ins for what submitting needs: a store, a hook that follows a script, a clock."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.errors import (
    Acceptance,
    EndpointMissingError,
    GatewayError,
    SubmissionUnknownError,
)
from airflow_provider_mj.gateway.submissions import Submission
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.sandbox import ManualClock
from airflow_provider_mj.submitting.desk import Submitted
from airflow_provider_mj.submitting.marks import mark
from airflow_provider_mj.submitting.record import KEY, VERSION, Record, Records
from airflow_provider_mj.submitting.submitter import Submitter
from airflow_provider_mj.submitting.wishes import Try, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_mj.gateway.jobs import Job
    from airflow_provider_mj.gateway.keylog import LogRow
    from airflow_provider_mj.submitting.reconcile import Reconciliation

GATEWAY = "gw.example"
START, TIMEOUT, LONG_AGO = 1_790_000_000.0, 90.0, 1_789_990_000.0
JOB, OTHER = jobs.imagine("a red fox"), jobs.imagine("a blue fox")
ANSWER, ANSWER_DIGEST = jobs.modal("17", prompt="a hat"), "of the answer"
ARGUMENTS, OTHER_ARGUMENTS = "of a red fox", "of a blue fox"
IDENTITY = ("here", "dag", "run", "draw", -1)

FIRST = Try(round=0, is_first=True, may_be_first=True)
RETRY = Try(round=0, is_first=False, may_be_first=False)
CLEARED = Try(round=1, is_first=False, may_be_first=True)


def state_at(moment: float, arguments: str = ARGUMENTS, *, generation: int = 0, of_round: int = 0) -> str:
    """Make the mark of a submission of the task's own operator."""
    return mark(moment, *IDENTITY, of_round, "", arguments, 0, generation)


def intended(moment: float, arguments: str = ARGUMENTS) -> Record:
    """Give what is written down before the first call."""
    state = state_at(moment, arguments)
    return Record(state=state, intent_at=moment, arguments=arguments, round=0, gateway=GATEWAY, path="/mj")


STATE = state_at(START - 10)
INTENT = intended(START - 10)
PAID = replace(INTENT, mj_task_ids=("17",))
WINDOW = replace(PAID, is_window=True)
ANSWERED = replace(WINDOW, answer=ANSWER_DIGEST, answer_at=START - 5)

# What a first try writes down before its call, and after it.
SENT, KEPT = intended(START), replace(intended(START), mj_task_ids=("17",))

NO_LIST = EndpointMissingError("the call does not exist there", gateway=GATEWAY)
LOST = SubmissionUnknownError("it did not answer in time", gateway=GATEWAY)


def failure(kind: type[GatewayError]) -> GatewayError:
    return kind("it went wrong", gateway=GATEWAY)


def accepted(*mj_task_ids: str, acceptance: Acceptance = Acceptance.TASK) -> Submission:
    return Submission(mj_task_ids[0], acceptance, mj_task_ids)


def row(mj_task_id: str, state: str | None, at: float, status: str = "SUCCESS") -> Task:
    """Give a task of a list."""
    return Task.from_wire({"id": mj_task_id, "status": status, "state": state, "submitTime": at * 1000})


def listed(*tasks: tuple[str, str, float]) -> list[Task]:
    """Give a list that reaches back beyond everything here, with these tasks (id, state, time) in it."""
    return [row("1", "somebody else's", LONG_AGO), *(row(*task) for task in tasks)]


def proving(*tasks: tuple[str, str, float]) -> list[Task]:
    """Give such a list that shows a neighbour, too: an unfinished task of ours that was made later."""
    later = START + 3600
    return [*listed(*tasks), row("99", mark(later, "a neighbour"), later, "IN_PROGRESS")]


class Store:
    """Airflow's store, through which only JSON passes, and which can be down."""

    def __init__(self, *records: Record) -> None:
        self.text: str | None = None
        self.is_down = False
        if records:
            self.set(KEY, {"version": VERSION, "records": [record.to_dict() for record in records]})

    @property
    def records(self) -> list[Record]:
        value = {"records": []} if self.text is None else json.loads(self.text)
        return [Record.from_dict(one) for one in value["records"]]

    @property
    def record(self) -> Record | None:
        """The only record; None if there is none."""
        (record,) = self.records or [None]
        return record

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

    gateway, path, submit_timeout = GATEWAY, "/mj", TIMEOUT

    def __init__(self, store: Store, *answers: Submission | Exception) -> None:
        self.store, self.script = store, list(answers)
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.written: list[list[Record]] = []
        self.lists: list[list[Task] | Exception] = [NO_LIST]
        self.status: str | GatewayError = "MODAL"
        self.logs: list[list[LogRow] | Exception] = [NO_LIST]
        self.known: dict[str, Task] = {}
        self.looks = self.log_calls = 0
        self.then: Callable[[], None] = lambda: None

    def submit(self, action: str, body: Any) -> Submission:
        self.sent.append((action, dict(body)))
        self.written.append(self.store.records)
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

    def read_newest(self, read: Callable[[Iterable[Task]], Reconciliation]) -> Reconciliation:
        return read(self.list_newest())

    def key_log(self) -> list[LogRow]:
        self.log_calls += 1
        shown = self.logs.pop(0) if len(self.logs) > 1 else self.logs[0]
        if isinstance(shown, Exception):
            raise shown
        return shown

    def get_tasks(self, mj_task_ids: Iterable[str]) -> dict[str, Task]:
        return {one: self.known[one] for one in mj_task_ids if one in self.known}

    def look_alone(self, mj_task_id: str) -> Task | GatewayError:
        if isinstance(self.status, GatewayError):
            return self.status
        return Task(id=mj_task_id, status=self.status)


class Case:
    """A task: its store, its desk, its clock."""

    def __init__(self, *answers: Submission | Exception, record: Record | None = None) -> None:
        self.store, self.clock = Store(*([] if record is None else [record])), ManualClock(START)
        self.desk = Desk(self.store, *answers)

    def submitter(
        self,
        a_try: Try = FIRST,
        *,
        arguments: str = ARGUMENTS,
        answer: str = ANSWER_DIGEST,
        own_state: str | None = None,
        **more: Any,
    ) -> Submitter:
        """Give what one try submits with."""
        wish = Wish(
            arguments=lambda: arguments,
            place=lambda _: 0,
            answer=lambda: answer,
            payload=lambda: "of what is sent",
        )
        given: dict[str, Any] = {"records": Records(self.store), "wish": wish, **more}
        return Submitter(
            desk=self.desk,
            identity=IDENTITY,
            a_try=a_try,
            taken={},
            owner="draw",
            log=logging.getLogger("submitting"),
            now=self.clock,
            sleep=self.clock.advance,
            own_state=lambda: own_state,
            **given,
        )

    def submit(self, a_try: Try = FIRST, job: Job = JOB, **more: Any) -> Record:
        """Submit, or take up, in a try of its own."""
        return self.submitter(a_try, **more).submit(lambda: job).record

    def anew(self, failed: Record, **more: Any) -> Record:
        """Submit once more what has failed."""
        return self.submitter(RETRY, **more).submit_anew(lambda: JOB, failed).record

    def answer(self, record: Record, *, is_new: bool = True, **more: Any) -> Record:
        """Answer the window of a press."""
        submitted = Submitted(record, is_new=is_new)
        return self.submitter(RETRY, **more).answer(lambda _: ANSWER, submitted)

    @property
    def states(self) -> list[str]:
        return [body["state"] for _, body in self.desk.sent]
