"""What can be the matter with a gateway for all requests, beside its dialect. Faults hit single requests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .answers import Reason, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Condition(StrEnum):
    """What is the matter; each is possible in some dialects only, see `KNOWN_TO`."""

    UNREADABLE = "unreadable"
    """The key may submit, and is charged, but not read a task: 403."""
    CHANNEL_DISABLED = "channel-disabled"
    """The channel of every parent task has been switched off."""
    CHANNEL_GONE = "channel-gone"
    """The channel of every parent task has been deleted."""
    IMAGES_FORWARDED = "images-forwarded"
    """The link of a picture is ``/mj/image/{id}`` on the gateway's own host."""
    IMAGES_AT_PATHS = "images-at-paths"
    """The same, and it has not been told its own address: the link is only the path."""
    IMAGES_BLOCKED = "images-blocked"
    """As forwarded, and the gateway's own filter refuses to fetch the picture: 403."""
    IMAGES_PROTECTED = "images-protected"
    """As forwarded, and the picture needs the key: 401 without it."""
    LOG_OFF = "log-off"
    """Submissions are not logged."""
    LOG_OLD = "log-old"
    """The log reads the key from the address only, and is empty for a key in a header."""
    LOG_MISSING = "log-missing"
    """There is no log of the key."""
    OLD_ROUTES = "old-routes"
    """There is no ``submit/edits`` and no ``submit/video``."""
    REPEATS_KNOWN = "repeats-known"
    """A press that was made before makes no other task: code 21 with the one that there is. A relay makes a 1
    of the code, and charges again."""
    NOT_ADMIN = "not-admin"
    """The key's user may cancel nothing: 400 with a text."""
    SEED_NOT_FOUND = "seed-not-found"
    """No picture has a seed yet: code 3."""
    SEED_FAILED = "seed-failed"
    """To find a seed fails: code 9."""


_RELAYS = frozenset({"gptplus5", "crazyrouter"})
_CS = frozenset({"trueai"})
_CS_CONDITIONS = {Condition.NOT_ADMIN, Condition.SEED_NOT_FOUND, Condition.SEED_FAILED}
KNOWN_TO = {
    **dict.fromkeys(set(Condition) - _CS_CONDITIONS, _RELAYS),
    **dict.fromkeys(_CS_CONDITIONS, _CS),
    Condition.REPEATS_KNOWN: _RELAYS | _CS | {"novicezk"},
}
"""The dialects of the gateways that can be in a condition."""
_CHANNELS = {
    Condition.CHANNEL_GONE: Reason.CHANNEL_GONE,
    Condition.CHANNEL_DISABLED: Reason.CHANNEL_DISABLED,
}
FORWARDING = frozenset(
    {
        Condition.IMAGES_FORWARDED,
        Condition.IMAGES_AT_PATHS,
        Condition.IMAGES_BLOCKED,
        Condition.IMAGES_PROTECTED,
    }
)


def checked(conditions: Iterable[str], dialect: str) -> set[Condition]:
    """Return conditions by their names.

    :param conditions: the names
    :param dialect: the dialect of the gateway
    :raises ValueError: if one is unknown, or impossible in the dialect
    """
    found = {Condition(name) for name in conditions}
    for condition in sorted(found):
        if dialect not in KNOWN_TO[condition]:
            names = ", ".join(sorted(KNOWN_TO[condition]))
            raise ValueError(f"{condition} is a condition of {names}, not of {dialect}")
    return found


def check_channel(conditions: Iterable[Condition]) -> None:
    """See that the channel of a parent task is there and switched on.

    :param conditions: what is the matter with the gateway
    :raises RefusedError: if it is not
    """
    for condition, reason in _CHANNELS.items():
        if condition in conditions:
            raise RefusedError(reason, "the channel of the parent task can't be used")


@dataclass(frozen=True, slots=True)
class UserLimits:
    """How much the user of a key may do, as the C# proxy counts it; None for any number.

    :param concurrency: tasks in progress
    :param queue: tasks in the queue
    :param day: tasks of a day (UTC); refused is what comes after one more
    :param total: tasks in all; refused is what comes after one more
    """

    concurrency: int | None = None
    queue: int | None = None
    day: int | None = None
    total: int | None = None
