"""Task objects as each family of gateways writes them: which fields, in which order, how "unset" looks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.task import TaskStatus

from .buttons import numbered
from .ledger import PRICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .course import SandboxTask, Snapshot
    from .press import Press

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """All that a task object is written from.

    :param task: the task
    :param seen: what it shows now
    :param buttons: its buttons; empty until SUCCESS
    :param image_url: link to its picture; None until SUCCESS
    :param preview_url: link to its preview while it is in progress, else None
    :param clip_urls: links to its clips; empty until SUCCESS
    :param quarter_urls: links to the quarters of its grid; empty until SUCCESS, or if nobody asked for them
    :param copy_url: link to a copy of its first clip under another name; None until SUCCESS
    """

    task: SandboxTask
    seen: Snapshot
    buttons: tuple[Press, ...] = ()
    image_url: str | None = None
    preview_url: str | None = None
    clip_urls: tuple[str, ...] = ()
    quarter_urls: tuple[str, ...] = ()
    copy_url: str | None = None

    @property
    def done(self) -> bool:
        """Whether the task ended well."""
        return self.seen.status is TaskStatus.SUCCESS

    @property
    def waiting(self) -> bool:
        """Whether nobody has taken the task from the queue yet."""
        return self.seen.status is TaskStatus.NOT_START

    @property
    def fail_reason(self) -> str | None:
        """Why the task failed, or None."""
        failed = self.seen.status is TaskStatus.FAILURE or self.seen.given_up
        return self.task.fail_reason if failed else None

    @property
    def prompt(self) -> str:
        """The prompt; of a task that looks for prompts, those that it found."""
        return numbered(self.task.lines) if self.task.lines and self.done else self.task.prompt

    @property
    def translated(self) -> str:
        """The prompts that it found in the language that the caller wanted, or ""."""
        return numbered(self.task.translated) if self.done else ""

    @property
    def main_url(self) -> str | None:
        """Link to what it made, where there is one field for all: the first clip, or the picture."""
        return next(iter(self.clip_urls), self.image_url)

    @property
    def description(self) -> str:
        """The command as Discord would have got it."""
        return f"{_COMMANDS.get(self.task.action, '/imagine')} {self.task.prompt}".strip()

    @property
    def progress(self) -> str:
        """Progress as ``NN%``."""
        return f"{self.seen.percent}%"


_COMMANDS = {"BLEND": "/blend", "DESCRIBE": "/describe", "SHORTEN": "/shorten"}


def new_api_row(view: View) -> Row:
    """Write a task as new-api does: never null but for `buttons` and `properties`, 0 and "" for unset.

    new-api stores a row at submit and copies the rest from upstream later: until then the status is "".
    """
    task, seen = view.task, view.seen
    failed = view.fail_reason is not None
    copied = seen.has_status or seen.given_up
    return {
        "id": task.mj_task_id,
        "action": task.action,
        "customId": "",
        "botType": "",
        "prompt": view.prompt,
        "promptEn": view.prompt if copied else "",
        "description": "Submit success",
        "state": (task.state or "") if copied else "",
        "submitTime": _millis(task.submitted_at),
        "startTime": _millis(seen.started_at) or 0,
        "finishTime": _millis(seen.finished_at) or 0,
        "imageUrl": view.image_url or "",
        "status": seen.status if seen.has_status else "",
        "progress": "100%" if failed else view.progress,
        "failReason": view.fail_reason or "",
        "buttons": _buttons(view) if view.done else None,
        "maskBase64": "",
        "properties": {"finalPrompt": view.prompt, "finalZhPrompt": view.translated} if view.done else None,
        **_new_api_clips(view),
        **_quarters(_linked(view.quarter_urls)),
    }


def plus_row(view: View) -> Row:
    """Write a task as midjourney-proxy-plus does: null for unset, whole seconds, Discord's own properties."""
    task, seen = view.task, view.seen
    return {
        "id": task.mj_task_id,
        "action": task.action,
        "status": seen.status,
        "prompt": view.prompt,
        "promptEn": view.prompt,
        "description": view.description,
        "submitTime": _whole_seconds(task.submitted_at),
        "startTime": _whole_seconds(seen.started_at),
        "finishTime": _whole_seconds(seen.finished_at),
        "progress": _null_then_text(view),
        "cost": PRICES[task.action],
        "imageUrl": view.main_url,
        "failReason": view.fail_reason,
        "buttons": _buttons(view),
        "properties": _discord_properties(view) | _plus_translation(view),
        "state": task.state or "",
        "seed": "",
        **_quarters(_linked(view.quarter_urls, view.image_url)),
    }


def crazyrouter_row(view: View) -> Row:
    """Write a task as crazyrouter does: keys absent until they are known, buttons without `type`."""
    task, seen = view.task, view.seen
    row: Row = {
        "id": task.mj_task_id,
        "action": task.action,
        "status": seen.status if seen.has_status else "",
        "prompt": view.prompt,
        "promptEn": view.prompt,
        # Its documents leave that out, as they do with much that new-api, of which it is a fork, has.
        "state": (task.state or "") if seen.has_status else "",
        "progress": view.progress,
        "submitTime": _whole_seconds(task.submitted_at),
        "startTime": _whole_seconds(seen.started_at),
        "finishTime": _whole_seconds(seen.finished_at),
        "imageUrl": view.main_url or "",
        "failReason": view.fail_reason or "",
        "buttons": [_typeless_button(press) for press in view.buttons if press.action != "REROLL"],
        "properties": {} if view.done else None,
        **_quarters(_linked(view.quarter_urls)),
    }
    return {key: value for key, value in row.items() if value is not None}


