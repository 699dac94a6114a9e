"""What probes may see, made by hand: the answers of each family, as their sources and documents have them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.check.seen import KeyLog, Probe, Reply, Seen, Target
from airflow_provider_mj.gateway.answers import Answer, Ask
from airflow_provider_mj.gateway.rules import error_for
from airflow_provider_mj.gateway.task import Task

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.errors import GatewayError

KEY = "sk-check-0123456789"
GATEWAY = "gw.example"
TARGET = Target(gateway=GATEWAY, is_tls=True, is_verified=True, has_key=True, auth_scheme="bearer")
PAGE = "<!doctype html><title>Welcome</title>"
SPRING = {"timestamp": "2026-11-21T12:00:00.000+00:00", "status": 404, "error": "Not Found", "path": "/mj/x"}
ASKS = {Probe.FETCH: Ask.TASK, Probe.NO_KEY: Ask.TASK, Probe.SEED: Ask.SEED, Probe.CANCEL: Ask.CANCEL}
FINISHED: dict[str, Any] = {"id": "17", "status": "SUCCESS", "state": None, "submitTime": 1_795_000_000_000}
BUTTONS = [{"customId": "MJ::JOB::upsample::1::x", "label": "U1"}]
CHARGED = KeyLog(40, 12, (Task.from_wire({"id": "17", "status": "SUCCESS", "state": "airflow-1"}),))


def got(value: Any, status: int = 200, text: str = "", **more: Any) -> Reply:
    """What was asked for came."""
    return Reply(answer=Answer(status, text, value, is_json=True, **more), value=value)


def refused(probe: Probe, status: int, body: Any = "", **more: Any) -> Reply:
    """Something else came: text, or JSON."""
    is_json = not isinstance(body, str)
    text = json.dumps(body, ensure_ascii=False) if is_json else body
    answer = Answer(status, text, body if is_json else None, is_json=is_json, **more)
    error = error_for(ASKS.get(probe, Ask.READ), answer, gateway=GATEWAY)
    return Reply(answer=answer, error=error)


def failed(kind: type[GatewayError], what: str, said: str = "") -> Reply:
    """No answer came."""
    return Reply(error=kind(what, gateway=GATEWAY, said=said))


def seen(*replies: dict[Probe, Reply], **more: Any) -> Seen:
    """All of them, the later ones in place of the earlier ones."""
    joined: dict[Probe, Reply] = {}
    for some in replies:
        joined |= some
    return Seen(**{"target": TARGET, "replies": joined, "ahead": 0.3, **more})


def tasks(*rows: dict[str, Any]) -> Reply:
    return got([Task.from_wire(row) for row in rows])


def _table(**answers: Any) -> dict[Probe, Reply]:
    made = {Probe[name]: answer for name, answer in answers.items() if isinstance(answer, Reply)}
    told = {Probe[name]: answer for name, answer in answers.items() if not isinstance(answer, Reply)}
    return {Probe.LIST: got([])} | made | {probe: refused(probe, *answer) for probe, answer in told.items()}


def _error(message: str, **code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "new_api_error", **code}}


_NO_TASK = {"description": "task_no_found ", "type": "upstream_error", "code": 4}
_NO_PARENT = {"code": 3, "description": "关联任务不存在或已失效", "properties": {}, "result": None}
_GO = {
    "FETCH": (400, _NO_TASK),
    "TASKS": (200, PAGE),
    "CANCEL": (200, PAGE),
    "SEED": (400, _NO_TASK),
    "IMAGE": (400, {"error": "midjourney_task_not_found"}),
    "NO_CALL": (200, PAGE),
}
PORTRAITS: dict[str, dict[Probe, Reply]] = {
    "new_api": _table(**_GO, LOG=got(CHARGED), NO_KEY=(401, _error("未提供令牌", code=""))),
    "new_api_old": _table(**_GO, LOG=got(KeyLog()), NO_KEY=(401, _error("未提供令牌"))),
    "novicezk": _table(
        FETCH=(200,),
        TASKS=tasks(FINISHED),
        LOG=(404, PAGE),
        CANCEL=(404, SPRING),
        SEED=(404, SPRING),
        IMAGE=(404, SPRING),
        NO_KEY=(401,),
        NO_CALL=(404, SPRING),
    ),
    "plus": _table(
        FETCH=(200,),
        TASKS=tasks(FINISHED | {"cost": 2.0, "buttons": BUTTONS}),
        LOG=(404, SPRING),
        CANCEL=(200, _NO_PARENT),
        SEED=(200, _NO_PARENT),
        IMAGE=(404, SPRING),
        NO_KEY=(401, {"description": "Unauthorized", "type": "unauthorized", "code": 401}),
        NO_CALL=(404, SPRING),
    ),
    "trueai": _table(
        FETCH=(204,),
        TASKS=tasks(FINISHED | {"state": "", "useTime": "12.34 s", "isCompleted": True, "buttons": BUTTONS}),
        LOG=(404,),
        CANCEL=(400, "当前用户无权限"),
        SEED=(404, _NO_PARENT),
        IMAGE=(404,),
        NO_KEY=(401, "Authorization header missing."),
        NO_CALL=(404,),
    ),
}
"""What each family answers."""
