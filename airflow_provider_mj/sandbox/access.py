"""Who may reach the sandbox, decided from a request's headers alone. Pure: no web framework in here.

Two things keep web pages out. A page of another site can make a browser send requests to this machine, but
not without an ``Origin`` or a ``Sec-Fetch-Site`` that says so. And a page whose own name was pointed at this
machine (DNS rebinding) is of the same site, but its name stands in ``Host``.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .faults import HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Headers = Sequence[tuple[bytes, bytes]]

CONTROL = "/sandbox/"
"""What the paths begin with that look at the sandbox, or command it."""
_HEADER_LIMIT = 300
"""Characters of a ``Host`` or ``Origin`` that are looked at; none that is longer is right."""
_HTTP_PORT = 80
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?+")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}+\]|[A-Za-z0-9._-]{1,253}+)(?::([0-9]{1,5}+))?+")
_OWN_SITES = frozenset({"same-origin", "none"})
"""``Sec-Fetch-Site`` of the sandbox's own pages, and of what a person opens by hand."""


class Authority(NamedTuple):
    """What a ``Host`` header names.

    :param name: a host name in lower case, or an IP address in its shortest form
    :param port: 0 to 65535
    """

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Access:
    """The names under which a sandbox may be reached, next to those of the loopback.

    :param names: host names and IP addresses, as :func:`.canonical` writes them
    """

    names: frozenset[str] = frozenset()

    @classmethod
    def under(cls, names: Iterable[str]) -> Access:
        """Return the access under some names as people write them.

        :param names: host names and IP addresses, without ports
        :raises ValueError: if one is neither
        """
        return cls(frozenset(canonical(name) for name in names))

    def refusal(self, method: str, path: str, headers: Headers, address: str) -> str | None:
        """Return why a request is refused, in one line; None if it is not.

        :param method: of the request
        :param path: of the request, decoded
        :param headers: of the request, names in lower case, as they came
        :param address: the address of this machine on which the request came in
        """
        if not path.startswith("/"):
            return "the request's target is not a path"
        authority = host_of(headers)
        if authority is None:
            return "the request needs one Host header, with a name and perhaps a port"
        if not self._knows(authority.name, address):
            return "the name in the Host header is not the sandbox's; --allow-host NAME lets it be used"
        commands = path.startswith(CONTROL) or _values(headers, HEADER)
        return _commanding(method, path, headers, authority) if commands else None

    def _knows(self, name: str, address: str) -> bool:
        return is_loopback(name) or name in self.names or name == _ip(address)


def host_of(headers: Headers) -> Authority | None:
    """Return what the ``Host`` header names, or None if there is not just one, or it is malformed.

    :param headers: names in lower case
    """
    values = _values(headers, "host")
    return _authority(values[0]) if len(values) == 1 else None


def canonical(name: str) -> str:
    """Return a host name in lower case and without the last dot, an IP address in its shortest form.

    :param name: a host name, or an IP address; one of version 6 may stand in brackets
    :raises ValueError: if it is neither
    """
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    address = _ip(bare)
    if address is not None:
        return address
    host = name.lower().removesuffix(".")
    if len(name) > _HEADER_LIMIT or not _NAME.fullmatch(host) or _ip(host) is not None:
        raise ValueError(f"{name[:_HEADER_LIMIT]!r} is no host name and no IP address")
    return host


def is_loopback(name: str) -> bool:
    """Return whether a name in canonical form can only mean the machine itself.

    Browsers and resolvers answer ``localhost`` and all names below it themselves, so no DNS can move them.
    """
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _commanding(method: str, path: str, headers: Headers, authority: Authority) -> str | None:
    """Return why a request may not look at the sandbox or command it, or None."""
    if any(_origin(value) != authority for value in _values(headers, "origin")):
        return "web pages of other origins may not command the sandbox"
    if any(value.strip() not in _OWN_SITES for value in _values(headers, "sec-fetch-site")):
        return "web pages of other sites may not command the sandbox"
    if path.startswith(CONTROL) and method == "POST" and not _is_json(headers):
        return "faults come with the header Content-Type: application/json"
    return None


def _values(headers: Headers, name: str) -> list[str]:
    wanted = name.lower().encode()
    return [value.decode("latin-1") for key, value in headers if key.lower() == wanted]


def _authority(text: str) -> Authority | None:
    found = _HOST.fullmatch(text) if len(text) <= _HEADER_LIMIT else None
    if found is None:
        return None
    port = _HTTP_PORT if found[2] is None else int(found[2])
    try:
        name = canonical(found[1])
    except ValueError:
        return None
    is_whole = port < 2**16 and (":" in name) == found[1].startswith("[")
    return Authority(name, port) if is_whole else None


def _origin(text: str) -> Authority | None:
    scheme, _, rest = text.partition("://")
    return _authority(rest) if scheme == "http" else None


def _is_json(headers: Headers) -> bool:
    types = _values(headers, "content-type")
    return len(types) == 1 and types[0].partition(";")[0].strip().lower() == "application/json"


def _ip(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text[:_HEADER_LIMIT])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
