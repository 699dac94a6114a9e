"""Where a download may lead: which addresses are public, and connections that lead nowhere else."""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

PORTS = {"http": 80, "https": 443}


class NotAllowedError(ValueError):
    """An address leads where it may not; the message continues the address, which it does not name."""


@dataclass
class Rules:
    """What downloads keep to, one after the other.

    :param allow_private: whether they may lead to addresses that are not public.
    :param own_host: host and port that may be anywhere; without a port, 80 and 443.
    :param verify: how to check the certificate of ``own_host``.
    :param max_bytes: the most bytes that the present one takes.
    :param deadline: until when it may take, by the monotonic clock.
    """

    allow_private: bool
    own_host: str | None
    verify: bool | str
    max_bytes: int = 0
    deadline: float = 0.0

    def begin(self, max_bytes: int, timeout: float) -> None:
        """Let the next download begin."""
        self.max_bytes, self.deadline = max_bytes, time.monotonic() + timeout

    def seconds_left(self) -> float:
        """Give the time that is left, above 0.

        :raises TimeoutError: when none is left.
        """
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def is_own(self, host: str, port: int | None) -> bool:
        """Tell whether a host is the one that may be anywhere."""
        own = urlsplit(f"//{self.own_host or ''}")
        ports = (own.port,) if own.port else tuple(PORTS.values())
        return _plain(host) == own.hostname and port in ports

    def check_name(self, host: str, port: int) -> None:
        """Refuse a host that resolves to an address that is off limits, be it one of several."""
        if self.allow_private or self.is_own(host, port):
            return
        for found in socket.getaddrinfo(_plain(host), port, type=socket.SOCK_STREAM):
            _check_public(str(found[4][0]))

    def check_peer(self, host: str, port: int | None, address: str) -> None:
        """Refuse a connection to an address that is off limits."""
        if not (self.allow_private or self.is_own(host, port)):
            _check_public(address)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _check_public(address: str) -> None:
    if not is_public(address):
        raise NotAllowedError(
            "its host is not on the public internet; if it is one of yours, set `allow_private_image_hosts` "
            "in the extra of the Airflow connection"
        )


# Every IPv6 address on the internet is in this network.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Public by its number, and yet the inside of every machine at Azure.
_AZURE = ipaddress.IPv4Address("168.63.129.16")
# Not every Python knows these: the IETF's own (Oracle Cloud's metadata), 6to4 relays, documentation.
_NOT_GLOBAL_4 = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))
_NOT_GLOBAL_6 = ipaddress.IPv6Network("3fff::/20")


def is_public(address: str) -> bool:
    """Tell whether an IP address is on the public internet, an IPv4 address inside of an IPv6 one as well."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        is_special = ip == _AZURE or any(ip in network for network in _NOT_GLOBAL_4)
        return ip.is_global and not ip.is_multicast and not is_special
    inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if ip in _NAT64:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return is_public(str(inner)) if inner else ip.is_global and ip in _UNICAST and ip not in _NOT_GLOBAL_6


class CheckedAdapter(HTTPAdapter):
    """Makes connections that keep to the rules; a proxy's own address is the environment's choice."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools for connections without a proxy."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _checked_pool(urllib3.HTTPConnectionPool, HTTPConnection, self._rules),
            "https": _checked_pool(urllib3.HTTPSConnectionPool, HTTPSConnection, self._rules),
        }


def _checked_pool(
    pool: type[urllib3.HTTPConnectionPool], connection: type[HTTPConnection], rules: Rules
) -> type[urllib3.HTTPConnectionPool]:
    checked = type("CheckedConnection", (_CheckedMixin, connection), {"rules": rules})
    return type("CheckedPool", (pool,), {"ConnectionCls": checked})


class _CheckedMixin:
    rules: Rules
    host: str
    port: int | None

    def _new_conn(self) -> socket.socket:
        # Here the connection is made, and nothing was sent yet, not even for TLS.
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:
            self.rules.check_peer(self.host, self.port, connected.getpeername()[0])
        except (ValueError, OSError):
            connected.close()
            raise
        return connected

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, *args, **kwargs)
        response.fp = io.BufferedReader(_TimedReads(response.fp.detach(), sock, self.rules))
        return response


class _TimedReads(io.RawIOBase):
    """What a socket receives, until the deadline: its own timeout begins anew with every byte."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, rules: Rules) -> None:
        self._raw = raw
        self._sock = sock
        self._rules = rules

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._rules.seconds_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
