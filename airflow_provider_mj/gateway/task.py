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
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pendulum

# Epoch values from here on are milliseconds: 1e11 seconds would be the year 5138, 1e11 ms is 1973.
_FIRST_MILLISECONDS = 100_000_000_000
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last moment a datetime can hold
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
        custom_id = _text(raw.get("customId"))
        if custom_id is None:
            return None
        return cls(
            custom_id=custom_id,
            label=_text(raw.get("label")),
            emoji=_text(raw.get("emoji")),
            type=_integer(raw.get("type")),
            style=_integer(raw.get("style")),
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
        values = {attribute: read(raw.get(key)) for key, (attribute, read) in _FIELDS.items()}
        image_url = values["image_url"]
        return cls(
            id=task_id,
            # crazyrouter's list shows five fields of a task; every whole task tells when it was submitted.
            is_whole="submitTime" in raw,
            **values,
            video_url=_url(raw.get("videoUrl")) or next(iter(_urls(raw.get("videoUrls"))), None),
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
            progress=_progress(raw.get("progress")),
            fail_reason=_text(raw.get("failReason")),
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
    return _time(int(expiry, 16)) if re.fullmatch(r"[0-9a-fA-F]{1,10}", expiry) else None


def _task_object(raw: object) -> tuple[Mapping[str, Any], str]:
    if not isinstance(raw, Mapping):
        raise NotATaskError(f"a JSON {type(raw).__name__} stands where a task object belongs")
    task_id = _text(raw.get("id"))
    if task_id is None or "status" not in raw:
        raise NotATaskError("the object has no `id` and `status` at its top level")
    return raw, task_id


def _storable(text: str) -> str:
    """Drop what JSON can carry and PostgreSQL can not hold: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _text(value: object) -> str | None:
    """Text, or a number as text; "" is unset, and so is a number 0."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return _storable(value if isinstance(value, str) else str(value) if value else "") or None


def _status(value: object) -> str | None:
    if isinstance(value, str) and value in _ADVANCE:
        return value
    word = _text(value)
    return word.strip().upper() or None if word else None


def _number(value: object) -> float | None:
    """Read a finite number other than 0, which gateways send for "unset"."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number and isfinite(number) else None


def _integer(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _time(value: object) -> str | None:
    """Epoch seconds or milliseconds, or a time in ISO 8601, to ISO 8601 in UTC; no calendar's is unset."""
    number = _number(value)
    if number is None:
        return _iso_time(value) if isinstance(value, str) else None
    seconds = number / 1000 if number >= _FIRST_MILLISECONDS else number
    if not 0 < seconds <= _LAST_SECOND:
        return None
    return pendulum.from_timestamp(seconds, tz="UTC").to_iso8601_string()


def _iso_time(text: str) -> str | None:
    """Read the time of a task that is in XCom, whose fields are a gateway's but for this."""
    try:
        moment = pendulum.parse(text) if re.match(r"\d{4}-\d\d-\d\dT", text) else None
    except ValueError:
        return None
    return moment.in_timezone("UTC").to_iso8601_string() if isinstance(moment, pendulum.DateTime) else None


def _progress(value: object) -> int | None:
    """``"65%"`` to 65. The text in it ("fast", "Waiting to start") is Discord's, and no number."""
    return _percent(value if isinstance(value, str) else _text(value) or "")


@lru_cache(maxsize=256)
def _percent(text: str) -> int | None:
    # Waiting reads it of every row of every list, and there are few different ones.
    match = re.fullmatch(r"\s*(\d{1,3})(\.\d+)?\s*%?\s*", text, re.ASCII)
    return min(int(match.group(1)), 100) if match else None


def _url(value: object) -> str | None:
    """Read an http(s) link, without credentials; anything else that a gateway may send here is no link."""
    try:
        parts = urlsplit((_text(value) or "").strip())
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _urls(value: object) -> tuple[str, ...]:
    """Read a list of links, which come as text or as ``{"url": ..., "thumbnail": ...}``."""
    items = value if isinstance(value, list) else []
    links = (_url(item.get("url") if isinstance(item, Mapping) else item) for item in items)
    return tuple(link for link in links if link)


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
            _storable(key): _plain(item, depth - 1) for key, item in value.items() if _is_wanted(key, item)
        }
    if isinstance(value, list) and depth:
        return [_plain(item, depth - 1) for item in value if _is_wanted("", item)]
    if isinstance(value, str):
        return _storable(("@" in value and _url(value)) or value)
    is_plain = isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value))
    return value if is_plain else None


def _is_wanted(key: str, value: object) -> bool:
    # A caller's notifyHook often holds the token that authenticates its webhook.
    if key == "notifyHook" or key.lower().endswith("base64"):
        return False
    return not (isinstance(value, str) and (value.startswith("data:") or len(value) > _MAX_EXTRA_TEXT))


_FIELDS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "status": ("status", _status),
    "action": ("action", _text),
    "prompt": ("prompt", _text),
    "promptEn": ("prompt_en", _text),
    "description": ("description", _text),
    "state": ("state", _text),
    "submitTime": ("submit_time", _time),
    "startTime": ("start_time", _time),
    "finishTime": ("finish_time", _time),
    "progress": ("progress", _progress),
    "imageUrl": ("image_url", _url),
    "imageUrls": ("image_urls", _urls),
    "failReason": ("fail_reason", _text),
    "buttons": ("buttons", _buttons),
    "seed": ("seed", _text),
    "cost": ("cost", _number),
}
_BRIEF = ("id", "status", "progress", "failReason")
_OWN_KEYS = frozenset((*_FIELDS, "id", "videoUrl", "videoUrls", "imageUrlExpiresAt", "properties"))
_UNSET: tuple[object, ...] = (None, "", 0, [], {})
