"""A time limit that is set above, for requests that are made below, whatever is in between."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let the requests that this thread makes within the block take no longer, all of them together.

    :param seconds: the time limit, from now.
    """
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def limited(seconds: float) -> float:
    """Return the time limit of a request: its own, or what :func:`time_limit` leaves of it.

    :param seconds: its own.
    :returns: seconds; 0 or less where no time is left.
    """
    until = _until.get()
    return seconds if until is None else min(seconds, until - time.monotonic())
