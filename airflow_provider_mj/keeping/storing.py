"""Writing files so that no half one is ever seen, on any storage that Airflow knows."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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

    def count(self, chunk: bytes) -> bytes:
        """Take account of a piece, and give it back."""
        self.size += len(chunk)
        self._digest.update(chunk)
        return chunk


class StorageError(Exception):
    """A file could not be written, for a reason of the storage's own."""

    retry_helps = True

    def __init__(self, uri: str, reason: Exception) -> None:
        super().__init__(
            f"{uri} can't be written: {type(reason).__name__}: {reason}. What was saved before is still "
            "there, and the picture is still at its link: save it within a day."
        )


# There are no folders there: making one would make the bucket whose name was mistyped. A move is a copy.
_S3 = ("s3", "s3a", "s3n")
_BUCKETS = (*_S3, "gs", "gcs", "abfs", "abfss", "az", "adl", "wasb", "wasbs", "oss")
# What a bucket's file is sent in, and held in memory until it is. The libraries' own is up to 50 MiB.
_BLOCK = 8 * 1024 * 1024
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part")


class Folder:
    """A folder in a storage, in which a file is whole or not there.

    A file is written under a temporary name, of each process its own since two that write into one file would
    spoil it, and put in place when it is whole. Whoever comes after a process that was killed removes what
    that has left of the same file. If the other still lives, as a task does that Airflow has given up, then
    its file can't be put in place any more, and the later one's stays; in a bucket both are put in place.

    :param path: where.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        # A path finds its storage when that is first asked for: a typo had better show before a download.
        self._storage = path.fs
        # Text, since to put paths together takes longer than to write a small file.
        self._place, self._uri = path.path.rstrip("/"), str(path).rstrip("/")
        self._is_bucket = path.protocol in _BUCKETS
        self._is_s3 = path.protocol in _S3
        self._mine = token_hex(4)

    @classmethod
    def at(cls, destination: str | os.PathLike[str] | ObjectStoragePath) -> Self:
        """Give the folder that a DAG author names, made if need be.

        :param destination: a URL such as ``s3://conn@bucket/pictures``, an absolute path, or an object.
        :raises ValueError: when it is none of these, or Airflow does not know its kind of storage.
        :raises ImportError: when the library for its kind of storage is missing; says which.
        :raises StorageError: when it can't be made.
        """
        folder = cls(_path(destination))
        if not folder._is_bucket:
            try:
                folder._storage.makedirs(folder._place or "/", exist_ok=True)
            except OSError as error:
                raise StorageError(folder._uri, error) from error
        return folder

    def write(self, name: str, chunks: Iterable[bytes], content_type: str = "") -> Written:
        """Write a file.

        :param name: its name.
        :param chunks: its bytes; what they raise passes through, and nothing is left.
        :param content_type: what S3 calls the file when it is asked for.
        :raises StorageError: when the storage does not take it.
        """
        final, partial = f"{self._place}/{name}", f"{self._place}/.{name}.{self._mine}.part"
        written = Written(uri=f"{self._uri}/{name}")
        source = _Source(chunks)
        try:
            self._remove_leftovers(name)
            # Not the path's own `open`: that would tell lineage of the temporary name.
            with self._storage.open(partial, "wb", **self._options(content_type)) as file:
                for chunk in source:
                    file.write(written.count(chunk))
            self._put_in_place(partial, final)
        except BaseException as error:
            # Whatever else goes wrong here, the first error is the one to know.
            with suppress(Exception):
                self._storage.rm_file(partial)
            if source.has_failed or not isinstance(error, Exception):
                raise
            raise StorageError(written.uri, error) from error
        return written

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file in the same way; the same content gives the same bytes."""
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
        self.write(name, [text.encode() + b"\n"], "application/json")

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read what :meth:`write_json` has written; None where there is none."""
        try:
            content = json.loads(self._storage.cat_file(f"{self._place}/{name}"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def look(self, name: str) -> Written | None:
        """Read a file, for its size and its checksum; None where there is none."""
        found = Written(uri=f"{self._uri}/{name}")
        try:
            with self._storage.open(f"{self._place}/{name}", "rb") as file:
                while chunk := file.read(_BLOCK):
                    found.count(chunk)
        except OSError:
            return None
        return found

    def _remove_leftovers(self, name: str) -> None:
        for path in self._leftovers.pop(name, ()):
            with suppress(FileNotFoundError):
                self._storage.rm_file(path)

    @cached_property
    def _leftovers(self) -> dict[str, list[str]]:
        """What earlier processes have left, by the name of the file that it was to be."""
        found: dict[str, list[str]] = {}
        # A bucket shows only what is whole, and not everybody may ask for its list.
        for path in [] if self._is_bucket else self._storage.ls(self._place or "/", detail=False):
            if match := _TEMPORARY.fullmatch(path.rpartition("/")[2]):
                found.setdefault(match[1], []).append(path)
        return found

    def _options(self, content_type: str) -> dict[str, Any]:
        """Say how a file is to be opened: a browser shows a picture of S3 only if it is called one."""
        options: dict[str, Any] = {"block_size": _BLOCK} if self._is_bucket else {}
        return options | ({"ContentType": content_type} if self._is_s3 and content_type else {})

    def _put_in_place(self, partial: str, final: str) -> None:
        if not self._is_bucket:
            self._storage.mv(partial, final)
            return
        # A move would take "[1]" in a name for a pattern, and ask for a list.
        self._storage.cp_file(partial, final)
        self._storage.rm_file(partial)


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
            f"or an absolute path; got {text!r}"
        )
    return ObjectStoragePath(text)


class _Source:
    """Remembers whether it was the source that failed, and not what takes from it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.has_failed = False

    def __iter__(self) -> Iterator[bytes]:
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
