"""What is measured: how many tasks, how long they take, how often a contestant may look."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

# What gateways say of themselves: 30 to 120 s a picture, and to ask every 3 to 5 s.
SHORTEST, LONGEST = 30.0, 120.0
INTERVAL = 5.0

# What an answer takes across the internet. On the loopback alone, sequences of requests would look free.
ANSWER = 0.05

WARM_UP_ID = "1709123456000000"
_FIRST_ID = 1709123456000001
_SEED = 20240228


@dataclass(frozen=True)
class Scenario:
    """A number of tasks that are waited for at the same time.

    :param tasks: how many.
    :param scale: what all durations are divided by; 1 is real time.
    """

    tasks: int
    scale: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Scenario:
        """Read ``1000/5``: 1000 tasks, five times as fast as in reality.

        :raises ValueError: when it is anything else.
        """
        tasks, _, scale = text.partition("/")
        scenario = cls(int(tasks), float(scale or 1))
        if scenario.tasks < 1 or scenario.scale <= 0:
            raise ValueError(f"{text!r} is no scenario: give tasks/scale, e.g. 1000/5")
        return scenario

    def __str__(self) -> str:
        return f"{self.tasks}/{self.scale:g}"

    @property
    def interval(self) -> float:
        """Seconds between two looks."""
        return INTERVAL / self.scale

    @property
    def answer(self) -> float:
        """Seconds that the gateway takes to answer."""
        return ANSWER / self.scale

    @property
    def all_wait(self) -> float:
        """Seconds after the start at which every task has been looked at, and none is finished."""
        return 0.8 * SHORTEST / self.scale

    @cached_property
    def durations(self) -> dict[str, float]:
        """Seconds that each task takes, by id: the same in every run."""
        draw = random.Random(_SEED)  # noqa: S311 (a fixed course, no secret)
        return {
            str(_FIRST_ID + number): draw.uniform(SHORTEST, LONGEST) / self.scale
            for number in range(self.tasks)
        }
