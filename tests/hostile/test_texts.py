"""Whatever a gateway sends: what comes of it is an answer or an error of ours, fit to be shown and kept."""

from __future__ import annotations

import gc
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import responses
from texts import (
    AIRFLOW_KEYS,
    KEY,
    LINKS,
    LOCATIONS,
    LONG,
    NO_LINKS,
    NUMBERS,
    RETRY_AFTER,
    STRUCTURES,
    TEXTS,
    disguised,
    objects_of_airflow,
    spellings,
)

from airflow_provider_mj.gateway import values
from airflow_provider_mj.gateway.answers import Answer, Ask, is_banned
from airflow_provider_mj.gateway.buttons import find_button, names, opens_window
from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import GatewayError, SubmissionUnknownError
from airflow_provider_mj.gateway.header_times import retry_after_seconds
from airflow_provider_mj.gateway.incoming import clean_text, cleaned
from airflow_provider_mj.gateway.prompts import prompt_lines
from airflow_provider_mj.gateway.rules import error_for
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.gateway.task import NotATaskError, Task, link_expiry, tasks_by_id
from airflow_provider_mj.keeping.names import file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

API = "https://gw.example/mj"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
VALUES = (*TEXTS, *NUMBERS, *STRUCTURES, *NO_LINKS, *LONG)
FIELDS = (
    *(
        "action",
        "status",
        "prompt",
        "promptEn",
        "description",
        "state",
        "submitTime",
        "startTime",
        "finishTime",
    ),
    *("progress", "imageUrl", "imageUrls", "videoUrl", "videoUrls", "failReason", "buttons", "seed", "cost"),
    *("properties", "more"),
)
LIMIT = 0.25
"""Seconds for one value of up to 1 MB, which is read in each of a task's fields."""


def short(value: object) -> str:
    return ascii(value)[:30]


@pytest.fixture
def client() -> GatewayClient:
    return GatewayClient(GatewaySettings(base_url=API, key=KEY), attempts=1, sleep=lambda _: None)


def stored(value: Any) -> Any:
    """Push a value to XCom and pull it, by Airflow's own serializers."""
    try:
        from airflow.sdk.serde import deserialize, serialize
    except ImportError:
        from airflow.utils.json import XComDecoder, XComEncoder

        text = json.dumps(value, cls=XComEncoder)
        text.encode("utf-8")
        return json.loads(text, cls=XComDecoder)
    import msgspec

    pushed = serialize(value)
    # What a worker sends to its supervisor.
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(pushed)) == pushed
    return deserialize(json.loads(json.dumps(pushed, allow_nan=False)))


def is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def is_fit(task: Task) -> bool:
    """Tell whether a task may stand in XCom, and comes out of it as it went in."""
    shape = task.to_dict()
    pulled = stored(shape)
    return (
        is_plain(pulled)
        and pulled == shape
        and len(json.dumps(shape)) < 600_000
        and "\\u0000" not in json.dumps(shape)
        # A progress of 0 is 0 as text, and unset as a number.
        and Task.from_wire(pulled).to_dict() == shape | {"progress": shape["progress"] or None}
    )


