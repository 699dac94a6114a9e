"""A picture on its way from its host to a file: looked at as it passes, never held."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_mj.keeping.boxes import Boxes
from airflow_provider_mj.keeping.media import HEAD, TAIL, CutPictureError, is_cut, recognise
from airflow_provider_mj.keeping.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Iterator


class Passing:
    """The bytes of a picture, once, and what is known of it before they are taken.

    :param chunks: the bytes.
    :param declared: the content type that its host gave.
    :ivar size: width and height in pixels, as far as they are known; a JPEG may tell them late.
    :ivar structure: how it is built, as far as it has passed.
    :raises BadPictureError: when it is no picture, broken, or has too many pixels.
    """

    def __init__(self, chunks: Iterator[bytes], declared: str = "") -> None:
        self._head = b""
        self._rest = chunks
        while len(self._head) < HEAD and (chunk := next(chunks, b"")):
            self._head += chunk
        self.media = recognise(self._head, declared)
        self.structure = Structure(self.media.kind)
        self.size = self.structure.begin(self._head)

    def __iter__(self) -> Iterator[bytes]:
        """Give the bytes.

        :raises CutPictureError: in place of the end, when that is missing; so what takes the bytes fails
            before it is done.
        :raises BadPictureError: as soon as something comes that no honest picture has.
        """
        length, tail, boxes = 0, b"", Boxes()
        for chunk in chain([self._head], self._rest):
            if length:
                self.structure.feed(chunk)
            length += len(chunk)
            tail = chunk[-TAIL:] if len(chunk) >= TAIL else (tail + chunk)[-TAIL:]
            if self.media.kind == "mp4":
                boxes.feed(chunk)
            yield chunk
        if boxes.is_cut or is_cut(self.media, length, self._head, tail):
            raise CutPictureError(f"it ends in the middle, after {length} bytes")
        self.structure.finish()
        self.size = self.structure.size or (None, None)
