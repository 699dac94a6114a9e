"""What a gateway answered, read: its code, its words, and whether it took a submission. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_provider_mj.gateway import wording
from airflow_provider_mj.gateway.ids import InvalidTaskIdError, valid_task_id
from airflow_provider_mj.gateway.incoming import MAX_DEPTH, MAX_TEXT
from airflow_provider_mj.gateway.task import has_gone_on

ACCEPTED = (1, 22, 21)
"""The protocol's codes of a submission that was taken: it is there, it waits, it was there before."""

_EXISTED = 21
# A gateway, or what stands before it, may say "created" or "accepted" of a new task, which is what it is.
_TAKEN = range(200, 300)
_DIGITS = 3
# Where the known families, and others, put an id.
_ID_NAMES = ("result", "taskId", "task_id", "mjId", "mj_id", "id", "ids")
_MOST_IDS = 16
# The codes of a refusal. 5 is none: GO says that it does not know what became of the submission.
_REFUSED = (3, 4, 9, 23, 24, 30)
_REFUSED_4, _UNKNOWN = 4, 5


class Ask(Enum):
    """What was asked, as far as it changes what an answer means."""

    READ = "a read, which can be repeated"
    TASK = "a read about one task"
    SEED = "a read of a picture's seed"
    CANCEL = "to cancel a task"
    SUBMIT = "a paid submission"


@dataclass(frozen=True)
class Answer:
    """What a gateway answered, already read and limited in size.

    :param status: the HTTP status.
    :param text: the beginning of the body as text, without the key.
    :param body: the decoded JSON, cleaned; None where the body is none.
    :param is_json: whether the body was JSON at all.
    :param retry_after: seconds that its Retry-After header asks for.
    :param is_read: whether the body is what a request has made of a long list.
    :param date: the time by the clock of who answered, in epoch seconds; None without a Date header.
    :param address: the IP address that answered, the gateway's or a proxy's; empty where that is not known.
    """

    status: int
    text: str
    body: Any = None
    is_json: bool = False
    retry_after: float | None = None
    is_read: bool = False
    date: float | None = None
    address: str = ""

    @property
    def code(self) -> int | None:
        """The protocol's own ``code``, be it as text; None where there is none or it is no number.

        As text it counts beside a key that is the protocol's own, since others have codes as text.
        """
        if not isinstance(self.body, Mapping):
            return None
        code = self.body.get("code")
        if (
            isinstance(code, str)
            and _is_number(code)
            and not self.body.keys().isdisjoint(("description", "result"))
        ):
            return int(code)
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @property
    def is_told(self) -> bool:
        """Whether a gateway says here what is wrong, in JSON as one of the known families writes it.

        What stands before a gateway may answer in its place, in JSON of its own: that tells what it thinks.
        """
        if not isinstance(self.body, Mapping):
            return False
        if self.says_no:
            return True
        if self.code == 0:  # elsewhere that means success
            return False
        error = self.body.get("error")
        words = error.get("message") if isinstance(error, Mapping) else error
        # All families use the codes and the description; GO has errors of its own, JAVA those of Spring.
        return self.code in _REFUSED or _is_text(self.body.get("description")) or _is_text(words)

    @property
    def says_no(self) -> bool:
        """Whether it is how CS refuses all but imagine, whatever the code: ``success`` is false, and why."""
        if not isinstance(self.body, Mapping):
            return False
        return self.body.get("success") is False and _is_text(self.body.get("message"))

    @property
    def refusal(self) -> int | None:
        """The code by which a refusal is read: ``success: false`` of CS means what its 4 means."""
        is_other = self.code not in (*ACCEPTED, *_REFUSED, _UNKNOWN)
        return _REFUSED_4 if self.says_no and is_other else self.code

    @property
    def is_mute(self) -> bool:
        """Whether it has a code and nothing else that tells: GO writes some answers anew, and loses words."""
        body = self.body
        if not isinstance(body, Mapping) or self.code is None:
            return False
        return all(value in _UNSET or value == {} for key, value in body.items() if key != "code")

    @property
    def mj_task_ids(self) -> tuple[str, ...]:
        """What may be the ids of tasks, wherever they stand in it; for messages."""
        return tuple(dict.fromkeys(_ids_in(self.body, MAX_DEPTH)))[:_MOST_IDS]

    @property
    def said(self) -> str:
        """The words of an error, wherever this gateway puts them, without blanks around them; capped."""
        return self._words().strip()[:MAX_TEXT]

    def _words(self) -> str:
        if not isinstance(self.body, Mapping):
            return self.text
        error = self.body.get("error")
        inner = error.get("message") if isinstance(error, Mapping) else error
        words = (self.body.get("description"), inner, self.body.get("message"), self.body.get("msg"))
        return next((str(word) for word in words if word), self.text)


class Acceptance(Enum):
    """What a gateway did with a submission that it took."""

    TASK = "there is a new task"
    EXISTED = "the task was there before"
    CONFIRM = "there is a new task, which waits for a confirmation"


def acceptance(answer: Answer) -> Acceptance | None:
    """Tell whether a submission was taken, and how.

    Code 21 has two meanings: the same press was made before (``properties`` then show how far its task is),
    or a window waits for a confirmation. GO rewrites 21 and 22 to 1, so only the description tells then.

    :param answer: the answer to a submission.
    :returns: what was done with it; None if it was not taken.
    """
    if answer.status not in _TAKEN or answer.code not in ACCEPTED:
        return None
    properties = answer.body.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    said = answer.said.lower()
    is_21 = answer.code == _EXISTED or wording.says_existed(said)
    if is_21 and (known.get("imageUrl") or has_gone_on(known.get("status"))):
        return Acceptance.EXISTED
    waits = is_21 or "confirm" in said
    return Acceptance.CONFIRM if waits else Acceptance.TASK


def is_banned(fail_reason: str | None) -> bool:
    """Tell whether a task failed because of moderation, which may come long after the submission.

    :param fail_reason: the gateway's ``failReason``.
    """
    return wording.says_banned((fail_reason or "")[:MAX_TEXT].lower())


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(text: str) -> bool:
    return len(text) <= _DIGITS and text.isascii() and text.isdigit()


def _ids_in(value: object, depth: int, *, is_named: bool = False) -> Iterator[str]:
    """Find what may be ids: texts and numbers under the names that gateways have for them."""
    if isinstance(value, Mapping) and depth:
        for name, inner in value.items():
            yield from _ids_in(inner, depth - 1, is_named=name in _ID_NAMES)
    elif isinstance(value, list) and depth:
        for inner in value:
            yield from _ids_in(inner, depth - 1, is_named=is_named)
    elif is_named and value not in _UNSET:
        for part in value.split(",") if isinstance(value, str) else [value]:
            with suppress(InvalidTaskIdError):
                yield valid_task_id(part)


_UNSET: tuple[object, ...] = (None, "", 0)
