from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_mj.gateway.task import (
    NotATaskError,
    Task,
    TaskStatus,
    brief_object,
    link_expiry,
    tasks_by_id,
)

KEYS = [
    *("id", "action", "status", "prompt", "promptEn", "description", "state", "submitTime", "startTime"),
    *("finishTime", "progress", "imageUrl", "imageUrls", "videoUrl", "videoUrls", "imageUrlExpiresAt"),
    *("failReason", "buttons", "seed", "cost", "properties"),
]


CLIPS = [{"url": "https://a/2.mp4", "thumbnail": ""}, {"url": "https://a/3.mp4"}]


def task(**fields: Any) -> Task:
    return Task.from_wire({"id": "1", "status": "IN_PROGRESS", **fields})


def test_gptplus5_document(document):
    found = Task.from_wire(document("gptplus5_fetch")).to_dict()
    assert list(found) == KEYS
    assert found["id"] == "1730621826053455"
    assert found["submitTime"] == "2024-11-03T08:17:06.053000Z"
    assert found["imageUrlExpiresAt"] == "2024-11-04T08:17:35Z"
    assert found["progress"] == 100
    assert (found["failReason"], found["state"], found["seed"], found["cost"]) == (None, None, None, None)
    assert [button["label"] for button in found["buttons"]] == [
        "U1",
        "U2",
        "U3",
        "U4",
        None,
        "V1",
        "V2",
        "V3",
        "V4",
    ]
    assert found["buttons"][4]["emoji"] == "🔄"
    assert found["properties"] == {"finalPrompt": "pig --v 6.1", "finalZhPrompt": ""}


def test_sku_vip_document(document):
    found = Task.from_wire(document("sku_vip_fetch")).to_dict()
    assert list(found) == KEYS
    assert (found["cost"], found["seed"], found["failReason"]) == (2.0, None, None)
    assert found["finishTime"] == "2024-12-24T08:55:13Z"
    assert found["imageUrlExpiresAt"] == "2024-12-25T08:55:03Z"
    assert found["properties"]["flags"] == 0
    assert found["properties"]["discordInstanceId"] == "5686143011994952502"
    assert "notifyHook" not in found["properties"]


def test_crazyrouter_documents(document):
    running = Task.from_wire(document("crazyrouter_running")).to_dict()
    assert list(running) == KEYS
    assert (running["progress"], running["imageUrl"], running["buttons"]) == (65, None, [])
    assert running["finishTime"] is None
    finished = Task.from_wire(document("crazyrouter_finished")).to_dict()
    assert finished["buttons"][1] == {
        "customId": "MJ::JOB::upsample::2::abc123",
        "label": "U2",
        "emoji": "U2",
        "type": None,
        "style": 2,
    }
    rows = tasks_by_id(document("crazyrouter_list"))
    assert list(rows) == ["task_1234567890", "task_0987654321"]
    assert rows["task_0987654321"].progress == 40
    assert list(rows["task_0987654321"].to_dict()) == KEYS


@pytest.mark.parametrize("unset", [None, "", 0, [], {}])
def test_every_way_to_say_unset_is_the_same(unset):
    fields = ("action", "status", "prompt", "promptEn", "description", "state", "submitTime", "startTime")
    more = (
        "finishTime",
        "imageUrl",
        "imageUrls",
        "videoUrl",
        "videoUrls",
        "failReason",
        "buttons",
        "seed",
        "cost",
    )
    empty = Task.from_wire({"id": "1", "status": unset}).to_dict()
    assert Task.from_wire({"id": "1", **dict.fromkeys((*fields, *more), unset)}).to_dict() == empty
    assert empty["status"] is None
    assert (empty["buttons"], empty["imageUrls"], empty["videoUrls"]) == ([], [], [])


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        (1709123456000, "2024-02-28T12:30:56Z"),
        (1709123456, "2024-02-28T12:30:56Z"),
        ("1709123456000", "2024-02-28T12:30:56Z"),
        (1709123456.0, "2024-02-28T12:30:56Z"),
        (-5, None),
        (10**18, None),
        (10**400, None),
        (float("nan"), None),
        ("yesterday", None),
        ("2024-02-28T12:30:56+02:00", "2024-02-28T10:30:56Z"),
        ("2024-02-28T12:30:56Z/2024-02-29T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("0001-01-01T00:00:00+12:00", None),
        (True, None),
    ],
)
def test_times(value, iso):
    assert task(submitTime=value).submit_time == iso


