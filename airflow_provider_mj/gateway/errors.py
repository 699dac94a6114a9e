"""What can go wrong at a gateway: one tree of errors, and the one table that turns an answer into one.

Every error says what happened, to which task at which gateway, what the gateway said (at most 200 characters
of it), what it means for money already spent, and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from airflow_provider_mj.gateway.task import TaskStatus

_QUOTE = 200


def quote(text: str) -> str:
    """Make a gateway's text safe to show: one line, printable, at most 200 characters."""
    printable = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(printable.split())
    return line if len(line) <= _QUOTE else line[: _QUOTE - 1] + "…"


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
        "connection, and the key's balance. A task already paid for is still at the gateway."
    )


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


class SubmissionUnknownError(GatewayError):
    """The submission may have arrived, and nobody can tell from here: it must not be repeated blindly."""

    retry_helps = False
    advice = (
        "It is unknown whether a task was made and paid for. Look at the gateway's own task list or bill "
        "before submitting again."
    )


class SearchFailedError(GatewayError):
    """A submission of an earlier try may be at the gateway, which can't be asked just now."""

    advice = (
        "Whether it was paid is not known yet, and nothing was submitted. A retry looks again, and takes up "
        "the task if it is there."
    )


class Ask(Enum):
    """What was asked, as far as it changes what an answer means."""

    READ = "a read, which can be repeated"
    TASK = "a read about one task"
    SUBMIT = "a paid submission"


@dataclass(frozen=True)
class Answer:
    """What a gateway answered, already read and limited in size.

    :param status: the HTTP status.
    :param text: the body as text, without the key.
    :param body: the decoded JSON, or None where the body is none.
    :param is_json: whether the body was JSON at all.
    :param retry_after: seconds that its Retry-After header asks for.
    """

    status: int
    text: str
    body: Any = None
    is_json: bool = False
    retry_after: float | None = None

    @property
    def code(self) -> int | None:
        """The protocol's own ``code``; None where there is none or it is no number."""
        code = self.body.get("code") if isinstance(self.body, Mapping) else None
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @property
    def said(self) -> str:
        """The words of an error, wherever this gateway puts them."""
        if not isinstance(self.body, Mapping):
            return self.text
        error = self.body.get("error")
        inner = error.get("message") if isinstance(error, Mapping) else error
        words = (self.body.get("description"), inner, self.body.get("message"), self.body.get("msg"))
        return next((str(word) for word in words if word), self.text)


class Acceptance(Enum):
    """What a gateway did with a submission that it took."""

    TASK = "there is a new task"
    EXISTED = "the task was there before, and is finished"
    CONFIRM = "there is a new task, which waits for a confirmation"


def acceptance(answer: Answer) -> Acceptance | None:
    """Tell whether a submission was taken, and how.

    Code 21 has two meanings: the same press was made before (``properties`` then show the finished task), or
    a window waits for a confirmation. GO rewrites 21 and 22 to 1, so only the description tells then.

    :param answer: the answer to a submission.
    :returns: what was done with it; None if it was not taken.
    """
    if answer.status != _OK or answer.code not in _ACCEPTED:
        return None
    properties = answer.body.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    if answer.code == _EXISTED and (known.get("imageUrl") or known.get("status") == TaskStatus.SUCCESS):
        return Acceptance.EXISTED
    waits = answer.code == _EXISTED or "confirm" in answer.said.lower()
    return Acceptance.CONFIRM if waits else Acceptance.TASK


@dataclass(frozen=True)
class Rule:
    """One row of the table: an answer that fits all of its conditions is this error."""

    error: type[GatewayError]
    what: str
    ask: tuple[Ask, ...] = tuple(Ask)
    statuses: range | tuple[int, ...] = range(1000)
    codes: tuple[int | None, ...] | None = None
    text: str = ""
    json: bool | None = None

    def fits(self, ask: Ask, answer: Answer) -> bool:
        """Tell whether the answer fulfils every condition of the row."""
        return (
            ask in self.ask
            and answer.status in self.statuses
            and (self.codes is None or answer.code in self.codes)
            and (self.json is None or answer.is_json is self.json)
            and re.search(self.text, answer.said, re.IGNORECASE) is not None
        )


_OK = 200
_EXISTED = 21
_ACCEPTED = (1, 22, _EXISTED)
_READS = (Ask.READ, Ask.TASK)
_SUBMIT = (Ask.SUBMIT,)
_NO_TASK = r"task[ _](no|not|does not)[ _](found|exist)|not_found|关联任务|任务不存在"
_QUEUE_FULL = r"队列已满|并发数已达|队列数已达|上限|queue.{0,20}full|too many"
_NO_CHANNEL = r"channel|渠道|distributor|无可用|no available"
_QUOTA = r"quota|余额|额度|insufficient|balance"
_BANNED = r"banned|敏感词|sensitive|image denied|moderat|appeal"
_EMPTY = r"\A\s*(null)?\s*\Z"
_PAGE = r"\A\s*<"

