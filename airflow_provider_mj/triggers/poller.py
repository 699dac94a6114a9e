"""One poll loop per event loop and connection, shared by every trigger that waits there.

Ids go in, news come out. A tick asks for all ids that are due with as few list requests as possible. HTTP and
the decisions run in a few threads of the poller's own, so that the event loop only passes on what is new. A
request that fails ends no wait: the ids are asked for again until each wait's own deadline.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, Self

from airflow_provider_mj.gateway.errors import GatewayError
from airflow_provider_mj.gateway.ids import chunks
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.gateway.waiting import (
    ERROR_SLOWDOWN,
    Doubt,
    GoOn,
    Seen,
    Step,
    Stop,
    Wait,
    decide,
    expired,
)
from airflow_provider_mj.polling import Looker, is_refused, look_at, with_jitter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

THREADS = 4
"""Requests that are under way at once."""

MISSES = 3
"""Times in a row that a list leaves an id out before it is asked for by itself: lists drop rows at times."""

_GLANCE = 1.0  # seconds at most between two glances at the deadlines while a tick is under way

_SPREAD = 0.8  # of the interval; the rest is for the last answers to come

log = logging.getLogger(__name__)

_CONFIRMATIONS = 10  # for each list request at most, so that a gateway that forgot all is not flooded


class Client(Looker, Protocol):
    """What the poller needs of a client."""

    @property
    def gateway(self) -> str:
        """The gateway's host and port."""

    def close(self) -> None:
        """Close what is kept open."""


class _Open:
    """What is remembered of a task whose wait is not over."""

    __slots__ = ("doubt", "misses", "told")

    def __init__(self) -> None:
        self.doubt: Doubt | None = None
        self.misses = 0
        self.told: int | None = None

    def is_new(self, *shown: object) -> bool:
        """Tell whether what a look has shown of it is other than what the look before has shown."""
        told = hash(shown)
        is_new, self.told = self.told != told, told
        return is_new


class Subscription:
    """What one trigger waits for, and what is new of it. Leaving its ``with`` block ends it.

    :param wait: what was agreed when the waiting began.
    :param mj_task_ids: the remote tasks.
    :param due_at: when it may be looked at first, in epoch seconds.
    :param leave: called with it when it ends.
    """

    # Thousands of them wait at a time.
    __slots__ = ("_leave", "_news", "_ready", "due_at", "failure", "open_ids", "wait")

    def __init__(
        self,
        wait: Wait,
        mj_task_ids: Iterable[str],
        due_at: float,
        leave: Callable[[Subscription], None],
    ) -> None:
        self.wait = wait
        self.open_ids = {mj_task_id: _Open() for mj_task_id in mj_task_ids}
        self.due_at = due_at
        self.failure: BaseException | None = None
        self._leave = leave
        self._news: dict[str, Step] = {}
        self._ready: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(self)

    async def next(self) -> dict[str, Step]:
        """Wait for news and take them.

        :returns: the newest step of each task of which there is something to tell.
        :raises RuntimeError: when the poller has broken down.
        """
        while not self._news:
            if self.failure is not None:
                raise RuntimeError("the poll loop broke down") from self.failure
            self._ready = asyncio.get_running_loop().create_future()
            await self._ready
        news, self._news = self._news, {}
        return news

    def put(self, steps: Mapping[str, Step]) -> None:
        """Add news, and forget the tasks whose wait is over."""
        self._news.update(steps)
        for mj_task_id, step in steps.items():
            if isinstance(step, Stop):
                self.open_ids.pop(mj_task_id, None)
        self.wake()

    def wake(self) -> None:
        """Let :meth:`next` look again."""
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)


