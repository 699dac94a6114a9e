"""Operators run as workers and a triggerer run them, against a sandbox that costs nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, TaskDeferred
from fakes import FakeTaskInstance, first_event

from airflow_provider_mj.hooks.mj import MJHook
from airflow_provider_mj.sandbox import DIALECTS, Fault, ManualClock, SandboxServer
from airflow_provider_mj.sandbox.conditions import Condition, UserLimits
from airflow_provider_mj.sandbox.orders import describe
from airflow_provider_mj.sandbox.pressing import press_button
from airflow_provider_mj.submitting.marks import mark
from airflow_provider_mj.triggers.mj import MJTaskTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEY = "sk-operators-0123456789"
SECONDS = 0.1
LOOP_SECONDS = 0.03
"""How often a relay copies what stands behind it; really 15 s."""
QUICK = 0.02

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PNG_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
GIF_URI = f"data:image/gif;base64,{base64.b64encode(GIF).decode()}"

Make = Callable[[], BaseOperator]

_NO_LOG = " without a log"
RELAYS = ("gptplus5", "crazyrouter")
"""What they do not list is in the log of the key."""
SILENT = tuple(f"{name}{_NO_LOG}" for name in RELAYS)
"""The same where logging is switched off: what was lost there can't be found."""


def conditions_of(dialect: str) -> tuple[str, tuple[Condition, ...]]:
    """Tell the dialect in a test's parameter, and what is the matter with the gateway."""
    name = dialect.removesuffix(_NO_LOG)
    return name, (Condition.LOG_OFF,) if name != dialect else ()


@contextmanager
def sandboxes(key: str) -> Iterator[dict[str, Sandbox]]:
    """Run a sandbox for each dialect, and give them by name."""
    with ExitStack() as stack:
        yield {name: Sandbox(stack.enter_context(SandboxServer(name, key=key))) for name in DIALECTS}


class Sandbox:
    """A sandbox, and what tests do with it behind the operators' back."""

    def __init__(self, server: SandboxServer) -> None:
        self.server, self.gateway = server, server.gateway
        self.name = self.gateway.dialect.name

    def reset(self, conditions: Iterable[Condition] = ()) -> None:
        self.gateway.conditions, self.gateway.user_limits = set(conditions), UserLimits()
        self.gateway.clock, self.gateway.task_seconds = time.time, SECONDS
        self.gateway.loop_seconds = LOOP_SECONDS
        self.gateway.remix, self.gateway.queue_limit, self.gateway.ending_rates = False, None, {}
        self.gateway.reset()
        self._own, self._past = 0, 2000.0

    @property
    def finds_lost(self) -> bool:
        """Whether a lost submission can be found: in a list of tasks, or in the log of the key."""
        return not self.is_relay or Condition.LOG_OFF not in self.gateway.conditions

    @property
    def charges(self) -> int:
        """How often operators have paid."""
        return len(self.gateway.ledger.charges) - self._own

    @property
    def is_relay(self) -> bool:
        """Whether it charges the answer to a window, and no press that always opens one."""
        return self.gateway.dialect.is_relay

    @property
    def submissions(self) -> list[Any]:
        return [seen for seen in self.gateway.requests if seen.is_submission]

    def paths(self) -> list[str]:
        return [seen.path.removeprefix("/mj/") for seen in self.submissions]

    def fault(self, kind: str, **more: Any) -> None:
        self.gateway.faults.add(Fault(kind, **more))  # type: ignore[arg-type]

    def finished(self, prompt: str = "a red fox") -> str:
        """Give a task that was submitted a while ago, and is finished."""
        with self._in_the_past():
            return self.gateway.submit(prompt)

    def single(self) -> str:
        """Give a finished single picture: U2 of a grid."""
        return self.pressed(self.finished(), "U2")

    def described(self, image: str) -> str:
        with self._in_the_past():
            return self.gateway.start(describe(image, None))

    def window(self) -> str:
        """Give a task that waits for a confirmation."""
        with self._in_the_past():
            return self.gateway.submit("a red fox [[modal]]")

    def pressed(self, mj_task_id: str, label: str) -> str:
        with self._in_the_past():
            parent = self.gateway.tasks[mj_task_id]
            press = next(one for one in self.gateway.presses(parent) if one.label == label)
            return press_button(self.gateway, mj_task_id, press.custom_id, None, remix=False).ids[0]

    def hold_queue(self, seconds: float) -> None:
        """Fill the queue for a while."""
        self.gateway.queue_limit = 1
        self._own += 1
        self.gateway.submit(f"a slow one [[seconds: {seconds}]]")

    def neighbour(self) -> None:
        """Let another Airflow task have submitted later, and wait: then a list is to be believed."""
        self._own += 1
        later = mark(time.time() + 60, "a neighbour")
        self.gateway.submit("a slow neighbour [[seconds: 1000]]", later)

    @contextmanager
    def _in_the_past(self) -> Iterator[None]:
        """Turn the clock back, each time less, so that what is started is finished now."""
        clock, past = self.gateway.clock, self._past
        self.gateway.clock = lambda: clock() - past
        self._own, self._past = self._own + 1, past - 100
        yield
        self.gateway.clock = clock


