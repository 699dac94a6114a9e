"""Faults of the HTTP layer: which request gets which one. Performing them is :mod:`.injection`'s."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = "X-Sandbox-Fault"
"""Request header that asks for a fault for this one request."""


STATUSES = range(200, 600)
"""HTTP statuses that a fault can have."""
LONGEST_DELAY = 3600.0
TEXT_LIMIT = 1024 * 1024
"""Greatest length of a text of a fault, characters."""
MOST_FAULTS = 1000
"""Faults that can be in force."""
MOST_TEXT = 16 * TEXT_LIMIT
"""Characters that all their texts can have together."""


class FaultKind(StrEnum):
    """What goes wrong."""

    STATUS = "status"
    """An answer with an error status; the request is not processed."""
    HTML = "html"
    """200 with a page; the request is not processed."""
    GARBAGE = "garbage"
    """200 with a body that is not JSON under a JSON content type; the request is not processed."""
    HUGE = "huge"
    """200 with a JSON body over 8 MiB; the request is not processed."""
    CUT = "cut"
    """The request is processed; half of the answer is sent and the connection closed."""
    SLOW = "slow"
    """The request is processed after a delay."""
    WITHHOLD = "withhold"
    """The request is processed at once, a submission charged, and the answer sent after a delay."""
    RESET = "reset"
    """The connection is reset; the request is not processed."""
    RESET_AFTER = "reset_after"
    """The request is processed, a submission charged, and the connection reset without an answer."""
    OMIT = "omit"
    """The request is processed; if the answer is a list, it comes back empty."""
    OVERLOAD = "overload"
    """503 in the words of new-api, whose machine is overloaded; the request is not processed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and the requests that it hits.

    :param kind: what goes wrong
    :param status: HTTP status of a `status` fault, 200 to 599
    :param body: body of a `status` fault
    :param retry_after: ``Retry-After`` of a `status` fault: seconds, or an HTTP date
    :param seconds: delay of a `slow` or a `withhold` fault, seconds
    :param path: text that the path of a request must contain
    :param method: method that a request must have, or None for any
    :param times: how many requests it hits, or None for all
    :param rate: share of the matching requests that it hits, 0 to 1
    :raises ValueError: if a value is out of range
    """

    kind: FaultKind
    status: int = 503
    body: str = ""
    retry_after: str | None = None
    seconds: float = 1.0
    path: str = ""
    method: str | None = None
    times: int | None = None
    rate: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        wrong = [
            name
            for name, good in (
                ("status", self.status in STATUSES),
                ("seconds", 0 <= self.seconds <= LONGEST_DELAY),
                ("times", self.times is None or self.times >= 0),
                ("rate", 0 <= self.rate <= 1),
                ("retry_after", self.retry_after is None or _is_header(self.retry_after)),
                ("text", self.text_length <= TEXT_LIMIT),
            )
            if not good
        ]
        if wrong:
            raise ValueError(f"out of range in a fault: {', '.join(wrong)}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Fault:
        """Build a fault from JSON or from text.

        :param values: its parameters; numbers may be text
        :raises ValueError: if one is unknown, missing or not of its type
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown or "kind" not in values:
            names = ", ".join(field.name for field in fields(cls))
            raise ValueError(f"a fault has a kind ({', '.join(FaultKind)}) and takes {names}")
        try:
            return cls(**{name: _CONVERT[name](value) for name, value in values.items() if value is not None})
        except (TypeError, OverflowError) as error:
            raise ValueError(f"a fault with a value of the wrong type: {error}") from error

    @classmethod
    def from_header(cls, text: str) -> Fault:
        """Read a fault from the header: a JSON object, or ``kind=status;status=503``.

        :param text: the value of the header
        :raises ValueError: if it is neither
        """
        if text.lstrip().startswith("{"):
            return cls.from_mapping(json.loads(text))
        pairs = (part.partition("=") for part in text.split(";") if part.strip())
        return cls.from_mapping({name.strip(): value.strip() for name, _, value in pairs})

    @property
    def text_length(self) -> int:
        """Characters of all its texts together."""
        return sum(len(text) for text in (self.body, self.retry_after, self.path, self.method) if text)

    def matches(self, method: str, path: str) -> bool:
        """Return whether this fault may hit a request."""
        return self.path in path and (self.method is None or self.method.upper() == method)

    def to_dict(self) -> dict[str, Any]:
        """Return its parameters as JSON primitives."""
        return asdict(self)


def _is_header(text: str) -> bool:
    return text.isascii() and text.isprintable()


_CONVERT = {
    "kind": str,
    "status": int,
    "body": str,
    "retry_after": str,
    "seconds": float,
    "path": str,
    "method": str,
    "times": int,
    "rate": float,
}


class FaultPlan:
    """The faults in force. Several threads may use it.

    :param seed: seed of the random numbers behind `rate`
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._entries: list[tuple[Fault, int | None]] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Put faults in force, after those that are.

        :raises ValueError: if they are too many, or too long, together with those in force
        """
        with self._lock:
            entries = [*self._entries, *((fault, fault.times) for fault in faults)]
            if len(entries) > MOST_FAULTS:
                entries = [entry for entry in entries if entry[1] != 0]
            if len(entries) > MOST_FAULTS or sum(fault.text_length for fault, _ in entries) > MOST_TEXT:
                raise ValueError(f"more than {MOST_FAULTS} faults, or than {MOST_TEXT} characters of them")
            self._entries = entries

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._entries = []

    def active(self) -> list[dict[str, Any]]:
        """Return the faults in force, `times` being the requests that each will still hit."""
        with self._lock:
            return [fault.to_dict() | {"times": left} for fault, left in self._entries]

    def pick(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits a request, the first that matches, and count it; or None.

        :param method: of the request
        :param path: of the request
        """
        with self._lock:
            for index, (fault, left) in enumerate(self._entries):
                if fault.matches(method, path) and left != 0 and self._random.random() < fault.rate:
                    self._entries[index] = (fault, None if left is None else left - 1)
                    return fault
        return None
