"""Servers of benchmarks, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def served(module: str, argument: str) -> Iterator[str]:
    """Run a server whose CPU time and memory are nobody's cost, and give its address.

    :param module: what to run; it prints its port.
    :param argument: what it is told.
    """
    command = [sys.executable, "-m", module, argument]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline() if process.stdout else ""
            yield f"http://127.0.0.1:{int(port)}"
        finally:
            process.terminate()
