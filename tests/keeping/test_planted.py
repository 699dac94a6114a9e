"""What a neighbour, who may write into the folder as well, plants there under names of ours.

Tests may run as root, whom no permission stops: what is refused here is refused by what it is.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import socket
import stat
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from drawn import FORMER, PICTURE
from sites import told
from test_saving import names, save

from airflow_provider_mj.keeping import stores
from airflow_provider_mj.keeping.storing import LONGEST_HISTORY, Folder, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sites import Site

SECRET = b'{"id": "17", "secret": true}'
TOKEN = "0123456789abcdef"
BOTH = ["17_0.png", "17_0.png.json"]


@pytest.fixture(autouse=True)
def connected(gateway: Site, connect: Any) -> None:
    connect(gateway.url(""), allow_private_image_hosts=True)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of somebody else's, in a folder of his own."""
    place = tmp_path / "victim"
    place.mkdir()
    (place / "file").write_bytes(SECRET)
    return place / "file"


@pytest.fixture
def place(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def hard_link(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def link_to_nothing(path: Path, victim: Path) -> None:
    path.symlink_to(victim.parent / "new")


def link_to_folder(path: Path, victim: Path) -> None:
    path.symlink_to(victim.parent)


def link_to_itself(path: Path, victim: Path) -> None:
    path.symlink_to(path)


def pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def listener(path: Path, victim: Path) -> None:
    # The address of a socket must be short.
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


def folder_of(path: Path, victim: Path) -> None:
    path.mkdir()


def full_folder(path: Path, victim: Path) -> None:
    path.mkdir()
    (path / "file").write_bytes(SECRET)


PLANTED = [link, hard_link, link_to_nothing, link_to_folder, link_to_itself, pipe, listener]
FOLDERS = [folder_of, full_folder]


def untouched(victim: Path) -> bool:
    return [path.name for path in victim.parent.iterdir()] == ["file"] and victim.read_bytes() == SECRET


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("plant", PLANTED)
def test_what_is_planted_at_the_name_of_a_file_is_replaced(images, place, victim, plant, name):
    plant(place / name, victim)
    (picture,) = save(told(images, "picture"), place)
    assert names(place) == BOTH
    assert all(stat.S_ISREG((place / one).lstat().st_mode) for one in BOTH)
    assert (place / "17_0.png").read_bytes() == PICTURE
    assert json.loads((place / "17_0.png.json").read_text())["sha256"] == picture["sha256"]
    assert untouched(victim)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("plant", FOLDERS)
def test_nothing_is_moved_into_a_folder_at_the_name_of_a_file(images, place, victim, plant, name):
    plant(place / name, victim)
    before = sorted((place / name).iterdir())
    with pytest.raises(RuntimeError, match=rf"file://{place}/{name} can't be written: IsADirectoryError"):
        save(told(images, "picture"), place)
    assert sorted((place / name).iterdir()) == before
    assert set(names(place)) <= set(BOTH), "nothing is left"


@pytest.mark.parametrize("plant", PLANTED + FOLDERS)
def test_what_is_planted_at_a_temporary_name_hurts_nobody(place, victim, plant, monkeypatch):
    tokens = itertools.chain([TOKEN, TOKEN], itertools.repeat("f" * 16))
    monkeypatch.setattr(stores, "token_hex", lambda _: next(tokens))
    target = Folder.at(str(place))
    assert target._leftovers == {}
    planted = place / f".a.png.{TOKEN}.part"
    plant(planted, victim)
    kind = stat.S_IFMT(planted.lstat().st_mode)
    target.write("a.png", [PICTURE])
    assert (place / "a.png").read_bytes() == PICTURE
    assert stat.S_IFMT(planted.lstat().st_mode) == kind
    assert untouched(victim)


def test_where_all_temporary_names_are_taken_nothing_is_written(place, victim, monkeypatch):
    monkeypatch.setattr(stores, "token_hex", lambda _: TOKEN)
    target = Folder.at(str(place))
    assert target._leftovers == {}
    link(place / f".a.png.{TOKEN}.part", victim)
    with pytest.raises(StorageError, match="random names are taken"):
        target.write("a.png", [PICTURE])
    assert names(place) == [".a.png.part"]
    assert untouched(victim)


@pytest.mark.parametrize("plant", PLANTED + FOLDERS)
def test_what_takes_the_place_of_a_file_that_is_being_written_is_not_put_in_place(place, victim, plant):
    (place / "a.png").write_bytes(FORMER)

    def chunks() -> Any:
        yield PICTURE[:100]
        (partial,) = place.glob(".a.png.*.part")
        partial.unlink()
        plant(partial, victim)
        yield PICTURE[100:]

    with pytest.raises(StorageError, match="another file in the place"):
        Folder.at(str(place)).write("a.png", chunks())
    assert (place / "a.png").read_bytes() == FORMER
    assert untouched(victim)


def test_names_of_temporary_files_differ_each_time(place):
    seen = []

    def chunks() -> Any:
        seen.extend(path.name for path in place.glob(".a.png.*"))
        yield PICTURE

    target = Folder.at(str(place))
    for _ in range(5):
        target.write("a.png", chunks())
    assert len(set(seen)) == 5


@pytest.mark.parametrize("token", [TOKEN, "01234567"])
@pytest.mark.parametrize("plant", PLANTED + FOLDERS)
def test_what_looks_like_left_by_another_does_not_keep_a_file_from_being_saved(
    images, place, victim, plant, token
):
    planted = place / f".17_0.png.{token}.part"
    plant(planted, victim)
    save(told(images, "picture"), place)
    assert (place / "17_0.png").read_bytes() == PICTURE
    assert os.path.lexists(planted) == (plant in FOLDERS)
    assert untouched(victim)


@pytest.mark.parametrize("call", ["unlink", "listdir"])
def test_neither_does_what_may_not_be_removed_or_listed(images, place, call, monkeypatch):
    (place / f".17_0.png.{TOKEN}.part").write_bytes(b"half")
    genuine = getattr(os, call)

    def refuse(path: Any) -> Any:
        if Path(path) == place or TOKEN in str(path):
            raise PermissionError(1, "not yours")
        return genuine(path)

    monkeypatch.setattr(os, call, refuse)
    save(told(images, "picture"), place)
    assert (place / "17_0.png").read_bytes() == PICTURE


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_files_may_be_read_by_whom_the_umask_says(place, mask, mode):
    before = os.umask(mask)
    try:
        Folder.at(str(place)).write("a.png", [PICTURE])
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "a.png").stat().st_mode) == mode


