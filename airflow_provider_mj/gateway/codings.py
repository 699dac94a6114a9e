"""Bodies unpacked within a limit: a few bytes can unpack to a thousand times as many."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACCEPTED = "gzip, deflate"
"""What to offer as Accept-Encoding."""

_GZIP = ("gzip", "x-gzip")
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_ZLIB_HEADER = 2
_PIECE = 65536


class CodingError(ValueError):
    """A body is packed in a way that was not asked for, or is not packed as it says."""


class TooLongError(ValueError):
    """A body has more bytes than are wanted."""


def unpacked(pieces: Iterable[bytes], coding: str, max_bytes: int) -> bytearray:
    """Join the pieces of a body, unpacked.

    :param pieces: the bytes as they come.
    :param coding: the Content-Encoding: one of gzip, x-gzip and deflate, which is sent with and without the
        zlib format around it; "identity" and nothing at all mean plain bytes.
    :param max_bytes: the most bytes of the result; no more than that, and a piece, is ever held.
    :raises CodingError: when it is another coding, or the bytes don't fit it.
    :raises TooLongError: when there are more bytes.
    """
    body = bytearray()
    for piece in plain(pieces, coding, max_bytes):
        body += piece
    return body


def plain(pieces: Iterable[bytes], coding: str, max_bytes: int) -> Iterator[bytes]:
    """Give the pieces of a body as they come, unpacked; see :func:`unpacked`."""
    count = 0
    for piece in _plain(iter(pieces), coding):
        count += len(piece)
        if count > max_bytes:
            raise TooLongError(f"over {max_bytes} bytes")
        yield piece


def _plain(pieces: Iterator[bytes], coding: str) -> Iterator[bytes]:
    names = [name for name in (part.strip().lower() for part in coding.split(",")) if name]
    packed = [name for name in names if name != "identity"]
    if not packed:
        return pieces
    if len(packed) == 1 and packed[0] in _GZIP:
        return _inflated(pieces, _GZIP_FORMAT)
    if packed == ["deflate"]:
        head = b""
        while len(head) < _ZLIB_HEADER and (piece := next(pieces, b"")):
            head += piece
        return _inflated(_chained(head, pieces), zlib.MAX_WBITS if _is_zlib(head) else -zlib.MAX_WBITS)
    raise CodingError("it is packed in another way than asked for")


def _chained(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from pieces


def _is_zlib(head: bytes) -> bool:
    # Bare deflate never begins so: its first block would be a stored one with bits set that are unused.
    return head[:1] != b"" and head[0] & 15 == zlib.DEFLATED and int.from_bytes(head[:2]) % 31 == 0


def _inflated(pieces: Iterator[bytes], window: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(window)
    has_begun, behind = False, b""
    for piece in pieces:
        rest, behind = behind + piece, b""
        while rest:
            # A gzip file may be several in a row; what else comes behind one is padding.
            if decoder.eof:
                if window == _GZIP_FORMAT and rest == _GZIP_MAGIC[:1]:
                    behind = rest
                if window != _GZIP_FORMAT or not rest.startswith(_GZIP_MAGIC):
                    break
                decoder = zlib.decompressobj(window)
            has_begun = True
            yield _piece(decoder, rest)
            rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    if has_begun and not decoder.eof:
        raise CodingError("it is packed, and cut")


def _piece(decoder: zlib._Decompress, packed: bytes) -> bytes:
    try:
        return decoder.decompress(packed, _PIECE)
    except zlib.error:
        raise CodingError("it is not packed as it says") from None
