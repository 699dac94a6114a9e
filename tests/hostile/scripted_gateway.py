"""A gateway whose answers are bytes that a test has chosen, and which serves many clients at once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from raw_server import read_request
from socket_server import ThreadedServer

if TYPE_CHECKING:
    import socket

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da6364f8cf50"
    "0f0003860180"
) + bytes.fromhex("5a347d6b0000000049454e44ae426082")
WINDOW = "16"
"""The task that waits for a confirmation: it has to do so when it is answered, and task 17 is finished."""
_PATHS = re.compile(r"/(task/list-by-condition|task/list|submit|insight-face|fetch|image-seed|cancel)\b")


def http(body: Any, status: int = 200, **headers: str) -> bytes:
    """Return an answer.

    :param body: bytes as they are, or what is made JSON.
    :param status: the HTTP status.
    :param headers: more headers, with ``_`` for ``-``.
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + data


class ScriptedGateway(ThreadedServer):
    """The gateway, as a context manager.

    :ivar answers: by call: ``fetch``, ``list``, ``submit``, ``picture`` and ``other``; ``window`` is the
        fetch of task 16.
    :ivar seen: method and path of each request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, bytes] = {}
        self.seen: list[tuple[str, str]] = []

    @property
    def submissions(self) -> list[str]:
        """The paths of all that would be paid."""
        return [path for method, path in self.seen if method == "POST" and kind_of(path) == "submit"]

    def _exchange(self, connection: socket.socket) -> None:
        method, path = _asked(read_request(connection))
        self.seen.append((method, path))
        connection.sendall(self.answers.get(kind_of(path)) or self.answers["other"])


def kind_of(path: str) -> str:
    """Tell which call a path is of."""
    if f"/task/{WINDOW}/fetch" in path:
        return "window"
    found = _PATHS.search(path)
    name = found[1] if found else "picture" if "/picture" in path else "other"
    return {"task/list-by-condition": "list", "task/list": "list", "insight-face": "submit"}.get(name, name)


def _asked(request: bytes) -> tuple[str, str]:
    method, _, rest = request.partition(b" ")
    return method.decode("latin-1"), rest.partition(b" ")[0].decode("latin-1")
