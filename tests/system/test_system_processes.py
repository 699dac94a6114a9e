from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tools.processes import free_port, is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

CLONE = Path(__file__).resolve().parents[2]
# Like a component of Airflow: it has a child in a process group of its own.
COMPONENT = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.{term})
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
os.write(1, f"{{os.getpid()}}\\n".encode())
time.sleep(60)
"""
PARENT = """
import os, sys, time
from pathlib import Path
from tools.processes import ProcessSet
processes = ProcessSet(os.environ, Path(sys.argv[1]))
processes.start("component", [sys.executable, "-c", sys.argv[2]])
deadline = time.monotonic() + 20
while len(processes.log("component").read_text().split()) < 2:
    if time.monotonic() > deadline:
        sys.exit("the component did not start")
    time.sleep(0.05)
print("started", flush=True)
sys.stdin.read()
processes.close()
print("closed", flush=True)
"""


@pytest.fixture
def parent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has started a component; the parameter is how the component takes SIGTERM."""
    command = [sys.executable, "-c", PARENT, str(tmp_path), COMPONENT.format(term=request.param)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CLONE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def component(tmp_path: Path) -> list[int]:
    return [int(pid) for pid in (tmp_path / "component.log").read_text().split()]


def alive(tmp_path: Path) -> list[int]:
    return [pid for pid in component(tmp_path) if is_alive(pid)]


@pytest.mark.parametrize("parent", ["SIG_DFL"], indirect=True)
def test_closing_ends_every_process_whatever_its_group(parent: subprocess.Popen[str], tmp_path: Path) -> None:
    assert len(alive(tmp_path)) == 2
    assert parent.communicate(timeout=30)[0] == "closed\n"
    assert not any(psutil.pid_exists(pid) for pid in component(tmp_path))


@pytest.mark.parametrize("parent", ["SIG_IGN"], indirect=True)
def test_nothing_survives_a_parent_that_is_killed(parent: subprocess.Popen[str], tmp_path: Path) -> None:
    assert len(alive(tmp_path)) == 2
    parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while alive(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive(tmp_path) == []


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen()
