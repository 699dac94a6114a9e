"""The limits of one HTTP exchange: a single time limit from the look-up of the name to the last byte.

The time limits of the libraries begin anew with every byte, so that whoever sends one now and then never
meets them. Here everything that may take time asks the exchange how much is left: looking up and connecting,
a proxy, TLS, sending, and every single read.
"""

from __future__ import annotations

import http.client
import io
import threading
import time
from contextlib import contextmanager
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    Check = Callable[[str, str, int, str], None]

_MAX_LINE = 65536
# Chunk sizes, headers and interim answers come on top of a body; more than this no honest answer needs.
_OVERHEAD = 1024 * 1024
_MOST_INTERIM = 8
_FIRST_FINAL = 200


class TooMuchError(ValueError):
    """More bytes were received than any honest answer needs."""


class TooManyInterimError(ValueError):
    """One interim answer came after the other, and no final one."""


class Phase(Enum):
    """How far the request of an exchange has come, which tells whether it can have arrived."""

    BEFORE = "no byte of it was sent"
    HANDED_OVER = "a library has it, and none of our connections has told what became of it"
    SENDING = "its first byte was sent, or may have been"


class Exchange:
    """The limits of one exchange; within its ``with`` block, the connections of this thread keep to them.

    :param deadline: when it ends at the latest, by the monotonic clock.
    :param connect_timeout: seconds for a connection in all: the name, all of its addresses, a proxy and TLS.
    :param max_bytes: the most bytes that a body may have; twice that may be received, for its packaging.
    :param check: raises where a connection must not be made, given scheme, host, port and address; a proxy's
        own address is not checked.

    :ivar phase: how far the request has come; kept after the end of the block.
    """

    def __init__(
        self, *, deadline: float, connect_timeout: float, max_bytes: int, check: Check | None = None
    ) -> None:
        self.check = check
        self.phase = Phase.BEFORE
        self._is_connecting = False
        self._deadline = self._until = deadline
        self._connect_timeout = connect_timeout
        self._bytes_left = 2 * max_bytes + _OVERHEAD
        self._before: Exchange | None = None

    def __enter__(self) -> Self:
        self._before, _of_thread.exchange = present(), self
        return self

    def __exit__(self, *_: object) -> None:
        _of_thread.exchange, self._before = self._before, None

    @property
    def seconds_left(self) -> float:
        """The time that is left, above 0.

        :raises TimeoutError: when none is left.
        """
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time is over")
        return seconds

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Hold what is done within the block against the time limit for connecting as well."""
        self._until = min(self._deadline, time.monotonic() + self._connect_timeout)
        self._is_connecting = True
        try:
            yield
        finally:
            self._is_connecting = False
            self._until = self._deadline

    def begin_to_send(self) -> None:
        """Note that bytes leave: of the request, unless a proxy is just asked for a tunnel."""
        if not self._is_connecting:
            self.phase = Phase.SENDING

    def receive(self, count: int) -> None:
        """Count received bytes.

        :raises TooMuchError: when there are too many.
        """
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise TooMuchError("too many bytes were received")


_of_thread = threading.local()


def present() -> Exchange | None:
    """Return the exchange that this thread is in, if it is in one."""
    return getattr(_of_thread, "exchange", None)


def current() -> Exchange:
    """Return the exchange that this thread is in.

    :raises RuntimeError: when it is in none: a connection without limits is never used.
    """
    exchange = present()
    if exchange is None:
        raise RuntimeError("a connection is used outside of an exchange")
    return exchange


def causes(error: BaseException, before: BaseException | None = None) -> Iterator[BaseException]:
    """Yield an exception and all it was made of; urllib3 hides some in ``reason`` and in the arguments.

    :param error: the exception.
    :param before: what was being handled before; it and its causes are left out.
    """
    queue: list[Any] = [error]
    seen: set[int] = {id(before)}
    while queue:
        cause = queue.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        queue += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


class _TimedReads(io.RawIOBase):
    """What a socket receives, within the limits of an exchange."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        self._raw = raw
        self._sock = sock
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.seconds_left)
        count = self._raw.readinto(buffer)
        self._exchange.receive(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reader(io.BufferedReader):
    """Lines of limited length, and a head that ends as heads do."""

    in_head = True
    _has_line = False

    def readline(self, size: int | None = -1, /) -> bytes:
        # urllib3 reads some lines without a limit.
        limit = _MAX_LINE + 1 if size is None or size < 0 else size
        line = super().readline(limit)
        if len(line) > _MAX_LINE:
            raise http.client.LineTooLong("line")
        # The standard library takes the end of the connection for the end of the headers. What was cut there
        # would pass for an answer without a body, which means something at some gateways.
        if self.in_head and not line.endswith(b"\n") and (line or self._has_line):
            raise http.client.IncompleteRead(line)
        self._has_line = True
        return line


class _Response(http.client.HTTPResponse):
    fp: _Reader

    def begin(self) -> None:
        super().begin()
        self.fp.in_head = False

    def _read_status(self) -> tuple[str, int, str]:
        # The standard library passes over "100 Continue" alone, and over any number of that. Hints that a
        # gateway's front sends early would stand for its answer, and leave a paid task without an id.
        for _ in range(_MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= _FIRST_FINAL or status == HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise TooManyInterimError(f"more than {_MOST_INTERIM} interim answers")


def timed_response(sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
    """Make a response that reads from a socket within the limits of the current exchange."""
    response = _Response(sock, *args, **kwargs)
    raw: Any = response.fp.detach()
    response.fp = _Reader(_TimedReads(raw, sock, current()))
    return response
