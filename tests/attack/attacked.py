"""What operators are attacked with: a gateway that charges and lies, a network that cuts, a store that fails.

Nothing here is real but the operators, the client and the table of answers: time is a number, and a process
that dies is an exception that nobody catches.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.answers import Answer, Ask
from airflow_provider_mj.gateway.errors import NoConnectionError, SubmissionUnknownError
from airflow_provider_mj.gateway.keylog import KEY_LOG
from airflow_provider_mj.gateway.rules import error_for
from airflow_provider_mj.submitting.marks import mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_mj.gateway.transport import Request

GATEWAY = "gw.example"
START = 1_790_000_000.0
TAG = re.compile(r"wish\d+[a-z]+")
"""What the prompt of a wish has in it, whatever else there is around it."""


class KilledError(BaseException):
    """The end of a process."""


class Lie(Enum):
    """What a gateway's list of tasks is like."""

    HONEST = "it shows all tasks, newest first"
    NO_LIST = "there is none"
    NO_STATE = "it shows no state"
    CUT = "it cuts the state"
    PREFIXED = "it puts something before the state"
    CACHED = "it is what it was some time ago"
    OLDEST = "it shows the oldest tasks only"
    FINISHED = "it shows finished tasks only"
    EMPTY = "it has forgotten all"


class LogLie(Enum):
    """What the log of the key is like."""

    NO_LOG = "there is none"
    HONEST = "it shows the newest 1,000 charges"
    EMPTY = "it shows nothing to a key in a header"
    SHORT = "it shows the newest 20 charges"
    NAMELESS = "it names no tasks"


class Clock:
    """The time of the workers, in place of the module ``time``."""

    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)

    monotonic = perf_counter = time


@dataclass
class Remote:
    """A task at the gateway."""

    id: str
    prompt: str
    state: str | None
    submitted_at: float
    status: str = "SUBMITTED"
    confirmations: int = 0
    is_answered_by_person: bool = False
    is_answered_again: bool = False
    looks: int = 0

    @property
    def tag(self) -> str:
        found = TAG.search(self.prompt)
        return found[0] if found else ""


@dataclass
class Post:
    """What happens to a submission: at which part of it the connection breaks, or the worker dies.

    :param sent: the part of the request that is sent, from 0 to 1.
    :param answered: the part of the answer that comes, from 0 to 1.
    :param late: seconds until the gateway works on it, after its client has given up.
    :param kills: whether the worker dies where the connection breaks.
    :param refusal: the code with which the gateway refuses it.
    :param is_doubled: whether Airflow starts another worker while the answer is on its way, as it does when
        it takes this one for dead.
    """

    sent: float = 1.0
    answered: float = 1.0
    late: float = 0.0
    kills: bool = False
    refusal: int | None = None
    is_doubled: bool = False


