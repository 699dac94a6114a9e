"""The gateway itself, without HTTP: its tasks, ledger, faults and the requests that it saw."""

from __future__ import annotations

import hashlib
import random
import threading
import time
import uuid
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from .answers import Reason, RefusedError
from .buttons import presses
from .course import Picture, SandboxTask, Shape, Snapshot, Window, look, occupies
from .faults import FaultPlan
from .ledger import PRICES, Charge, Ledger
from .links import LinkSigner
from .orders import Order
from .prompts import Ending, banned_word, read_prompt
from .rows import View
from .seen import BodyShelf, RequestSeen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .dialects import Dialect
    from .press import Press
    from .prompts import Wish

CONCURRENCY = 3
"""Running tasks from which on a submission is answered as queued (22)."""
PREVIEW_PERCENT = 30
_RELAYS_ONLY = (Reason.QUOTA, Reason.LOST)


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
    ) -> None:
        self.dialect = dialect
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
            self.requests: list[RequestSeen] = []
            self.confirmations: dict[str, int] = {}
            self.answered: set[str] = set()
            self._by_job: dict[str, SandboxTask] = {}
            self._bodies = BodyShelf()
            self._ledger = Ledger()
            self.faults.clear()

    @property
    def ledger(self) -> Ledger:
        """What was charged and, where the dialect refunds a FAILURE, given back up to now."""
        if self.dialect.refunds_failures:
            self._refund(self.clock())
        return self._ledger

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
        :raises RefusedError: if it is refused; nothing is charged then, unless the reason is `LOST`
        """
        wish = self.read(order.prompt)
        with self.lock:
            self.check_room()
            task = self._task(order, wish)
            self.keep(task)
            price = PRICES[task.action]
            self._ledger.charges.append(Charge(task.mj_task_id, task.action, price, task.submitted_at))
        lose_if_asked(wish)
        return task.mj_task_id

    def read(self, prompt: str) -> Wish:
        """Read a prompt as it is submitted.

        :param prompt: the prompt
        :raises RefusedError: if it is banned, has a wrong directive, or asks to be refused
        """
        word = banned_word(prompt, self.banned_words)
        if word is not None:
            raise RefusedError(
                Reason.BANNED_PROMPT, "the prompt is banned", {"promptEn": prompt, "bannedWord": word}
            )
        wish = read_prompt(prompt)
        if wish.ending is Ending.MODAL and not self.dialect.has_modal:
            raise RefusedError(Reason.BAD_PARAMETER, f"{self.dialect.name} has no MODAL")
        if wish.refusal in _RELAYS_ONLY and not self.dialect.is_relay:
            raise RefusedError(Reason.BAD_PARAMETER, f"only gateways like new-api know [[{wish.refusal}]]")
        if wish.refusal is not None and wish.refusal is not Reason.LOST:
            raise RefusedError(wish.refusal, "the sandbox was asked to refuse it")
        return wish

    def check_room(self, places: int = 1) -> None:
        """See that the queue has room.

        :param places: for how many tasks
        :raises RefusedError: if it has not
        """
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
        return None if task is None else look(task, self.clock())

    def view(self, mj_task_id: str, base_url: str) -> View | None:
        """Return all that a task object is written from, or None if there is no such task.

        :param mj_task_id: the task
        :param base_url: scheme, host and port that links begin with
        """
        task = self.tasks.get(mj_task_id)
        return None if task is None else self.view_of(task, base_url)

    def view_of(self, task: SandboxTask, base_url: str) -> View | None:
        """Return all that the object of a task is written from, or None if it has vanished.

        :param task: the task
        :param base_url: scheme, host and port that links begin with
        """
        seen = look(task, self.clock())
        if seen is None:
            return None
        if seen.status is TaskStatus.SUCCESS and seen.finished_at is not None:
            return self._finished_view(task, seen, seen.finished_at, base_url)
        preview_url = None
        if seen.started_at is not None and seen.finished_at is None and seen.percent >= PREVIEW_PERCENT:
            preview_url = base_url + self.signer.link(task, seen.started_at, preview=True)
        return View(task, seen, preview_url=preview_url)

    def presses(self, task: SandboxTask) -> tuple[Press, ...]:
        """Return the buttons of a finished task."""
        job_hash = task.job.replace("-", "")[:6] if self.dialect.short_hash else task.job
        return tuple(
            press for press in presses(task, job_hash) if press.action != "VIDEO" or self.dialect.has_motion
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
        seen = RequestSeen(method, path, self.clock())
        self.requests.append(seen)
        return seen

    def saw_body(self, seen: RequestSeen, body: bytes) -> None:
        """Put the body of a request on its note."""
        with self.lock:
            self._bodies.put(seen, body)

    def _finished_view(self, task: SandboxTask, seen: Snapshot, at: float, base_url: str) -> View:
        image_url = None if task.shape is Shape.ANALYSIS else base_url + self.signer.link(task, at)
        clip_urls = tuple(base_url + self.signer.link(task, at, clip=clip) for clip in range(task.clips))
        quarter_urls = tuple(base_url + self.signer.link(task, at, quarter=one) for one in task.quarters)
        return View(task, seen, self.presses(task), image_url, clip_urls=clip_urls, quarter_urls=quarter_urls)

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

    def _refund(self, now: float) -> None:
        with self.lock:
            refunded = {refund.mj_task_id for refund in self._ledger.refunds}
            for charge in self._ledger.charges:
                seen = look(self.tasks[charge.mj_task_id], now)
                failed_at = seen.finished_at if seen and seen.status is TaskStatus.FAILURE else None
                if failed_at is not None and charge.mj_task_id not in refunded:
                    refund = Charge(charge.mj_task_id, charge.action, charge.amount, failed_at)
                    self._ledger.refunds.append(refund)


def lose_if_asked(wish: Wish) -> None:
    """Answer as if the task that was just made had been lost, where its prompt asks for that.

    :param wish: what the prompt asks for
    :raises RefusedError: if it asks for that
    """
    if wish.refusal is Reason.LOST:
        raise RefusedError(Reason.LOST, "the sandbox was asked to lose it")


def _job(seed: int, mj_task_id: str) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(f"{seed} {mj_task_id}".encode()).digest()[:16], version=4))