@pytest.mark.parametrize(
    ("value", "percent"),
    [
        *[("65%", 65), ("0%", 0), ("100%", 100), ("65", 65), (65, 65), ("12.5%", 12), ("300%", 100)],
        *[("fast", None), ("Waiting to start", None), ("", None), (None, None), ("-5%", None), (True, None)],
        ("٣%", None),
    ],
)
def test_progress(value, percent):
    assert task(progress=value).progress == percent


def test_an_id_may_be_a_number_and_a_status_in_small_letters():
    assert Task.from_wire({"id": 1730621826053455, "status": " success "}).id == "1730621826053455"
    assert Task.from_wire({"id": 1, "status": " success "}).status == TaskStatus.SUCCESS


@pytest.mark.parametrize(
    "raw",
    [
        *[None, [], "text", 5, {}, {"id": "1"}, {"status": "SUCCESS"}],
        {"id": "", "status": "SUCCESS"},
        {"code": 0, "msg": "ok", "data": {"id": "1", "status": "FINISHED"}},
    ],
)
def test_what_is_no_task_is_refused(raw):
    with pytest.raises(NotATaskError):
        Task.from_wire(raw)


@pytest.mark.parametrize(
    "buttons",
    [None, "U1", {"customId": "x"}, [None, 5, "U1", {"label": "U1"}, {"customId": None}]],
)
def test_what_can_not_be_pressed_is_no_button(buttons):
    assert task(buttons=buttons).buttons == ()


@pytest.mark.parametrize(
    ("fields", "first", "every"),
    [
        ({"videoUrl": "https://a/1.mp4"}, "https://a/1.mp4", []),
        ({"videoUrl": "", "videoUrls": CLIPS}, "https://a/2.mp4", ["https://a/2.mp4", "https://a/3.mp4"]),
        ({"videoUrl": "https://a/3.mp4", "videoUrls": CLIPS[:1]}, "https://a/3.mp4", ["https://a/2.mp4"]),
        (
            {"videoUrls": ["file:///etc/passwd", "https://me:pw@a/4.mp4"]},
            "https://a/4.mp4",
            ["https://a/4.mp4"],
        ),
        ({"videoUrls": None}, None, []),
    ],
)
def test_clips_of_a_video_pass_through_xcom_unchanged(fields, first, every):
    found = task(**fields).to_dict()
    assert (found["videoUrl"], found["videoUrls"]) == (first, every)
    assert "videoUrls" not in found["properties"]
    assert Task.from_wire(json.loads(json.dumps(found))).to_dict() == found


def test_image_urls_come_as_text_or_as_objects():
    urls = ["https://a/1.png", {"url": "https://a/2.png", "thumbnail": "x"}, {"thumbnail": "y"}, None, 7]
    assert task(imageUrls=urls).to_dict()["imageUrls"] == ["https://a/1.png", "https://a/2.png"]


@pytest.mark.parametrize(
    ("value", "link"),
    [
        ("https://user:secret@cdn.example/a.png?ex=1&", "https://cdn.example/a.png?ex=1&"),
        ("http://localhost:3000/mj/image/1", "http://localhost:3000/mj/image/1"),
        *[("javascript:alert(1)", None), ("data:image/png;base64,AAAA", None), ("file:///etc/passwd", None)],
        *[("https://", None), ("https://[", None), (5, None), ({"url": "https://a"}, None)],
    ],
)
def test_only_a_link_without_credentials_is_a_link(value, link):
    assert task(imageUrl=value).image_url == link


