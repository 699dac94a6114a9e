"""The trigger that waits for tasks at a gateway: it serializes, listens to the shared poller, fires once."""

from __future__ import annotations

import asyncio
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import ModuleType

    from airflow_provider_mj.gateway.waiting import Outcome, Stop
    from airflow_provider_mj.triggers.poller import Poller

_SHARING = "airflow_provider_mj.triggers.sharing"
# The first question that a triggerer has to answer takes it many seconds on a busy machine.
_ASK_SECONDS = 120.0
_loaded: list[ModuleType] = []
_cancelling: set[asyncio.Task[None]] = set()


class MJTaskTrigger(BaseTrigger):
    """Wait for tasks at a gateway, together with every other trigger of the same connection.

    It fires one event ``{"mj_task_ids": [...], "outcomes": {id: {"outcome": ..., "message": ...}}}``, or
    ``{"mj_task_ids": [...], "error": ...}`` when it can't wait. Its arguments are stored in plain text: they
    hold no secret and nothing of what was submitted.

    :param mj_task_ids: the remote tasks.
    :param mj_conn_id: id of the Airflow connection of type ``mj``.
    :param poll_interval: seconds between two looks, above 0; the first look is one interval from now.
    :param deadline: when the wait ends at the latest, in epoch seconds.
    :param started_at: when the wait began, in epoch seconds; now if None.
    :param min_success: how many tasks have to succeed; all if None.
    :param fail_fast: whether the first task that does not succeed ends the wait.
    :param cancel_on_kill: whether to cancel the tasks at the gateway when a person marks the Airflow task as
        failed, skipped or succeeded.
    :param confirmed: whether status MODAL was answered already, and means "in the queue".
    """

    def __init__(
        self,
        mj_task_ids: Sequence[str],
        mj_conn_id: str,
        poll_interval: float,
        deadline: float,
        started_at: float | None = None,
        min_success: int | None = None,
        fail_fast: bool = False,
        cancel_on_kill: bool = False,
        confirmed: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.mj_task_ids = list(mj_task_ids)
        self.mj_conn_id = mj_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.started_at = time.time() if started_at is None else started_at
        self.min_success = min_success
        self.fail_fast = fail_fast
        self.cancel_on_kill = cancel_on_kill
        self.confirmed = confirmed

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what the trigger is made of again, in another triggerer or after a restart."""
        return (
            "airflow_provider_mj.triggers.mj.MJTaskTrigger",
            {
                "mj_task_ids": self.mj_task_ids,
                "mj_conn_id": self.mj_conn_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "started_at": self.started_at,
                "min_success": self.min_success,
                "fail_fast": self.fail_fast,
                "cancel_on_kill": self.cancel_on_kill,
                "confirmed": self.confirmed,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire."""
        try:
            poller = await (await _sharing()).shared_poller(self.mj_conn_id)
            stops = await self._wait(poller)
        except Exception as error:  # noqa: BLE001 (a person has to see it in the task's log, whatever it is)
            yield TriggerEvent({"mj_task_ids": self.mj_task_ids, "error": _in_words(error)})
            return
        outcomes = {
            mj_task_id: {"outcome": stop.outcome.value, "message": stop.message}
            for mj_task_id, stop in stops.items()
        }
        yield TriggerEvent({"mj_task_ids": self.mj_task_ids, "outcomes": outcomes})

    async def on_kill(self) -> None:
        """Cancel at the gateway what a person has ended for good.

        Airflow 3.3 and later calls this when a person marks the task or clears it, and also when another
        triggerer takes it over from this one, which it takes for dead. Only the first ends it for good; which
        it was, the state tells that Airflow has for the task. A restart of the triggerer never comes here.
        """
        if not self.cancel_on_kill:
            return
        # Airflow tells a trigger that it is cancelled about every second until it is gone, and each time
        # breaks off what this awaits.
        cancelling = asyncio.create_task(self._cancel_if_ended(), name="mj-cancel")
        _cancelling.add(cancelling)
        cancelling.add_done_callback(_cancelling.discard)
        await asyncio.shield(cancelling)

    async def _cancel_if_ended(self) -> None:
        killed = await asyncio.to_thread(import_module, "airflow_provider_mj.killed")
        state = await asyncio.to_thread(killed.state_now, self.task_instance, _ASK_SECONDS)
        if not killed.is_ended_for_good(state):
            self.log.info(
                "Nothing is cancelled, since a later try may collect it: Airflow has this task as %s", state
            )
            return
        client = await (await _sharing()).new_client(self.mj_conn_id)
        for mj_task_id in self.mj_task_ids:
            try:
                await asyncio.to_thread(client.cancel, mj_task_id)
            except Exception as error:  # noqa: BLE001 (the other tasks are to be cancelled all the same)
                self.log.warning("Task %s was not cancelled and goes on: %s", mj_task_id, _in_words(error))
            else:
                self.log.info("Task %s is cancelled at gateway %s", mj_task_id, client.gateway)

    async def _wait(self, poller: Poller) -> dict[str, Stop]:
        from airflow_provider_mj.gateway.waiting import Goal, GoOn, Wait
        from airflow_provider_mj.polling import tell

        wait = Wait(
            gateway=poller.gateway,
            started_at=self.started_at,
            deadline=self.deadline,
            interval=self.poll_interval,
            confirmed=self.confirmed,
        )
        goal = Goal(total=len(set(self.mj_task_ids)), min_success=self.min_success, fail_fast=self.fail_fast)
        # The class's logger and not the instance's: its lines go to the same place, and there is only one.
        log = self.logger()
        stops: dict[str, Stop] = {}
        with poller.subscribe(wait, self.mj_task_ids) as news:
            while not goal.is_over(self._outcomes(stops)):
                steps = await news.next()
                tell(log, (step for step in steps.values() if isinstance(step, GoOn)))
                stops |= {one: step for one, step in steps.items() if not isinstance(step, GoOn)}
        return stops

    @staticmethod
    def _outcomes(stops: dict[str, Stop]) -> list[Outcome]:
        return [stop.outcome for stop in stops.values()]


def _in_words(error: Exception) -> str:
    """Say what went wrong; what a library says may come from outside."""
    from airflow_provider_mj.gateway.errors import GatewayError
    from airflow_provider_mj.gateway.settings import SettingsError
    from airflow_provider_mj.gateway.shown import quote

    is_ours = isinstance(error, GatewayError | SettingsError)
    return f"{type(error).__name__}: {error if is_ours else quote(str(error))}"


async def _sharing() -> ModuleType:
    """Import what waits; the triggerer imports triggers in its event loop, where no other could run then."""
    # Not by sys.modules: while one trigger imports it, the half of it would be there for all others.
    if not _loaded:
        _loaded.append(await asyncio.to_thread(import_module, _SHARING))
    return _loaded[0]