class WorkerClock(ManualClock):
    """Takes the place of the module ``time`` in a worker that waits for a place in the queue."""

    def __init__(self) -> None:
        super().__init__(time.time())
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        # A clock of this size does not notice a millionth of a second.
        self.advance(max(seconds, 0.001))

    def wait_until(self, moment: datetime) -> None:
        self.sleep(moment.timestamp() - self.now)


class Store:
    """A task's state store, through which only JSON passes."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any, **_: Any) -> None:
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


def context(store: Store | None = None, **of_instance: Any) -> dict[str, Any]:
    """Give the context of a try; without a store, as before Airflow 3.3."""
    ti = FakeTaskInstance()
    vars(ti).update(of_instance)
    return {"ti": ti} if store is None else {"ti": ti, "task_state_store": store}


def cleared(given: dict[str, Any], times: int = 1) -> dict[str, Any]:
    """Let the run have been cleared, as a worker of Airflow 3 is told."""
    return {**given, "dag_run": SimpleNamespace(clear_number=times)}


def run(make: Make, given: dict[str, Any], wait_until: Callable[[datetime], None] | None = None) -> Any:
    """Run a task to its end, in workers and a triggerer, with only JSON passed between them.

    :param make: makes the operator; each worker has one of its own.
    :param given: the context.
    :param wait_until: passes the time until a moment, in the triggerer's stead.
    """
    call: Callable[[], Any] = lambda: make().execute(given)  # noqa: E731
    while True:
        try:
            return call()
        except TaskDeferred as deferral:
            resume = {**_event(deferral.trigger, wait_until), **_json(deferral.kwargs or {})}
            method = deferral.method_name
        call = lambda: make().resume_execution(method, resume, given)  # noqa: B023, E731


def _event(trigger: Any, wait_until: Callable[[datetime], None] | None) -> dict[str, Any]:
    path, arguments = trigger.serialize()
    if path == f"{MJTaskTrigger.__module__}.{MJTaskTrigger.__qualname__}":
        return {"event": _json(asyncio.run(first_event(MJTaskTrigger(**_json(arguments)))))}
    assert path.endswith("DateTimeTrigger")
    assert wait_until is not None
    moment = datetime.fromisoformat(json.loads(json.dumps(arguments, default=datetime.isoformat))["moment"])
    type(trigger)(**{**arguments, "moment": moment})
    wait_until(moment)
    return {"event": moment.isoformat()}


def _json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def fetch(mj_task_id: str) -> dict[str, Any]:
    """Give a task as operators publish it."""
    return MJHook().get_task(mj_task_id).to_dict()
