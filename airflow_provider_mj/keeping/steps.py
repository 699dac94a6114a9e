"""The steps in which a file is walked: each takes what it needs from the bytes as they come. No I/O.

A step is asked to ``advance`` with the bytes at hand until it has a result. None of them decodes anything,
and none takes time that grows faster than the bytes do.
"""

from __future__ import annotations

import re
from typing import Protocol

from airflow_provider_mj.keeping.media import BadPictureError

JUNK = 64 * 1024
"""Bytes that belong to nothing, which some encoders leave between the parts of a file."""

# Behind 0xFF, zero is a byte of the picture itself, and D0 to D7 are restarts within it.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xff]")
_FILL = 0xFF
# The usual sub-block of a GIF has 255 bytes, and the last one of a frame may have any number.
_FEW_BLOCKS, _BLOCK = 10_000, 64


class Step(Protocol):
    """Something to take from the bytes that come."""

    def advance(self, data: bytes, place: int) -> tuple[int, bytes | None]:
        """Go on with the bytes at hand.

        :param data: the bytes.
        :param place: where the step begins in them.
        :returns: where it has come to, and its result; None as long as it needs more bytes.
        """


class Take:
    """Take a few bytes.

    :param count: how many.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def advance(self, data: bytes, place: int) -> tuple[int, bytes | None]:
        """Wait until all of them are there."""
        end = place + self._count
        return (end, data[place:end]) if end <= len(data) else (place, None)


class Skip:
    """Pass over bytes.

    :param count: how many.
    """

    def __init__(self, count: int) -> None:
        self._left = count

    def advance(self, data: bytes, place: int) -> tuple[int, bytes | None]:
        """Pass over as many as are there."""
        passed = min(self._left, len(data) - place)
        self._left -= passed
        return place + passed, None if self._left else b""


class Junk:
    """Counts bytes that belong to nothing, over a whole file."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, count: int) -> None:
        """Count some more.

        :raises BadPictureError: when there are more than any picture has.
        """
        self._count += count
        if self._count > JUNK:
            raise BadPictureError("the picture is broken: between its parts are bytes that belong to none")


class Marker:
    """Find the next marker of a JPEG, and give its one byte.

    :param junk: counts fill bytes, and what stands between segments.
    :param in_scan: whether the bytes up to it are those of a scan, of which there may be any number.
    """

    def __init__(self, junk: Junk, *, in_scan: bool) -> None:
        self._junk = junk
        self._in_scan = in_scan

    def advance(self, data: bytes, place: int) -> tuple[int, bytes | None]:
        """Pass over what is no marker."""
        while found := _MARKER.search(data, place):
            self._pass(found.start() - place)
            if data[found.end() - 1] != _FILL:
                return found.end(), data[found.end() - 1 : found.end()]
            self._junk.add(1)
            place = found.end() - 1
        end = len(data) - data.endswith(b"\xff")
        self._pass(end - place)
        return end, None

    def _pass(self, count: int) -> None:
        if not self._in_scan:
            self._junk.add(count)


class Blocks:
    """Pass over the sub-blocks of a GIF, up to the empty one that ends them; use one for a whole file.

    :ivar passed: the bytes that were in them, over the whole file.
    """

    def __init__(self) -> None:
        self.passed = 0
        self._count = 0

    def advance(self, data: bytes, place: int) -> tuple[int, bytes | None]:
        """Pass over those that are whole.

        :raises BadPictureError: when they are smaller than in any picture.
        """
        first, begin, size = self._count, place, len(data)
        while place < size:
            length = data[place]
            if place + length >= size:
                break
            place += length + 1
            self._count += 1
            if not length:
                self._add(place - begin - (self._count - first))
                return place, b""
        self._add(place - begin - (self._count - first))
        return place, None

    def _add(self, passed: int) -> None:
        self.passed += passed
        if self._count > _FEW_BLOCKS + self.passed // _BLOCK:
            raise BadPictureError("the picture is broken: it is cut into pieces of a few bytes")