class Poller:
    """The poll loop of one connection in one event loop. It runs while anybody is subscribed.

    :param client: asks the gateway; it must not repeat requests by itself, so that Retry-After holds for all.
    :param forget: called when the last subscriber has left.
    :param now: tells the time in epoch seconds.
    :param pause: waits for a number of seconds, or until :attr:`woken` is set.
    :param sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        client: Client,
        forget: Callable[[], object],
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.gateway = client.gateway
        self.woken = asyncio.Event()
        self._client = client
        self._forget = forget
        self._now = now
        self._pause = pause or self._wait_until_woken
        self._sleep = sleep
        self._subscriptions: dict[Subscription, None] = {}
        self._next_tick = 0.0
        # No wait ends before; thousands of them are not gone through at each glance.
        self._first_deadline = math.inf
        self._blocked_until = 0.0
        self._was_refused = False
        self._task: asyncio.Task[None] | None = None
        self._threads: ThreadPoolExecutor | None = None

    def subscribe(self, wait: Wait, mj_task_ids: Iterable[str]) -> Subscription:
        """Wait together with the others; the first look comes one interval from now.

        :param wait: what was agreed when the waiting began.
        :param mj_task_ids: the remote tasks.
        :returns: the subscription, to be used with ``with``.
        """
        now = self._now()
        subscription = Subscription(wait, mj_task_ids, due_at=now + wait.interval, leave=self._leave)
        self._subscriptions[subscription] = None
        self._first_deadline = min(self._first_deadline, wait.deadline)
        # Triggerers that start together, with the tasks of one run, must not go on asking together.
        first_tick = now + with_jitter(wait.interval)
        if self._task is None:
            self._begin(first_tick)
        elif first_tick < self._next_tick:
            self._next_tick = first_tick
            self.woken.set()
        return subscription

    def _leave(self, subscription: Subscription) -> None:
        del self._subscriptions[subscription]
        if not self._subscriptions:
            self._end()

    def _begin(self, first_tick: float) -> None:
        self._next_tick = first_tick
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mj-poller")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="mj-poller")
        self._task.add_done_callback(self._on_done)

    def _end(self) -> None:
        """Stop; a request that is under way ends by itself within its time limit, and nobody hears of it."""
        if self._task is not None and self._threads is not None:
            self._task.cancel()
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._task = self._threads = None
        self._client.close()
        self._forget()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        """Tell everybody when the loop broke down, since nobody would ever wake them."""
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            for subscription in self._subscriptions:
                subscription.failure = failure
                subscription.wake()

    async def _run(self) -> None:
        while True:
            next_look = max(self._next_tick, self._blocked_until)
            await self._pause(min(next_look, self._first_deadline) - self._now())
            now = self._now()
            if now >= max(self._next_tick, self._blocked_until):
                await self._keep_deadlines(asyncio.create_task(self._tick(now), name="mj-poller-tick"))
            self._expire()

    async def _keep_deadlines(self, tick: asyncio.Task[None]) -> None:
        """Wait for a tick; the waits whose deadline passes meanwhile end, however long the gateway hangs."""
        try:
            while not tick.done():
                left = self._first_deadline - self._now()
                await asyncio.wait({tick}, timeout=min(max(left, 0.0), _GLANCE))
                if not tick.done():
                    self._expire()
            await tick
        finally:
            tick.cancel()

    async def _tick(self, now: float) -> None:
        """Ask for everything that is due, and set the time of the next tick."""
        interval = min(subscription.wait.interval for subscription in self._subscriptions)
        self._next_tick += interval
        due: dict[str, list[Subscription]] = {}
        for subscription in self._subscriptions:
            if subscription.due_at <= now:
                for mj_task_id in subscription.open_ids:
                    due.setdefault(mj_task_id, []).append(subscription)
        # A refused key is the connection's: one part of all the ids means one request for all.
        ids = [[*due]] if self._was_refused and due else chunks(due)
        parts = [{one: due[one] for one in part} for part in ids]
        # Spread over most of the interval, so that what many tasks have to tell comes bit by bit.
        gap = interval * _SPREAD / max(1, len(parts))
        answered = await asyncio.gather(*(self._ask(part, place * gap) for place, part in enumerate(parts)))
        now = self._now()
        slow = bool(answered) and not any(answered)
        self._next_tick = max(self._next_tick, now + interval * ERROR_SLOWDOWN if slow else now)

    async def _ask(self, waiting: Mapping[str, Sequence[Subscription]], delay: float) -> bool:
        """Ask for a part of the ids in a thread, pass on the news, and tell whether the gateway answered."""
        await self._sleep(delay)
        loop = asyncio.get_running_loop()
        try:
            news, error = await loop.run_in_executor(self._threads, self._look, waiting)
        except Exception:
            # A defect met by a few ids: the others go on, and these until their deadline.
            log.exception("Looking at %d tasks at gateway %s failed", len(waiting), self.gateway)
            return False
        for subscription, steps in news.items():
            # A deadline may have passed while this was under way.
            subscription.put({one: step for one, step in steps.items() if one in subscription.open_ids})
        return error is None

    def _look(
        self, waiting: Mapping[str, Sequence[Subscription]]
    ) -> tuple[dict[Subscription, dict[str, Step]], GatewayError | None]:
        """Look and decide, in a thread."""
        news: dict[Subscription, dict[str, Step]] = {}
        if self._now() < self._blocked_until:
            return news, None
        seen = look_at(self._client, list(waiting), was_refused=self._was_refused)
        self._was_refused = is_refused(seen)
        error = next((one for one in seen.values() if isinstance(one, GatewayError)), None)
        if error is not None and error.retry_after:
            self._blocked_until = max(self._blocked_until, self._now() + error.retry_after)
        confirmations = iter(range(_CONFIRMATIONS))
        for mj_task_id, subscriptions in waiting.items():
            for subscription in subscriptions:
                known = subscription.open_ids.get(mj_task_id)
                if known is None:  # its deadline has passed meanwhile
                    continue
                step = self._news_of(subscription.wait, known, mj_task_id, seen[mj_task_id], confirmations)
                if step is not None:
                    news.setdefault(subscription, {})[mj_task_id] = step
        return news, error

    def _news_of(
        self, wait: Wait, known: _Open, mj_task_id: str, seen: Seen, confirmations: Iterator[int]
    ) -> Step | None:
        """Decide, where there is something to tell: an end, an error, or progress that has changed."""
        if isinstance(seen, Task):
            known.misses, known.doubt = 0, None
            # Most looks show what the look before has shown, and of those only the deadline could say more.
            if not known.is_new(seen.status, seen.progress):
                return None
        step = decide(wait, mj_task_id, seen, self._now(), answered=True, doubt=known.doubt)
        known.doubt = step.doubt if isinstance(step, GoOn) else None
        if isinstance(step, GoOn) and step.confirm:
            known.misses += 1
            if known.misses >= MISSES and next(confirmations, None) is not None:
                alone = self._client.look_alone(mj_task_id)
                return self._news_of(wait, known, mj_task_id, alone, confirmations)
        if isinstance(seen, Task) or isinstance(step, Stop) or step.is_error:
            return step
        return step if known.is_new(step.line) else None

    def _expire(self) -> None:
        """End the waits whose deadline has passed; the worker that resumes looks at the tasks once more."""
        now = self._now()
        if now < self._first_deadline:
            return
        for subscription in self._subscriptions:
            wait = subscription.wait
            if wait.deadline <= now and subscription.open_ids:
                how = "the gateway had not shown it finished when it was last asked"
                subscription.put({one: expired(wait, one, now, how) for one in list(subscription.open_ids)})
        open_waits = (one.wait.deadline for one in self._subscriptions if one.open_ids)
        self._first_deadline = min(open_waits, default=math.inf)

    async def _wait_until_woken(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.woken.wait(), max(0.0, seconds))
        except TimeoutError:
            pass
        else:
            self.woken.clear()
