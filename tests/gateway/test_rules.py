"""What an answer to a submission means for money: a refusal has to be in words that only a gateway has."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses

from airflow_provider_mj.gateway.answers import Answer, Ask
from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import (
    BackEndLostError,
    BannedPromptError,
    BlockedError,
    EndpointMissingError,
    GatewayError,
    InvalidSubmissionError,
    NoAccountError,
    ParentTaskError,
    QueueFullError,
    QuotaError,
    SubmissionError,
    SubmissionUnknownError,
    UnauthorizedError,
)
from airflow_provider_mj.gateway.rules import error_for
from airflow_provider_mj.gateway.settings import GatewaySettings

IMAGINE = "https://gw.example/mj/submit/imagine"
PAGE = "<html><head><title>Error</title></head><body>nginx</body></html>"
FOREIGN: dict[str, Any] = {
    "nothing": "",
    "blanks": " \r\n",
    "a page": PAGE,
    "XML": '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "text": "stream timeout",
    "Cloudflare's text": "error code: 1020",
    "null": "null",
    "an empty object": {},
    "a list": [{"code": 24, "description": "banned"}],
    "a word": '"refused"',
    "a number": "4",
    "AWS": {"message": "Forbidden"},
    "Kong": {"message": "no Route matched with those values", "request_id": "1"},
    "APISIX": {"error_msg": "404 Route Not Found"},
    "Cloudflare's JSON": {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]},
    "FastAPI": {"detail": "Not Found"},
    "a problem": {"type": "about:blank", "title": "Conflict", "status": 409},
    "an envelope": {"code": 400, "msg": "bad", "data": None},
    "another protocol": {"code": 0, "message": "ok", "data": {"taskId": "17"}},
    "another protocol's task": {"id": "17", "status": "SUBMITTED"},
    "a code as text": {"code": "24", "message": "no"},
    "no code": {"code": True, "message": "no"},
    "no words": {"error": None, "description": ""},
    "an error without words": {"error": {"code": 5}},
}
TOLD: dict[str, dict[str, Any]] = {
    "new-api": {"error": {"message": "无效的请求 (request id: 1)", "type": "new_api_error"}},
    "new-api's own code": {"description": "prompt_is_required ", "type": "upstream_error", "code": 4},
    "no known code": {"description": "Bad body", "type": "invalid", "code": 400},
    "an error in words": {"error": "bad prompt"},
    "Spring": {
        "timestamp": "2026-11-21",
        "status": 400,
        "error": "Bad Request",
        "path": "/mj/submit/imagine",
    },
    "trueai": {"success": False, "code": 0, "message": "The JSON value could not be converted"},
}
# Each with who answers so: before the gateway took anything, or nobody knows when.
CLIENT_ERRORS = (*range(400, 429), *range(430, 500))
KEPT = (401, 404, 405, 407, 413)


def answer(status: int, body: Any) -> Answer:
    if not isinstance(body, str):
        return Answer(status, json.dumps(body), body, is_json=True)
    try:
        return Answer(status, body.strip(), json.loads(body), is_json=True)
    except ValueError:
        return Answer(status, body.strip())


def meaning(status: int, body: Any, ask: Ask = Ask.SUBMIT) -> type[GatewayError]:
    return type(error_for(ask, answer(status, body), gateway="gw"))


@pytest.mark.parametrize("body", FOREIGN.values(), ids=list(FOREIGN))
def test_what_is_not_said_by_a_gateway_is_no_refusal(body):
    for status in CLIENT_ERRORS:
        if status not in KEPT:
            assert meaning(status, body) is SubmissionUnknownError, status
    assert issubclass(meaning(200, body), SubmissionUnknownError)


@pytest.mark.parametrize("body", [*FOREIGN.values(), *TOLD.values()], ids=[*FOREIGN, *TOLD])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UnauthorizedError),
        (407, SubmissionError),
        (413, InvalidSubmissionError),
        (429, QueueFullError),
    ],
)
def test_what_http_says_before_it_passes_a_request_on_stays_a_refusal(status, kind, body):
    assert meaning(status, body) is kind


@pytest.mark.parametrize("body", TOLD.values(), ids=list(TOLD))
def test_what_a_gateway_says_itself_is_a_refusal(body):
    for status in (400, 402, 406, 415, 422, 451):
        assert meaning(status, body) is InvalidSubmissionError, status
    assert meaning(403, body) is UnauthorizedError


@pytest.mark.parametrize("status", [408, 409, 425, 499])
@pytest.mark.parametrize("body", [body for body in TOLD.values() if body.get("code", 400) == 400])
def test_a_status_that_leaves_it_open_is_closed_by_a_code_only(status, body):
    assert meaning(status, body) is SubmissionUnknownError
    assert meaning(status, {"code": 24, "description": "可能包含敏感词"}) is BannedPromptError
    assert meaning(status, {"code": 4, "description": "quota_not_enough "}) is QuotaError


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize(
    "body",
    [
        "",
        " \n",
        "404 page not found",
        "Not Found",
        "405 Method Not Allowed",
        "default backend - 404",
        {"error": {"message": "Invalid URL (POST /mj/submit/x)", "type": "invalid_request_error"}},
        {"timestamp": "2026-11-21", "status": 404, "error": "Not Found", "path": "/mj/submit/x"},
    ],
)
def test_a_call_that_does_not_exist_is_told_by_who_knows_it(status, body):
    assert meaning(status, body) is EndpointMissingError


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("name", [name for name in FOREIGN if name not in ("nothing", "blanks")])
def test_a_page_in_its_place_may_be_shown_after_the_fact(status, name):
    assert meaning(status, FOREIGN[name]) is SubmissionUnknownError
    assert meaning(status, "<html><h1>404 Not Found</h1></html>") is SubmissionUnknownError


def test_a_parent_that_is_not_there_is_no_missing_call():
    assert meaning(404, {"error": "task not found"}) is ParentTaskError
    assert meaning(404, {"code": 3, "description": "关联任务不存在或已失效"}) is ParentTaskError
    assert meaning(404, {"code": 4, "description": "prompt不能为空"}) is InvalidSubmissionError


@pytest.mark.parametrize(
    "body", ["账号不可用", "未登录", '未登录{"success":false,"code":0,"message":"您无权限访问"}']
)
def test_trueai_refuses_a_user_in_plain_text(body):
    assert meaning(403, body) is UnauthorizedError


@pytest.mark.parametrize("body", ["", PAGE, "Access denied", {"message": "Forbidden"}])
def test_a_firewall_says_nothing_about_a_submission(body):
    error = error_for(Ask.SUBMIT, answer(403, body), gateway="gw")
    assert type(error) is SubmissionUnknownError
    assert "a firewall refuses, and nobody can tell" in str(error)
    assert "unknown whether a task was made and paid for" in str(error)


def test_a_read_that_a_firewall_refuses_is_blocked_as_before():
    assert meaning(403, PAGE, Ask.READ) is BlockedError
    assert meaning(404, PAGE, Ask.READ) is EndpointMissingError
    assert meaning(403, {"message": "Forbidden"}, Ask.TASK) is UnauthorizedError


@pytest.mark.parametrize("code", [1, 21, 22])
@pytest.mark.parametrize("status", [201, 202, 400, 401, 403, 404, 409, 413, 429, 500, 503])
def test_an_answer_that_says_both_is_unknown(code, status):
    assert meaning(status, {"code": code, "description": "ok", "result": "17"}) is SubmissionUnknownError


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        {"code": 4, "description": "insert_midjourney_task_failed "},
        {"code": 4, "description": "insert_midjourney_task_failed Error 1040: Too many connections"},
        {"code": 4, "description": "copy_response_body_failed"},
        {"code": 4, "description": "unmarshal_response_body_failed "},
        {"code": 4, "description": "close_response_body_failed quota"},
        {"error": {"message": "insert_task_failed", "type": "new_api_error"}},
    ],
)
def test_a_gateway_that_lost_what_it_took_has_taken_it(status, body):
    assert meaning(status, body) is SubmissionUnknownError


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("description", ["do_request_failed ", "empty_response_body", ""])
def test_what_stands_behind_a_gateway_may_have_drawn_what_the_gateway_lost(status, description):
    assert meaning(status, {"code": 5, "description": description}) is BackEndLostError


@pytest.mark.parametrize("status", [200, 400, 403, 404, 408, 422])
@pytest.mark.parametrize(
    "body",
    [
        {"code": 9, "description": "I/O error on POST request: Read timed out"},
        {"code": 4, "description": "context deadline exceeded"},
        {"code": 9, "description": "提交超时"},
        {"code": 4, "description": "do_request_failed "},
        {"error": {"message": "upstream request timeout", "type": "upstream_error"}},
        {"success": False, "code": 0, "message": "Timeout"},
        {"code": 9, "description": "unexpected EOF"},
        {"code": 4, "description": 'Post "https://discord.com/api/v9/interactions": EOF'},
        {"code": 9, "description": "EOF"},
        {"code": 9, "description": "read tcp 10.0.0.2:4431->162.159.1.2:443: read: connection reset by peer"},
        {"code": 4, "description": "context canceled"},
        {"code": 9, "description": "A task was canceled."},
        {"code": 9, "description": "The response ended prematurely."},
        {"code": 9, "description": "An error occurred while sending the request."},
        {"code": 9, "description": "I/O error on POST request: Connection reset"},
        {"code": 9, "description": "Connection prematurely closed BEFORE response"},
        {"error": {"message": "http2: server sent GOAWAY and closed the connection", "type": "x"}},
    ],
)
def test_a_gateway_that_lost_touch_does_not_know(status, body):
    assert meaning(status, body) is SubmissionUnknownError


@pytest.mark.parametrize("prompt", ["Geoffrey", "a stone mason's sign: eof.", "the deof"])
def test_a_prompt_that_is_quoted_is_no_broken_connection(prompt):
    assert meaning(200, {"code": 4, "description": f"banned prompt: {prompt}"}) is BannedPromptError


def test_a_queue_may_say_that_it_is_over_time():
    assert meaning(200, {"code": 23, "description": "queue timeout"}) is QueueFullError
    assert meaning(429, {"error": {"message": "timeout, too many requests"}}) is QueueFullError


@pytest.mark.parametrize("body", [{"code": 0, "message": "ok", "data": {}}, {"code": 0, "description": "ok"}])
def test_zero_is_success_in_most_protocols(body):
    assert meaning(200, body) is SubmissionUnknownError
    assert meaning(400, body) is SubmissionUnknownError


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "No available channel for model mj_imagine"}}, NoAccountError),
        ({"error": {"message": "channel 3: connection reset by peer"}}, SubmissionUnknownError),
        ({"message": "no available server"}, SubmissionUnknownError),
        ("no available server", SubmissionUnknownError),
    ],
)
def test_no_channel_is_said_by_the_gateway_itself(body, kind):
    assert meaning(503, body) is kind


@pytest.mark.parametrize("status", [403, 404, 405, 408, 409, 425, 499, 418])
@responses.activate
def test_a_submission_that_a_page_answers_is_sent_once(status):
    responses.post(IMAGINE, status=status, body=PAGE)
    client = GatewayClient(GatewaySettings.parse(host="https://gw.example"), sleep=lambda _: None)
    with pytest.raises(SubmissionUnknownError, match=f"HTTP {status}"):
        client.submit("imagine", {"prompt": "a cat"})
    assert len(responses.calls) == 1


def test_every_answer_has_a_meaning():
    for ask in Ask:
        for status in (*range(100, 600), 999):
            for body in (*FOREIGN.values(), *TOLD.values()):
                assert issubclass(meaning(status, body, ask), GatewayError)
