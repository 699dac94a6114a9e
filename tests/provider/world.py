"""A clock that the poll loop moves itself, and a gateway that is a function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from airflow_provider_mj.gateway.errors import GatewayError, GatewayUnreachableError
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.gateway.waiting import GoOn, Seen, Stop, Wait
from airflow_provider_mj.triggers.poller import Poller

START, INTERVAL = 1000.0, 5.0
RUNNING, DONE = Task(id="x", status="IN_PROGRESS"), Task(id="x", status="SUCCESS")

See = Callable[[str, float], Seen]


def down(kind: type[GatewayError] = GatewayUnreachableError, **more: float) -> GatewayError:
    return kind("it broke", gateway="gw.example", **more)


class World:
    """A clock, a gateway, and the poller between them.

    :param see: what the gateway shows of a task at a time, counted from the start.
    :param alone: the same for a fetch.
    """

    def __init__(self, see: See, alone: See | None = None) -> None:
        self.gateway = "gw.example"
        self.now = START
        self.asked: list[tuple[float, list[str]]] = []
        self.fetched: list[str] = []
        self.is_forgotten = self.is_closed = False
        self._see, self._alone = see, alone or see
        self.poller = Poller(self, self._forget, now=lambda: self.now, pause=self._pause, sleep=self._skip)

    def look(self, mj_task_ids: Sequence[str]) -> dict[str, Seen]:
        self.asked.append((self.now - START, list(mj_task_ids)))
        return {one: self._see(one, self.now - START) for one in mj_task_ids}

    def look_alone(self, mj_task_id: str) -> Seen:
        self.fetched.append(mj_task_id)
        return self._alone(mj_task_id, self.now - START)

    def close(self) -> None:
        self.is_closed = True

    def _forget(self) -> None:
        self.is_forgotten = True

    async def _skip(self, seconds: float) -> None:
        """Let no time pass within a round."""

    async def _pause(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            # Whoever was told something gets to act on it before the clock moves on.
            for _ in range(5):
                await asyncio.sleep(0)
            if self.now >= end or self.poller.woken.is_set():
                self.poller.woken.clear()
                return
            self.now = min(end, self.now + 1.0)

    @property
    def times(self) -> list[float]:
        return [when for when, _ in self.asked]

    def wait(self, timeout: float = 3600.0, interval: float = INTERVAL) -> Wait:
        return Wait(gateway="gw.example", started_at=self.now, deadline=self.now + timeout, interval=interval)

    async def follow(self, *mj_task_ids: str, **terms: float) -> tuple[dict[str, Stop], list[GoOn]]:
        """Wait as a trigger does, and give the ends and the steps before them."""
        stops: dict[str, Stop] = {}
        steps: list[GoOn] = []
        with self.poller.subscribe(self.wait(**terms), mj_task_ids) as news:
            while len(stops) < len(mj_task_ids):
                for one, step in (await news.next()).items():
                    if isinstance(step, Stop):
                        assert one not in stops
                        stops[one] = step
                    else:
                        steps.append(step)
        return stops, steps


def until(moment: float, before: Seen = RUNNING, after: Seen = DONE) -> See:
    return lambda _, now: before if now < moment else after


def run(world: World, *mj_task_ids: str, **terms: float) -> tuple[dict[str, Stop], list[GoOn]]:
    return asyncio.run(asyncio.wait_for(world.follow(*mj_task_ids, **terms), 30))


def outcomes(stops: dict[str, Stop]) -> dict[str, str]:
    return {one: stop.outcome.value for one, stop in stops.items()}
