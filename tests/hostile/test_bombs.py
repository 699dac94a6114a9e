"""Bombs are refused in no time and memory, by whatever way they come in; honest pictures are not."""

from __future__ import annotations

import gc
import logging
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pictures import BOMBS, DECODED, LARGEST, MIB, Bomb

from airflow_provider_mj.gateway.download import Stream
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.images import ImageInputError, data_uri
from airflow_provider_mj.keeping.decoder import Decoder
from airflow_provider_mj.keeping.keeper import Keeper
from airflow_provider_mj.keeping.media import BadPictureError
from airflow_provider_mj.keeping.sources import Split
from airflow_provider_mj.keeping.storing import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nothing of Airflow is in it: once is enough.
pytestmark = [pytest.mark.wire, pytest.mark.computes]

SECONDS, MEMORY = 1.0, 200 * MIB
PIECE = 65536
TICKS = os.sysconf("SC_CLK_TCK")


def status(name: str, pid: object = "self") -> int:
    """Give a figure of a process in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def computed(pid: int) -> float:
    """Give the seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Cost:
    """What it takes, here and in the process that decodes; that it has come to no end is part of it.

    Seconds are those of computing: those of the clock are others' as well.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        decoder._ready()
        self._process = decoder._process
        gc.collect()
        for pid in ("self", self._pid):
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._memory = status("VmRSS")
        self._its_memory, self._began = status("VmRSS", self._pid), computed(self._pid) + time.process_time()

    @property
    def _pid(self) -> int:
        assert self._process is not None
        assert self._decoder._process is self._process
        assert self._process.poll() is None
        return self._process.pid

    @property
    def seconds(self) -> float:
        return computed(self._pid) + time.process_time() - self._began

    @property
    def memory(self) -> int:
        return max(status("VmHWM") - self._memory, status("VmHWM", self._pid) - self._its_memory)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as one:
        yield one


def keeper(data: bytes, folder: Path, split: Split, decoder: Decoder) -> Keeper:
    """Give a keeper to whom every link is this picture."""

    @contextmanager
    def stream(url: str, *, max_bytes: int, timeout: float) -> Iterator[Stream]:
        chunks = (data[place : place + PIECE] for place in range(0, len(data), PIECE))
        yield Stream("image/png", chunks)

    settings: Any = SimpleNamespace(
        gateway="gateway.example", base_url="https://gateway.example", image_host=None
    )
    downloader: Any = SimpleNamespace(stream=stream)
    return Keeper(
        folder=Folder.at(str(folder)),
        settings=settings,
        downloader=downloader,
        fetch_task=lambda _: pytest.fail("the gateway was asked"),
        log=logging.getLogger(),
        split=split,
        name="{id}_{index}",
        max_bytes=LARGEST,
        timeout=10,
        decoder=decoder,
    )


TASK = Task.from_wire({"id": "17", "status": "SUCCESS", "imageUrl": "https://cdn.example/a.png"})
PASSING = {name: bomb for name, bomb in BOMBS.items() if bomb.shows_when != DECODED}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=list(BOMBS))
def test_a_grid_that_is_a_bomb_is_refused_at_once(bomb: Bomb, tmp_path, decoder):
    one = keeper(bomb.make(), tmp_path, Split.ALWAYS, decoder)
    cost = Cost(decoder)
    with pytest.raises(BadPictureError, match="task 17, picture https://cdn.example/a.png: .{20}"):
        one.keep(TASK)
    assert cost.seconds < SECONDS
    assert cost.memory < MEMORY
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bomb", PASSING.values(), ids=list(PASSING))
def test_a_picture_that_is_a_bomb_is_not_saved_either(bomb: Bomb, tmp_path, decoder):
    one = keeper(bomb.make(), tmp_path, Split.AUTO, decoder)
    cost = Cost(decoder)
    with pytest.raises(BadPictureError, match="task 17"):
        one.keep(TASK)
    assert cost.seconds < SECONDS
    assert cost.memory < MEMORY
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=list(BOMBS))
def test_a_reference_picture_that_is_a_bomb_is_refused_at_once(bomb: Bomb, decoder):
    data = bomb.make()
    cost = Cost(decoder)
    with pytest.raises(ImageInputError, match=f"^{len(data)} bytes: .{{20}}"):
        data_uri(data, max_side=16, max_bytes=LARGEST, decoder=decoder)
    assert cost.seconds < SECONDS
    assert cost.memory < MEMORY
