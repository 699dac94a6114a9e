"""The marks that waiting has to reach, as ratios within one run, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.contestants import OURS, THEIRS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.waiting import Cost

_RATIOS_AT, _LIMITS_AT = 1000, 5000
_OVER_INTERVAL = 0.3


@dataclass(frozen=True)
class Mark:
    """One limit, and the value that was measured.

    :param text: what is limited, with its limit in words.
    :param limit: the most that is allowed.
    :param measured: what it was.
    """

    text: str
    limit: float
    measured: float

    @property
    def is_reached(self) -> bool:
        """Whether the limit was kept."""
        return self.measured <= self.limit

    def __str__(self) -> str:
        verdict = "reached" if self.is_reached else "NOT reached"
        return f"{self.text}: {self.measured:.4g} of at most {self.limit:.4g}, {verdict}"


def marks(costs: Iterable[Cost]) -> list[Mark]:
    """Judge a run; a mark whose number of tasks was not measured is left out."""
    found = {(cost.contestant, cost.tasks): cost for cost in costs}
    return [
        *_ratios(found.get((OURS, _RATIOS_AT)), found.get((THEIRS, _RATIOS_AT))),
        *_limits(found.get((OURS, _LIMITS_AT))),
    ]


def _ratios(ours: Cost | None, theirs: Cost | None) -> list[Mark]:
    if ours is None or theirs is None:
        return []
    at = f"of {THEIRS} at {_RATIOS_AT} tasks"
    return [
        Mark(f"requests, 1/100 {at}", theirs.requests / 100, ours.requests),
        Mark(f"CPU seconds, 1/25 {at}", theirs.cpu_seconds / 25, ours.cpu_seconds),
    ]


def _limits(ours: Cost | None) -> list[Mark]:
    if ours is None:
        return []
    at = f"at {_LIMITS_AT} tasks"
    return [
        Mark(
            f"p95 latency in s, interval + {_OVER_INTERVAL} s {at}",
            ours.interval + _OVER_INTERVAL,
            ours.latency_p95,
        ),
        Mark(f"longest stall of the loop in ms {at}", 30.0, ours.longest_stall_ms),
        Mark(f"the same without garbage collection {at}", 30.0, ours.longest_stall_without_gc_ms),
        Mark(f"memory in KiB per waiting task {at}", 6.0, ours.kib_per_task),
    ]