def test_a_link_tells_when_it_dies():
    assert link_expiry("https://cdn.example/a.png?ex=6728831f&is=6727319f&hm=00&") == "2024-11-04T08:17:35Z"
    for query in ("", "?ex=", "?ex=zz", "?ex=fffffffffffffff", "?ex=0", "?is=6727319f"):
        assert link_expiry("https://cdn.example/a.png" + query) is None


def test_extra_fields_are_kept_and_pictures_and_secrets_are_not():
    found = task(
        botType="MID_JOURNEY",
        jobId="j",
        isPartner=False,
        url="https://me:pw@proxy.example/x",
        maskBase64="AAAA",
        preview="data:image/png;base64,AAAA",
        displays={"notifyHook": "https://me/?token=t", "deep": [{"maskBase64": "A"}, "data:x", object()]},
        long="x" * 5000,
        properties={"finalPrompt": "p", "notifyHook": "https://hook.example/?token=t", "imageBase64": "A"},
    ).to_dict()["properties"]
    assert found == {
        "botType": "MID_JOURNEY",
        "jobId": "j",
        "url": "https://proxy.example/x",
        "displays": {"deep": [{}, None]},
        "finalPrompt": "p",
    }


def test_a_bottomless_property_ends():
    nest: dict[str, Any] = {}
    for _ in range(50):
        nest = {"a": nest}
    assert json.dumps(task(properties=nest).to_dict()["properties"]).count('"a"') < 10


def test_what_no_database_can_hold_is_dropped():
    found = task(prompt="a\0b\ud800c", properties={"k\0": "v\ud800"})
    assert found.prompt == "ab?c"
    assert dict(found.properties) == {"k": "v?"}
    assert task(properties={"endless": float("inf")}).properties == {"endless": None}


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ({"status": "IN_PROGRESS", "progress": "10%"}, {"status": "SUCCESS"}, "SUCCESS"),
        ({"status": "SUCCESS"}, {"status": "FAILURE"}, "SUCCESS"),
        ({"status": "MODAL"}, {"status": "SUBMITTED"}, "SUBMITTED"),
        ({"status": "HUH"}, {"status": "NOT_START"}, "NOT_START"),
        ({"status": ""}, {"status": "NOT_START"}, "NOT_START"),
    ],
)
def test_of_two_rows_with_one_id_the_one_further_along_is_the_task(first, second, wins):
    for rows in ([first, second], [second, first]):
        assert tasks_by_id([{"id": 7, **row} for row in rows])["7"].status == wins


def test_rows_that_are_no_tasks_are_passed_over():
    rows = [None, {}, {"id": "1"}, {"id": "2", "status": "SUCCESS"}]
    assert list(tasks_by_id(rows)) == ["2"]


def test_a_task_of_nonsense_is_still_a_task():
    keys = [*KEYS, "customId"]
    for value in (5, -1.5, "x", [], [[]], {"a": 1}, True, [{"url": 5}], "9" * 5000, float("inf")):
        found = Task.from_wire(dict.fromkeys(keys, value) | {"id": "1", "status": "SUCCESS"})
        assert list(found.to_dict()) == KEYS


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ({"customId": "MJ::JOB::upsample::1::a", "label": "U1"}, None),
        ({"finalPrompt": "a cat"}, {"finalPrompt": "a cat"}),
        ({"code": 4, "description": "no"}, {"code": 4, "description": "no"}),
        (
            {"id": "1", "status": "FAILURE", "buttons": [None], "failReason": "no"},
            {"id": "1", "status": "FAILURE", "failReason": "no", "progress": None},
        ),
    ],
)
def test_a_brief_object_keeps_what_decides_about_waiting(raw, kept):
    assert brief_object(raw) == kept
