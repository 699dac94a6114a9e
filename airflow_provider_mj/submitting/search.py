"""Looking for a submission at the gateway, until it can't be on its way any more."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Protocol

from airflow_provider_mj.gateway.errors import (
    GatewayDownError,
    GatewayError,
    GatewayUnreachableError,
    SearchFailedError,
)
from airflow_provider_mj.gateway.task import Task, has_gone_on, may_not_be_copied
from airflow_provider_mj.gateway.waiting import DOUBT_LOOKS, DOUBT_SECONDS
from airflow_provider_mj.submitting.charged import reconcile_charges, undecided
from airflow_provider_mj.submitting.marks import ANSWERED, is_ours
from airflow_provider_mj.submitting.reconcile import UNKNOWN, Reconciliation, Verdict, reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_mj.gateway.keylog import LogRow
    from airflow_provider_mj.polling import Log

SEARCH_INTERVAL = 5.0
"""Seconds between two looks at a gateway's list for a submission whose answer was lost."""

PATIENCE = 3.0
"""Submit timeouts until a request can't be under way any more: a gateway may go on with one whose client has
given up."""

LINGER = 60.0
"""Seconds for which a list is looked at after that: it proves absence when it shows what was made since."""

WRONG_CLOCK = 3600.0
"""Seconds by which the clock of another worker may have been wrong."""


class Lists(Protocol):
    """What a search needs of a hook."""

    @property
    def gateway(self) -> str:
        """The gateway's host and port."""

    @property
    def submit_timeout(self) -> float:
        """Seconds for which a submission may be under way."""

    def read_newest(self, read: Callable[[Iterable[Task]], Reconciliation], /) -> Reconciliation:
        """Read the tasks that the gateway lists without being told ids, and give what that makes of them."""

    def key_log(self) -> Sequence[LogRow]:
        """Give what the key was charged for."""

    def get_tasks(self, mj_task_ids: Iterable[str], /) -> Mapping[str, Task]:
        """Ask for tasks; one that is unknown is left out."""

    def look_alone(self, mj_task_id: str, /) -> Task | GatewayError:
        """Look at one task."""


LOG_CALLS = 3
"""How often the log of the key is asked for in one search; new-api allows some 20 calls in 20 minutes."""

LOG_AGE = 60.0
"""Seconds for which a log that was read serves the next search."""


LOOKS = 50
"""How many tasks are asked for one by one in a look, where a list shows only parts of them."""


@dataclass(kw_only=True)
class _Sought:
    """What is looked for, and how often the log of the key was asked for it."""

    state: str
    intent_at: float = 0.0
    over_at: float = 0.0
    begun_at: float = 0.0
    log_calls: int = 0
    is_log_open: bool = False
    """Whether the log could not be read when it was asked for last, and may be another time."""

    @property
    def by_name(self) -> bool:
        """Whether only the name in the mark is known, and not when it was made."""
        return not self.intent_at and not self.state.endswith(ANSWERED)

    def is_log_due(self, now: float, asked_at: float) -> bool:
        """Tell whether to ask for the log: at once, a third of the time later, and when the time is over."""
        if self.log_calls == 0:
            return now - asked_at > LOG_AGE or asked_at < self.over_at <= now
        if self.log_calls == 1 and now < self.over_at:
            return now >= self.begun_at + (self.over_at - self.begun_at) / LOG_CALLS
        return self.log_calls < LOG_CALLS and now >= self.over_at > asked_at


@dataclass
class _Seen:
    """What the gateway has shown so far, in all searches of a try.

    A gateway that is starting again, or what stands before it, may say of any call that it does not exist.
    """

    refused: int = 0
    refused_since: float = 0.0
    charges: Sequence[LogRow] = ()
    asked_at: float = -inf
    tasks: dict[str, Task] = field(default_factory=dict)

    def is_list_refused(self, now: float) -> bool:
        """Count one more look that has shown no list, and tell whether that is to be believed."""
        self.refused_since = self.refused_since if self.refused else now
        self.refused += 1
        return self.refused >= DOUBT_LOOKS and now - self.refused_since >= DOUBT_SECONDS


