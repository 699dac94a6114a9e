"""What a file is by its own bytes: its kind, and whether it is whole. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PIXELS = 50_000_000
"""Width times height beyond which a picture is not decoded: it could fill the memory."""
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
    kind = kind_of_file(head)
    if kind is None:
        what = "a web page" if head.lstrip()[:1] == b"<" else "no picture that is known" if head else "empty"
        raise NoPictureError(f"what came is {what}")
    if declared in _PAGES:
        raise NoPictureError(f"its host calls it {declared}")
    return Media(kind)


def kind_of_file(head: bytes) -> str | None:
    """Tell by its first bytes what a picture or a video is, None for all that is not taken.

    :param head: the beginning of the file, as for :func:`recognise`.
    """
    if head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS:
        return "mp4"
    return "webm" if head.startswith(b"\x1a\x45\xdf\xa3") else kind_of(head)


def kind_of(data: bytes) -> str | None:
    """Tell the type by the first bytes: the last part of its MIME type, None for all that is not taken."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for start, kind in _MAGIC if data.startswith(start)), None)


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


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


def content_type_of(extension: str) -> str:
    """Return the MIME type of one of :data:`EXTENSIONS`."""
    return next(media.content_type for media in map(Media, _CONTENT_TYPES) if media.extension == extension)
