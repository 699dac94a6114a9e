"""Pictures that are made to harm whoever opens them, made when a test asks for them."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024
LARGEST = 64 * MIB
"""Bytes of the largest file that is saved unless an author says otherwise."""


@dataclass(frozen=True)
class Bomb:
    """A picture that is to be refused.

    :param make: makes it.
    :param kind: what it passes for.
    :param shows_when: ``passing``, or only once it is ``decoded``: until then it is bytes like others.
    """

    make: Callable[[], bytes]
    kind: str
    shows_when: str = "passing"


def saved(kind: str, size: tuple[int, int] = (64, 64), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 80).convert("P" if kind == "GIF" else "RGB").save(buffer, kind, **options)
    return buffer.getvalue()


# JPEG


def segment(marker: int, body: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def frame(
    width: int, height: int, marker: int = 0xC0, precision: int = 8, components: int = 3, first: int = 0x11
) -> bytes:
    """Give the segment that says how large a picture is; ``first`` are the factors of its first component."""
    factors = [first] + [0x11] * (components - 1)
    each = b"".join(bytes([number, factor, 0]) for number, factor in enumerate(factors, start=1))
    return segment(marker, struct.pack(">BHHB", precision, height, width, components) + each)


def scan(first: int = 1, last: int = 63) -> bytes:
    return segment(0xDA, bytes([1, 1, 0, first, last, 0]))


def parts(jpeg: bytes) -> tuple[bytes, bytes]:
    """Give what stands before the first SOF of a JPEG of ours, and what stands behind it."""
    place = next(at for at in range(len(jpeg)) if jpeg[at : at + 2] in (b"\xff\xc0", b"\xff\xc2"))
    return jpeg[:place], jpeg[place + 2 + int.from_bytes(jpeg[place + 2 : place + 4]) :]


def jpeg_before(*bodies: bytes) -> bytes:
    """Put something in front of all that a JPEG has."""
    jpeg = saved("JPEG")
    return jpeg[:2] + b"".join(bodies) + jpeg[2:]


def jpeg_scans(count: int, size: int = 5000, first: int = 0x22) -> bytes:
    """Passes over 25 megapixels that change nothing, 50 bytes each."""
    before, behind = parts(saved("JPEG", progressive=True))
    nothing = scan() + bytes(40)
    return before + frame(size, size, 0xC2, first=first) + behind[:-2] + nothing * count + b"\xff\xd9"


def jpeg_sof_behind(size: int = 65_500) -> bytes:
    before, behind = parts(saved("JPEG"))
    return before + segment(0xFE, bytes(60_000)) * 3 + frame(size, size) + behind


def jpeg_twice() -> bytes:
    before, behind = parts(saved("JPEG"))
    return before + frame(64, 64) + frame(65_500, 65_500) + behind


def jpeg_twice_apart() -> bytes:
    """The second size stands behind the first scan."""
    return saved("JPEG")[:-2] + frame(65_500, 65_500) + scan(0) + bytes(99) + b"\xff\xd9"


def jpeg_huge(**options: int) -> bytes:
    before, behind = parts(saved("JPEG"))
    return before + frame(**({"width": 65_500, "height": 65_500} | options)) + behind


def jpeg_lines(height: int) -> bytes:
    """The number of lines comes behind them."""
    before, behind = parts(saved("JPEG"))
    return before + frame(64, height) + behind[:-2] + segment(0xDC, struct.pack(">H", 65_500)) + b"\xff\xd9"


def tiff(count: int, size: int, start: bytes = b"Exif\0\0") -> bytes:
    """Notes of many values, each of which is all that there is."""
    entry = [struct.pack("<HHII", tag, 7, size, 8) for tag in range(count)]
    directory = struct.pack("<2sHIH", b"II", 42, 8, count) + b"".join(entry) + bytes(4)
    return start + directory.ljust(size + 8, b"\0")


def tiff_loop() -> bytes:
    """Directories that lead to one another, and to themselves."""
    inner = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    return b"Exif\0\0" + struct.pack("<2sHI", b"II", 42, 8) + inner


# PNG


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(width: int = 64, height: int = 64) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png(*chunks: bytes, size: tuple[int, int] = (64, 64), pixels: bytes | None = None) -> bytes:
    """Give a PNG with these chunks before its pixels."""
    rows = bytes(64 * (64 * 3 + 1)) if pixels is None else pixels
    body = b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + header(*size) + body


def packed(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def apng(count: int) -> bytes:
    """A picture that moves, in frames of one pixel."""
    control = struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 100, 0, 0)
    data = chunk(b"fcTL", control) + chunk(b"fdAT", bytes(4) + zlib.compress(bytes(4)))
    return png(chunk(b"acTL", struct.pack(">II", count, 0)))[:-12] + data * count + chunk(b"IEND")


# GIF


def gif(*blocks: bytes, size: tuple[int, int] = (64, 64)) -> bytes:
    """Give a GIF with these blocks before its picture."""
    plain = saved("GIF")
    colours = plain[13 : 13 + (3 << (plain[10] & 7) + 1)]
    head = plain[:6] + struct.pack("<HH", *size) + plain[10:13] + colours
    return head + b"".join(blocks) + plain[13 + len(colours) :]


def blocks(size: int, length: int = 255) -> bytes:
    """Give data in sub-blocks of this length."""
    return (bytes([length]) + b"x" * length) * (size // (length + 1)) + b"\0"


def gif_frame(width: int, height: int, data: bytes = b"\x02\x02\x4c\x01\0") -> bytes:
    return b"," + struct.pack("<4HB", 0, 0, width, height, 0) + data


# WebP


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def part(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return part(b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes(200))


def canvas(width: int, height: int, flags: int = 0) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return part(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def moving_webp(count: int) -> bytes:
    each = part(b"ANMF", bytes(16) + lossless(1, 1))
    return riff(canvas(64, 64, 2), part(b"ANIM", bytes(6)), each * count)


def png_notes_as_text() -> bytes:
    notes = tiff(5000, 100_000, b"Exif\0\0").hex()
    text = f"\nexif\n{len(notes) // 2}\n{notes}".encode()
    return png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)))


def many(of: bytes, size: int = LARGEST) -> bytes:
    """Repeat something until a file is full."""
    return of * ((size - MIB) // len(of))


DECODED = "decoded"
BOMBS = {
    "jpeg: thousands of scans": Bomb(lambda: jpeg_scans(4000), "jpeg"),
    "jpeg: hundreds of scans": Bomb(lambda: jpeg_scans(900, 3000), "jpeg"),
    "jpeg: more scans than its pixels allow": Bomb(lambda: jpeg_scans(80, 7000), "jpeg"),
    "jpeg: empty segments": Bomb(lambda: jpeg_before(many(segment(0xE1))), "jpeg"),
    "jpeg: comments": Bomb(lambda: jpeg_before(segment(0xFE, bytes(60_000)) * 900), "jpeg"),
    "jpeg: a size far behind": Bomb(jpeg_sof_behind, "jpeg"),
    "jpeg: two sizes": Bomb(jpeg_twice, "jpeg"),
    "jpeg: two sizes, one behind the picture": Bomb(jpeg_twice_apart, "jpeg"),
    "jpeg: 4 gigapixels": Bomb(jpeg_huge, "jpeg"),
    "jpeg: lines that come later": Bomb(lambda: jpeg_lines(1), "jpeg"),
    "jpeg: lines that come later, and none before": Bomb(lambda: jpeg_lines(0), "jpeg"),
    "jpeg: lossless": Bomb(lambda: jpeg_huge(width=64, height=64, marker=0xC3, precision=16), "jpeg"),
    "jpeg: arithmetic": Bomb(lambda: jpeg_huge(width=64, height=64, marker=0xCA), "jpeg"),
    "jpeg: 80 components": Bomb(lambda: jpeg_huge(width=64, height=64, components=80), "jpeg"),
    "jpeg: notes that are each all of them": Bomb(
        lambda: jpeg_before(segment(0xE1, tiff(5000, 64_000))), "jpeg"
    ),
    "jpeg: a list of pictures like that": Bomb(
        lambda: jpeg_before(segment(0xE2, tiff(5000, 64_000, b"MPF\0"))), "jpeg"
    ),
    "jpeg: notes in 500 segments": Bomb(lambda: jpeg_before(segment(0xE1, tiff(5000, 64_000)) * 500), "jpeg"),
    "jpeg: fill bytes without end": Bomb(lambda: b"\xff\xd8" + b"\xff" * (LARGEST - 2), "jpeg"),
    "jpeg: fill bytes in a scan": Bomb(
        lambda: saved("JPEG")[:-2] + b"\xff" * (LARGEST - MIB) + b"\xff\xd9", "jpeg"
    ),
    "jpeg: zeros between segments": Bomb(lambda: jpeg_before(segment(0xFE), many(b"\0")), "jpeg"),
    "jpeg: stuffed bytes between segments": Bomb(lambda: jpeg_before(many(b"\xff\0")), "jpeg"),
    "jpeg: 49 megapixels, progressive in 4:4:4": Bomb(lambda: jpeg_scans(1, 7000, 0x11), "jpeg", DECODED),
    "png: empty chunks": Bomb(lambda: png(many(chunk(b"npAD"))), "png"),
    "png: chunks without a name": Bomb(lambda: png(bytes(LARGEST - MIB)), "png"),
    "png: one huge chunk": Bomb(lambda: png(chunk(b"npAD", bytes(LARGEST - MIB))), "png"),
    "png: texts": Bomb(lambda: png(chunk(b"tEXt", b"a\0b" * 99) * 200), "png"),
    "png: packed texts": Bomb(lambda: png(chunk(b"zTXt", b"a\0\0" + packed(MIB)) * 99), "png", DECODED),
    "png: a packed text": Bomb(lambda: png(chunk(b"zTXt", b"a\0\0" + packed(200 * MIB))), "png", DECODED),
    "png: packed international texts": Bomb(
        lambda: png(
            chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress("\U0001f600".encode() + b"x" * (MIB - 9))) * 99
        ),
        "png",
        DECODED,
    ),
    "png: a packed profile": Bomb(lambda: png(chunk(b"iCCP", b"a\0\0" + packed(200 * MIB))), "png", DECODED),
    "png: notes that are each all of them": Bomb(
        lambda: png(chunk(b"eXIf", tiff(5000, 100_000, b""))), "png", DECODED
    ),
    "png: long notes": Bomb(lambda: png(chunk(b"eXIf", tiff(60_000, MIB, b""))), "png", DECODED),
    "png: notes in a text": Bomb(png_notes_as_text, "png", DECODED),
    "png: 2.5 gigapixels": Bomb(lambda: png(size=(50_000, 50_000)), "png"),
    "png: one line of 50 megapixels": Bomb(lambda: png(size=(50_000_000, 1)), "png"),
    "png: 25 million lines": Bomb(lambda: png(size=(2, 25_000_000)), "png"),
    "png: two sizes": Bomb(lambda: png(header(50_000, 50_000)), "png"),
    "png: more than its pixels": Bomb(lambda: png(pixels=bytes(100 * MIB)), "png"),
    "png: more than its pixels, in chunks": Bomb(
        lambda: png()[:-12] + many(chunk(b"IDAT", bytes(8192))) + chunk(b"IEND"), "png"
    ),
    "png: frames": Bomb(lambda: apng(5000), "png"),
    "gif: comments": Bomb(lambda: gif(b"!\xfe" + blocks(LARGEST - MIB)), "gif"),
    "gif: comments in bytes": Bomb(lambda: gif(b"!\xfe" + blocks(8 * MIB, 1)), "gif"),
    "gif: many comments": Bomb(lambda: gif(many(b"!\xfe\x01x\0")), "gif"),
    "gif: extensions": Bomb(lambda: gif(many(b"!\xf9\x04\0\0\0\0\0")), "gif"),
    "gif: a long extension": Bomb(lambda: gif(b"!\xff" + blocks(LARGEST - MIB)), "gif"),
    "gif: frames": Bomb(lambda: gif(gif_frame(1, 1) * 5000), "gif"),
    "gif: a frame of 4 gigapixels": Bomb(lambda: gif(gif_frame(65_535, 65_535)), "gif"),
    "gif: 4 gigapixels": Bomb(lambda: gif(size=(65_535, 65_535)), "gif"),
    "gif: pixels in bytes": Bomb(lambda: gif(gif_frame(64, 64, b"\x08" + blocks(LARGEST - MIB, 1))), "gif"),
    "gif: zeros between blocks": Bomb(lambda: gif(bytes(LARGEST - MIB)), "gif"),
    "webp: 268 megapixels": Bomb(lambda: riff(lossless(16_383, 16_383)), "webp"),
    "webp: 49 megapixels": Bomb(lambda: riff(lossless(7000, 7000)), "webp", DECODED),
    "webp: a frame beyond its canvas": Bomb(lambda: riff(canvas(64, 64), lossless(16_383, 16_383)), "webp"),
    "webp: 281 terapixels": Bomb(lambda: riff(canvas(1 << 24, 1 << 24), lossless(64, 64)), "webp"),
    "webp: two pictures": Bomb(lambda: riff(lossless(64, 64), lossless(64, 64)), "webp"),
    "webp: frames": Bomb(lambda: moving_webp(5000), "webp"),
    "webp: chunks": Bomb(lambda: riff(canvas(64, 64), many(part(b"XMP ", b"")), lossless(64, 64)), "webp"),
    "webp: a huge chunk": Bomb(
        lambda: riff(canvas(64, 64, 4), part(b"XMP ", bytes(LARGEST - MIB)), lossless(64, 64)), "webp"
    ),
}
"""Everything that no decoder is to be given, or that it is to give up soon."""