@dataclass(frozen=True, kw_only=True)
class Search:
    """Looks for what was submitted: in the gateway's list, or in the log of the key where it has none.

    :param desk: the hook.
    :param log: where lines go.
    """

    desk: Lists
    log: Log
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = field(default=time.sleep)
    _seen: _Seen = field(default_factory=_Seen, repr=False)

    def submission(self, state: str, intent_at: float) -> Reconciliation:
        """Look for a submission.

        :param state: the ``state`` that it carried. One of the author's own is not searched for, since other
            submissions may carry it as well.
        :param intent_at: when it was about to be sent, in epoch seconds; 0 if that is not known.
        :raises SearchFailedError: when the gateway can't be asked just now.
        """
        if not is_ours(state):
            return UNKNOWN
        over_at = self._over_at(intent_at)
        sought = _Sought(state=state, intent_at=intent_at, over_at=over_at, begun_at=self.now())
        return self._until_over(lambda: self._shown(sought), over_at)

    def answer(self, window: str, state: str, answer_at: float) -> Reconciliation:
        """Look whether the answer to a window has arrived.

        Gateways keep the press's state at an answered task, so a list that lacks the answer's proves nothing.

        :param window: the task that waits for it.
        :param state: the ``state`` that the answer carried.
        :param answer_at: when it was about to be sent, in epoch seconds.
        :raises GatewayError: when the gateway can't be asked just now.
        """
        over_at = self._over_at(answer_at)
        return self._until_over(lambda: self._answered(window, state), over_at)

    def window(self, mj_task_id: str) -> Task | GatewayError:
        """Look at a task that waits for a confirmation, until it shows whether it still does.

        new-api shows no status before it has copied one from what stands behind it, every 15 s: meanwhile
        somebody may have answered.

        :param mj_task_id: the task.
        :returns: the task, or the error in its place.
        :raises SearchFailedError: when it goes on showing no status.
        """
        until = self.now() + LINGER
        while isinstance(seen := self.desk.look_alone(mj_task_id), Task) and may_not_be_copied(seen.status):
            if self.now() >= until:
                break
            self.sleep(SEARCH_INTERVAL)
        if isinstance(seen, Task) and not seen.status:
            what = (
                "the task whose window is to be answered shows no status, so that it may have been answered"
            )
            raise SearchFailedError(what, gateway=self.desk.gateway, mj_task_id=mj_task_id)
        return seen

    @property
    def _patience(self) -> float:
        return PATIENCE * self.desk.submit_timeout

    def _over_at(self, intent_at: float) -> float:
        """Tell from when on a request can't be under way any more, by the clock of this process.

        It counts from now: the store may have been slow to take the intent, and another worker's clock may
        have been wrong. Of what was sent long ago nothing is under way by any clock.
        """
        return min(self.now(), intent_at + WRONG_CLOCK if intent_at else 0.0) + self._patience

    def _until_over(self, look: Callable[[], Reconciliation | None], over_at: float) -> Reconciliation:
        """Look again and again; None stops it, since looking again would tell no more."""
        linger_until = max(over_at, self.now()) + min(LINGER, self._patience)
        while True:
            now = self.now()
            found = look()
            if found is None or now >= (linger_until if found.may_tell else over_at):
                return found or UNKNOWN
            if found.verdict is not Verdict.UNKNOWN and not found.missing:
                return found
            left = over_at - now
            self.sleep(min(SEARCH_INTERVAL, left) if left > 0 else min(SEARCH_INTERVAL, self._patience / 8))

    def _answered(self, window: str, state: str) -> Reconciliation:
        seen = self.desk.look_alone(window)
        if isinstance(seen, GatewayError):
            raise seen
        if has_gone_on(seen.status):
            return Reconciliation(Verdict.FOUND, (seen,))
        if not is_ours(state):
            return UNKNOWN
        try:
            found = self._listed(_Sought(state=state), self.now())
        except GatewayError:
            return UNKNOWN
        return found if found.verdict is Verdict.FOUND else UNKNOWN

    def _shown(self, sought: _Sought) -> Reconciliation | None:
        """Look once; None where the gateway shows neither a list nor a log."""
        # What is taken after the list was asked for need not be in it, however late the list comes.
        now = self.now()
        try:
            return self._listed(sought, now)
        except (GatewayUnreachableError, GatewayDownError) as error:
            return self._not_now(sought, now, "its list of tasks", error)
        except GatewayError as error:
            charged = self._charged(sought, now)
            if charged is not None:
                return charged
            if not self._seen.is_list_refused(now):
                return Reconciliation(Verdict.UNKNOWN, may_tell=True)
            self.log.info("Gateway %s shows no list of tasks: %s", error.gateway, type(error).__name__)
            return None

    def _listed(self, sought: _Sought, now: float) -> Reconciliation:
        found = self.desk.read_newest(
            lambda tasks: reconcile(
                tasks,
                sought.state,
                intent_at=sought.intent_at,
                now=now,
                over_at=sought.over_at,
                patience=self._patience,
                by_name=sought.by_name,
            )
        )
        self._seen.refused = 0
        return found

    def _charged(self, sought: _Sought, now: float) -> Reconciliation | None:
        """Look into the log of the key; None where there is none."""
        seen = self._seen
        try:
            if sought.is_log_due(now, seen.asked_at):
                sought.log_calls, sought.is_log_open = sought.log_calls + 1, True
                seen.charges, seen.asked_at = self.desk.key_log(), now
                sought.is_log_open = False
            if not seen.charges:
                return Reconciliation(Verdict.UNKNOWN, may_tell=True) if sought.is_log_open else None
            seen.tasks |= self._tasks(undecided(seen.charges, seen.tasks, sought.intent_at, self._patience))
        except (GatewayUnreachableError, GatewayDownError) as error:
            return self._not_now(sought, now, "the log of the key", error)
        except GatewayError as error:
            sought.is_log_open = False
            self.log.info("Gateway %s shows no log of the key: %s", error.gateway, type(error).__name__)
            return None
        return reconcile_charges(
            seen.charges,
            seen.tasks,
            sought.state,
            intent_at=sought.intent_at,
            asked_at=seen.asked_at,
            over_at=sought.over_at,
            patience=self._patience,
            by_name=sought.by_name,
        )

    def _tasks(self, mj_task_ids: Sequence[str]) -> dict[str, Task]:
        """Ask for tasks with their states, which some gateways show only to who asks for one task."""
        if not mj_task_ids:
            return {}
        tasks = dict(self.desk.get_tasks(mj_task_ids))
        partial = [one for one in mj_task_ids if one in tasks and not tasks[one].is_whole]
        looks = {one: self.desk.look_alone(one) for one in partial[:LOOKS]}
        return tasks | {one: task for one, task in looks.items() if isinstance(task, Task)}

    def _not_now(self, sought: _Sought, now: float, what: str, error: GatewayError) -> Reconciliation:
        if now < sought.over_at:
            return UNKNOWN
        said = f"{what}, in which an earlier submission is looked for, can't be read"
        raise SearchFailedError(said, gateway=self.desk.gateway) from error
