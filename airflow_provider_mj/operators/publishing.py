"""What operators push to XCom besides their return value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

PUBLISHED = ("imageUrl", "buttons")
"""Keys of the task that have an XCom of their own."""


def publish(context: Context, tasks: Sequence[dict[str, Any]]) -> Any:
    """Push what downstream tasks ask for most, and give the return value.

    :param context: Airflow's.
    :param tasks: the finished tasks, as :meth:`.Task.to_dict` gives them.
    :returns: the task itself where it is one, else the list.
    """
    for key in PUBLISHED:
        values = [task[key] for task in tasks]
        context["ti"].xcom_push(key=key, value=values[0] if len(values) == 1 else values)
    return tasks[0] if len(tasks) == 1 else list(tasks)
