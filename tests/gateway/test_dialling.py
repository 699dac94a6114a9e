from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from airflow_provider_mj.gateway.dialling import connect, in_time, resolve


class Late:
    """Something that is got too late, and has to be closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()


def test_what_comes_in_time_is_returned_or_raised():
    assert in_time(lambda: 17, 5) == 17

    def fail(error: BaseException) -> None:
        raise error

    for error in (KeyError("x"), TimeoutError("its own"), socket.gaierror(-2, "x")):
        with pytest.raises(type(error), match=str(error.args[-1])):
            in_time(lambda error=error: fail(error), 5)


def test_what_comes_too_late_is_discarded():
    late, release = Late(), threading.Event()

    def work() -> Late:
        release.wait(20)
        return late

    with pytest.raises(TimeoutError):
        in_time(work, 0.01, discard=lambda one: one.closed.set())
    assert not late.closed.is_set()
    release.set()
    assert late.closed.wait(20)


def test_an_address_needs_no_thread(monkeypatch):
    def no_thread(*args: Any, **kwargs: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(threading, "Thread", no_thread)
    assert resolve("[::1]", 80, 5)[0][3][:2] == ("::1", 80)
    assert resolve("127.0.0.1", 80, 5)[0][3] == ("127.0.0.1", 80)


def test_without_threads_there_is_no_connection(monkeypatch):
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(OSError, match="no thread"):
        resolve("localhost", 80, 5)


def test_connections_that_fail_leave_no_socket_open(monkeypatch, outside):
    made: list[socket.socket] = []
    genuine = socket.socket

    def note(*args: Any, **kwargs: Any) -> socket.socket:
        made.append(genuine(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(socket, "socket", note)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, (f"93.184.216.{one}", 80)) for one in range(3)]
    with pytest.raises(ConnectionRefusedError):
        connect(found, lambda: 5.0)
    assert [host for host, _ in outside] == [f"93.184.216.{one}" for one in range(3)]
    assert [one.fileno() for one in made] == [-1] * 3


def test_addresses_share_the_time_and_the_last_gets_the_rest():
    given: list[float | None] = []

    class Noting(socket.socket):
        def connect(self, address: Any) -> None:
            given.append(self.gettimeout())
            raise TimeoutError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", Noting)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, ("127.0.0.1", 9))] * 6
        with pytest.raises(TimeoutError):
            connect(found, lambda: 12.0)
    assert given == [3.0, 3.0, 3.0, 4.0, 6.0, 12.0]
