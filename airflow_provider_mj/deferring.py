"""What everything that waits has in common: its hook, waiting in the triggerer, and being killed."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_mj.gateway.waiting import Goal
    from airflow_provider_mj.hooks.mj import MJHook
    from airflow_provider_mj.polling import Watch

# Airflow's own timeout of a deferral names no task, so it comes this many seconds after ours.
_NET = 300.0


class WaitsMixin:
    """Waits for tasks at a gateway, in this process or in the triggerer.

    The class that it is mixed into is an operator, and sets the attributes that are declared here.
    """

    mj_conn_id: str
    cancel_on_kill: bool
    log: Any
    defer: Callable[..., NoReturn]
    _watch: Watch | None = None

    @cached_property
    def hook(self) -> MJHook:
        """The hook of the connection."""
        from airflow_provider_mj.hooks.mj import MJHook

        return MJHook(self.mj_conn_id)

    def on_kill(self) -> None:
        """Cancel at the gateway what is not finished, if ``cancel_on_kill`` and the gateway can.

        Airflow calls this after its ``execution_timeout``, too, where a retry goes on waiting.
        """
        if isinstance(sys.exception(), AirflowTaskTimeout):
            return
        from airflow_provider_mj.gateway.errors import GatewayError

        for mj_task_id in self._watch.open_ids if self._watch and self.cancel_on_kill else ():
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
        raise RuntimeError(
            f"waiting in the triggerer for {', '.join(mj_task_ids)} failed: {error}. The tasks go on at the "
            "gateway, and a retry waits for them again."
        )
