from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_mj.gateway.answers import Acceptance, Answer, Ask, acceptance
from airflow_provider_mj.gateway.errors import (
    BackEndLostError,
    BannedPromptError,
    BlockedError,
    EndpointMissingError,
    GatewayBusyError,
    GatewayDownError,
    GatewayError,
    InvalidSubmissionError,
    NoAccountError,
    PageInsteadError,
    ParentTaskError,
    QueueFullError,
    QuotaError,
    SubmissionUnknownError,
    TaskNotFoundError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.rules import error_for
from airflow_provider_mj.gateway.shown import quote

HTML = "<!DOCTYPE html><html><body>Welcome</body></html>"
NEW_API = {"error": {"message": "无效的令牌 (request id: 1)", "type": "new_api_error"}}


def answer(status: int, body: Any = "", **more: Any) -> Answer:
    if isinstance(body, str):
        return Answer(status, body, **more)
    return Answer(status, json.dumps(body, ensure_ascii=False), body, is_json=True, **more)


ANY = [
    (401, "", UnauthorizedError),
    (401, "Authorization header missing.", UnauthorizedError),
    (401, NEW_API, UnauthorizedError),
    (401, HTML, UnauthorizedError),
    (403, NEW_API, UnauthorizedError),
    (403, "账号不可用", UnauthorizedError),
    (404, "", EndpointMissingError),
    (405, {"error": {"message": "Invalid URL (POST /mj)"}}, EndpointMissingError),
]
READ = [
    *ANY,
    (403, "", BlockedError),
    (403, HTML, BlockedError),
    (404, HTML, EndpointMissingError),
    (301, "Location: https://www.gw.example/", UnexpectedAnswerError),
    (429, "", GatewayBusyError),
    (502, HTML, GatewayBusyError),
    (503, NEW_API, GatewayBusyError),
    (504, "", GatewayBusyError),
    (500, {"success": False, "message": "oops"}, GatewayDownError),
    (529, "", GatewayDownError),
    (200, HTML, UnexpectedAnswerError),
    (200, "garbage", UnexpectedAnswerError),
    (
        200,
        {"success": False, "code": 0, "message": "The JSON value could not be converted"},
        UnexpectedAnswerError,
    ),
    (400, {"description": "do_request_failed ", "type": "upstream_error", "code": 4}, UnexpectedAnswerError),
]
TASK = [
    *READ,
    (200, "", TaskNotFoundError),
    (200, " \n", TaskNotFoundError),
    (200, "null", TaskNotFoundError),
    (204, "", TaskNotFoundError),
    (400, {"description": "task_no_found ", "type": "upstream_error", "code": 4}, TaskNotFoundError),
    (404, {"code": 3, "description": "关联任务不存在或已失效"}, TaskNotFoundError),
    (404, {"error": "task not found"}, TaskNotFoundError),
]
SUBMIT = [
    *ANY,
    (301, "Location: https://www.gw.example/", SubmissionUnknownError),
    (302, {"code": 24, "description": "banned"}, SubmissionUnknownError),
    (304, "", SubmissionUnknownError),
    (103, "", SubmissionUnknownError),
    (666, {"code": 4, "description": "quota"}, SubmissionUnknownError),
    (429, "", QueueFullError),
    (429, {"description": "group saturated", "code": 30}, QueueFullError),
    (200, {"code": 23, "description": "队列已满，请稍后尝试", "result": None}, QueueFullError),
    (200, {"code": 9, "description": "提交失败，队列已满，请稍后重试"}, QueueFullError),
    (200, {"code": 4, "description": "今日绘图次数已达上限"}, QueueFullError),
    (200, {"code": 9, "description": "系统异常"}, SubmissionUnknownError),
    (
        200,
        {"code": 24, "description": "可能包含敏感词", "properties": {"bannedWord": "x"}},
        BannedPromptError,
    ),
    (200, {"code": 3, "description": "关联任务不存在或已失效"}, ParentTaskError),
    (404, {"code": 3, "description": "任务不存在或已失效"}, ParentTaskError),
    (200, {"code": 3, "description": "无可用的账号实例"}, NoAccountError),
    (503, {"error": {"message": "No available channel for model mj_imagine"}}, NoAccountError),
    (200, {"code": 4, "description": "prompt不能为空"}, InvalidSubmissionError),
    (
        400,
        {"description": "prompt_is_required ", "type": "upstream_error", "code": 4},
        InvalidSubmissionError,
    ),
    (400, {"description": "quota_not_enough ", "type": "upstream_error", "code": 4}, QuotaError),
    (400, {"description": "task_no_found ", "type": "upstream_error", "code": 4}, ParentTaskError),
    (400, {"error": {"message": "Invalid request, unknown_action:MJ::x"}}, InvalidSubmissionError),
    (200, {"success": False, "code": 0, "message": "bad model"}, InvalidSubmissionError),
    (413, HTML, InvalidSubmissionError),
    # What may have arrived is never called refused.
    (400, {"description": "do_request_failed ", "type": "upstream_error", "code": 5}, BackEndLostError),
    (400, {"description": "insert_midjourney_task_failed ", "code": 4}, SubmissionUnknownError),
    (500, {"error": {"message": "Panic detected"}}, SubmissionUnknownError),
    (502, HTML, SubmissionUnknownError),
    (503, HTML, SubmissionUnknownError),
    (200, "", SubmissionUnknownError),
    (200, HTML, PageInsteadError),
    (200, {"result": "17"}, SubmissionUnknownError),
]


@pytest.mark.parametrize(
    ("ask", "status", "body", "kind"),
    [
        *[(Ask.READ, *row) for row in READ],
        *[(Ask.TASK, *row) for row in TASK],
        *[(Ask.SUBMIT, *row) for row in SUBMIT],
    ],
)
def test_the_table(ask, status, body, kind):
    error = error_for(ask, answer(status, body), gateway="gw.example", mj_task_id="17")
    assert type(error) is kind
    message = str(error)
    assert message.startswith("task 17 at gateway gw.example: ")
    assert f"HTTP {status}" in message
    assert message.endswith(kind.advice)


def test_every_class_says_what_to_do():
    def tree(kind):
        yield kind
        for child in kind.__subclasses__():
            yield from tree(child)

    assert all(kind.advice for kind in tree(GatewayError) if kind is not GatewayError)


def test_an_answer_is_quoted_short_on_one_line():
    error = error_for(Ask.READ, answer(500, "a\r\n\x1b[31mb" + "x" * 9999), gateway="gw")
    assert "a [31mbxxx" in error.said
    assert len(error.said) == 200
    assert quote("x" * 200) == "x" * 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"code": 4, "description": "prompt不能为空"}, "prompt不能为空"),
        ({"error": {"message": "no", "type": "t"}}, "no"),
        ({"error": "text"}, "text"),
        ({"success": False, "message": "m"}, "m"),
        ({"code": 404, "msg": "gone"}, "gone"),
        ({"error": None, "x": 1}, '{"error": null, "x": 1}'),
        (["a"], '["a"]'),
    ],
)
def test_the_words_of_an_error_are_found(body, words):
    assert answer(500, body).said == words


def test_retry_after_is_kept():
    assert error_for(Ask.READ, answer(429, retry_after=7.0), gateway="gw").retry_after == 7.0


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"code": 1, "result": "17"}, Acceptance.TASK),
        ({"code": 22, "result": "17", "description": "排队中，前面还有3个任务"}, Acceptance.TASK),
        ({"code": 21, "result": "17", "properties": {"status": "SUCCESS"}}, Acceptance.EXISTED),
        ({"code": 21, "result": "17", "properties": {"imageUrl": "https://a/1.png"}}, Acceptance.EXISTED),
        ({"code": 21, "result": "17", "properties": {"finalPrompt": ""}}, Acceptance.CONFIRM),
        ({"code": 21, "result": "17", "properties": None}, Acceptance.CONFIRM),
        ({"code": 1, "result": "17", "description": "Waiting for window confirm"}, Acceptance.CONFIRM),
        ({"code": 24}, None),
        ({"code": True}, None),
        ({"code": "1"}, None),
        ([], None),
        ("", None),
    ],
)
def test_what_was_done_with_a_submission(body, taken):
    assert acceptance(answer(200, body)) is taken
    assert acceptance(answer(500, body)) is None
