"""The remote task: parsed once, frozen, and the only place that knows raw field names.

Gateways agree on the names of the fields and on little else: what is unset comes as null, ``""``, ``0`` or
not at all, ids come as numbers, times in seconds or milliseconds, progress as text. All of it is settled
here, so that no other part of the provider ever looks into a raw answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_mj.gateway import values

_MAX_EXTRA_TEXT = 4096
_NO_PROPERTIES: Mapping[str, Any] = MappingProxyType({})
_MAX_DEPTH = 6


class TaskStatus(StrEnum):
    """The status words that gateways are known to use; a gateway may send others, or none."""

    NOT_START = "NOT_START"
    SUBMITTED = "SUBMITTED"
    MODAL = "MODAL"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCEL = "CANCEL"


# A list may hold the same id twice (new-api keeps a row for an action and one for its confirmation):
# the row that is further along is the task.
_ADVANCE: dict[str, int] = {
    TaskStatus.NOT_START: 1,
    TaskStatus.MODAL: 2,
    TaskStatus.SUBMITTED: 3,
    TaskStatus.IN_PROGRESS: 4,
    TaskStatus.CANCEL: 5,
    TaskStatus.FAILURE: 5,
    TaskStatus.SUCCESS: 6,
}


class NotATaskError(ValueError):
    """A JSON value that should be a task has no ``id`` or no ``status`` at its top level."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """Something that can be pressed under a finished picture.

    :param custom_id: what identifies the press at the gateway, e.g. ``MJ::JOB::upsample::2::<hash>``.
    :param label: the text on it, e.g. ``U2``; None on a button that shows only an emoji.
    :param emoji: the emoji on it; some gateways repeat the label here.
    :param type: Discord's component type (2 = button); None where the gateway leaves it out.
    :param style: Discord's button style (1 to 5).
    """

    custom_id: str
    label: str | None = None
    emoji: str | None = None
    type: int | None = None
    style: int | None = None

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Button | None:
        """Read one button; None where there is no ``customId``, since that can't be pressed."""
        custom_id = values.text(raw.get("customId"))
        if custom_id is None:
            return None
        return cls(
            custom_id=custom_id,
            label=values.text(raw.get("label")),
            emoji=values.text(raw.get("emoji")),
            type=values.integer(raw.get("type")),
            style=values.integer(raw.get("style")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the button as it stands in XCom, under the gateway's own names."""
        return {
            "customId": self.custom_id,
            "label": self.label,
            "emoji": self.emoji,
            "type": self.type,
            "style": self.style,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One remote job as a gateway told it at one moment.

    Every field but ``id`` may be unset: None for a value, empty for a list. Times are ISO 8601 in UTC,
    ``progress`` is 0 to 100. ``status`` is the gateway's word, which need not be one of :class:`TaskStatus`.
    ``is_whole`` is False for a row of a list that has only a few fields.
    """

    id: str
    is_whole: bool = True
    status: str | None = None
    action: str | None = None
    prompt: str | None = None
    prompt_en: str | None = None
    description: str | None = None
    state: str | None = None
    submit_time: str | None = None
    start_time: str | None = None
    finish_time: str | None = None
    progress: int | None = None
    image_url: str | None = None
    image_urls: tuple[str, ...] = ()
    video_url: str | None = None
    video_urls: tuple[str, ...] = ()
    image_url_expires_at: str | None = None
    fail_reason: str | None = None
    buttons: tuple[Button, ...] = ()
    seed: str | None = None
    cost: float | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_wire(cls, raw: object) -> Task:
        """Read a task from the JSON value of a fetch, from a row of a list, or from XCom.

        :param raw: the decoded JSON value.
        :returns: the task; fields that are missing, of a wrong type or unset are None.
        :raises NotATaskError: when there is no ``id`` or no ``status`` key at the top level. Some hosts
            wrap the task in an envelope of their own; they speak another protocol.
        """
        raw, task_id = _task_object(raw)
        fields = {attribute: read(raw.get(key)) for key, (attribute, read) in _FIELDS.items()}
        image_url = fields["image_url"]
        return cls(
            id=task_id,
            # crazyrouter's list shows five fields of a task; every whole task tells when it was submitted.
            is_whole="submitTime" in raw,
            **fields,
            video_url=values.url(raw.get("videoUrl")) or next(iter(fields["video_urls"]), None),
            image_url_expires_at=link_expiry(image_url) if image_url else None,
            properties=_properties(raw),
        )

    @classmethod
    def brief_from_wire(cls, raw: object) -> Task:
        """Read only what decides about waiting, which costs a tenth of reading all.

        :param raw: the decoded JSON value.
        :returns: the task with ``status``, ``progress`` and ``fail_reason``; the rest is unset.
        :raises NotATaskError: as for :meth:`from_wire`.
        """
        raw, task_id = _task_object(raw)
        return cls(
            id=task_id,
            is_whole=False,
            status=_status(raw["status"]),
            progress=values.progress(raw.get("progress")),
            fail_reason=values.text(raw.get("failReason")),
            properties=_NO_PROPERTIES,
        )

    @property
    def advance(self) -> tuple[int, int]:
        """How far along the task is; of two rows with one id the greater is the task."""
        return _ADVANCE.get(self.status or "", 0), self.progress or 0

    def to_dict(self) -> dict[str, Any]:
        """Give the shape in XCom: always the same keys, JSON primitives only."""
        return {
            "id": self.id,
            "action": self.action,
            "status": self.status,
            "prompt": self.prompt,
            "promptEn": self.prompt_en,
            "description": self.description,
            "state": self.state,
            "submitTime": self.submit_time,
            "startTime": self.start_time,
            "finishTime": self.finish_time,
            "progress": self.progress,
            "imageUrl": self.image_url,
            "imageUrls": list(self.image_urls),
            "videoUrl": self.video_url,
            "videoUrls": list(self.video_urls),
            "imageUrlExpiresAt": self.image_url_expires_at,
            "failReason": self.fail_reason,
            "buttons": [button.to_dict() for button in self.buttons],
            "seed": self.seed,
            "cost": self.cost,
            "properties": dict(self.properties),
        }


def tasks_by_id(rows: Iterable[object], *, brief: bool = False) -> dict[str, Task]:
    """Join the rows of a list answer by id.

    Rows come in any order, unknown ids are left out, a row may hold only a few fields, and one id may come
    twice: the row that is further along wins. What is no task object is passed over.

    :param rows: the decoded rows of a list answer.
    :param brief: whether to read only what decides about waiting.
    :returns: the tasks that the gateway told of, by id.
    """
    read = Task.brief_from_wire if brief else Task.from_wire
    tasks: dict[str, Task] = {}
    for row in rows:
        try:
            task = read(row)
        except NotATaskError:
            continue
        known = tasks.get(task.id)
        if known is None or task.advance > known.advance:
            tasks[task.id] = task
    return tasks


def brief_object(raw: dict[str, Any]) -> dict[str, Any] | None:
    """Keep of a JSON object, while a list is still being read, only what decides about waiting.

    Whole rows have a dozen objects each, and thousands of those alive at a time set off Python's collector.

    :param raw: an object of the answer, be it a row, a part of one, or an error.
    :returns: a row cut down, nothing of a button, anything else as it is.
    """
    if "status" in raw and "id" in raw:
        return {key: raw.get(key) for key in _BRIEF}
    return None if "customId" in raw else raw


def link_expiry(url: str) -> str | None:
    """Tell when a picture's link dies, as ISO 8601 in UTC.

    Discord signs its links: ``ex`` in the query is the end of the link's life, in unix seconds as hex digits.

    :param url: the link of a picture.
    :returns: the moment of expiry, or None for a link that does not say.
    """
    expiry = parse_qs(urlsplit(url).query).get("ex", [""])[0]
    return values.time(int(expiry, 16)) if re.fullmatch(r"[0-9a-fA-F]{1,10}", expiry) else None


def _task_object(raw: object) -> tuple[Mapping[str, Any], str]:
    if not isinstance(raw, Mapping):
        raise NotATaskError(f"a JSON {type(raw).__name__} stands where a task object belongs")
    task_id = values.text(raw.get("id"))
    if task_id is None or "status" not in raw:
        raise NotATaskError("the object has no `id` and `status` at its top level")
    return raw, task_id


def _status(value: object) -> str | None:
    if isinstance(value, str) and value in _ADVANCE:
        return value
    word = values.text(value)
    return word.strip().upper() or None if word else None


def _buttons(value: object) -> tuple[Button, ...]:
    items = value if isinstance(value, list) else []
    buttons = (Button.from_wire(item) for item in items if isinstance(item, Mapping))
    return tuple(button for button in buttons if button)


def _properties(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``properties`` of the task, joined by the top-level fields that have no place of their own."""
    extra = {key: value for key, value in raw.items() if key not in _OWN_KEYS and value not in _UNSET}
    own = raw.get("properties")
    kept = _plain({**extra, **(own if isinstance(own, Mapping) else {})}, _MAX_DEPTH)
    assert isinstance(kept, dict)  # noqa: S101 (a dict goes in, so one comes out)
    return kept


def _plain(value: Any, depth: int) -> Any:
    """Make a value fit for XCom: no picture in it, no secret of a webhook, no bottomless nest."""
    if isinstance(value, Mapping) and depth:
        return {
            values.storable(key): _plain(item, depth - 1)
            for key, item in value.items()
            if _is_wanted(key, item)
        }
    if isinstance(value, list) and depth:
        return [_plain(item, depth - 1) for item in value if _is_wanted("", item)]
    if isinstance(value, str):
        return values.storable(("@" in value and values.url(value)) or value)
    is_plain = isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value))
    return value if is_plain else None


def _is_wanted(key: str, value: object) -> bool:
    # A caller's notifyHook often holds the token that authenticates its webhook.
    if key == "notifyHook" or key.lower().endswith("base64"):
        return False
    return not (isinstance(value, str) and (value.startswith("data:") or len(value) > _MAX_EXTRA_TEXT))


_FIELDS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "status": ("status", _status),
    "action": ("action", values.text),
    "prompt": ("prompt", values.text),
    "promptEn": ("prompt_en", values.text),
    "description": ("description", values.text),
    "state": ("state", values.text),
    "submitTime": ("submit_time", values.time),
    "startTime": ("start_time", values.time),
    "finishTime": ("finish_time", values.time),
    "progress": ("progress", values.progress),
    "imageUrl": ("image_url", values.url),
    "imageUrls": ("image_urls", values.urls),
    "videoUrls": ("video_urls", values.urls),
    "failReason": ("fail_reason", values.text),
    "buttons": ("buttons", _buttons),
    "seed": ("seed", values.text),
    "cost": ("cost", values.number),
}
_BRIEF = ("id", "status", "progress", "failReason")
_OWN_KEYS = frozenset((*_FIELDS, "id", "videoUrl", "imageUrlExpiresAt", "properties"))
_UNSET: tuple[object, ...] = (None, "", 0, [], {})
