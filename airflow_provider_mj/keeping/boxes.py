"""Whether an MP4 is whole, told while it passes. No I/O."""

from __future__ import annotations

_SHORT, _LONG = 8, 16
_KINDS = frozenset(
    (
        *(b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"meta", b"udta", b"pdin", b"pnot"),
        *(b"styp", b"sidx", b"ssix", b"moof", b"mfra", b"emsg", b"prft"),
    )
)
"""What stands at the top of an MP4, be it in one piece or in fragments."""


class Boxes:
    """Follows the boxes that an MP4 is made of; each begins with its length and its kind (ISO 14496-12)."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._is_followed = True

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        while chunk and self._is_followed:
            if self._left:
                passed = min(self._left, len(chunk))
                self._left -= passed
                chunk = chunk[passed:]
            else:
                chunk = self._begin(chunk)

    @property
    def is_cut(self) -> bool:
        """Whether a box has begun and not ended; a few bytes behind the last one mean nothing."""
        return self._is_followed and self._left > 0

    def _begin(self, chunk: bytes) -> bytes:
        """Read on in the header of a box, and give what is behind it."""
        wanted = _LONG if self._header[:4] == b"\0\0\0\1" else _SHORT
        missing = wanted - len(self._header)
        self._header += chunk[:missing]
        if len(self._header) == wanted:
            self._measure()
        return chunk[missing:]

    def _measure(self) -> None:
        length = int.from_bytes(self._header[:4])
        if length == 1 and len(self._header) == _SHORT:
            return  # the length stands behind the kind
        if len(self._header) == _LONG:
            length = int.from_bytes(self._header[_SHORT:])
        # The last box may say 0, "to the end"; and some programs write notes behind it, which are no boxes.
        self._is_followed = length >= len(self._header) and self._header[4:_SHORT] in _KINDS
        self._left = max(length - len(self._header), 0)
        self._header = b""
