"""The record: what is written down of a wish, before the call and after it, so that it is paid once.

The records of an Airflow task lie side by side under one key of Airflow's ``task_state_store`` (3.3 and
later), which outlives retries and dead workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, Self

from airflow_provider_mj.gateway.jobs import NOT_DRAWN
from airflow_provider_mj.submitting.marks import digest

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.jobs import Job

KEY = "mj_submission"
"""Under which the records are in the task's state store; a person who deletes it lets the task pay again."""

VERSION = 2
_NO_KEY: Any = object()
_TUPLES = ("mj_task_ids", "addresses")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One wish of an author, and what became of it. It holds no secret and nothing of the payload.

    :param state: the ``state`` as it was sent: the mark, or the author's own.
    :param intent_at: when it was about to be sent, in epoch seconds; 0 if that is not known.
    :param arguments: digest of the author's arguments; "" in a record of the release before.
    :param operator: the operator's task id where it is executed inside another Airflow task; else "".
    :param place: which one it is among wishes with the same arguments in one try, from 0.
    :param round: Airflow's ``max_tries`` when it was last asked for: a clear changes it, a retry does not.
        None in a record of the release before.
    :param clears: how often the run had been cleared by then, as far as Airflow tells.
    :param gateway: host and port of the gateway.
    :param path: the path below which it serves its calls.
    :param generation: how often it was submitted anew on purpose.
    :param mj_task_ids: the tasks that it made, usually one; none while that is not known.
    :param addresses: where uploaded pictures are, for an upload, which makes no task.
    :param is_window: whether the task waits for a confirmation (status MODAL).
    :param answer: digest of the author's answer to the window that was about to be sent, or was.
    :param answer_at: when the answer was about to be sent, in epoch seconds; 0 if it was not yet.
    :param is_confirmed: whether it was confirmed, so that MODAL means "in the queue".
    :param payload: digest of what was sent, in a record of the release before.
    """

    state: str
    intent_at: float
    arguments: str = ""
    operator: str = ""
    place: int = 0
    round: int | None = None
    clears: int = 0
    gateway: str = ""
    path: str = ""
    generation: int = 0
    mj_task_ids: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    is_window: bool = False
    answer: str = ""
    answer_at: float = 0.0
    is_confirmed: bool = False
    payload: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from the other records of the same Airflow task."""
        return self.operator, self.arguments, self.place

    @property
    def is_known(self) -> bool:
        """Whether it is known what was paid for."""
        return bool(self.mj_task_ids or self.addresses)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON primitives, without what is not set."""
        set_ones = {field.name: getattr(self, field.name) for field in fields(self)}
        told = {name: value for name, value in set_ones.items() if value != _DEFAULTS.get(name)}
        return told | {name: list(told[name]) for name in _TUPLES if name in told}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read it again; what a later version has added is passed over.

        :raises UnreadableRecordError: when it is no record.
        """
        named = {_BEFORE.get(name, name): value for name, value in stored.items()}
        known = {field.name: named[field.name] for field in fields(cls) if field.name in named}
        if not known.keys() >= _REQUIRED or not all(_is_of_kind(*item) for item in known.items()):
            raise UnreadableRecordError("it has another shape")
        return cls(**known | {name: tuple(known.get(name, ())) for name in _TUPLES})


_REQUIRED = {"state", "intent_at"}
_DEFAULTS = {field.name: field.default for field in fields(Record)}
# How the release before called what is called otherwise now.
_BEFORE = {"digest": "payload", "answer_digest": "answer"}


def _is_of_kind(name: str, value: Any) -> bool:
    """Tell whether a value may stand there: a person can edit what is stored, and a half of it pays again."""
    if name in _TUPLES:
        return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    if name in ("intent_at", "answer_at"):
        return isinstance(value, int | float)
    if name == "round":
        return value is None or isinstance(value, int)
    return isinstance(value, str if name == "state" else type(_DEFAULTS[name]))


def payload_digest(job: Job) -> str:
    """Name what is sent, as the release before wrote it down."""
    body = {key: value for key, value in job.body.items() if key not in NOT_DRAWN}
    return digest([job.action, body])


class UnreadableRecordError(Exception):
    """There are records of the Airflow task, and they can't be read, so that nothing may be paid."""


class StateStore(Protocol):
    """What is needed of Airflow's ``task_state_store``."""

    def get(self, key: str, default: Any = None) -> Any:
        """Give a value."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Keep a value."""

    def delete(self, key: str) -> None:
        """Forget a value."""


