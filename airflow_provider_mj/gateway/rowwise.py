"""A long list, read row by row: only the row that is being read is held. No I/O."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_ROW = 1024 * 1024
"""Characters of a row, with what surrounds it; a whole task has about 4,000."""

# A row that is cut is read again when more of it has come, which must not be after each byte.
_PIECE = 65536
_BLANK = " \t\r\n"


class NotAListError(ValueError):
    """What comes is no JSON list, is cut, or has a row that is too long."""


def rows(pieces: Iterable[bytes]) -> Iterator[Any]:
    """Read the rows of a JSON list as they come.

    :param pieces: the bytes of the list, from its "[" on.
    :returns: the decoded rows, not cleaned.
    :raises NotAListError: when it is no list, or ends before it is over; what was read before that is given.
    """
    reader = _Reader(pieces)
    if reader.next_sign() != "[":
        raise NotAListError("it is no list")
    reader.skip()
    if reader.next_sign() == "]":
        return
    while True:
        yield reader.value()
        sign = reader.next_sign()
        if sign == "]":
            return
        if sign != ",":
            raise NotAListError("something else stands between its rows")
        reader.skip()


class _Reader:
    """Reads values off a text that comes in pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        # Large and odd numbers are nothing that a row has to say; to read them may take long.
        self._json = json.JSONDecoder(parse_constant=_none, parse_int=_int, parse_float=_float)
        self._text, self._at = "", 0

    def next_sign(self) -> str:
        """Give the next sign that is no blank, without going past it; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go past a sign."""
        self._at += 1

    def value(self) -> Any:
        """Read a value whole, and go past it."""
        self.next_sign()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                end = len(self._text)
            # A number may go on in the next piece, and so may anything that can't be read yet.
            if end < len(self._text):
                self._at = end
                return value
            if not self._more():
                raise NotAListError("it is cut, or no JSON")

    def _more(self) -> bool:
        """Take in more; False at the end."""
        more = bytearray()
        while len(more) < _PIECE and (piece := next(self._pieces, None)) is not None:
            more += piece
        self._text, self._at = self._text[self._at :] + self._decoder.decode(bytes(more)), 0
        if len(self._text) > MAX_ROW:
            raise NotAListError("it has too long a row")
        return bool(more)


_DIGITS, _SIGNS = 20, 128


def _none(_: str) -> None:
    return None


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= _DIGITS else None


def _float(digits: str) -> float | None:
    return float(digits) if len(digits) <= _SIGNS else None
