"""What the files of each kind are built of, and how much of it an honest one has. No I/O.

A walk is a generator of steps: it yields what it wants from the file next, gets its result, and returns at
the end of the picture; what stands behind that is nobody's business. The limits are far above what any
encoder makes by itself, and such that a decoder needs neither long nor much memory for what keeps them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass

from airflow_provider_mj.keeping.exif import LONGEST, check_exif
from airflow_provider_mj.keeping.media import MAX_PIXELS, BadPictureError
from airflow_provider_mj.keeping.steps import Blocks, Junk, Marker, Skip, Step, Take

Walk = Generator[Step, bytes, None]

_MIB = 1024 * 1024
_METADATA = 32 * _MIB
"""Bytes that are no picture: profiles, notes, certificates of origin. Photo editors leave a few MiB."""
_FRAMES = 1000
"""Pictures in one that moves."""

# No other kind can have more. Pictures that are all length take several times the memory of others.
_LONGEST_SIDE = 0xFFFF

# JPEG. Progressive ones have about ten scans; each is a pass over all pixels.
_SEGMENTS, _SCANS, _SCANNED_PIXELS = 1000, 100, 1_000_000_000
_SHOWN, _PROGRESSIVE = (0xC0, 0xC1, 0xC2), 0xC2
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOI, _EOI, _SOS, _APP0, _APP1, _APP2 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2
# No length, a number of lines behind them, pictures in layers: nothing that a browser shows.
_ODD = (0x01, _SOI, 0xDC, 0xDE, 0xDF)
_READ = _SOF | {_SOS, _APP1, _APP2}
_COMPONENTS, _PRECISION, _FACTORS = (1, 3, 4), 8, range(1, 5)
_EXIF, _MPF = b"Exif\0\0", b"MPF\0"

# PNG. Pixels come in chunks of 8 KiB or more.
_FEW_CHUNKS, _CHUNK, _TEXTS, _TEXT = 1000, 1024, 100, 8 * _MIB
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_IHDR, _DEEPEST = 13, 16
# How many numbers a pixel is, by the kind of its colours.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PER_ROW, _SLACK = 4, 16 * 1024

# GIF.
_COMMENT, _EXTENSION, _EXTENSIONS = 64 * 1024, _MIB, 5000
_CONTROL, _NOTE = 0xF9, 0xFE

# WebP. Of each of these chunks, the first bytes tell a size.
_WEBP_CHUNKS = 100
_HEADS = {b"VP8X": 10, b"VP8 ": 10, b"VP8L": 5, b"ANMF": 16}


@dataclass
class Facts:
    """What is known of a picture so far.

    :param size: width and height in pixels.
    :param kept: bytes for each pixel that a decoder holds besides the picture itself.
    """

    size: tuple[int, int] | None = None
    kept: float = 0.0

    def measure(self, width: int, height: int) -> None:
        """Note the size.

        :raises BadPictureError: when it is none, or has more pixels than can be opened safely.
        """
        if not (width and height):
            raise BadPictureError("the picture is broken")
        if width * height > MAX_PIXELS or max(width, height) > _LONGEST_SIDE:
            raise BadPictureError(f"{width} x {height} pixels are too many to be opened")
        self.size = width, height

    @property
    def pixels(self) -> int:
        """Width times height; 0 before that is known."""
        return self.size[0] * self.size[1] if self.size else 0


class _Metadata:
    """Counts the bytes that are no picture."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, count: int) -> None:
        self._count += count
        if self._count > _METADATA:
            raise BadPictureError(f"the picture has over {_METADATA // _MIB} MiB that are no picture")


def _too_many(what: str) -> BadPictureError:
    return BadPictureError(f"the picture has too many {what}, more than any encoder makes")


# JPEG (ISO 10918-1, annex B)


def jpeg(facts: Facts) -> Walk:
    """Walk from segment to segment, and through the scans between them."""
    segments, junk, marker = _Segments(facts), Junk(), 0
    yield Take(2)
    while (marker := (yield Marker(junk, in_scan=marker == _SOS))[0]) != _EOI:
        length = int.from_bytes((yield Take(2))) - 2
        segments.check(marker, length)
        if marker in _READ:
            segments.note(marker, (yield Take(length)))
        else:
            yield Skip(length)
    if not segments.scans:
        raise BadPictureError("the picture is broken: it has no pixels")


