"""A host of pictures, in a process of its own: ``python -m benchmarks.images.host BYTES``.

It prints its port. ``/0/17.png`` answers at once, ``/50/17.png`` after 50 ms.
"""

from __future__ import annotations

import struct
import sys
import time
import zlib
from hashlib import shake_256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isqrt

WARM_UP = "warm-up"
_WARM_UP_SIZE = 4096
_DISTINCT = 8
_BELOW = b"\2"  # a row that is the row above, plus what follows


def picture(seed: int, size: int) -> bytes:
    """Draw a PNG of noise, which no program can make smaller.

    Each row of noise stands several times, so that 2 MiB are 2048 x 2048 pixels, as many as a grid has.

    :param seed: the same one gives the same picture.
    :param size: of the file in bytes, from 4096.
    """
    side = isqrt(2 * size) // 2 * 2
    row = 3 * side
    each = -(-side * (row + 1) * 10 // (size * 9))
    noise = shake_256(seed.to_bytes(4)).digest(row * side)
    rows = [
        _BELOW + bytes(row) if number % each else b"\0" + noise[number * row : (number + 1) * row]
        for number in range(side)
    ]
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    rest = _chunk(b"IDAT", zlib.compress(b"".join(rows), 1)) + _chunk(b"IEND", b"")
    return head + _chunk(b"paDs", bytes(size - len(head) - len(rest) - 12)) + rest


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


class Host(ThreadingHTTPServer):
    """Answers with pictures that lie ready.

    :param size: of each in bytes.
    """

    daemon_threads = True

    def __init__(self, size: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._pictures = [_answer(picture(seed, size)) for seed in range(_DISTINCT)]
        self._warm_up = _answer(picture(_DISTINCT, _WARM_UP_SIZE))

    def answer(self, name: str) -> bytes:
        """Give a whole answer, its head included.

        :param name: a number, or :data:`WARM_UP`.
        """
        return self._warm_up if name == WARM_UP else self._pictures[int(name) % _DISTINCT]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def do_GET(self) -> None:
        """Answer."""
        delay, name = self.path.strip("/").removesuffix(".png").split("/")
        time.sleep(int(delay) / 1000)
        self.wfile.write(self.server.answer(name))

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    serving = Host(int(sys.argv[1]))
    print(serving.server_address[1], flush=True)
    serving.serve_forever()
