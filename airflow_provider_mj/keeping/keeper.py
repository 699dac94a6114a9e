"""Saving the pictures of a task: from its links to files with their history."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.download import LinkExpiredError, shown_url
from airflow_provider_mj.gateway.errors import TaskNotFoundError
from airflow_provider_mj.gateway.task import link_expiry
from airflow_provider_mj.keeping.earlier import saved_earlier
from airflow_provider_mj.keeping.grids import check_pillow, quarters
from airflow_provider_mj.keeping.media import BadPictureError, Media, NoPictureError, recognise
from airflow_provider_mj.keeping.names import file_name
from airflow_provider_mj.keeping.passing import Passing
from airflow_provider_mj.keeping.sources import QUARTERS, Source, Split, rewritten, sidecar, sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_mj.gateway.download import Downloader
    from airflow_provider_mj.gateway.settings import GatewaySettings
    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.keeping.storing import Folder, Written
    from airflow_provider_mj.polling import Log

_Size = tuple[int, int] | tuple[None, None]
# How a link is dead: by a status, or by a page in place of the picture.
_DEAD = (LinkExpiredError, NoPictureError)
_QUARTERS = range(1, QUARTERS + 1)


class PictureGoneError(ValueError):
    """A link is dead, and the gateway has no better one."""

    def __init__(self, mj_task_id: str, gateway: str, end: str) -> None:
        super().__init__(
            f"The picture of task {mj_task_id} is gone: gateway {gateway} {end}. If a mirror still has it, "
            "name that as `image_host` in the extra of the Airflow connection. If not, a button of the task "
            "makes another picture, which is paid for. Discord's links live for 24 hours: save in time."
        )


@dataclass(kw_only=True)
class Keeper:
    """Saves pictures of tasks of one gateway into one folder.

    :param folder: where to.
    :param settings: of the gateway.
    :param downloader: fetches pictures, from where these settings allow it.
    :param fetch_task: asks the gateway for a task, for a new link.
    :param log: where lines go.
    :param split: see :func:`.sources`.
    :param name: template of the files' names, see :func:`.check_template`.
    :param max_bytes: the most bytes of a picture.
    :param timeout: seconds for each download.
    :param now: gives the time, unix seconds.
    """

    folder: Folder
    settings: GatewaySettings
    downloader: Downloader
    fetch_task: Callable[[str], Task]
    log: Log
    split: Split
    name: str
    max_bytes: int
    timeout: float
    now: Callable[[], float] = time.time

    def keep(self, task: Task) -> list[dict[str, Any]]:
        """Save all pictures of a task; where a link is dead, the gateway is asked for a new one, once.

        Where it has none, but an earlier run has saved all of them, that is what is given.

        :param task: the finished task.
        :returns: for each file ``uri, index, width, height, bytes, sha256, contentType``.
        :raises ValueError: when the names of several files would be the same.
        :raises NothingToKeepError: when the task did not succeed, or has no picture.
        :raises BadPictureError: when what came is no whole picture.
        :raises PictureGoneError: when the gateway has no link that works.
        :raises DownloadError: for the other failures of a download.
        :raises GatewayError: when the gateway can't be asked.
        :raises StorageError: when a file can't be written.
        """
        links = self._links(task)
        try:
            return self._keep(task, links)
        except PictureGoneError as error:
            earlier = self._saved_earlier(task, links)
            if earlier is None:
                raise
            self.log.warning("%s It was saved before, and what was saved is whole", error)
            return earlier

    def _keep(self, task: Task, links: list[Source]) -> list[dict[str, Any]]:
        if self._is_expired(links):
            self.log.info("The link of task %s has expired; asking the gateway for a new one", task.id)
            return self._keep_anew(task)
        try:
            return self._save_all(task, links)
        except _DEAD as error:
            self.log.warning("%s Asking the gateway for a new link", error)
            return self._keep_anew(task, dead=links, trouble=f" ({error})")

    def _saved_earlier(self, task: Task, links: list[Source]) -> list[dict[str, Any]] | None:
        indexes = [index for link in links for index in (_QUARTERS if link.is_grid else (link.index,))]
        return saved_earlier(self.folder, self.name, task, indexes)

    def _keep_anew(self, task: Task, dead: Sequence[Source] = (), trouble: str = "") -> list[dict[str, Any]]:
        try:
            fresh = self.fetch_task(task.id)
        except TaskNotFoundError as error:
            raise self._gone(task, f"does not know the task any more{trouble}") from error
        links = self._links(fresh)
        if links == dead:
            raise self._gone(task, f"gave the same dead link again{trouble}")
        try:
            return self._save_all(fresh, links)
        except _DEAD as error:
            raise self._gone(task, f"gave a link that is dead as well ({error})") from error

    def _links(self, task: Task) -> list[Source]:
        links = sources(task, self.split)
        if len(links) > 1 and "{index}" not in self.name:
            raise ValueError(
                f"task {task.id} has {len(links)} files, and name={self.name!r} would give them all the same "
                "name: put {index} into it. Nothing was fetched or written"
            )
        return links

    def _gone(self, task: Task, end: str) -> PictureGoneError:
        return PictureGoneError(task.id, self.settings.gateway, end)

    def _is_expired(self, links: list[Source]) -> bool:
        """Tell whether one of the links says itself that it is dead; a mirror doesn't care."""
        now = datetime.fromtimestamp(self.now(), UTC)
        ends = (link_expiry(link.url) for link in links if self._address(link) == link.url)
        return any(datetime.fromisoformat(end) <= now for end in ends if end)

    def _address(self, link: Source) -> str:
        return rewritten(link.url, self.settings.image_host, self.settings.base_url)

    def _save_all(self, task: Task, links: list[Source]) -> list[dict[str, Any]]:
        return [picture for link in links for picture in self._save(task, link)]

    def _save(self, task: Task, link: Source) -> list[dict[str, Any]]:
        if link.is_grid:
            check_pillow()
        with _named(task, link), self._fetched(link) as passing:
            if not link.is_grid or passing.media.is_video:
                return [self._put(task, link.index, passing.media, passing.size, passing)]
            grid = b"".join(passing)
            pictures = [
                self._put(task, index, recognise(quarter), size, [quarter])
                for index, quarter, size in quarters(grid, passing.media)
            ]
            # What moves is no grid.
            return pictures or [self._put(task, link.index, passing.media, passing.size, [grid])]

    @contextmanager
    def _fetched(self, link: Source) -> Iterator[Passing]:
        url = self._address(link)
        with self.downloader.stream(url, max_bytes=self.max_bytes, timeout=self.timeout) as streamed:
            yield Passing(streamed.chunks, streamed.content_type)

    def _put(
        self, task: Task, index: int, media: Media, size: _Size, chunks: Iterable[bytes]
    ) -> dict[str, Any]:
        """Write a picture and its history, and give what XCom has of it."""
        name = file_name(self.name, task, index, media.extension)
        written = self.folder.write(name, chunks, media.content_type)
        picture = _told(written, index, media, size)
        self.folder.write_json(f"{name}.json", sidecar(task, self.settings.gateway, picture))
        self.log.info("Saved %s (%d bytes)", written.uri, written.size)
        return picture


def _told(written: Written, index: int, media: Media, size: _Size) -> dict[str, Any]:
    return {
        "uri": written.uri,
        "index": index,
        "width": size[0],
        "height": size[1],
        "bytes": written.size,
        "sha256": written.sha256,
        "contentType": media.content_type,
    }


@contextmanager
def _named(task: Task, link: Source) -> Iterator[None]:
    """Say of which picture an error speaks, where only bytes were looked at."""
    try:
        yield
    except BadPictureError as error:
        raise type(error)(f"task {task.id}, picture {shown_url(link.url)}: {error}.") from None