class _Segments:
    """What is known of the segments of a JPEG so far."""

    def __init__(self, facts: Facts) -> None:
        self.scans = 0
        self._facts = facts
        self._frame: _Frame | None = None
        self._metadata, self._notes = _Metadata(), _Notes()
        self._count = 0

    def check(self, marker: int, length: int) -> None:
        """Refuse a segment by its head."""
        self._count += 1
        if self._count > _SEGMENTS:
            raise _too_many("segments")
        is_second = marker in _SOF and self._frame is not None
        if marker in _ODD or length < 0 or is_second:
            raise BadPictureError("the picture is broken: it has a segment that pictures don't have there")
        if marker >= _APP0:
            self._metadata.add(length)

    def note(self, marker: int, body: bytes) -> None:
        """Refuse a segment by what is in it."""
        if marker in _SOF:
            self._frame = _frame(marker, body)
            self._facts.measure(*self._frame.size)
        elif marker == _SOS:
            self.scans += 1
            self._facts.kept = _kept(self._frame, body, self.scans)
            self._notes.check(self.scans)
        else:
            self._notes.add(body)


@dataclass(frozen=True)
class _Frame:
    """What the pixels of a JPEG are like.

    :param coefficients: bytes of a pixel before they are made its colour.
    """

    size: tuple[int, int]
    components: int
    is_progressive: bool
    coefficients: float


def _frame(marker: int, body: bytes) -> _Frame:
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:  # noqa: PLR2004 (and three bytes for each component)
        raise BadPictureError("the picture is broken")
    precision, height, width, count = struct.unpack_from(">BHHB", body)
    factors = [divmod(one, 16) for one in body[7::3]]
    if marker not in _SHOWN or precision != _PRECISION or count not in _COMPONENTS:
        raise BadPictureError("the picture is a kind of JPEG that browsers don't show")
    if not all(across in _FACTORS and down in _FACTORS for across, down in factors):
        raise BadPictureError("the picture is broken")
    most = max(across for across, _ in factors) * max(down for _, down in factors)
    coefficients = 2 * sum(across * down for across, down in factors) / most
    return _Frame((width, height), count, marker == _PROGRESSIVE, coefficients)


def _kept(frame: _Frame | None, body: bytes, scans: int) -> float:
    """Return the bytes of each pixel that are kept: all, unless each pixel is whole in one scan."""
    if frame is None or not body:
        raise BadPictureError("the picture is broken")
    if scans > _SCANS or scans * frame.size[0] * frame.size[1] > _SCANNED_PIXELS:
        raise _too_many("scans")
    is_kept = frame.is_progressive or scans > 1 or body[0] < frame.components
    return frame.coefficients if is_kept else 0


class _Notes:
    """What Pillow reads when it opens a JPEG: one EXIF, in however many segments, and a list of pictures."""

    def __init__(self) -> None:
        self._exif = self._list = b""

    def add(self, body: bytes) -> None:
        """Take a segment, whatever it holds."""
        if body.startswith(_EXIF) and len(self._exif) <= LONGEST:
            self._exif += body.removeprefix(_EXIF)
        elif body.startswith(_MPF):
            self._list = body.removeprefix(_MPF)

    def check(self, scans: int) -> None:
        """Check what is there before the first scan; behind it, nobody looks."""
        if scans == 1:
            check_exif(self._exif)
            check_exif(self._list)


# PNG (ISO 15948), with animations


def png(facts: Facts) -> Walk:
    """Walk from chunk to chunk."""
    chunks: _Chunks | None = None
    yield Take(8)
    while True:
        length, name = struct.unpack(">I4s", (yield Take(8)))
        if (name == b"IHDR") == (chunks is not None) or not name.isalpha():
            raise BadPictureError("the picture is broken")
        if chunks is None:
            chunks = _Chunks(_begin_png(facts, length, (yield Take(_IHDR))))
            length -= _IHDR
        elif name == b"IEND":
            return
        chunks.add(name, length)
        yield Skip(length + 4)


