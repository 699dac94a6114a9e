"""Which links of a task hold its pictures. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_mj.gateway.buttons import find_button
from airflow_provider_mj.gateway.reach import is_here
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.gateway.task import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_mj.gateway.task import Task

QUARTERS = 4

_GRIDS = ("IMAGINE", "VARIATION", "REROLL", "BLEND")
_DISCORD = ("cdn.discordapp.com", "media.discordapp.net")


class Split(StrEnum):
    """Whether a grid of four is cut into its quarters."""

    AUTO = "auto"
    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A link, and what comes from it.

    :param url: the link.
    :param index: which of the task's pictures it is, from 1; 0 for its only one.
    :param is_grid: whether it is four pictures in one, numbered like U1 to U4.
    """

    url: str
    index: int = 0
    is_grid: bool = False


class NothingToKeepError(ValueError):
    """A task has no picture, and will have none."""


class NotFinishedError(NothingToKeepError):
    """A task has no picture yet; what its link shows may be a preview."""

    retry_helps = True


def sources(task: Task, split: Split) -> list[Source]:
    """Choose the links to save: the first of the :func:`ways`."""
    return ways(task, split)[0]


def ways(task: Task, split: Split) -> list[list[Source]]:
    """Choose the links to save: the best, and others that have the same, for when those are dead.

    trueai-org/midjourney-proxy tells four links on a CDN that may refuse us, beside that of the grid on its
    own storage; and of a video the four clips, beside a copy of its own of the first.

    :param task: the task.
    :param split: four links of single pictures are taken where the gateway gives them; else ``auto`` cuts
        what has the buttons U1 to U4, ``always`` cuts every picture, ``never`` none. Of a video, all clips
        are taken, numbered as in the gateway's list.
    :returns: at least one way of at least one link; of each link its number.
    :raises NothingToKeepError: when the task did not succeed, or has no link.
    """
    _check_finished(task)
    is_video = task.video_url or task.video_urls
    found = list(filter(None, _of_a_video(task) if is_video else _of_pictures(task, split)))
    if not found:
        raise NothingToKeepError(f"task {task.id} has no picture")
    first, *others = found
    tried = {link.url for link in first}
    return [first, *(way for way in others if tried.isdisjoint(link.url for link in way))]


def _check_finished(task: Task) -> None:
    if task.status in (TaskStatus.FAILURE, TaskStatus.CANCEL):
        reason = quote(task.fail_reason or "no reason given")
        raise NothingToKeepError(f"task {task.id} ended as {task.status}: {reason}")
    if task.status != TaskStatus.SUCCESS:
        word = quote(task.status or "without a status")
        raise NotFinishedError(f"task {task.id} is {word}: wait for it first, for example with MJTaskSensor")


def _of_a_video(task: Task) -> list[list[Source]]:
    copy = [Source(url=task.video_url)] if task.video_url else []
    return [_numbered(task.video_urls), copy]


def _of_pictures(task: Task, split: Split) -> list[list[Source]]:
    """Tell how the pictures can be had: each by itself, or as they are in one."""
    singles = list(dict.fromkeys(task.image_urls))
    is_grid = split is Split.ALWAYS or (split is Split.AUTO and has_quarters(task))
    # With one missing or twice, nobody knows any more which of them is U2; the grid does.
    is_complete = len(singles) == QUARTERS or not has_quarters(task)
    each = _numbered(singles) if len(singles) > 1 else [Source(url=url, is_grid=is_grid) for url in singles]
    if not task.image_url:
        return [each]
    whole = [Source(url=task.image_url, is_grid=is_grid)]
    if not is_complete:
        return [whole]
    return [each, whole] if len(singles) > 1 and split is not Split.NEVER else [whole, each]


def _numbered(urls: Sequence[str]) -> list[Source]:
    """Give each link its place in the list from 1, and an only one none; what is there again is left out."""
    places: dict[str, int] = {}
    for place, url in enumerate(urls, start=1):
        places.setdefault(url, place)
    return [Source(url=url, index=place if len(places) > 1 else 0) for url, place in places.items()]


def has_quarters(task: Task) -> bool:
    """Tell whether the picture is a grid of four: then each quarter can be upscaled."""
    if not task.buttons:
        # novicezk/midjourney-proxy tells no buttons of any task.
        return task.action in _GRIDS
    try:
        for number in range(1, QUARTERS + 1):
            find_button(task.buttons, f"upsample::{number}", subject="")
    except ValueError:
        return False
    return True


def rewritten(url: str, image_host: str | None, gateway_url: str) -> str:
    """Send a link to where its picture can be had from here.

    :param url: the link as the gateway told it, or as somebody has written it.
    :param image_host: address of a mirror of Discord's CDN, ``gateway`` for links to "localhost", or None.
    :param gateway_url: the gateway's own address.
    :returns: the link, with another scheme and host where that is meant; what is no link stays as it is.
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return url
    if image_host == "gateway":
        return _moved(url, gateway_url) if is_here(host) else url
    return _moved(url, image_host) if image_host and host.rstrip(".") in _DISCORD else url


def sidecar(task: Task, gateway: str, picture: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is written beside a picture: where it comes from, for whoever finds it in a year.

    :param task: the task.
    :param gateway: the gateway's host.
    :param picture: what is known of the file.
    """
    return {
        "id": task.id,
        "action": task.action,
        "prompt": task.prompt,
        "finalPrompt": task.properties.get("finalPrompt"),
        "seed": task.seed,
        "parent": task.properties.get("parentId"),
        "gateway": gateway,
        "submitTime": task.submit_time,
        "startTime": task.start_time,
        "finishTime": task.finish_time,
        "cost": task.cost,
        **picture,
    }


def _moved(url: str, to: str) -> str:
    target = urlsplit(to)
    return urlunsplit(urlsplit(url)._replace(scheme=target.scheme, netloc=target.netloc))
