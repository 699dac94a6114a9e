"""A grid of four, cut into its quarters. Needs Pillow."""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.images import BROKEN, MAX_PIXELS
from airflow_provider_mj.keeping.media import BadPictureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from PIL import Image

    from airflow_provider_mj.keeping.media import Media

# The same bytes each time for the same grid, and no loss that could be seen.
_SAVE: dict[str, dict[str, Any]] = {
    "jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    "webp": {"format": "WEBP", "lossless": True, "exact": True},
}
_PNG: dict[str, Any] = {"format": "PNG"}


class PillowMissingError(RuntimeError):
    """A grid can't be cut without Pillow."""


def check_pillow() -> None:
    """Refuse to begin what could not be ended.

    :raises PillowMissingError: when Pillow is not installed.
    """
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        raise PillowMissingError(
            "cutting a grid into its pictures needs Pillow: pip install 'airflow-provider-mj[images]', or "
            'save the grid as it is with split="never"'
        ) from None


def quarters(data: bytes, media: Media) -> Iterator[tuple[int, bytes, tuple[int, int]]]:
    """Cut a 2x2 grid, one quarter after the other: left above is 1, right above 2, as U1 to U4.

    Of an odd side, the quarter on the right or below has the pixel more.

    :param data: the grid.
    :param media: what it is; a quarter is the same, but PNG where the grid is GIF.
    :returns: number, bytes, and width and height in pixels; nothing for a picture that moves.
    :raises BadPictureError: when the grid is broken, too small or has too many pixels.
    """
    with _opened(data, media) as image, _read():
        if getattr(image, "is_animated", False):
            return
        _turn_upright(image)
        width, height = image.size
        if min(width, height) < 2:  # noqa: PLR2004 (one pixel for each)
            raise BadPictureError(f"{width} x {height} pixels can't be cut into quarters")
        for number in range(1, 5):
            yield (number, *_cut(image, number, media))


def _turn_upright(image: Image.Image) -> None:
    """Turn a picture as its note says; the quarters have no such note."""
    from PIL import ImageOps

    image.load()
    ImageOps.exif_transpose(image, in_place=True)


@contextmanager
def _read() -> Iterator[None]:
    """Make what Pillow raises for broken files one error: many kinds, also long after it was opened."""
    try:
        yield
    except BadPictureError:
        raise
    except BROKEN as error:
        raise BadPictureError(f"the picture is broken ({type(error).__name__})") from None


def _cut(image: Image.Image, number: int, media: Media) -> tuple[bytes, tuple[int, int]]:
    width, height = image.size
    left, top = (number - 1) % 2 * (width // 2), (number - 1) // 2 * (height // 2)
    right, bottom = (width // 2, width)[(number - 1) % 2], (height // 2, height)[(number - 1) // 2]
    quarter = image.crop((left, top, right, bottom))
    buffer = io.BytesIO()
    quarter.save(buffer, icc_profile=image.info.get("icc_profile"), **_SAVE.get(media.kind, _PNG))
    return buffer.getvalue(), quarter.size


def _opened(data: bytes, media: Media) -> AbstractContextManager[Image.Image]:
    from PIL import Image

    try:
        with warnings.catch_warnings(), _read():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=[media.kind.upper()])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadPictureError("the picture has too many pixels to be opened") from None
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise BadPictureError(f"{image.width} x {image.height} pixels are too many to be opened")
    return image
