"""What a wait for a paid task sees, and whether its end may be better another time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_mj.gateway.errors import GatewayError, TaskNotFoundError, is_banned
from airflow_provider_mj.gateway.task import Task, link_expiry
from airflow_provider_mj.gateway.waiting import Outcome
from airflow_provider_mj.submitting.marks import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_mj.gateway.waiting import Seen, Stop
    from airflow_provider_mj.polling import TaskSource, Watch
    from airflow_provider_mj.submitting.record import Record

_S = TypeVar("_S")


class OwnTasks:
    """Gives what belongs to a record, and before each look writes down what the store has not taken yet.

    Gateways that are restarted give ids again: a task with a mark of ours that was made later is another's.
    And at another gateway than the one that has taken it, only its mark shows that a task is the same.
    """

    def __init__(
        self, source: TaskSource, write: Callable[[], None], record: Record, is_elsewhere: bool
    ) -> None:
        self._source, self._write, self._gateway = source, write, record.gateway
        self._mark, self._since = Mark.read(record.state), record.intent_at
        self._is_elsewhere = is_elsewhere
        # Whoever answers a window may have put a mark of its own at the task.
        self._has_window = record.is_window or record.is_confirmed

    def look(self, mj_task_ids: Sequence[str], /) -> Mapping[str, Seen]:
        """Look at several tasks."""
        self._write()
        return {one: self._own(seen) for one, seen in self._source.look(mj_task_ids).items()}

    def look_alone(self, mj_task_id: str, /) -> Task | GatewayError:
        """Look at one task."""
        self._write()
        return self._own(self._source.look_alone(mj_task_id))

    def get_whole(self, mj_task_ids: Sequence[str], /) -> Mapping[str, Task]:
        """Ask for several tasks with all their fields."""
        whole = self._source.get_whole(mj_task_ids)
        return {one: task for one, task in whole.items() if self._own(task) is task}

    def _own(self, seen: _S) -> _S | TaskNotFoundError:
        mark = Mark.read(seen.state) if isinstance(seen, Task) else None
        is_other = mark is not None and self._mark is not None and mark.name != self._mark.name
        is_foreign = self._is_elsewhere and isinstance(seen, Task) and (mark is None or is_other)
        is_later = is_other and mark is not None and mark.made_at > self._since
        if not is_foreign and (self._has_window or not is_later):
            return seen
        what = "this id is of another submission there"
        mj_task_id = seen.id if isinstance(seen, Task) else None
        return TaskNotFoundError(what, gateway=self._gateway, mj_task_id=mj_task_id)


def may_go_better(watch: Watch) -> bool:
    """Tell whether submitting anew may help everything that ended without a picture."""
    ends = [stop for stop in watch.stops.values() if stop.outcome is not Outcome.SUCCESS]
    return bool(ends) and all(map(_may_end_better, ends))


def _may_end_better(stop: Stop) -> bool:
    if stop.outcome is Outcome.FAILURE:
        return not is_banned(stop.task.fail_reason if stop.task else None)
    return stop.outcome in (Outcome.CANCELLED, Outcome.NOT_FOUND)


def uploaded(record: Record, *, is_new: bool) -> list[str]:
    """Give where uploaded pictures are.

    :raises AirflowFailException: when these links are dead by now.
    """
    ends = [end for one in record.addresses if (end := link_expiry(one))]
    if not is_new and ends and min(ends) < datetime.now(UTC).isoformat():
        raise AirflowFailException(
            "these pictures were uploaded before, and their links have expired. To upload them anew, which "
            "some gateways charge for, delete the key mj_submission from its state store, and clear it"
        )
    return list(record.addresses)
