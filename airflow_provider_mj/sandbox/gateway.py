"""The gateway itself, without HTTP: its tasks, ledger, faults and the requests that it saw."""

from __future__ import annotations

import hashlib
import random
import threading
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from .account import Account, price_of
from .answers import STORED, Reason, RefusedError
from .buttons import presses
from .conditions import Condition, UserLimits, checked
from .copying import copied, turn_after
from .course import Picture, SandboxTask, Shape, Snapshot, Window, look, occupies
from .faults import FaultPlan
from .links import LinkSigner
from .orders import Order
from .prompts import Ending
from .reading import read_wish
from .seen import KEPT_REQUESTS, PATH_LIMIT, BodyShelf, RequestSeen
from .users import check_user
from .views import view_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .dialects import Dialect
    from .ledger import Ledger
    from .press import Press
    from .prompts import Wish
    from .rows import View

CONCURRENCY = 3
"""Running tasks from which on a submission is answered as queued (22)."""
MOST_TASKS = 100_000
"""Tasks that a gateway holds; beyond that it takes no more, as with a full queue, until it is reset."""
LOOP_SECONDS = 15.0
"""How often a relay such as new-api copies what the gateway behind it shows."""


class SandboxGateway:
    """A gateway that draws and charges nobody. Several threads may use it.

    :param dialect: how it answers
    :param key: the key that it accepts
    :param task_seconds: how long a task takes, seconds
    :param link_seconds: how long a link to a picture is good for, seconds
    :param clock: returns unix seconds
    :param seed: seed of everything that is random
    :param banned_words: words for which a prompt is refused, in any case
    :param ending_rates: share of the submissions, 0 to 1, that end as named without being asked
    :param remix: whether Remix is on, so that variations, rerolls and pans open a window
    :param queue_limit: unfinished tasks with which it takes no more; None for no limit
    :param loop_seconds: how often a relay copies what stands behind it, seconds; 0 for at once
    :param balance: credits that the key has at a relay, or None for any number
    :param user_limits: how much the key's user may do, where a C# proxy counts that
    :param conditions: what is the matter with it
    :raises ValueError: if a condition is unknown, or it or limits per user are impossible in the dialect
    :ivar request_count: how many requests it has seen, also those that `requests` has no more
    :ivar confirmations: how often a window was answered, refused attempts included, by the id of its task
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        key: str = "sandbox-key-1234",
        task_seconds: float = 8.0,
        link_seconds: float = 86400.0,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        banned_words: Iterable[str] = ("bannedword",),
        ending_rates: dict[Ending, float] | None = None,
        remix: bool = False,
        queue_limit: int | None = None,
        loop_seconds: float = LOOP_SECONDS,
        balance: float | None = None,
        user_limits: UserLimits | None = None,
        conditions: Iterable[str] = (),
    ) -> None:
        self.dialect = dialect
        self.loop_seconds = loop_seconds
        self.balance = balance
        if user_limits is not None and not dialect.counts_users:
            raise ValueError(f"{dialect.name} has no limits per user")
        self.user_limits = user_limits
        self.conditions = checked(conditions, dialect.name)
        self.key = key
        self.clock = clock
        self.task_seconds = task_seconds
        self.banned_words = frozenset(word.lower() for word in banned_words)
        self.ending_rates = dict(ending_rates or {})
        self.remix = remix
        self.queue_limit = queue_limit
        self.signer = LinkSigner(f"sandbox {seed}".encode(), link_seconds)
        self.faults = FaultPlan(seed)
        self.lock = threading.RLock()
        self._seed = seed
        self._random = random.Random(seed)
        self._last_number = 0
        self.reset()

    def reset(self) -> None:
        """Forget all tasks, charges, requests and faults, so that one server serves many tests."""
        with self.lock:
            self.tasks: dict[str, SandboxTask] = {}
            self.request_count = 0
            self._requests: deque[RequestSeen] = deque(maxlen=KEPT_REQUESTS)
            self.confirmations: dict[str, int] = {}
            self.answered: set[str] = set()
            self._by_job: dict[str, SandboxTask] = {}
            self._bodies = BodyShelf()
            self.account = Account(self.balance, self.dialect.log_words)
            self.pressed: dict[tuple[str, str], str] = {}
            self.faults.clear()

    @property
    def requests(self) -> list[RequestSeen]:
        """The newest requests that it saw, up to `KEPT_REQUESTS`, oldest first."""
        with self.lock:
            return list(self._requests)

    @property
    def ledger(self) -> Ledger:
        """What was charged and, where the dialect refunds a FAILURE, given back up to now."""
        with self.lock:
            self.account.refund(self._refunded_at, self.clock())
        return self.account.ledger

    def submit(self, prompt: str, state: str | None = None) -> str:
        """Submit an image task.

        :param prompt: the prompt; directives in it say how the task ends
        :param state: the caller's own text
        :return: the id of the task
        :raises RefusedError: if the gateway refuses it; nothing is charged then
        """
        if not prompt.strip():
            raise RefusedError(Reason.EMPTY_PROMPT, "the prompt is empty")
        return self.start(Order(action="IMAGINE", prompt=prompt, state=state))

    def start(self, order: Order) -> str:
        """Take an order: make its task, and charge it.

        :param order: what is ordered
        :return: the id of the task
        :raises RefusedError: if it is refused; nothing is charged then, unless the reason is in `STORED`
        """
        with self.lock:
            self.check_user()
            return self.enter(order)

    def enter(self, order: Order) -> str:
        """Take an order of a user whose limits allow it.

        :param order: what is ordered
        :return: the id of the task
        :raises RefusedError: if it is refused; nothing is charged then, unless the reason is in `STORED`
        """
        wish = self.read(order.prompt)
        with self.lock:
            self.check_room()
            self.check_balance(order.action)
            task = self._task(order, wish)
            self.keep(task)
            self.charge(task, task.action)
        lose_if_asked(wish)
        return task.mj_task_id

    def charge(self, task: SandboxTask, action: str) -> None:
        """Charge what a submission costs.

        :param task: its task
        :param action: its action
        """
        price = price_of(action, is_relay=self.dialect.is_relay)
        logs = Condition.LOG_OFF not in self.conditions
        self.account.charge(task.mj_task_id, action, price, self.clock(), logs=logs)

    def check_user(self) -> None:
        """See that the key's user may submit one more task.

        :raises RefusedError: if a limit is reached
        """
        if self.user_limits is not None:
            check_user(self.user_limits, list(self.tasks.values()), self.clock())

    def check_balance(self, action: str) -> None:
        """See that the key can pay for a submission.

        :param action: its action
        :raises RefusedError: if it can't
        """
        self.account.check(price_of(action, is_relay=self.dialect.is_relay))

    def read(self, prompt: str) -> Wish:
        """Read a prompt as it is submitted.

        :param prompt: the prompt
        :raises RefusedError: if it is banned, has a wrong directive, or asks to be refused
        """
        return read_wish(prompt, self.dialect, self.banned_words)

    def check_room(self, places: int = 1) -> None:
        """See that the queue has room.

        :param places: for how many tasks
        :raises RefusedError: if it has not, or the gateway holds as many tasks as it can
        """
        if len(self.tasks) + places > MOST_TASKS:
            raise RefusedError(Reason.QUEUE_FULL, f"the sandbox holds {MOST_TASKS} tasks; start it anew")
        if self.queue_limit is not None and self.busy() + places > self.queue_limit:
            raise RefusedError(Reason.QUEUE_FULL, f"{self.queue_limit} tasks are unfinished")

    def keep(self, task: SandboxTask) -> None:
        """Put a task in its place, as a new one or as what became of it."""
        with self.lock:
            self.tasks[task.mj_task_id] = self._by_job[task.job] = task

    def new_names(self) -> tuple[str, str]:
        """Return an id and a job UUID for a task."""
        with self.lock:
            mj_task_id = self._next_id(self.clock())
        return mj_task_id, _job(self._seed, mj_task_id)

    def finished(self, mj_task_id: str) -> SandboxTask:
        """Return a task that something can follow from.

        :param mj_task_id: the task
        :raises RefusedError: if it is unknown or has not ended well
        """
        task, seen = self.known(mj_task_id)
        if seen.status is not TaskStatus.SUCCESS:
            raise RefusedError(Reason.UNFINISHED_PARENT, f"the task is {seen.status}")
        return task

    def known(self, mj_task_id: str) -> tuple[SandboxTask, Snapshot]:
        """Return a task and what it shows now.

        :param mj_task_id: the task
        :raises RefusedError: if it is unknown
        """
        task, seen = self.tasks.get(mj_task_id), self.look(mj_task_id)
        if task is None or seen is None:
            raise RefusedError(Reason.UNKNOWN_PARENT, "no such task")
        return task, seen

    def look(self, mj_task_id: str) -> Snapshot | None:
        """Return what a task shows now, or None if there is no such task.

        :param mj_task_id: the task
        """
        task = self.tasks.get(mj_task_id)
        return None if task is None else self.shown(task)

    def shown(self, task: SandboxTask) -> Snapshot | None:
        """Return what fetch shows of a task now, or None if it has vanished.

        :param task: the task
        """
        now = self.clock()
        return copied(task, now, self.loop_seconds) if self.dialect.is_relay else look(task, now)

    def view(self, mj_task_id: str, base_url: str) -> View | None:
        """Return all that a task object is written from, or None if there is no such task.

        :param mj_task_id: the task
        :param base_url: scheme, host and port that links begin with
        """
        task = self.tasks.get(mj_task_id)
        return None if task is None else self.view_of(task, base_url)

    def view_of(self, task: SandboxTask, base_url: str, seen: Snapshot | None = None) -> View | None:
        """Return all that the object of a task is written from, or None if it has vanished.

        :param task: the task
        :param base_url: scheme, host and port that links begin with
        :param seen: what it shall show; None for what fetch shows
        """
        seen = seen or self.shown(task)
        return None if seen is None else view_of(self, task, seen, base_url)

    def presses(self, task: SandboxTask) -> tuple[Press, ...]:
        """Return the buttons of a finished task."""
        job_hash = task.job.replace("-", "")[:6] if self.dialect.short_hash else task.job
        has_motion = self.dialect.has_motion
        return tuple(
            press for press in presses(task, job_hash) if has_motion or press.shape is not Shape.VIDEO
        )

    def busy(self) -> int:
        """Return how many tasks are in the queue or running."""
        now = self.clock()
        return sum(occupies(task, now) for task in list(self.tasks.values()))

    def task_of_job(self, job: str) -> SandboxTask | None:
        """Return the task that a job UUID belongs to, or None."""
        return self._by_job.get(job)

    def saw(self, method: str, path: str) -> RequestSeen:
        """Note a request.

        :return: the note; its body is put on it by :meth:`saw_body`
        """
        seen = RequestSeen(method, path[:PATH_LIMIT], self.clock())
        with self.lock:
            self._requests.append(seen)
            self.request_count += 1
        return seen

    def saw_body(self, seen: RequestSeen, body: bytes) -> None:
        """Put the body of a request on its note."""
        with self.lock:
            self._bodies.put(seen, body)

    def _task(self, order: Order, wish: Wish) -> SandboxTask:
        ending, window = self._ending(wish.ending), order.window
        if ending is Ending.MODAL:
            ending, window = Ending.SUCCESS, Window.PROMPT
        mj_task_id, job = self.new_names()
        seconds = order.seconds if wish.seconds is None else wish.seconds
        return SandboxTask(
            mj_task_id=mj_task_id,
            job=job,
            action=self.dialect.actions.get(order.action, order.action),
            prompt=order.prompt,
            state=order.state,
            submitted_at=self.clock(),
            seconds=self.task_seconds if seconds is None else seconds,
            ending=ending,
            fail_reason=self.dialect.banned_reason if ending is Ending.BANNED else wish.fail_reason,
            picture=order.picture or Picture(job, wish.text),
            shape=order.shape,
            lines=order.lines,
            clips=order.clips,
            has_four=wish.has_four,
            parent_id=order.parent_id,
            window=window if self.dialect.has_modal else None,
            stuck_as=wish.stuck_as,
            translated=order.translated,
        )

    def _ending(self, wished: Ending | None) -> Ending:
        if wished is not None:
            return wished
        drawn = self._random.random()
        for ending, rate in self.ending_rates.items():
            if drawn < rate:
                return ending
            drawn -= rate
        return Ending.SUCCESS

    def _next_id(self, now: float) -> str:
        # Gateways make ids of a timestamp in ms and three random digits; two in one ms must still differ.
        number = int(now * 1000) * 1000 + self._random.randrange(1000)
        self._last_number = max(number, self._last_number + 1)
        return f"{self.dialect.id_prefix}{self._last_number:016d}"

    def _refunded_at(self, mj_task_id: str) -> float | None:
        """Return when the charges of a task are given back, unix seconds, or None."""
        task = self.tasks[mj_task_id]
        if task.ends_at is None:
            return None
        seen = look(task, task.ends_at)
        failed = seen is not None and seen.status is TaskStatus.FAILURE and self.dialect.refunds_failures
        gives_back = failed or (seen is not None and seen.given_up)
        return turn_after(task.ends_at, self.loop_seconds) if gives_back else None


def lose_if_asked(wish: Wish) -> None:
    """Answer as if nobody knew of the task that was just made, where its prompt asks for that.

    :param wish: what the prompt asks for
    :raises RefusedError: if it asks for that
    """
    if wish.refusal in STORED:
        raise RefusedError(wish.refusal, "the sandbox was asked to lose it")


def _job(seed: int, mj_task_id: str) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(f"{seed} {mj_task_id}".encode()).digest()[:16], version=4))
