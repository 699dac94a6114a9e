"""What is written down, in which form, and what can't be read."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from airflow_provider_mj.submitting.record import KEY, VERSION, Record, Records, UnreadableRecordError

INTENT = Record(state="s", intent_at=5.0, arguments="a", round=0, gateway="gw.example")
PAID = replace(INTENT, mj_task_ids=("17",))
OTHER = replace(INTENT, arguments="b", mj_task_ids=("18",))
INSIDE = replace(INTENT, operator="inner", place=1, mj_task_ids=("19", "20"))
ANSWERED = replace(PAID, answer="w", answer_at=6.0, is_window=True)
UPLOADED = replace(INTENT, state="", addresses=("https://cdn.example/1.png",))

FLAT = {
    "digest": "d",
    "state": "s",
    "intent_at": 5.0,
    "generation": 0,
    "mj_task_ids": ["17"],
    "is_window": True,
    "answer_digest": "w",
    "answer_at": 6.0,
    "is_confirmed": False,
}


class Store(dict[str, str]):
    """Airflow's store, through which only JSON passes. It is falsy while it is empty, as a mapping is."""

    is_down = False

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self[key]) if key in self else default

    def set(self, key: str, value: Any, **_: Any) -> None:
        self._check()
        self[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self._check()
        self.pop(key, None)

    def _check(self) -> None:
        if self.is_down:
            raise ConnectionError("the API server is down")


def holding(value: Any) -> Store:
    return Store({KEY: json.dumps(value)})


# --- its form --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [INTENT, PAID, INSIDE, ANSWERED, UPLOADED])
def test_a_record_survives_the_store(record: Record) -> None:
    assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_a_record_holds_only_what_may_be_shown_and_what_is_set() -> None:
    assert {field.name for field in fields(Record)} == {
        *("state", "intent_at", "arguments", "operator", "place", "round", "gateway", "generation"),
        *("clears", "path"),
        *("mj_task_ids", "addresses", "is_window", "answer", "answer_at", "is_confirmed", "payload"),
    }
    assert set(INTENT.to_dict()) == {"state", "intent_at", "arguments", "round", "gateway"}


def test_the_record_of_the_release_before_is_read() -> None:
    expected = Record(
        state="s",
        intent_at=5.0,
        mj_task_ids=("17",),
        is_window=True,
        answer="w",
        answer_at=6.0,
        payload="d",
    )
    assert Records(holding(FLAT)).load() == [expected]
    assert expected.round is None
    earliest = {"digest": "d", "state": "s", "intent_at": 5}
    assert Records(holding(earliest)).load() == [Record(state="s", intent_at=5, payload="d")]


def test_the_record_of_the_release_before_is_kept_beside_new_ones() -> None:
    store = holding(FLAT)
    Records(store).save(OTHER)
    assert [record.mj_task_ids for record in Records(store).load()] == [("17",), ("18",)]
    assert store.get(KEY)["version"] == VERSION


def test_what_a_later_version_has_added_is_passed_over() -> None:
    added = {**PAID.to_dict(), "added": {"x": 1}}
    assert Records(holding({"version": VERSION, "records": [added]})).load() == [PAID]


def of_this_version(*records: Any) -> dict[str, Any]:
    return {"version": VERSION, "records": list(records)}


UNREADABLE: dict[str, Any] = {
    "None: its object in the storage is gone": None,
    "text": "17",
    "a list": [PAID.to_dict()],
    "a number": 17,
    "an empty dict": {},
    "a reference to a storage that this worker has not": {"__external_ref__": "s3://b/k"},
    "a later version": {"version": VERSION + 1, "records": [PAID.to_dict()]},
    "an unknown version": {"version": "x", "records": []},
    "no records": {"version": VERSION},
    "records that are a dict": {"version": VERSION, "records": {"17": PAID.to_dict()}},
    "a record that is text": of_this_version(PAID.to_dict(), "17"),
    "a record without a state": of_this_version({"intent_at": 5.0}),
    "a record without a time": of_this_version({"state": "s"}),
    "ids that are text": of_this_version({**PAID.to_dict(), "mj_task_ids": "17"}),
    "ids that are numbers": of_this_version({**PAID.to_dict(), "mj_task_ids": [17]}),
    "ids that are None": of_this_version({**PAID.to_dict(), "mj_task_ids": None}),
    "a time that is text": of_this_version({**PAID.to_dict(), "intent_at": "5.0"}),
    "a state that is None": of_this_version({**PAID.to_dict(), "state": None}),
    "a round that is text": of_this_version({**PAID.to_dict(), "round": "0"}),
    "a place that is None": of_this_version({**PAID.to_dict(), "place": None}),
    "one good record and one that is broken": of_this_version(PAID.to_dict(), {"state": "s"}),
    "a broken record of the release before": {"digest": "d", "mj_task_ids": ["17"]},
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_can_not_be_read_is_not_taken_for_nothing(what: str) -> None:
    store = holding(UNREADABLE[what])
    before = dict(store)
    with pytest.raises(UnreadableRecordError):
        Records(store).load()
    with pytest.raises(UnreadableRecordError):
        Records(store).save(PAID)
    assert store == before


def test_what_can_not_be_read_is_written_over_once_it_is_decided_what_it_means() -> None:
    store = holding(None)
    records = Records(store)
    records.give_up_unreadable()
    assert records.load() == []
    records.save(PAID)
    assert Records(store).load() == [PAID]


def test_no_key_is_no_record() -> None:
    assert Records(Store()).load() == []
    assert Records(holding(of_this_version())).load() == []


# --- side by side ----------------------------------------------------------------------------------------


def test_records_lie_side_by_side_in_the_order_in_which_they_were_first_written() -> None:
    store = Store()
    for record in (INTENT, OTHER, INSIDE, PAID):
        Records(store).save(record)
    assert Records(store).load() == [PAID, OTHER, INSIDE]


@pytest.mark.parametrize(
    "other",
    [
        replace(INTENT, arguments="b"),
        replace(INTENT, operator="inner"),
        replace(INTENT, place=1),
    ],
)
def test_a_record_takes_the_place_of_the_one_with_its_key_only(other: Record) -> None:
    store = Store()
    Records(store).save(PAID)
    Records(store).save(other)
    assert Records(store).load() == [PAID, other]


def test_what_was_refused_is_as_if_it_had_never_been_written() -> None:
    store = Store()
    records = Records(store)
    records.save(OTHER)
    records.save(INTENT)
    records.replace(INTENT, None)
    assert records.load() == [OTHER]
    records.replace(OTHER, None)
    assert KEY not in store


def test_a_refusal_puts_back_what_was_there_before() -> None:
    records = Records(Store())
    failed, anew = replace(PAID, generation=0), replace(INTENT, generation=1)
    records.save(failed)
    records.save(anew)
    assert records.load() == [anew]
    records.replace(anew, failed)
    assert records.load() == [failed]


@pytest.mark.parametrize("new", [None, OTHER])
def test_what_another_worker_has_written_meanwhile_stays(new: Record | None) -> None:
    store = Store()
    records = Records(store)
    records.save(INTENT)
    Records(store).save(PAID)
    records.replace(INTENT, new)
    assert records.load() == [PAID]


# --- a store that fails ----------------------------------------------------------------------------------


def test_what_the_store_refused_is_written_at_the_next_occasion() -> None:
    store = Store()
    records = Records(store)
    records.save(INTENT)
    store.is_down = True
    with pytest.raises(ConnectionError):
        records.save(PAID)
    with pytest.raises(ConnectionError):
        records.flush()
    assert records.has_unwritten
    assert Records(store).load() == [INTENT]
    store.is_down = False
    Records(store).save(OTHER)
    records.flush()
    assert not records.has_unwritten
    assert Records(store).load() == [PAID, OTHER]


def test_what_was_written_since_is_not_written_over_by_what_was_refused() -> None:
    store = Store()
    records = Records(store)
    store.is_down = True
    with pytest.raises(ConnectionError):
        records.save(INTENT)
    store.is_down = False
    records.save(PAID)
    records.flush()
    assert Records(store).load() == [PAID]


def test_without_anything_to_write_nothing_is_asked() -> None:
    store = Store()
    records = Records(store)
    records.flush()
    assert store == {}


# --- without a store -------------------------------------------------------------------------------------


def test_without_a_store_only_this_process_knows() -> None:
    records = Records(None)
    assert not records.outlives_tries
    records.save(INTENT)
    records.save(PAID)
    assert records.load() == [PAID]
    assert Records(None).load() == []
    records.replace(PAID, None)
    assert records.load() == []
    assert records.carried() is None


def test_without_a_store_a_deferral_carries_what_is_known() -> None:
    records = Records(None)
    records.save(PAID)
    carried = json.loads(json.dumps(records.carried()))
    assert Records(None, carried).load() == [PAID]
    assert Records(None, FLAT).load()[0].mj_task_ids == ("17",)


def test_with_a_store_a_deferral_carries_nothing() -> None:
    records = Records(Store())
    records.save(PAID)
    assert records.outlives_tries
    assert records.carried() is None


@pytest.mark.parametrize(
    ("stored", "known"),
    [
        (Record(state="s", intent_at=1.0, arguments="A", mj_task_ids=("1",)), False),
        (Record(state="s", intent_at=1.0, arguments="A", mj_task_ids=("2",), generation=1), True),
        (Record(state="s", intent_at=1.0, arguments="A", mj_task_ids=("3",), generation=2), True),
        (Record(state="s", intent_at=1.0, arguments="A", generation=1), False),
        (Record(state="s", intent_at=1.0, arguments="B", mj_task_ids=("4",), generation=1), False),
    ],
)
def test_only_what_is_not_older_is_what_another_worker_has_found(stored: Record, known: bool) -> None:
    """A store that reads an older value still has the task that failed, and was submitted anew."""
    records = Records(Store())
    records.save(stored)
    paid = Record(state="t", intent_at=2.0, arguments="A", mj_task_ids=("9",), generation=1)
    assert records.known_beside(paid) == (stored if known else None)
    assert Records(None).known_beside(paid) is None
