"""Writing files so that no half one is ever seen, on any storage that Airflow knows."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
            "there. Saving again is not paid for, but links of pictures live for a day."
        )


# There are no folders there: making one would make the bucket whose name was mistyped. A move is a copy.
_S3 = ("s3", "s3a", "s3n")
_BUCKETS = (*_S3, "gs", "gcs", "abfs", "abfss", "az", "adl", "wasb", "wasbs", "oss")
# What a bucket's file is sent in, and held in memory until it is. The libraries' own is up to 50 MiB.
_BLOCK = 8 * 1024 * 1024


def folder_at(destination: str | os.PathLike[str] | ObjectStoragePath) -> ObjectStoragePath:
    """Give the folder to write into, made if need be.

    :param destination: a URL such as ``s3://conn@bucket/pictures``, an absolute path, or an object.
    :raises ValueError: when it is none of these, or Airflow does not know its kind of storage.
    :raises ImportError: when the library for its kind of storage is missing; says which.
    :raises AirflowNotFoundException: when its connection is not there.
    :raises StorageError: when it can't be made.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if not isinstance(destination, ObjectStoragePath):
        # Airflow's own class takes a path without `file://` and can't write there.
        text = os.fspath(destination).strip()
        if "://" not in text and not text.startswith("/"):
            raise ValueError(f"destination must be the URL of a folder or an absolute path; got {text!r}")
        destination = ObjectStoragePath(text if "://" in text else f"file://{text}")
    # The path finds its storage when that is first asked for, and a typo had better show before a download.
    storage = destination.fs
    if destination.protocol not in _BUCKETS:
        try:
            storage.makedirs(destination.path, exist_ok=True)
        except OSError as error:
            raise StorageError(str(destination), error) from error
    return destination


def write(folder: ObjectStoragePath, name: str, chunks: Iterable[bytes], content_type: str = "") -> Written:
    """Write a file under a temporary name, and put it in place when it is whole.

    The temporary name is the same each time, so that a process that is killed leaves nothing that the next
    one does not replace.

    :param folder: where.
    :param name: the file's name.
    :param chunks: its bytes; what they raise passes through, and nothing is left.
    :param content_type: what S3 calls the file when it is asked for.
    :raises StorageError: when the storage does not take it.
    """
    storage, final, partial = folder.fs, folder / name, folder / f".{name}.part"
    written = Written(uri=str(final))
    source = _Source(chunks)
    try:
        # Not the path's own `open`: that would tell lineage of the temporary name.
        with storage.open(partial.path, "wb", **_options(folder.protocol, content_type)) as file:
            for chunk in source:
                file.write(written.count(chunk))
        _put_in_place(storage, partial, final)
    except BaseException as error:
        # Whatever else goes wrong here, the first error is the one to know.
        with suppress(Exception):
            storage.rm_file(partial.path)
        if source.has_failed or not isinstance(error, Exception):
            raise
        raise StorageError(str(final), error) from error
    return written


def write_json(folder: ObjectStoragePath, name: str, content: dict[str, Any]) -> None:
    """Write a JSON file in the same way; the same content gives the same bytes."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    write(folder, name, [text.encode() + b"\n"], "application/json")


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


def _options(protocol: str, content_type: str) -> dict[str, Any]:
    """Say how a file is to be opened: a browser shows a picture of S3 only if it is called one."""
    options: dict[str, Any] = {"block_size": _BLOCK} if protocol in _BUCKETS else {}
    return options | ({"ContentType": content_type} if protocol in _S3 and content_type else {})


def _put_in_place(storage: Any, partial: ObjectStoragePath, final: ObjectStoragePath) -> None:
    if final.protocol not in _BUCKETS:
        storage.mv(partial.path, final.path)
        return
    # A move would take "[1]" in a name for a pattern, and ask for a list, which not everybody may have.
    storage.cp_file(partial.path, final.path)
    storage.rm_file(partial.path)
