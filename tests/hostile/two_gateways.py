"""Two gateways, each to run in a process of its own: ``python tests/hostile/two_gateways.py honest|hostile``.

It prints its port. The honest one needs no memory: the id of a task says when it is finished, ``<name>-<ms>``
in milliseconds since 1970. The hostile one misbehaves at each request in another way, or only in those
that are named.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import struct
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import cycle
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

LIMIT = 8 * 1024 * 1024 - 1000
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATH = re.compile(r"/task/([^/]+)/fetch")
_FOR_EVER = 3600.0
_DRIP = 0.2

Misbehave = Callable[[asyncio.StreamWriter, list[str]], Coroutine[Any, Any, None]]


def _http(body: bytes, *more: str) -> bytes:
    head = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode() + body


def _row(mj_task_id: str) -> dict[str, Any]:
    is_over = time.time() * 1000 >= int(mj_task_id.rpartition("-")[2])
    return {"id": mj_task_id, "status": "SUCCESS" if is_over else "IN_PROGRESS", "submitTime": 1}


def _many(part: bytes) -> bytes:
    return _http(b"[" + part * (LIMIT // len(part)) + part.rstrip(b",") + b"]")


def _sends(make: Callable[[], bytes]) -> Misbehave:
    kept: list[bytes] = []

    async def send(writer: asyncio.StreamWriter, ids: list[str]) -> None:
        if not kept:
            kept.append(make())
        writer.write(kept[0])
        await writer.drain()

    return send


async def _shows_blanks(writer: asyncio.StreamWriter, ids: list[str]) -> None:
    progress = "1" + " " * 60_000 + "x"
    rows = [{"id": one, "status": "IN_PROGRESS", "progress": progress} for one in ids]
    writer.write(_http(json.dumps(rows).encode()))
    await writer.drain()


async def _hangs(writer: asyncio.StreamWriter, ids: list[str]) -> None:
    await asyncio.sleep(_FOR_EVER)


async def _resets(writer: asyncio.StreamWriter, ids: list[str]) -> None:
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _drips(writer: asyncio.StreamWriter, text: bytes) -> None:
    for sign in text:
        writer.write(bytes([sign]))
        await writer.drain()
        await asyncio.sleep(_DRIP)


async def _drips_its_body(writer: asyncio.StreamWriter, ids: list[str]) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    await _drips(writer, b"[" + b" " * 9000)


async def _drips_its_head(writer: asyncio.StreamWriter, ids: list[str]) -> None:
    await _drips(writer, b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 9000)


# What keeps one request busy for longest comes last, so that each has its turn before.
MISBEHAVIOURS: dict[str, Misbehave] = {
    "garbage": _sends(lambda: b"\x1b[2J\xff\xfe\r\n\r\n"),
    "a reset": _resets,
    "8 MiB of numbers": _sends(lambda: _many(b"1,")),
    "8 MiB of lists": _sends(lambda: _many(b"[],")),
    "8 MiB of objects": _sends(lambda: _many(b"{},")),
    "8 MiB in one text": _sends(lambda: _http(b'["' + b"a" * LIMIT + b'"]')),
    "8 MiB of escapes": _sends(lambda: _http(b'["' + b"\\u00e4" * (LIMIT // 6) + b'"]')),
    "a deep nest": _sends(lambda: _http(b"[" * (LIMIT // 2) + b"]" * (LIMIT // 2))),
    "a number of 8 MiB": _sends(lambda: _http(b"[" + b"9" * LIMIT + b"]")),
    "a bomb": _sends(lambda: _http(gzip.compress(b" " * 100_000_000, 1, mtime=0), "Content-Encoding: gzip")),
    "rows with keys": _sends(lambda: _many(b'{"id":"1","status":"","a":1},')),
    "nothing": _hangs,
    "a body that drips": _drips_its_body,
    "progress with 60,000 blanks": _shows_blanks,
    "a head that drips": _drips_its_head,
}


class Hostile:
    """Misbehaves, each time in another way.

    :param names: in which ways; in all if there are none.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._turns = cycle([(name, MISBEHAVIOURS[name]) for name in names or MISBEHAVIOURS])
        self.done: list[str] = []

    async def answer(self, writer: asyncio.StreamWriter, path: str, ids: list[str]) -> None:
        """Answer a request."""
        if path == "/done":
            writer.write(_http(json.dumps(self.done).encode()))
            return
        name, misbehave = next(self._turns)
        self.done.append(name)
        await misbehave(writer, ids)


class Honest:
    """Answers as a gateway does."""

    async def answer(self, writer: asyncio.StreamWriter, path: str, ids: list[str]) -> None:
        """Answer a request."""
        found = _PATH.search(path)
        content: Any = _row(found[1]) if found else [_row(one) for one in ids]
        writer.write(_http(json.dumps(content).encode()))


async def _serve(gateway: Honest | Hostile) -> None:
    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            found = _LENGTH.search(head)
            body = await reader.readexactly(int(found[1])) if found else b"{}"
            path = head.split(b" ")[1].decode("latin-1")
            ids = json.loads(body).get("ids", []) if found else []
            await gateway.answer(writer, path, ids)
            await writer.drain()
        except (OSError, EOFError, ValueError):
            pass  # a client that has had enough goes away
        finally:
            writer.close()

    server = await asyncio.start_server(exchange, "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Hostile(sys.argv[2:]) if sys.argv[1] == "hostile" else Honest()))
