"""Writing files so that no half one is ever seen, on any storage that Airflow knows."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def folder_at(destination: str | os.PathLike[str] | ObjectStoragePath) -> ObjectStoragePath:
    """Give the folder to write into, made if need be.

    :param destination: a URL such as ``s3://conn@bucket/pictures``, an absolute path, or an object.
    :raises ValueError: when it is none of these, or Airflow does not know its kind of storage.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if not isinstance(destination, ObjectStoragePath):
        # Airflow's own class takes a path without `file://` and can't write there.
        text = os.fspath(destination).strip()
        if "://" not in text and not text.startswith("/"):
            raise ValueError(f"destination must be the URL of a folder or an absolute path; got {text!r}")
        destination = ObjectStoragePath(text if "://" in text else f"file://{text}")
    if destination.protocol not in _BUCKETS:
        destination.mkdir(parents=True, exist_ok=True)
    return destination


# There are no folders there, and making one would make the bucket whose name was mistyped.
_BUCKETS = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "wasb", "wasbs", "oss")


def write(folder: ObjectStoragePath, name: str, chunks: Iterable[bytes]) -> Written:
    """Write a file under a temporary name, and put it in place when it is whole.

    The temporary name is the same each time, so that a process that is killed leaves nothing that the next
    one does not replace.

    :param folder: where.
    :param name: the file's name.
    :param chunks: its bytes; what they raise passes through, and nothing is left.
    """
    storage, final, partial = folder.fs, folder / name, folder / f".{name}.part"
    written = Written(uri=str(final))
    try:
        # Not the path's own `open`: that would tell lineage of the temporary name.
        with storage.open(partial.path, "wb") as file:
            for chunk in chunks:
                file.write(written.count(chunk))
        storage.mv(partial.path, final.path)
    except BaseException:
        with suppress(OSError):
            storage.rm_file(partial.path)
        raise
    return written


def write_json(folder: ObjectStoragePath, name: str, content: dict[str, Any]) -> None:
    """Write a JSON file in the same way; the same content gives the same bytes."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    write(folder, name, [text.encode() + b"\n"])
