"""A host of pictures that behaves and misbehaves: the path says how."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
GONE = b'{"error":"This content is no longer available."}'


class Site(ThreadingHTTPServer):
    """The host; it keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.closing = threading.Event()
        self.elsewhere = ""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.host}/{path}"

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what several cases are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site
    has_answered = False

    def log_message(self, *args: Any) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        name, _, argument = self.path.partition("?")[0].strip("/").partition("/")
        getattr(self, f"answer_{name}", self.answer_picture)(argument)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_picture(self, _: str) -> None:
        self.answer(200, PICTURE, Content_Type="IMAGE/PNG; x=1")

    def answer_once(self, _: str) -> None:
        """A picture; whoever asks on the same connection again is left without an answer."""
        if self.has_answered:
            self.close_connection = True
            return
        self.has_answered = True
        self.answer_picture("")

    def answer_hangup(self, _: str) -> None:
        self.close_connection = True

    def answer_chunked(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(PICTURE), PICTURE))

    def answer_cookie(self, _: str) -> None:
        self.answer(200, PICTURE, Content_Type="image/png", Set_Cookie="who=you; Path=/")

    def answer_page(self, _: str) -> None:
        self.answer(200, b"<html>", Content_Type="text/html")

    def answer_status(self, status: str) -> None:
        self.answer(int(status), b"")

    def answer_moment(self, statuses: str) -> None:
        """Statuses, one after the other, as in ``moment/404-500``, and then the picture."""
        count = sum(path == self.path for path, _ in self.server.asked)
        said = [*map(int, statuses.split("-"))][count - 1 : count]
        self.answer(*((said[0], b"") if said else (200, PICTURE)))

    def answer_gone(self, status: str) -> None:
        self.answer(int(status), GONE)

    def answer_packed(self, coding: str) -> None:
        self.answer(200, gzip.compress(PICTURE), Content_Encoding=unquote(coding) or "gzip")

    def answer_named(self, coding: str) -> None:
        """The picture as it is, and the name of a coding beside it."""
        self.answer(200, PICTURE, Content_Encoding=unquote(coding))

    def answer_blocked(self, reason: str) -> None:
        self.answer(403, b'{"error":"request blocked: %s"}' % unquote(reason).encode())

    def answer_locked(self, _: str) -> None:
        """A picture for who has a key."""
        self.answer(*((200, PICTURE) if self.headers.get("Authorization") else (401, b"")))

    def answer_hops(self, count: str) -> None:
        target = f"/hops/{int(count) - 1}" if int(count) else "/picture"
        self.answer(302, b"", Location=target)

    def answer_away(self, _: str) -> None:
        self.answer(307, b"", Location=self.server.elsewhere)

    def answer_moved(self, _: str) -> None:
        self.answer(302, b"", Content_Length=str(10**12), Location="/picture")
        self.endless(b"x" * 65536)

    def answer_huge(self, _: str) -> None:
        self.answer(200, b"", Content_Length=str(10**12))

    def answer_cut(self, _: str) -> None:
        self.close_connection = True
        self.answer(200, PICTURE, Content_Length=str(len(PICTURE) + 1))

    def answer_short(self, _: str) -> None:
        self.close_connection = True
        self.answer(200, PICTURE, Content_Length="10")

    def answer_endless(self, _: str) -> None:
        self.answer(200, b"", Transfer_Encoding="chunked", Content_Length="3")
        self.endless(b"10000\r\n" + bytes(65536) + b"\r\n")

    def endless(self, piece: bytes) -> None:
        while not self.server.closing.is_set():
            self.wfile.write(piece)

    def answer_drip(self, where: str) -> None:
        if where == "body":
            self.answer(200, b"", Content_Length="1000000")
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.closing.wait(0.02):
            self.wfile.write(b"x")
