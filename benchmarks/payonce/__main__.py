"""The kill test: ``python -m benchmarks.payonce [DIALECT ...]``.

Kills imagine tasks of a real Airflow at every point and lets their retries run. It fails when one was paid
twice, when a picture that was paid for and known is lost, or when a case ends in any other way than it must.
"""

from __future__ import annotations

import shutil
import sys
import time

from airflow_provider_mj.sandbox import DIALECTS
from benchmarks.payonce.cases import cases
from benchmarks.payonce.instance import CLONE
from benchmarks.payonce.report import publish
from benchmarks.payonce.running import run

HOME = CLONE / ".cache" / "payonce"


def main(dialects: list[str]) -> int:
    """Run the cases of some dialects, print and write the results, and return the exit status."""
    began_at = time.monotonic()
    shutil.rmtree(HOME, ignore_errors=True)
    wrong = publish(run(cases(dialects), HOME), time.monotonic() - began_at)
    print("\n".join(wrong) or "Nothing was paid twice, no picture was lost.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(DIALECTS)))
