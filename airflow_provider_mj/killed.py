"""Whether a task that Airflow ends is ended for good: only then may a job that is paid for be cancelled.

Airflow ends a process in the same way when a person marks its task, when a person clears it, and when its
machine goes. What tells them apart is the state that Airflow has for the task at that moment.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ASK_SECONDS = 3.0
"""How long to wait for Airflow's answer: it kills a process that has not ended 5 seconds after SIGTERM."""

_ENDED_FOR_GOOD = frozenset(("success", "failed", "skipped"))


def is_ended_for_good(state: str | None) -> bool:
    """Tell whether a task that is being ended is one that nobody takes up again.

    These are the states that a person can give to a task. A clear leaves it without a state or restarting, an
    eviction leaves it running, and where a retry comes it is up for retry. A task whose place in the DAG is
    gone (``removed``) gets it back, and runs again, when a mended DAG file is read.

    :param state: what Airflow has for the task now; None for no state, or where that is not known.
    """
    return state in _ENDED_FOR_GOOD


def state_now(ti: Any, seconds: float = ASK_SECONDS) -> str | None:
    """Ask Airflow for the state of a task instance.

    It asks in a thread of its own: a signal may have come in the middle of what the main thread was asking
    Airflow, which then holds the lock of that line, or the session of the database.

    :param ti: the task instance, as a context or a trigger has it.
    :param seconds: how long to wait for the answer.
    :returns: the state; None where there is none, or where Airflow does not tell.
    """
    answers: list[str | None] = []

    def ask() -> None:
        with suppress(Exception):
            answers.append(_ask(ti))

    thread = threading.Thread(target=ask, name="mj-state", daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else None


def _ask(ti: Any) -> str | None:
    if hasattr(ti, "current_state"):  # Airflow 2, where a task reads the database itself
        state: str | None = ti.current_state()
        return state
    runtime = import_module("airflow.sdk.execution_time.task_runner").RuntimeTaskInstance
    states: Mapping[str, Mapping[str, str | None]] = runtime.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    is_mapped = ti.map_index is not None and ti.map_index >= 0
    return states[ti.run_id][f"{ti.task_id}_{ti.map_index}" if is_mapped else ti.task_id]
