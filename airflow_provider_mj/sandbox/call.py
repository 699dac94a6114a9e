"""The parts of a request that endpoints look at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """The parts of a request that endpoints look at.

    :param body: the body
    :param base_url: scheme, host and port under which the caller reached the gateway
    :param mj_task_id: the task in the path, or ""
    """

    body: bytes
    base_url: str
    mj_task_id: str = ""
