"""What everything that waits has in common: its hook, waiting in the triggerer, and being killed."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_mj.rendering import AuthorsTemplatesMixin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_mj.gateway.waiting import Doubt, Goal
    from airflow_provider_mj.hooks.mj import MJHook
    from airflow_provider_mj.polling import Watch

# Airflow's own timeout of a deferral names no task, so it comes this many seconds after ours.
_NET = 300.0


class WaitsMixin(AuthorsTemplatesMixin):
    """Waits for tasks at a gateway, in this process or in the triggerer.

    The class that it is mixed into is an operator, and sets the attributes that are declared here.
    """

    mj_conn_id: str
    cancel_on_kill: bool
    log: Any
    defer: Callable[..., NoReturn]
    _watch: Watch | None = None
    _event: Any = None

    @cached_property
    def hook(self) -> MJHook:
        """The hook of the connection."""
        from airflow_provider_mj.hooks.mj import MJHook

        return MJHook(self.mj_conn_id)

    def on_kill(self) -> None:
        """Cancel at the gateway what is not finished, if ``cancel_on_kill`` and a person ended the task.

        Airflow calls this whenever it ends the process: because a person has marked the task as failed,
        skipped or succeeded, or cleared it, and because its machine goes. Only the first is the end of it;
        then Airflow has such a state for the task. Otherwise, and where Airflow does not tell, another try
        may collect what is paid for, and nothing is cancelled. After an ``execution_timeout`` neither.
        """
        open_ids = self._watch.open_ids if self._watch and self.cancel_on_kill else ()
        if not open_ids or isinstance(sys.exception(), AirflowTaskTimeout):
            return
        from airflow_provider_mj.killed import is_ended_for_good, state_now

        state = state_now(_task_instance())
        if not is_ended_for_good(state):
            self.log.info(
                "Nothing is cancelled, since a later try may collect it: Airflow has this task as %s", state
            )
            return
        for mj_task_id in open_ids:
            self._cancel(mj_task_id)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Take up what was deferred; Airflow calls this in place of ``execute``."""
        self._event = (next_kwargs or {}).get("event")
        return super().resume_execution(next_method, next_kwargs, context)  # type: ignore[misc]

    def _cancel(self, mj_task_id: str) -> None:
        from airflow_provider_mj.gateway.errors import GatewayError

        try:
            self.hook.cancel(mj_task_id)
        except GatewayError as error:
            self.log.warning("Task %s was not cancelled and goes on: %s", mj_task_id, error)
        else:
            self.log.info("Task %s is cancelled at gateway %s", mj_task_id, self.hook.gateway)

    def _start(
        self,
        mj_task_ids: Sequence[str],
        *,
        timeout: float,
        interval: float,
        goal: Goal | None = None,
        since: float | None = None,
        answered: bool = False,
        confirmed: bool = False,
    ) -> Watch:
        """Begin to wait, or take up a wait that began in an earlier process, where the gateway answered."""
        from airflow_provider_mj.gateway.waiting import Goal, Wait
        from airflow_provider_mj.polling import Progress, Watch

        started_at = time.time() if since is None else since
        self._watch = Watch(
            mj_task_ids=mj_task_ids,
            wait=Wait(
                gateway=self.hook.gateway,
                started_at=started_at,
                deadline=started_at + timeout,
                interval=interval,
                confirmed=confirmed,
            ),
            goal=goal or Goal(total=len(set(mj_task_ids))),
            source=self.hook,
            progress=Progress(self.log),
            answered=answered or since is not None,
            doubts=proved_doubts(self._event, started_at),
        )
        return self._watch

    def _defer(self, watch: Watch, **kwargs: Any) -> NoReturn:
        """Go on waiting in the triggerer, and come back in ``execute_complete`` with these arguments."""
        from airflow_provider_mj.triggers.mj import MJTaskTrigger

        wait = watch.wait
        self.defer(
            trigger=MJTaskTrigger(
                mj_task_ids=list(watch.mj_task_ids),
                mj_conn_id=self.mj_conn_id,
                poll_interval=wait.interval,
                deadline=wait.deadline,
                started_at=wait.started_at,
                min_success=watch.goal.min_success,
                fail_fast=watch.goal.fail_fast,
                cancel_on_kill=self.cancel_on_kill,
                confirmed=wait.confirmed,
            ),
            method_name="execute_complete",
            kwargs={"started_at": wait.started_at, **kwargs},
            timeout=timedelta(seconds=max(0.0, wait.deadline - time.time()) + _NET),
        )


def proved_doubts(event: Any, moment: float) -> dict[str, Doubt]:
    """Give the ends that cost a picture and that the triggerer has made sure of: one more look settles them.

    Without this, the worker that resumes would have to make sure of them again, for half a minute.

    :param event: what the trigger fired; that of another kind of trigger proves nothing.
    :param moment: when the wait began, in epoch seconds.
    """
    from airflow_provider_mj.gateway.waiting import Doubt, Outcome

    outcomes = event.get("outcomes") if isinstance(event, dict) else None
    costly = (Outcome.NOT_FOUND, Outcome.UNAUTHORIZED)
    return {
        mj_task_id: Doubt.proved(Outcome(told["outcome"]), moment)
        for mj_task_id, told in (outcomes or {}).items()
        if told["outcome"] in costly
    }


def _task_instance() -> Any:
    """Give the task instance that runs in this process; None where none does."""
    from airflow.providers.common.compat.sdk import get_current_context

    try:
        return get_current_context()["ti"]
    except Exception:  # noqa: BLE001 (Airflow 2 and 3 raise different ones)
        return None


def check_event(event: dict[str, Any] | None, mj_task_ids: Sequence[str]) -> None:
    """Refuse an event that is not the end of this wait.

    :param event: what the trigger fired.
    :param mj_task_ids: the tasks that are waited for.
    :raises RuntimeError: when the wait in the triggerer failed, or the event is another's. The tasks go on at
        the gateway, and a retry waits for them again.
    """
    if event is None or event.get("mj_task_ids") != list(mj_task_ids):
        raise RuntimeError(f"the trigger's event is not about {', '.join(mj_task_ids)}")
    if error := event.get("error"):
        from airflow_provider_mj.gateway.shown import quote

        raise RuntimeError(
            f"waiting in the triggerer for {', '.join(mj_task_ids)} failed: {quote(str(error))}. The "
            "tasks go on at the gateway, and a retry waits for them again."
        )
