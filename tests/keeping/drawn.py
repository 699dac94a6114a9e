"""Small pictures of every kind, and broken ones."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

Colour = tuple[int, int, int]
RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 60), (40, 60, 220), (230, 220, 40)
COLOURS = (RED, GREEN, BLUE, YELLOW)
PNG_START = b"\x89PNG\r\n\x1a\n"
ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif"}
BUTTONS = [
    {"customId": f"MJ::JOB::{press}::{number}::6f3b1c2d", "label": f"{letter}{number}", "type": 2}
    for letter, press in (("U", "upsample"), ("V", "variation"))
    for number in range(1, 5)
]


def task(link: str | None = None, **more: Any) -> dict[str, Any]:
    """Give a finished task as it stands in XCom."""
    return {"id": "17", "status": "SUCCESS", "action": "UPSCALE", "prompt": "a fox", "imageUrl": link} | more


def grid(width: int = 64, height: int = 64) -> Image.Image:
    """Draw four quarters, each of its own colour; on the right and below is the odd pixel."""
    image = Image.new("RGB", (width, height))
    for place, colour in enumerate(COLOURS):
        corner = (place % 2 * (width // 2), place // 2 * (height // 2))
        image.paste(colour, (*corner, width, height))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def moving(kind: str = "GIF") -> bytes:
    return saved(grid(), kind, save_all=True, append_images=[grid().rotate(90)], duration=50)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    """Give a PNG that says to have this size, whatever it has."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG_START + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(40) + b";"


def webp(width: int, height: int) -> bytes:
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + bytes(64)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def corner(data: bytes) -> Any:
    """Give the upper left pixel."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").getpixel((0, 0))


def is_near(one: Colour, other: Colour) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(one, other, strict=True))


PICTURE = saved(grid(32, 32), "PNG")
FORMER = saved(Image.new("RGB", (8, 8), GREEN), "PNG")
