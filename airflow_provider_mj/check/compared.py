"""How what a gateway really sends differs from what the provider expects. No I/O.

The names of fields here are those that the documents and sources of the known families have. Nothing is read
by them: a name that is not among them is told, since it may hold something that is worth reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.gateway.shown import quote, shown_url
from airflow_provider_mj.gateway.task import OWN_KEYS, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_mj.gateway.answers import Answer
    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.gateway.transport import Request

    Heard = Sequence[tuple[Request, Answer]]

TASK_FIELDS = OWN_KEYS | frozenset(
    (
        *(
            "customId",
            "botType",
            "realBotType",
            "maskBase64",
            "parentId",
            "userId",
            "isWhite",
            "nonce",
            "jobId",
        ),
        *("messageId", "messageIds", "instanceId", "subInstanceId", "isCompleted", "promptFull", "language"),
        *("baseImageUrl", "thumbnailUrl", "displays", "seedError", "clientIp", "mode", "requestMode", "url"),
        *("accountFilter", "proxyUrl", "height", "width", "size", "contentType", "imageHeight", "imageWidth"),
        *("isPartner", "isOfficial", "partnerTaskInfo", "officialTaskInfo", "videoDuration", "frameCount"),
        *("useTime", "version", "videoType", "proxy"),
    )
)
"""Fields of a task that one of the known families has."""
SUBMIT_FIELDS = frozenset(("code", "description", "result", "properties"))
"""Fields of the answer to a submission."""

_MOST = 40


@dataclass(frozen=True)
class Finding:
    """Something that is otherwise than expected.

    :param kind: ``unknown_field``, ``unknown_status``, ``state_lost``, ``link_without_expiry`` or
        ``no_buttons``.
    :param text: it, for a person.
    """

    kind: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Give the finding as JSON primitives."""
        return {"kind": self.kind, "text": self.text}


def compare(
    heard: Heard, tasks: Iterable[tuple[Task, str]], *, has_buttons: bool = True
) -> tuple[Finding, ...]:
    """Compare what came with what the provider expects.

    :param heard: all answers, each with what was asked.
    :param tasks: the finished tasks, each with the ``state`` that was sent.
    :param has_buttons: whether finished tasks have buttons at such a gateway.
    :returns: the findings, each once.
    """
    found = [*_unknown_fields(heard), *_unknown_words(heard)]
    for task, state in tasks:
        found += _about_task(task, state)
        if has_buttons and not task.buttons:
            found.append(Finding("no_buttons", f"task {quote(task.id)} is finished and has no buttons"))
    return tuple(dict.fromkeys(found))[:_MOST]


def _unknown_fields(heard: Heard) -> Iterator[Finding]:
    for request, answer in heard:
        if _is_submission(request):
            body, known, where = [answer.body], SUBMIT_FIELDS, "the answer to a submission"
        else:
            body, known, where = list(_rows(answer)), TASK_FIELDS, "a task"
        for row in body:
            for name in row if isinstance(row, Mapping) else ():
                if name not in known:
                    yield Finding(
                        "unknown_field", f"{where} has the field `{quote(name)}`, which is not known"
                    )


def _unknown_words(heard: Heard) -> Iterator[Finding]:
    for _, answer in heard:
        for row in _rows(answer):
            status = row["status"]
            if status not in ("", None, *TaskStatus):
                yield Finding(
                    "unknown_status", f"a task has the status `{quote(str(status))}`, never seen before"
                )


def _rows(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """Give the tasks in an answer."""
    for row in answer.body if isinstance(answer.body, list) else [answer.body]:
        if isinstance(row, Mapping) and "id" in row and "status" in row:
            yield row


def _is_submission(request: Request) -> bool:
    return request.path.startswith("submit/")


def _about_task(task: Task, state: str) -> Iterator[Finding]:
    name = f"task {quote(task.id)}"
    if task.state != state:
        shown = f"shows `{quote(task.state)}`" if task.state else "shows none"
        yield Finding(
            "state_lost",
            f"the `state` does not come back: {name} {shown}, so a lost submission is not found by it",
        )
    for link in (task.image_url, *task.image_urls):
        if link and task.image_url_expires_at is None:
            told = "does not say when it dies: save pictures soon"
            yield Finding("link_without_expiry", f"the link of {name}, {shown_url(link)}, {told}")
            break
