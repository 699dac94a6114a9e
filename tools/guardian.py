"""Ends the process sessions of a parent when the parent lets go, however it ends.

Reads session ids (one per line) from standard input until it is closed, then ends every process in them.
Whoever started it closes the pipe on purpose, or loses it by being killed: the result is the same.
Process groups would not do: Airflow puts each task and each parsing process into a group of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

TERM_SECONDS = 10.0
KILL_SECONDS = 5.0
STEP_SECONDS = 0.1


def is_member(process: psutil.Process, sessions: set[int]) -> bool:
    """Tell whether a process lives in one of the sessions; a zombie is dead and only waits for its parent."""
    try:
        return os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def members(sessions: set[int]) -> list[psutil.Process]:
    """Return the living processes of the sessions."""
    return [process for process in psutil.process_iter() if is_member(process, sessions)]


def leaders(sessions: set[int]) -> list[psutil.Process]:
    """Return those of the members that the parent has started itself."""
    return [process for process in members(sessions) if process.pid in sessions]


def end(
    find: Callable[[set[int]], list[psutil.Process]], sessions: set[int], number: int, seconds: float
) -> None:
    """Send a signal to the processes that ``find`` returns and wait, for a time, until it returns none."""
    for process in find(sessions):
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
    deadline = time.monotonic() + seconds
    while find(sessions) and time.monotonic() < deadline:
        time.sleep(STEP_SECONDS)


def main() -> None:
    """Collect session ids until standard input ends, then end the sessions."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sessions = {int(line) for line in sys.stdin}
    end(leaders, sessions, signal.SIGTERM, TERM_SECONDS)
    end(members, sessions, signal.SIGKILL, KILL_SECONDS)


if __name__ == "__main__":
    main()
