"""How long an event loop could not turn to anything else, found without disturbing it.

A heartbeat tells the same, but waking up 200 times a second takes more CPU time than some contestants do.
"""

from __future__ import annotations

import gc
import selectors
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class WatchedSelector(selectors.DefaultSelector):
    """The selector of an event loop, which knows when the loop is at work and when it rests.

    A stall is one of three: the time from one rest to the next, in which all callbacks that were ready ran;
    the time by which a rest ended later than asked; a garbage collection, which stops all threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0.0
        self.longest_without_gc = 0.0
        self._collected = 0.0
        self._collecting_since: float | None = None
        self._woke_at = time.perf_counter()
        self._collected_at_wake = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        """Rest, and note how long the loop has been at work before, and how late it wakes up."""
        asked_at, collected = time.perf_counter(), self._collections()
        self._note(asked_at - self._woke_at, collected - self._collected_at_wake)
        events = super().select(timeout)
        self._woke_at, self._collected_at_wake = time.perf_counter(), self._collections()
        if timeout and not events:
            self._note(self._woke_at - asked_at - timeout, self._collected_at_wake - collected)
        return events

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note stalls from now on and to the end of the block."""
        self.longest = self.longest_without_gc = 0.0
        self._woke_at = time.perf_counter()
        gc.callbacks.append(self._on_collection)
        yield
        gc.callbacks.remove(self._on_collection)

    @contextmanager
    def looking_away(self) -> Iterator[None]:
        """Let something be done in the loop that is no part of what is measured."""
        gc.callbacks.remove(self._on_collection)
        yield
        gc.callbacks.append(self._on_collection)
        self._woke_at, self._collected_at_wake = time.perf_counter(), self._collections()

    def _note(self, seconds: float, collecting: float) -> None:
        self.longest = max(self.longest, seconds)
        self.longest_without_gc = max(self.longest_without_gc, seconds - collecting)

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collecting_since = now
        elif self._collecting_since is not None:
            seconds = now - self._collecting_since
            self._collected, self._collecting_since = self._collected + seconds, None
            self._note(seconds, seconds)

    def _collections(self) -> float:
        """Give the seconds of all collections so far; another thread may be about to note an end."""
        since = self._collecting_since
        return self._collected + (0.0 if since is None else time.perf_counter() - since)
