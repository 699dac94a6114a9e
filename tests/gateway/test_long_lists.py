"""Lists that are longer than an answer may be are read row by row, whoever sends them."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import responses

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import EndpointMissingError, GatewayError, UnexpectedAnswerError
from airflow_provider_mj.gateway.rowwise import MAX_ROW, NotAListError, rows
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.gateway.transport import MAX_ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_mj.gateway.task import Task

pytestmark = pytest.mark.wire

LIST = "https://gw.example/mj/task/list"
KEY = "sk-a-key-of-some-length"


def client() -> GatewayClient:
    return GatewayClient(GatewaySettings.parse(host="https://gw.example", key=KEY), sleep=lambda _: None)


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"{number}", "status": "SUCCESS", "prompt": "a fox " * 150, "submitTime": 1.0} | more


def parts(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


VALUES = [
    [],
    [1],
    [{}],
    [{"id": "1"}, {"id": "2", "prompt": 'a "fox", ] and } é \\'}],
    [[[]], {"a": {"b": [1, 2.5, None, True, "x"]}}, "text", 12, -3.5e2],
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("size", [1, 2, 3, 7, 65536])
@pytest.mark.parametrize("indent", [None, 2])
def test_rows_come_as_json_has_them(value: list[Any], size: int, indent: int | None) -> None:
    data = json.dumps(value, ensure_ascii=False, indent=indent).encode()
    assert [*rows(parts(data, size))] == value
    assert [*rows(parts(b"\xef\xbb\xbf \n" + data + b"\n", size))] == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{}",
        b"null",
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b'[{"id": "1"}, {"id":',
        b'["\\ud8',
        b"[" * 100_000,
        b"[" + b'{"a":' * 50_000,
        b'["' + b"x" * MAX_ROW + b'"]',
        b"[" + b" " * 10 + b"x]",
    ],
    ids=lambda data: f"{data[:12]!r} {len(data)}",
)
def test_what_is_no_list_says_so(data: bytes) -> None:
    with pytest.raises(NotAListError):
        [*rows(parts(data, 65536))]


def test_rows_are_given_before_the_list_is_cut() -> None:
    reading = rows([b'[{"id": "1"}, {"id": "2"}, {"i'])
    assert [next(reading), next(reading)] == [{"id": "1"}, {"id": "2"}]
    with pytest.raises(NotAListError):
        next(reading)


def test_odd_numbers_are_none() -> None:
    data = b"[NaN, -Infinity, " + b"9" * 5000 + b", 0." + b"1" * 5000 + b", 3]"
    assert [*rows([data])] == [None, None, None, None, 3]


LONG = [row(number, state=f"state {number}") for number in range(10_000)]


@pytest.mark.parametrize("is_packed", [False, True])
@responses.activate
def test_a_list_of_a_month_is_read_whole(is_packed: bool) -> None:
    body = json.dumps(LONG).encode()
    assert len(body) > MAX_ANSWER
    packed = {"body": gzip.compress(body, mtime=0), "headers": {"Content-Encoding": "gzip"}}
    responses.get(LIST, content_type="application/json", **(packed if is_packed else {"body": body}))
    newest = client().list_newest()
    assert (len(newest), newest[-1].state) == (len(LONG), "state 9999")


@pytest.mark.alone
@responses.activate
def test_nothing_is_held_but_what_is_kept() -> None:
    responses.get(LIST, body=json.dumps(LONG), content_type="application/json")
    client().read_newest(len_of)
    tracemalloc.start()
    try:
        # The answer itself is held by what stands for the network here.
        before = tracemalloc.get_traced_memory()[0]
        found = client().read_newest(lambda tasks: [one for one in tasks if one.state == "state 7000"])
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert [one.id for one in found] == ["7000"]
    assert peak < 32 * 1024 * 1024


def len_of(tasks: Iterable[Task]) -> int:
    return sum(1 for _ in tasks)


@responses.activate
def test_a_row_is_cleaned_like_any_other() -> None:
    hostile = row(1, state=f"x{KEY}y", properties={"__type": "evil", "n": 10**30}, prompt="a\x1bb")
    responses.get(LIST, json=[hostile, None, 3, "text", [], {"id": "2"}, {"status": "SUCCESS"}])
    (task,) = client().list_newest()
    assert KEY not in str(task.state)
    assert (dict(task.properties), task.prompt) == ({"n": None}, "ab")


@responses.activate
def test_of_two_rows_with_one_id_the_one_that_is_further_along_counts() -> None:
    responses.get(LIST, json=[row(1, status="MODAL"), row(2), row(1), row(1, status="SUBMITTED")])
    assert [(one.id, one.status) for one in client().list_newest()] == [("1", "SUCCESS"), ("2", "SUCCESS")]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status": 404}, EndpointMissingError),
        ({"body": "<html></html>"}, UnexpectedAnswerError),
        ({"json": {"code": 1, "result": []}}, UnexpectedAnswerError),
        ({"body": "[1,2"}, UnexpectedAnswerError),
        ({"body": " " * 100_000}, UnexpectedAnswerError),
        ({"body": ""}, UnexpectedAnswerError),
        ({"body": '{"a": "' + "x" * MAX_ANSWER + '"}'}, UnexpectedAnswerError),
        ({"body": '["' + "x" * MAX_ROW + '"]'}, UnexpectedAnswerError),
        ({"body": b"\x1f\x8b", "headers": {"Content-Encoding": "gzip"}}, UnexpectedAnswerError),
    ],
)
@responses.activate
def test_what_is_no_list_of_tasks_is_an_error_of_the_tree(answer: Any, kind: type[GatewayError]) -> None:
    responses.get(LIST, **answer)
    with pytest.raises(kind):
        client().list_newest()
