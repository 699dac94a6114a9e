"""The machine: makes hostile answers, gives them to every call, and shrinks what should not have happened.

``python tests/hostile/fuzz.py --seconds 600`` looks for as long as one likes; ``--replay FILE`` serves again
what was found before. A part of it runs with the tests.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-provider-mj-"))
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # everything here is on this machine
sys.path.append(str(Path(__file__).parent.parent / "provider"))

import hypothesis
from drives import ACTIONS, Drive
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from invariants import Finding
from mutations import Exchange, exchanges
from raw_server import RawServer

FOLDER = Path(__file__).parent.parent.parent / ".cache" / "fuzz"
hypothesis.configuration.set_hypothesis_home_dir(FOLDER / "hypothesis")
_SHRINKING = 12.0
_EXAMPLES = 2000
_SHOWN = 900


@dataclass
class Found:
    """A finding, and the smallest answer that shows it."""

    finding: Finding
    exchange: Exchange
    action: str

    def report(self) -> str:
        """Say what it is, and how it is seen again."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        name = "-".join("".join(c if c.isalnum() else "-" for c in part) for part in self.finding.key)
        path = FOLDER / f"{name[:80]}.http"
        path.write_bytes(self.exchange.raw)
        return (
            f"{str(self.finding)[:_SHOWN]}\n    from {self.exchange!r}\n"
            f"    again: python tests/hostile/fuzz.py --action {self.action} --replay {path}"
        )


@dataclass
class Machine:
    """Looks for findings, each once.

    :param seconds: how long to look.
    :param examples: how many answers at most; None for as many as there is time for.
    :param seed: of everything that is random.
    """

    seconds: float
    examples: int | None = None
    seed: int = 0
    shrinking: float = _SHRINKING
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    served: int = 0
    calls: int = 0
    tasks: int = 0
    took: float = 0.0

    def run(self) -> list[Found]:
        """Look.

        :returns: what was found.
        """
        began = time.monotonic()
        end = began + self.seconds
        with RawServer() as server:
            drive = Drive(server, self.errors)
            drive.everything(b"HTTP/1.1 204 x\r\n\r\n")  # what is loaded at the first use takes longer
            number = 0
            while time.monotonic() < end and (self.examples is None or self.served < self.examples):
                self._round(drive, end, self.seed + number)
                number += 1
            self.calls, self.tasks = drive.calls, drive.tasks
        self.took = time.monotonic() - began
        return list(self.found.values())

    def _round(self, drive: Drive, end: float, seed: int) -> None:
        """Look until something new is found, and shrink it."""
        hunt = _Hunt(drive, end, self.shrinking, set(self.found))
        most = _EXAMPLES if self.examples is None else max(1, self.examples - self.served)

        @hypothesis.seed(seed)
        @settings(
            max_examples=most,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
        )
        @given(exchanges(), st.sampled_from(ACTIONS))
        def look(exchange: Exchange, action: str) -> None:
            hunt.look(exchange, action)

        try:
            look()
        except (Finding, hypothesis.errors.Flaky):
            if hunt.smallest is None:
                raise
            self.found[hunt.smallest.finding.key] = hunt.smallest
        self.served += hunt.served


@dataclass
class _Hunt:
    """Looks for one finding, and then only for smaller answers that show the same."""

    drive: Drive
    end: float
    shrinking: float
    known: set[tuple[str, str]]
    smallest: Found | None = None
    served: int = 0
    _gives_up_at: float = float("inf")
    _failing: set[bytes] = field(default_factory=set)

    def look(self, exchange: Exchange, action: str) -> None:
        now = time.monotonic()
        if self.smallest is None and now > self.end:
            return
        # Each try to shrink something slow is slow; what was seen to fail goes on failing.
        if now > self._gives_up_at and exchange.raw not in self._failing:
            return
        self.served += 1
        for finding in self.drive.everything(exchange.raw, action):
            self._note(finding, exchange, action)

    def _note(self, finding: Finding, exchange: Exchange, action: str) -> None:
        if finding.key in self.known:
            return
        if self.smallest is None:
            if finding.kind == "slow" and not self._is_slow_again(finding, exchange, action):
                return
            self._gives_up_at = time.monotonic() + self.shrinking
        elif finding.key != self.smallest.finding.key:
            return
        if self.smallest is None or len(exchange.raw) <= len(self.smallest.exchange.raw):
            self.smallest = Found(finding, exchange, action)
        self._failing.add(exchange.raw)
        raise finding

    def _is_slow_again(self, finding: Finding, exchange: Exchange, action: str) -> bool:
        """Tell what is slow from a machine that was busy."""
        return any(again.key == finding.key for again in self.drive.everything(exchange.raw, action))


def say(text: str) -> None:
    """Tell whoever runs this."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def replay(path: Path, action: str) -> int:
    """Serve an answer again.

    :param path: the file with it.
    :param action: what is submitted.
    :returns: the exit status.
    """
    with RawServer() as server:
        drive = Drive(server)
        found = drive.everything(path.read_bytes(), action)
    for finding in found:
        say(str(finding))
    say(f"{len(found)} findings; errors: {dict(drive.errors)}; the slowest step took {drive.slowest:.2f} s")
    return 1 if found else 0


def main() -> int:
    """Look, and tell.

    :returns: the exit status: 1 for a finding.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--replay", type=Path, help="an answer that was found before")
    parser.add_argument("--action", choices=ACTIONS, default="imagine")
    arguments = parser.parse_args()
    if arguments.replay:
        return replay(arguments.replay, arguments.action)
    seed = random.randrange(2**31) if arguments.seed is None else arguments.seed
    machine = Machine(arguments.seconds, seed=seed)
    say(f"looking for {arguments.seconds:.0f} s, with seed {seed}")
    found = machine.run()
    say(
        f"{machine.served} answers, {machine.calls} calls over HTTP on this machine in {machine.took:.0f} s, "
        f"{machine.tasks} tasks read and used "
        f"({machine.served / machine.took:.0f} answers a second)"
    )
    say(f"{len(machine.errors)} classes of errors: {dict(machine.errors.most_common())}")
    for number, one in enumerate(found, start=1):
        say(f"\nfound {number}: {one.report()}")
    say(f"\n{len(found)} findings" if found else "nothing was found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
