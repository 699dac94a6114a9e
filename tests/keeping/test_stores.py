"""Storages that are neither this machine nor a bucket, as an SFTP server is."""

from __future__ import annotations

from typing import Any

import pytest
from drawn import FORMER, PICTURE
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_mj.keeping.stores import RemoteStore

NAME = "a.png"


@pytest.fixture
def storage() -> Any:
    one = MemoryFileSystem()
    one.store.clear()
    one.pseudo_dirs[:] = [""]
    return one


@pytest.fixture
def store(storage: Any) -> RemoteStore:
    made = RemoteStore(storage, "/kept", "memory")
    made.make()
    return made


def test_a_file_is_put_in_place_when_it_is_whole(storage, store):
    with store.new(NAME, "image/png") as new:
        new.file.write(PICTURE)
        new.file.flush()
        assert not storage.exists(f"/kept/{NAME}")
    assert [path for path in storage.store if path.startswith("/kept")] == [f"/kept/{NAME}"]
    assert b"".join(store.read(NAME, 1 << 20)) == PICTURE
    assert b"".join(store.read(NAME, 5)) == PICTURE[:5]


@pytest.mark.parametrize("trouble", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_what_was_there(storage, store, trouble):
    storage.pipe(f"/kept/{NAME}", FORMER)

    def write() -> None:
        with store.new(NAME, "") as new:
            new.file.write(PICTURE)
            raise trouble

    with pytest.raises(trouble):
        write()
    assert [path for path in storage.store if path.startswith("/kept")] == [f"/kept/{NAME}"]
    assert b"".join(store.read(NAME, 1 << 20)) == FORMER


def test_what_is_left_is_found_and_removed(storage, store):
    left = [f".{NAME}.{token}.part" for token in ("0123abcd", "0123456789abcdef")]
    for name in (*left, f".{NAME}.0123.part", f"{NAME}.0123abcd.part"):
        storage.pipe(f"/kept/{name}", FORMER)
    assert {name: sorted(found) for name, found in store.leftovers().items()} == {NAME: sorted(left)}
    for name in (*left, left[0]):
        store.remove(name)
    assert store.leftovers() == {}
