"""Connections that keep to the limits of the exchange that they are used in."""

from __future__ import annotations

import http.client
import logging
import socket
from typing import TYPE_CHECKING, Any, ClassVar

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)

from airflow_provider_mj.gateway.dialling import connect, in_time, resolve
from airflow_provider_mj.gateway.exchange import Phase, current, present, timed_response

if TYPE_CHECKING:
    import requests

    from airflow_provider_mj.gateway.exchange import Exchange

_PIECE = 65536


class _Socket(socket.socket):
    """A socket that tells TLS how much time is left when the handshake begins, not when it was connected."""

    __slots__ = ()

    def gettimeout(self) -> float | None:
        exchange = present()
        return exchange.seconds_left if exchange else super().gettimeout()


class _TimedSocket:
    """The TLS socket to a proxy, which urllib3 reads in a loop for the TLS within."""

    def __init__(self, sock: Any) -> None:
        vars(self)["_sock"] = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._sock, name, value)

    def recv(self, *args: Any) -> bytes:
        exchange = current()
        self._sock.settimeout(exchange.seconds_left)
        received: bytes = self._sock.recv(*args)
        return received

    def sendall(self, data: bytes) -> None:
        _send(self._sock, data, current())


def _send(sock: Any, data: Any, exchange: Exchange) -> None:
    """Send piece by piece: with TLS, ``sendall`` would begin its time limit anew with each of its own."""
    rest = memoryview(data).cast("B")
    while rest:
        sock.settimeout(exchange.seconds_left)
        rest = rest[sock.send(rest[:_PIECE]) :]


class _Timed:
    """A connection that keeps to the exchange of its thread; mixed into urllib3's."""

    scheme: ClassVar[str]
    host: Any
    port: Any
    proxy: Any
    sock: Any
    _dns_host: str

    def connect(self) -> None:
        """Connect, with what a proxy and TLS need; if that fails, nothing of the request was sent."""
        with current().connecting():
            try:
                super().connect()  # type: ignore[misc]
            except TimeoutError as error:
                raise ConnectTimeoutError(self, "no connection in time") from error
            except (OSError, http.client.HTTPException) as error:
                raise NewConnectionError(self, f"no connection: {error}") from error  # type: ignore[arg-type]

    def _new_conn(self) -> Any:
        exchange = current()
        try:
            addresses = resolve(self._dns_host, self.port, exchange.seconds_left)
            if exchange.check and not self.proxy:
                for _, _, _, address in addresses:
                    exchange.check(self.scheme, self.host, self.port, str(address[0]))
            sock = self._dial(addresses, exchange)
        except UnicodeError:
            raise LocationParseError(f"{self.host!r}, label empty or too long") from None
        except OSError as error:
            raise self._no_connection(error) from error
        return _Socket(sock.family, sock.type, sock.proto, fileno=sock.detach())

    def _dial(self, addresses: Any, exchange: Exchange) -> Any:
        return connect(
            addresses,
            lambda: exchange.seconds_left,
            options=getattr(self, "socket_options", None) or (),
            source=getattr(self, "source_address", None),
        )

    def _no_connection(self, error: OSError) -> Exception:
        connection: Any = self
        if isinstance(error, socket.gaierror):
            return NameResolutionError(self.host, connection, error)
        if isinstance(error, TimeoutError):
            return ConnectTimeoutError(connection, f"no connection to {self.host} in time")
        return NewConnectionError(connection, f"no connection: {error}")

    def _connect_tls_proxy(self, hostname: str, sock: Any) -> Any:
        wrapped = super()._connect_tls_proxy(hostname, sock)  # type: ignore[misc]
        return _TimedSocket(wrapped) if getattr(self, "_tunnel_host", None) else wrapped

    def send(self, data: Any) -> None:
        """Send a part of the request, connecting before if need be."""
        if self.sock is None:
            self.connect()
        exchange = current()
        exchange.begin_to_send()
        _send(self.sock, data, exchange)

    response_class: Any = staticmethod(timed_response)


class _PlainConnection(_Timed, HTTPConnection):
    scheme = "http"


class _TLSConnection(_Timed, HTTPSConnection):
    scheme = "https"


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _PlainConnection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _TLSConnection


_POOLS: dict[str, Any] = {"http": _PlainPool, "https": _TLSPool}


class _ThroughSocks(_Timed):
    """Such a proxy is spoken to by another library, which knows no limit for the whole of it."""

    def _new_conn(self) -> Any:
        exchange = current()
        begin = super(_Timed, self)._new_conn  # type: ignore[misc]
        try:
            sock = in_time(begin, exchange.seconds_left, discard=lambda late: late.close())
        except TimeoutError as error:
            raise self._no_connection(error) from error
        sock.settimeout(exchange.seconds_left)
        return sock


def _through_socks(pool: type[Any]) -> type[Any]:
    connection = type("SocksConnection", (_ThroughSocks, pool.ConnectionCls), {"scheme": pool.scheme})
    return type("SocksPool", (pool,), {"ConnectionCls": connection})


class ExchangeAdapter(HTTPAdapter):
    """Sends requests over connections that keep to the present :class:`Exchange`, through proxies as well."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools for connections without a proxy."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pools for connections through a proxy."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            is_socks = proxy.lower().startswith("socks")
            pools = manager.pool_classes_by_scheme.items()
            manager.pool_classes_by_scheme = (
                {scheme: _through_socks(pool) for scheme, pool in pools} if is_socks else _POOLS
            )
        return manager

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool for a request; from here on only connections of ours can send it, and they tell."""
        _note(Phase.BEFORE)
        return super().get_connection_with_tls_context(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; what urllib3 logs of it has no query."""
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_without_queries)
        # That nothing was sent has to be shown: whatever else may stand in for urllib3 is not believed.
        _note(Phase.HANDED_OVER)
        return super().send(*args, **kwargs)


def _note(phase: Phase) -> None:
    exchange = present()
    if exchange and exchange.phase is not Phase.SENDING:
        exchange.phase = phase


_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


def _without_queries(record: logging.LogRecord) -> bool:
    """Cut out of a record what an address may hold: a signature, a token, a password."""
    if present() is not None and isinstance(record.args, tuple):
        record.args = tuple(map(_harmless, record.args))
        record.exc_info = record.exc_text = None
    return True


def _harmless(arg: object) -> object:
    if isinstance(arg, BaseException):
        # It may quote headers, which hold addresses as well.
        return type(arg).__name__
    return _without_secrets(arg) if isinstance(arg, str) else arg


def _without_secrets(text: str) -> str:
    """Cut the credentials before the host off an address, and everything from the query on."""
    address = text.partition("?")[0].partition("#")[0]
    if "@" not in address:
        return address
    first, *rest = address.split("//")
    return "//".join([first, *map(_without_user, rest)])


def _without_user(text: str) -> str:
    before, at, after = text.partition("@")
    user = before.lstrip("/")
    is_one = at and "/" not in user and not any(map(str.isspace, user))
    return before.removesuffix(user) + after if is_one else text
