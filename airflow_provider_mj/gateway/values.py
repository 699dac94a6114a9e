"""Single values out of a gateway's JSON, whatever they come as; no field is known by its name here.

What is unset comes as null, ``""`` or ``0``, a number as text, a text as a number, and anything may be of a
wrong type: every reader takes any value, gives None (or nothing in a list) for what it can't read, and raises
nothing. None of them looks at more of a text than an honest one has.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv6Address
from math import isfinite
from urllib.parse import SplitResult, urlsplit

from airflow_provider_mj.gateway.incoming import MAX_TEXT, MOST_64_BITS, clean_text

MAX_LINK = 4096
"""Characters of a link: signed ones have up to 2,000."""
MAX_LINKS = 16
"""Links in a list: a task has 4 pictures, or 4 clips."""

# Epoch values from here on are milliseconds: 1e11 seconds would be the year 5138, 1e11 ms is 1973.
_FIRST_MILLISECONDS = 100_000_000_000
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last moment a datetime can hold
_SMALL = 256
_LONGEST_NUMBER = 40
_LONGEST_PROGRESS = 16
_LONGEST_HOST = 253
_LONGEST_LABEL = 63
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3})(?:\.\d+)?+\s*+%?", re.ASCII)
_NAME = frozenset(f"{string.ascii_letters}{string.digits}_.-")


def text(value: object, limit: int = MAX_TEXT) -> str | None:
    """Read text, or a number as text.

    :param value: any JSON value.
    :param limit: characters of it at most; what is beyond is cut off.
    :returns: None for what is neither, and for "" and a number 0, which are unset.
    """
    if isinstance(value, str):
        return clean_text(value, limit) or None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_plain(value):
        return None
    return str(value) if value else None


def number(value: object) -> float | None:
    """Read a number, or text that is one.

    :param value: any JSON value.
    :returns: None for what is no finite number, and for 0, which gateways send for "unset".
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    # Python reads the digits of all scripts, and "1_000".
    if isinstance(value, str) and (len(value) > _LONGEST_NUMBER or not value.isascii() or "_" in value):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if found and isfinite(found) else None


def small_integer(value: object) -> int | None:
    """Read a number that counts kinds of something, without its fraction.

    :param value: any JSON value.
    :returns: 1 to 255; None where there is none, or another.
    """
    found = number(value)
    return int(found) if found is not None and 1 <= found < _SMALL else None


def time(value: object) -> str | None:
    """Read epoch seconds or milliseconds, or a time in ISO 8601.

    :param value: any JSON value.
    :returns: ISO 8601 in UTC; None for what is on no calendar.
    """
    found = number(value)
    if found is None:
        return _iso_time(value) if isinstance(value, str) else None
    seconds = found / 1000 if found >= _FIRST_MILLISECONDS else found
    if not 0 < seconds <= _LAST_SECOND:
        return None
    return _iso(datetime.fromtimestamp(seconds, UTC))


def progress(value: object) -> int | None:
    """Read how far something is: ``"65%"`` is 65.

    :param value: any JSON value.
    :returns: 0 to 100; None for Discord's words, which stand there as well ("fast", "Waiting to start").
    """
    if isinstance(value, str):
        # Cut before it is remembered, too: what a gateway makes up must not fill a cache.
        return _percent(value) if len(value) <= _LONGEST_PROGRESS else None
    found = number(value)
    return min(int(found), 100) if found is not None and found > 0 else None


def url(value: object, origin: str = "") -> str | None:
    """Read an http(s) link.

    :param value: any JSON value.
    :param origin: scheme, host and port of who sent it; a path is one on that host. Without, it is no link.
    :returns: the link without credentials, which every parser reads alike; None for anything else that a
        gateway may send for one, and for more than 4,096 characters, since a part of a link leads nowhere.
    """
    if not isinstance(value, str) or len(value) > MAX_LINK:
        return None
    link = value.strip()
    if origin and link.startswith("/") and not link.startswith("//"):
        link = origin + link
    # Blanks and control characters are dropped by some parsers, and "\" is a "/" to others.
    if not link.isprintable() or " " in link or "\\" in link:
        return None
    try:
        parts = urlsplit(link)
        place = _place(parts)
        found = parts._replace(netloc=place).geturl() if place else ""
        return found if found and _place(urlsplit(found)) == place else None
    except ValueError:
        return None


def urls(value: object) -> tuple[str, ...]:
    """Read a list of links, which come as text or as ``{"url": ..., "thumbnail": ...}``.

    :param value: any JSON value.
    :returns: the links in their order, 16 at most; what is none is left out.
    """
    items = value if isinstance(value, list) else []
    links = (url(item.get("url") if isinstance(item, Mapping) else item) for item in items)
    return tuple(link for link in links if link)[:MAX_LINKS]


def _place(parts: SplitResult) -> str:
    """Return host and port of an address; nothing if a picture can't be there.

    :raises ValueError: when they can't be read.
    """
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in ("http", "https") or port == 0 or not _is_host(host):
        return ""
    name = f"[{host}]" if ":" in host else host
    place = name if port is None else f"{name}:{port}"
    # "[::1]x" is "[::1]" to Python, and something else, or an error, to others.
    told = parts.netloc.rpartition("@")[2].lower()
    return place if told.removesuffix(":") == place else ""


def _is_host(host: str) -> bool:
    if ":" in host:
        # Of an address with a zone ("fe80::1%eth0"), only this machine would know where it is.
        return "%" not in host and bool(IPv6Address(host))
    if not host or len(host) > _LONGEST_HOST or not _is_name(host):
        return False
    labels = host.removesuffix(".").split(".")
    if not all(0 < len(label) <= _LONGEST_LABEL for label in labels):
        return False
    return host.isascii() or bool(host.encode("idna"))


def _is_name(host: str) -> bool:
    return all(sign in _NAME or not sign.isascii() for sign in host)


def _is_plain(value: int | float) -> bool:
    return isfinite(value) if isinstance(value, float) else -MOST_64_BITS <= value < MOST_64_BITS


def _iso_time(text: str) -> str | None:
    """Read the time of a task that is in XCom, whose fields are a gateway's but for this."""
    if not _ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        # An hour without a zone is one in UTC here.
        in_utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # in UTC it is the year 0 or 10000
        return None
    return _iso(in_utc)


def _iso(moment: datetime) -> str:
    return moment.isoformat().removesuffix("+00:00") + "Z"


@lru_cache(maxsize=256)
def _percent(text: str) -> int | None:
    # Waiting reads it of every row of every list, and there are few different ones.
    match = _PERCENT.fullmatch(text.strip())
    return min(int(match[1]), 100) if match else None