def test_the_folder_itself_may_be_a_link(images, place, tmp_path):
    (tmp_path / "link").symlink_to(place)
    save(told(images, "picture"), tmp_path / "link")
    assert names(place) == BOTH


@pytest.mark.parametrize("destination", ["/proc/mj", "/dev/null", "/dev/null/a"])
def test_a_folder_that_takes_no_files_says_so(images, destination):
    with pytest.raises(StorageError, match=f"file://{destination} can't be written"):
        save(told(images, "picture"), destination)
    assert images.asked == []


def test_a_folder_in_which_nothing_can_be_made_says_so(images):
    with pytest.raises(RuntimeError, match="file:///proc/self/17_0.png can't be written"):
        save(told(images, "picture"), "/proc/self")


# What was saved before is given back when a link is dead.


def saved_before(images: Site, place: Path) -> dict[str, Any]:
    (picture,) = save(told(images, "picture"), place)
    return picture


def save_again(images: Site, gateway: Site, place: Path) -> list[dict[str, Any]]:
    gateway.fetched = told(images, "status/404")
    return save(gateway.fetched, place)


def test_what_was_saved_before_is_given(images, gateway, place):
    picture = saved_before(images, place)
    assert save_again(images, gateway, place) == [picture]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    "plant", [link, link_to_nothing, link_to_folder, link_to_itself, pipe, listener, *FOLDERS]
)
def test_what_is_no_plain_file_was_not_saved_before(images, gateway, place, victim, plant, name):
    saved_before(images, place)
    # So that what a link leads to is the right thing.
    victim.write_bytes((place / name).read_bytes())
    (place / name).unlink()
    plant(place / name, victim)
    with pytest.raises(AirflowFailException, match="is gone"):
        save_again(images, gateway, place)


