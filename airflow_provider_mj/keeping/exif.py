"""Whether what a camera notes in a picture is built as cameras build it. No I/O."""

from __future__ import annotations

import struct

from airflow_provider_mj.keeping.media import BadPictureError

LONGEST = 128 * 1024
"""Bytes of notes: a segment of a JPEG holds half of that."""

_START = b"Exif\0\0"
_ORDERS = {b"II": "<", b"MM": ">"}
_TIFF = 42
_HEADER, _ENTRY, _INLINE = 8, 12, 4
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
# Values of their own have no more bytes in all than the file; a few that are cut do no harm.
_TIMES = 2


def check_exif(data: bytes) -> None:
    """Refuse notes whose values are the same bytes over and over: their copies would fill the memory.

    :param data: the notes, as TIFF, with or without the mark of EXIF before it.
    :raises BadPictureError: when they are longer, or hold more, than those of a camera.
    """
    tiff = data.removeprefix(_START)
    order = _ORDERS.get(tiff[:2])
    if len(tiff) > LONGEST:
        raise BadPictureError(f"the picture is broken: it has {len(tiff)} bytes of a camera's notes")
    if order is None or len(tiff) < _HEADER:
        return
    version, place = struct.unpack_from(f"{order}HI", tiff, 2)
    if version != _TIFF or _held(tiff, place, order) > _TIMES * len(tiff):
        raise BadPictureError("the picture is broken: a camera's notes in it hold more than there is")


def _held(tiff: bytes, place: int, order: str) -> int:
    """Return the bytes of all values in a directory that are kept outside of it."""
    if place + 2 > len(tiff):
        return 0
    (count,) = struct.unpack_from(f"{order}H", tiff, place)
    whole = min(count, (len(tiff) - place - 2) // _ENTRY)
    entries = struct.iter_unpack(f"{order}HHI4x", tiff[place + 2 : place + 2 + whole * _ENTRY])
    sizes = (_SIZES.get(kind, 1) * amount for _, kind, amount in entries)
    # A value that reaches beyond the end is not read.
    return sum(size for size in sizes if _INLINE < size <= len(tiff))
