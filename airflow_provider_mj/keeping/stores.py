"""Where a folder's files are: on this machine, or in any storage that fsspec knows."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import ObjectStoragePath

# There are no folders there: making one would make the bucket whose name was mistyped. A move is a copy.
_S3 = ("s3", "s3a", "s3n")
_BUCKETS = (*_S3, "gs", "gcs", "abfs", "abfss", "az", "adl", "wasb", "wasbs", "oss")
_LOCAL = ("file", "local")
# What a bucket's file is sent in, and held in memory until it is. The libraries' own is up to 50 MiB.
_BLOCK = 8 * 1024 * 1024
# Earlier releases gave a process eight signs for all its files.
_TOKEN = re.compile(r"(?:[0-9a-f]{8}){1,2}")
_TRIES = 5
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# What opening a link or a socket ends with: nobody has put a file there.
_NO_FILE = (errno.ELOOP, errno.ENXIO)
# What a file system without hard links says.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass
class New:
    """A file that is being written. What it is called can be decided until it is whole.

    :param file: what it is written to.
    :param name: what it is called.
    :param is_first: whether it must not take the place of another. Only a folder of this machine can see to
        that; elsewhere, who comes later wins.
    """

    file: IO[bytes]
    name: str
    is_first: bool = False


class Store(Protocol):
    """What a folder needs of a storage; names are those of files in it."""

    def make(self) -> None:
        """Make the folder, and those above it, if need be."""

    def new(self, name: str, content_type: str) -> AbstractContextManager[New]:
        """Return a context in which a file is written, and which puts it in place when it ends well.

        :param name: what the file is called, and its temporary name made of, so that what is left of it is
            found again.
        :param content_type: what a bucket calls it.
        :raises FileExistsError: when it was to be the first of its name, and is not.
        """

    def read(self, name: str, most: int) -> Iterator[bytes]:
        """Yield the first ``most`` bytes of a file, or all of it.

        :raises FileNotFoundError: when there is none, or something else than a plain file.
        :raises OSError: when it can't be read now.
        """

    def leftovers(self) -> dict[str, list[str]]:
        """Return what earlier processes have left, by the name of the file that it was to be."""

    def remove(self, leftover: str) -> None:
        """Remove one of these."""


def store(path: ObjectStoragePath) -> Store:
    """Return the store for a folder."""
    # A path finds its storage when that is first asked for: a typo had better show before a download.
    storage = path.fs
    # Text, since to put paths together takes longer than to write a small file.
    place = path.path.rstrip("/")
    return LocalStore(place) if path.protocol in _LOCAL else RemoteStore(storage, place, path.protocol)


def _by_file(names: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        if file := _file_of(name):
            found.setdefault(file, []).append(name)
    return found


def _file_of(name: str) -> str:
    """Return the name of the file that a temporary one was to be; "" for a name of another kind."""
    stem, _, token = name.removesuffix(".part").rpartition(".")
    is_ours = name.startswith(".") and name.endswith(".part") and _TOKEN.fullmatch(token)
    return stem[1:] if is_ours else ""


def _partial(name: str) -> str:
    return f".{name}.{token_hex(8)}.part"


class LocalStore:
    """A folder of this machine, in which others may write as well.

    Whatever they put there under a name of ours, be it a link, a pipe or a folder, nothing is written into
    it, read from it or moved into it. Whether the folder itself is a link is for whoever has named it to
    know.

    :param place: its path.
    """

    def __init__(self, place: str) -> None:
        self._place = place

    def make(self) -> None:
        """Make the folder, and those above it, if need be."""
        os.makedirs(self._place or "/", exist_ok=True)

    @contextmanager
    def new(self, name: str, content_type: str) -> Iterator[New]:  # noqa: ARG002 (files have none)
        """Write a file that nobody has opened before, and put it in place of whatever has its name.

        :raises FileExistsError: when it was to be the first of its name, and is not.
        :raises OSError: when a folder has its name, or somebody has taken the file away.
        """
        partial, file = self._opened(name)
        try:
            with file:
                new = New(file, name)
                yield new
                file.flush()
                _check_same(file.fileno(), partial)
                put = _put_first if new.is_first else os.replace
                put(partial, self._path(new.name))
        except BaseException:
            # Whatever else goes wrong here, the first error is the one to know.
            with suppress(OSError):
                os.unlink(partial)
            raise

    def _opened(self, name: str) -> tuple[str, IO[bytes]]:
        for _ in range(_TRIES):
            partial = self._path(_partial(name))
            with suppress(FileExistsError):
                return partial, os.fdopen(os.open(partial, _NEW, 0o666), "wb")
        raise OSError(f"all of {_TRIES} random names are taken")

    def read(self, name: str, most: int) -> Iterator[bytes]:
        """Yield the first ``most`` bytes of a file, or all of it.

        :raises FileNotFoundError: when there is none, or something else than a plain file.
        :raises OSError: when it can't be read now.
        """
        with self._plain(name) as file:
            yield from _pieces(file, most)

    def _plain(self, name: str) -> IO[bytes]:
        try:
            descriptor = os.open(self._path(name), _READ)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise FileNotFoundError(error.errno, "it is no plain file") from None
            raise
        # Not made a file before it is known to be one: Python refuses a folder with another error.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "it is no plain file")
        return os.fdopen(descriptor, "rb")

    def leftovers(self) -> dict[str, list[str]]:
        """Return what earlier processes have left, by the name of the file that it was to be."""
        # Not everybody who may write into a folder may ask for its list.
        with suppress(OSError):
            return _by_file(os.listdir(self._place or "/"))
        return {}

    def remove(self, leftover: str) -> None:
        """Remove what an earlier process has left, unless it is a folder or belongs to somebody else."""
        with suppress(OSError):
            os.unlink(self._path(leftover))

    def _path(self, name: str) -> str:
        return f"{self._place}/{name}"


def _check_same(descriptor: int, path: str) -> None:
    """Refuse to put in place what has been put in the place of our own."""
    if not os.path.samestat(os.fstat(descriptor), os.lstat(path)):
        raise OSError("somebody has put another file in the place of this one")


def _put_first(partial: str, final: str) -> None:
    """Put a file in place unless there is one; a move would replace it without a word."""
    try:
        os.link(partial, final)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(final):
            raise FileExistsError(errno.EEXIST, "there is one already") from None
        os.replace(partial, final)
    else:
        os.unlink(partial)


class RemoteStore:
    """A folder in any other storage.

    :param storage: fsspec's.
    :param place: its path there.
    :param protocol: of its URLs.
    """

    def __init__(self, storage: Any, place: str, protocol: str) -> None:
        self._storage, self._place = storage, place
        self._is_bucket = protocol in _BUCKETS
        self._is_s3 = protocol in _S3

    def make(self) -> None:
        """Make the folder, and those above it, if need be."""
        if not self._is_bucket:
            self._storage.makedirs(self._place or "/", exist_ok=True)

    @contextmanager
    def new(self, name: str, content_type: str) -> Iterator[New]:
        """Write a file, and put it in place."""
        partial = self._path(_partial(name))
        try:
            # Not the path's own `open`: that would tell lineage of the temporary name.
            with self._storage.open(partial, "wb", **self._options(content_type)) as file:
                new = New(file, name)
                yield new
            self._put_in_place(partial, self._path(new.name))
        except BaseException:
            # Whatever else goes wrong here, the first error is the one to know.
            with suppress(Exception):
                self._storage.rm_file(partial)
            raise

    def read(self, name: str, most: int) -> Iterator[bytes]:
        """Yield the first ``most`` bytes of a file, or all of it.

        :raises FileNotFoundError: when there is none.
        :raises OSError: when it can't be read now.
        """
        try:
            opened = self._storage.open(self._path(name), "rb")
        except PermissionError as error:
            # S3 says so of what is not there, to whom it would not show its list.
            if self._is_bucket:
                raise FileNotFoundError(errno.ENOENT, "the bucket shows no such file") from error
            raise
        with opened as file:
            yield from _pieces(file, most)

    def leftovers(self) -> dict[str, list[str]]:
        """Return what earlier processes have left, by the name of the file that it was to be."""
        # A bucket shows only what is whole, and not everybody may ask for its list.
        if self._is_bucket:
            return {}
        return _by_file(
            [path.rpartition("/")[2] for path in self._storage.ls(self._place or "/", detail=False)]
        )

    def remove(self, leftover: str) -> None:
        """Remove what an earlier process has left."""
        with suppress(FileNotFoundError):
            self._storage.rm_file(self._path(leftover))

    def _path(self, name: str) -> str:
        return f"{self._place}/{name}"

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


def _pieces(file: IO[bytes], most: int) -> Iterator[bytes]:
    taken = 0
    while taken < most and (piece := file.read(min(_BLOCK, most - taken))):
        taken += len(piece)
        yield piece