@pytest.fixture(autouse=True)
def no_collections() -> Iterator[None]:
    """Measure what is tested: one collection of all that the tests hold takes longer than any of it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("value", VALUES, ids=short)
def test_any_value_in_any_field_gives_a_task_that_fits_into_xcom(value):
    begun = time.thread_time()
    task = Task.from_wire({"id": "17", "status": "SUCCESS", **dict.fromkeys(FIELDS[2:], value)})
    brief = Task.brief_from_wire({"id": "17", **dict.fromkeys(FIELDS, value)})
    assert time.thread_time() - begun < LIMIT
    assert is_fit(task)
    assert (brief.id, task.progress is None or 0 <= task.progress <= 100) == ("17", True)
    assert brief.status is None or ((len(brief.status) <= 64 and brief.status.isprintable()) or brief.status)
    assert len(task.buttons) <= 50
    assert len(task.image_urls) <= 16
    for field in FIELDS if len(json.dumps(value)) < 10_000 else ():
        assert is_fit(Task.from_wire({"id": "17", "status": "SUCCESS", field: value}))


@pytest.mark.parametrize("key", AIRFLOW_KEYS)
@pytest.mark.parametrize("thing", objects_of_airflow(), ids=short)
def test_nothing_comes_alive_in_xcom(key, thing):
    raw = {
        "id": "17",
        "status": "SUCCESS",
        "properties": {"a": thing, "b": [thing, [thing]], **dict.fromkeys(disguised(key), 1)},
        "displays": thing,
        "buttons": [{"customId": "MJ::x", key: thing}, thing],
        "imageUrls": [thing],
        **dict.fromkeys(disguised(key), thing),
        **thing,
    }
    task = Task.from_wire(raw)
    assert is_fit(task)
    assert not any(key in text for text in json.dumps(task.to_dict()).split('"'))


@pytest.mark.parametrize("value", [*TEXTS, *NUMBERS, *LONG, *STRUCTURES[:10]], ids=short)
def test_an_id_is_valid_or_its_row_alone_is_lost(value):
    rows = tasks_by_id([{"id": value, "status": "SUCCESS"}, {"id": "17", "status": "SUCCESS"}, value])
    assert rows["17"].id == "17"
    assert len(rows) <= 2
    for one in rows:
        assert one.isprintable()
        assert 0 < len(one) <= 256
        assert "://" not in one
        assert one.strip(".")
        name = file_name("{id}_{index}", rows[one], 1, "png")
        assert len(name) < 120
        assert not {"/", "\\", "\0", "\n"} & set(name)
        assert name[0] not in ".-"


@pytest.mark.parametrize("value", VALUES, ids=short)
def test_single_values_are_read_or_are_none(value):
    begun = time.thread_time()
    for read in (values.text, values.number, values.small_integer, values.time, values.progress, values.url):
        found = read(value)
        assert found is None or is_plain(found)
        json.dumps(found, allow_nan=False)
    assert values.urls(value) == () or len(values.urls([value] * 50)) <= 16
    if isinstance(value, str):
        assert link_expiry(value) is None
        assert link_expiry(f"http://host/?ex={value}") is None or len(value) < 20
        assert len(prompt_lines(value)) <= 16
        assert is_banned(value) is False
    assert time.thread_time() - begun < LIMIT


@pytest.mark.parametrize("value", NO_LINKS, ids=short)
def test_what_is_no_link_is_none(value):
    assert values.url(value) is None
    # A task is cleaned first, and some of these are links then.
    task = Task.from_wire({"id": "1", "status": "S", "imageUrl": value, "imageUrls": [value]})
    for link in task.image_urls:
        assert link == values.url(link)
        assert link in ("http://host/", "http://host/gpj.exe")


@pytest.mark.parametrize(("value", "link"), LINKS.items())
def test_a_link_is_read_so_that_it_can_be_read_again(value, link):
    assert values.url(value) == link
    assert values.url(link) == link


@pytest.mark.parametrize("value", [value for value in VALUES if isinstance(value, str)], ids=short)
def test_a_button_of_any_name_can_be_looked_for(value):
    task = Task.from_wire(
        {
            "id": "17",
            "status": "SUCCESS",
            "buttons": [
                {"customId": value, "label": value, "emoji": value},
                {"customId": "MJ::JOB::upsample::2::a", "label": "U2"},
            ],
        }
    )
    begun = time.thread_time()
    assert find_button(task.buttons, "U2", subject="task 17").custom_id == "MJ::JOB::upsample::2::a"
    assert all(name.isprintable() and len(name) <= 200 for name in names(task.buttons))
    assert len([one for one in task.buttons if opens_window(one.custom_id)]) <= 1
    with pytest.raises(ValueError, match="task 17: no button is") as caught:
        find_button(task.buttons, "no such " + value, subject="task 17")
    assert str(caught.value).isprintable()
    assert time.thread_time() - begun < LIMIT


@pytest.mark.parametrize("value", VALUES, ids=short)
@pytest.mark.parametrize("ask", Ask)
def test_an_error_of_any_words_is_one_line(ask, value):
    begun = time.thread_time()
    for body in ({"description": value}, {"error": {"message": value}}, {"code": value, "msg": value}, value):
        answer = Answer(400, "words", cleaned(body), is_json=True)
        message = str(error_for(ask, answer, gateway="gw.example"))
        assert message.isprintable()
        assert len(message) < 1000
    assert time.thread_time() - begun < LIMIT


@pytest.mark.parametrize("header", RETRY_AFTER, ids=short)
def test_no_retry_after_is_an_error(header):
    found = retry_after_seconds(header, NOW)
    assert found is None or 0 <= found <= 86400


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or the error of ours that it raises; any other is the test's failure."""
    try:
        return call()
    except GatewayError as error:
        found = error
    assert str(found).isprintable()
    assert len(str(found)) < 1000
    return found


@pytest.mark.parametrize("value", [*TEXTS, *NUMBERS, *STRUCTURES, *NO_LINKS, LONG[0]], ids=short)
@responses.activate
def test_any_answer_to_any_call_is_an_answer_or_an_error_of_ours(client, value):
    for body in (value, {"id": "17", "status": value}, {"code": 1, "result": value, "description": value}):
        text = json.dumps(body)
        responses.reset()
        for method, path in (
            *(("GET", "task/17/fetch"), ("GET", "task/17/image-seed"), ("GET", "task/list")),
            *(("POST", "task/list-by-condition"), ("POST", "task/17/cancel"), ("POST", "submit/imagine")),
            ("POST", "submit/upload-discord-images"),
        ):
            responses.add(method, f"{API}/{path}", body=text)
        outcome(lambda: client.fetch("17"))
        outcome(lambda: client.look(["17"]))
        outcome(client.list_newest)
        outcome(lambda: client.cancel("17"))
        outcome(lambda: client.image_seed("17"))
        submitted = outcome(lambda: client.submit("imagine", {"prompt": "a cat"}))
        if not isinstance(submitted, GatewayError):
            assert all(
                one.isprintable() and len(one) <= 256 and "://" not in one for one in submitted.results
            )
            assert len(submitted.results) <= 16
            assert is_plain(stored(dict(submitted.properties)))
        addresses = outcome(lambda: client.upload_images(["data:image/png;base64,AA"]))
        if not isinstance(addresses, GatewayError):
            assert all(map(values.url, addresses))


