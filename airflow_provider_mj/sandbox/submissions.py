"""The submissions: from a gateway and a request's parts to an answer. No web framework in here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import bodies, orders
from .answers import Answer, Reason, RefusedError, json_answer
from .course import Shape
from .gateway import CONCURRENCY, SandboxGateway
from .orders import Order
from .pressing import Pressed, press_button
from .pressing import change as press_by_name
from .windows import confirm, final_prompt

if TYPE_CHECKING:
    from .call import Call

SUCCESS, WAITS_FOR_WINDOW, IN_QUEUE = 1, 21, 22
_EXISTED = WAITS_FOR_WINDOW
_CHANGES = ("UPSCALE", "VARIATION", "REROLL")
_DIMENSIONS = ("PORTRAIT", "SQUARE", "LANDSCAPE")
_MOTIONS = ("low", "high")
_VIDEO_TYPES = ("vid_1.1_i2v_480", "vid_1.1_i2v_720")
_ALWAYS_WINDOWS = ("INPAINT", "CUSTOM_ZOOM")


def imagine(gateway: SandboxGateway, call: Call) -> Answer:
    """Submit a prompt."""
    body = bodies.read_object(call.body)
    bodies.images(gateway, body)
    return _accepted(gateway, gateway.submit(bodies.text(body, "prompt"), bodies.state(gateway, body)))


def action(gateway: SandboxGateway, call: Call) -> Answer:
    """Press a button."""
    body = bodies.read_object(call.body)
    mj_task_id, custom_id = bodies.required(body, "taskId"), bodies.required(body, "customId")
    state, remix = bodies.state(gateway, body), body.get("enableRemix") is True
    return _pressed(gateway, call, press_button(gateway, mj_task_id, custom_id, state, remix=remix))


def change(gateway: SandboxGateway, call: Call) -> Answer:
    """Upscale, vary or reroll a grid."""
    body = bodies.read_object(call.body)
    mj_task_id, name = bodies.required(body, "taskId"), bodies.word(body, "action", _CHANGES)
    index = bodies.number(body, "index", range(1, 5))
    if index is None and (name != "REROLL" or gateway.dialect.needs_index):
        raise RefusedError(Reason.BAD_PARAMETER, "index_is_required")
    state = bodies.state(gateway, body)
    return _pressed(gateway, call, press_by_name(gateway, mj_task_id, name, index, state))


def modal(gateway: SandboxGateway, call: Call) -> Answer:
    """Answer a window."""
    body = bodies.read_object(call.body)
    mj_task_id, mask = bodies.required(body, "taskId"), bodies.text(body, "maskBase64")
    if mask:
        bodies.check_image(gateway, mask)
    return _accepted(gateway, confirm(gateway, mj_task_id, bodies.text(body, "prompt"), has_mask=mask != ""))


def blend(gateway: SandboxGateway, call: Call) -> Answer:
    """Blend two to five pictures."""
    body = bodies.read_object(call.body)
    bodies.images(gateway, body, 2, 5)
    bodies.word(body, "dimensions", _DIMENSIONS, default="SQUARE")
    return _accepted(gateway, gateway.start(Order(action="BLEND", state=bodies.state(gateway, body))))


def describe(gateway: SandboxGateway, call: Call) -> Answer:
    """Describe a picture."""
    body = bodies.read_object(call.body)
    names = ("base64", "link") if gateway.dialect.takes_urls else ("base64",)
    image = bodies.image(gateway, body, *names)
    order = orders.describe(image, bodies.state(gateway, body), bodies.text(body, "language"))
    return _accepted(gateway, gateway.start(order))


def shorten(gateway: SandboxGateway, call: Call) -> Answer:
    """Find shorter forms of a prompt."""
    body = bodies.read_object(call.body)
    order = orders.shorten(bodies.prompt(body), bodies.state(gateway, body))
    return _accepted(gateway, gateway.start(order))


def edits(gateway: SandboxGateway, call: Call) -> Answer:
    """Change a picture of the caller's own."""
    body = bodies.read_object(call.body)
    prompt = bodies.prompt(body)
    bodies.image(gateway, body, "image")
    order = Order(action="EDITS", prompt=prompt, state=bodies.state(gateway, body))
    return _accepted(gateway, gateway.start(order))


