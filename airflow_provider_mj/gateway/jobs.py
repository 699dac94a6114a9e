"""What is submitted: the body of every paid call, checked before anything is sent. No I/O.

A key whose value is None is left out, since some gateways stumble over null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_mj.gateway.ids import valid_task_id

UPLOAD = "upload-discord-images"
"""The one paid call that makes no task."""

NOT_DRAWN = ("state", "notifyHook")
"""Keys of a body that say where an answer goes, and not what is drawn."""

LONGEST_STATE = 255
"""Characters of a ``state`` at most: trueai-org/midjourney-proxy refuses longer ones."""

_BOTS = {
    "mid_journey": "MID_JOURNEY",
    "mj": "MID_JOURNEY",
    "niji_journey": "NIJI_JOURNEY",
    "niji": "NIJI_JOURNEY",
}
_CHANGES: dict[str, tuple[int, ...]] = {"UPSCALE": (1, 2, 3, 4), "VARIATION": (1, 2, 3, 4), "REROLL": (1,)}
_DIMENSIONS = ("PORTRAIT", "SQUARE", "LANDSCAPE")
_BLEND = range(2, 6)
_DATA_URI = re.compile(r"data:image/[\w.+-]++;base64,[\w+/]", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class Job:
    """One paid call.

    :param action: what :meth:`.GatewayClient.submit` takes: ``imagine``, ``action``, ``modal``, ...
    :param body: the JSON body. It may hold pictures, so it is never shown.
    """

    action: str
    body: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<Job {self.action}>"


def imagine(prompt: str, *, images: Sequence[str] = (), bot_type: str | None = None) -> Job:
    """Draw a prompt.

    :param prompt: the prompt, already clean.
    :param images: reference pictures, as data URIs or links.
    :param bot_type: ``MID_JOURNEY`` or ``NIJI_JOURNEY``; the gateway's default if None.
    :raises ValueError: when an argument can't be right.
    """
    body = {
        "prompt": _text("prompt", prompt),
        "base64Array": _images("images", images) or None,
        "botType": _bot(bot_type),
    }
    return _job("imagine", body)


def press(mj_task_id: str, custom_id: str, *, remix: bool | None = None) -> Job:
    """Press a button.

    :param mj_task_id: the finished task that has the button.
    :param custom_id: the button's ``customId``.
    :param remix: whether to ask for a window in which the prompt can be changed.
    :raises ValueError: when an argument can't be right.
    """
    # new-api panics on a customId without segments.
    if "::" not in _text("custom_id", custom_id):
        raise ValueError("custom_id must be the customId of a button, such as MJ::JOB::upsample::2::<hash>")
    body = {"taskId": valid_task_id(mj_task_id), "customId": custom_id, "enableRemix": _flag("remix", remix)}
    return _job("action", body)


def change(mj_task_id: str, action: str, index: int) -> Job:
    """Upscale, vary or reroll at a gateway that has no buttons.

    :param mj_task_id: the finished task.
    :param action: ``UPSCALE``, ``VARIATION`` or ``REROLL``.
    :param index: which picture of the grid, 1 to 4; 1 for a reroll.
    :raises ValueError: when an argument can't be right.
    """
    _one_of("action", action, tuple(_CHANGES))
    _one_of("index", index, _CHANGES[action])
    return _job("change", {"taskId": valid_task_id(mj_task_id), "action": action, "index": index})


def modal(mj_task_id: str, *, prompt: str | None = None, mask: str | None = None) -> Job:
    """Answer the window that a press has opened.

    :param mj_task_id: the task that waits with status MODAL, not the one whose button was pressed.
    :param prompt: what to draw; the parent's prompt if None, where the gateway allows that.
    :param mask: white where to repaint, as a data URI or a link.
    :raises ValueError: when an argument can't be right.
    """
    body = {
        "taskId": valid_task_id(mj_task_id),
        "prompt": None if prompt is None else _text("prompt", prompt),
        "maskBase64": _image("mask", mask),
    }
    return _job("modal", body)


def blend(images: Sequence[str], *, dimensions: str = "SQUARE", bot_type: str | None = None) -> Job:
    """Blend pictures into one.

    :param images: 2 to 5 pictures, as data URIs or links.
    :param dimensions: ``PORTRAIT`` (2:3), ``SQUARE`` or ``LANDSCAPE`` (3:2).
    :param bot_type: as for :func:`imagine`.
    :raises ValueError: when an argument can't be right.
    """
    pictures = _images("images", images)
    if len(pictures) not in _BLEND:
        raise ValueError(f"images must be 2 to 5 pictures to blend, got {len(pictures)}")
    body = {
        "base64Array": pictures,
        "dimensions": _one_of("dimensions", dimensions, _DIMENSIONS),
        "botType": _bot(bot_type),
    }
    return _job("blend", body)


def describe(
    *,
    image: str | None = None,
    link: str | None = None,
    language: str | None = None,
    bot_type: str | None = None,
) -> Job:
    """Let prompts be written for a picture: give it as ``image`` or as ``link``.

    :param image: the picture as a data URI or a link; all gateways take the first.
    :param link: the picture's address, for the gateways that fetch it themselves.
    :param language: into which the prompts are translated, such as ``zh``.
    :param bot_type: as for :func:`imagine`.
    :raises ValueError: when an argument can't be right.
    """
    if (image is None) == (link is None):
        raise ValueError("give the picture as image or as link: exactly one of them")
    if link is not None and not _is_link(link):
        raise ValueError("link must be an http(s) URL")
    body = {
        "base64": _image("image", image),
        "link": link,
        "language": None if language is None else _text("language", language),
        "botType": _bot(bot_type),
    }
    return _job("describe", body)


def shorten(prompt: str, *, bot_type: str | None = None) -> Job:
    """Let a prompt be analysed, and shorter ones be written.

    :param prompt: the prompt, already clean.
    :param bot_type: as for :func:`imagine`.
    :raises ValueError: when an argument can't be right.
    """
    return _job("shorten", {"prompt": _text("prompt", prompt), "botType": _bot(bot_type)})


def edits(prompt: str, image: str, *, mask: str | None = None) -> Job:
    """Repaint a picture where it is transparent.

    :param prompt: what to draw, already clean.
    :param image: the picture, as a data URI or a link.
    :param mask: where to repaint, for the gateways that take it apart from the picture;
        trueai-org/midjourney-proxy ignores it, see :meth:`.GatewayClient.ignores_edit_masks`.
    :raises ValueError: when an argument can't be right.
    """
    body = {
        "prompt": _text("prompt", prompt),
        "image": _required_image("image", image),
        "maskBase64": _image("mask", mask),
    }
    return _job("edits", body)


def video(
    prompt: str | None = None,
    *,
    image: str | None = None,
    end_image: str | None = None,
    motion: str = "low",
    loop: bool | None = None,
    mj_task_id: str | None = None,
    index: int | None = None,
    video_type: str | None = None,
    batch_size: int | None = None,
) -> Job:
    """Animate a picture, or extend a video that there is.

    :param prompt: what shall happen; some gateways need it.
    :param image: the first picture, as a data URI or a link; needed unless a video is extended.
    :param end_image: the last picture.
    :param motion: ``low`` or ``high``.
    :param loop: whether the end shall lead to the beginning.
    :param mj_task_id: the task whose video is extended.
    :param index: which of its videos, 0 to 3. A grid's pictures count from 1, its videos from 0.
    :param video_type: such as ``vid_1.1_i2v_480`` (the gateways' default) or ``vid_1.1_i2v_720``.
    :param batch_size: how many videos: 1, 2 or 4.
    :raises ValueError: when an argument can't be right.
    """
    body = {
        "prompt": None if prompt is None else _text("prompt", prompt),
        "image": _image("image", image) if mj_task_id is not None else _required_image("image", image),
        "endImage": _image("end_image", end_image),
        "motion": _one_of("motion", motion, ("low", "high")),
        "loop": _flag("loop", loop),
        "videoType": None if video_type is None else _text("video_type", video_type),
        "batchSize": None if batch_size is None else _one_of("batch_size", batch_size, (1, 2, 4)),
    }
    return _job("video", {**body, **_extension(mj_task_id, index)})


def swap_face(source: str, target: str) -> Job:
    """Put the face of one picture into another.

    :param source: the face, as a data URI or a link.
    :param target: the picture that gets it, likewise; not every gateway takes links here.
    :raises ValueError: when an argument can't be right.
    """
    body = {
        _swap_key("source", _required_image("source", source)): source,
        _swap_key("target", _required_image("target", target)): target,
    }
    if source == target:
        raise ValueError("source and target must be different pictures")
    return _job("swap-face", body)


def upload(images: Sequence[str]) -> Job:
    """Upload pictures to Discord. The answer has their addresses and no task.

    :param images: the pictures, as data URIs or links.
    :raises ValueError: when an argument can't be right.
    """
    pictures = _images("images", images)
    if not pictures:
        raise ValueError("images must hold at least one picture")
    return _job(UPLOAD, {"base64Array": pictures})


def with_extra(job: Job, extra_body: Mapping[str, Any]) -> Job:
    """Add what a gateway knows beyond the common keys: ``accountFilter``, ``notifyHook``, ``state``, ...

    :param job: the job.
    :param extra_body: keys and JSON values; they are copied.
    :returns: the job with them.
    :raises ValueError: when they are no JSON object, or the job sets one of the keys itself.
    """
    if not isinstance(extra_body, Mapping) or not all(isinstance(key, str) for key in extra_body):
        raise ValueError("extra_body must be a dict with text as keys")
    taken = sorted(job.body.keys() & extra_body.keys())
    if taken:
        raise ValueError(f"extra_body must not hold {', '.join(taken)}: the {job.action} sets that itself")
    state = extra_body.get("state")
    if state is not None and (not isinstance(state, str) or len(state) > LONGEST_STATE):
        raise ValueError(f"state in extra_body must be text of at most {LONGEST_STATE} characters")
    try:
        copied = json.loads(json.dumps(dict(extra_body), allow_nan=False, sort_keys=True))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"extra_body must be JSON: {error}") from None
    return _job(job.action, {**job.body, **copied})


def _job(action: str, body: Mapping[str, Any]) -> Job:
    return Job(action, {key: value for key, value in body.items() if value is not None})


def _extension(mj_task_id: str | None, index: int | None) -> dict[str, Any]:
    if mj_task_id is None:
        if index is not None:
            raise ValueError("index belongs to the video of a task: give its mj_task_id too")
        return {}
    return {
        "action": "extend",
        "taskId": valid_task_id(mj_task_id),
        "index": _one_of("index", index, (0, 1, 2, 3)),
    }


def _swap_key(name: str, picture: str) -> str:
    # trueai has a key of its own for a link; new-api has none.
    return f"{name}Url" if _is_link(picture) else f"{name}Base64"


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be text and not empty")
    return value


def _flag(name: str, value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{name} must be True, False or None, got a {type(value).__name__}")
    return value


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> object:
    # True is 1 in Python, and no index.
    if isinstance(value, bool) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}; got {str(value)[:40]!r}")
    return allowed[allowed.index(value)]


def _bot(bot_type: str | None) -> str | None:
    if bot_type is None:
        return None
    bot = _BOTS.get(bot_type.lower()) if isinstance(bot_type, str) else None
    if bot is None:
        raise ValueError("bot_type must be MID_JOURNEY (mj) or NIJI_JOURNEY (niji)")
    return bot


def _images(name: str, images: object) -> list[str]:
    # Any other iterable is taken: the XComs of mapped tasks come as a lazy sequence of a class of its own.
    is_other = isinstance(images, str | bytes | Mapping | set | frozenset)
    if is_other or not isinstance(images, Iterable):
        raise ValueError(f"{name} must be a list of pictures, got a {type(images).__name__}")
    return [_required_image(f"{name}[{place}]", image) for place, image in enumerate(images)]


def _image(name: str, image: object) -> str | None:
    return None if image is None else _required_image(name, image)


def _required_image(name: str, image: object) -> str:
    # Neither a picture nor a signed link belongs in the message.
    if isinstance(image, str) and (_DATA_URI.match(image) or _is_link(image)):
        return image
    raise ValueError(f"{name} must be a picture as a data URI (data:image/png;base64,...) or an http(s) URL")


def _is_link(value: object) -> bool:
    if not isinstance(value, str) or not value.lower().startswith(("http://", "https://")):
        return False
    try:
        return bool(urlsplit(value).hostname) and not re.search(r"\s", value)
    except ValueError:
        return False
