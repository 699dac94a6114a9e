"""The endpoints and their paths. No web framework in here; what is submitted is :mod:`.submissions`'s."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from . import bodies, submissions
from .answers import Answer, Reason, RefusedError, json_answer
from .course import occupies
from .windows import cancel as cancel_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .call import Call
    from .course import SandboxTask
    from .gateway import SandboxGateway
    from .rows import View


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
    """Answer with the known ones among the tasks asked for, in the gateway's own order."""
    wanted = set(bodies.ids(bodies.read_object(call.body), coerce=gateway.dialect.coerces_ids))
    tasks = [task for one in wanted if (task := gateway.tasks.get(one))]
    views = _views(gateway, call, [*_presses_of(gateway, tasks), *tasks])
    views.sort(key=_queued_first if gateway.dialect.queued_first else _oldest_first)
    return json_answer([gateway.dialect.list_row(view) for view in views])


def list_all(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer with all tasks, or as many as the dialect shows, newest first."""
    views = _views(gateway, call, list(gateway.tasks.values()))
    views.sort(key=_oldest_first, reverse=True)
    return json_answer([gateway.dialect.list_row(view) for view in views[: gateway.dialect.list_limit]])


def image_seed(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer with the seed of a finished picture."""
    task, seen = gateway.known(call.mj_task_id)
    if seen.status is not TaskStatus.SUCCESS:
        raise RefusedError(Reason.NO_SEED, f"the task is {seen.status}")
    seed = str(int(task.job[:8], 16))
    return json_answer({"code": 1, "description": "成功", "properties": {}, "result": seed})


def cancel(gateway: SandboxGateway, call: Call) -> Answer:
    """Cancel a task; the C# proxy says nothing, whether it could or not."""
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


def _presses_of(gateway: SandboxGateway, tasks: Iterable[SandboxTask]) -> list[SandboxTask]:
    """Return the rows of presses that new-api keeps, and lets stand still, next to those of their answers."""
    if not gateway.dialect.lists_confirmed_twice:
        return []
    now = gateway.clock()
    return [
        replace(task, confirmed_at=None)
        for task in tasks
        if task.confirmed_at is not None and occupies(task, now)
    ]


def _oldest_first(view: View) -> tuple[float, str]:
    return view.task.submitted_at, view.task.mj_task_id


def _queued_first(view: View) -> tuple[bool, float]:
    # Unfinished tasks come first, then the stored ones in the order of a hash set, which is any order.
    return view.seen.finished_at is not None, random.Random(view.task.job).random()
