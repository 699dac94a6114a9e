"""Tasks of one id: of two gateways, and of one that gives an id again."""

from __future__ import annotations

import errno
import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath
from drawn import BUTTONS, COLOURS, FORMER, PICTURE, corner, grid, saved
from sites import told
from test_saving import names, save

from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.keeping import stores
from airflow_provider_mj.keeping.claims import is_of_another
from airflow_provider_mj.keeping.names import file_name, own_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sites import Site

GRID = saved(grid(), "PNG")
MAY, JUNE = "2026-05-01T12:00:00Z", "2026-06-01T12:00:00Z"
ONE, OTHER = "one.example", "other.example"


@pytest.fixture
def at(connect: Any) -> Callable[[str], None]:
    """Let the connection lead to another gateway; what has links in it need not be asked for there."""

    def lead(host: str) -> None:
        connect(f"http://{host}", allow_private_image_hosts=True)

    lead(ONE)
    return lead


def history(folder: Path, name: str = "17_0.png") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return found


def others(folder: Path) -> list[str]:
    """Give the names of pictures that have one of their own."""
    return [name for name in names(folder) if re.fullmatch(r"17_\d=[0-9a-f]{12}\.\w+", name)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_id_at_another_gateway_is_another_picture(images, folder, at):
    (first,) = save(told(images, "picture"), folder)
    before = contents(folder)
    at(OTHER)
    (second,) = save(told(images, images.body(FORMER)), folder)
    (name,) = others(folder)
    assert second["uri"] == f"file://{folder}/{name}"
    assert (folder / name).read_bytes() == FORMER
    assert (history(folder)["gateway"], history(folder, name)["gateway"]) == (ONE, OTHER)
    assert {key: contents(folder)[key] for key in before} == before
    assert history(folder, name).items() >= second.items()
    assert first["uri"] == f"file://{folder}/17_0.png"


def test_an_id_that_is_given_again_is_another_picture(images, folder, at):
    save(told(images, "picture", submitTime=MAY), folder)
    save(told(images, images.body(FORMER), submitTime=JUNE), folder)
    (name,) = others(folder)
    assert ((folder / "17_0.png").read_bytes(), (folder / name).read_bytes()) == (PICTURE, FORMER)
    assert (history(folder)["submitTime"], history(folder, name)["submitTime"]) == (MAY, JUNE)


def test_a_third_one_gets_a_third_name(images, folder, at):
    for host, time in ((ONE, MAY), (OTHER, MAY), (ONE, JUNE), (OTHER, JUNE)):
        at(host)
        save(told(images, images.body(saved(grid(32, 32), "PNG")), submitTime=time), folder)
    assert len(others(folder)) == 3
    assert len(names(folder)) == 8


def test_a_retry_finds_the_same_names_and_writes_the_same_bytes(images, folder, at):
    tasks = {ONE: told(images, "picture"), OTHER: told(images, images.body(FORMER))}
    results = {}
    for host in (ONE, OTHER):
        at(host)
        results[host] = save(tasks[host], folder)
    once = contents(folder)
    for host in (OTHER, ONE, OTHER):
        at(host)
        assert save(tasks[host], folder) == results[host]
    assert contents(folder) == once


def test_the_quarters_of_a_grid_go_to_their_own_names_too(images, folder, at):
    given = told(images, images.body(GRID), buttons=BUTTONS)
    save(given, folder)
    at(OTHER)
    result = save(given, folder)
    assert len(others(folder)) == 4
    for picture, colour in zip(result, COLOURS, strict=True):
        assert corner(ObjectStoragePath(picture["uri"]).read_bytes()) == colour
        assert re.search(rf"/17_{picture['index']}=[0-9a-f]{{12}}\.png$", picture["uri"])


@pytest.mark.parametrize("template", ["{id}{index}", "{action}{id}_{index}", "{id}_{index}"])
def test_whatever_makes_two_names_the_same(images, folder, at, template):
    """An id that ends as another one's index; and with files that don't tell letters apart, any id."""
    save(told(images, "picture", id="171"), folder, name=template)
    wrong = history(folder, names(folder)[0]) | {"id": "1"}
    (folder / names(folder)[1]).write_text(json.dumps(wrong))
    save(told(images, images.body(FORMER), id="171"), folder, name=template)
    assert len(names(folder)) == 4
    assert PICTURE in contents(folder).values()


# What was saved is given back when a link is dead.


def dead(images: Site, gateway: Site, folder: Path, **more: Any) -> list[dict[str, Any]]:
    gateway.fetched = told(images, "status/404", **more)
    return save(gateway.fetched, folder)


def test_only_what_was_saved_of_the_same_gateway_is_given_back(images, gateway, folder, connect, at):
    save(told(images, "picture"), folder)
    connect(gateway.url(""), allow_private_image_hosts=True)
    with pytest.raises(AirflowFailException, match="is gone"):
        dead(images, gateway, folder)
    own = save(told(images, images.body(FORMER)), folder)
    assert dead(images, gateway, folder) == own
    assert own[0]["uri"].endswith(others(folder)[0])


def test_only_what_was_saved_of_the_same_time_is_given_back(images, gateway, folder, connect):
    connect(gateway.url(""), allow_private_image_hosts=True)
    first = save(told(images, "picture", submitTime=MAY), folder)
    with pytest.raises(AirflowFailException, match="is gone"):
        dead(images, gateway, folder, submitTime=JUNE)
    second = save(told(images, images.body(FORMER), submitTime=JUNE), folder)
    assert dead(images, gateway, folder, submitTime=MAY) == first
    assert dead(images, gateway, folder, submitTime=JUNE) == second


@pytest.mark.parametrize("lacks", [("gateway",), ("submitTime",), ("gateway", "submitTime")])
@pytest.mark.parametrize("empty", [True, False])
def test_a_history_that_tells_nothing_counts_as_this_tasks(images, gateway, folder, connect, lacks, empty):
    connect(gateway.url(""), allow_private_image_hosts=True)
    first = save(told(images, "picture", submitTime=MAY), folder)
    text = history(folder)
    for key in lacks:
        text |= {key: None}
        if not empty:
            del text[key]
    (folder / "17_0.png.json").write_text(json.dumps(text))
    assert dead(images, gateway, folder, submitTime=MAY) == first
    save(told(images, images.body(FORMER), submitTime=MAY), folder)
    assert names(folder) == ["17_0.png", "17_0.png.json"]
    assert (folder / "17_0.png").read_bytes() == FORMER
    assert history(folder)["submitTime"] == MAY


@pytest.mark.parametrize(
    ("told_there", "is_another"),
    [
        ({"id": "17", "gateway": ONE, "submitTime": MAY}, False),
        ({"id": "17", "gateway": ONE, "submitTime": JUNE}, True),
        ({"id": "17", "gateway": OTHER, "submitTime": MAY}, True),
        ({"id": "18", "gateway": ONE, "submitTime": MAY}, True),
        ({"id": "17"}, False),
        ({"gateway": OTHER}, True),
        ({}, False),
        ({"id": 18, "gateway": [OTHER], "submitTime": 5}, False),
        ({"id": "", "gateway": None, "submitTime": False}, False),
    ],
)
def test_what_a_history_tells(told_there, is_another):
    assert is_of_another(told_there, Task(id="17", submit_time=MAY), ONE) is is_another


def test_a_gateway_that_tells_no_time_is_told_by_its_name_alone():
    assert not is_of_another({"gateway": ONE, "submitTime": MAY}, Task(id="17"), ONE)
    assert is_of_another({"gateway": ONE, "submitTime": MAY}, Task(id="17"), OTHER)


# A file without a history is what a process of an earlier release has left that was killed, or nobody's.


def test_a_file_without_a_history_is_replaced_as_before(images, folder, at):
    folder.mkdir(parents=True)
    (folder / "17_0.png").write_bytes(FORMER)
    save(told(images, "picture"), folder)
    assert (folder / "17_0.png").read_bytes() == PICTURE
    assert names(folder) == ["17_0.png", "17_0.png.json"]


@pytest.mark.parametrize("again", [ONE, OTHER])
def test_who_is_killed_between_history_and_file_has_taken_the_name(images, folder, at, monkeypatch, again):
    genuine = os.replace

    def replace(source: str, target: str) -> None:
        if target.endswith(".png"):
            raise KeyboardInterrupt
        genuine(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            save(told(images, "picture"), folder)
    assert names(folder) == ["17_0.png.json"]
    at(again)
    (picture,) = save(told(images, "picture"), folder)
    assert (len(others(folder)) == 1) == (again == OTHER)
    at(ONE)
    save(told(images, "picture"), folder)
    assert history(folder)["gateway"] == ONE
    assert (folder / "17_0.png").read_bytes() == PICTURE
    assert picture["sha256"] == history(folder)["sha256"]


def test_what_breaks_off_leaves_no_history(images, folder, at):
    with pytest.raises(RuntimeError):
        save(told(images, "part/told"), folder)
    assert names(folder) == []


# What can't be known is not overwritten.


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_a_history_that_can_not_be_read_now_is_not_taken_for_none(images, folder, at, monkeypatch, number):
    save(told(images, "picture"), folder)
    before = contents(folder)
    genuine = os.open

    def open_(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if str(path).endswith(".png.json") and not flags & os.O_CREAT:
            raise OSError(number, "not now")
        return genuine(path, flags, *more, **named)

    at(OTHER)
    monkeypatch.setattr(stores.os, "open", open_)
    with pytest.raises(RuntimeError, match=r"17_0.png can't be written.*not now"):
        save(told(images, images.body(FORMER)), folder)
    assert contents(folder) == before


def test_where_both_names_are_taken_nothing_is_overwritten(images, folder, at):
    save(told(images, "picture"), folder)
    at(OTHER)
    save(told(images, images.body(FORMER)), folder)
    (name,) = others(folder)
    text = history(folder, name) | {"gateway": "third.example"}
    (folder / f"{name}.json").write_text(json.dumps(text))
    before = contents(folder)
    with pytest.raises(RuntimeError, match="is that of another task as well"):
        save(told(images, images.body(FORMER)), folder)
    assert contents(folder) == before


# Names.


@pytest.mark.parametrize("mj_task_id", ["17", "9" * 300, "a/b", "Ä" * 90])
@pytest.mark.parametrize("template", ["{id}_{index}", "x" * 90 + "{id}_{index}{action}"])
def test_an_own_name_is_one_of_its_own_and_fits_a_file_system(mj_task_id, template):
    found = set()
    for time in (MAY, JUNE, None):
        for host in (ONE, OTHER):
            for index in range(5):
                one = Task(id=mj_task_id, action="Y" * 64, submit_time=time)
                name = file_name(template, one, index, "webp")
                found |= {name, own_name(name, one, host)}
                assert own_name(name, one, host) == own_name(name, one, host)
    assert len(found) == 5 + 2 * 3 * 5
    assert all(len(f".{name}.json.{'0' * 16}.part") <= 255 for name in found)
    assert all(re.fullmatch(r"[A-Za-z0-9._=-]+", name) for name in found)


# In a bucket.


def test_a_bucket_keeps_both_as_well(images, bucket, at):
    save(told(images, "picture"), bucket.url("kept"))
    at(OTHER)
    (second,) = save(told(images, images.body(FORMER)), bucket.url("kept"))
    once = bucket.objects()
    assert len(once) == 4
    assert once["kept/17_0.png"] == PICTURE
    assert once["kept/" + second["uri"].rpartition("/")[2]] == FORMER
    assert save(told(images, images.body(FORMER)), bucket.url("kept")) == [second]
    assert bucket.objects() == once


def test_a_bucket_that_shows_no_list_says_403_of_what_is_not_there(images, bucket, at, monkeypatch):
    storage = ObjectStoragePath(bucket.url()).fs
    genuine = storage.open

    def open_(path: str, mode: str = "rb", **more: Any) -> Any:
        try:
            return genuine(path, mode, **more)
        except FileNotFoundError:
            raise PermissionError("Forbidden") from None

    monkeypatch.setattr(storage, "open", open_)
    save(told(images, "picture"), bucket.url())
    assert sorted(bucket.objects()) == ["17_0.png", "17_0.png.json"]
    at(OTHER)
    save(told(images, images.body(FORMER)), bucket.url())
    assert bucket.objects()["17_0.png"] == PICTURE
