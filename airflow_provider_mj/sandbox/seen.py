"""The requests that a gateway saw. Bodies of submissions are kept in memory, for tests, and shown nowhere."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

BODY_LIMIT = 32 * 1024 * 1024
"""Greatest body of a request, bytes."""
KEPT_BODIES = 64 * 1024 * 1024
"""Bytes of bodies that are kept; beyond that the oldest are dropped."""
KEPT_REQUESTS = 100_000
"""Requests that are kept; beyond that the oldest are dropped, and only counted."""
PATH_LIMIT = 1000
"""Characters of a path that are kept."""
_LEAST_SIZE = 512
"""Bytes that a body counts at least, so that the number of small ones is limited, too."""


@dataclass(slots=True)
class RequestSeen:
    """A request to the gateway, without its headers, so that it holds no key.

    :param method: HTTP method
    :param path: path without query, cut to `PATH_LIMIT`
    :param at: unix seconds
    :param body: the JSON of a submission, once it has arrived whole; None for any other request
    """

    method: str
    path: str
    at: float
    body: Any = field(default=None, repr=False)

    @property
    def is_submission(self) -> bool:
        """Whether it is a request for a task."""
        return self.method == "POST" and ("/submit/" in self.path or "/insight-face/" in self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return what may be shown: not the body, which can hold pictures."""
        return {"method": self.method, "path": self.path, "at": self.at}


class BodyShelf:
    """The newest bodies, up to `KEPT_BODIES`."""

    def __init__(self) -> None:
        self._kept: deque[tuple[RequestSeen, int]] = deque()
        self._size = 0

    def put(self, seen: RequestSeen, body: bytes) -> None:
        """Put a body on the note of its request; one that is not JSON leaves None there.

        :param seen: the note
        :param body: the body
        """
        try:
            seen.body = json.loads(body)
        except (ValueError, RecursionError):
            return
        size = max(len(body), _LEAST_SIZE)
        self._kept.append((seen, size))
        self._size += size
        while self._size > KEPT_BODIES:
            oldest, size = self._kept.popleft()
            oldest.body = None
            self._size -= size
