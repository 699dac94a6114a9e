"""What saving pictures costs: ``python -m benchmarks.images``.

Each contestant saves the same pictures from the same host, in a fresh process, one after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.images.report import Cost, publish
from benchmarks.images.savers import LOOP, OURS, QUARTERS, SAVERS, connection
from benchmarks.serving import served

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 2 * 1024 * 1024
TURNS = 5
_MIB = 1024 * 1024
_PATIENCE = 300.0


@dataclass(frozen=True)
class Case:
    """A contestant, and what it saves.

    :param pictures: how many.
    :param delay: milliseconds until the host answers.
    """

    saver: str
    pictures: int = 200
    delay: int = 0

    @property
    def files(self) -> int:
        """How many pictures have to be there afterwards."""
        return self.pictures * 4 if self.saver == QUARTERS else self.pictures


CASES = (
    *(Case(saver) for saver in SAVERS if saver != QUARTERS),
    *(Case(saver, pictures=50, delay=50) for saver in (OURS, LOOP)),
    Case(QUARTERS, pictures=50),
)


class InvalidRunError(RuntimeError):
    """A contestant did not save all pictures, so that its costs say nothing."""


def run(case: Case, url: str, size: int, folder: Path) -> dict[str, Any]:
    """Let one contestant save its pictures.

    :param url: address of the host.
    :param size: of a picture in bytes.
    :param folder: an empty one; the files in it are emptied.
    :returns: what :func:`.measure` gives.
    :raises InvalidRunError: when there are not as many files as there have to be, each of that size.
    """
    command = [sys.executable, "-m", "benchmarks.images.measure", case.saver, f"{case.pictures}"]
    environ = os.environ | connection(url) | {"NO_PROXY": "127.0.0.1"}
    environ |= {"AIRFLOW_HOME": f"{folder.parent}", "_AIRFLOW_PROCESS_CONTEXT": "client"}
    shown = subprocess.run(
        [*command, f"{case.delay}", url, f"{folder}"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_PATIENCE,
        check=True,
    )
    files = list(folder.glob("*.png"))
    check(case, [file.stat().st_size for file in files], size)
    for file in files:
        # Not removed: ext4 searches longer for the place of a new file, the more were removed of late.
        os.truncate(file, 0)
    measured: dict[str, Any] = json.loads(shown.stdout.splitlines()[-1])
    return measured


def check(case: Case, found: Sequence[int], size: int) -> None:
    """Refuse a run that has not saved everything.

    :param found: sizes of the files in bytes; quarters may have any.
    :raises InvalidRunError: when it has not.
    """
    whole = found if case.saver == QUARTERS else [one for one in found if one == size]
    if len(found) != case.files or len(whole) != case.files:
        raise InvalidRunError(f"{case.saver} saved {len(whole)} whole pictures of {case.files}")


def measure_all(cases: Sequence[Case], turns: int, size: int) -> list[Cost]:
    """Run every case once in each turn, the other way round every other time."""
    found: dict[Case, list[dict[str, Any]]] = defaultdict(list)
    with served("benchmarks.images.host", str(size)) as url, tempfile.TemporaryDirectory() as root:
        for turn in range(turns):
            for case in cases[:: -1 if turn % 2 else 1]:
                folder = Path(tempfile.mkdtemp(dir=root))
                found[case].append(run(case, url, size, folder))
                print(f"turn {turn + 1}: {case}: {found[case][-1]['seconds']:.2f} s", flush=True)
    return [cost(case, found[case]) for case in cases]


def cost(case: Case, measured: Sequence[dict[str, Any]]) -> Cost:
    """Put together what the processes of one contestant measured."""
    return Cost(
        saver=case.saver,
        pictures=case.pictures,
        delay=case.delay,
        seconds=tuple(round(one["seconds"], 3) for one in measured),
        cpu_seconds=tuple(round(one["cpu"], 3) for one in measured),
        baseline_mib=tuple(round(one["baseline"] / _MIB, 1) for one in measured),
        growth_mib=tuple(round(one["growth"] / _MIB, 1) for one in measured),
    )


if __name__ == "__main__":
    publish(measure_all(CASES, TURNS, SIZE), SIZE)
