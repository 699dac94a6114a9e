"""What an answer that is not the one that was asked for means: one table, from answers to errors. No I/O.

For a submission the question is whether anything was paid. That nothing was has to be shown: by the gateway's
own words, or by a status that HTTP itself gives before a request is processed, and that nothing on the way
gives in place of the gateway's answer. All else is unknown: a proxy that gave up waiting, a firewall that
looks at answers, and a web server that shows an error page say nothing about what the gateway has done.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_mj.gateway import wording
from airflow_provider_mj.gateway.answers import ACCEPTED, Answer, Ask
from airflow_provider_mj.gateway.errors import (
    AccountBlockedError,
    BackEndLostError,
    BannedPromptError,
    BlockedError,
    CannotReadError,
    EndpointMissingError,
    GatewayBusyError,
    GatewayDownError,
    GatewayError,
    InvalidSubmissionError,
    NoAccountError,
    NotOfferedError,
    NotReadyError,
    PageInsteadError,
    ParentNotReadyError,
    ParentTaskError,
    QueueFullError,
    QuotaError,
    SubmissionError,
    SubmissionUnknownError,
    TaskNotFoundError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.shown import quote


@dataclass(frozen=True)
class Rule:
    """One row of the table: an answer that fits all of its conditions is this error.

    :param error: the error.
    :param what: what happened, as the beginning of a sentence about the gateway.
    :param ask: what must have been asked.
    :param statuses: the HTTP statuses.
    :param codes: the protocol's own codes; None for any.
    :param text: what the words must say; None for anything.
    :param json: whether the body must be JSON, or must not be; None for either.
    :param told: whether the gateway must say in its own words what is wrong, or must not.
    :param mute: whether there must be a code and nothing that tells more.
    """

    error: type[GatewayError]
    what: str
    ask: tuple[Ask, ...] = tuple(Ask)
    statuses: range | tuple[int, ...] = range(1000)
    codes: tuple[int | None, ...] | None = None
    text: wording.Says | None = None
    json: bool | None = None
    told: bool | None = None
    mute: bool = False

    def fits(self, ask: Ask, answer: Answer) -> bool:
        """Tell whether the answer fulfils every condition of the row."""
        return (
            ask in self.ask
            and answer.status in self.statuses
            and (self.codes is None or answer.refusal in self.codes)
            and (self.json is None or answer.is_json is self.json)
            and (self.told is None or answer.is_told is self.told)
            and (not self.mute or answer.is_mute)
            and (self.text is None or self.text(answer.said.lower()))
        )


_READS = (Ask.READ, Ask.TASK, Ask.SEED, Ask.CANCEL)
_SUBMIT = (Ask.SUBMIT,)
_TASK = (Ask.TASK, Ask.SEED, Ask.CANCEL)
_SEED = (Ask.SEED,)
_CANCEL = (Ask.CANCEL,)
_ABOUT = (Ask.SEED, Ask.CANCEL)
_REFUSALS = range(400, 500)
_NO_STATUS = (*range(200), *range(600, 1000))
_REDIRECT = "it answers with a redirect, and the host of the Airflow connection should be where that leads"
_FIREWALL = (
    "a firewall refuses, and nobody can tell whether before the gateway took the request or in place of its "
    "answer; ask its operator whether this address is blocked"
)
_ERROR_PAGE = (
    "a web page came instead of an answer; perhaps the call does not exist there (check the host and "
    "`path_prefix` of the connection), or a proxy shows the page because the gateway took too long"
)
_PAGE = "a web page came instead of an answer"
_GAVE_UP = "the gateway lost touch with what stands behind it, or gave up waiting"
_NOT_ALLOWED = "the key may not do this"
_NO_CALL = "the call does not exist there"
_NOTHING_CALLED = f"{_NO_CALL}, and nothing was paid"
_NO_CALL_PAGE = "a web page came instead of an answer, as from a gateway without this call"
_KEY_OR_ITS_KEY = "the key is refused, by the gateway or by what stands behind it, without a word"
_WRONG_STEP = (
    "the task whose button or window it is takes no such step: it is not finished, or was answered before"
)
_NO_SEED = "it has no seed of this picture yet"
_NO_TASK = "the task is not known there"
_NO_PARENT = "the parent task is not known"
_MAY_NOT_READ = "the key may not read tasks"
_NO_CHANNEL = "no channel is available"
# The first row that fits decides. Where a gateway's quirk makes a row, its family is named: JAVA =
# novicezk/midjourney-proxy, CS = trueai-org/midjourney-proxy, GO = new-api and its forks.
_IN_DOUBT: tuple[Rule, ...] = (
    # With 200 they would be what was asked for; with another status the answer says both.
    Rule(SubmissionUnknownError, "it took the submission, with an error's status", _SUBMIT, codes=ACCEPTED),
    # GO could not talk to what stands behind it: the task may exist there.
    Rule(BackEndLostError, "the gateway lost its own back end", _SUBMIT, codes=(5,)),
    # GO stores the task, and hands the answer on, after its back end took it: what fails then has code 4.
    Rule(SubmissionUnknownError, "the task was lost", _SUBMIT, told=True, text=wording.says_not_stored),
)
_STATUSES: tuple[Rule, ...] = (
    # By its definition in HTTP the request "has not been applied". JAVA says nothing with it, CS says text,
    # GO JSON, and a web server with a password of its own a page, before it passes anything on. What stands
    # behind GO is heard through it.
    Rule(UnauthorizedError, _KEY_OR_ITS_KEY, _SUBMIT, (401,), text=wording.is_empty),
    Rule(UnauthorizedError, "the key is refused", statuses=(401,)),
    Rule(SubmissionUnknownError, _GAVE_UP, _SUBMIT, (403, 404, 405), told=True, text=wording.says_lost_touch),
    # It is asked of what drew the picture, through the channel that did.
    Rule(NotReadyError, "the channel that drew it is off", _ABOUT, told=True, text=wording.says_channel_off),
    # GO, where a key has models: it looks for the model of a call that reads, which has none.
    Rule(CannotReadError, _MAY_NOT_READ, _READS, (403,), told=True, text=wording.says_no_model),
    # GO chooses the channel before it sends anything on.
    Rule(NoAccountError, _NO_CHANNEL, _SUBMIT, (403,), told=True, text=wording.says_channel_off),
    # A gateway's own 403 gives a reason, CS in plain text; a firewall's or an address list's a page, or none.
    Rule(UnauthorizedError, _NOT_ALLOWED, _SUBMIT, (403,), told=True),
    Rule(UnauthorizedError, _NOT_ALLOWED, _SUBMIT, (403,), json=False, text=wording.says_no_access),
    # Some firewalls look at answers and not at requests, so it proves nothing that it was refused.
    Rule(SubmissionUnknownError, _FIREWALL, _SUBMIT, (403,)),
    Rule(BlockedError, "the request is refused", statuses=(403,), text=wording.is_empty),
    Rule(BlockedError, "the request is refused", statuses=(403,), text=wording.is_page),
    Rule(UnauthorizedError, _NOT_ALLOWED, statuses=(403,)),
    # JAVA answers 200 with nothing in it for an unknown id, CS 204, GO 400 with a text.
    Rule(TaskNotFoundError, _NO_TASK, _TASK, (200, 204), text=wording.is_empty),
    # CS wants a finished picture.
    Rule(NotReadyError, _NO_SEED, _SEED, (200, 400), (4,), text=wording.says_wrong_step),
    Rule(TaskNotFoundError, _NO_TASK, _TASK, (400, 404), text=wording.says_no_task),
    Rule(TaskNotFoundError, _NO_TASK, _TASK, (404,), codes=(3, 4)),
    Rule(ParentTaskError, _NO_PARENT, _SUBMIT, (400, 404), (None,), told=True, text=wording.says_no_task),
    # CS gives the seed to nobody before Discord has told it, and lets only an administrator cancel.
    Rule(NotReadyError, _NO_SEED, _SEED, (200,), (3, 9)),
    Rule(UnauthorizedError, _NOT_ALLOWED, _CANCEL, (400,), json=False),
    # A call that is missing: GO and JAVA say so in JSON, CS says nothing, as routers before a gateway do
    # (or a line of text). All of them decide by the path, before anything is passed on. A page is different,
    # see below: web servers show it for whatever failed behind them, and nginx answers 405 where it has a
    # page to show for a POST that took the gateway too long. Foreign JSON comes from nobody knows whom.
    Rule(EndpointMissingError, _NOTHING_CALLED, _SUBMIT, (404, 405), (None,), told=True),
    Rule(EndpointMissingError, _NOTHING_CALLED, _SUBMIT, (404, 405), json=False, text=wording.is_empty),
    Rule(EndpointMissingError, _NOTHING_CALLED, _SUBMIT, (404, 405), json=False, text=wording.says_no_call),
    Rule(EndpointMissingError, _NO_CALL, _READS, (404, 405), codes=(None,)),
    # What stands behind GO has no such call: of its words GO leaves nothing, and adds a code 0.
    Rule(EndpointMissingError, _NOTHING_CALLED, _SUBMIT, (404, 405), (0,), mute=True),
    Rule(EndpointMissingError, _NO_CALL, _ABOUT, (404, 405), (0,), mute=True),
    # The web front of GO has a page for each path that it does not know.
    Rule(EndpointMissingError, _NO_CALL_PAGE, _ABOUT, (200,), json=False, text=wording.is_page),
    # Whoever counts requests does so before they are passed on, and answers without waiting for anybody.
    Rule(QueueFullError, "the queue is full", _SUBMIT, (429,)),
    Rule(GatewayBusyError, "too many requests", statuses=(429,)),
    Rule(GatewayBusyError, "the gateway is overloaded or restarts", _READS, (502, 503, 504)),
    # GO says so before it asks anybody, so these 503 surely made no task; any other 5xx may have.
    Rule(
        QueueFullError, "the gateway is overloaded", _SUBMIT, (503,), told=True, text=wording.says_overloaded
    ),
    Rule(SubmissionUnknownError, _GAVE_UP, _SUBMIT, (503,), told=True, text=wording.says_lost_touch),
    Rule(NoAccountError, _NO_CHANNEL, _SUBMIT, (503,), told=True, text=wording.says_no_channel),
    Rule(SubmissionUnknownError, "the gateway failed", _SUBMIT, range(500, 600)),
    Rule(GatewayDownError, "the gateway failed", statuses=range(500, 600)),
    # Said instead of reading the body, by whoever says it.
    Rule(InvalidSubmissionError, "the body is too large", _SUBMIT, (413,)),
    # Said by a proxy on our side, instead of passing the request on.
    Rule(SubmissionError, "a proxy on the way wants a user and a password", _SUBMIT, (407,)),
    # Whoever redirects may have taken the submission before, and a status that HTTP has not says nothing.
    Rule(SubmissionUnknownError, _REDIRECT, _SUBMIT, range(300, 400)),
    Rule(SubmissionUnknownError, "its HTTP status says nothing", _SUBMIT, _NO_STATUS),
    Rule(UnexpectedAnswerError, _REDIRECT, statuses=range(300, 400)),
)
_WORDS: tuple[Rule, ...] = (
    Rule(QueueFullError, "the queue is full", _SUBMIT, codes=(23, 30)),
    Rule(BannedPromptError, "the prompt is banned", _SUBMIT, codes=(24,)),
    # It waited in vain for somebody who may have heard it, whatever code it has for that.
    Rule(SubmissionUnknownError, _GAVE_UP, _SUBMIT, told=True, text=wording.says_lost_touch),
    # Code 3 is the parent task (always with HTTP 404 on CS), or no account to draw with.
    Rule(ParentTaskError, _NO_PARENT, _SUBMIT, (404,), (3,)),
    Rule(ParentTaskError, _NO_PARENT, _SUBMIT, codes=(3,), text=wording.says_no_task),
    Rule(NoAccountError, "no account is available", _SUBMIT, codes=(3,)),
    # JAVA and CS say so where they failed while they queued the task, which may be there.
    Rule(
        SubmissionUnknownError,
        "the gateway failed on the way",
        _SUBMIT,
        codes=(4, 9),
        text=wording.says_system_failed,
    ),
    # CS has no code 23: limits come as 4 or 9 with a text, or where it is not imagine as `success: false`.
    Rule(QueueFullError, "a limit is reached", _SUBMIT, codes=(4, 9), text=wording.says_queue_full),
    Rule(QuotaError, "the balance is too low", _SUBMIT, codes=(4,), text=wording.says_quota),
    # GO knows the parent from its own copy, which lags behind up to 15 s, and asks the channel that drew it.
    Rule(
        ParentNotReadyError,
        "the parent is not finished there yet",
        _SUBMIT,
        codes=(4,),
        text=wording.says_not_ready,
    ),
    Rule(NoAccountError, _NO_CHANNEL, _SUBMIT, codes=(4,), text=wording.says_channel_off),
    Rule(NotOfferedError, "it has no price for this", _SUBMIT, codes=(4,), text=wording.says_no_price),
    Rule(ParentNotReadyError, _WRONG_STEP, _SUBMIT, codes=(4,), text=wording.says_wrong_step),
    Rule(ParentTaskError, _NO_PARENT, _SUBMIT, codes=(4,), text=wording.says_no_task),
    Rule(AccountBlockedError, "the user is blocked", _SUBMIT, codes=(4,), text=wording.says_blocked_user),
    Rule(BannedPromptError, "the prompt is banned", _SUBMIT, codes=(4,), text=wording.says_banned),
    Rule(NoAccountError, "no account is available", _SUBMIT, codes=(4,), text=wording.says_no_account),
    Rule(NoAccountError, "it takes nothing for the moment", _SUBMIT, codes=(4,), text=wording.says_passing),
    Rule(InvalidSubmissionError, "the parameters are refused", _SUBMIT, codes=(4,)),
    Rule(SubmissionError, "the gateway failed to submit", _SUBMIT, codes=(9,)),
    # CS has -1 for what it refuses by an exception, with words that GO loses where it writes the answer anew.
    Rule(
        SubmissionError, "what stands behind it refuses it, without words", _SUBMIT, (200,), (-1,), mute=True
    ),
)
_REST: tuple[Rule, ...] = (
    # The time was over (408), the client was gone (499), it came too early or twice (425, 409): said by who
    # had the request or a part of it. No words without a code make a refusal of that.
    Rule(SubmissionUnknownError, "its HTTP status leaves it open", _SUBMIT, (408, 409, 425, 499)),
    # GO answers bad requests so, and Spring what JAVA never sees.
    Rule(InvalidSubmissionError, "the submission is refused", _SUBMIT, _REFUSALS, told=True),
    Rule(SubmissionUnknownError, _ERROR_PAGE, _SUBMIT, _REFUSALS, json=False, text=wording.is_page),
    Rule(SubmissionUnknownError, "something refuses it, in no words of a gateway's", _SUBMIT, _REFUSALS),
    Rule(PageInsteadError, _PAGE, _SUBMIT, (200,), json=False, text=wording.is_page),
    Rule(SubmissionUnknownError, "the answer can't be understood", _SUBMIT),
    Rule(UnexpectedAnswerError, "a web page came instead of JSON", text=wording.is_page, json=False),
    Rule(UnexpectedAnswerError, "the answer is empty", text=wording.is_empty),
    Rule(UnexpectedAnswerError, "the answer is not JSON", json=False),
    Rule(UnexpectedAnswerError, "the answer has another shape than expected"),
)
RULES: tuple[Rule, ...] = (*_IN_DOUBT, *_STATUSES, *_WORDS, *_REST)
"""The table: the first row that fits decides."""


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
    named = _named(answer) if issubclass(rule.error, SubmissionUnknownError) else ""
    return rule.error(
        f"{rule.what} [HTTP {answer.status}{code}]{named}",
        gateway=gateway,
        mj_task_id=mj_task_id,
        said=answer.said,
        retry_after=answer.retry_after,
    )


def _named(answer: Answer) -> str:
    """Name what may be the ids of what was paid for: a person has to look for them."""
    return f"; it names {', '.join(map(quote, ids))}" if (ids := answer.mj_task_ids) else ""
