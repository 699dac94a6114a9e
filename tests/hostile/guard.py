"""A guard under the sockets of the test process: nothing leaves this machine, no name is really looked up.

A test that tries fails, even where the code under test swallows what the guard raises.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Outside = Callable[[socket.socket, Any], None]

_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex
_sendto, _sendmsg = socket.socket.sendto, socket.socket.sendmsg
_getaddrinfo, _gethostbyname = socket.getaddrinfo, socket.gethostbyname
_OWN_NAMES = {"", "localhost", "localhost.", socket.gethostname().lower()}

attempts: list[str] = []
"""What the present test tried."""
_outside: list[Outside] = []


class LeftThisMachineError(AssertionError):
    """A test would have sent something to another machine."""


def install() -> None:
    """Put the guard under all sockets of this process."""
    socket.socket.connect = _guarded_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign]
    socket.socket.sendto = _guarded_sendto  # type: ignore[assignment,method-assign]
    socket.socket.sendmsg = _guarded_sendmsg  # type: ignore[method-assign]
    socket.getaddrinfo = _guarded_getaddrinfo
    socket.gethostbyname = _guarded_gethostbyname


def stay_here() -> Iterator[None]:
    """Wait for the end of a test, and fail it if it tried to leave; the body of a fixture."""
    yield
    tried = [*attempts]
    attempts.clear()
    assert not tried, f"the test {', and '.join(tried)}"


@contextmanager
def outside(stand_in: Outside) -> Iterator[None]:
    """Let a function stand in for connecting to other machines: it raises what the network would.

    :param stand_in: called with the socket and the address.
    """
    _outside.append(stand_in)
    try:
        yield
    finally:
        _outside.remove(stand_in)


def is_here(address: Any) -> bool:
    """Tell whether an address is on the loopback interface, or no address of a network at all."""
    if not isinstance(address, tuple) or not address:
        return True
    host = str(address[0]).partition("%")[0].lower()
    return host in _OWN_NAMES or (_is_literal(host) and _loopback(host))


def _loopback(host: str) -> bool:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        ip = ipaddress.ip_address(socket.inet_aton(host))
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            socket.inet_aton(host)
        except OSError:
            return False
    return True


def _refuse(what: str) -> None:
    attempts.append(what)
    raise LeftThisMachineError(f"a test {what}: fake the resolver and the connection")


def _check(sock: socket.socket, address: Any) -> None:
    if not is_here(address):
        if not _outside:
            _refuse(f"connected to {address}")
        _outside[-1](sock, address)
        raise ConnectionRefusedError("there is no outside")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    _check(self, address)
    _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    try:
        _check(self, address)
    except OSError as error:
        return error.errno or 111
    return _connect_ex(self, address)


def _guarded_sendto(self: socket.socket, data: Any, *args: Any) -> int:
    _check(self, args[-1])
    return _sendto(self, data, *args)


def _guarded_sendmsg(self: socket.socket, buffers: Any, *args: Any) -> int:
    _check(self, args[2] if len(args) > 2 else None)  # after ancillary data and flags
    return _sendmsg(self, buffers, *args)


def _name_check(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    if name.lower() not in _OWN_NAMES and not _is_literal(name):
        _refuse(f"looked up {name}")


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    _name_check(host)
    return _getaddrinfo(host, *args, **kwargs)


def _guarded_gethostbyname(host: str) -> str:
    _name_check(host)
    return _gethostbyname(host)
