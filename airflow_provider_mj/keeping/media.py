"""What a file is by its own bytes: its kind, its size in pixels, and whether it is whole. No I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from airflow_provider_mj.images import MAX_PIXELS, kind_of

HEAD = 65536
"""Bytes at the beginning of a file that are looked at: enough for the size of any picture but odd JPEGs."""
TAIL = 4096
"""Bytes at its end that are looked at: some programs write notes behind a picture."""

_CONTENT_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "webm": "video/webm",
}
_EXTENSIONS = {"jpeg": "jpg"}
EXTENSIONS = tuple(_EXTENSIONS.get(kind, kind) for kind in _CONTENT_TYPES)
"""The endings that a file may have."""
# Hosts call a JPEG a PNG, and anything `application/octet-stream`; that is no reason to refuse a picture.
_PAGES = ("text/html", "application/xhtml+xml", "application/json", "text/xml", "application/xml")
# Kinds of pictures that have the box of a video at their beginning.
_STILL_BRANDS = (
    *(b"avif", b"avis", b"MA1A", b"MA1B", b"heic", b"heix", b"heim", b"heis", b"heif", b"hevc", b"hevx"),
    *(b"hevm", b"hevs", b"mif1", b"msf1", b"jp2 ", b"jpx ", b"crx "),
)


class BadPictureError(ValueError):
    """A picture is broken, or too large to be opened."""


class NoPictureError(BadPictureError):
    """What came is no picture or video: dead links give pages as well as statuses."""


class CutPictureError(BadPictureError):
    """The end of a picture did not come, and its host did not say how long it is."""

    retry_helps = True


@dataclass(frozen=True)
class Media:
    """What a file is.

    :param kind: ``png``, ``jpeg``, ``webp``, ``gif``, ``mp4`` or ``webm``.
    """

    kind: str

    @property
    def content_type(self) -> str:
        """The MIME type."""
        return _CONTENT_TYPES[self.kind]

    @property
    def extension(self) -> str:
        """The usual ending of the name."""
        return _EXTENSIONS.get(self.kind, self.kind)

    @property
    def is_video(self) -> bool:
        """Whether it is a film, which has no quarters."""
        return self.content_type.startswith("video/")


def recognise(head: bytes, declared: str = "") -> Media:
    """Tell by its first bytes what a file is, whatever its name says.

    :param head: the beginning of the file, at least 64 bytes of it, or the whole file.
    :param declared: the content type that its host gave; one of a page contradicts any picture.
    :raises NoPictureError: when it is none of the kinds that gateways give.
    """
    if head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS:
        kind: str | None = "mp4"
    else:
        kind = "webm" if head.startswith(b"\x1a\x45\xdf\xa3") else kind_of(head)
    if kind is None:
        what = "a web page" if head.lstrip()[:1] == b"<" else "no picture that is known" if head else "empty"
        raise NoPictureError(f"what came is {what}")
    if declared in _PAGES:
        raise NoPictureError(f"its host calls it {declared}")
    return Media(kind)


def dimensions(head: bytes, media: Media) -> tuple[int, int] | tuple[None, None]:
    """Read width and height in pixels without decoding anything.

    :param head: at least :data:`HEAD` bytes from the beginning, or the whole file.
    :param media: what it is.
    :returns: (None, None) for a video, and for a JPEG that tells it later than that.
    :raises BadPictureError: when the picture is broken, or has more pixels than can be opened safely.
    """
    if media.is_video:
        return None, None
    try:
        size = _READERS[media.kind](head)
    except (struct.error, IndexError):
        size = None
        if media.kind != "jpeg" or len(head) < HEAD:
            raise BadPictureError("the picture is broken") from None
    if size is None:
        return None, None
    if not all(size):
        raise BadPictureError("the picture is broken")
    if size[0] * size[1] > MAX_PIXELS:
        raise BadPictureError(f"{size[0]} x {size[1]} pixels are too many to be opened")
    return size


def is_cut(media: Media, length: int, head: bytes, tail: bytes) -> bool:
    """Tell whether the end of a picture is missing; for an MP4 see :class:`.Boxes`.

    :param media: what it is.
    :param length: of the file in bytes.
    :param head: its beginning.
    :param tail: its last :data:`TAIL` bytes, or all.
    """
    match media.kind:
        case "png":
            return b"IEND\xae\x42\x60\x82" not in tail
        case "jpeg":
            return b"\xff\xd9" not in tail
        case "gif":
            return not tail.rstrip(b"\0").endswith(b";")
        case "webp":
            return length < int.from_bytes(head[4:8], "little") + 8
    return False


def _png_size(head: bytes) -> tuple[int, int]:
    length, name, width, height = struct.unpack_from(">I4sII", head, 8)
    return (width, height) if (length, name) == (13, b"IHDR") else (0, 0)


def _gif_size(head: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", head, 6)
    return width, height


def _webp_size(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L" and head[20] == 0x2F:  # noqa: PLR2004 (its signature)
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _jpeg_size(head: bytes) -> tuple[int, int]:
    """Go from segment to segment until the one that begins a frame."""
    place = 2
    while head[place] == 0xFF:  # noqa: PLR2004 (every segment begins so)
        marker = head[place + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", head, place + 5)
            return width, height
        (length,) = struct.unpack_from(">H", head, place + 2)
        place += 1 if marker == 0xFF else 2 + length  # noqa: PLR2004 (any number of them may stand there)
    return 0, 0


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_READERS = {"png": _png_size, "gif": _gif_size, "webp": _webp_size, "jpeg": _jpeg_size}
