from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_mj.record import KEY, Record, Records, Step, next_step

INTENT = Record(digest="d", state="s", intent_at=5.0)
PAID = Record(digest="d", state="s", intent_at=5.0, mj_task_ids=("17",))
ANSWERED = Record(
    digest="d",
    state="s",
    intent_at=5.0,
    mj_task_ids=("17",),
    answer_digest="a",
    answer_at=6.0,
    is_window=True,
)


class Store(dict[str, str]):
    """Airflow's store, through which only JSON passes. It is falsy while it is empty, as a mapping is."""

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self[key]) if key in self else default

    def set(self, key: str, value: Any, **_: Any) -> None:
        self[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.pop(key, None)


@pytest.mark.parametrize(
    ("record", "digest", "answer_digest", "is_known", "expected"),
    [
        pytest.param(None, "d", "", True, Step.SUBMIT, id="nothing was sent"),
        pytest.param(None, "d", "", False, Step.SEARCH, id="nobody knows whether anything was sent"),
        pytest.param(INTENT, "d", "", True, Step.SEARCH, id="an intent and no task"),
        pytest.param(INTENT, "other", "", True, Step.SUBMIT, id="an intent of something else"),
        pytest.param(PAID, "d", "", True, Step.ATTACH, id="a task"),
        pytest.param(PAID, "d", "", False, Step.ATTACH, id="a task that this very try made"),
        pytest.param(PAID, "other", "", True, Step.SUBMIT, id="a task of something else"),
        pytest.param(PAID, "d", "a", True, Step.ATTACH, id="a window that was not answered yet"),
        pytest.param(ANSWERED, "d", "a", True, Step.ATTACH, id="a window that was answered likewise"),
        pytest.param(ANSWERED, "d", "b", True, Step.SUBMIT, id="a window that was answered otherwise"),
    ],
)
def test_the_next_step_follows_from_what_is_written_down(
    record: Record | None, digest: str, answer_digest: str, is_known: bool, expected: Step
) -> None:
    assert next_step(record, digest, answer_digest, is_known=is_known) is expected


@pytest.mark.parametrize(
    "record", [INTENT, PAID, ANSWERED, Record(digest="d", state="s", intent_at=0.0, mj_task_ids=("1", "2"))]
)
def test_a_record_survives_the_store(record: Record) -> None:
    assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_what_other_versions_have_written_can_be_read() -> None:
    later = {**PAID.to_dict(), "added_in_a_later_version": {"x": 1}}
    assert Record.from_dict(later) == PAID
    earliest = {"digest": "d", "state": "s", "intent_at": 5.0}
    assert Record.from_dict(earliest) == INTENT


def test_a_record_holds_only_what_may_be_shown() -> None:
    assert set(PAID.to_dict()) == {
        *("digest", "state", "intent_at", "generation", "mj_task_ids"),
        *("is_window", "answer_digest", "answer_at", "is_confirmed"),
    }


def test_what_one_try_writes_the_next_one_reads() -> None:
    store = Store()
    Records(store).save(PAID)
    assert KEY in store
    assert Records(store).load() == PAID
    Records(store).forget()
    assert Records(store).load() is None
    assert not store


def test_without_a_store_only_this_process_knows() -> None:
    records = Records(None)
    records.save(PAID)
    assert records.load() == PAID
    assert Records(None).load() is None
    records.forget()
    assert records.load() is None


@pytest.mark.parametrize(("store", "expected"), [(Store(), True), (None, False)])
def test_only_a_store_outlives_a_try(store: Store | None, expected: bool) -> None:
    assert Records(store).outlives_tries is expected
