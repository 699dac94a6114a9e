"""What a real new-api (ef8ae4d) makes of the answers of what stands behind it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_mj.gateway.answers import Answer, Ask
from airflow_provider_mj.gateway.errors import (
    BackEndLostError,
    EndpointMissingError,
    GatewayError,
    NoAccountError,
    NotReadyError,
    ParentNotReadyError,
    ParentTaskError,
    SubmissionError,
    SubmissionUnknownError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.rules import error_for
from airflow_provider_mj.gateway.task import Task, tasks_by_id, tasks_of

ORIGIN = "https://gw.example:8443"
PAGE = "<!doctype html><html></html>"


def meaning(ask: Ask, status: int, body: Any) -> GatewayError:
    is_json = not isinstance(body, str)
    text = json.dumps(body) if is_json else body
    answer = Answer(status, text, body if is_json else None, is_json)
    return error_for(ask, answer, gateway="gw.example")


def anew(code: int, **others: Any) -> dict[str, Any]:
    """Give an answer as it writes it anew: it knows four keys."""
    return {"code": code, "description": "", "properties": None, "result": ""} | others


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("ask", [Ask.SUBMIT, Ask.SEED, Ask.CANCEL])
def test_a_call_that_is_missing_behind_it_is_missing(ask: Ask, status: int) -> None:
    error = meaning(ask, status, anew(0))
    assert type(error) is EndpointMissingError
    assert not error.retry_helps


@pytest.mark.parametrize(
    "body", [anew(0, result="17"), anew(0, description="ok"), {"result": ""}, {}, anew(1), anew(5), anew(22)]
)
def test_an_answer_that_tells_anything_is_not_taken_for_a_missing_call(body: Any) -> None:
    assert not isinstance(meaning(Ask.SUBMIT, 404, body), EndpointMissingError)
    assert isinstance(meaning(Ask.SUBMIT, 404, body), SubmissionUnknownError)


def test_what_is_refused_behind_it_without_words_is_refused() -> None:
    error = meaning(Ask.SUBMIT, 200, anew(-1))
    assert type(error) is SubmissionError
    assert "Nothing was paid" in str(error)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, anew(-1, result="17")), (200, anew(-2)), (200, anew(0)), (500, anew(-1)), (302, anew(-1))],
)
def test_what_else_it_says_without_words_is_unknown(status: int, body: Any) -> None:
    assert isinstance(meaning(Ask.SUBMIT, status, body), SubmissionUnknownError)


@pytest.mark.parametrize("ask", [Ask.SEED, Ask.CANCEL])
def test_its_web_front_has_a_page_for_each_call_that_it_lacks(ask: Ask) -> None:
    assert type(meaning(ask, 200, PAGE)) is EndpointMissingError
    assert type(meaning(Ask.TASK, 200, PAGE)) is UnexpectedAnswerError


def test_a_401_without_a_word_may_be_that_of_what_stands_behind_it() -> None:
    error = meaning(Ask.SUBMIT, 401, "")
    assert type(error) is UnauthorizedError
    assert "by what stands behind it" in str(error)
    assert "behind" not in str(meaning(Ask.SUBMIT, 401, {"error": {"message": "Invalid token"}}))


@pytest.mark.parametrize("words", ["该渠道已被禁用", "该任务所属渠道已被禁用", "The channel is disabled"])
def test_a_channel_that_is_off_is_no_matter_of_the_key(words: str) -> None:
    body = {"error": {"message": words, "type": "new_api_error"}}
    assert type(meaning(Ask.SUBMIT, 403, body)) is NoAccountError
    for ask in (Ask.SEED, Ask.CANCEL):
        for status in (200, 400, 403):
            error = meaning(ask, status, {"description": words, "type": "upstream_error", "code": 4})
            assert type(error) is NotReadyError
            assert "channel that drew it is off" in str(error)


def test_a_step_that_a_task_does_not_take_now_is_no_unknown_task() -> None:
    body = {"code": 4, "description": "关联任务状态错误", "result": None}
    error = meaning(Ask.SUBMIT, 200, body)
    assert type(error) is ParentNotReadyError
    assert "answered before" in str(error)
    assert type(meaning(Ask.SEED, 400, body)) is NotReadyError
    other = {"code": 4, "description": "关联任务不允许执行变化", "result": None}
    assert type(meaning(Ask.SUBMIT, 200, other)) is ParentTaskError


def test_what_it_lost_may_have_been_drawn() -> None:
    error = meaning(Ask.SUBMIT, 400, {"code": 5, "description": "do_request_failed "})
    assert type(error) is BackEndLostError


def row(image_url: object) -> dict[str, Any]:
    return {"id": "17", "status": "SUCCESS", "submitTime": 1, "imageUrl": image_url}


def test_a_link_that_is_a_path_leads_to_the_gateway_itself() -> None:
    link = f"{ORIGIN}/mj/image/17"
    for path in ("/mj/image/17", " /mj/image/17 "):
        assert Task.from_wire(row(path), ORIGIN).image_url == link
        assert tasks_by_id([row(path)], origin=ORIGIN)["17"].image_url == link
        assert [task.image_url for task in tasks_of([row(path)], origin=ORIGIN)] == [link]
    assert Task.from_wire(row("/mj/image/17")).image_url is None


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/a.png",
        "/\\evil.example/a.png",
        "mj/image/17",
        "",
        "/a b.png",
        "/" + 5000 * "a",
        "\n/",
        17,
        None,
        ["/a.png"],
    ],
)
def test_no_other_path_is_a_link(path: object) -> None:
    assert Task.from_wire(row(path), ORIGIN).image_url in (None, f"{ORIGIN}/")


@pytest.mark.parametrize("path", ["/@evil.example/a.png", "/.evil.example", "/:80/a.png", "/%2f%2fevil"])
def test_a_path_stays_on_its_host(path: str) -> None:
    link = Task.from_wire(row(path), ORIGIN).image_url
    assert link == ORIGIN + path
