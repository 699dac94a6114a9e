"""What can go wrong at a gateway: one tree of errors. Which of them an answer is, :mod:`.rules` says.

Every error says what happened, to which task at which gateway, what the gateway said (at most 200 characters
of it), what it means for money already spent, and what to do.
"""

from __future__ import annotations

from typing import ClassVar

# Whoever handles these errors needs them as well.
from airflow_provider_mj.gateway.answers import Acceptance as Acceptance  # noqa: PLC0414
from airflow_provider_mj.gateway.answers import is_banned as is_banned  # noqa: PLC0414
from airflow_provider_mj.gateway.shown import quote


class GatewayError(Exception):
    """Something went wrong between us and a gateway.

    :param what: what happened, as the beginning of a sentence about the gateway.
    :param gateway: the gateway's host, e.g. ``gateway.example:8443``.
    :param mj_task_id: the remote task that was asked about, if it was about one.
    :param said: what the gateway answered; it is quoted, and cut.
    :param retry_after: seconds that the gateway asked us to wait, if it did.
    """

    retry_helps: ClassVar[bool] = True
    """Whether the same call may go well later, so that a retry of the Airflow task makes sense."""
    advice: ClassVar[str] = ""
    """What it means for money already spent, and what to do."""

    def __init__(
        self,
        what: str,
        *,
        gateway: str,
        mj_task_id: str | None = None,
        said: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.what = what
        self.gateway = gateway
        self.mj_task_id = mj_task_id
        self.said = quote(said)
        self.retry_after = retry_after
        subject = f"task {mj_task_id} at gateway {gateway}" if mj_task_id else f"gateway {gateway}"
        answer = f" (it said: {self.said})" if self.said else ""
        super().__init__(" ".join(filter(None, [f"{subject}: {what}{answer}.", self.advice])))


class GatewayUnreachableError(GatewayError):
    """No answer came: no such host, refused, reset, timed out."""

    advice = "Nothing was paid by asking, and a task that runs there goes on running."


class NoConnectionError(GatewayUnreachableError):
    """The request surely never left: the connection itself could not be made."""

    advice = "Nothing was sent, so nothing was paid. Check the host and port of the Airflow connection."


class CertificateError(NoConnectionError):
    """The gateway's TLS certificate was not accepted, or it does not speak TLS at all."""

    advice = (
        "Nothing was sent. Check the host (http:// or https://?), or give the path of its CA bundle as "
        "`verify` in the connection's extra."
    )


class GatewayDownError(GatewayError):
    """The gateway failed inside, or the proxy in front of it does not reach it (5xx)."""

    advice = "A task that runs there goes on running; ask again later."


class GatewayBusyError(GatewayDownError):
    """The gateway has too much to do for the moment (429, 502, 503, 504)."""


class UnexpectedAnswerError(GatewayError):
    """An answer came that is not the JSON it should be: HTML, garbage, cut, too large, or another shape."""

    advice = (
        "Check that the host of the Airflow connection is a gateway's, and its `path_prefix`. "
        "A task that runs there goes on running."
    )


class BlockedError(UnexpectedAnswerError):
    """403 without the gateway's own words: a firewall in front of it, or its list of banned addresses."""

    advice = "This address seems to be blocked at the gateway or its firewall: ask its operator."


class EndpointMissingError(UnexpectedAnswerError):
    """The gateway has no such call (404 or 405)."""

    retry_helps = False
    advice = "Check `path_prefix` in the connection's extra; not every gateway has every call."


class UnauthorizedError(GatewayError):
    """The gateway refuses the key (401, or 403 with a reason)."""

    retry_helps = False
    advice = (
        "Check the password (the key) and `auth_scheme` (bearer, raw or mj-api-secret) of the Airflow "
        "connection, and the key's balance, which its own last submission may have used up. A task already "
        "paid for is still at the gateway: clear the Airflow task once the key is taken again."
    )


class CannotReadError(UnauthorizedError):
    """The gateway takes submissions from this key, and shows it no task: new-api, where a key has models."""

    advice = (
        "The key may submit and not read: at the gateway, take the limit to some models off the key, or use "
        "another key of the same user. What it has paid for is still there: then clear the Airflow task, "
        "which takes it up."
    )


class NotReadyError(GatewayError):
    """What was asked for is not there yet."""

    advice = "Nothing was paid by asking; ask again later."


class TaskNotFoundError(GatewayError):
    """The gateway does not know the task: wrong id, another key's task, or forgotten."""

    retry_helps = False
    advice = (
        "Check the id, and that the connection has the key that submitted it; some gateways forget tasks "
        "after a restart or a month."
    )


class SubmissionError(GatewayError):
    """A submission was refused: there is no new task, and nothing was paid for it."""

    advice = "Nothing was paid."


class QueueFullError(SubmissionError):
    """The gateway's queue or the account's limit is full."""

    advice = "Nothing was paid; submit again later."


class NoAccountError(SubmissionError):
    """No Midjourney account or channel is available behind the gateway."""

    advice = "Nothing was paid; submit again later, or ask the gateway's operator."


class NotOfferedError(SubmissionError):
    """The gateway's operator has not set it up, so that no submission of this kind can go well."""

    retry_helps = False
    advice = "Nothing was paid; ask the gateway's operator."


class AccountBlockedError(SubmissionError):
    """The gateway has blocked the user of this key, for a time or for good."""

    retry_helps = False
    advice = "Nothing was paid; ask the gateway's operator, and mind the words in the prompts."


class BannedPromptError(SubmissionError):
    """The prompt holds a word that the gateway or Midjourney does not allow."""

    retry_helps = False
    advice = "Nothing was paid; change the prompt."


class InvalidSubmissionError(SubmissionError):
    """The gateway does not accept the parameters."""

    retry_helps = False
    advice = "Nothing was paid; mend the parameters."


class QuotaError(SubmissionError):
    """The key's balance does not cover the submission."""

    retry_helps = False
    advice = "Nothing was paid; top up the key's balance."


class ParentTaskError(SubmissionError):
    """The task whose button was pressed is unknown to the gateway, or not finished."""

    retry_helps = False
    advice = "Nothing was paid; the parent must be a finished task of the same gateway and key."


class ParentNotReadyError(SubmissionError):
    """The task whose button was pressed is not finished at the gateway yet; its own copy of it may lag."""

    advice = "Nothing was paid; submit again a little later."


class WindowRefusedError(SubmissionError):
    """The answer to a window was refused; the press that has opened it is paid for."""

    retry_helps = False
    advice = (
        "The press is paid for, and its window waits: change `modal` and clear the task, or answer it with "
        "MJModalOperator."
    )


class SubmissionUnknownError(GatewayError):
    """The submission may have arrived, and nobody can tell from here: it must not be repeated blindly."""

    retry_helps = False
    advice = (
        "It is unknown whether a task was made and paid for. Look at the gateway's own task list or bill "
        "before submitting again."
    )


class BackEndLostError(SubmissionUnknownError):
    """The gateway could not talk to what draws for it, which may have drawn; new-api then charges nothing."""


class PageInsteadError(SubmissionUnknownError):
    """A web page came with the status of a success: the call may be missing, or the page stands for all."""


class SearchFailedError(GatewayError):
    """A submission of an earlier try may be at the gateway, which can't be asked just now."""

    advice = (
        "Whether it was paid is not known yet, and nothing was submitted. A retry looks again, and takes up "
        "the task if it is there."
    )
