"""The endpoints and their paths. No web framework in here; what is submitted is :mod:`.submissions`'s."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from . import bodies, refusals, submissions
from .answers import Answer, Reason, RefusedError, json_answer, text_answer
from .conditions import Condition
from .copying import copied_answer
from .windows import cancel as cancel_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .call import Call
    from .course import SandboxTask
    from .gateway import SandboxGateway
    from .rows import View


_SEEDLESS = (
    (Condition.SEED_NOT_FOUND, Reason.SEED_NOT_FOUND),
    (Condition.SEED_FAILED, Reason.SEED_FAILED),
)
_NEW_ROUTES = ("submit_edits", "submit_video")
_READS = ("fetch", "image_seed", "list_by_condition")


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
    barred = _barred(gateway, endpoint)
    if barred is not None:
        return barred
    try:
        return endpoint.answer(gateway, call)
    except RefusedError as refused:
        refused.endpoint = endpoint.name
        return gateway.dialect.refuse(refused, gateway.clock())


def fetch(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer with one task, or as the dialect answers to an unknown id."""
    view = gateway.view(call.mj_task_id, call.base_url)
    return gateway.dialect.unknown_task if view is None else json_answer(gateway.dialect.row(view))


def list_by_condition(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer with the known ones among the tasks asked for, in the gateway's own order."""
    wanted = set(bodies.ids(bodies.read_object(call.body), coerce=gateway.dialect.coerces_ids))
    tasks = [task for one in wanted if (task := gateway.tasks.get(one))]
    views = [*_views(gateway, call, tasks), *_answers_of(gateway, call, tasks)]
    views.sort(key=_queued_first if gateway.dialect.queued_first else _oldest_first)
    return json_answer([gateway.dialect.list_row(view) for view in views])


def list_all(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer with all tasks, or as many as the dialect shows, newest first."""
    days = gateway.dialect.list_days
    since = float("-inf") if days is None else gateway.clock() - days * 86400
    views = _views(
        gateway, call, [task for task in list(gateway.tasks.values()) if task.submitted_at >= since]
    )
    views.sort(key=_oldest_first, reverse=True)
    return json_answer([gateway.dialect.list_row(view) for view in views[: gateway.dialect.list_limit]])


def image_seed(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer with the seed of a finished picture."""
    task, seen = gateway.known(call.mj_task_id)
    if seen.status is not TaskStatus.SUCCESS:
        raise RefusedError(Reason.NO_SEED, f"the task is {seen.status}")
    for condition, reason in _SEEDLESS:
        if condition in gateway.conditions:
            raise RefusedError(reason, "the picture has no seed")
    seed = str(int(task.job[:8], 16))
    return json_answer({"code": 1, "description": "成功", "properties": {}, "result": seed})


def cancel(gateway: SandboxGateway, call: Call) -> Answer:
    """Cancel a task; the C# proxy says nothing, whether it could or not."""
    if Condition.NOT_ADMIN in gateway.conditions:
        return text_answer("演示模式，禁止操作", 400)  # noqa: RUF001
    if gateway.dialect.cancel_reason is None:
        cancel_task(gateway, call.mj_task_id)
        return json_answer({"code": 1, "description": "成功"})
    with suppress(RefusedError):
        cancel_task(gateway, call.mj_task_id)
    return Answer(200)


ENDPOINTS = (
    Endpoint("fetch", "GET", "/task/{mj_task_id}/fetch", fetch),
    Endpoint("image_seed", "GET", "/task/{mj_task_id}/image-seed", image_seed),
    Endpoint("cancel", "POST", "/task/{mj_task_id}/cancel", cancel),
    Endpoint("list_by_condition", "POST", "/task/list-by-condition", list_by_condition),
    Endpoint("task_list", "GET", "/task/list", list_all),
    Endpoint("submit_imagine", "POST", "/submit/imagine", submissions.imagine),
    Endpoint("submit_action", "POST", "/submit/action", submissions.action),
    Endpoint("submit_change", "POST", "/submit/change", submissions.change),
    Endpoint("submit_modal", "POST", "/submit/modal", submissions.modal),
    Endpoint("submit_blend", "POST", "/submit/blend", submissions.blend),
    Endpoint("submit_describe", "POST", "/submit/describe", submissions.describe),
    Endpoint("submit_shorten", "POST", "/submit/shorten", submissions.shorten),
    Endpoint("submit_edits", "POST", "/submit/edits", submissions.edits),
    Endpoint("submit_video", "POST", "/submit/video", submissions.video),
    Endpoint("upload", "POST", "/submit/upload-discord-images", submissions.upload),
    Endpoint("swap_face", "POST", "/insight-face/swap", submissions.swap_face),
)


def _views(gateway: SandboxGateway, call: Call, tasks: Iterable[SandboxTask]) -> list[View]:
    return [view for task in tasks if (view := gateway.view_of(task, call.base_url))]


def _answers_of(gateway: SandboxGateway, call: Call, tasks: Iterable[SandboxTask]) -> list[View]:
    """Return the rows of answers to windows, which a relay keeps next to those of the presses."""
    if not gateway.dialect.is_relay:
        return []
    now, interval = gateway.clock(), gateway.loop_seconds
    rows = [(task, copied_answer(task, now, interval)) for task in tasks if task.confirmed_at is not None]
    return [view for task, seen in rows if seen and (view := gateway.view_of(task, call.base_url, seen))]


def _barred(gateway: SandboxGateway, endpoint: Endpoint) -> Answer | None:
    """Return what is answered instead of anything else, because of the state that the gateway is in."""
    if gateway.dialect.is_relay and gateway.account.is_used_up:
        return gateway.dialect.unauthorized()
    if Condition.OLD_ROUTES in gateway.conditions and endpoint.name in _NEW_ROUTES:
        return gateway.dialect.wrong_route(endpoint.method, endpoint.path, gateway.clock())
    if Condition.UNREADABLE in gateway.conditions and endpoint.name in _READS:
        return refusals.new_api_no_access()
    return None


def _oldest_first(view: View) -> tuple[float, str]:
    return view.task.submitted_at, view.task.mj_task_id


def _queued_first(view: View) -> tuple[bool, float]:
    # Unfinished tasks come first, then the stored ones in the order of a hash set, which is any order.
    return view.seen.finished_at is not None, random.Random(view.task.job).random()
