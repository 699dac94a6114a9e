"""Answers that gateways are known to give: from their documents, and from the sandbox in every dialect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.sandbox import DIALECTS, ManualClock, SandboxGateway
from airflow_provider_mj.sandbox.answers import Answer, Reason, RefusedError
from airflow_provider_mj.sandbox.call import Call
from airflow_provider_mj.sandbox.endpoints import ENDPOINTS, respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_mj.sandbox.dialects import Dialect

DOCUMENTS = Path(__file__).parent.parent / "documents"
IDS = ("17", "18")
"""What the first and the second task of an answer are called, whatever their gateway called them."""

PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_NOW = 1_730_621_826.0
_PROMPTS = (
    *("a red fox", "a fox [[fail: out of paint]]", "a fox [[never]]", "a fox [[cancel]]", "a fox [[modal]]"),
    *("a fox [[banned]]", "a fox [[four]]"),
)
_REFUSED = (
    "a bannedword",
    "",
    "[[no account]] a fox",
    "[[quota]] a fox",
    "[[system error]] a fox",
    "[[lost]]",
)
_OTHERS = (
    Answer(200),
    Answer(204),
    Answer(401),
    Answer(404),
    Answer(503),
    Answer(200, b"null", "application/json"),
    Answer(200, b"[]", "application/json"),
    Answer(302, b"", "text/html"),
    Answer(403, b"<html><title>403 Forbidden</title>", "text/html"),
    Answer(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html"),
    Answer(429, b"Too many requests", "text/plain"),
    Answer(500, b'{"error":"it broke"}', "application/json"),
    Answer(
        403, b'{"error":{"message":"This token has no access to model ","type":"new_api_error","code":""}}'
    ),
    Answer(
        503, b'{"error":{"message":"No available channel (distributor)","type":"new_api_error","code":""}}'
    ),
    Answer(
        200,
        '{"success":false,"code":-1,"message":"并发数已达上限","timestamp":"2026-01-01T00:00:00"}'.encode(),
    ),
    Answer(
        200,
        '{"code":21,"description":"任务已存在","result":"17","properties":{"status":"IN_PROGRESS"}}'.encode(),
    ),
    Answer(200, '{"code":22,"description":"排队中，前面还有2个任务","result":17}'.encode()),
    Answer(200, b'{"code":1,"description":"success","result":"17,18"}'),
    Answer(200, b'{"code":1,"description":"success","result":["https://cdn.discordapp.com/a/b.png"]}'),
)


@dataclass(frozen=True)
class Known:
    """A known answer.

    :param source: who gives it.
    :param status: its HTTP status.
    :param media_type: its Content-Type, if it has one.
    :param body: the decoded JSON, or bytes that are none.
    """

    source: str
    status: int
    media_type: str | None
    body: Any

    @property
    def is_json(self) -> bool:
        """Tell JSON from other bodies."""
        return not isinstance(self.body, bytes)


def known_answers() -> list[Known]:
    """Return every known answer once, in the same order each time."""
    documents = [
        Known(path.stem, 200, "application/json", _renamed(json.loads(path.read_text(encoding="utf-8"))))
        for path in sorted(DOCUMENTS.glob("*.json"))
    ]
    given = [(f"others {number}", one) for number, one in enumerate(_OTHERS)]
    spoken = chain.from_iterable(_spoken(dialect) for dialect in DIALECTS.values())
    every = [*documents, *(_known(*one) for one in chain(given, spoken))]
    return list({(one.status, repr(one.body)): one for one in every}.values())


def _known(source: str, answer: Answer) -> Known:
    try:
        body = _renamed(json.loads(answer.body))
    except ValueError:
        body = answer.body
    return Known(source, answer.status, answer.media_type, body)


def _spoken(dialect: Dialect) -> Iterator[tuple[str, Answer]]:
    """Call everything that the sandbox has in a dialect."""
    clock = ManualClock(_NOW)
    gateway = SandboxGateway(dialect, clock=clock, task_seconds=10, loop_seconds=4)
    ids = [_submit(gateway, prompt) for prompt in _PROMPTS]
    for seconds in (0, 5, 10):
        clock.advance(seconds)
        for mj_task_id in ids:
            yield _call(gateway, "fetch", mj_task_id)
        yield _call(gateway, "list_by_condition", json={"ids": ids})
    yield _call(gateway, "task_list")
    for mj_task_id in ("no-such-task", ids[0], ids[2]):
        for name in ("fetch", "image_seed", "cancel"):
            yield _call(gateway, name, mj_task_id)
    yield from _submitted(gateway, ids)
    yield f"{dialect.name} unauthorized", dialect.unauthorized()
    yield f"{dialect.name} wrong route", dialect.wrong_route("GET", "/mj/nowhere", _NOW)
    for reason in Reason:
        yield f"{dialect.name} {reason}", dialect.refuse(RefusedError(reason, "what is wrong"), _NOW)


def _submit(gateway: SandboxGateway, prompt: str) -> str:
    try:
        return gateway.submit(prompt)
    except RefusedError:  # not every dialect has a window
        return gateway.submit("a fox")


def _submitted(gateway: SandboxGateway, ids: list[str]) -> Iterator[tuple[str, Answer]]:
    for prompt in ("a blue fox", *_REFUSED):
        yield _call(gateway, "submit_imagine", json={"prompt": prompt})
    press = next(iter(gateway.presses(gateway.tasks[ids[0]])), None)
    custom_id = press.custom_id if press else "MJ::JOB::upsample::2::abc"
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("submit_action", {"taskId": ids[0], "customId": custom_id}),
        ("submit_action", {"taskId": "no-such-task", "customId": custom_id}),
        ("submit_change", {"taskId": ids[0], "action": "UPSCALE", "index": 1}),
        ("submit_modal", {"taskId": ids[4], "prompt": "a hat"}),
        ("submit_modal", {"taskId": ids[0], "prompt": "a hat"}),
        ("submit_blend", {"base64Array": [PICTURE, PICTURE], "dimensions": "SQUARE"}),
        ("submit_describe", {"base64": PICTURE}),
        ("submit_shorten", {"prompt": "a very long red fox"}),
        ("submit_edits", {"prompt": "a fox", "image": PICTURE}),
        ("submit_video", {"prompt": "a fox runs", "image": PICTURE, "motion": "low"}),
        ("upload", {"base64Array": [PICTURE]}),
        ("swap_face", {"sourceBase64": PICTURE, "targetBase64": PICTURE}),
        ("submit_imagine", {}),
    ]
    for name, body in bodies:
        yield _call(gateway, name, json=body)


def _call(gateway: SandboxGateway, name: str, mj_task_id: str = "", **body: Any) -> tuple[str, Answer]:
    endpoint = next(one for one in ENDPOINTS if one.name == name)
    call = Call(json.dumps(body.get("json", {})).encode(), "https://gw.example", mj_task_id)
    return f"{gateway.dialect.name} {name}", respond(gateway, endpoint, call)


def _renamed(body: Any) -> Any:
    """Give tasks the ids that are asked for."""
    if isinstance(body, list):
        return [_with_id(row, place) for place, row in enumerate(body)]
    return _with_id(body, 0)


def _with_id(row: Any, place: int) -> Any:
    is_task = isinstance(row, dict) and "status" in row and "id" in row
    return {**row, "id": IDS[place % 2] if place < len(IDS) else f"{place + 17}"} if is_task else row
