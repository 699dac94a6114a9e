"""The gateway itself, without HTTP: its tasks, ledger, faults and the requests that it saw."""

from __future__ import annotations

import hashlib
import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from .answers import Reason, RefusedError
from .buttons import Press, presses
from .course import Picture, SandboxTask, Snapshot, look
from .faults import FaultPlan
from .ledger import PRICES, Charge, Ledger
from .links import LinkSigner
from .prompts import Ending, banned_word, read_prompt
from .rows import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .dialects import Dialect

CONCURRENCY = 3
"""Running tasks from which on a submission is answered as queued (22)."""
PREVIEW_PERCENT = 30


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """A request to the gateway, without its headers, so that it holds no key.

    :param method: HTTP method
    :param path: path without query
    :param at: unix seconds
    """

    method: str
    path: str
    at: float


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
    ) -> None:
        self.dialect = dialect
        self.key = key
        self.clock = clock
        self.task_seconds = task_seconds
        self.banned_words = frozenset(word.lower() for word in banned_words)
        self.ending_rates = dict(ending_rates or {})
        self.signer = LinkSigner(f"sandbox {seed}".encode(), link_seconds)
        self.faults = FaultPlan(seed)
        self._seed = seed
        self._random = random.Random(seed)
        self._last_number = 0
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget all tasks, charges, requests and faults, so that one server serves many tests."""
        with self._lock:
            self.tasks: dict[str, SandboxTask] = {}
            self.requests: list[RequestSeen] = []
            self._by_job: dict[str, SandboxTask] = {}
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
        word = banned_word(prompt, self.banned_words)
        if word is not None:
            raise RefusedError(
                Reason.BANNED_PROMPT, "the prompt is banned", {"promptEn": prompt, "bannedWord": word}
            )
        return self._start("IMAGINE", prompt, state, picture=None)

    def press(self, mj_task_id: str, custom_id: str, state: str | None = None) -> str:
        """Press a button of a finished task.

        :param mj_task_id: the task whose button it is
        :param custom_id: the button's `customId`
        :param state: the caller's own text
        :return: the id of the new task
        :raises RefusedError: if the task is unknown or unfinished, or has no such button
        """
        parent, seen = self.tasks.get(mj_task_id), self.look(mj_task_id)
        if parent is None or seen is None:
            raise RefusedError(Reason.UNKNOWN_PARENT, "no such task")
        if seen.status is not TaskStatus.SUCCESS:
            raise RefusedError(Reason.UNFINISHED_PARENT, f"the task is {seen.status}")
        press = next((press for press in self._presses(parent) if press.custom_id == custom_id), None)
        if press is None:
            raise RefusedError(Reason.UNKNOWN_ACTION, custom_id[:200])
        return self._start(self._action(press, parent), parent.prompt, state, _upscaled(parent, press))

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
        seen = self.look(mj_task_id)
        return None if seen is None else self._view(self.tasks[mj_task_id], seen, base_url)

    def busy(self) -> int:
        """Return how many tasks are unfinished."""
        now = self.clock()
        recent = (look(task, now) for task in list(self.tasks.values()))
        return sum(1 for seen in recent if seen is not None and seen.finished_at is None)

    def task_of_job(self, job: str) -> SandboxTask | None:
        """Return the task that a job UUID belongs to, or None."""
        return self._by_job.get(job)

    def saw(self, method: str, path: str) -> None:
        """Note a request."""
        self.requests.append(RequestSeen(method, path, self.clock()))

    def _view(self, task: SandboxTask, seen: Snapshot, base_url: str) -> View:
        image_url = preview_url = None
        if seen.status is TaskStatus.SUCCESS and seen.finished_at is not None:
            image_url = base_url + self.signer.link(task, seen.finished_at)
        elif seen.started_at is not None and seen.finished_at is None and seen.percent >= PREVIEW_PERCENT:
            preview_url = base_url + self.signer.link(task, seen.started_at, preview=True)
        return View(task, seen, self._presses(task) if image_url else (), image_url, preview_url)

    def _presses(self, task: SandboxTask) -> tuple[Press, ...]:
        return presses(task, task.job.replace("-", "")[:6] if self.dialect.short_hash else task.job)

    def _action(self, press: Press, parent: SandboxTask) -> str:
        keeps = press.action == "REROLL" and self.dialect.reroll_keeps_action
        return parent.action if keeps else press.action

    def _start(self, action: str, prompt: str, state: str | None, picture: Picture | None) -> str:
        wish = read_prompt(prompt)
        with self._lock:
            now = self.clock()
            ending = self._ending(wish.ending)
            mj_task_id = self._next_id(now)
            job = _job(self._seed, mj_task_id)
            task = SandboxTask(
                mj_task_id=mj_task_id,
                job=job,
                action=action,
                prompt=prompt,
                state=state,
                submitted_at=now,
                seconds=self.task_seconds if wish.seconds is None else wish.seconds,
                ending=ending,
                fail_reason=wish.fail_reason,
                picture=picture or Picture(job, wish.text),
            )
            self.tasks[mj_task_id] = self._by_job[job] = task
            self._ledger.charges.append(Charge(mj_task_id, action, PRICES[action], now))
        return mj_task_id

    def _ending(self, wished: Ending | None) -> Ending:
        if wished is Ending.MODAL and not self.dialect.has_modal:
            raise RefusedError(Reason.BAD_PARAMETER, f"{self.dialect.name} has no MODAL")
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
        with self._lock:
            refunded = {refund.mj_task_id for refund in self._ledger.refunds}
            for charge in self._ledger.charges:
                seen = look(self.tasks[charge.mj_task_id], now)
                failed_at = seen.finished_at if seen and seen.status is TaskStatus.FAILURE else None
                if failed_at is not None and charge.mj_task_id not in refunded:
                    refund = Charge(charge.mj_task_id, charge.action, charge.amount, failed_at)
                    self._ledger.refunds.append(refund)


def _upscaled(parent: SandboxTask, press: Press) -> Picture | None:
    if press.action != "UPSCALE":
        return None
    return Picture(parent.picture.seed, parent.picture.text, press.quarter)


def _job(seed: int, mj_task_id: str) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(f"{seed} {mj_task_id}".encode()).digest()[:16], version=4))
