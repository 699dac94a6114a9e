"""Attack operators for as long as one likes: ``python tests/attack/attack.py --seconds 1200``."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-provider-mj-"))

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import COUNTS, Attack, BrokenError

FOLDER = Path(__file__).parent.parent.parent / ".cache" / "attack"
hypothesis.configuration.set_hypothesis_home_dir(FOLDER / "hypothesis")
_COURSES, _STEPS = 40, 40


def attack(seconds: float, seed: int, *, shrinks: bool = True) -> Exception | None:
    """Run courses until the time is up, or one breaks what must hold.

    :param seconds: how long.
    :param seed: of the first courses; the next ones have the next.
    :param shrinks: whether to look for the shortest course that breaks the same.
    :returns: what was broken, with the course in its notes; None for nothing.
    """
    over_at = time.monotonic() + seconds
    while time.monotonic() < over_at:
        try:
            _some_courses(seed, shrinks=shrinks)
        except (BrokenError, Exception) as error:  # noqa: BLE001 (any error here is a finding)
            return error
        seed += 1
    return None


def _some_courses(seed: int, *, shrinks: bool) -> None:
    phases = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
    run_state_machine_as_test(
        hypothesis.seed(seed)(Attack),
        settings=settings(
            max_examples=_COURSES,
            stateful_step_count=_STEPS,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def main() -> int:
    """Attack, and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--quick", action="store_true", help="show the first broken course as it is")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    given = parser.parse_args()
    broken = attack(given.seconds, given.seed, shrinks=not given.quick)
    print(f"seed {given.seed}: {COUNTS['courses']} courses, {COUNTS['steps']} steps, {COUNTS['tries']} tries")
    if broken is None:
        print("nothing was broken")
        return 0
    print(f"BROKEN: {broken!r}", *getattr(broken, "__notes__", []), sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
