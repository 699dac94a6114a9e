"""Saving the pictures of a task: from its links to files with their history."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_mj.gateway.download import LinkExpiredError, WithheldError
from airflow_provider_mj.gateway.errors import GatewayError, TaskNotFoundError
from airflow_provider_mj.gateway.shown import shown_url
from airflow_provider_mj.gateway.task import link_expiry
from airflow_provider_mj.keeping.claims import Claim
from airflow_provider_mj.keeping.decoder import Decoder
from airflow_provider_mj.keeping.earlier import saved_earlier
from airflow_provider_mj.keeping.grids import check_pillow, quarters
from airflow_provider_mj.keeping.media import BadPictureError, Media, NoPictureError, recognise
from airflow_provider_mj.keeping.names import file_name
from airflow_provider_mj.keeping.passing import Passing
from airflow_provider_mj.keeping.sources import QUARTERS, Source, Split, rewritten, sources, ways

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_mj.gateway.download import Downloader
    from airflow_provider_mj.gateway.settings import GatewaySettings
    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.keeping.storing import Folder, Written
    from airflow_provider_mj.keeping.structure import Size
    from airflow_provider_mj.polling import Log

# How a link is dead: by a status, or by a page in place of the picture.
_DEAD = (LinkExpiredError, NoPictureError)
_QUARTERS = range(1, QUARTERS + 1)


class PictureGoneError(ValueError):
    """No link of a task works any more, and the gateway has no better one."""

    def __init__(self, mj_task_id: str, gateway: str, end: str) -> None:
        super().__init__(
            f"The picture of task {mj_task_id} is gone: gateway {gateway} {end}. If a mirror still has it, "
            "name that as `image_host` in the extra of the Airflow connection. If not, a button of the task "
            "makes another picture, which is paid for. Discord's links live for 24 hours: save in time."
        )


@dataclass
class _Course:
    """What has happened while one task is saved.

    :param task: as the gateway told it last.
    :param saved: what the links gave that were tried last, as far as they work.
    """

    task: Task
    saved: list[dict[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True)
class Keeper:
    """Saves pictures of tasks of one gateway into one folder.

    :param folder: where to.
    :param settings: of the gateway.
    :param downloader: fetches pictures, from where these settings allow it.
    :param fetch_task: asks the gateway for a task, for a new link.
    :param log: where lines go.
    :param split: see :func:`.ways`.
    :param name: template of the files' names, see :func:`.check_template`.
    :param max_bytes: the most bytes of a picture.
    :param timeout: seconds for each download.
    :param now: gives the time, unix seconds.
    :param decoder: cuts grids, one after the other.

    Use it in a ``with`` statement, or :meth:`close` it: one process cuts all its grids.
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
    decoder: Decoder = field(default_factory=Decoder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process that cuts grids."""
        self.decoder.close()

    def keep(self, task: Task) -> list[dict[str, Any]]:
        """Save all pictures of a task; where a link is dead, the gateway is asked for a new one, once.

        Where it has none, what an earlier run has saved is given, if that is all of them; else what another
        link of the task has: the grid in place of single pictures, the gateway's own copy of a video.

        :param task: the finished task.
        :returns: for each file ``uri, index, width, height, bytes, sha256, contentType``.
        :raises ValueError: when the names of several files would be the same.
        :raises NothingToKeepError: when the task did not succeed, or has no picture.
        :raises BadPictureError: when what came is no whole picture, or none that can be trusted.
        :raises DecoderError: when a grid can't be cut here.
        :raises PictureGoneError: when no link works, and the gateway has no other.
        :raises DownloadError: for the other failures of a download.
        :raises GatewayError: when the gateway can't be asked.
        :raises StorageError: when a file can't be written.
        """
        links, course = self._links(task), _Course(task)
        try:
            return self._keep(course, links)
        except (PictureGoneError, WithheldError, GatewayError) as error:
            if earlier := self._saved_earlier(task, links):
                self.log.warning("%s It was saved before, and what was saved is whole", error)
                return earlier
            if others := self._saved_otherwise(course):
                self.log.warning("%s Another link of the task has the same, and was saved", error)
                return others
            raise

    def _keep(self, course: _Course, links: list[Source]) -> list[dict[str, Any]]:
        if self._is_expired(links):
            self.log.info("The link of task %s has expired; asking the gateway for a new one", course.task.id)
            return self._keep_anew(course)
        try:
            return self._save_all(course, links)
        except _DEAD as error:
            self.log.warning("%s Asking the gateway for a new link", error)
            return self._keep_anew(course, dead=links, trouble=f" ({error})")

    def _saved_earlier(self, task: Task, links: list[Source]) -> list[dict[str, Any]] | None:
        indexes = [index for link in links for index in (_QUARTERS if link.is_grid else (link.index,))]
        return saved_earlier(
            self.folder, self.name, task, indexes, gateway=self.settings.gateway, max_bytes=self.max_bytes
        )

    def _keep_anew(
        self, course: _Course, dead: Sequence[Source] = (), trouble: str = ""
    ) -> list[dict[str, Any]]:
        try:
            course.task = self.fetch_task(course.task.id)
        except TaskNotFoundError as error:
            raise self._gone(course, f"does not know the task any more{trouble}") from error
        links = self._links(course.task)
        if links == dead:
            raise self._gone(course, f"gave the same dead link again{trouble}")
        try:
            return self._save_all(course, links)
        except _DEAD as error:
            raise self._gone(course, f"gave a link that is dead as well ({error})") from error

    def _saved_otherwise(self, course: _Course) -> list[dict[str, Any]] | None:
        """Save what other links of the task have; None where there are none, or none works."""
        before = {picture["index"]: picture for picture in course.saved}
        for links in ways(course.task, self.split)[1:]:
            if not self._has_names_for(links) or self._is_expired(links):
                continue
            try:
                saved = self._save_all(course, links)
            except (*_DEAD, WithheldError) as error:
                self.log.warning("%s", error)
                saved = self._saved_earlier(course.task, links) or []
            if saved:
                # A clip that works is kept beside the copy; a quarter takes the place of a single picture.
                found = before | {picture["index"]: picture for picture in saved}
                return [found[index] for index in sorted(found)]
        return None

    def _links(self, task: Task) -> list[Source]:
        links = sources(task, self.split)
        if not self._has_names_for(links):
            raise ValueError(
                f"task {task.id} has {len(links)} files, and name={self.name!r} would give them all the same "
                "name: put {index} into it. Nothing was fetched or written"
            )
        return links

    def _has_names_for(self, links: Sequence[Source]) -> bool:
        return len(links) == 1 or "{index}" in self.name

    def _gone(self, course: _Course, end: str) -> PictureGoneError:
        others = f"; {len(course.saved)} files of it work and were saved" if course.saved else ""
        return PictureGoneError(course.task.id, self.settings.gateway, end + others)

    def _is_expired(self, links: list[Source]) -> bool:
        """Tell whether one of the links says itself that it is dead; a mirror doesn't care."""
        now = datetime.fromtimestamp(self.now(), UTC)
        ends = (link_expiry(link.url) for link in links if self._address(link) == link.url)
        return any(datetime.fromisoformat(end) <= now for end in ends if end)

    def _address(self, link: Source) -> str:
        return rewritten(link.url, self.settings.image_host, self.settings.base_url)

    def _save_all(self, course: _Course, links: list[Source]) -> list[dict[str, Any]]:
        """Save what works, and only then raise the error of a link that is dead."""
        course.saved, dead = [], []
        for link in links:
            try:
                course.saved += self._save(course.task, link)
            except _DEAD as error:
                dead.append(error)
        if dead:
            raise dead[0]
        return course.saved

    def _save(self, task: Task, link: Source) -> list[dict[str, Any]]:
        if link.is_grid:
            check_pillow()
            # It gets ready while the grid is on its way.
            self.decoder.start()
        with _named(task, link), self._fetched(link) as passing:
            if not link.is_grid or passing.media.is_video:
                return [self._put(task, link.index, passing)]
            # Not joined, which would take twice the memory.
            grid = bytearray()
            for chunk in passing:
                grid += chunk
            pictures = [
                self._put_bytes(task, index, recognise(quarter), size, quarter)
                for index, quarter, size in quarters(grid, passing.structure, passing.media, self.decoder)
            ]
            # What moves is no grid.
            return pictures or [self._put_bytes(task, link.index, passing.media, passing.size, grid)]

    @contextmanager
    def _fetched(self, link: Source) -> Iterator[Passing]:
        url = self._address(link)
        with self.downloader.stream(url, max_bytes=self.max_bytes, timeout=self.timeout) as streamed:
            yield Passing(streamed.chunks, streamed.content_type)

    def _put(self, task: Task, index: int, passing: Passing) -> dict[str, Any]:
        """Write a picture as it comes; how large it is may be known only then."""
        return self._written(task, index, passing.media, passing, lambda: passing.size)

    def _put_bytes(
        self, task: Task, index: int, media: Media, size: Size, data: bytes | bytearray
    ) -> dict[str, Any]:
        return self._written(task, index, media, [data], lambda: size)

    def _written(
        self,
        task: Task,
        index: int,
        media: Media,
        chunks: Iterable[bytes | bytearray],
        size: Callable[[], Size],
    ) -> dict[str, Any]:
        """Write a picture with its history beside it, and give what XCom has of it."""
        name = file_name(self.name, task, index, media.extension)
        claim = Claim(self.folder, task, self.settings.gateway, name, self.log)
        picture = claim.write(
            chunks, media.content_type, lambda written: _told(written, index, media, size())
        )
        self.log.info("Saved %s (%d bytes)", picture["uri"], picture["bytes"])
        return picture


def _told(written: Written, index: int, media: Media, size: Size) -> dict[str, Any]:
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
