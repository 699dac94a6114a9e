"""What stands in for the process that decodes pictures, as one that a picture has taken over might behave."""

from __future__ import annotations

import io
import json
import struct
import sys

from PIL import Image


def frame(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data


def answer(told: object, made: bytes = b"") -> bytes:
    return frame(json.dumps(told).encode()) + frame(made)


def quarter(number: int, size: int = 32, kind: str = "PNG", **more: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size)).save(buffer, kind)
    return answer({"number": number, "width": 32, "height": 32} | more, buffer.getvalue())


END = answer({"end": True})
NONSENSE = {
    "nothing": b"",
    "half a length": b"\0\0",
    "a length without bytes": b"\0\0\0\x09",
    "4 GiB": b"\xff\xff\xff\xff" + bytes(9000),
    "4 GiB of a quarter": frame(b'{"number": 1}') + b"\xff\xff\xff\xff" + bytes(9000),
    "no json": frame(b"{") + frame(b""),
    "no text": frame(b"\xff\xfe") + frame(b""),
    "nested": frame(b"[" * 60_000) + frame(b""),
    "a list": answer([1]) + END,
    "no quarter that is told of": answer({}) + END,
    "no picture": answer({"number": 1, "width": 32, "height": 32}, b"<html>") + END,
    "another kind": quarter(1, kind="GIF") + END,
    "another size": quarter(1, size=33) + END,
    "a size in words": quarter(1, width="32") + END,
    "a huge picture": answer(
        {"number": 1, "width": 60_000, "height": 60_000},
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0),
    )
    + END,
    "the wrong number": quarter(2) + END,
    "one quarter": quarter(1) + END,
    "three quarters": quarter(1) + quarter(2) + quarter(3) + END,
    "five quarters": b"".join(map(quarter, range(1, 6))) + END,
}
"""What it answers, and is no four quarters."""

ANSWERING = f"""
import sys
sys.stdout.buffer.write({answer({"ready": True})!r})
sys.stdout.buffer.flush()
sys.stdin.buffer.read(100)
sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))
sys.stdout.buffer.flush()
"""
SILENT = ANSWERING + "\nimport time\ntime.sleep(600)\n"


def command(data: bytes, program: str = ANSWERING) -> list[str]:
    """Give the command of a process that answers so, whatever it is asked."""
    return [sys.executable, "-IS", "-c", program, data.hex()]
