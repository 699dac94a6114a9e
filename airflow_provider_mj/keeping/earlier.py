"""What an earlier run has saved of a task, for when its links are dead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.keeping.claims import is_of_another
from airflow_provider_mj.keeping.media import EXTENSIONS, content_type_of
from airflow_provider_mj.keeping.names import file_name, own_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.keeping.storing import Folder

_SHA256 = re.compile(r"[0-9a-f]{64}")
# A quarter can be larger than its grid was: with this, any is found, whatever the limit of a download.
_LARGEST = 256 * 1024 * 1024
_LONGEST_SIDE = 1 << 31


def saved_earlier(
    folder: Folder,
    template: str,
    task: Task,
    indexes: Iterable[int],
    *,
    gateway: str,
    max_bytes: int = 0,
) -> list[dict[str, Any]] | None:
    """Find the files of a task that were saved before, each checked against the history beside it.

    :param folder: where they would be; others may have written there as well.
    :param template: of their names.
    :param task: the task.
    :param indexes: which files there must be.
    :param gateway: the task's gateway; what was saved of another's task with the same id is not meant.
    :param max_bytes: the most bytes of a picture.
    :returns: for each file what saving it gave; None unless all are there.
    """
    most = max(max_bytes, _LARGEST)
    found = []
    for index in indexes:
        known = _known(folder, template, task, index, gateway)
        told = ((name, _told(history, index, kind, most)) for name, kind, history in known)
        one = next(filter(None, (_whole(folder, name, file) for name, file in told)), None)
        if one is None:
            return None
        found.append(one)
    return found


def _known(
    folder: Folder, template: str, task: Task, index: int, gateway: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the names under which a picture of the task is said to be, the kind of it, and its history."""
    # The ending comes from a file's own bytes, which are not there to look at.
    for extension in EXTENSIONS:
        first = file_name(template, task, index, extension)
        for name in (first, own_name(first, task, gateway)):
            history = folder.read_json(f"{name}.json")
            if history and history.get("id") == task.id and not is_of_another(history, task, gateway):
                yield name, content_type_of(extension), history


def _whole(folder: Folder, name: str, told: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what is told of a file, if the file is so."""
    file = told and folder.look(name, told["bytes"])
    return {"uri": file.uri} | told if told and file and file.sha256 == told["sha256"] else None


def _told(history: dict[str, Any], index: int, content_type: str, most: int) -> dict[str, Any] | None:
    """Return what a history says of its file, which goes to XCom; None unless all of it can be so."""
    told = {key: history.get(key) for key in ("width", "height", "bytes", "sha256")}
    sides = told["width"], told["height"]
    is_right = (
        history.get("index") == index
        and history.get("contentType") == content_type
        and (sides == (None, None) or all(_is_count(side, _LONGEST_SIDE) for side in sides))
        and _is_count(told["bytes"], most)
        and isinstance(told["sha256"], str)
        and _SHA256.fullmatch(told["sha256"])
    )
    return {"index": index, "contentType": content_type} | told if is_right else None


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most
