"""A server that answers every request with the same bytes, whatever they are, and closes the connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from socket_server import SocketServer

if TYPE_CHECKING:
    import socket

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class RawServer(SocketServer):
    """The server, as a context manager; it serves one client after the other, as the one that is tried asks.

    :ivar answer: what it answers.
    :ivar requests: how many requests it has read since that was set to 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answer = b""
        self.requests = 0

    def _exchange(self, connection: socket.socket) -> None:
        read_request(connection)
        self.requests += 1
        # All of the request was read, so that closing sends what was sent, and resets nothing.
        connection.sendall(self.answer)


def read_request(connection: socket.socket) -> bytes:
    """Read one request to its end.

    :param connection: a connection that was accepted.
    :returns: what was read; nothing, if the client went away before.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    found = _LENGTH.search(head)
    missing = (int(found[1]) if found else 0) - len(body)
    while missing > 0 and (more := connection.recv(65536)):
        data += more
        missing -= len(more)
    return data
