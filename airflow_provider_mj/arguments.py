"""Checks of what a DAG author passes: at once where it is a plain value, after rendering where it is not."""

from __future__ import annotations

import math
from datetime import timedelta

from airflow_provider_mj.gateway.ids import valid_task_id

_PLAIN = (str, int, float, bytes, list, tuple, set, frozenset, dict)


def check_task_id(value: object) -> None:
    """Refuse what can't be the id of one remote task, when an operator is constructed.

    A template or an ``XComArg`` is not known yet; it is checked when the task runs.

    :param value: the argument ``mj_task_id``.
    :raises ValueError: when it is a plain value and no id.
    """
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        return
    if value is None or isinstance(value, _PLAIN):
        valid_task_id(value)


def seconds(name: str, value: float | timedelta) -> float:
    """Read a length of time.

    :param name: the argument's name, for the message.
    :param value: seconds or a timedelta, above 0.
    :returns: seconds.
    :raises ValueError: when it is no number, or not above 0.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
        raise ValueError(f"{name} must be a number of seconds above 0 or a timedelta, got {value!r}")
    return float(number)
