"""Reads the bodies of requests; what a body gets wrong is refused."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

from .answers import Reason, RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from .gateway import SandboxGateway

Body = dict[str, Any]

STATE_LIMIT = 32_768
"""Greatest length of `state` where the dialect has no limit, characters, so that tasks stay small."""

_DATA_URI = re.compile(r"data:[\w.+-]{1,127}+/[\w.+-]{1,127}+;base64,")


def read_object(body: bytes) -> Body:
    """Return the JSON object that a body is."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise RefusedError(Reason.BAD_BODY, "the body is not a JSON object")
    return content


def text(body: Body, name: str) -> str:
    """Return a text, "" if it is not there."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise RefusedError(Reason.BAD_BODY, f"{name} is not a string")
    return (value or "").encode("utf-8", "replace").decode()


def required(body: Body, name: str) -> str:
    """Return a text that must be there."""
    value = text(body, name)
    if not value:
        raise RefusedError(Reason.BAD_PARAMETER, f"{name} is required")
    return value


def prompt(body: Body) -> str:
    """Return the prompt, which must be there."""
    value = text(body, "prompt")
    if not value.strip():
        raise RefusedError(Reason.EMPTY_PROMPT, "the prompt is empty")
    return value


def word(body: Body, name: str, words: Collection[str], default: str = "") -> str:
    """Return a text that must be one of some words.

    :param body: the body
    :param name: the text's name
    :param words: what it may be
    :param default: what it is if it is not there; "" if it must be
    """
    value = text(body, name) or default
    if value not in words:
        raise RefusedError(Reason.BAD_PARAMETER, f"{name} is not one of {', '.join(words)}")
    return value


def number(body: Body, name: str, numbers: Collection[int]) -> int | None:
    """Return an integer out of some, None if it is not there."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError(Reason.BAD_BODY, f"{name} is not a number")
    if value not in numbers:
        raise RefusedError(Reason.BAD_PARAMETER, f"{name} is out of range")
    return value


def state(gateway: SandboxGateway, body: Body) -> str | None:
    """Return the caller's own text, None if it is not there."""
    limit = STATE_LIMIT if gateway.dialect.state_limit is None else gateway.dialect.state_limit
    value = text(body, "state") if body.get("state") is not None else None
    if value is not None and len(value) > limit:
        raise RefusedError(Reason.STATE_TOO_LONG, f"State参数过长，最大{limit}字符")  # noqa: RUF001
    return value


def images(gateway: SandboxGateway, body: Body, least: int = 0, most: int | None = None) -> list[str]:
    """Return the pictures of ``base64Array``.

    :param gateway: the gateway
    :param body: the body
    :param least: how many there must be
    :param most: how many there may be, or None for any number
    """
    found = body.get("base64Array") or []
    if not isinstance(found, list) or not all(isinstance(image, str) for image in found):
        raise RefusedError(Reason.BAD_BODY, "base64Array is not a list of strings")
    if len(found) < least or (most is not None and len(found) > most):
        raise RefusedError(Reason.BAD_PARAMETER, "base64List参数错误")
    for image in found:
        check_image(gateway, image)
    return found


def image(gateway: SandboxGateway, body: Body, *names: str) -> str:
    """Return the picture that stands under the first of some names, which must be there."""
    value = next((value for name in names if (value := text(body, name))), "")
    if not value:
        raise RefusedError(Reason.BAD_PARAMETER, f"{names[0]} is required")
    check_image(gateway, value)
    return value


def check_image(gateway: SandboxGateway, image: str) -> None:
    """See that a picture is a data URI that can be read, or something else that the dialect takes."""
    found = _DATA_URI.match(image)
    if found is None:
        is_good = not gateway.dialect.data_uris_only and not image.startswith("data:")
    else:
        is_good = _is_base64(image[found.end() :])
    if not is_good:
        raise RefusedError(Reason.BAD_PARAMETER, "base64格式错误")


def ids(body: Body, *, coerce: bool) -> list[str]:
    """Return the ``ids`` of a list request.

    :param body: the body
    :param coerce: whether numbers may stand for ids
    """
    found = body.get("ids") or []
    if not isinstance(found, list):
        raise RefusedError(Reason.BAD_BODY, "ids is not a list")
    numbers = [one for one in found if isinstance(one, (int, float))]
    if numbers and not coerce:
        raise RefusedError(Reason.NUMERIC_IDS, "The JSON value could not be converted to System.String")
    return [str(one) for one in found if isinstance(one, (str, int, float))]


def _is_base64(data: str) -> bool:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return False
    return data != ""
