"""A grid of four, cut into its quarters: by another process, and checked here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_mj.keeping.decoder import PillowMissingError, pillow_path
from airflow_provider_mj.keeping.media import BadPictureError, Media, kind_of
from airflow_provider_mj.keeping.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_mj.keeping.decoder import Decoder

__all__ = ["PillowMissingError", "check_pillow", "quarters"]

Quarter = tuple[int, bytes, tuple[int, int]]
_COUNT = 4


def check_pillow() -> None:
    """Refuse to begin what could not be ended.

    :raises PillowMissingError: when Pillow is not installed.
    """
    if pillow_path() is None:
        raise PillowMissingError(
            "cutting a grid into its pictures needs Pillow: pip install 'airflow-provider-mj[images]', or "
            'save the grid as it is with split="never"'
        )


def quarters(
    data: bytes | bytearray, structure: Structure, media: Media, decoder: Decoder
) -> Iterator[Quarter]:
    """Cut a 2x2 grid, one quarter after the other; see :func:`.cut`.

    :param data: the grid.
    :param structure: how it is built.
    :param media: what it is.
    :param decoder: cuts it.
    :returns: number, bytes, and width and height in pixels; nothing for a picture that moves.
    :raises BadPictureError: when the grid can't be cut.
    :raises DecoderError: when nothing can be cut here.
    """
    structure.check_decodable()
    if min(structure.size or (0,)) < 2:  # noqa: PLR2004 (one pixel for each)
        raise BadPictureError("{} x {} pixels can't be cut into quarters".format(*structure.size or (0, 0)))
    kind = "png" if media.kind == "gif" else media.kind
    count = 0
    for count, (told, quarter) in enumerate(
        decoder.ask({"do": "cut", "kind": media.kind}, data, structure.pixels), 1
    ):
        yield _checked(count, told, quarter, kind)
    if count not in (0, _COUNT):
        raise _nonsense()


def _checked(number: int, told: dict[str, Any], quarter: bytes, kind: str) -> Quarter:
    """Refuse what is no quarter: a decoder that a picture has taken over may answer anything."""
    if number > _COUNT or told.get("number") != number or kind_of(quarter) != kind:
        raise _nonsense()
    size = Structure.of(quarter, kind).size
    if size is None or size != (told.get("width"), told.get("height")):
        raise _nonsense()
    return number, quarter, size


def _nonsense() -> BadPictureError:
    return BadPictureError("the picture is broken: what decodes it made no quarters of it")
