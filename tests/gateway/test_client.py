from __future__ import annotations

import json
import re

import pytest
import responses

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import (
    Acceptance,
    EndpointMissingError,
    GatewayError,
    NotReadyError,
    SubmissionUnknownError,
    TaskNotFoundError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.ids import InvalidTaskIdError, valid_task_id
from airflow_provider_mj.gateway.settings import GatewaySettings

API = "https://gw.example/mj"


@pytest.fixture
def client() -> GatewayClient:
    return GatewayClient(GatewaySettings(base_url=API, key="sk-0123456789"), sleep=lambda _: None)


def sent(number: int = 0) -> object:
    return json.loads(responses.calls[number].request.body or "null")


@pytest.mark.parametrize(
    ("mj_task_id", "path"),
    [
        ("1730621826053455", "1730621826053455"),
        ("task_1", "task_1"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        (" 17 ", "17"),
        (17, "17"),
        ("..a", "..a"),
    ],
)
@responses.activate
def test_an_id_is_one_segment_of_the_path(client, mj_task_id, path):
    responses.get(f"{API}/task/{path}/fetch", json={"id": mj_task_id, "status": "SUCCESS"})
    client.fetch(mj_task_id)
    assert responses.calls[0].request.url == f"{API}/task/{path}/fetch"


@pytest.mark.parametrize(
    ("answer", "ignores"),
    [
        ({"status": 204}, True),
        ({"status": 200, "body": ""}, False),
        ({"status": 200, "body": "null"}, False),
        (
            {"status": 400, "json": {"code": 4, "description": "task_no_found ", "type": "upstream_error"}},
            False,
        ),
        ({"status": 404, "json": {"code": 3, "description": "task not found"}}, False),
        ({"status": 200, "json": {"id": "17", "status": "SUCCESS"}}, False),
    ],
)
@responses.activate
def test_the_gateway_that_drops_masks_of_edits_is_known_by_a_free_read(client, answer, ignores):
    responses.get(url=re.compile(f"{API}/task/[a-z-]+/fetch"), **answer)
    assert client.ignores_edit_masks() is ignores


@pytest.mark.parametrize("status", [401, 403, 500])
@responses.activate
def test_where_that_can_not_be_asked_nothing_is_guessed(client, status):
    responses.get(url=re.compile(f"{API}/task/[a-z-]+/fetch"), status=status)
    with pytest.raises(GatewayError):
        client.ignores_edit_masks()


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "None",
        "null",
        ".",
        "..",
        "a b",
        "a\nb",
        "x" * 257,
        "a\x00",
        "https://cdn.example/a.png?hm=1",
        None,
        ["17"],
        {},
        1.5,
        True,
        b"17",
    ],
)
def test_what_is_no_id_is_refused_before_anything_is_asked(client, value):
    with pytest.raises(InvalidTaskIdError, match="mj_task_id"):
        valid_task_id(value)
    with pytest.raises(InvalidTaskIdError):
        client.fetch(value)
    with pytest.raises(InvalidTaskIdError):
        client.list_by_condition([value])


@pytest.mark.parametrize(
    "body",
    [
        {"code": 0, "message": "ok", "data": {"taskId": "17", "status": "completed"}},
        {"code": 404, "msg": "not found", "data": None},
        [{"id": "17", "status": "SUCCESS"}],
        "text",
        5,
    ],
)
@responses.activate
def test_another_protocol_is_recognised(client, body):
    responses.get(f"{API}/task/17/fetch", json=body)
    with pytest.raises(UnexpectedAnswerError, match="task 17 at gateway gw.example"):
        client.fetch("17")


@pytest.mark.parametrize(
    ("asked", "told"), [("17", "17"), ("17", 17), (17, "17"), (" 17 ", "17"), ("17", " 17 "), (17, 17)]
)
@responses.activate
def test_an_id_is_the_same_as_text_and_as_a_number(client, asked, told):
    responses.get(f"{API}/task/17/fetch", json={"id": told, "status": "SUCCESS"})
    assert client.fetch(asked).id == "17"


@pytest.mark.parametrize("told", ["18", 18, "017", "17.0", "task_17", "1717", "x" * 256])
@responses.activate
def test_another_task_than_the_one_that_was_asked_for_is_none(client, told):
    responses.get(
        f"{API}/task/17/fetch", json={"id": told, "status": "SUCCESS", "imageUrl": "https://a/1.png"}
    )
    responses.post(f"{API}/task/list-by-condition", json=[{"id": told, "status": "SUCCESS"}])
    with pytest.raises(UnexpectedAnswerError, match=r"it tells of task .*, not of task 17\.") as caught:
        client.fetch("17")
    assert len(str(caught.value)) < 500
    assert isinstance(client.look_alone("17"), UnexpectedAnswerError)
    assert client.look(["17"]) == {"17": None}
    assert client.list_by_condition(["17"]) == {}
    with pytest.raises(UnexpectedAnswerError):
        client.get_whole(["17"])


@pytest.mark.parametrize(
    "told", ["https://evil.example/x?token=1", "17\u200b", "a\x1b[31mb", "", None, True, 17.0, ["17"]]
)
@responses.activate
def test_what_is_no_id_at_all_is_another_protocol(client, told):
    responses.get(f"{API}/task/17/fetch", json={"id": told, "status": "SUCCESS"})
    with pytest.raises(UnexpectedAnswerError) as caught:
        client.fetch("17")
    assert "token" not in str(caught.value)