class Records:
    """The records of one task instance, in the store if there is one, else for this process only.

    :param store: Airflow's store; None before Airflow 3.3.
    :param carried: what an earlier process of the same try has written down.
    """

    def __init__(self, store: StateStore | None, carried: Mapping[str, Any] | None = None) -> None:
        self._store = store
        self._own = [Record.from_dict(carried)] if carried else []
        self._unwritten: dict[tuple[str, str, int], Record] = {}
        self._is_given_up = self._is_partial = False

    @property
    def outlives_tries(self) -> bool:
        """Whether a later try can read what this one writes."""
        return self._store is not None

    def carried(self) -> dict[str, Any] | None:
        """Give what a deferral has to carry, since without a store the next process knows nothing."""
        return self._own[-1].to_dict() if self._own and self._store is None else None

    def load(self) -> list[Record]:
        """Read the records.

        :returns: them, in the order in which they were first written.
        :raises UnreadableRecordError: when there are some that can't be read.
        """
        if self._store is None:
            return list(self._own)
        stored = self._store.get(KEY, _NO_KEY)
        self._is_partial = isinstance(stored, Mapping) and bool(stored.get("partial"))
        try:
            # A key whose object in the storage is gone gives None: something was there.
            return [] if stored is _NO_KEY else _read(stored)
        except UnreadableRecordError:
            if not self._is_given_up:
                raise
            self._is_partial = True
            return []

    @property
    def is_complete(self) -> bool:
        """Whether what is not written down was not sent, as far as was read last."""
        return self.outlives_tries and not self._is_partial

    def give_up_unreadable(self) -> None:
        """Write over what can't be read, once it is decided what that means for one wish.

        There may have been others: what is written from then on says that it is but a part.
        """
        self._is_given_up = True

    def of_event(self, event: Mapping[str, object] | None) -> Record:
        """Give what is written down of the tasks of a trigger's event, or as much as that tells."""
        told = (event or {}).get("mj_task_ids")
        mj_task_ids = tuple(map(str, told)) if isinstance(told, list) else ()
        found = [one for one in self.load() if mj_task_ids and one.mj_task_ids == mj_task_ids]
        return found[-1] if found else Record(state="", intent_at=0.0, mj_task_ids=mj_task_ids)

    def known_beside(self, record: Record) -> Record | None:
        """Give what another worker has written down of the same wish, and of no earlier generation.

        None where there is nothing, and where it can't be read, since writing will tell that.
        """
        try:
            stored = self.load() if self.outlives_tries else []
        except Exception:  # noqa: BLE001 (a picture that is paid for is not given up for it)
            return None
        known = (one for one in stored if one.key == record.key and one.is_known)
        return next((one for one in known if one.generation >= record.generation), None)

    def save(self, record: Record) -> None:
        """Write a record down beside the others, in place of the one with its key."""
        if self._store is None:
            self._own = _with(self._own, record)
        else:
            self._unwritten[record.key] = record
            self._write(_with(self.load(), record))
            del self._unwritten[record.key]

    def replace(self, old: Record, new: Record | None) -> None:
        """Put a record in place of another, or none: as if the other had never been written.

        What another worker has written in its place meanwhile stays.
        """
        records = self.load()
        if old in records:
            rest = [one for one in records if one != old]
            self._write(rest if new is None else _with(rest, new))

    def flush(self) -> None:
        """Write what could not be written before; what fails again is left for the next occasion."""
        if self._unwritten and self._store is not None:
            records = self.load()
            for record in self._unwritten.values():
                records = _with(records, record)
            self._write(records)
            self._unwritten.clear()

    @property
    def has_unwritten(self) -> bool:
        """Whether something is known that is not written down yet."""
        return bool(self._unwritten)

    def _write(self, records: list[Record]) -> None:
        if self._store is None:
            self._own = records
        elif records or self._is_partial:
            value = {"version": VERSION, "records": [record.to_dict() for record in records]}
            self._store.set(KEY, value | ({"partial": True} if self._is_partial else {}), **_retention())
        else:
            self._store.delete(KEY)


def _with(records: list[Record], record: Record) -> list[Record]:
    """Put a record beside the others; it takes the place of the one with its key."""
    if all(one.key != record.key for one in records):
        return [*records, record]
    return [record if one.key == record.key else one for one in records]


def _read(stored: Any) -> list[Record]:
    if not isinstance(stored, Mapping):
        raise UnreadableRecordError("it is gone, or is no record")
    if "version" not in stored:
        return [Record.from_dict(stored)]  # the release before had one record
    records = stored.get("records")
    if stored["version"] != VERSION or not isinstance(records, list):
        raise UnreadableRecordError("a later version of the provider has written it")
    if not all(isinstance(one, Mapping) for one in records):
        raise UnreadableRecordError("it has another shape")
    return [Record.from_dict(one) for one in records]


def _retention() -> dict[str, Any]:
    """Keep records as long as their run; else Airflow forgets in 30 days, and a clear would pay again."""
    try:
        return {"retention": import_module("airflow.sdk").NEVER_EXPIRE}
    except (ImportError, AttributeError):
        return {}
