"""The hook of the paid part: what it sends and what comes is kept, so that no doubt about money is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import GatewayError, SubmissionUnknownError
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.hooks.mj import MJHook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_mj.gateway.answers import Answer
    from airflow_provider_mj.gateway.settings import GatewaySettings
    from airflow_provider_mj.gateway.submissions import Submission
    from airflow_provider_mj.gateway.transport import Request


@dataclass
class Sent:
    """A submission that was sent, or may have been.

    :param action: what was submitted.
    :param state: the ``state`` that it carried.
    :param mj_task_ids: what it made; empty while that is not known.
    """

    action: str
    state: str
    mj_task_ids: Sequence[str] = ()


@dataclass
class Journal:
    """What may have been paid for."""

    sent: list[Sent] = field(default_factory=list)
    heard: list[tuple[Request, Answer]] = field(default_factory=list)

    def paid(self) -> list[str]:
        """Name what was paid for, and what may have been; a line each."""
        return [_told(one) for one in self.sent]

    @property
    def ids(self) -> list[str]:
        """The tasks that were paid for."""
        return [mj_task_id for one in self.sent for mj_task_id in one.mj_task_ids]


def _told(sent: Sent) -> str:
    if sent.mj_task_ids:
        return f"Task {', '.join(map(quote, sent.mj_task_ids))} ({sent.action}) is paid for."
    return (
        f"A submission ({sent.action}, state {quote(sent.state)}) may have been paid for: look for it at the "
        "gateway, in its list of tasks or its bill."
    )


class PayingHook(MJHook):
    """Submits as the operators do, and writes down what it sends before it does.

    :param mj_conn_id: id of the Airflow connection.
    :param settings: what was read of it.
    """

    def __init__(self, mj_conn_id: str, settings: GatewaySettings, **kwargs: Any) -> None:
        super().__init__(mj_conn_id, **kwargs)
        self.settings = settings
        self.journal = Journal()

    @cached_property
    def client(self) -> GatewayClient:
        """The client, each answer of which is kept."""
        return GatewayClient(self.settings, heard=lambda *heard: self.journal.heard.append(heard))

    def submit(self, action: str, body: Mapping[str, Any]) -> Submission:
        """Submit a job; see :meth:`.MJHook.submit`."""
        sent = Sent(action, str(body.get("state") or ""))
        self.journal.sent.append(sent)
        try:
            submission = super().submit(action, body)
        except SubmissionUnknownError:
            raise
        except GatewayError:
            self.journal.sent.remove(sent)
            raise
        sent.mj_task_ids = submission.results
        return submission
