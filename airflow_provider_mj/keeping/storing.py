"""Writing files so that no half one is ever seen, on any storage that Airflow knows."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.keeping.stores import store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow.providers.common.compat.sdk import ObjectStoragePath


@dataclass
class Written:
    """What was written.

    :param uri: where, without credentials.
    """

    uri: str
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """The checksum, as hex."""
        return str(self._digest.hexdigest())

    def count(self, chunk: bytes | bytearray) -> bytes | bytearray:
        """Take account of a piece, and give it back."""
        self.size += len(chunk)
        self._digest.update(chunk)
        return chunk


class StorageError(Exception):
    """A file could not be written, for a reason of the storage's own."""

    retry_helps = True

    def __init__(self, uri: str, reason: Exception) -> None:
        super().__init__(
            f"{uri} can't be written: {type(reason).__name__}: {quote(str(reason))}. What was saved before "
            "is still there, and the picture is still at its link: save it within a day."
        )


LONGEST_HISTORY = 1024 * 1024
"""Bytes of a JSON file that are read: what stands beside a picture is far shorter."""


class Folder:
    """A folder in a storage, in which a file is whole or not there.

    A file is written under a temporary name that nobody can foresee, since two that write into one file would
    spoil it, and put in place when it is whole. Whoever comes after a process that was killed removes what
    that has left of the same file. If the other still lives, as a task does that Airflow has given up, then
    its file can't be put in place any more, and the later one's stays; in a bucket both are put in place.

    :param path: where.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._store = store(path)
        self._uri = str(path).rstrip("/")

    @classmethod
    def at(cls, destination: str | os.PathLike[str] | ObjectStoragePath) -> Self:
        """Give the folder that a DAG author names, made if need be.

        :param destination: a URL such as ``s3://conn@bucket/pictures``, an absolute path, or an object.
        :raises ValueError: when it is none of these, or Airflow does not know its kind of storage.
        :raises ImportError: when the library for its kind of storage is missing; says which.
        :raises StorageError: when it can't be made.
        """
        folder = cls(_path(destination))
        try:
            folder._store.make()
        except OSError as error:
            raise StorageError(folder._uri, error) from error
        return folder

    def write(
        self,
        name: str,
        chunks: Iterable[bytes | bytearray],
        content_type: str = "",
        *,
        writer: str = "",
        place: Callable[[Written], str] | None = None,
        is_first: bool = False,
    ) -> Written:
        """Write a file.

        :param name: its name.
        :param chunks: its bytes; what they raise passes through, and nothing is left.
        :param content_type: what S3 calls the file when it is asked for.
        :param writer: a name that only one task writes under, for the temporary file; ``name`` if empty. What
            is left under the name of another task may be what that is writing just now.
        :param place: given what was written, gives the name after all; what it raises leaves nothing.
        :param is_first: whether to refuse where there is a file of that name, see :class:`.New`.
        :raises StorageError: when the storage does not take it.
        """
        written = Written(uri=self.uri(name))
        source = _Source(chunks)
        try:
            self._tidy(name, writer)
            with self._store.new(writer or name, content_type) as new:
                for chunk in source:
                    new.file.write(written.count(chunk))
                new.name, new.is_first = place(written) if place else name, is_first
                written.uri = self.uri(new.name)
        except StorageError:
            raise
        except Exception as error:
            if source.has_failed:
                raise
            raise StorageError(written.uri, error) from error
        return written

    def uri(self, name: str) -> str:
        """Give where a file is, without credentials."""
        return f"{self._uri}/{name}"

    def write_json(self, name: str, content: dict[str, Any], writer: str = "") -> None:
        """Write a JSON file in the same way; the same content gives the same bytes."""
        self.write(name, _as_json(content), "application/json", writer=writer)

    def write_first_json(self, name: str, content: dict[str, Any], writer: str) -> bool:
        """Write a JSON file unless there is one; return whether it was written."""
        try:
            self.write(name, _as_json(content), "application/json", writer=writer, is_first=True)
        except StorageError as error:
            if isinstance(error.__cause__, FileExistsError):
                return False
            raise
        return True

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read what :meth:`write_json` has written; None where there is none, or something else."""
        try:
            return self.known_json(name)
        except OSError:
            return None

    def known_json(self, name: str) -> dict[str, Any] | None:
        """Read the same where it matters that there is none.

        :raises OSError: when it can't be read now, so that nobody knows.
        """
        try:
            text = b"".join(self._store.read(name, LONGEST_HISTORY + 1))
            content = json.loads(text) if len(text) <= LONGEST_HISTORY else None
        except (FileNotFoundError, IsADirectoryError, ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None

    def look(self, name: str, size: int) -> Written | None:
        """Read a file, for its checksum; None where there is none of that size.

        :param name: its name.
        :param size: its bytes; of a longer one no more are read.
        """
        found = Written(uri=self.uri(name))
        try:
            for chunk in self._store.read(name, size + 1):
                found.count(chunk)
        except OSError:
            return None
        return found if found.size == size else None

    def _tidy(self, *names: str) -> None:
        """Remove what processes that were killed have left of files."""
        for name in names:
            for leftover in self._leftovers.pop(name, ()):
                self._store.remove(leftover)

    @cached_property
    def _leftovers(self) -> dict[str, list[str]]:
        return self._store.leftovers()


def _as_json(content: dict[str, Any]) -> list[bytes]:
    return [json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"]


def _path(destination: str | os.PathLike[str] | ObjectStoragePath) -> ObjectStoragePath:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if isinstance(destination, ObjectStoragePath):
        return destination
    # Airflow's own class takes a path without `file://` and can't write there.
    text = os.fspath(destination).strip()
    text = f"file://{text}" if text.startswith("/") else text
    scheme, _, rest = text.partition("://")
    # With two slashes, files are meant to be in the folder that a worker happens to be in.
    place = rest.partition("/")[0].rpartition("@")[2]
    is_place = rest.startswith("/") if scheme == "file" else place
    if not scheme or not is_place:
        raise ValueError(
            "destination must be the URL of a folder, as file:///data/pictures or s3://conn@bucket/pictures, "
            f"or an absolute path; got {quote(text)!r}"
        )
    return ObjectStoragePath(text)


class _Source:
    """Remembers whether it was the source that failed, and not what takes from it."""

    def __init__(self, chunks: Iterable[bytes | bytearray]) -> None:
        self._chunks = chunks
        self.has_failed = False

    def __iter__(self) -> Iterator[bytes | bytearray]:
        chunks = iter(self._chunks)
        while True:
            try:
                chunk = next(chunks)
            except StopIteration:
                return
            except BaseException:
                self.has_failed = True
                raise
            yield chunk
