"""A gateway and a host of pictures, on this machine, that answer as a test says."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import image_host
from drawn import PICTURE, task

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-keeping-0123456789"
HALF = len(PICTURE) // 2


class Site(image_host.Site):
    """The host. Its paths are those of :mod:`image_host`, and those of its handler here.

    ``bodies`` are what ``/body/<name>`` answers, ``fetched`` what ``/mj/task/.../fetch`` does: a task, or a
    status. ``statuses`` are those of ``/then/...``, one after the other, until there is none left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _Handler
        self.bodies: dict[str, tuple[bytes, str]] = {}
        self.fetched: dict[str, Any] | int = 404
        self.statuses: list[int] = []
        self.half_sent, self.release = threading.Event(), threading.Event()

    def body(self, data: bytes, content_type: str = "image/png") -> str:
        """Give the path of a body."""
        name = f"body/{len(self.bodies)}"
        self.bodies[name] = data, content_type
        return name

    @property
    def fetches(self) -> int:
        """How often the gateway was asked for a task."""
        return sum(path.endswith("/fetch") for path, _ in self.asked)

    @property
    def downloads(self) -> list[str]:
        return [path for path, _ in self.asked if not path.endswith("/fetch")]


class _Handler(image_host.Handler):
    server: Site

    def answer_mj(self, _: str) -> None:
        told = self.server.fetched
        if isinstance(told, int):
            self.answer(told, b"")
        else:
            self.answer(200, json.dumps(told).encode(), Content_Type="application/json")

    def answer_body(self, name: str) -> None:
        data, content_type = self.server.bodies[f"body/{name}"]
        self.answer(200, data, Content_Type=content_type)

    def answer_picture(self, _: str) -> None:
        self.answer(200, PICTURE, Content_Type="image/png")

    def answer_hidden(self, _: str) -> None:
        """A gateway's address for a picture that is elsewhere."""
        self.answer(302, b"", Location=self.server.elsewhere)

    def answer_then(self, _: str) -> None:
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.answer(status, PICTURE if status == 200 else b"")

    def answer_part(self, how: str) -> None:
        """A picture that breaks off: ``told`` with a length, ``chunked``, or ``silent``."""
        self.close_connection = True
        headers = {"told": {}, "chunked": {"Transfer_Encoding": "chunked"}, "silent": {}}[how]
        length = {"Content_Length": str(len(PICTURE))} if how == "told" else {}
        self.send_response(200)
        for key, value in (headers | length).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write((b"%x\r\n" % HALF if how == "chunked" else b"") + PICTURE[:HALF])

    def answer_endless(self, _: str) -> None:
        self.answer(200, b"", Transfer_Encoding="chunked", Content_Length="3")
        self.wfile.write(b"%x\r\n%s\r\n" % (HALF, PICTURE[:HALF]))
        self.endless(b"10000\r\n" + bytes(65536) + b"\r\n")

    def answer_drip(self, _: str) -> None:
        self.answer(200, PICTURE[:HALF], Content_Length=str(len(PICTURE)))
        while not self.server.closing.wait(0.02):
            self.wfile.write(b"x")

    def answer_held(self, name: str) -> None:
        """Half of a body, and the rest when the test says so."""
        data, _ = self.server.bodies[f"body/{name}"]
        self.answer(200, data[: len(data) // 2], Content_Length=str(len(data)))
        self.wfile.flush()
        self.server.half_sent.set()
        self.server.release.wait(20)
        self.wfile.write(data[len(data) // 2 :])


def serving(site: Site) -> Iterator[Site]:
    with site:
        threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True).start()
        yield site
        site.closing.set()
        site.release.set()
        site.shutdown()


def told(site: Site, path: str, **more: Any) -> dict[str, Any]:
    """Give a task whose picture is at a path of the host."""
    return task(site.url(path), **more)