@dataclass
class Gateway:
    """A gateway that charges."""

    clock: Clock
    ahead: float = 0.0
    is_busy: bool = False
    """Whether other tasks of the same Airflow draw all the time."""
    pace: int = 0
    """Looks at a task until it is finished; 0 for never by itself."""
    opens_windows: bool = True
    tells_windows: bool = True
    makes: int = 1
    """How many tasks a press makes that opens no window; of several, it numbers the states."""
    copies_after: float = 0.0
    """Seconds until a task shows its state where it is asked for by its id."""
    doubles: bool = False
    """Whether its list has each task twice."""
    lie: Lie = Lie.HONEST
    log_lie: LogLie = LogLie.NO_LOG
    log: list[tuple[float, str]] = field(default_factory=list)
    tasks: dict[str, Remote] = field(default_factory=dict)
    charged: Counter[str] = field(default_factory=Counter)
    cached: list[dict[str, Any]] = field(default_factory=list)
    late: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    forgotten: dict[str, Remote] = field(default_factory=dict)
    another_worker: Callable[[], object] = lambda: None

    def take(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Take a submission, and charge for it."""
        if "taskId" in body and body["taskId"] not in self.tasks:
            return {"code": 4, "description": "task_no_found"}
        if action == "modal":
            return self._confirmed(body)
        prompt = body["customId"] if action == "action" else body["prompt"]
        if action == "action" and not self.opens_windows and self.makes > 1:
            return self._several(prompt, body.get("state"))
        task = self.add(prompt, body.get("state"))
        self._charge(task)
        if action == "action" and self.opens_windows:
            task.status = "MODAL"
            if self.tells_windows:
                return {"code": 21, "description": "Waiting for window confirm", "result": task.id}
        return {"code": 1, "description": "ok", "result": task.id}

    def _several(self, prompt: str, state: str | None) -> dict[str, Any]:
        states = [f"{state}::{number}" if state else None for number in range(1, self.makes + 1)]
        tasks = [self.add(prompt, one) for one in states]
        self._charge(tasks[0])
        return {"code": 1, "description": "ok", "result": ",".join(task.id for task in tasks)}

    def _charge(self, task: Remote) -> None:
        self.charged[task.tag] += 1
        self.log.append((self.clock.now, task.id))

    def add(self, prompt: str, state: str | None, status: str = "SUBMITTED") -> Remote:
        number = 1000 + len(self.tasks) + len(self.forgotten)
        task = Remote(str(number), prompt, state, self.clock.now, status)
        self.tasks[task.id] = task
        return task

    def _confirmed(self, body: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks[body["taskId"]]
        task.confirmations += 1
        if task.status == "MODAL":
            task.status = "IN_PROGRESS"
        return {"code": 1, "description": "ok", "result": task.id}

    def restart(self) -> None:
        """Forget all tasks, as gateways do that keep them in memory. One alone, none forgets."""
        self.forgotten |= self.tasks
        self.tasks.clear()

    def told(self, mj_task_id: str) -> Remote:
        """Give a task that it has told of once."""
        return self.tasks.get(mj_task_id) or self.forgotten[mj_task_id]

    def seen(self, task: Remote | None) -> None:
        """Let a task come along while it is looked at."""
        if task and task.status in ("SUBMITTED", "IN_PROGRESS"):
            task.looks += 1
            if self.pace and task.looks >= self.pace:
                task.status = "SUCCESS"

    def row(self, task: Remote) -> dict[str, Any]:
        return {
            "id": task.id,
            "status": task.status,
            "prompt": task.prompt,
            "state": task.state,
            "submitTime": round((task.submitted_at + self.ahead) * 1000),
            "imageUrl": f"https://img.example/{task.id}.png" if task.status == "SUCCESS" else None,
        }

    def list(self) -> list[dict[str, Any]]:
        """Show the tasks, or lie about them."""
        if self.is_busy:
            self.add(
                "of another task of Airflow", mark(self.clock.now, "busy", len(self.tasks)), "IN_PROGRESS"
            )
        rows = [self.row(task) for task in reversed(self.tasks.values())]
        if self.doubles:
            rows = [one for row in rows for one in (row | {"status": "NOT_START"}, row)]
        if self.lie is Lie.CACHED:
            return self.cached
        if self.lie is Lie.EMPTY:
            return []
        if self.lie is Lie.OLDEST:
            return rows[len(rows) // 2 :]
        if self.lie is Lie.FINISHED:
            return [row for row in rows if row["status"] in ("SUCCESS", "FAILURE", "CANCEL")]
        changed = {Lie.NO_STATE: lambda _: None, Lie.CUT: lambda s: s[:20], Lie.PREFIXED: lambda s: "u1:" + s}
        change = changed.get(self.lie, lambda state: state)
        return [{**row, "state": change(row["state"]) if row["state"] else row["state"]} for row in rows]

    def row_by_id(self, task: Remote) -> dict[str, Any]:
        """Show a task that is asked for by its id."""
        is_copied = self.clock.now - task.submitted_at >= self.copies_after
        return self.row(task) | ({} if is_copied else {"state": "", "status": ""})

    def key_log(self) -> dict[str, Any] | None:
        """Show what the key was charged for, or lie about it; None where there is no log."""
        if self.log_lie is LogLie.NO_LOG:
            return None
        if self.is_busy:
            state = mark(self.clock.now, "busy", len(self.tasks))
            self.log.append((self.clock.now, self.add("of another task of Airflow", state, "IN_PROGRESS").id))
        most = {LogLie.EMPTY: 0, LogLie.SHORT: 20}.get(self.log_lie, 1000)
        newest = self.log[::-1][:most]
        names = "" if self.log_lie is LogLie.NAMELESS else ", ID {}"
        rows = [
            {
                "created_at": int(moment + self.ahead),
                "type": 2,
                "content": f"price 0.10, group 1.00, action IMAGINE{names.format(mj_task_id)}",
                "model_name": "mj_imagine",
            }
            for moment, mj_task_id in newest
        ]
        return {"success": True, "message": "", "data": rows}

    def remember(self) -> None:
        """Keep the list as it is, to be shown later."""
        before, self.lie = self.lie, Lie.HONEST
        self.cached, self.lie = self.list(), before

    def work(self) -> None:
        """Take what came late."""
        due = [one for one in self.late if one[0] <= self.clock.now]
        self.late = [one for one in self.late if one not in due]
        now = self.clock.now
        for moment, action, body in due:
            self.clock.now = moment
            self.take(action, body)
        self.clock.now = now


class Wire:
    """Takes the place of a client's transport: the network between it and the gateway.

    :param gateway: the gateway.
    :param posts: what happens to the next submissions; what is not there goes well.
    """

    def __init__(self, gateway: Gateway, posts: list[Post]) -> None:
        self._gateway, self._posts = gateway, posts

    def send(self, request: Request) -> Answer:
        """Send a request."""
        self._gateway.work()
        if request.ask is Ask.SUBMIT:
            return self._submit(request, self._posts.pop(0) if self._posts else Post())
        status, body = self._read(request)
        if request.read_rows and status == 200:
            return Answer(status, "", request.read_rows(iter(body)), is_json=True, is_read=True)
        return _fitting(request, status, json.dumps(body) if status == 200 or body else "")

    def close(self) -> None:
        """Close nothing."""

    def _submit(self, request: Request, post: Post) -> Answer:
        text = json.dumps(request.json)
        if round(post.sent * len(text)) < len(text):
            self._break(post, NoConnectionError if post.sent == 0 else SubmissionUnknownError)
        if post.refusal is not None:
            return _fitting(request, 200, json.dumps({"code": post.refusal, "description": "refused"}))
        action, body = request.path.rpartition("/")[2], json.loads(text)
        if action == "modal":
            window = self._gateway.told(body["taskId"])
            window.is_answered_again |= window.is_answered_by_person
        if post.late:
            self._gateway.late.append((self._gateway.clock.now + post.late, action, body))
            self._break(post, SubmissionUnknownError)
        answer = json.dumps(self._gateway.take(action, body))
        if post.is_doubled:
            self._gateway.another_worker()
        if round(post.answered * len(answer)) < len(answer):
            self._break(post, SubmissionUnknownError)
        return _fitting(request, 200, answer)

    def _break(self, post: Post, kind: type[Exception]) -> None:
        if post.kills:
            raise KilledError
        raise kind("the connection broke", gateway=GATEWAY)

    def _read(self, request: Request) -> tuple[int, Any]:
        if request.path == "task/list":
            no_list = self._gateway.lie is Lie.NO_LIST
            return (404, None) if no_list else (200, self._gateway.list())
        if request.path == KEY_LOG:
            log = self._gateway.key_log()
            return (404, None) if log is None else (200, log)
        if request.method == "POST":
            wanted = [self._gateway.tasks.get(one) for one in request.json["ids"]]
            return 200, [self._gateway.row_by_id(task) for task in wanted if task]
        task = self._gateway.tasks.get(request.path.split("/")[1])
        self._gateway.seen(task)
        return (
            (200, self._gateway.row_by_id(task))
            if task
            else (404, {"code": 4, "description": "task_no_found"})
        )


def _fitting(request: Request, status: int, text: str) -> Answer:
    body = json.loads(text) if text else None
    answer = Answer(status, text, body, is_json=bool(text))
    if not request.fits(answer):
        raise error_for(request.ask, answer, gateway=GATEWAY, mj_task_id=request.mj_task_id)
    return answer


class Store:
    """Airflow's store of one task instance, through which only JSON passes.

    :param kills: writes until the worker dies at one, before or after it; None for never.
    """

    def __init__(self) -> None:
        self.text: str | None = None
        self.is_gone = False
        self.kills: tuple[int, bool] | None = None
        self.fails = 0
        self.writes = 0

    def begin(self, kills: tuple[int, bool] | None, fails: int) -> None:
        """Begin a try."""
        self.kills, self.fails, self.writes = kills, fails, 0

    def get(self, key: str, default: Any = None) -> Any:
        if self.is_gone:
            return None
        return default if self.text is None else json.loads(self.text)

    def set(self, key: str, value: Any, **_: Any) -> None:
        self._write(json.dumps(value))

    def delete(self, key: str) -> None:
        self._write(None)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What is written down."""
        if self.text is None or self.is_gone:
            return []
        stored = json.loads(self.text)
        return list(stored.get("records", [stored]))

    def _write(self, text: str | None) -> None:
        self.writes += 1
        at, before = self.kills or (0, False)
        if at == self.writes and before:
            raise KilledError
        if self.fails == self.writes:
            raise ConnectionError("the API server is down")
        self.text, self.is_gone = text, False
        if at == self.writes:
            raise KilledError
