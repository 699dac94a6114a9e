"""A clock that a test moves by hand, so that no test waits for a task."""

from __future__ import annotations


class ManualClock:
    """Callable like ``time.time``; stands still until it is moved.

    :param now: the first reading, unix seconds
    """

    def __init__(self, now: float = 1_730_621_826.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the reading, unix seconds."""
        return self.now

    def advance(self, seconds: float) -> float:
        """Move the clock.

        :param seconds: by how much, seconds; negative moves it back
        :return: the new reading, unix seconds
        """
        self.now += seconds
        return self.now
