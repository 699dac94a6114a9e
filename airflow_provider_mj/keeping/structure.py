"""Whether a picture is built as an honest one is, told while it passes, without decoding anything. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from airflow_provider_mj.keeping.media import HEAD, BadPictureError
from airflow_provider_mj.keeping.walks import WALKS, Facts

if TYPE_CHECKING:
    from airflow_provider_mj.keeping.steps import Step

Size = tuple[int, int] | tuple[None, None]

MAX_WEBP_PIXELS = 4096 * 4096
"""Width times height beyond which a WebP is not decoded: libwebp holds a picture several times, in 20 bytes a
pixel and more where others take 5. It is four times Midjourney's usual grid."""

_PIECE = 65536
_MEMORY = 440 * 1024 * 1024
_COLOURS = 4  # bytes of a pixel, as Pillow holds it


class Structure:
    """Walks a picture from its first byte to its last, in constant memory.

    :param kind: as :class:`.Media` has it; of a video nothing is known.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._facts = Facts()
        self._walk = WALKS[kind](self._facts) if kind in WALKS else None
        self._step: Step | None = next(self._walk) if self._walk else None
        self._data = b""
        self._length = 0

    @classmethod
    def of(cls, data: bytes | bytearray, kind: str) -> Self:
        """Walk a whole file.

        :raises BadPictureError: when it is not built like one, or has no size.
        """
        structure = cls(kind)
        for place in range(0, len(data), _PIECE):
            structure.feed(bytes(data[place : place + _PIECE]))
        structure.finish()
        return structure

    def begin(self, head: bytes) -> Size:
        """Take the beginning of the file.

        :param head: at least :data:`.HEAD` bytes, or the whole file.
        :returns: width and height; (None, None) for a video, and for a JPEG that tells them later than that.
        :raises BadPictureError: when it is broken, or has more pixels than can be opened safely.
        """
        self.feed(head)
        if self._kind != "jpeg" or len(head) < HEAD:
            self.finish()
        return self.size or (None, None)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, once they are known."""
        return self._facts.size

    @property
    def pixels(self) -> int:
        """Width times height, once they are known."""
        return self._facts.pixels

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file.

        :raises BadPictureError: as soon as something is there that no honest picture has.
        """
        self._length += len(chunk)
        if self._walk is None:
            return
        data, place = self._data + chunk if self._data else chunk, 0
        while self._step is not None:
            place, result = self._step.advance(data, place)
            if result is None:
                break
            try:
                self._step = self._walk.send(result)
            except StopIteration:
                self._step = None
        self._data = b"" if self._step is None else data[place:]

    def finish(self) -> None:
        """Say that this was the end.

        :raises BadPictureError: when the picture has not told its size.
        """
        if self._walk is not None and self.size is None:
            raise BadPictureError("the picture is broken")

    def check_decodable(self) -> None:
        """Refuse a whole picture that takes more memory to decode than there is for it.

        :raises BadPictureError: when it does.
        """
        size = " x ".join(map(str, self.size or ()))
        if self._kind == "webp" and self.pixels > MAX_WEBP_PIXELS:
            raise BadPictureError(
                f"{size} pixels are too many to be opened as WebP, of which 4096 x 4096 can be"
            )
        if self._length + self.pixels * (self._facts.kept + _COLOURS) > _MEMORY:
            raise BadPictureError(f"{size} pixels are too many to be opened in such a {self._kind.upper()}")
