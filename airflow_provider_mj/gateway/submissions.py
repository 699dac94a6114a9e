"""What a gateway said to a submission that it took. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mj.gateway import values
from airflow_provider_mj.gateway.answers import Acceptance, Answer, acceptance
from airflow_provider_mj.gateway.errors import SubmissionUnknownError
from airflow_provider_mj.gateway.ids import InvalidTaskIdError, valid_task_id
from airflow_provider_mj.gateway.shown import quote, shown_url

_MAX_RESULTS = 16
_NAMED = 4
_UNSET: tuple[object, ...] = (None, "", 0)


@dataclass(frozen=True)
class Submission:
    """What a gateway said to a paid submission that it took.

    :param mj_task_id: the task to wait for.
    :param acceptance: whether it is new, was there before, or waits for a confirmation.
    :param results: everything that came as result: several ids for a press that starts several tasks, the
        addresses of the pictures for an upload.
    :param description: the gateway's words.
    :param properties: what else it told.
    """

    mj_task_id: str
    acceptance: Acceptance
    results: tuple[str, ...]
    description: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


def read_submission(answer: Answer, *, gateway: str, is_upload: bool = False) -> Submission:
    """Read what a gateway said to a submission that it took.

    :param answer: the answer.
    :param gateway: the gateway's host, for messages.
    :param is_upload: whether the result is addresses of pictures, and not ids of tasks.
    :raises SubmissionUnknownError: when there is nothing in it that could be waited for.
    """
    if is_upload:
        # What is no link would be read here, as a file of ours.
        addresses = tuple(map(values.url, _results(answer)))
        what = "it took the upload and told no usable addresses: each has to be an http or https link"
        results = tuple(filter(None, addresses)) if None not in addresses else ()
    else:
        results, what = ids_in(answer), "it took the submission and told no usable id"
    if not results:
        raise _unusable(answer, what, gateway)
    properties = answer.body.get("properties")
    return Submission(
        mj_task_id=results[0],
        acceptance=acceptance(answer) or Acceptance.TASK,
        results=results,
        description=str(answer.body.get("description") or ""),
        properties=properties if isinstance(properties, Mapping) else {},
    )


def _unusable(answer: Answer, what: str, gateway: str) -> SubmissionUnknownError:
    # A link may be signed, and is a picture to whoever has it.
    items = [str(item) for item in _results(answer) if item not in _UNSET][:_NAMED]
    told = [shown_url(item) if "://" in item else quote(item) for item in items]
    said = f"result {', '.join(told)}" if told else answer.text
    return SubmissionUnknownError(what, gateway=gateway, said=said)


def ids_in(answer: Answer) -> tuple[str, ...]:
    """Read the ids in ``result``: text, a number, a list, or several ids joined by commas in one text."""
    found = []
    for item in (item for item in _results(answer) if item not in _UNSET):
        for part in item.split(",") if isinstance(item, str) else [item]:
            with suppress(InvalidTaskIdError):
                found.append(valid_task_id(part))
    return tuple(found[:_MAX_RESULTS])


def _results(answer: Answer) -> list[Any]:
    result = answer.body.get("result") if acceptance(answer) is not None else None
    return result if isinstance(result, list) else [result]
