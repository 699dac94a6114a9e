"""Whose file a name is: two gateways may have tasks of one id, and a gateway may give an id again.

The history beside a file tells: its gateway, and when its task was submitted. A new one is put in place
before its file, so that no two of them take one name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.keeping.names import own_name
from airflow_provider_mj.keeping.sources import sidecar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.keeping.storing import Folder, Written
    from airflow_provider_mj.polling import Log


def is_of_another(history: Mapping[str, Any], task: Task, gateway: str) -> bool:
    """Tell whether a history is that of another task.

    What one of both does not tell proves nothing: some gateways don't say when a task was submitted.

    :param history: what stands beside a file.
    :param task: the task.
    :param gateway: its gateway's host.
    """
    own = {"id": task.id, "gateway": gateway, "submitTime": task.submit_time}
    told = {key: history.get(key) for key in own}
    return any(isinstance(told[key], str) and told[key] != own[key] for key in own if told[key] and own[key])


@dataclass
class Claim:
    """A name for one file of a task, and the writing of both.

    :param folder: where to.
    :param task: the task.
    :param gateway: its gateway's host.
    :param name: the name that the file gets, unless another task's file has it.
    :param log: where lines go.
    """

    folder: Folder
    task: Task
    gateway: str
    name: str
    log: Log
    _has_history: bool = field(default=False, init=False)

    @property
    def names(self) -> tuple[str, str]:
        """The names that the file may have, the first one first."""
        return self.name, own_name(self.name, self.task, self.gateway)

    def write(
        self,
        chunks: Iterable[bytes | bytearray],
        content_type: str,
        tell: Callable[[Written], dict[str, Any]],
    ) -> dict[str, Any]:
        """Write the file, and its history beside it.

        :param chunks: its bytes.
        :param content_type: what a bucket calls it.
        :param tell: gives what is known of the file when all of it is written.
        :returns: what ``tell`` gives.
        :raises StorageError: when the storage does not take one of them.
        """
        own = self.names[1]

        def place(written: Written) -> str:
            return self._taken(tell(written))

        written = self.folder.write(self.name, chunks, content_type, writer=own, place=place)
        picture = tell(written)
        # An earlier history stays until its file is replaced: it is what tells that a file is whole.
        if not self._has_history:
            name = written.uri.rpartition("/")[2]
            self.folder.write_json(f"{name}.json", self._history(picture), f"{own}.json")
        return picture

    def _taken(self, picture: dict[str, Any]) -> str:
        name, own = self.names
        if self._take(name, picture):
            return name
        self.log.warning(
            "%s is a picture of another task (of another gateway, or another time): it stays, and that of "
            "task %s is saved as %s",
            self.folder.uri(name),
            self.task.id,
            own,
        )
        if self._take(own, picture):
            return own
        raise FileExistsError(f"the history beside {own} is that of another task as well")

    def _take(self, name: str, picture: dict[str, Any]) -> bool:
        """Take a name, unless another task has it; where there is no history, this one's is written."""
        history = f"{name}.json"
        known = self.folder.known_json(history)
        if known is None:
            new = self._history(picture | {"uri": self.folder.uri(name)})
            if self.folder.write_first_json(history, new, f"{self.names[1]}.json"):
                self._has_history = True
                return True
            # Somebody was faster, or what is there is no history and will be replaced.
            known = self.folder.known_json(history)
        return known is None or not is_of_another(known, self.task, self.gateway)

    def _history(self, picture: dict[str, Any]) -> dict[str, Any]:
        return sidecar(self.task, self.gateway, picture)
