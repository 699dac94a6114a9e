"""The ways to be slow, one for each part of an exchange, and to answer and break off at any byte."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from hostile.server import PAUSE, tls_context

if TYPE_CHECKING:
    from hostile.server import Peer, Way

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
GZIP_WITH_NAME = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"
LONG = b"Content-Length: 1000000\r\n\r\n"


def answering(before: bytes, drip: bytes = b"", flood: bytes = b"") -> Way:
    """Read the request, answer the beginning as one should, and go on as one should not."""

    def way(peer: Peer) -> None:
        peer.read_request()
        peer.send(before)
        if drip:
            peer.drip(drip)
        if flood:
            peer.flood(flood)
        peer.hang()

    return way


def says_nothing(peer: Peer) -> None:
    peer.hang()


def reads_slowly(peer: Peer) -> None:
    while peer.sock.recv(1):
        if peer.closing.wait(PAUSE):
            return


def drips_small_chunks(peer: Peer) -> None:
    peer.read_request()
    peer.send(CHUNKED)
    while not peer.closing.wait(PAUSE):
        peer.send(b"1\r\n \r\n")


def drips_packed_blocks(peer: Peer) -> None:
    """Empty blocks unpack to nothing, and there may be any number of them."""
    peer.read_request()
    peer.send(OK + b"Content-Encoding: gzip\r\n\r\n" + GZIP_WITH_NAME[:3] + bytes(7))
    peer.flood(b"\x00\x00\x00\xff\xff")


def is_busy_after_a_while(peer: Peer) -> None:
    while not peer.closing.is_set():
        peer.head = b""
        peer.read_request()
        if peer.closing.wait(0.4):
            return
        peer.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


SLOW: dict[str, Way] = {
    "says nothing": says_nothing,
    "reads, and says nothing": answering(b""),
    "drips the status line": answering(b"", drip=b"HTTP/1.1 200 " + b"O" * 1000),
    "drips white space": answering(b"", drip=b" "),
    "drips headers": answering(OK + b"X-Slow: ", drip=b"x"),
    "drips many headers": answering(OK, drip=b"a:b\r\n"),
    "endless headers": answering(OK, flood=b"X-More: x\r\n"),
    "an endless header": answering(OK + b"X-Long: ", flood=b"x"),
    "an endless status line": answering(b"HTTP/1.1 200 ", flood=b"O"),
    "drips 100 Continue": answering(b"", drip=CONTINUE),
    "floods 100 Continue": answering(b"", flood=CONTINUE),
    "100 Continue with endless headers": answering(CONTINUE[:-2], drip=b"a:b\r\n"),
    "drips a chunk's size": answering(CHUNKED, drip=b"0"),
    "an endless chunk's size": answering(CHUNKED, flood=b"0"),
    "drips a chunk's extension": answering(CHUNKED + b"5;", drip=b"x"),
    "drips a chunk": answering(CHUNKED + b"fffff\r\n", drip=b" "),
    "drips small chunks": drips_small_chunks,
    "drips trailers": answering(CHUNKED + b"2\r\n{}\r\n0\r\n", drip=b"a:b\r\n"),
    "endless trailers": answering(CHUNKED + b"2\r\n{}\r\n0\r\n", flood=b"X-More: x\r\n"),
    "drips a body": answering(OK + LONG, drip=b" "),
    "drips a body without length": answering(OK + b"\r\n", drip=b" "),
    "one byte short": answering(OK + b"Content-Length: 3\r\n\r\n{}"),
    "no length and no end": answering(OK + b"\r\n{}"),
    "drips gzip's name": answering(OK + b"Content-Encoding: gzip\r\n\r\n" + GZIP_WITH_NAME, drip=b"x"),
    "packed blocks of nothing": drips_packed_blocks,
    "drips an error's body": answering(b"HTTP/1.1 500 Oops\r\n" + LONG, drip=b" "),
    "busy after a while": is_busy_after_a_while,
}


def tls_says_nothing(peer: Peer) -> None:
    peer.sock.recv(65536)
    peer.hang()


def tls_drips(peer: Peer) -> None:
    """Begin a record of the handshake, and drip what is in it."""
    peer.sock.recv(65536)
    peer.send(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    peer.drip(b"\x03")


def over_tls(way: Way) -> Way:
    def wrapped(peer: Peer) -> None:
        with tls_context().wrap_socket(peer.sock, server_side=True) as sock:
            peer.sock, peer.head = sock, b""
            way(peer)

    return wrapped


SLOW_TLS: dict[str, Way] = {
    "a handshake that hangs": tls_says_nothing,
    "a handshake that drips": tls_drips,
    "drips headers": over_tls(SLOW["drips headers"]),
    "drips a body": over_tls(SLOW["drips a body"]),
    "reads slowly": over_tls(reads_slowly),
}
BEFORE_ANYTHING_IS_SENT = frozenset({"a handshake that hangs", "a handshake that drips"})


def connected(way: Way) -> Way:
    """A proxy's tunnel, and what is at its end."""

    def wrapped(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        peer.head = b""
        way(peer)

    return wrapped


SLOW_TUNNELS: dict[str, Way] = {
    "hangs": answering(b""),
    "drips its status": answering(b"", drip=b"HTTP/1.1 200 " + b"O" * 1000),
    "drips its headers": answering(OK, drip=b"a:b\r\n"),
    "floods headers": answering(OK, flood=b"X-More: x\r\n"),
    "floods a header": answering(OK + b"X: ", flood=b"x"),
    "a handshake that hangs": connected(tls_says_nothing),
    "a handshake that drips": connected(tls_drips),
}
SLOW_IN_TUNNELS: dict[str, Way] = {
    "drips a body": connected(SLOW_TLS["drips a body"]),
    "drips headers": connected(SLOW_TLS["drips headers"]),
}

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(40))
TASK = b'{"id": "17", "status": "IN_PROGRESS"}'
TAKEN = b'{"code": 1, "description": "ok", "result": "17"}'


def _chunks(body: bytes) -> bytes:
    half = len(body) // 2
    parts = (body[:half], body[half:])
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def answers(body: bytes) -> dict[str, tuple[bytes, int]]:
    """Give honest answers, and how many of their bytes have the whole body in them."""
    length, packed, deflated = (
        b"%sContent-Type: x/y\r\n%sContent-Length: %d\r\n\r\n%s" % (OK, coding, len(data), data)
        for coding, data in (
            (b"", body),
            (b"Content-Encoding: gzip\r\n", gzip.compress(body)),
            (b"Content-Encoding: deflate\r\n", zlib.compress(body)),
        )
    )
    chunked = CHUNKED + _chunks(body)
    packed_chunks = PACKED + _chunks(gzip.compress(body))
    # Behind the last byte of data: its line end, and the chunk without any.
    tail = len(b"\r\n0\r\n\r\n")
    return {
        "with its length": (length, len(length)),
        "in chunks": (chunked, len(chunked) - tail),
        "packed": (packed, len(packed)),
        "deflated": (deflated, len(deflated)),
        "packed, in chunks": (packed_chunks, len(packed_chunks) - tail),
        "after an interim answer": (CONTINUE + length, len(CONTINUE + length)),
    }


def cut(answer: bytes, place: int, *, reset: bool = False) -> Way:
    """Answer up to a place, and break off."""

    def way(peer: Peer) -> None:
        peer.read_request()
        peer.send(answer[:place])
        if reset:
            peer.reset()

    return way
