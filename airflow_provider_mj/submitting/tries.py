"""What Airflow tells of a try: whether a person has asked for it anew, and which installation this is."""

from __future__ import annotations

import hashlib
import weakref
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_provider_mj.submitting.wishes import Try

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.submitting.wishes import Key


def this_try(context: Context, retries: int, *, is_resumed: bool) -> Try:
    """Tell whether a try is the first one of its round, which begins with the first of all and each clear.

    :param context: Airflow's.
    :param retries: how many the operator has, as its DAG file says now.
    :param is_resumed: whether this process goes on with what an earlier one has begun in the same try.
    """
    ti = context["ti"]
    # A clear raises max_tries; but so it seems, too, when the DAG file has fewer retries than before.
    first = ti.max_tries - retries + 1
    is_first = ti.try_number <= 1 or _was_cleared(ti, context, seems_first=ti.try_number == first)
    return Try(
        round=ti.max_tries,
        is_first=not is_resumed and is_first,
        may_be_first=not is_resumed and ti.try_number <= first,
        is_resumed=is_resumed,
        clears=_clears(context),
    )


def _clears(context: Context) -> int:
    """Tell how often a run was cleared, whichever of its tasks; 0 where Airflow does not tell."""
    run: Any = context.get("dag_run")
    number = getattr(run, "clear_number", 0)
    return number if isinstance(number, int) else 0


def _was_cleared(ti: Any, context: Context, *, seems_first: bool) -> bool:
    """Tell whether a clear came after the try before this, before Airflow 3.3, as far as a worker can.

    A worker of Airflow 2 can read what the task instance was in its try before: a clear changes
    ``max_tries``, a retry does not. One of Airflow 3 is told how often its run was cleared.
    """
    if context.get("task_state_store") is not None:
        return False  # the record tells
    try:
        from airflow.models.taskinstancehistory import TaskInstanceHistory
        from airflow.utils.session import create_session

        with create_session() as session:
            before = (
                session.query(TaskInstanceHistory.max_tries)
                .filter_by(dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index)
                .order_by(TaskInstanceHistory.try_number.desc())
                .first()
            )
    except Exception:  # noqa: BLE001 (workers of Airflow 3 have no database: then it is not sure)
        return seems_first and _clears(context) > 0
    return before is not None and before[0] != ti.max_tries


def identity(context: Context) -> tuple[str | int, ...]:
    """Name a task instance among those of all Airflow installations, whichever try it is."""
    ti = context["ti"]
    map_index = -1 if ti.map_index is None else ti.map_index
    return installation(), ti.dag_id, ti.run_id, ti.task_id, map_index


def installation() -> str:
    """Name this installation of Airflow, so that another one with the same DAG has marks of its own.

    The setting ``[mj] installation_id`` says it, else what differs between installations: the addresses of
    the API server, and the Fernet key, of which only a digest is used.
    """
    if own := conf.get("mj", "installation_id", fallback=""):
        return str(own)
    settings = [("api", "base_url"), ("core", "execution_api_server_url"), ("core", "fernet_key")]
    told = [str(conf.get(section, name, fallback="")) for section, name in settings]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def forgets_on_success() -> bool:
    """Tell whether Airflow deletes the records of a task that has succeeded (3.3 and later)."""
    return bool(conf.getboolean("state_store", "clear_on_success", fallback=False))


_NOBODY = ""


@dataclass
class Claims:
    """The wishes that the operators of one try have: several may be executed inside one Airflow task.

    :param taken: for each record who works with it.
    :param released: the records that somebody has worked with, and failed.
    """

    taken: dict[Key, str] = field(default_factory=dict)
    released: set[Key] = field(default_factory=set)
    _executed: list[object] = field(default_factory=list)
    _equal: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def begin(self, operator: Any) -> int:
        """Note that an operator is executed, and tell how often any was before in this try."""
        # They are kept, so that no later one gets the place in memory of one that is gone.
        self._executed.append(operator)
        return len(self._executed) - 1

    def is_repeated(self, operator: Any) -> bool:
        """Tell whether the same operator was executed before, as one of an own class may do itself."""
        return sum(one is operator for one in self._executed) > 1

    def place(self, operator: str, arguments: str, owner: str) -> int:
        """Tell which one of equal wishes an operator has, from 0; the same operator always has the same."""
        owners = self._equal[operator, arguments]
        if owner not in owners:
            # The place of one that has failed is taken by the next, which asks for the same again.
            free = owners.index(_NOBODY) if _NOBODY in owners else len(owners)
            owners[free:] = [owner, *owners[free + 1 :]]
        return owners.index(owner)

    def release(self, owner: str) -> None:
        """Give free what an execution has that failed: an author may repeat it in the same try."""
        for key in [key for key, who in self.taken.items() if who == owner]:
            del self.taken[key]
            self.released.add(key)
        for owners in self._equal.values():
            owners[:] = [_NOBODY if one == owner else one for one in owners]


_CLAIMS: dict[int, tuple[Any, int, Claims]] = {}


def claims(ti: Any) -> Claims:
    """Give what the operators of this try have asked for so far, as long as Airflow's task instance lives."""
    key = id(ti)
    held = _CLAIMS.get(key)
    if held and held[0]() is ti and held[1] == ti.try_number:
        return held[2]
    made = Claims()
    _CLAIMS[key] = weakref.ref(ti), ti.try_number, made
    weakref.finalize(ti, _CLAIMS.pop, key, None)
    return made


def is_inside(operator: Any, ti: Any) -> bool:
    """Tell an operator that is executed inside another Airflow task from the task's own."""
    task = getattr(ti, "task", None)
    if task is None or task is operator:
        return False
    # An operator of a class of one's own may execute one of ours under its own name.
    return type(task) is not type(operator) or task.task_id != operator.task_id
