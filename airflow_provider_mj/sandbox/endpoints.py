"""The endpoints: from a gateway and a request's parts to an answer. No web framework in here."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.task import TaskStatus

from .answers import Answer, Reason, RefusedError, json_answer
from .gateway import CONCURRENCY, SandboxGateway

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rows import View

SUCCESS, WAITS_FOR_WINDOW, IN_QUEUE = 1, 21, 22


@dataclass(frozen=True, slots=True)
class Call:
    """The parts of a request that endpoints look at.

    :param body: the body
    :param base_url: scheme, host and port under which the caller reached the gateway
    :param mj_task_id: the task in the path, or ""
    """

    body: bytes
    base_url: str
    mj_task_id: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of the API.

    :param name: its name in :attr:`.Dialect.lacks`
    :param method: HTTP method
    :param path: path after the prefix
    :param answer: what it does
    """

    name: str
    method: str
    path: str
    answer: Callable[[SandboxGateway, Call], Answer]


def respond(gateway: SandboxGateway, endpoint: Endpoint, call: Call) -> Answer:
    """Answer a call of a caller who may pass.

    :param gateway: the gateway
    :param endpoint: what is called
    :param call: the parts of the request
    """
    try:
        return endpoint.answer(gateway, call)
    except RefusedError as refused:
        return gateway.dialect.refuse(refused, gateway.clock())


def fetch(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer with one task, or as the dialect answers to an unknown id."""
    view = gateway.view(call.mj_task_id, call.base_url)
    return gateway.dialect.unknown_task if view is None else json_answer(gateway.dialect.row(view))


def list_by_condition(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer with the known ones among the tasks asked for, each once, in the gateway's own order."""
    ids = set(_ids(_object(call.body), coerce=gateway.dialect.coerces_ids))
    views = [view for mj_task_id in ids if (view := gateway.view(mj_task_id, call.base_url))]
    views.sort(key=_queued_first if gateway.dialect.queued_first else _oldest_first)
    return json_answer([gateway.dialect.list_row(view) for view in views])


def imagine(gateway: SandboxGateway, call: Call) -> Answer:
    """Submit a prompt."""
    body = _object(call.body)
    _check_images(gateway, body)
    return _accepted(gateway, gateway.submit(_text(body, "prompt"), _state(gateway, body)))


def action(gateway: SandboxGateway, call: Call) -> Answer:
    """Press a button."""
    body = _object(call.body)
    mj_task_id, custom_id = _text(body, "taskId"), _text(body, "customId")
    for name, value in (("taskId", mj_task_id), ("customId", custom_id)):
        if not value:
            raise RefusedError(Reason.BAD_PARAMETER, f"{name} is required")
    return _accepted(gateway, gateway.press(mj_task_id, custom_id, _state(gateway, body)))


ENDPOINTS = (
    Endpoint("fetch", "GET", "/task/{mj_task_id}/fetch", fetch),
    Endpoint("list_by_condition", "POST", "/task/list-by-condition", list_by_condition),
    Endpoint("submit_imagine", "POST", "/submit/imagine", imagine),
    Endpoint("submit_action", "POST", "/submit/action", action),
)


def _accepted(gateway: SandboxGateway, mj_task_id: str) -> Answer:
    seen, ahead = gateway.look(mj_task_id), gateway.busy() - CONCURRENCY
    code, description, properties = SUCCESS, gateway.dialect.accepted, dict[str, Any]()
    if seen is not None and seen.status is TaskStatus.MODAL:
        code, description = WAITS_FOR_WINDOW, "Waiting for window confirm"
        properties = {"finalPrompt": gateway.tasks[mj_task_id].prompt, "remix": True}
    elif ahead > 0:
        code, description = IN_QUEUE, f"In queue, there are {ahead} tasks before this one"
        properties = {"numberOfQueues": ahead, "discordInstanceId": "5686143011994952502"}
    if gateway.dialect.rewrites_codes:
        code = SUCCESS
    result = {"code": code, "description": description, "properties": properties, "result": mj_task_id}
    return json_answer(result)


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise RefusedError(Reason.BAD_BODY, "the body is not a JSON object")
    return content


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise RefusedError(Reason.BAD_BODY, f"{name} is not a string")
    return (value or "").encode("utf-8", "replace").decode()


def _state(gateway: SandboxGateway, body: dict[str, Any]) -> str | None:
    limit = gateway.dialect.state_limit
    state = _text(body, "state") if body.get("state") is not None else None
    if state is not None and limit is not None and len(state) > limit:
        raise RefusedError(Reason.BAD_PARAMETER, f"state is longer than {limit} characters")
    return state


def _check_images(gateway: SandboxGateway, body: dict[str, Any]) -> None:
    images = body.get("base64Array") or []
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise RefusedError(Reason.BAD_BODY, "base64Array is not a list of strings")
    if gateway.dialect.data_uris_only and not all(image.startswith("data:") for image in images):
        raise RefusedError(Reason.BAD_PARAMETER, "base64格式错误")


def _ids(body: dict[str, Any], *, coerce: bool) -> list[str]:
    ids = body.get("ids") or []
    if not isinstance(ids, list):
        raise RefusedError(Reason.BAD_BODY, "ids is not a list")
    numbers = [one for one in ids if isinstance(one, (int, float))]
    if numbers and not coerce:
        raise RefusedError(Reason.NUMERIC_IDS, "The JSON value could not be converted to System.String")
    return [str(one) for one in ids if isinstance(one, (str, int, float))]


def _oldest_first(view: View) -> tuple[float, str]:
    return view.task.submitted_at, view.task.mj_task_id


def _queued_first(view: View) -> tuple[bool, float]:
    # Unfinished tasks come first, then the stored ones in the order of a hash set, which is any order.
    return view.seen.finished_at is not None, random.Random(view.task.job).random()