def long(history: dict[str, Any]) -> bytes:
    return json.dumps(history).encode().ljust(LONGEST_HISTORY + 1)


TEXTS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "nothing": lambda history: b"",
    "no json": lambda history: b"{",
    "no text": lambda history: b"\xff\xfe{}",
    "a list": lambda history: json.dumps([history]).encode(),
    "nested lists": lambda history: b"[" * 500_000,
    "nested objects": lambda history: b'{"id":' * 100_000,
    "a nested value": lambda history: json.dumps(history).encode()[:-1] + b', "x": ' + b"[" * 100_000,
    "a number of a million digits": lambda history: (
        json.dumps(history).encode()[:-1] + b', "x": ' + b"9" * 10**6
    ),
    "too long": long,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_a_history_that_is_none_is_not_believed(images, gateway, place, text):
    saved_before(images, place)
    path = place / "17_0.png.json"
    path.write_bytes(text(json.loads(path.read_text())))
    with pytest.raises(AirflowFailException, match="is gone"):
        save_again(images, gateway, place)


@pytest.mark.parametrize("name", BOTH)
def test_of_a_gigabyte_little_is_read(images, gateway, place, name):
    saved_before(images, place)
    with (place / name).open("r+b") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(AirflowFailException, match="is gone"):
            save_again(images, gateway, place)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize(
    "wrong",
    [
        *({"index": index} for index in (1, "0", None, [0])),
        *(
            {side: value}
            for side in ("width", "height")
            for value in ("32", 0, -1, 1.5, True, [], None, 1 << 40)
        ),
        *(
            {"bytes": value}
            for value in (str(len(PICTURE)), len(PICTURE) + 1, 0, -1, 1 << 60, None, True, {})
        ),
        *({"sha256": value} for value in (None, "x" * 64, "0" * 64, "A" * 64, ["0"], "0" * 10**5)),
        *({"contentType": value} for value in (None, "image/jpeg", "x" * 10**5, ["image/png"], {})),
        *({"id": value} for value in ("18", 17, None, ["17"])),
    ],
    ids=lambda wrong: f"{next(iter(wrong))} {str(next(iter(wrong.values())))[:20]}",
)
def test_a_history_that_can_not_be_so_is_not_believed(images, gateway, place, wrong):
    saved_before(images, place)
    path = place / "17_0.png.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(AirflowFailException, match="is gone"):
        save_again(images, gateway, place)


def test_a_history_of_a_huge_file_is_not_followed(images, gateway, place):
    """Even if it is right: to read a terabyte takes an hour."""
    saved_before(images, place)
    path = place / "17_0.png.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"bytes": 1 << 40}))
    os.truncate(place / "17_0.png", 1 << 40)
    with pytest.raises(AirflowFailException, match="is gone"):
        save_again(images, gateway, place)


def test_nothing_else_of_a_history_reaches_xcom(images, gateway, place):
    picture = saved_before(images, place)
    path = place / "17_0.png.json"
    more = {
        "__type": "airflow.sdk.definitions.connection.Connection",
        "uri": "file:///etc/passwd",
        "x": "y" * 9999,
    }
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    assert save_again(images, gateway, place) == [picture]
    assert picture["sha256"] == hashlib.sha256(PICTURE).hexdigest()