def video(gateway: SandboxGateway, call: Call) -> Answer:
    """Make clips of a picture, or go on with a clip."""
    body = bodies.read_object(call.body)
    needs_motion = gateway.dialect.needs_motion
    prompt = bodies.text(body, "prompt") if needs_motion else bodies.prompt(body)
    bodies.word(body, "motion", _MOTIONS, default="" if needs_motion else "low")
    bodies.word(body, "videoType", _VIDEO_TYPES, default=_VIDEO_TYPES[0])
    clips = bodies.number(body, "batchSize", (1, 2, 4)) or orders.CLIPS
    parent_id = _extended(gateway, body)
    if parent_id is None:
        bodies.image(gateway, body, "image")
    order = orders.video(prompt, clips, bodies.state(gateway, body), parent_id)
    return _accepted(gateway, gateway.start(order))


def swap_face(gateway: SandboxGateway, call: Call) -> Answer:
    """Put the face of one picture on another."""
    body = bodies.read_object(call.body)
    source, target = (_face(gateway, body, name) for name in ("source", "target"))
    if gateway.dialect.takes_urls and source == target:
        raise RefusedError(Reason.BAD_PARAMETER, "source and target are the same")
    order = Order(
        action="SWAP_FACE",
        state=bodies.state(gateway, body),
        shape=Shape.PLAIN,
        picture=orders.picture_of(target, "a face on another picture"),
    )
    return _accepted(gateway, gateway.start(order))


def upload(gateway: SandboxGateway, call: Call) -> Answer:
    """Upload pictures; they become links at once, which makes no task and costs nothing."""
    images = bodies.images(gateway, bodies.read_object(call.body), 1)
    links = [
        f"https://cdn.discordapp.com/attachments/1300842274347028520/{orders.picture_of(image).seed[:16]}.png"
        for image in images
    ]
    return json_answer({"code": SUCCESS, "description": gateway.dialect.accepted, "result": links})


def _extended(gateway: SandboxGateway, body: bodies.Body) -> str | None:
    """Return the task whose clip a video goes on with, or None if it begins with a picture."""
    mj_task_id = bodies.text(body, "taskId")
    if not mj_task_id:
        return None
    bodies.word(body, "action", ("extend",))
    if bodies.number(body, "index", range(4)) is None:
        raise RefusedError(Reason.BAD_PARAMETER, "index is required")
    if gateway.finished(mj_task_id).shape is not Shape.VIDEO:
        raise RefusedError(Reason.BAD_PARAMETER, "the task has no clips")
    return mj_task_id


def _face(gateway: SandboxGateway, body: bodies.Body, name: str) -> str:
    names = (f"{name}Base64", f"{name}Url") if gateway.dialect.takes_urls else (f"{name}Base64",)
    return bodies.image(gateway, body, *names)


def _pressed(gateway: SandboxGateway, call: Call, made: Pressed) -> Answer:
    if not made.is_repeat:
        return _accepted(gateway, *made.ids)
    mj_task_id = made.ids[0]
    view = gateway.view(mj_task_id, call.base_url)
    properties = {} if view is None else {"status": view.seen.status, "imageUrl": view.main_url}
    code = SUCCESS if gateway.dialect.is_relay else _EXISTED
    body = {"code": code, "description": "任务已存在", "properties": properties, "result": mj_task_id}
    return json_answer(body)


def _accepted(gateway: SandboxGateway, *mj_task_ids: str) -> Answer:
    task, ahead = gateway.tasks[mj_task_ids[0]], gateway.busy() - CONCURRENCY
    code, description, properties = SUCCESS, gateway.dialect.accepted, dict[str, Any]()
    if task.is_open:
        code, description = WAITS_FOR_WINDOW, "Waiting for window confirm"
        properties = {"finalPrompt": final_prompt(task), "remix": True}
    elif ahead > 0:
        code, description = IN_QUEUE, f"In queue, there are {ahead} tasks before this one"
        properties = {"numberOfQueues": ahead, "discordInstanceId": "5686143011994952502"}
    if gateway.dialect.is_relay and (code == IN_QUEUE or task.action not in _ALWAYS_WINDOWS):
        code = SUCCESS
    result = ",".join(mj_task_ids)
    return json_answer({"code": code, "description": description, "properties": properties, "result": result})