class _Chunks:
    """Counts the chunks of a PNG.

    :param most: the bytes that its packed pixels have at most.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._metadata = _Metadata()
        self._read = self._chunks = self._frames = self._texts = self._text = 0

    def add(self, name: bytes, length: int) -> None:
        """Count one, and refuse it when it is one too many."""
        self._read += length
        self._chunks += 1
        if self._chunks > _FEW_CHUNKS + self._read // _CHUNK:
            raise _too_many("chunks")
        if name == b"IDAT":
            self._left -= length
        elif name != b"fdAT":
            self._metadata.add(length)
        if self._left < 0:
            raise BadPictureError("the picture is broken: it has more than its pixels")
        self._add_rest(name, length)

    def _add_rest(self, name: bytes, length: int) -> None:
        if name in _TEXT_CHUNKS:
            self._texts += 1
            self._text += length
        self._frames += name == b"fcTL"
        if self._frames > _FRAMES:
            raise _too_many("frames")
        if self._texts > _TEXTS or self._text > _TEXT:
            raise _too_many("texts")


def _begin_png(facts: Facts, length: int, body: bytes) -> int:
    """Note the size, and return how many bytes the packed pixels have at most."""
    width, height, depth, colours = map(int, struct.unpack_from(">IIBB", body))
    if length != _IHDR or colours not in _CHANNELS or depth > _DEEPEST:
        raise BadPictureError("the picture is broken")
    facts.measure(width, height)
    # What can't be packed becomes longer by a thousandth; a picture in seven passes has up to twice the rows.
    rows = height * (width * depth * _CHANNELS[colours] // 8 + _PER_ROW)
    return rows + rows // 100 + _SLACK


# GIF (version 89a)


def gif(facts: Facts) -> Walk:
    """Walk from block to block."""
    head = yield Take(13)
    facts.measure(*struct.unpack_from("<HH", head, 6))
    yield Skip(_palette(head[10]))
    junk, blocks = Junk(), Blocks()
    frames = extensions = comments = noted = 0
    while (kind := (yield Take(1))) != b";":
        if kind == b",":
            frames += 1
            yield Skip(_palette(_begin_gif(facts, frames, (yield Take(9)))) + 1)
            yield blocks
        elif kind == b"!":
            label, before = (yield Take(1))[0], blocks.passed
            yield blocks
            extensions += 1
            noted += blocks.passed - before if label != _CONTROL else 0
            comments += blocks.passed - before if label == _NOTE else 0
            _check_gif(extensions, comments, noted)
        else:
            junk.add(1)


def _palette(flags: int) -> int:
    """Return the bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _begin_gif(facts: Facts, frames: int, body: bytes) -> int:
    """Note a frame, which makes the picture larger where it reaches beyond it, and return its flags."""
    if frames > _FRAMES:
        raise _too_many("frames")
    left, above, width, height = struct.unpack_from("<4H", body)
    across, down = facts.size or (0, 0)
    facts.measure(max(across, left + width), max(down, above + height))
    return body[8]


def _check_gif(extensions: int, comments: int, noted: int) -> None:
    if extensions > _EXTENSIONS:
        raise _too_many("extensions")
    if comments > _COMMENT or noted > _EXTENSION:
        raise BadPictureError("the picture has comments that are longer than any encoder makes them")


# WebP (RFC 9649)


def webp(facts: Facts) -> Walk:
    """Walk from chunk to chunk."""
    whole = int.from_bytes((yield Take(12))[4:8], "little") + 8
    metadata, place = _Metadata(), 12
    chunks = frames = pictures = 0
    while place < whole:
        name, length = struct.unpack("<4sI", (yield Take(8)))
        chunks += 1
        frames += name == b"ANMF"
        if frames > _FRAMES or chunks - frames > _WEBP_CHUNKS:
            raise _too_many("frames" if frames > _FRAMES else "chunks")
        taken = min(_HEADS.get(name, 0), length)
        head = yield Take(taken)
        if name in (b"VP8 ", b"VP8L"):
            pictures += 1
        if name in _HEADS:
            _begin_webp(facts, name, head, pictures)
        elif name != b"ALPH":
            metadata.add(length)
        yield Skip(length + length % 2 - taken)
        place += 8 + length + length % 2
    if not frames and not pictures:
        raise BadPictureError("the picture is broken: it has no pixels")


def _begin_webp(facts: Facts, name: bytes, head: bytes, pictures: int) -> None:
    size = _webp_size(name, head)
    if facts.size is None and name != b"ANMF":
        facts.measure(*size)
        return
    across, down = facts.size or (0, 0)
    is_within = size[0] <= across and size[1] <= down
    is_whole = size == facts.size and pictures == 1
    if not (is_within if name == b"ANMF" else is_whole):
        raise BadPictureError("the picture is broken: it says twice how large it is")


def _webp_size(name: bytes, head: bytes) -> tuple[int, int]:
    if len(head) < _HEADS[name]:
        raise BadPictureError("the picture is broken")
    if name == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if name == b"ANMF":
        left, above, width, height = (int.from_bytes(head[at : at + 3], "little") for at in (0, 3, 6, 9))
        return 2 * left + width + 1, 2 * above + height + 1
    if name == b"VP8L" and head[0] == 0x2F:  # noqa: PLR2004 (its signature)
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise BadPictureError("the picture is broken")


WALKS: dict[str, Callable[[Facts], Walk]] = {"png": png, "jpeg": jpeg, "gif": gif, "webp": webp}
"""How the files of each kind are walked."""
