from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.jobs import LONGEST_STATE, Job, with_extra
from airflow_provider_mj.submitting.marks import ANSWERED, Mark, answer_mark, digest, is_ours, mark
from airflow_provider_mj.submitting.record import payload_digest

MADE_AT = 1_790_000_000
PNG = "data:image/png;base64,iVBORw0KGgo="
OURS = mark(MADE_AT, "here", "dag", "run", "draw", -1)
BEFORE = "airflow-e34cc3784a28492ff2de7a21a10f23a04cf03abfcd2d97b94dfb0228"


def test_a_mark_tells_when_it_was_made_and_names_the_wish() -> None:
    read = Mark.read(OURS)
    assert read is not None
    assert (read.made_at, read.is_answer) == (MADE_AT, False)
    later = Mark.read(mark(MADE_AT + 3600, "here", "dag", "run", "draw", -1))
    assert later is not None
    assert later.name == read.name


def test_the_mark_of_an_answer_is_known_as_one() -> None:
    answer = Mark.read(answer_mark(OURS))
    assert answer is not None
    assert answer.is_answer
    assert answer.name == OURS[-47:]
    assert answer_mark(OURS).endswith(ANSWERED)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param(OURS[:-1], id="cut"),
        pytest.param(OURS[:32], id="cut to half"),
        pytest.param(f"user-7:{OURS}", id="with something before it"),
        pytest.param(f"{OURS}1", id="with something behind it"),
        pytest.param(f"{OURS}::", id="with dots behind it"),
        pytest.param(f"{OURS}::x", id="with no number behind the dots"),
        pytest.param(f"{OURS}::1000", id="with too long a number"),
        pytest.param(f"{OURS}::١", id="with a number in other signs"),
        pytest.param(f"{OURS}::1::2", id="with two numbers"),
        pytest.param(f"{OURS}\n", id="with the end of a line"),
        pytest.param(OURS.upper(), id="in capitals"),
        pytest.param(BEFORE, id="of the release before"),
        pytest.param("airflow-nightly", id="an author's own"),
    ],
)
def test_what_is_no_whole_mark_tells_no_time(state: str | None) -> None:
    assert Mark.read(state) is None


@pytest.mark.parametrize("part", [1, 4, 12, 999])
def test_a_gateway_may_number_the_tasks_of_a_press(part: int) -> None:
    numbered = Mark.read(f"{OURS}::{part}")
    assert numbered is not None
    assert (numbered.part, replace(numbered, part=0)) == (part, Mark.read(OURS))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (OURS, True),
        (answer_mark(OURS), True),
        (BEFORE, True),
        (answer_mark(BEFORE), True),
        ("airflow-nightly", False),
        ("airflow-", False),
        ("order 17", False),
        ("", False),
        (BEFORE[:-1], False),
    ],
)
def test_only_a_mark_is_searched_for(state: str, expected: bool) -> None:
    assert is_ours(state) is expected


def test_marks_differ_in_every_part_and_are_fit_for_every_gateway() -> None:
    marks = [
        mark(MADE_AT, "here", "dag", "run", "task", -1),
        mark(MADE_AT, "there", "dag", "run", "task", -1),
        mark(MADE_AT, "here", "dag", "run", "task", 0),
        mark(MADE_AT, "here", "dag", "run", "task", "0"),
        mark(MADE_AT, "here", "dagr", "un", "task", -1),
        mark(MADE_AT, "here", "dag,run", "task", -1),
        mark(MADE_AT, "here", 'dag","run', "task", -1),
        mark(MADE_AT, "here", "每晚", "run", "task", -1),
        mark(MADE_AT + 1, "here", "dag", "run", "task", -1),
    ]
    assert len(set(marks)) == len(marks)
    assert all(len(one) == 64 and one.isascii() and one.isprintable() for one in marks)
    assert len(answer_mark(marks[0])) <= LONGEST_STATE


@pytest.mark.parametrize(
    ("moment", "hexadecimal"), [(0.0, "00000000"), (1.9, "00000001"), (1e12, "ffffffff")]
)
def test_any_moment_fits_into_a_mark(moment: float, hexadecimal: str) -> None:
    assert mark(moment, "x").startswith(f"airflow-{hexadecimal}-")
    assert Mark.read(mark(moment, "x")) is not None


def test_marks_and_digests_stay_what_they_were_when_a_record_was_written() -> None:
    assert OURS == "airflow-6ab13b80-032c468c2b9b79d720898aae9229ffd6b1d3e54fe05f379"
    job = Job("imagine", {"prompt": "一只猫 \ud800", "base64Array": [PNG], "accountFilter": {"b": 1, "a": 2}})
    assert payload_digest(job) == "275af4cd5cefc3bc3d919aae1cfe0f8306f03063ed50b6abe8ed7b023392a399"


def test_a_digest_hangs_neither_on_the_order_of_keys_nor_on_where_the_answer_goes() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    job = Job("imagine", {"prompt": "a", "accountFilter": {"a": 1, "b": 2}})
    same = Job("imagine", {"accountFilter": {"b": 2, "a": 1}, "prompt": "a"})
    elsewhere = with_extra(job, {"state": "s", "notifyHook": "https://h"})
    assert payload_digest(job) == payload_digest(same) == payload_digest(elsewhere)


@pytest.mark.parametrize(
    "other",
    [
        Job("shorten", {"prompt": "a"}),
        Job("imagine", {"prompt": "b"}),
        Job("imagine", {"prompt": "a", "noStorage": True}),
        Job("imagine", {"prompt": "a", "accountFilter": {"state": "x"}}),
    ],
)
def test_another_job_has_another_digest(other: Job) -> None:
    assert payload_digest(other) != payload_digest(jobs.imagine("a"))
