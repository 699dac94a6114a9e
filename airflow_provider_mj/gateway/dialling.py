"""From a host's name to a connected socket, within a time limit that nothing outlasts."""

from __future__ import annotations

import ipaddress
import socket
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from urllib3.util.connection import allowed_gai_family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Found = tuple[socket.AddressFamily, socket.SocketKind, int, tuple[Any, ...]]
"""What a socket is made of, and the address that it connects to."""

T = TypeVar("T")

# Of the time that is left, an address gets at least this part, so that dead ones don't starve those behind.
_SHARES = 4


def in_time(work: Callable[[], T], seconds: float, discard: Callable[[T], object] = lambda _: None) -> T:
    """Return what some work returns, or give it up: looking up a name can't be interrupted.

    :param work: runs in a thread of its own, which ends by itself if it is given up.
    :param seconds: how long to wait for it.
    :param discard: called with a result that comes too late.
    :raises TimeoutError: when it has not ended in time.
    :raises Exception: what the work raises.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 (it is raised again where the result is waited for)
            with suppress(InvalidStateError):
                outcome.set_exception(error)
            return
        try:
            outcome.set_result(result)
        except InvalidStateError:
            discard(result)

    try:
        threading.Thread(target=run, name="mj-dialling", daemon=True).start()
    except RuntimeError as error:
        raise OSError(f"no thread can be started: {error}") from None
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.cancel():
            raise TimeoutError("it did not end in time") from None
        return outcome.result()


def resolve(host: str, port: int, seconds: float) -> list[Found]:
    """Look up the addresses of a host.

    :param host: a name or an address, an IPv6 one with or without brackets.
    :param port: the port that the addresses get.
    :param seconds: the time limit.
    :raises socket.gaierror: when there is no such host.
    :raises UnicodeError: when the name is none.
    :raises TimeoutError: when no answer came in time.
    """
    name = host.strip("[]")
    if name.lower() == "localhost.":  # not every resolver knows it with the dot
        name = "localhost"

    def look_up() -> list[Any]:
        return socket.getaddrinfo(name, port, allowed_gai_family(), socket.SOCK_STREAM)

    name.encode("idna")  # names that are none make no look-up
    found = look_up() if _is_address(name) else in_time(look_up, seconds)
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def connect(
    addresses: Sequence[Found],
    seconds_left: Callable[[], float],
    *,
    options: Iterable[tuple[Any, ...]] = (),
    source: tuple[str, int] | None = None,
) -> socket.socket:
    """Connect to the first address that answers.

    :param addresses: where to; tried in this order, those that don't answer share the time.
    :param seconds_left: gives the time that is left for all of them; raises ``TimeoutError`` if none is.
    :param options: of the socket, as ``setsockopt`` takes them.
    :param source: the address and port of this machine to connect from.
    :raises OSError: what the last address failed with.
    """
    failure: OSError = OSError("the name has no address")
    for place, (family, kind, protocol, address) in enumerate(addresses):
        share = seconds_left() / min(len(addresses) - place, _SHARES)
        connection = socket.socket(family, kind, protocol)
        try:
            for option in options:
                connection.setsockopt(*option)
            connection.settimeout(share)
            if source:
                connection.bind(source)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failure
