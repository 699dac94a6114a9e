"""What is done with the pixels of pictures from outside. Needs Pillow, and runs in :mod:`.decoding` alone."""

from __future__ import annotations

import io
import struct
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

# All that Pillow would import later: by then no file can be opened any more.
from PIL import Image, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401

from airflow_provider_mj.keeping.exif import check_exif
from airflow_provider_mj.keeping.media import MAX_PIXELS, BadPictureError

if TYPE_CHECKING:
    from collections.abc import Iterator

Answer = tuple[dict[str, Any], bytes]

Image.preinit()
# Pillow's own limit is 64 MiB of characters, of which each can be four bytes.
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024 * 1024

_BROKEN = (OSError, ValueError, SyntaxError, LookupError, EOFError, TypeError, struct.error)
"""What Pillow raises for files that are cut or made up."""
# The same bytes each time for the same grid, and no loss that could be seen. To a lossless WebP, more
# "quality" is five times the time for less than a hundredth of its bytes.
_SAVE: dict[str, dict[str, Any]] = {
    "jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    "webp": {"format": "WEBP", "lossless": True, "exact": True, "quality": 20},
}
_PNG: dict[str, Any] = {"format": "PNG"}
_LARGE_PNG: dict[str, Any] = {"format": "PNG", "compress_level": 3}
_LARGE = 4096 * 4096  # pixels beyond which PNG's usual compression would take too long
_QUALITY = 90
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def cut(data: bytes, kind: str) -> Iterator[Answer]:
    """Cut a 2x2 grid, one quarter after the other: left above is 1, right above 2, as U1 to U4.

    Of an odd side, the quarter on the right or below has the pixel more.

    :param data: the grid.
    :param kind: as :class:`.Media` has it; a quarter is the same, but PNG where the grid is GIF.
    :returns: ``number``, ``width`` and ``height`` in pixels, and the bytes; nothing for a picture that moves.
    :raises BadPictureError: when the grid is broken, or has too many pixels.
    """
    with _opened(data, kind) as image:
        if getattr(image, "is_animated", False):
            return
        image.load()
        upright = _upright(image)
        width, height = upright.size
        options = _SAVE.get(kind, _LARGE_PNG if width * height > _LARGE else _PNG)
        for number in range(1, 5):
            yield _quarter(upright, number, options | {"icc_profile": image.info.get("icc_profile")})


def reduce(data: bytes, kind: str, max_side: int) -> Iterator[Answer]:
    """Make a picture's longer side at most ``max_side`` pixels long.

    :param data: the picture.
    :param kind: as :class:`.Media` has it.
    :returns: once, the ``kind`` that it then has, which is PNG where it was GIF, and the bytes.
    :raises BadPictureError: when it is broken, or has too many pixels.
    """
    with _opened(data, kind) as image:
        kind = "png" if kind == "gif" else kind
        profile = image.info.get("icc_profile")
        image.draft(None, (max_side, max_side))
        image.load()
        # The camera's note which side is up does not outlast the writing.
        upright = _reduced(_upright(image), max_side)
        buffer = io.BytesIO()
        upright.save(buffer, kind.upper(), quality=_QUALITY, icc_profile=profile)
        yield {"kind": kind}, buffer.getvalue()


@contextmanager
def _opened(data: bytes, kind: str) -> Iterator[Image.Image]:
    """Open a picture, and make what Pillow raises for broken files, be it later, one error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=[kind.upper()]) as image:
                _check_size(image)
                yield image
    except BadPictureError:
        raise
    except Image.DecompressionBombError:
        raise BadPictureError("the picture has too many pixels to be opened") from None
    except _BROKEN as error:
        raise BadPictureError(f"the picture is broken ({type(error).__name__})") from None


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise BadPictureError(f"{image.width} x {image.height} pixels are too many to be opened")


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its notes say; what is made of it has none."""
    text = image.info.get("Raw profile type exif")
    notes = image.info.get("exif") or (bytes.fromhex("".join(text.split("\n")[3:])) if text else b"")
    check_exif(notes)
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


def _quarter(image: Image.Image, number: int, options: dict[str, Any]) -> Answer:
    width, height = image.size
    left, top = (number - 1) % 2 * (width // 2), (number - 1) // 2 * (height // 2)
    right, bottom = (width // 2, width)[(number - 1) % 2], (height // 2, height)[(number - 1) // 2]
    quarter = image.crop((left, top, right, bottom))
    buffer = io.BytesIO()
    quarter.save(buffer, **options)
    return {"number": number, "width": quarter.width, "height": quarter.height}, buffer.getvalue()


def _reduced(image: Image.Image, max_side: int) -> Image.Image:
    """Reduce a picture in a mode in which that goes well: no palette, and 8 bits afterwards."""
    is_deep = image.mode.startswith("I")
    if is_deep:
        image = image.convert("I")
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    # Converted as it is, 16-bit grey would become plain white.
    return image.point(lambda level: level * (1 / 256)).convert("L") if is_deep else image
