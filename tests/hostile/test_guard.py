"""The guard itself: it lets nothing out, and what it refuses can't be swallowed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hostile import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def attempts() -> Iterator[list[str]]:
    """What was tried; here it is meant to be."""
    yield guard.attempts
    guard.attempts.clear()


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


async def by_asyncio() -> None:
    await asyncio.open_connection("93.184.216.34", 80)


OUT: list[Callable[[], Any]] = [
    lambda: socket.socket().connect(("93.184.216.34", 80)),
    lambda: socket.socket().connect_ex(("10.0.0.1", 80)),
    lambda: socket.socket().connect(("169.254.169.254", 80)),
    lambda: socket.socket().connect(("0.0.0.0", 80)),
    lambda: socket.socket().connect(("pictures.example", 80)),
    lambda: socket.socket(socket.AF_INET6).connect(("2606::1", 80)),
    lambda: socket.socket(socket.AF_INET6).connect(("::ffff:10.0.0.1", 80)),
    lambda: udp().sendto(b"x", ("93.184.216.34", 53)),
    lambda: udp().sendto(b"x", 0, ("93.184.216.34", 53)),
    lambda: udp().sendmsg([b"x"], [], 0, ("93.184.216.34", 53)),
    lambda: socket.create_connection(("93.184.216.34", 80)),
    lambda: socket.getaddrinfo("pictures.example", 80),
    lambda: socket.gethostbyname("pictures.example"),
    lambda: requests.get("http://pictures.example/", timeout=1),
    lambda: requests.get("http://93.184.216.34/", timeout=1),
    lambda: asyncio.run(by_asyncio()),
]


@pytest.mark.parametrize("go", OUT)
def test_nothing_leaves_this_machine(attempts, go):
    with pytest.raises(guard.LeftThisMachineError):
        go()
    assert len(attempts) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"])
def test_this_machine_is_allowed(attempts, host):
    assert guard.is_here((host, 80))
    assert socket.getaddrinfo(host, 80)
    assert guard.is_here("/run/some.socket")
    assert not attempts


@pytest.mark.parametrize("through", [socket.socket.connect, socket.socket.connect_ex])
def test_a_stand_in_is_told_where_to(through):
    told: list[Any] = []
    with guard.outside(lambda _, address: told.append(address)), socket.socket() as sock:
        try:
            result = through(sock, ("93.184.216.34", 80))
        except ConnectionRefusedError:
            result = None
    assert result != 0
    assert told == [("93.184.216.34", 80)]
    assert not guard.attempts


def test_a_test_that_swallows_it_fails_all_the_same(request):
    assert "stay_here" in request.fixturenames
    fixture = guard.stay_here()
    next(fixture)
    with contextlib.suppress(BaseException):
        socket.create_connection(("93.184.216.34", 80))
    with pytest.raises(AssertionError, match="93.184.216.34"):
        next(fixture)
    assert not guard.attempts
