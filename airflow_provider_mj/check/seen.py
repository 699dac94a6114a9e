"""What the probes of a gateway saw: data, from which all else is decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_mj.gateway.answers import Answer
    from airflow_provider_mj.gateway.errors import GatewayError
    from airflow_provider_mj.gateway.settings import GatewaySettings
    from airflow_provider_mj.gateway.task import Task


class Probe(StrEnum):
    """The calls by which a gateway is found out; none is paid for, and none changes anything."""

    LIST = "POST task/list-by-condition"
    FETCH = "GET task/{id}/fetch"
    TASKS = "GET task/list"
    LOG = "GET /api/log/token"
    CANCEL = "POST task/{id}/cancel"
    SEED = "GET task/{id}/image-seed"
    IMAGE = "GET /mj/image/{id}"
    NO_KEY = "GET task/{id}/fetch, without the key"
    NO_CALL = "GET a call that does not exist"


@dataclass(frozen=True)
class KeyLog:
    """What the log of the key shows.

    :param rows: how many rows it has.
    :param submissions: how many of them are of submissions.
    :param tasks: the newest of the tasks that these name, as far as they could be asked for.
    """

    rows: int = 0
    submissions: int = 0
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a probe.

    :param answer: the answer as it came; None where none came.
    :param error: what the provider takes it for, if it is not what was asked for.
    :param value: what it was read as: tasks, or a :class:`KeyLog`.
    """

    answer: Answer | None = None
    error: GatewayError | None = None
    value: Any = None


NOTHING = Reply()


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the probes went. It holds no key.

    :param gateway: host and port.
    :param is_tls: whether the connection has ``https``.
    :param is_verified: whether the certificate is checked.
    :param has_key: whether the connection has a key.
    :param auth_scheme: the header that the key goes into.
    :param is_proxied: whether a proxy of the environment is in between.
    """

    gateway: str
    is_tls: bool
    is_verified: bool
    has_key: bool
    auth_scheme: str
    is_proxied: bool = False

    @classmethod
    def of(cls, settings: GatewaySettings, *, is_proxied: bool = False) -> Target:
        """Give what may be said of a connection."""
        return cls(
            gateway=settings.gateway,
            is_tls=urlsplit(settings.base_url).scheme == "https",
            is_verified=settings.verify is not False,
            has_key=bool(settings.key),
            auth_scheme=str(settings.auth_scheme),
            is_proxied=is_proxied,
        )


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What all probes saw.

    :param target: where they went.
    :param replies: what came of each; one that was not made is left out.
    :param ahead: by how many seconds the gateway's clock is ahead of ours; None if it tells no time.
    :param other_schemes: the other values of ``auth_scheme`` with which the key is not refused; they are
        tried only where it is refused.
    """

    target: Target
    replies: Mapping[Probe, Reply] = field(default_factory=dict)
    ahead: float | None = None
    other_schemes: tuple[str, ...] = ()

    def reply(self, probe: Probe) -> Reply:
        """Give what came of a probe; an empty reply if it was not made."""
        return self.replies.get(probe, NOTHING)
