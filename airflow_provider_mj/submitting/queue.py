"""Waiting for a place in a gateway's queue. No I/O and no clock."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.errors import QueueFullError

_FIRST, _MOST, _JITTER = 10.0, 120.0, 0.2


def queue_delay(
    attempt: int, error: QueueFullError, *, since: float, now: float, queue_timeout: float
) -> float | None:
    """Tell how long to wait before a full queue is tried again.

    :param attempt: how often it was tried before, from 0.
    :param error: the refusal; a Retry-After in it is kept to.
    :param since: when it was tried first, in epoch seconds.
    :param now: the time, in epoch seconds.
    :param queue_timeout: seconds to wait in all.
    :returns: seconds, 10 at first and twice as many each time up to 120, with jitter; None if time is up.
    """
    left = since + queue_timeout - now
    if left <= 0:
        return None
    backoff: float = min(_FIRST * 2 ** min(attempt, 10), _MOST)
    asked = max(backoff, error.retry_after or 0.0)
    jitter = 1 + _JITTER * random.random()  # noqa: S311 (no secret hangs on it)
    return min(asked * jitter, left)
