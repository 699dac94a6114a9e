"""An HTTP answer as plain data, and the reasons for which the sandbox refuses a request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP.

    :param status: HTTP status
    :param body: the bytes of the body
    :param media_type: Content-Type, or None for no such header
    """

    status: int
    body: bytes = b""
    media_type: str | None = None


class Reason(StrEnum):
    """Why a request is refused; each dialect has its own words and statuses for it."""

    BAD_BODY = auto()
    BAD_PARAMETER = auto()
    NUMERIC_IDS = auto()
    EMPTY_PROMPT = auto()
    BANNED_PROMPT = auto()
    UNKNOWN_PARENT = auto()
    UNFINISHED_PARENT = auto()
    UNKNOWN_ACTION = auto()
    NOT_OPEN = auto()
    NO_SEED = auto()
    QUEUE_FULL = auto()
    NO_ACCOUNT = auto()
    QUOTA = auto()
    SYSTEM_ERROR = auto()
    LOST = auto()
    OUTCOME_UNKNOWN = auto()
    USER_LIMIT = auto()
    STATE_TOO_LONG = auto()
    CHANNEL_DISABLED = auto()
    CHANNEL_GONE = auto()
    SEED_NOT_FOUND = auto()
    SEED_FAILED = auto()


STORED = frozenset({Reason.OUTCOME_UNKNOWN})
"""Refusals after which the task exists and is charged all the same."""


@dataclass(slots=True)
class RefusedError(ValueError):
    """A request that the gateway does not accept; nothing is stored or charged, unless it is in `STORED`.

    :param reason: which refusal it is
    :param detail: what is wrong, in words
    :param properties: the ``properties`` of the refusal, where the gateways send some
    :param endpoint: the name of the endpoint that refuses; "" where nothing depends on it
    """

    reason: Reason
    detail: str
    properties: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def json_answer(content: Any, status: int = 200) -> Answer:
    """Return `content` as a JSON answer; half surrogates, which UTF-8 cannot carry, become ``?``."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Answer(status, body, "application/json; charset=utf-8")


def text_answer(text: str, status: int) -> Answer:
    """Return a plain text answer."""
    return Answer(status, text.encode(), "text/plain; charset=utf-8")


def html_answer(title: str, status: int) -> Answer:
    """Return a small HTML page, as front ends and proxies answer in place of an API."""
    page = f"<!doctype html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Answer(status, page.encode(), "text/html; charset=utf-8")
