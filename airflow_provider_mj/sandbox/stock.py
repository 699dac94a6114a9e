"""Tasks of old, so that lists are as long as those of a gateway that has been in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .course import Picture, SandboxTask
from .prompts import Ending

if TYPE_CHECKING:
    from .gateway import SandboxGateway

_PROMPT = (
    "a picture of somebody else's, with a prompt of the usual length, oil painting, at dawn --ar 16:9 --v 6.1"
)


def stock(gateway: SandboxGateway, count: int, days: float = 30.0) -> None:
    """Give a gateway finished tasks of somebody else's, spread over some days and charged to nobody.

    :param gateway: the gateway
    :param count: how many
    :param days: over how many days up to now
    """
    now = gateway.clock()
    for number in range(count):
        mj_task_id, job = gateway.new_names()
        task = SandboxTask(
            mj_task_id=mj_task_id,
            job=job,
            action="IMAGINE",
            prompt=_PROMPT,
            state=None,
            submitted_at=now - days * 86400 * (count - number) / (count + 1),
            seconds=0.0,
            ending=Ending.SUCCESS,
            fail_reason="",
            picture=Picture(job, _PROMPT),
        )
        gateway.keep(task)
