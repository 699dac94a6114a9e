"""Where a download may lead: which addresses are public, which never, and which origin is exempt."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from airflow_provider_mj.gateway.dialling import resolve

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.exchange import Exchange

PORTS = {"http": 80, "https": 443}

_HERE = ("localhost", "localhost.localdomain")

Origin = tuple[str, str, int]
"""Scheme, host and port."""


HERE_ADVICE = (
    "a gateway that was never told its own address gives such links, and means itself: set `image_host` to "
    "`gateway` in the extra of the Airflow connection"
)
"""What to do about a link to "localhost" (new-api's default)."""


class NotAllowedError(ValueError):
    """An address leads where it may not; the message continues the address, which it does not name."""


@dataclass(frozen=True)
class Rules:
    """What downloads keep to.

    :param allow_private: whether they may lead to addresses that are not public.
    :param own_origin: the origin that may be at such an address all the same; None if there is none.
    """

    allow_private: bool
    own_origin: Origin | None

    def check(self, scheme: str, host: str, port: int, address: str) -> None:
        """Refuse an address that is off limits.

        :param scheme: with ``host`` and ``port`` the origin that it is an address of.
        :param address: the IP address.
        :raises NotAllowedError: when it is.
        """
        if is_metadata(address):
            raise NotAllowedError(
                "its host is where machines and clouds keep what is theirs alone (link-local or metadata); "
                "that is never fetched"
            )
        if not self.is_exempt(scheme, host, port) and not is_public(address):
            here = f"{HERE_ADVICE}. " if is_here(host) else ""
            raise NotAllowedError(
                f"its host is not on the public internet; {here}If it is one of yours, set "
                "`allow_private_image_hosts` in the extra of the Airflow connection"
            )

    def check_name(self, scheme: str, host: str, port: int, exchange: Exchange) -> None:
        """Refuse a host with an address that is off limits, where a proxy will connect in our place.

        :raises NotAllowedError: when one of its addresses is.
        :raises socket.gaierror: when there is no such host here, and it must be a public one.
        """
        try:
            found = resolve(host, port, exchange.seconds_left)
        except socket.gaierror:
            if self.is_exempt(scheme, host, port):
                return
            raise
        for _, _, _, address in found:
            self.check(scheme, host, port, str(address[0]))

    def is_exempt(self, scheme: str, host: str, port: int) -> bool:
        """Tell whether an origin may be at an address that is not public."""
        return self.allow_private or self.is_own(scheme, host, port)

    def is_own(self, scheme: str, host: str, port: int) -> bool:
        """Tell whether an origin is the own one."""
        return self.own_origin == (scheme, _plain(host), port)


def is_here(host: str) -> bool:
    """Tell whether a host is the machine itself, by its name or its IP address, whoever says it.

    :param host: as it stands in an address.
    """
    name = _plain(host)
    try:
        ip = ipaddress.ip_address(name)
    except ValueError:
        return name in _HERE or name.endswith(".localhost")
    return ip.is_loopback or ip.is_unspecified


def origin_of(url: str | None) -> Origin | None:
    """Return the origin of an address, in the one form in which origins are compared.

    :param url: an http or https address.
    :returns: None if it is none.
    """
    try:
        target = parse_url(url or "")
    except LocationParseError:
        return None
    if target.scheme not in PORTS or not target.host:
        return None
    return target.scheme, _plain(target.host), target.port or PORTS[target.scheme]


def _plain(host: str) -> str:
    name = host.strip("[]").rstrip(".").lower()
    try:
        return ipaddress.ip_address(name).compressed
    except ValueError:
        return name


# Every IPv6 address on the internet is in this network.
_UNICAST = ipaddress.IPv6Network("2000::/3")
# Not every Python knows these: the IETF's own, 6to4 relays, documentation.
_NOT_GLOBAL_4 = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))
_NOT_GLOBAL_6 = ipaddress.IPv6Network("3fff::/20")
# Where clouds tell their machines passwords and keys: beside the link-local ones those of Azure (public by
# its number), Alibaba, Oracle, AWS, Google and Scaleway.
_METADATA = tuple(
    ipaddress.ip_network(one)
    for one in (
        "169.254.0.0/16",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fe80::/10",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
    )
)
# IPv6 addresses whose last 32 bits are an IPv4 address: mapped, compatible, translated, NAT64 of both kinds.
_CARRIERS = tuple(
    ipaddress.IPv6Network(one)
    for one in ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_MAPPED, _NAT64 = _CARRIERS[0], _CARRIERS[3]
# The second half of an ISATAP address begins so, before an IPv4 address.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def is_public(address: str) -> bool:
    """Tell whether an IP address is on the public internet, an IPv4 address inside of an IPv6 one as well."""
    ip = ipaddress.ip_address(address)
    if is_metadata(address):
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_GLOBAL_4)
    inner = all(is_public(str(one)) for one in _inside(ip))
    if ip in _MAPPED or ip in _NAT64 or ip.sixtofour or ip.teredo:
        return inner
    return inner and ip.is_global and ip in _UNICAST and ip not in _NOT_GLOBAL_6


def is_metadata(address: str) -> bool:
    """Tell whether an IP address is link-local or a cloud's metadata, inside of an IPv6 one as well."""
    ip = ipaddress.ip_address(address)
    insides = _inside(ip) if isinstance(ip, ipaddress.IPv6Address) else ()
    return any(one in network for one in (ip, *insides) for network in _METADATA)


def _inside(ip: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the IPv4 addresses that an IPv6 address leads to, by any of the ways to carry one in it."""
    number = int(ip)
    last = ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    carried = any(ip in network for network in _CARRIERS) or number >> 32 & 0xFFFF_FFFF in _ISATAP
    return (
        *((last,) if carried else ()),
        *((ip.sixtofour,) if ip.sixtofour else ()),
        *(ip.teredo or ()),
    )
