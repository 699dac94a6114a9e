"""How each family of gateways words a refusal. Text in Chinese is what those gateways really send."""
# ruff: noqa: RUF001 (so are its commas)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from .answers import Answer, Reason, RefusedError, html_answer, json_answer, text_answer

Refuse = Callable[[RefusedError, float], Answer]
"""From a refusal and the time (unix seconds) to the answer."""
WrongRoute = Callable[[str, str, float], Answer]
"""From method, path and time (unix seconds) of a request that no endpoint takes to the answer."""

_CHINESE = {
    Reason.EMPTY_PROMPT: (4, "prompt不能为空"),
    Reason.BANNED_PROMPT: (24, "可能包含敏感词"),
    Reason.UNKNOWN_PARENT: (3, "关联任务不存在或已失效"),
    Reason.UNFINISHED_PARENT: (4, "关联任务状态错误"),
    Reason.NOT_OPEN: (4, "关联任务状态错误"),
    Reason.NO_SEED: (4, "关联任务状态错误"),
    Reason.QUEUE_FULL: (23, "队列已满，请稍后尝试"),
    Reason.NO_ACCOUNT: (3, "无可用的账号实例"),
    Reason.SYSTEM_ERROR: (9, "系统错误"),
    Reason.SEED_NOT_FOUND: (3, "未找到 seed"),
    Reason.SEED_FAILED: (9, "发送 SEED 私信失败"),
}
_CS_UNBOUND = frozenset({Reason.BAD_BODY, Reason.NUMERIC_IDS})
_CS_THROWN = frozenset({Reason.USER_LIMIT, Reason.STATE_TOO_LONG})
_CS_STATUSES = {Reason.UNKNOWN_PARENT: 404, Reason.NO_SEED: 400}
_NEW_API = {
    Reason.NUMERIC_IDS: "do_request_failed",
    Reason.EMPTY_PROMPT: "prompt_is_required",
    Reason.UNKNOWN_PARENT: "task_no_found",
    Reason.UNFINISHED_PARENT: "task_status_not_success",
    Reason.NO_SEED: "task_status_not_success",
    Reason.QUOTA: "quota_not_enough",
    Reason.LOST: "do_request_failed",
    Reason.OUTCOME_UNKNOWN: "midjourney_task_outcome_unknown",
    Reason.CHANNEL_DISABLED: "该任务所属渠道已被禁用",
    Reason.CHANNEL_GONE: "get_channel_info_failed",
}
# What the gateways behind it refuse. It has no words of its own for a full queue.
_PASSED_ON = {
    Reason.BANNED_PROMPT: (24, "Banned prompt"),
    Reason.SYSTEM_ERROR: (9, "系统错误"),
    Reason.NOT_OPEN: (4, "关联任务状态错误"),
    Reason.QUEUE_FULL: (9, "提交失败，队列已满，请稍后重试"),
}
_NO_CHANNEL = "No available channel for model mj_imagine under group default (distributor)"
_NEW_API_CODES = {Reason.LOST: (400, 5)}
EXPIRED = "This content is no longer available."
"""What Discord's CDN says of a link that has expired."""

NEW_API_NO_TASK = json_answer({"description": "task_no_found ", "type": "upstream_error", "code": 4}, 400)


# It writes anew what came of a swap of faces, and knows only these keys.
_WITHOUT_WORDS = json_answer({"code": -1, "description": "", "properties": None, "result": ""})


def refuse_like_new_api(refused: RefusedError, now: float) -> Answer:
    """Refuse with HTTP 400 and new-api's own body, and pass on what the gateway behind it refuses."""
    if refused.reason in _PASSED_ON:
        return _submit_result(refused, *_PASSED_ON[refused.reason])
    if refused.reason in _CS_THROWN:
        return _WITHOUT_WORDS if refused.endpoint == "swap_face" else refuse_like_cs(refused, now)
    if refused.reason is Reason.BAD_BODY:
        return _unbound(refused)
    if refused.reason is Reason.NO_ACCOUNT:
        return json_answer(_error(_NO_CHANNEL, "new_api_error"), 503)
    if refused.reason is Reason.UNKNOWN_ACTION:
        return json_answer(_error(f"Invalid request, unknown_action:{refused.detail}", "new_api_error"), 400)
    # new-api joins a word and a detail by a space, and the space stays where there is no detail.
    description = f"{_NEW_API.get(refused.reason) or refused.detail} "
    status, code = _NEW_API_CODES.get(refused.reason, (400, 4))
    return json_answer({"description": description, "type": "upstream_error", "code": code}, status)