@responses.activate
def test_one_bad_row_costs_no_other(client):
    bad = [one for one in (*TEXTS, *STRUCTURES, *NO_LINKS) if len(json.dumps(one)) < 10_000]
    rows = [
        {"id": f"x{n}", "status": value, "imageUrl": value, "failReason": value}
        for n, value in enumerate(bad)
    ]
    text = json.dumps([*rows, *bad, {"id": "17", "status": "SUCCESS", "imageUrl": "https://a/1.png"}])
    text = text[:-1] + ',{"id": "18", "status": "SUCCESS", "cost": 1e999, "seed": ' + "9" * 5000 + "}]"
    responses.post(f"{API}/task/list-by-condition", body=text)
    found = client.list_by_condition([*(row["id"] for row in rows), "17", "18"])
    assert len(found) == len(rows) + 2
    assert found["17"].image_url == "https://a/1.png"
    assert (found["18"].cost, found["18"].seed) == (None, None)
    seen = client.look(["17", "18"])
    assert [seen[one].status for one in ("17", "18")] == ["SUCCESS", "SUCCESS"]


WRONG = [
    link
    for link in NO_LINKS
    if link and not isinstance(link, list) and values.url(clean_text(str(link))) is None
]


@pytest.mark.parametrize("link", WRONG, ids=short)
@responses.activate
def test_an_upload_counts_only_if_every_address_is_a_link(client, link):
    for result in ([link], ["https://a/1.png", link], link):
        responses.reset()
        responses.post(f"{API}/submit/upload-discord-images", json={"code": 1, "result": result})
        with pytest.raises(
            SubmissionUnknownError, match="took the upload and told no usable address"
        ) as caught:
            client.upload_images(["data:image/png;base64,AA"])
        assert caught.value.retry_helps is False
        assert len(responses.calls) == 1


@pytest.mark.parametrize(
    "result", ["https://cdn.example/a.png?hm=secret", "a b", "..", "x" * 300, [{"a": 1}], 1.5, "a\nb"]
)
@responses.activate
def test_a_submission_without_a_usable_id_names_what_was_told(client, result):
    responses.post(f"{API}/submit/imagine", json={"code": 1, "result": result})
    with pytest.raises(SubmissionUnknownError, match="told no usable id .it said: result ") as caught:
        client.submit("imagine", {"prompt": "a cat"})
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("spelling", spellings(), ids=str)
@responses.activate
def test_the_key_is_in_no_error_and_no_task(client, spelling):
    told = spellings()[spelling]
    body = {"error": {"message": f"token {told} is not valid"}}
    row = {"id": "17", "status": "FAILURE", "failReason": f"no channel for {told}", "prompt": told}
    row |= {"properties": {told: told, "l": [told]}, "buttons": [{"customId": f"MJ::{told}", "label": told}]}
    for status, content in (
        *((code, text) for code in (200, 401, 403, 500) for text in (json.dumps(body), f"<p>{told}", told)),
        *((302, ""), (200, json.dumps(row)), (200, json.dumps(row).replace("/", "\\/"))),
    ):
        responses.reset()
        responses.get(f"{API}/task/17/fetch", status=status, body=content, headers={"Location": f"/x/{told}"})
        found = outcome(lambda: client.fetch("17"))
        shown = json.dumps(found.to_dict()) if isinstance(found, Task) else str(found)
        assert not any(part in shown for part in (told, told[-30:], KEY, KEY[3:15])), shown


@pytest.mark.parametrize("location", LOCATIONS, ids=short)
@responses.activate
def test_any_redirect_is_one_line_without_secrets(client, location):
    responses.get(f"{API}/task/17/fetch", status=302, headers={"Location": location})
    error = outcome(lambda: client.fetch("17"))
    assert isinstance(error, GatewayError)
    assert "token" not in str(error)
    assert KEY[3:15] not in str(error)


@pytest.mark.parametrize("header", RETRY_AFTER, ids=short)
@responses.activate
def test_any_retry_after_is_an_error_of_ours(client, header):
    responses.get(f"{API}/task/17/fetch", status=429, headers={"Retry-After": header})
    assert isinstance(outcome(lambda: client.fetch("17")), GatewayError)


def test_what_is_no_task_is_one_error():
    for value in (*STRUCTURES, *TEXTS):
        if not (isinstance(value, dict) and "id" in value):
            with pytest.raises(NotATaskError):
                Task.from_wire(value)
