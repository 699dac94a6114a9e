"""What happens to a task that waits in MODAL: the answer to its window, and a cancellation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.task import TaskStatus

from .answers import Reason, RefusedError
from .conditions import check_channel
from .course import Picture, SandboxTask, Window
from .gateway import lose_if_asked
from .prompts import Ending, read_prompt

if TYPE_CHECKING:
    from .gateway import SandboxGateway
    from .prompts import Wish


def final_prompt(task: SandboxTask) -> str:
    """Return the prompt that stands in a window when it opens."""
    return read_prompt(task.prompt).text


def confirm(gateway: SandboxGateway, mj_task_id: str, prompt: str, *, has_mask: bool) -> str:
    """Answer a window. Every attempt is counted; a relay takes, and charges, every one that it sends on.

    :param gateway: the gateway
    :param mj_task_id: the task in MODAL
    :param prompt: the prompt; if it is empty, what stands in the window is taken
    :param has_mask: whether a mask came with it
    :return: the id of the task to wait for, which some gateways make anew
    :raises RefusedError: if the task is unknown or does not wait for this answer
    """
    with gateway.lock:
        task, _ = gateway.known(mj_task_id)
        check_channel(gateway.conditions)
        if task.window is not None:
            gateway.confirmations[mj_task_id] = gateway.confirmations.get(mj_task_id, 0) + 1
        if gateway.dialect.is_relay and task.confirmed_at is not None:
            # Neither a relay nor the gateway behind it looks at the status: it is drawn and charged again.
            gateway.check_balance("MODAL")
            gateway.charge(task, "MODAL")
            return mj_task_id
        if not task.is_open or mj_task_id in gateway.answered:
            raise RefusedError(Reason.NOT_OPEN, "the task does not wait for an answer")
        if task.window is Window.MASK and not has_mask:
            raise RefusedError(Reason.BAD_PARAMETER, "maskBase64 is required")
        text = prompt if prompt.strip() else final_prompt(task)
        wish = gateway.read(text)
        gateway.check_room()
        gateway.check_balance("MODAL")
        gateway.answered.add(mj_task_id)
        running = _confirmed(gateway, task, text, wish)
        gateway.keep(running)
        gateway.charge(running, "MODAL")
    lose_if_asked(wish)
    return running.mj_task_id


def cancel(gateway: SandboxGateway, mj_task_id: str) -> None:
    """Cancel a task.

    :param gateway: the gateway
    :param mj_task_id: the task
    :raises RefusedError: if it is unknown or has ended
    """
    with gateway.lock:
        task, seen = gateway.known(mj_task_id)
        if seen.finished_at is not None:
            raise RefusedError(Reason.BAD_PARAMETER, "任务已结束")
        reason = gateway.dialect.cancel_reason
        ending = Ending.CANCEL if reason is None else Ending.FAIL
        gateway.keep(
            replace(task, cancelled_at=gateway.clock(), ending=ending, fail_reason=reason or task.fail_reason)
        )


def _confirmed(gateway: SandboxGateway, task: SandboxTask, text: str, wish: Wish) -> SandboxTask:
    now = gateway.clock()
    mj_task_id, job, submitted_at = task.mj_task_id, task.job, task.submitted_at
    if gateway.dialect.confirms_anew:
        (mj_task_id, job), submitted_at = gateway.new_names(), now
    ending = task.ending if wish.ending in {None, Ending.MODAL} else wish.ending
    return replace(
        task,
        mj_task_id=mj_task_id,
        job=job,
        submitted_at=submitted_at,
        prompt=text,
        picture=Picture(job, wish.text),
        has_four=task.has_four or wish.has_four,
        seconds=task.seconds if wish.seconds is None else wish.seconds,
        ending=ending or Ending.SUCCESS,
        stuck_as=wish.stuck_as,
        fail_reason=gateway.dialect.banned_reason if ending is Ending.BANNED else wish.fail_reason,
        confirmed_at=now,
        # The C# proxy leaves the status as it is until a worker takes the task from the queue.
        queued_as=TaskStatus.MODAL if gateway.dialect.queues_as_modal else TaskStatus.NOT_START,
    )
