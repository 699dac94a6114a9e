"""Single values out of a gateway's JSON, whatever they come as; no field is known by its name here.

What is unset comes as null, ``""`` or ``0``, a number as text, a text as a number, and anything may be of a
wrong type: every reader takes any value, gives None (or nothing in a list) for what it can't read, and raises
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from urllib.parse import urlsplit, urlunsplit

import pendulum

# Epoch values from here on are milliseconds: 1e11 seconds would be the year 5138, 1e11 ms is 1973.
_FIRST_MILLISECONDS = 100_000_000_000
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last moment a datetime can hold


def storable(text: str) -> str:
    """Drop what JSON can carry and PostgreSQL can not hold: NUL and lone surrogates.

    :param text: any text.
    :returns: the text, with "?" in place of a lone surrogate.
    """
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def text(value: object) -> str | None:
    """Read text, or a number as text.

    :param value: any JSON value.
    :returns: None for what is neither, and for "" and a number 0, which are unset.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return storable(value if isinstance(value, str) else str(value) if value else "") or None


def number(value: object) -> float | None:
    """Read a number, or text that is one.

    :param value: any JSON value.
    :returns: None for what is no finite number, and for 0, which gateways send for "unset".
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if found and isfinite(found) else None


def integer(value: object) -> int | None:
    """Read a number as :func:`number` does, without its fraction.

    :param value: any JSON value.
    :returns: None where there is none.
    """
    found = number(value)
    return None if found is None else int(found)


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
    return pendulum.from_timestamp(seconds, tz="UTC").to_iso8601_string()


def progress(value: object) -> int | None:
    """Read how far something is: ``"65%"`` is 65.

    :param value: any JSON value.
    :returns: 0 to 100; None for Discord's words, which stand there as well ("fast", "Waiting to start").
    """
    return _percent(value if isinstance(value, str) else text(value) or "")


def url(value: object) -> str | None:
    """Read an http(s) link.

    :param value: any JSON value.
    :returns: the link without credentials; None for anything else that a gateway may send for one.
    """
    try:
        parts = urlsplit((text(value) or "").strip())
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def urls(value: object) -> tuple[str, ...]:
    """Read a list of links, which come as text or as ``{"url": ..., "thumbnail": ...}``.

    :param value: any JSON value.
    :returns: the links in their order; what is none is left out.
    """
    items = value if isinstance(value, list) else []
    links = (url(item.get("url") if isinstance(item, Mapping) else item) for item in items)
    return tuple(link for link in links if link)


def _iso_time(text: str) -> str | None:
    """Read the time of a task that is in XCom, whose fields are a gateway's but for this."""
    if not re.match(r"\d{4}-\d\d-\d\dT", text):
        return None
    try:
        moment = pendulum.parse(text)
        in_utc = moment.in_timezone("UTC") if isinstance(moment, pendulum.DateTime) else None
    except (ValueError, OverflowError):  # in UTC it is the year 0 or 10000
        return None
    return in_utc.to_iso8601_string() if in_utc else None


@lru_cache(maxsize=256)
def _percent(text: str) -> int | None:
    # Waiting reads it of every row of every list, and there are few different ones.
    match = re.fullmatch(r"\s*(\d{1,3})(\.\d+)?\s*%?\s*", text, re.ASCII)
    return min(int(match.group(1)), 100) if match else None
