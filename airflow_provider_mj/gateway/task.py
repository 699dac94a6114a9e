"""The remote task: parsed once, frozen, and the only place that knows raw field names.

Gateways agree on the names of the fields and on little else: what is unset comes as null, ``""``, ``0`` or
not at all, ids come as numbers, times in seconds or milliseconds, progress as text. All of it is settled
here, so that no other part of the provider ever looks into a raw answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_mj.gateway import incoming, values
from airflow_provider_mj.gateway.ids import InvalidTaskIdError, valid_task_id

MAX_BUTTONS = 50
"""Buttons of a task; Discord shows at most 25 under a message."""
MAX_CUSTOM_ID = 256
"""Characters of a ``customId``; Discord takes 100. A longer one is none: a part of it presses nothing."""
MAX_LABEL = 100
"""Characters of the text on a button; Discord takes 80."""
MAX_WORD = 64
"""Characters of a status, an action and a seed."""
MAX_STATE = 512
"""Characters of a ``state``; trueai-org/midjourney-proxy takes 255."""

_NO_PROPERTIES: Mapping[str, Any] = MappingProxyType({})


class TaskStatus(StrEnum):
    """The status words that gateways are known to use; a gateway may send others, or none."""

    NOT_START = "NOT_START"
    SUBMITTED = "SUBMITTED"
    MODAL = "MODAL"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCEL = "CANCEL"


ENDED = frozenset((TaskStatus.SUCCESS, TaskStatus.FAILURE, TaskStatus.CANCEL))
"""The words after which nothing changes any more."""


def may_not_be_copied(status: object) -> bool:
    """Tell a status that may be no news: new-api shows none before it has copied one from behind it."""
    return status in (None, "", TaskStatus.NOT_START)


def has_gone_on(status: object) -> bool:
    """Tell whether a task that waited for a confirmation shows, by its status, that it has one."""
    return status not in (None, "", TaskStatus.MODAL)


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
    """A JSON value that should be a task has no ``id`` that can be one, or no ``status``."""


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
        """Read one button; None where there is no ``customId`` that could be pressed."""
        custom_id = values.text(raw.get("customId"))
        if custom_id is None or len(custom_id) > MAX_CUSTOM_ID:
            return None
        return cls(
            custom_id=custom_id,
            label=values.text(raw.get("label"), MAX_LABEL),
            emoji=values.text(raw.get("emoji"), MAX_LABEL),
            type=values.small_integer(raw.get("type")),
            style=values.small_integer(raw.get("style")),
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
    def from_wire(cls, raw: object, origin: str = "") -> Task:
        """Read a task from the JSON value of a fetch, from a row of a list, or from XCom.

        Wherever it comes from, it is capped and cleaned: what stands in XCom is bounded, too.

        :param raw: the decoded JSON value.
        :param origin: scheme, host and port of the gateway that sent it. new-api forwards pictures, and where
            its operator has not told it its own address, the link is a path on that.
        :returns: the task; fields that are missing, of a wrong type or unset are None.
        :raises NotATaskError: when there is no ``id`` or no ``status`` key at the top level. Some hosts
            wrap the task in an envelope of their own; they speak another protocol.
        """
        raw, task_id = _task_object(incoming.cleaned(raw))
        fields = {attribute: read(raw.get(key)) for key, (attribute, read) in _FIELDS.items()}
        fields["status"] = _ended(fields["status"], fields["progress"], fields["fail_reason"])
        image_url = fields["image_url"] = fields["image_url"] or values.url(raw.get("imageUrl"), origin)
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
        progress, fail_reason = values.progress(raw.get("progress")), values.text(raw.get("failReason"))
        return cls(
            id=task_id,
            is_whole=False,
            status=_ended(_status(raw["status"]), progress, fail_reason),
            progress=progress,
            fail_reason=fail_reason,
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


def tasks_by_id(rows: Iterable[object], *, brief: bool = False, origin: str = "") -> dict[str, Task]:
    """Join the rows of a list answer by id.

    Rows come in any order, unknown ids are left out, a row may hold only a few fields, and one id may come
    twice: the row that is further along wins. What is no task object is passed over.

    :param rows: the decoded rows of a list answer.
    :param brief: whether to read only what decides about waiting.
    :param origin: as for :meth:`Task.from_wire`.
    :returns: the tasks that the gateway told of, by id.
    """
    return {task.id: task for task in all_of(tasks_of(rows, brief=brief, origin=origin))}


def tasks_of(rows: Iterable[object], *, brief: bool = False, origin: str = "") -> Iterator[Task]:
    """Read the rows of a list answer one by one; what is no task object is passed over.

    :param rows: the decoded rows of a list answer.
    :param brief: whether to read only what decides about waiting.
    :param origin: as for :meth:`Task.from_wire`.
    """
    read = Task.brief_from_wire if brief else partial(Task.from_wire, origin=origin)
    for row in rows:
        # Waits read thousands of them: `suppress` would be a tenth of the time.
        try:
            task = read(row)
        except NotATaskError:
            continue
        yield task


def all_of(tasks: Iterable[Task]) -> list[Task]:
    """Give tasks as a list; of two with one id the one that is further along.

    :param tasks: tasks, in any order.
    """
    all_tasks: dict[str, Task] = {}
    for task in tasks:
        known = all_tasks.get(task.id)
        if known is None or task.advance > known.advance:
            all_tasks[task.id] = task
    return list(all_tasks.values())


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
    try:
        expiry = parse_qs(urlsplit(url[: values.MAX_LINK]).query).get("ex", [""])[0]
    except ValueError:
        return None
    return values.time(int(expiry, 16)) if _EXPIRY.fullmatch(expiry) else None


def _task_object(raw: object) -> tuple[dict[str, Any], str]:
    if not isinstance(raw, dict):
        raise NotATaskError(f"a JSON {type(raw).__name__} stands where a task object belongs")
    task_id = raw.get("id")
    if not task_id or "status" not in raw:
        raise NotATaskError("the object has no `id` and `status` at its top level")
    try:
        return raw, valid_task_id(task_id)
    except InvalidTaskIdError:
        raise NotATaskError("the `id` at its top level can't be one") from None


def _status(value: object) -> str | None:
    if isinstance(value, str) and value in _ADVANCE:
        return value
    word = values.text(value, MAX_WORD)
    # It stands in lines of the log. In capitals, some letters are two.
    return " ".join(word.split()).upper()[:MAX_WORD] or None if word else None


def _ended(status: str | None, progress: int | None, fail_reason: str | None) -> str | None:
    """Tell a task that failed and whose status says something else, for ever.

    new-api gives the money back for whatever has a reason to have failed, sets it to 100 % and never looks at
    it again; the status stays what it was.
    """
    is_over = fail_reason is not None and progress == _ALL and status not in ENDED
    return TaskStatus.FAILURE.value if is_over else status


def _buttons(value: object) -> tuple[Button, ...]:
    items = value if isinstance(value, list) else []
    buttons = (Button.from_wire(item) for item in items if isinstance(item, Mapping))
    return tuple(islice(filter(None, buttons), MAX_BUTTONS))


def _properties(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``properties`` of the task, joined by the top-level fields that have no place of their own."""
    extra = {key: value for key, value in raw.items() if key not in OWN_KEYS and _is_worth_keeping(value)}
    own = raw.get("properties")
    # What stood at the top is one level deeper now.
    moved = incoming.cleaned({"properties": extra})["properties"] if extra else {}
    joined = {**moved, **(own if isinstance(own, Mapping) else {})}
    return dict(islice(joined.items(), incoming.MAX_KEYS))


