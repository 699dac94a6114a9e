"""One contestant in a process of its own: ``python -m benchmarks.images.measure SAVER PICTURES DELAY ...``.

What follows is the address of the host and a folder. It prints one JSON object: time, CPU, and memory.
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.images.host import WARM_UP
from benchmarks.images.savers import SAVERS

if TYPE_CHECKING:
    from collections.abc import Callable

_KIBI = 1024
_PIECE, _PIECES = 65536, 32  # of a picture


class Memory:
    """The resident memory: what it was, and the most that it has been since.

    Linux keeps the highest value itself (VmHWM), so that no peak between two samples is missed, and forgets
    it on request. `ru_maxrss` can't be used: it goes on from what the parent process had, and it has the
    peak of the imports.
    """

    def __init__(self) -> None:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self.before = _status_bytes("VmRSS")

    def growth(self) -> int:
        """Give the bytes between the beginning and the highest value since."""
        return _status_bytes("VmHWM") - self.before


def _status_bytes(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"Linux does not tell {name}")
    return int(found[1]) * _KIBI


def measure(save: Callable[[], None]) -> dict[str, Any]:
    """Give what it takes to save.

    :returns: ``seconds`` by the clock, ``cpu`` seconds, ``baseline`` and ``growth`` of the memory in bytes.
    """
    memory = Memory()
    cpu, began_at = time.process_time(), time.perf_counter()
    save()
    seconds = time.perf_counter() - began_at
    return {
        "seconds": seconds,
        "cpu": time.process_time() - cpu,
        "baseline": memory.before,
        "growth": memory.growth(),
    }


def prepare() -> None:
    """Make this process what a worker is: Airflow imported, logs in JSON at level INFO."""
    from airflow.providers.common.compat.sdk import BaseOperator  # noqa: F401 (for every contestant)

    nowhere = open(os.devnull, "wb")  # noqa: SIM115 (for the life of the process)
    # Airflow before 3.1 has another logging, which needs no preparation; no figures are published of it.
    with suppress(ImportError, TypeError):
        from airflow.sdk.log import configure_logging

        configure_logging(json_output=True, output=nowhere, sending_to_supervisor=True)


def warm_pages(folder: Path, pictures: int) -> None:
    """Write as much as will be saved, and remove it, so that the system has memory for files at hand.

    Without this, a virtual machine that has rested takes up to ten times as long to write a file, until its
    own host has found the memory for it. That would be most of what is measured.
    """
    file = folder / "pages"
    with file.open("wb") as written:
        for _ in range(pictures * _PIECES):
            written.write(bytes(_PIECE))
    file.unlink()


def main(saver: str, pictures: int, delay: int, url: str, folder: Path) -> None:
    """Measure one contestant, after it has saved one small picture, which imports what it imports late."""
    prepare()
    save = SAVERS[saver]
    (folder / WARM_UP).mkdir()
    save([f"{url}/0/{WARM_UP}.png"], folder / WARM_UP)
    warm_pages(folder, pictures)
    urls = [f"{url}/{delay}/{number}.png" for number in range(pictures)]
    print(json.dumps(measure(lambda: save(urls, folder))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5]))
