"""The gateway over HTTP: routes for Starlette. What they answer is decided in :mod:`.endpoints`.

Next to the gateway's routes there are three for whoever runs it, without a key: ``GET /sandbox/ledger``
and ``GET /sandbox/requests``; ``/sandbox/faults`` lists the faults in force on GET, adds one or more on POST,
ends all on DELETE. Who may use them is decided in :mod:`.access`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from .answers import Answer, json_answer, text_answer
from .call import Call
from .endpoints import ENDPOINTS, Endpoint, respond
from .faults import MOST_FAULTS, Fault
from .injection import FaultInjector, Guard
from .pictures import animate, draw
from .refusals import EXPIRED
from .relaying import image_refused, log_of_key
from .seen import BODY_LIMIT

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .access import Access
    from .gateway import SandboxGateway

REQUEST_COUNT = "X-Sandbox-Request-Count"
"""Header that tells how many requests there were, also those that are kept no more."""
Handler = Callable[[Request], Awaitable[Response]]
_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build_app(gateway: SandboxGateway, access: Access) -> ASGIApp:
    """Return the ASGI application that serves a gateway.

    :param gateway: the gateway
    :param access: who may reach it
    """
    dialect = gateway.dialect
    api = [
        Route(prefix + endpoint.path, _api(gateway, endpoint), methods=[endpoint.method])
        for prefix in dialect.prefixes
        for endpoint in ENDPOINTS
        if endpoint.name not in dialect.lacks
    ]
    routes = [
        Route("/sandbox/ledger", _ledger(gateway), methods=["GET"]),
        Route("/sandbox/requests", _requests(gateway), methods=["GET"]),
        Route("/sandbox/faults", _faults(gateway), methods=["GET", "POST", "DELETE"]),
        Route("/attachments/{channel}/{message}/{name}", _picture(gateway), methods=["GET"]),
        *api,
        *(_relay_routes(gateway) if dialect.is_relay else ()),
        Route("/{rest:path}", _wrong_route(gateway), methods=_ANY_METHOD),
    ]
    return Guard(FaultInjector(Starlette(routes=routes), gateway), access)


def _relay_routes(gateway: SandboxGateway) -> list[Route]:
    async def log(request: Request) -> Response:
        return _response(log_of_key(gateway, request.headers, request.query_params.get("key", "")))

    async def image(request: Request) -> Response:
        mj_task_id = request.path_params["mj_task_id"]
        refused = image_refused(gateway, mj_task_id, request.headers)
        if refused is not None:
            return _response(refused)
        png = await run_in_threadpool(draw, gateway.tasks[mj_task_id].picture, preview=False)
        return Response(png, media_type="image/png")

    return [
        Route("/api/log/token", log, methods=["GET"]),
        Route("/mj/image/{mj_task_id}", image, methods=["GET"]),
    ]


def _api(gateway: SandboxGateway, endpoint: Endpoint) -> Handler:
    async def handle(request: Request) -> Response:
        body = await _read(request)
        if body is None:
            return _response(text_answer("Request Entity Too Large", 413))
        if not gateway.dialect.accepts(request.headers, gateway.key):
            return _response(gateway.dialect.unauthorized())
        call = Call(body, _base_url(request), request.path_params.get("mj_task_id", ""))
        return _response(respond(gateway, endpoint, call))

    return handle


def _wrong_route(gateway: SandboxGateway) -> Handler:
    async def handle(request: Request) -> Response:
        answer = gateway.dialect.wrong_route(request.method, request.scope["path"], gateway.clock())
        return _response(answer)

    return handle


def _picture(gateway: SandboxGateway) -> Handler:
    async def handle(request: Request) -> Response:
        wanted = gateway.signer.check(request.scope["path"], request.query_params, gateway.clock())
        task = None if wanted is None else gateway.task_of_job(wanted.job)
        if wanted is None or task is None:
            return _response(text_answer(EXPIRED, 404))
        if wanted.clip is not None:
            gif = await run_in_threadpool(animate, task.picture, wanted.clip)
            return Response(gif, media_type="image/gif")
        picture = task.picture if wanted.quarter is None else replace(task.picture, quarter=wanted.quarter)
        png = await run_in_threadpool(draw, picture, preview=wanted.preview)
        return Response(png, media_type="image/png")

    return handle


def _ledger(gateway: SandboxGateway) -> Handler:
    async def handle(_request: Request) -> Response:
        ledger = gateway.ledger
        return _response(json_answer({**asdict(ledger), "total": ledger.total}))

    return handle


def _requests(gateway: SandboxGateway) -> Handler:
    async def handle(_request: Request) -> Response:
        count = gateway.request_count
        answer = _response(json_answer([seen.to_dict() for seen in gateway.requests]))
        answer.headers[REQUEST_COUNT] = str(count)
        return answer

    return handle


def _faults(gateway: SandboxGateway) -> Handler:
    async def handle(request: Request) -> Response:
        if request.method == "DELETE":
            gateway.faults.clear()
        elif request.method == "POST":
            try:
                gateway.faults.add(*_read_faults(await _read(request)))
            except (ValueError, RecursionError) as error:
                return _response(text_answer(f"{error}\n", 400))
        return _response(json_answer(gateway.faults.active()))

    return handle


def _read_faults(body: bytes | None) -> list[Fault]:
    if body is None:
        raise ValueError(f"faults are at most {BODY_LIMIT} bytes")
    content: Any = json.loads(body)
    entries = content if isinstance(content, list) else [content]
    if len(entries) > MOST_FAULTS:
        raise ValueError(f"more than {MOST_FAULTS} faults")
    if not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("a fault is a JSON object")
    return [Fault.from_mapping(entry) for entry in entries]


async def _read(request: Request) -> bytes | None:
    """Read a body; one over the limit is read to its end, so that its sender sees the answer, and dropped."""
    kept, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= BODY_LIMIT:
                kept += chunk
    except ClientDisconnect:
        return b""
    return bytes(kept) if size <= BODY_LIMIT else None


def _base_url(request: Request) -> str:
    """Return scheme, host and port that the caller used, so that links work from where it is."""
    return f"http://{request.headers['host']}"


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type=answer.media_type)