# The first row that fits decides. Where a gateway's quirk makes a row, its family is named: JAVA =
# novicezk/midjourney-proxy, CS = trueai-org/midjourney-proxy, GO = new-api and its forks.
RULES: tuple[Rule, ...] = (
    Rule(UnauthorizedError, "the key is refused", statuses=(401,)),
    # A firewall's or an address list's 403 has a page or nothing in it; a gateway's own gives a reason.
    Rule(BlockedError, "the request is refused", statuses=(403,), text=_EMPTY),
    Rule(BlockedError, "the request is refused", statuses=(403,), text=_PAGE),
    Rule(UnauthorizedError, "the key may not do this", statuses=(403,)),
    # JAVA answers 200 with nothing in it for an unknown id, CS 204, GO 400 with a text.
    Rule(TaskNotFoundError, "the task is not known there", ask=(Ask.TASK,), statuses=(200, 204), text=_EMPTY),
    Rule(
        TaskNotFoundError, "the task is not known there", ask=(Ask.TASK,), statuses=(400, 404), text=_NO_TASK
    ),
    Rule(TaskNotFoundError, "the task is not known there", ask=(Ask.TASK,), statuses=(404,), codes=(3, 4)),
    Rule(EndpointMissingError, "the call does not exist there", statuses=(404, 405), codes=(None,)),
    Rule(QueueFullError, "the queue is full", ask=_SUBMIT, statuses=(429,)),
    Rule(GatewayBusyError, "too many requests", statuses=(429,)),
    Rule(GatewayBusyError, "the gateway is overloaded or restarts", ask=_READS, statuses=(502, 503, 504)),
    # GO says so before it asks anybody, so this 503 surely made no task; any other 5xx may have.
    Rule(
        NoAccountError, "no channel is available", ask=_SUBMIT, statuses=(503,), text=_NO_CHANNEL, json=True
    ),
    Rule(SubmissionUnknownError, "the gateway failed", ask=_SUBMIT, statuses=range(500, 600)),
    Rule(GatewayDownError, "the gateway failed", statuses=range(500, 600)),
    Rule(InvalidSubmissionError, "the body is too large", ask=_SUBMIT, statuses=(413,)),
    Rule(UnexpectedAnswerError, "it answers with a redirect", statuses=range(300, 400)),
    Rule(QueueFullError, "the queue is full", ask=_SUBMIT, codes=(23, 30)),
    Rule(BannedPromptError, "the prompt is banned", ask=_SUBMIT, codes=(24,)),
    # Code 3 is the parent task (always with HTTP 404 on CS), or no account to draw with.
    Rule(ParentTaskError, "the parent task is not known", ask=_SUBMIT, statuses=(404,), codes=(3,)),
    Rule(ParentTaskError, "the parent task is not known", ask=_SUBMIT, codes=(3,), text=_NO_TASK),
    Rule(NoAccountError, "no account is available", ask=_SUBMIT, codes=(3,)),
    # CS has no code 23: limits come as 4 or 9 with a text.
    Rule(QueueFullError, "a limit is reached", ask=_SUBMIT, codes=(4, 9), text=_QUEUE_FULL),
    # GO stores the task after its back end accepted it; if that fails, the task exists and is not known.
    Rule(SubmissionUnknownError, "the gateway lost the task", ask=_SUBMIT, text=r"insert_\w*failed"),
    Rule(QuotaError, "the balance is too low", ask=_SUBMIT, codes=(4,), text=_QUOTA),
    Rule(ParentTaskError, "the parent task is not known", ask=_SUBMIT, codes=(4,), text=_NO_TASK),
    Rule(BannedPromptError, "the prompt is banned", ask=_SUBMIT, codes=(4,), text=_BANNED),
    Rule(InvalidSubmissionError, "the parameters are refused", ask=_SUBMIT, codes=(4, 0)),
    # GO could not talk to what stands behind it: the task may exist there.
    Rule(SubmissionUnknownError, "the gateway lost its own back end", ask=_SUBMIT, codes=(5,)),
    Rule(SubmissionError, "the gateway failed to submit", ask=_SUBMIT, codes=(9,)),
    Rule(InvalidSubmissionError, "the submission is refused", ask=_SUBMIT, statuses=range(400, 500)),
    Rule(SubmissionUnknownError, "the answer can't be understood", ask=_SUBMIT),
    Rule(UnexpectedAnswerError, "a web page came instead of JSON", text=_PAGE, json=False),
    Rule(UnexpectedAnswerError, "the answer is empty", text=_EMPTY),
    Rule(UnexpectedAnswerError, "the answer is not JSON", json=False),
    Rule(UnexpectedAnswerError, "the answer has another shape than expected"),
)


def is_banned(fail_reason: str | None) -> bool:
    """Tell whether a task failed because of moderation, which may come long after the submission.

    :param fail_reason: the gateway's ``failReason``.
    """
    return re.search(_BANNED, fail_reason or "", re.IGNORECASE) is not None


def error_for(ask: Ask, answer: Answer, *, gateway: str, mj_task_id: str | None = None) -> GatewayError:
    """Turn an answer that is not what was asked for into the error that it means.

    :param ask: what was asked.
    :param answer: what came back.
    :param gateway: the gateway's host.
    :param mj_task_id: the task that was asked about, if any.
    :returns: the error, to be raised by the caller.
    """
    rule = next(rule for rule in RULES if rule.fits(ask, answer))
    code = "" if answer.code is None else f", code {answer.code}"
    return rule.error(
        f"{rule.what} [HTTP {answer.status}{code}]",
        gateway=gateway,
        mj_task_id=mj_task_id,
        said=answer.said,
        retry_after=answer.retry_after,
    )
