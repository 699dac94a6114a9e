"""What submitting needs of a hook, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_provider_mj.submitting.search import Lists

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_mj.gateway.submissions import Submission
    from airflow_provider_mj.submitting.record import Record


class Desk(Lists, Protocol):
    """What submitting needs of a hook."""

    @property
    def path(self) -> str:
        """The path below which the gateway serves its calls."""

    def submit(self, action: str, body: Mapping[str, object], /) -> Submission:
        """Submit, once."""


@dataclass(frozen=True)
class Submitted:
    """A submission that was made or taken up.

    :param record: what is written down of it.
    :param is_new: whether this try has submitted it.
    :param is_asked_again: whether a person has cleared the task since, which asks for it once more.
    """

    record: Record
    is_new: bool
    is_asked_again: bool = False
