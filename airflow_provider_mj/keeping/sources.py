"""Which links of a task hold its pictures. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_mj.gateway.buttons import find_button
from airflow_provider_mj.gateway.errors import quote
from airflow_provider_mj.gateway.task import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_mj.gateway.task import Task

QUARTERS = 4

# Where gateways say "here" and the operator never told them where that is (new-api's default).
_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 (a name to recognise, nothing listens on it)
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
    """Choose the links to save.

    :param task: the task.
    :param split: four links of single pictures are taken where the gateway gives them; else ``auto`` cuts
        what has the buttons U1 to U4, ``always`` cuts every picture, ``never`` none. Of a video, all clips
        are taken.
    :returns: at least one.
    :raises NothingToKeepError: when the task did not succeed, or has no link.
    """
    _check_finished(task)
    if clips := _clips(task):
        return _numbered(clips)
    singles = list(dict.fromkeys(task.image_urls))
    only = task.image_url or (singles[0] if len(singles) == 1 else None)
    # With one missing or twice, nobody knows any more which of them is U2; the grid does.
    is_complete = len(singles) == QUARTERS or not has_quarters(task)
    if len(singles) > 1 and not (only and (split is Split.NEVER or not is_complete)):
        return _numbered(singles)
    if not only:
        raise NothingToKeepError(f"task {task.id} has no picture")
    return [Source(url=only, is_grid=split is Split.ALWAYS or (split is Split.AUTO and has_quarters(task)))]


def _check_finished(task: Task) -> None:
    if task.status in (TaskStatus.FAILURE, TaskStatus.CANCEL):
        reason = quote(task.fail_reason or "no reason given")
        raise NothingToKeepError(f"task {task.id} ended as {task.status}: {reason}")
    if task.status != TaskStatus.SUCCESS:
        word = task.status or "without a status"
        raise NotFinishedError(f"task {task.id} is {word}: wait for it first, for example with MJTaskSensor")


def _clips(task: Task) -> list[str]:
    """Give the links of all clips, in the gateway's order; one that is not in its list comes first."""
    clips = list(dict.fromkeys(task.video_urls))
    if task.video_url and task.video_url not in clips:
        clips.insert(0, task.video_url)
    return clips


def _numbered(urls: list[str]) -> list[Source]:
    """Give each link its number from 1, and an only one none."""
    return [Source(url=url, index=place if len(urls) > 1 else 0) for place, url in enumerate(urls, start=1)]


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

    :param url: the link as the gateway told it.
    :param image_host: address of a mirror of Discord's CDN, ``gateway`` for links to "localhost", or None.
    :param gateway_url: the gateway's own address.
    :returns: the link, with another scheme and host where that is meant.
    """
    host = urlsplit(url).hostname or ""
    if image_host == "gateway":
        return _moved(url, gateway_url) if host in _HERE else url
    return _moved(url, image_host) if image_host and host in _DISCORD else url


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
