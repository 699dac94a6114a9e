"""A plot of the costs of waiting, as SVG written by hand: five numbers need no plotting library."""

from __future__ import annotations

from html import escape
from math import log10
from typing import TYPE_CHECKING

from benchmarks.contestants import CONTESTANTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.waiting import Cost

_PANELS = {
    "requests": ("HTTP requests", ",.0f"),
    "cpu_seconds": ("CPU seconds", ".2f"),
    "latency_p95": ("p95 latency, s", ".2f"),
    "longest_stall_ms": ("longest stall of the loop, ms", ".0f"),
    "kib_per_task": ("memory, KiB per waiting task", ".1f"),
}
_COLOURS = dict(zip(CONTESTANTS, ("#0b6e4f", "#c8553d", "#8d99ae"), strict=True))
_WIDTH, _LEFT, _BARS = 760, 90, 560
_BAR, _GAP, _TITLE, _TOP = 14, 8, 30, 55


def plot(costs: Sequence[Cost]) -> str:
    """Draw one panel a cost, with a logarithmic bar for each contestant and number of tasks."""
    parts, y = [_legend(), _text(_LEFT, 45, "All bars are logarithmic.")], float(_TOP)
    for name, (title, form) in _PANELS.items():
        values = [(cost, max(float(getattr(cost, name)), 0.0)) for cost in costs]
        parts.append(_text(_LEFT, y + 18, title, weight="bold"))
        y += _TITLE
        bars, y = _panel(values, form, y)
        parts += bars
    style = 'font-family="system-ui, sans-serif" font-size="12"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y:.0f}" {style}>\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(values: Sequence[tuple[Cost, float]], form: str, y: float) -> tuple[list[str], float]:
    positive = [value for _, value in values if value > 0] or [1.0]
    floor, top = log10(min(positive)) - 0.3, log10(max(positive))
    parts: list[str] = []
    tasks = None
    for cost, value in values:
        if cost.tasks != tasks:
            tasks, y = cost.tasks, y + (_GAP if parts else 0)
            parts.append(_text(_LEFT - 8, y + 11, f"{tasks:,} tasks", anchor="end"))
        width = _BARS * (log10(value) - floor) / (top - floor) if value > 0 else 0.0
        parts.append(_bar(_LEFT, y, width, cost.contestant))
        parts.append(_text(_LEFT + width + 5, y + 10, format(value, form)))
        y += _BAR
    return parts, y + 2 * _GAP


def _legend() -> str:
    entries: Iterable[tuple[int, str]] = enumerate(CONTESTANTS)
    return "\n".join(
        _bar(_LEFT + 170 * place, 18, _BAR - 2, name) + _text(_LEFT + 170 * place + 18, 28, name)
        for place, name in entries
    )


def _bar(x: float, y: float, width: float, contestant: str) -> str:
    colour = _COLOURS[contestant]
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BAR - 2}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#222">'
        f"{escape(text)}</text>"
    )