def _is_worth_keeping(value: object) -> bool:
    return value not in _UNSET and not (isinstance(value, str) and incoming.is_blob(value))


_ALL = 100
_EXPIRY = re.compile(r"[0-9a-fA-F]{1,10}")
_FIELDS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "status": ("status", _status),
    "action": ("action", partial(values.text, limit=MAX_WORD)),
    "prompt": ("prompt", values.text),
    "promptEn": ("prompt_en", values.text),
    "description": ("description", values.text),
    "state": ("state", partial(values.text, limit=MAX_STATE)),
    "submitTime": ("submit_time", values.time),
    "startTime": ("start_time", values.time),
    "finishTime": ("finish_time", values.time),
    "progress": ("progress", values.progress),
    "imageUrl": ("image_url", values.url),
    "imageUrls": ("image_urls", values.urls),
    "videoUrls": ("video_urls", values.urls),
    "failReason": ("fail_reason", values.text),
    "buttons": ("buttons", _buttons),
    "seed": ("seed", partial(values.text, limit=MAX_WORD)),
    "cost": ("cost", values.number),
}
_BRIEF = ("id", "status", "progress", "failReason")
OWN_KEYS = frozenset((*_FIELDS, "id", "videoUrl", "imageUrlExpiresAt", "properties"))
"""The keys of a task that have a place of their own; the rest is kept in its ``properties``."""
_UNSET: tuple[object, ...] = (None, "", 0, [], {})
