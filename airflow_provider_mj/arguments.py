"""Checks of what a DAG author passes: at once where it is a plain value, after rendering where it is not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

from airflow_provider_mj.gateway.ids import InvalidTaskIdError, valid_task_id
from airflow_provider_mj.rendering import is_template

_PLAIN = (str, int, float, bytes, list, tuple, set, frozenset, dict)


def check_task_ids(mj_task_id: object, mj_task_ids: object) -> None:
    """Refuse what can't be ids of remote tasks, when an operator is constructed.

    A template or an ``XComArg`` is not known yet; it is checked when the task runs.

    :param mj_task_id: the argument of that name, for one task.
    :param mj_task_ids: the argument of that name, for several; None where one is meant.
    :raises ValueError: when both are given, or a plain value is no id or no list of ids.
    """
    if mj_task_ids is None:
        if not is_template(mj_task_id) and (mj_task_id is None or isinstance(mj_task_id, _PLAIN)):
            valid_task_id(mj_task_id)
        return
    if mj_task_id is not None:
        raise ValueError("give mj_task_id for one task or mj_task_ids for several, not both")
    if isinstance(mj_task_ids, _PLAIN) and not is_template(mj_task_ids):
        for one in _several(mj_task_ids):
            check_task_ids(one, None)


def task_ids(mj_task_id: object, mj_task_ids: object) -> list[str]:
    """Read the rendered arguments.

    :param mj_task_id: the one task, or None.
    :param mj_task_ids: the several tasks, or None.
    :returns: the ids as they were given.
    :raises ValueError: when they are no ids.
    """
    given = [mj_task_id] if mj_task_ids is None else _several(mj_task_ids)
    return [valid_task_id(one) for one in given]


def check_count(name: str, value: object) -> None:
    """Refuse what is no count of tasks.

    :param name: the argument's name, for the message.
    :param value: a whole number from 1, or None.
    :raises ValueError: when it is neither.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"{name} must be a whole number from 1, or None; got {value!r}")


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


def _several(value: object) -> Iterable[object]:
    # Any other iterable is taken: the XComs of mapped tasks come as a lazy sequence of a class of its own.
    if isinstance(value, str | bytes | dict | set | frozenset) or not isinstance(value, Iterable):
        raise InvalidTaskIdError(f"mj_task_ids must be a list of ids, got a {type(value).__name__}")
    return value
