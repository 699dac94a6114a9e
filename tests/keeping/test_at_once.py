"""Two that save into one folder at once, each a task of the same id."""

from __future__ import annotations

import errno
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator, ObjectStoragePath
from drawn import FORMER, PICTURE, chunk
from sites import told
from test_same_ids import JUNE, MAY, ONE, OTHER, at, history
from test_saving import names, save

from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.keeping.claims import Claim
from airflow_provider_mj.keeping.storing import Folder, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["at"]  # a fixture


class Told:
    """Half a picture, then something else, then the other half."""

    def __init__(self, data: bytes, between: Callable[[], object]) -> None:
        self.data, self.between = data, between

    def __iter__(self) -> Any:
        half = len(self.data) // 2
        yield self.data[:half]
        self.between()
        yield self.data[half:]


def write(folder: Path, gateway: str, chunks: Any, time: str = MAY) -> dict[str, Any]:
    one = Task(id="17", submit_time=time)
    claim = Claim(Folder.at(str(folder)), one, gateway, "17_0.png", logging.getLogger(__name__))
    return claim.write(chunks, "image/png", lambda written: {"uri": written.uri, "sha256": written.sha256})


def test_the_log_says_which_name_a_picture_got_and_why(folder, caplog):
    write(folder, ONE, [PICTURE])
    assert caplog.text == ""
    picture = write(folder, OTHER, [FORMER])
    assert f"file://{folder}/17_0.png is a picture of another task" in caplog.text
    assert f"that of task 17 is saved as {picture['uri'].rpartition('/')[2]}" in caplog.text


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("later", [(OTHER, MAY), (ONE, JUNE)])
def test_two_tasks_of_one_id_at_once_have_both_their_pictures(folder, monkeypatch, later, links):
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    ends: list[dict[str, Any]] = []

    def between() -> None:
        ends.append(write(folder, later[0], [FORMER], time=later[1]))

    first = write(folder, ONE, Told(PICTURE, between))
    for picture, data in ((first, PICTURE), (ends[0], FORMER)):
        name = picture["uri"].rpartition("/")[2]
        assert (folder / name).read_bytes() == data
        assert history(folder, name)["sha256"] == picture["sha256"]
    assert len(names(folder)) == 4
    assert ends[0]["uri"].endswith("/17_0.png"), "who is whole first has the name"


def no_links(source: str, target: str) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_many_at_once_have_all_their_pictures(folder):
    hosts = [f"{number}.example" for number in range(8)]
    ready, ends = threading.Barrier(len(hosts)), {}

    def run(host: str) -> None:
        ends[host] = write(folder, host, Told(host.encode() * 1000, ready.wait))

    threads = [threading.Thread(target=run, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({picture["uri"] for picture in ends.values()}) == len(hosts)
    for host, picture in ends.items():
        name = picture["uri"].rpartition("/")[2]
        assert (folder / name).read_bytes() == host.encode() * 1000
        assert history(folder, name)["gateway"] == host
    assert len(names(folder)) == 2 * len(hosts)


def test_the_same_task_at_once_is_as_before(folder):
    """As when Airflow has given up a task whose process still lives: the later one's stays."""
    with pytest.raises(StorageError, match="17_0.png can't be written"):
        write(folder, ONE, Told(PICTURE, lambda: write(folder, ONE, [FORMER])))
    assert names(folder) == ["17_0.png", "17_0.png.json"]
    assert (folder / "17_0.png").read_bytes() == FORMER
    assert history(folder)["gateway"] == ONE


def save_as_worker(given: Any, folder: Path) -> Any:
    """Save in a thread: Airflow 2 lets operators run only in the one that has imported it."""
    if BaseOperator.__module__.startswith("airflow.models"):
        from airflow.models.baseoperator import ExecutorSafeguard

        ExecutorSafeguard._sentinel.callers = {}
    return save(given, folder)


def test_what_another_task_writes_just_now_is_not_taken_for_a_leftover(images, folder, at):
    data = PICTURE[:-12] + chunk(b"npAD", bytes(2 * 1024 * 1024)) + PICTURE[-12:]
    images.release.clear()
    given = told(images, f"held/{images.body(data).removeprefix('body/')}")
    ends: list[Any] = []
    thread = threading.Thread(target=lambda: ends.append(save_as_worker(given, folder)))
    thread.start()
    assert images.half_sent.wait(20)
    at(OTHER)
    save(told(images, "picture"), folder)
    images.release.set()
    thread.join(20)
    ((picture,),) = ends
    assert ObjectStoragePath(picture["uri"]).read_bytes() == data
    assert len(names(folder)) == 4
