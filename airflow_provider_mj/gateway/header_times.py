"""Times as HTTP headers have them. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MAX_RETRY_AFTER = 86400.0
_LONGEST_DATE = 64
# What the standard library raises for dates that are on no calendar.
_NO_DATE = (ValueError, TypeError, OverflowError, LookupError, AttributeError)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, which holds seconds or a date.

    :param value: the header; None if there was none.
    :param now: the time to count from, with a time zone.
    :returns: seconds from 0 to a day, or None where it can't be read.
    """
    text = (value or "").strip()
    if len(text) > _LONGEST_DATE or not text.isascii():
        return None
    if text.isdigit():
        return min(float(text), _MAX_RETRY_AFTER)
    date = date_seconds(text)
    return None if date is None else min(max(date - now.timestamp(), 0.0), _MAX_RETRY_AFTER)


def date_seconds(value: str | None) -> float | None:
    """Read a date as HTTP headers have them.

    :param value: the header; None if there was none.
    :returns: epoch seconds, or None where it can't be read.
    """
    text = (value or "").strip()
    if len(text) > _LONGEST_DATE or not text.isascii():
        return None
    try:
        date = parsedate_to_datetime(text)
        # HTTP dates are in GMT, whether the header says so or leaves the zone out.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except _NO_DATE:
        return None
