"""Background processes that surely end: each in a session of its own, all of them watched by a guardian."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from tools import guardian

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from pathlib import Path

# Below the ranges that systems hand out for outgoing connections, so a port found free stays free.
PORTS = range(20_000, 30_000)
TAIL_LINES = 25
PR_SET_CHILD_SUBREAPER = 36
END_SECONDS = 2 * (guardian.TERM_SECONDS + guardian.KILL_SECONDS)


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listens on.

    :raises OSError: when none of the tried ones is free.
    """
    for port in random.sample(PORTS, k=50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise OSError("found no free port on 127.0.0.1")


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie is dead and only waits for its parent."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def adopt_orphans() -> None:
    """Become the parent of processes that lose theirs, on Linux; elsewhere init is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury(sessions: Container[int]) -> None:
    """Take the exit status of adopted processes, so that they do not stay in the process table."""
    for child in psutil.Process().children():
        with contextlib.suppress(OSError):
            if os.getsid(child.pid) in sessions:
                os.waitpid(child.pid, os.WNOHANG)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log file under a heading, for a message about a failure."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join([f"--- end of {log}", *text.splitlines()[-lines:]])


class ProcessSet:
    """Processes that were started together and end together.

    :param environment: the whole environment of the processes.
    :param log_folder: where the output of each process is kept, as ``NAME.log``.
    """

    def __init__(self, environment: Mapping[str, str], log_folder: Path) -> None:
        self._environment = dict(environment)
        self._log_folder = log_folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        adopt_orphans()
        read_end, self._pipe = os.pipe()
        command = [sys.executable, guardian.__file__]
        self._guardian = subprocess.Popen(command, stdin=read_end, start_new_session=True)
        os.close(read_end)

    def log(self, name: str) -> Path:
        """Return the file with the output of a process."""
        return self._log_folder / f"{name}.log"

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process in the background."""
        with self.log(name).open("wb") as output:
            process = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.write(self._pipe, f"{process.pid}\n".encode())
        self._processes[name] = process

    def dead(self) -> list[str]:
        """Return the names of processes that have ended although nobody asked them to."""
        return [name for name, process in self._processes.items() if process.poll() is not None]

    def logs(self) -> list[Path]:
        """Return the logs of the processes that should be running."""
        return [self.log(name) for name in self._processes]

    def close(self) -> None:
        """End all processes and everything that they started; return when they are gone."""
        os.close(self._pipe)
        for process in (self._guardian, *self._processes.values()):
            process.wait(END_SECONDS)
        bury([process.pid for process in self._processes.values()])
