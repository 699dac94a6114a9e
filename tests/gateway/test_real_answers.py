"""What real gateways were seen to send, each with others of its kind."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses

from airflow_provider_mj.gateway.answers import Acceptance, Answer, Ask, acceptance
from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import (
    AccountBlockedError,
    BannedPromptError,
    CannotReadError,
    EndpointMissingError,
    GatewayError,
    InvalidSubmissionError,
    NoAccountError,
    NotOfferedError,
    NotReadyError,
    ParentNotReadyError,
    ParentTaskError,
    QueueFullError,
    QuotaError,
    SubmissionError,
    SubmissionUnknownError,
    TaskNotFoundError,
    UnauthorizedError,
)
from airflow_provider_mj.gateway.rules import error_for
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.gateway.task import Task, tasks_by_id

pytestmark = pytest.mark.wire

MJ = "https://gw.example/mj"
PAGE = "<!doctype html><html><head><title>New API</title></head><body></body></html>"


def client() -> GatewayClient:
    settings = GatewaySettings.parse(host="https://gw.example", key="sk-a-key")
    return GatewayClient(settings, sleep=lambda _: None)


def answer(status: int, body: Any) -> Answer:
    return Answer(status, json.dumps(body, ensure_ascii=False), body, is_json=True)


def meaning(status: int, body: Any, ask: Ask = Ask.SUBMIT) -> GatewayError:
    return error_for(ask, answer(status, body), gateway="gw.example")


def refusal(message: str, code: int = -1) -> dict[str, Any]:
    return {"success": False, "code": code, "message": message, "timestamp": "2026-11-25T10:00:00Z"}


@pytest.mark.parametrize(
    ("message", "kind", "retry_helps"),
    [
        ("并发数已达上限", QueueFullError, True),
        ("队列数已达上限", QueueFullError, True),
        ("用户今日绘图次数已达上限", QueueFullError, True),
        ("总绘图次数已达上限", QueueFullError, True),
        ("Concurrency limit reached", QueueFullError, True),
        ("提交失败，队列已满，请稍后重试", QueueFullError, True),
        ("无可用的账号实例", NoAccountError, True),
        ("实例不存在或不可用", NoAccountError, True),
        ("服务暂不可用，请联系管理员", NoAccountError, True),
        ("提交Blend任务异常", NoAccountError, True),
        ("账号已被临时封锁，请勿使用违规词作图", AccountBlockedError, False),
        ("可能包含敏感词", BannedPromptError, False),
        ("State参数过长，最大255字符", InvalidSubmissionError, False),
        ("The JSON value could not be converted to System.String", InvalidSubmissionError, False),
    ],
)
@pytest.mark.parametrize("code", [-1, 0, 500, -99])
def test_success_false_is_a_refusal_whatever_its_code(
    message: str, kind: type[GatewayError], retry_helps: bool, code: int
) -> None:
    error = meaning(200, refusal(message, code))
    assert type(error) is kind
    assert error.retry_helps is retry_helps
    assert isinstance(error, SubmissionError)
    assert "Nothing was paid" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        refusal("The operation was canceled."),
        refusal("Connection reset by peer"),
        refusal("提交失败，系统异常"),
        {"success": False, "code": 5, "message": "do_request_failed"},
        {"success": False},
        {"success": False, "message": ""},
        {"success": "false", "message": "no"},
        {"success": False, "code": 1, "message": "ok", "result": "17"},
    ],
)
def test_success_false_is_none_where_it_says_that_it_does_not_know(body: dict[str, Any]) -> None:
    assert isinstance(meaning(200, body), SubmissionUnknownError)


def overloaded(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "new_api_error", "param": "", "code": "system_overloaded"}}


@pytest.mark.parametrize(
    "message",
    [
        "system memory overloaded (current: 91.0%, threshold: 90%)",
        "system cpu overloaded (current: 99.2%, threshold: 95%)",
        "system disk overloaded (current: 90.1%, threshold: 90%)",
        "System memory overloaded",
    ],
)
def test_an_overloaded_gateway_has_sent_nothing_on(message: str) -> None:
    error = meaning(503, overloaded(message))
    assert isinstance(error, QueueFullError)
    assert error.retry_helps


@pytest.mark.parametrize("message", ["upstream overloaded", "the model is overloaded", "bad gateway"])
def test_what_is_overloaded_behind_it_may_have_heard_it(message: str) -> None:
    assert isinstance(meaning(503, overloaded(message)), SubmissionUnknownError)


def told(description: str, code: int = 4) -> dict[str, Any]:
    return {"description": description, "type": "upstream_error", "code": code}


@pytest.mark.parametrize(
    ("description", "kind", "retry_helps"),
    [
        ("task_status_not_success ", ParentNotReadyError, True),
        ("task_status_not_success: SUBMITTED", ParentNotReadyError, True),
        ("该任务所属渠道已被禁用 ", NoAccountError, True),
        ("get_channel_info_failed ", NoAccountError, True),
        ("the channel is disabled", NoAccountError, True),
        (
            "模型 mj_imagine 倍率或价格未配置, 请联系管理员设置；Model mj_imagine ratio or price not set",
            NotOfferedError,
            False,
        ),
        ("模型 mj_video 价格未配置", NotOfferedError, False),
        ("task_not_found ", ParentTaskError, False),
        ("quota_not_enough ", QuotaError, False),
        ("提交Imagine任务异常", NoAccountError, True),
        ("并发数已达上限", QueueFullError, True),
        ("prompt_is_required ", InvalidSubmissionError, False),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_what_new_api_refuses_says_whether_a_retry_helps(
    description: str, kind: type[GatewayError], retry_helps: bool, status: int
) -> None:
    error = meaning(status, told(description))
    assert type(error) is kind
    assert error.retry_helps is retry_helps


@pytest.mark.parametrize(
    "description",
    [
        "midjourney_task_outcome_unknown ",
        "midjourney_task_identity_unknown ",
        "midjourney_task_identity_conflict ",
        "midjourney_billing_settlement_pending ",
        "midjourney_billing_refund_pending ",
        "persist midjourney task failed",
        "failed to settle the quota",
        "任务落库失败",
        "结算异常，请联系管理员",
        "marshal_response_body_failed ",
        "read_response_body_failed ",
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403])
def test_what_a_fork_says_after_it_has_sent_it_on_leaves_it_open(description: str, status: int) -> None:
    assert isinstance(meaning(status, told(description)), SubmissionUnknownError)


@pytest.mark.parametrize("prompt", ["a settlement in the hills", "settlers who persist and fail"])
def test_a_banned_prompt_is_quoted_with_whatever_words_it_has(prompt: str) -> None:
    assert isinstance(meaning(400, told(f"banned prompt: {prompt}")), BannedPromptError)


@pytest.mark.parametrize("code", [4, 9])
def test_a_proxy_that_failed_while_it_queued_a_task_may_have_it(code: int) -> None:
    assert isinstance(meaning(200, told("提交失败，系统异常", code)), SubmissionUnknownError)


READS = ("fetch", "list")


@pytest.mark.parametrize(
    "message",
    [
        "This token has no access to model ",
        "This token has no access to model mj_imagine",
        "该令牌无权访问模型 ",
        "The key is not allowed to access model mj",
    ],
)
@pytest.mark.parametrize("read", READS)
@responses.activate
def test_a_key_that_may_submit_and_not_read_is_told_so(message: str, read: str) -> None:
    body = {"error": {"message": f"{message} (request id: 1)", "type": "new_api_error"}}
    responses.get(f"{MJ}/task/17/fetch", status=403, json=body)
    responses.post(f"{MJ}/task/list-by-condition", status=403, json=body)
    with pytest.raises(CannotReadError, match="may submit and not read: at the gateway, take the limit"):
        client().fetch("17") if read == "fetch" else client().check()


@responses.activate
def test_a_key_without_balance_is_refused_with_the_task_named() -> None:
    body = {"error": {"message": "Invalid token (request id: 1)", "type": "new_api_error"}}
    responses.get(f"{MJ}/task/17/fetch", status=401, json=body)
    with pytest.raises(UnauthorizedError, match="task 17 at gateway gw.example.*balance"):
        client().fetch("17")


@pytest.mark.parametrize(
    "page", [PAGE, "\n<html></html>", "<!DOCTYPE html>\n<html lang='en'>", "<div id=root></div>"]
)
@responses.activate
def test_a_call_that_new_api_lacks_answers_with_its_front_page(page: str) -> None:
    responses.post(f"{MJ}/submit/edits", body=page, content_type="text/html")
    responses.post(f"{MJ}/task/list-by-condition", json=[])
    with pytest.raises(EndpointMissingError, match="the call does not exist there, and nothing was paid"):
        client().submit("edits", {"prompt": "a fox"})
    assert [call.request.url.rpartition("/")[2] for call in responses.calls] == ["edits", "list-by-condition"]


@pytest.mark.parametrize(
    "lists",
    [
        {"body": PAGE, "content_type": "text/html"},
        {"status": 502},
        {"status": 404},
        {"json": {"success": False, "message": "no"}},
    ],
)
@responses.activate
def test_a_page_that_stands_for_the_whole_gateway_leaves_it_open(lists: dict[str, Any]) -> None:
    responses.post(f"{MJ}/submit/imagine", body=PAGE, content_type="text/html")
    responses.post(f"{MJ}/task/list-by-condition", **lists)
    with pytest.raises(SubmissionUnknownError):
        client().submit("imagine", {"prompt": "a fox"})


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUBMITTED", "", None, "NOT_START", "MODAL", "QUEUED"])
def test_a_reason_to_have_failed_at_100_percent_is_a_failure(status: str | None) -> None:
    row = {"id": "17", "status": status, "progress": "100%", "failReason": "blocked by upstream"}
    assert Task.from_wire(row).status == "FAILURE"
    assert tasks_by_id([row], brief=True)["17"].status == "FAILURE"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"status": "SUCCESS"}, "SUCCESS"),
        ({"status": "CANCEL"}, "CANCEL"),
        ({"progress": "99%"}, "IN_PROGRESS"),
        ({"progress": ""}, "IN_PROGRESS"),
        ({"failReason": ""}, "IN_PROGRESS"),
        ({"failReason": None}, "IN_PROGRESS"),
    ],
)
def test_one_sign_of_it_alone_is_none(changed: dict[str, Any], status: str) -> None:
    row = {"id": "17", "status": "IN_PROGRESS", "progress": "100%", "failReason": "blocked"} | changed
    assert Task.from_wire(row).status == status
    assert tasks_by_id([row], brief=True)["17"].status == status


def existed(code: int = 21, **properties: Any) -> dict[str, Any]:
    return {"code": code, "description": "任务已存在", "result": "11", "properties": properties}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (existed(status="IN_PROGRESS", imageUrl=None), Acceptance.EXISTED),
        (existed(status="SUBMITTED", imageUrl=None), Acceptance.EXISTED),
        (existed(status="FAILURE", imageUrl=None), Acceptance.EXISTED),
        (existed(status="SUCCESS", imageUrl="https://cdn.example/1.png"), Acceptance.EXISTED),
        (existed(status="MODAL", imageUrl=None), Acceptance.CONFIRM),
        (existed(finalPrompt="", remix=True), Acceptance.CONFIRM),
        (existed(), Acceptance.CONFIRM),
        # GO makes a 1 of the 21.
        (existed(1, status="IN_PROGRESS", imageUrl=None), Acceptance.EXISTED),
        (existed(1, status="SUCCESS", imageUrl="https://cdn.example/1.png"), Acceptance.EXISTED),
        (existed(1, status="MODAL", imageUrl=None), Acceptance.CONFIRM),
        (existed(22, status="FAILURE"), Acceptance.EXISTED),
    ],
)
def test_a_press_that_was_made_before_shows_how_far_its_task_is(
    body: dict[str, Any], expected: Acceptance
) -> None:
    assert acceptance(answer(200, body)) is expected


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("code", [1, "1", 22, "22", "01"])
@responses.activate
def test_a_submission_is_taken_with_any_success_and_a_code_as_text(status: int, code: int | str) -> None:
    body = {"code": code, "description": "ok", "result": "17"}
    responses.post(f"{MJ}/submit/imagine", status=status, json=body)
    assert client().submit("imagine", {"prompt": "a fox"}).mj_task_id == "17"


@pytest.mark.parametrize(
    ("status", "body", "ids"),
    [
        (500, {"code": 1, "result": "17"}, ("17",)),
        (200, {"code": 7, "description": "?", "result": ["17", "18"]}, ("17", "18")),
        (200, {"code": 5, "description": "do_request_failed", "result": 17}, ("17",)),
        (200, {"code": 0, "data": {"taskId": "17"}}, ("17",)),
        (200, {"id": "17", "status": "SUBMITTED"}, ("17",)),
        (502, {"data": {"task_id": "task_17", "ids": ["18", "18"]}}, ("task_17", "18")),
        (400, {"code": 1, "description": "late", "result": "17,18"}, ("17", "18")),
        (200, {"code": 7, "result": "", "id": 0, "taskId": None}, ()),
    ],
)
@responses.activate
def test_what_is_unknown_names_every_id_that_came(status: int, body: Any, ids: tuple[str, ...]) -> None:
    responses.post(f"{MJ}/submit/imagine", status=status, json=body)
    with pytest.raises(SubmissionUnknownError) as caught:
        client().submit("imagine", {"prompt": "a fox"})
    assert (f"it names {', '.join(ids)}" in str(caught.value)) is bool(ids)


@pytest.mark.parametrize("code", [3, 9])
@pytest.mark.parametrize("description", ["任务未完成", "seed 获取失败", ""])
@responses.activate
def test_a_seed_that_is_not_there_yet_is_no_other_protocol(code: int, description: str) -> None:
    responses.get(f"{MJ}/task/17/image-seed", json={"code": code, "description": description, "result": None})
    with pytest.raises(NotReadyError, match="task 17 at gateway gw.example: it has no seed") as caught:
        client().image_seed("17")
    assert caught.value.retry_helps


@pytest.mark.parametrize("text", ["无权限操作", "Bad Request", "演示模式，禁止操作"])
@responses.activate
def test_only_some_users_may_cancel(text: str) -> None:
    responses.post(f"{MJ}/task/17/cancel", status=400, body=text, content_type="text/plain")
    with pytest.raises(UnauthorizedError, match="may not do this"):
        client().cancel("17")


@responses.activate
def test_a_task_that_is_not_there_can_not_be_cancelled() -> None:
    responses.post(f"{MJ}/task/17/cancel", status=400, json=told("task_no_found "))
    with pytest.raises(TaskNotFoundError):
        client().cancel("17")