@responses.activate
def test_a_list_is_asked_in_chunks_of_200_each_id_once(client):
    def answer(request):
        ids = json.loads(request.body)["ids"]
        rows = [{"id": one, "status": "SUCCESS"} for one in reversed(ids) if one != "7"]
        return 200, {}, json.dumps([*rows, {"id": "uninvited", "status": "SUCCESS"}])

    responses.add_callback(responses.POST, f"{API}/task/list-by-condition", answer)
    ids = [str(number) for number in range(450)]
    found = client.list_by_condition([*ids, *ids, 3])
    assert list(found) == [one for one in ids if one != "7"]
    assert [len(json.loads(call.request.body)["ids"]) for call in responses.calls] == [200, 200, 50]


@responses.activate
def test_nothing_is_asked_for_no_ids(client):
    assert client.list_by_condition([]) == {}
    assert len(responses.calls) == 0


@responses.activate
def test_a_list_that_is_an_object_is_an_error(client):
    responses.post(
        f"{API}/task/list-by-condition", json={"success": False, "message": "could not be converted"}
    )
    with pytest.raises(UnexpectedAnswerError, match="could not be converted"):
        client.list_by_condition(["17"])


@pytest.mark.parametrize(
    ("result", "mj_task_id", "results"),
    [
        ("1320098173412546", "1320098173412546", ("1320098173412546",)),
        (1320098173412546, "1320098173412546", ("1320098173412546",)),
        ("1,2, 3,4", "1", ("1", "2", "3", "4")),
    ],
)
@responses.activate
def test_the_result_of_a_submission_comes_in_many_shapes(client, result, mj_task_id, results):
    responses.post(f"{API}/submit/imagine", json={"code": 1, "description": "ok", "result": result})
    submission = client.submit("imagine", {"prompt": "a cat", "state": None})
    assert (submission.mj_task_id, submission.results) == (mj_task_id, results)
    assert (submission.acceptance, submission.description) == (Acceptance.TASK, "ok")
    assert sent() == {"prompt": "a cat"}


@pytest.mark.parametrize("result", [None, "", [], " , ", True, {"id": 1}])
@responses.activate
def test_a_submission_taken_without_an_id_may_be_paid(client, result):
    responses.post(f"{API}/submit/imagine", json={"code": 1, "result": result})
    with pytest.raises(SubmissionUnknownError, match="told no usable id"):
        client.submit("imagine", {"prompt": "a cat"})


@responses.activate
def test_a_window_that_waits_is_told(client):
    body = {
        "code": 21,
        "description": "Waiting for window confirm",
        "result": "18",
        "properties": {"finalPrompt": "x"},
    }
    responses.post(f"{API}/submit/action", json=body)
    submission = client.submit("action", {"taskId": "17", "customId": "MJ::CustomZoom::1"})
    assert submission.acceptance is Acceptance.CONFIRM
    assert submission.properties == {"finalPrompt": "x"}


@pytest.mark.parametrize(
    ("action", "path"),
    [("imagine", "submit/imagine"), ("blend", "submit/blend"), ("swap-face", "insight-face/swap")],
)
@responses.activate
def test_the_paths_of_actions(client, action, path):
    responses.post(f"{API}/{path}", json={"code": 1, "result": "17"})
    assert client.submit(action, {}).mj_task_id == "17"


@pytest.mark.parametrize("action", ["", "../task", "Imagine", "imagine/x", "imagine?x"])
def test_what_is_no_action_is_refused(client, action):
    with pytest.raises(ValueError, match="no action"):
        client.submit(action, {})


@responses.activate
def test_uploads_give_addresses(client):
    body = {"code": 1, "description": "ok", "result": ["https://a/1.png", "https://a/2.png"]}
    responses.post(f"{API}/submit/upload-discord-images", json=body)
    assert client.upload_images(["data:image/png;base64,AA"]) == ("https://a/1.png", "https://a/2.png")
    assert sent() == {"base64Array": ["data:image/png;base64,AA"]}


@pytest.mark.parametrize("seed", ["3521449587", 3521449587])
@responses.activate
def test_a_seed(client, seed):
    responses.get(f"{API}/task/17/image-seed", json={"code": 1, "description": "ok", "result": seed})
    assert client.image_seed("17") == "3521449587"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"code": 3, "description": "关联任务不存在或已失效"}, TaskNotFoundError),
        (400, {"code": 4, "description": "no hash"}, UnexpectedAnswerError),
        (200, {"code": 9, "description": "no seed"}, NotReadyError),
        (503, {"code": 9}, GatewayError),
    ],
)
@responses.activate
def test_a_seed_that_is_not_to_be_had_is_asked_for_once(client, status, body, kind):
    responses.get(f"{API}/task/17/image-seed", status=status, json=body)
    with pytest.raises(kind):
        client.image_seed("17")
    assert len(responses.calls) == 1


@pytest.mark.parametrize("body", ["", '{"code": 1, "description": "ok"}'])
@responses.activate
def test_cancel(client, body):
    responses.post(f"{API}/task/17/cancel", body=body)
    client.cancel("17")
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, "只允许管理员操作", UnauthorizedError),
        (404, "<html>", EndpointMissingError),
        (200, '{"code": 9, "description": "no"}', UnexpectedAnswerError),
        (200, "<html>", UnexpectedAnswerError),
    ],
)
@responses.activate
def test_a_cancel_that_is_refused(client, status, body, kind):
    responses.post(f"{API}/task/17/cancel", status=status, body=body)
    with pytest.raises(kind):
        client.cancel("17")


@responses.activate
def test_check_asks_for_nothing(client):
    responses.post(f"{API}/task/list-by-condition", json=[])
    client.check()
    assert sent() == {"ids": []}