def refuse_like_crazyrouter(refused: RefusedError, now: float) -> Answer:
    """Refuse like new-api, but pass on what the gateway behind it says of a full queue."""
    if refused.reason is Reason.QUEUE_FULL:
        return _submit_result(refused, *_CHINESE[refused.reason])
    return refuse_like_new_api(refused, now)


def refuse_like_java(refused: RefusedError, now: float) -> Answer:
    """Refuse with HTTP 200 and a submit result, and what is not JSON with Spring's own error."""
    if refused.reason is Reason.BAD_BODY:
        return spring_error(400, "Bad Request", "/mj", now)
    return _submit_result(refused, *_CHINESE.get(refused.reason, (4, refused.detail)))


def refuse_like_cs(refused: RefusedError, now: float) -> Answer:
    """Refuse with HTTP 200, an unknown parent with 404.

    What can't be bound, and what is thrown, has another shape; only imagine catches what is thrown. It has no
    code for a full queue: only the text of its 9 tells.
    """
    is_thrown = refused.reason in _CS_THROWN and refused.endpoint != "submit_imagine"
    if refused.reason in _CS_UNBOUND or is_thrown:
        failure = {"success": False, "code": -1, "message": refused.detail, "timestamp": _iso(now)}
        return json_answer(failure)
    if refused.reason is Reason.QUEUE_FULL:
        return _submit_result(refused, 9, "提交失败，队列已满，请稍后重试")
    status = _CS_STATUSES.get(refused.reason, 200)
    return _submit_result(refused, *_CHINESE.get(refused.reason, (4, refused.detail)), status=status)


def new_api_overloaded() -> Answer:
    """Return new-api's 503 for an overloaded machine, before it looks at a key or sends anything on."""
    message = "system memory overloaded (current: 91.0%, threshold: 90%)"
    error = {"message": message, "type": "new_api_error", "param": "", "code": "system_memory_overloaded"}
    return json_answer({"error": error}, 503)


def new_api_no_access() -> Answer:
    """Return new-api's 403 for a key that is restricted to models: a read names none, so none is allowed."""
    return json_answer(_error("This token has no access to model ", "new_api_error"), 403)


def new_api_unauthorized() -> Answer:
    """Return new-api's 401."""
    return json_answer(_error("Invalid token (request id: sandbox)", "new_api_error"), 401)


def crazyrouter_unauthorized() -> Answer:
    """Return crazyrouter's 401."""
    return json_answer(_error("Invalid API key", "authentication_error", "invalid_api_key"), 401)


def plus_unauthorized() -> Answer:
    """Return a 401 that describes itself."""
    return json_answer({"description": "Unauthorized", "type": "unauthorized", "code": 401}, 401)


def java_unauthorized() -> Answer:
    """Return the Java proxy's 401: no body."""
    return Answer(401)


def cs_unauthorized() -> Answer:
    """Return the C# proxy's 401: text, the same for a missing and a wrong token."""
    return text_answer("Authorization header missing.", 401)


def web_page(_method: str, _path: str, _now: float) -> Answer:
    """Answer a wrong route with 200 and the page of the front end, which takes every unknown path."""
    return html_answer("Sandbox gateway", 200)


def tomcat_or_spring(_method: str, path: str, now: float) -> Answer:
    """Answer a wrong route with Spring's JSON below ``/mj``, and with the container's HTML elsewhere."""
    if path.startswith("/mj/"):
        return spring_error(404, "Not Found", path, now)
    return html_answer("HTTP Status 404 - Not Found", 404)


def bare_not_found(_method: str, _path: str, _now: float) -> Answer:
    """Answer a wrong route with 404 and no body."""
    return Answer(404)


def spring_error(status: int, error: str, path: str, now: float) -> Answer:
    """Return Spring's own error object."""
    return json_answer({"timestamp": _iso(now), "status": status, "error": error, "path": path}, status)


def _submit_result(refused: RefusedError, code: int, description: str, status: int = 200) -> Answer:
    body = {"code": code, "description": description, "properties": refused.properties, "result": None}
    return json_answer(body, status)


def _unbound(refused: RefusedError) -> Answer:
    """Refuse a body that new-api can't bind: a submission where the channel is chosen, by OpenAI's shape."""
    if refused.endpoint in {"list_by_condition", "task_list"}:
        body = {"description": "do_request_failed ", "type": "upstream_error", "code": 4}
        return json_answer(body, 400)
    message = f"Invalid request, {refused.detail} (request id: sandbox)"
    return json_answer(_error(message, "new_api_error"), 400)


def _error(message: str, kind: str, code: str = "") -> dict[str, dict[str, str]]:
    return {"error": {"message": message, "type": kind, "code": code}}


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