def crazyrouter_list_row(view: View) -> Row:
    """Write a task as crazyrouter lists it: five keys only."""
    row = crazyrouter_row(view)
    return {key: row[key] for key in ("id", "action", "status", "progress", "imageUrl")}


def java_row(view: View) -> Row:
    """Write a task as the open-source Java proxy does: null for unset, previews while running, no buttons."""
    task, seen = view.task, view.seen
    return {
        "id": task.mj_task_id,
        "properties": _java_properties(view),
        "action": task.action,
        "status": seen.status,
        "prompt": view.prompt,
        "promptEn": view.prompt,
        "description": view.description,
        "state": task.state,
        "submitTime": _millis(task.submitted_at),
        "startTime": _millis(seen.started_at),
        "finishTime": _millis(seen.finished_at),
        "progress": _java_progress(view),
        "imageUrl": view.image_url or view.preview_url,
        "failReason": view.fail_reason,
        **_quarters(view.quarter_urls),
    }


def cs_row(view: View) -> Row:
    """Write a task as the C# proxy does: many fields, nulls included."""
    task, seen = view.task, view.seen
    row = java_row(view)
    row |= {
        "state": (task.state or "") if view.done else task.state,
        "progress": _null_then_text(view),
        "prompt": view.translated or view.prompt,
        "imageUrl": view.copy_url or view.image_url,
        "failReason": "" if view.done else view.fail_reason,
        "properties": _discord_properties(view),
        "buttons": _buttons(view),
        "botType": "MID_JOURNEY",
        "isCompleted": seen.finished_at is not None,
        "jobId": task.job if view.done else None,
        "mode": "FAST",
        "displays": {},
        "messageIds": [],
        "useTime": "-" if seen.finished_at is None else f"{seen.finished_at - task.submitted_at:.2f} s",
        "thumbnailUrl": view.image_url,
        "parentId": task.parent_id,
        "videoUrl": view.copy_url,
        "videoUrls": _linked(view.clip_urls, view.image_url) or None,
    }
    unset = ("realBotType", "seed", "imageUrls", "instanceId", "promptFull")
    return row | dict.fromkeys(unset) | _quarters(_linked(view.quarter_urls, view.image_url))


def _new_api_clips(view: View) -> Row:
    """Return the fields of clips, which new-api has in newer versions than those of the documents."""
    if not view.clip_urls:
        return {}
    return {"videoUrl": view.clip_urls[0], "videoUrls": _linked(view.clip_urls)}


def _quarters(links: Sequence[Row | str]) -> Row:
    """Return the field that vendors' forks have beside the link of a grid, each in a form of its own."""
    return {"imageUrls": list(links)} if links else {}


def _linked(urls: Sequence[str], thumbnail: str | None = None) -> list[Row]:
    return [{"url": url} if thumbnail is None else {"url": url, "thumbnail": thumbnail} for url in urls]


def _buttons(view: View) -> list[Row]:
    return [
        {"customId": press.custom_id, "emoji": press.emoji, "label": press.label, "type": 2, "style": 2}
        for press in view.buttons
    ]


def _typeless_button(press: Press) -> Row:
    text = press.label or press.emoji
    return {"customId": press.custom_id, "emoji": text, "label": text, "style": 2}


def _null_then_text(view: View) -> str | None:
    if view.waiting:
        return None
    return "" if view.fail_reason is not None else view.progress


def _java_progress(view: View) -> str | None:
    # The Java proxy copies the first words in parentheses of Discord's message, which need not be a number.
    early = view.seen.status is TaskStatus.IN_PROGRESS and view.preview_url is None
    return "Waiting to start" if early else _null_then_text(view)


def _plus_translation(view: View) -> Row:
    return {"finalZhPrompt": view.translated} if view.translated else {}


def _java_properties(view: View) -> Row:
    return {"notifyHook": None, "flags": 0, "finalPrompt": view.prompt} | (
        {"messageHash": view.task.job} if view.done else {}
    )


def _discord_properties(view: View) -> Row:
    """Return the eleven properties that are known in the end; before SUCCESS those of a submission."""
    task = view.task
    submitted: Row = {
        "flags": 0,
        "nonce": _snowflake(task.job, "nonce"),
        "botType": "MID_JOURNEY",
        "notifyHook": "",
        "finalPrompt": view.prompt,
        "discordInstanceId": "5686143011994952502",
        "discordChannelId": "8449902090796547417",
    }
    if not view.done:
        return submitted
    return submitted | {
        "messageId": _snowflake(task.job, "message"),
        "messageHash": task.job,
        "messageContent": f"**{task.prompt}** - <@1313218194701418518> (fast)",
        "progressMessageId": _snowflake(task.job, "progress"),
    }


def _snowflake(job: str, purpose: str) -> str:
    digest = int.from_bytes(hashlib.sha256(f"{job} {purpose}".encode()).digest()[:8])
    return str(10**18 + digest % (9 * 10**18))


def _millis(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds) * 1000
