"""An operator that kills its own process once, without the product knowing of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from airflow_provider_mj.hooks.mj import MJHook
from airflow_provider_mj.operators.mj import MJImagineOperator
from benchmarks.payonce.cases import Case, Point

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.gateway.errors import GatewayError
    from airflow_provider_mj.gateway.submissions import Submission
    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.submitting.record import StateStore

MARKS = "PAYONCE_MARKS"
"""Environment variable with the folder where each kill is noted just before it."""
_LOOK_SECONDS = 0.02


class Trap:
    """Kills the first process that comes to the point of a case.

    :param case: the case.
    :param marks: folder where each kill is noted just before it.
    """

    def __init__(self, case: Case, marks: Path) -> None:
        self._case = case
        self._marks = marks

    def is_set(self, *points: Point) -> bool:
        """Tell whether it kills at one of these points."""
        return self._case.point in points and not was_killed(self._marks, self._case)

    def spring(self, *points: Point) -> None:
        """Kill, if this is the point."""
        if self.is_set(*points):
            note_kill(self._marks, self._case)
            os.kill(os.getpid(), signal.SIGKILL)


def note_kill(marks: Path, case: Case) -> None:
    """Note that a case is killed now; a second time is an error."""
    (marks / case.name).touch(exist_ok=False)


def was_killed(marks: Path, case: Case) -> bool:
    """Tell whether a kill of a case was noted."""
    return (marks / case.name).exists()


def kill_when_charged(gateway: str, trap: Trap) -> None:
    """Wait until a gateway has charged once more than now, then kill; its answer is still withheld.

    :param gateway: host and port.
    :param trap: what kills.
    """
    before = _charges(gateway)

    def watch() -> None:
        while _charges(gateway) == before:
            time.sleep(_LOOK_SECONDS)
        trap.spring(Point.IN_FLIGHT)

    threading.Thread(target=watch, daemon=True).start()


def _charges(gateway: str) -> int:
    return len(requests.get(f"http://{gateway}/sandbox/ledger", timeout=5).json()["charges"])


class KilledHook(MJHook):
    """A hook in which the process dies around the paid call, or in a look.

    :param mj_conn_id: id of the Airflow connection.
    :param trap: what kills.
    :param deadly_look: the number of the look that is the last.
    """

    def __init__(self, mj_conn_id: str, trap: Trap, deadly_look: int) -> None:
        super().__init__(mj_conn_id)
        self._trap = trap
        self._looks_left = deadly_look

    def submit(self, action: str, body: Mapping[str, Any]) -> Submission:
        """Submit, or die before, meanwhile or after."""
        self._trap.spring(Point.BEFORE_POST, Point.BEFORE_POST_NEW)
        if self._trap.is_set(Point.IN_FLIGHT):
            kill_when_charged(self.gateway, self._trap)
        submission = super().submit(action, body)
        self._trap.spring(Point.AFTER_ANSWER)
        return submission

    def look_alone(self, mj_task_id: str) -> Task | GatewayError:
        """Look, or die of it."""
        seen = super().look_alone(mj_task_id)
        self._looks_left -= 1
        if self._looks_left == 0:
            self._trap.spring(Point.LOOKING)
        return seen


class KilledStore:
    """A task's state store in which the process dies once it has kept an id.

    :param store: Airflow's.
    :param trap: what kills.
    """

    def __init__(self, store: StateStore, trap: Trap) -> None:
        self._store = store
        self._trap = trap

    def get(self, key: str, default: Any = None) -> Any:
        """Give a value."""
        return self._store.get(key, default)

    def set(self, key: str, value: Any, **options: Any) -> None:
        """Keep a value, and die if it has the id of a task."""
        self._store.set(key, value, **options)
        if any(record.get("mj_task_ids") for record in value["records"]):
            self._trap.spring(Point.ID_STORED)

    def delete(self, key: str) -> None:
        """Forget a value."""
        self._store.delete(key)


class KilledImagineOperator(MJImagineOperator):
    """Imagine, and die of it once.

    :param case: when and how.
    :param kwargs: as for :class:`.MJImagineOperator`.
    """

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case

    @cached_property
    def hook(self) -> MJHook:
        """The hook in which it may die: while it waits in its loop, or in the look before it defers."""
        return KilledHook(self.mj_conn_id, self._trap, deadly_look=1 if self.deferrable else 2)

    def execute(self, context: Context) -> Any:
        """Submit and wait."""
        self._arm(context)
        return super().execute(context)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None,
        started_at: float,
        record: dict[str, Any],
        **told: Any,
    ) -> Any:
        """Come back from the triggerer."""
        self._arm(context)
        self._trap.spring(Point.RESUMED)
        return super().execute_complete(context, event, started_at, record, **told)

    def result(self, context: Context, tasks: Sequence[dict[str, Any]]) -> Any:
        """Publish."""
        self._trap.spring(Point.FINISHED)
        return super().result(context, tasks)

    def _arm(self, context: Context) -> None:
        self._trap = Trap(self.case, Path(os.environ[MARKS]))
        store: Any = KilledStore(context["task_state_store"], self._trap)
        context["task_state_store"] = store
