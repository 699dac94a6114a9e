"""What is written down so that a submission is paid once: before the call an intent, after it the task.

It lives in Airflow's ``task_state_store`` (3.3 and later), which outlives retries and dead workers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "mj_submission"
"""Under which the record is in the task's state store; a person who deletes it lets the task pay again."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One paid submission of one Airflow task instance. It holds no secret and nothing of the payload.

    :param digest: of what was submitted; only for the same is a stored task still the answer.
    :param state: the mark that the submission carried, by which it can be found at some gateways.
    :param intent_at: when it was about to be sent, in epoch seconds; 0 if that is not known.
    :param generation: how often it was submitted anew on purpose.
    :param mj_task_ids: the tasks that it made, usually one; none while that is not known.
    :param is_window: whether the task waits for a confirmation (status MODAL).
    :param answer_digest: of the confirmation that was about to be sent, or was.
    :param answer_at: when the confirmation was about to be sent, in epoch seconds; 0 if it was not yet.
    :param is_confirmed: whether it was confirmed, so that MODAL means "in the queue".
    """

    digest: str
    state: str
    intent_at: float
    generation: int = 0
    mj_task_ids: tuple[str, ...] = ()
    is_window: bool = False
    answer_digest: str = ""
    answer_at: float = 0.0
    is_confirmed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON primitives."""
        return asdict(self) | {"mj_task_ids": list(self.mj_task_ids)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read it again; what a later version has added is passed over."""
        known = {field.name: stored[field.name] for field in fields(cls) if field.name in stored}
        return cls(**known | {"mj_task_ids": tuple(known.get("mj_task_ids", ()))})


class Step(Enum):
    """What a try has to do about a submission."""

    SUBMIT = "submit it"
    ATTACH = "take up the task that it made"
    SEARCH = "find out whether it has arrived"


def next_step(record: Record | None, digest: str, answer_digest: str = "", *, is_known: bool) -> Step:
    """Decide what a try has to do.

    :param record: what earlier tries have written down.
    :param digest: of what is to be submitted.
    :param answer_digest: of what a window is to be answered with.
    :param is_known: whether no record means that nothing was sent: where there is a store, or in a first try.
    """
    if record is None:
        return Step.SUBMIT if is_known else Step.SEARCH
    if record.digest != digest or (record.answer_at and record.answer_digest != answer_digest):
        return Step.SUBMIT
    return Step.ATTACH if record.mj_task_ids else Step.SEARCH


class StateStore(Protocol):
    """What is needed of Airflow's ``task_state_store``."""

    def get(self, key: str, default: Any = None) -> Any:
        """Give a value."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Keep a value."""

    def delete(self, key: str) -> None:
        """Forget a value."""


class Records:
    """The record of one task instance, in the store if there is one, else for this process only.

    :param store: Airflow's store; None before Airflow 3.3.
    :param carried: what an earlier process of the same try has written down.
    """

    def __init__(self, store: StateStore | None, carried: Mapping[str, Any] | None = None) -> None:
        self._store = store
        self._record = Record.from_dict(carried) if carried else None

    @property
    def carried(self) -> dict[str, Any] | None:
        """What a deferral has to carry, since without a store the next process knows nothing."""
        return self._record.to_dict() if self._record and self._store is None else None

    @property
    def outlives_tries(self) -> bool:
        """Whether a later try can read what this one writes."""
        return self._store is not None

    def load(self) -> Record | None:
        """Read the record.

        :returns: what was written last; None if nothing was.
        """
        if self._store is None:
            return self._record
        stored = self._store.get(KEY)
        return Record.from_dict(stored) if stored else None

    def save(self, record: Record) -> None:
        """Write the record."""
        self._record = record
        if self._store is not None:
            self._store.set(KEY, record.to_dict(), **_retention())

    def forget(self) -> None:
        """Delete the record, because nothing was paid."""
        self._record = None
        if self._store is not None:
            self._store.delete(KEY)


def _retention() -> dict[str, Any]:
    """Keep a record as long as its run; by itself Airflow forgets in 30 days, and a clear would pay again."""
    try:
        return {"retention": import_module("airflow.sdk").NEVER_EXPIRE}
    except (ImportError, AttributeError):
        return {}
