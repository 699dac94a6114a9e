"""Performs the faults of :mod:`.faults` at the level of ASGI and of the connection."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from .access import CONTROL
from .answers import html_answer
from .faults import HEADER, Fault, FaultKind
from .refusals import new_api_overloaded
from .seen import BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .access import Access
    from .gateway import SandboxGateway
    from .seen import RequestSeen

TRANSPORT = "sandbox_transport"
"""Key of ``scope["state"]`` under which the server leaves the connection's transport."""
HUGE_CHUNKS = 9 * 16


@dataclass(slots=True)
class _Answered:
    """An answer that was made but not sent."""

    start: Message = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    def start_with_length(self, length: int) -> Message:
        headers = [(name, value) for name, value in self.start["headers"] if name != b"content-length"]
        return {**self.start, "headers": [*headers, (b"content-length", b"%d" % length)]}


class Guard:
    """ASGI application around another: answers 403 to those who may not reach it.

    :param app: the application that answers the others
    :param access: who may
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        address = str((scope.get("server") or ("",))[0])
        refusal = self._access.refusal(scope["method"], scope["path"], scope["headers"], address)
        app = self._app if refusal is None else _unprocessed(_forbidden(refusal))
        await app(scope, receive, send)


class FaultInjector:
    """ASGI application around another: notes each request to the gateway and lets it meet its fault.

    :param app: the application that answers
    :param gateway: whose faults are in force
    """

    def __init__(self, app: ASGIApp, gateway: SandboxGateway) -> None:
        self._app = app
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        if not scope["path"].startswith("/attachments/"):
            receive = self._noting(self._gateway.saw(scope["method"], scope["path"]), receive)
        try:
            fault = self._fault(scope)
        except (ValueError, RecursionError) as error:
            await Response(f"{HEADER}: {error}\n", 400, media_type="text/plain")(scope, receive, send)
            return
        app = self._app if fault is None else _PERFORM[fault.kind](fault, self._app)
        await app(scope, receive, send)

    def _noting(self, seen: RequestSeen, receive: Receive) -> Receive:
        """Let the body of a submission be noted as it arrives."""
        body = bytearray()

        async def noting() -> Message:
            message = await receive()
            if message["type"] == "http.request" and len(body) <= BODY_LIMIT:
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    self._gateway.saw_body(seen, bytes(body))
            return message

        return noting if seen.is_submission else receive

    def _fault(self, scope: Scope) -> Fault | None:
        wanted = dict(scope["headers"]).get(HEADER.lower().encode())
        if wanted is not None:
            return Fault.from_header(wanted.decode("latin-1"))
        return self._gateway.faults.pick(scope["method"], scope["path"])


def _forbidden(refusal: str) -> ASGIApp:
    return Response(f"{refusal}\n", 403, media_type="text/plain")


def _status(fault: Fault, _app: ASGIApp) -> ASGIApp:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    body = b"" if fault.status in {204, 304} else fault.body.encode("utf-8", "replace")
    return _unprocessed(Response(body, fault.status, headers))


def _overload(_fault: Fault, _app: ASGIApp) -> ASGIApp:
    answer = new_api_overloaded()
    return _unprocessed(Response(answer.body, answer.status, media_type=answer.media_type))


def _html(_fault: Fault, _app: ASGIApp) -> ASGIApp:
    page = html_answer("One moment, please", 200)
    return _unprocessed(Response(page.body, page.status, media_type=page.media_type))


def _garbage(_fault: Fault, _app: ASGIApp) -> ASGIApp:
    return _unprocessed(Response('{"id": "1320098', media_type="application/json"))


def _huge(_fault: Fault, _app: ASGIApp) -> ASGIApp:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"prompt": "'
        for _ in range(HUGE_CHUNKS):
            yield b"a" * 65536
        yield b'"}'

    return _unprocessed(StreamingResponse(chunks(), media_type="application/json"))


def _slow(fault: Fault, app: ASGIApp) -> ASGIApp:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if await _slept(fault.seconds, scope, receive):
            await app(scope, receive, send)

    return slow


def _withhold(fault: Fault, app: ASGIApp) -> ASGIApp:
    async def withhold(scope: Scope, receive: Receive, send: Send) -> None:
        answered = _Answered()
        await app(scope, receive, answered.take)
        if await _slept(fault.seconds, scope, receive):
            await send(answered.start)
            await send({"type": "http.response.body", "body": bytes(answered.body)})

    return withhold


async def _slept(seconds: float, scope: Scope, receive: Receive) -> bool:
    """Wait; return whether there is still somebody to answer."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        # The server stops. It reports a request without an answer, unless its connection is gone.
        _abort(scope["state"][TRANSPORT])
        await _gone(receive)
        return False
    return True


def _omit(_fault: Fault, app: ASGIApp) -> ASGIApp:
    async def omit(scope: Scope, receive: Receive, send: Send) -> None:
        answered = _Answered()
        await app(scope, receive, answered.take)
        body = b"[]" if _is_list(answered.body) else bytes(answered.body)
        await send(answered.start_with_length(len(body)))
        await send({"type": "http.response.body", "body": body})

    return omit


def _cut(_fault: Fault, app: ASGIApp) -> ASGIApp:
    async def cut(scope: Scope, receive: Receive, send: Send) -> None:
        answered = _Answered()
        await app(scope, receive, answered.take)
        await send(answered.start_with_length(max(len(answered.body), 2)))
        half = bytes(answered.body[: len(answered.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["state"][TRANSPORT].close()
        await _gone(receive)

    return cut


def _reset(_fault: Fault, _app: ASGIApp) -> ASGIApp:
    async def reset(scope: Scope, receive: Receive, _send: Send) -> None:
        _abort(scope["state"][TRANSPORT])
        await _gone(receive)

    return _unprocessed(reset)


def _reset_after(_fault: Fault, app: ASGIApp) -> ASGIApp:
    async def reset_after(scope: Scope, receive: Receive, _send: Send) -> None:
        await app(scope, receive, _Answered().take)
        _abort(scope["state"][TRANSPORT])
        await _gone(receive)

    return reset_after


_PERFORM: dict[FaultKind, Callable[[Fault, ASGIApp], Callable[[Scope, Receive, Send], Awaitable[None]]]] = {
    FaultKind.STATUS: _status,
    FaultKind.HTML: _html,
    FaultKind.GARBAGE: _garbage,
    FaultKind.HUGE: _huge,
    FaultKind.CUT: _cut,
    FaultKind.SLOW: _slow,
    FaultKind.WITHHOLD: _withhold,
    FaultKind.RESET: _reset,
    FaultKind.RESET_AFTER: _reset_after,
    FaultKind.OMIT: _omit,
    FaultKind.OVERLOAD: _overload,
}


def _unprocessed(answer: ASGIApp) -> ASGIApp:
    """Let `answer` answer once the request has arrived whole, so that its sender is not stopped half way."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        while message["type"] == "http.request" and message.get("more_body", False):
            message = await receive()
        await answer(scope, receive, send)

    return handle


def _is_list(body: bytearray) -> bool:
    try:
        return isinstance(json.loads(body), list)
    except ValueError:
        return False


def _abort(transport: asyncio.Transport) -> None:
    """Close a connection with RST instead of FIN: linger on, for no time."""
    if transport.is_closing():
        return
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _gone(receive: Receive) -> None:
    """Wait until the server knows that the connection is gone, so that it expects no answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
