"""What an earlier run has saved of a task, for when its links are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_mj.keeping.media import EXTENSIONS
from airflow_provider_mj.keeping.names import file_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.keeping.storing import Folder

_TOLD = ("index", "width", "height", "bytes", "sha256", "contentType")


def saved_earlier(
    folder: Folder, template: str, task: Task, indexes: Iterable[int]
) -> list[dict[str, Any]] | None:
    """Find the files of a task that were saved before, each checked against the history beside it.

    :param folder: where they would be.
    :param template: of their names.
    :param task: the task.
    :param indexes: which files there must be.
    :returns: for each file what saving it gave; None unless all are there.
    """
    found = []
    for index in indexes:
        one = _saved_earlier(folder, template, task, index)
        if one is None:
            return None
        found.append(one)
    return found


def _saved_earlier(folder: Folder, template: str, task: Task, index: int) -> dict[str, Any] | None:
    # The ending comes from a file's own bytes, which are not there to look at.
    for name in (file_name(template, task, index, extension) for extension in EXTENSIONS):
        history = folder.read_json(f"{name}.json")
        if history is None or history.get("id") != task.id:
            continue
        file = folder.look(name)
        if file is not None and file.sha256 == history.get("sha256"):
            return {"uri": file.uri} | {key: history.get(key) for key in _TOLD}
    return None
