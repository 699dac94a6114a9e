"""Whether a gateway has a call, told by how it refuses it for a task that does not exist. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.errors import (
    BlockedError,
    EndpointMissingError,
    GatewayDownError,
    NotReadyError,
    TaskNotFoundError,
    UnauthorizedError,
)
from airflow_provider_mj.gateway.wording import is_page, says_no_task

if TYPE_CHECKING:
    from airflow_provider_mj.check.seen import Reply
    from airflow_provider_mj.gateway.answers import Answer
    from airflow_provider_mj.gateway.errors import GatewayError


class Route(Enum):
    """What is known of a call."""

    WORKS = "it is there, and gives what was asked for"
    REFUSES = "it is there, and knows no such task"
    FORBIDDEN = "it is there, and this key may not use it"
    MISSING = "it is not there"
    UNKNOWN = "nobody can tell"

    @property
    def exists(self) -> bool:
        """Whether it is surely there."""
        return self in (Route.WORKS, Route.REFUSES, Route.FORBIDDEN)


def route(reply: Reply) -> Route:
    """Tell whether a call exists.

    :param reply: what came of it, at a host that is a gateway: its web front shows a page for any path that
        it does not know (new-api).
    """
    error, answer = reply.error, reply.answer
    if answer is None or isinstance(error, BlockedError | GatewayDownError):
        return Route.UNKNOWN
    return Route.WORKS if error is None else _refused(error, answer)


def _refused(error: GatewayError, answer: Answer) -> Route:
    said = answer.said.lower()
    if is_page(said):
        return Route.MISSING
    # Some forks of new-api say it with 404.
    if says_no_task(said) or isinstance(error, TaskNotFoundError | NotReadyError):
        return Route.REFUSES
    if isinstance(error, EndpointMissingError):
        return Route.MISSING
    if isinstance(error, UnauthorizedError):
        return Route.FORBIDDEN
    return Route.REFUSES if _is_told(answer.body) else Route.UNKNOWN


def _is_told(body: object) -> bool:
    """Tell a gateway's own answer, which has a code and a description, or an error of one word."""
    return isinstance(body, Mapping) and ("code" in body or isinstance(body.get("error"), str))
