"""Names of files, from a template and what a gateway says. No I/O."""

from __future__ import annotations

import hashlib
import json
import string
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.task import Task

FIELDS = ("id", "index", "action")
"""What a template may hold."""

_LONGEST_ID = 80
_LONGEST_ACTION = 40
# 255 bytes are the most that file systems take; the ending and that of a file's history come on top.
_LONGEST = 220
_DIGEST = 12
_SAFE = frozenset(f"{string.ascii_letters}{string.digits}._-")


def check_template(template: str, *, is_split: bool) -> None:
    """Refuse a template of names that could not work.

    :param template: such as ``{id}_{index}``.
    :param is_split: whether a task may give several files.
    :raises ValueError: when it could lead out of the folder or make names too long, or when two files could
        get the same name.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except (TypeError, ValueError) as error:
        raise ValueError(f"name: {template!r} is no template ({error})") from None
    fields = {field for _, field, _, _ in parts if field is not None}
    if not fields <= set(FIELDS) or any(spec or conversion for _, _, spec, conversion in parts):
        raise ValueError(f"name may hold {{{'}, {'.join(FIELDS)}}}; got {template!r}")
    if not all(_SAFE.issuperset(literal) for literal, _, _, _ in parts) or template.startswith("."):
        raise ValueError(f"name may hold letters, digits and ._- and begin with no dot; got {template!r}")
    if "id" not in fields:
        raise ValueError(f"name must hold {{id}}, or one task would overwrite another; got {template!r}")
    if is_split and "index" not in fields:
        raise ValueError(f'name must hold {{index}} unless split="never"; got {template!r}')
    longest = template.format(id="x" * _LONGEST_ID, index=1000, action="x" * _LONGEST_ACTION)
    if len(longest) > _LONGEST:
        raise ValueError(f"name: {template!r} makes names that are too long")


def file_name(template: str, task: Task, index: int, extension: str) -> str:
    """Give the name of a picture's file.

    :param template: one that :func:`check_template` has let pass.
    :param task: the task; nothing that it says can lead out of the folder, or to another task's file.
    :param index: which of its pictures, from 1; 0 for an only one.
    :param extension: such as ``png``.
    :returns: a name without folders.
    """
    action = _safe(task.action or "none").lower()[:_LONGEST_ACTION]
    return f"{template.format(id=_safe_id(task.id), index=index, action=action)}.{extension}"


def own_name(name: str, task: Task, gateway: str) -> str:
    """Give a name that no file of another task has, not even of one with the same id.

    :param name: what :func:`file_name` gives.
    :param task: the task; its gateway and when it was submitted tell it from others.
    :param gateway: the gateway's host.
    :returns: a name without folders, the same each time.
    """
    stem, _, extension = name.rpartition(".")
    told = json.dumps([name, gateway, task.submit_time])
    digest = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:_DIGEST]
    return f"{stem[: _LONGEST - _DIGEST - 1]}={digest}.{extension}"


def _safe(text: str) -> str:
    """Make text that hides no file, leads nowhere, and is no option of a command."""
    runs = groupby(text, _SAFE.__contains__)
    return "".join("".join(run) if is_safe else "_" for is_safe, run in runs).lstrip(".-") or "_"


def _safe_id(task_id: str) -> str:
    """Give an id that differs wherever the ids differ."""
    safe = _safe(task_id)
    if safe == task_id and len(safe) <= _LONGEST_ID:
        return safe
    digest = hashlib.sha256(task_id.encode("utf-8", "replace")).hexdigest()[:_DIGEST]
    # No id that is safe by itself has such a sign.
    return f"{safe[: _LONGEST_ID - _DIGEST - 1]}={digest}"
