"""What is said of submissions, in logs and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_mj.gateway.errors import (
    BackEndLostError,
    GatewayUnreachableError,
    SubmissionUnknownError,
)
from airflow_provider_mj.gateway.shown import quote

if TYPE_CHECKING:
    from airflow_provider_mj.submitting.record import Record

PROMPT_SHOWN = 80
"""Characters of a prompt by which a person tells tasks apart."""
_MOST = 10


def what(record: Record) -> str:
    """Name what is paid for."""
    if record.mj_task_ids:
        return f"task {ids(record.mj_task_ids)}"
    return f"an upload of {len(record.addresses)} pictures" if record.addresses else "a submission"


def ids(mj_task_ids: Sequence[str]) -> str:
    """Name tasks."""
    return ", ".join(map(quote, mj_task_ids))


Candidates = Sequence[tuple[str, str | None]]
"""The ids of tasks that a submission might be, with their prompts."""


def might_be(candidates: Candidates) -> str:
    """Name what a submission might be, so that a person has one look to do."""
    named = [
        f"{quote(one)} ({quote(prompt[:PROMPT_SHOWN])})" if prompt else quote(one)
        for one, prompt in candidates[:_MOST]
    ]
    more = f" and {len(candidates) - _MOST} more" if len(candidates) > _MOST else ""
    charged = f"; it might be one of those that the key was charged for since: {', '.join(named)}{more}"
    return charged if named else ""


def with_candidates(error: SubmissionUnknownError, candidates: Candidates) -> SubmissionUnknownError:
    """Give an error that names what the submission might be."""
    if not candidates:
        return error
    named = f"{error.what}{might_be(candidates)}"
    return SubmissionUnknownError(named, gateway=error.gateway, mj_task_id=error.mj_task_id, said=error.said)


def absent(error: SubmissionUnknownError, gateway: str) -> GatewayUnreachableError:
    """Say that a submission surely made no task that is charged for, so that it can be made again."""
    what = "the submission did not arrive: it would show it, in its list or its log, and does not"
    if isinstance(error, BackEndLostError):
        what += "; what stands behind it may have drawn it all the same, but this gateway charges nothing"
    return GatewayUnreachableError(what, gateway=gateway)


def unknown(sought: Record, gateway: str, candidates: Candidates = ()) -> SubmissionUnknownError:
    """Say that nobody can tell what became of a submission, and what a person does."""
    with_state = f", with state {quote(sought.state)}," if sought.state else ""
    named = might_be(candidates)
    return SubmissionUnknownError(
        f"an earlier try may have submitted this{with_state} and ended before it knew{named}. If the gateway "
        "has such a task, wait for its id with MJTaskResultOperator; if not, set resubmit_if_unknown=True or "
        "delete the key mj_submission from this task's state store (Airflow 3.3 and later), and clear it",
        gateway=gateway,
    )


def ambiguous(record: Record, operator: str, gateway: str) -> SubmissionUnknownError:
    """Say that nobody can tell which of several wishes a record is of."""
    inside = f"operator {quote(operator)} of this Airflow task" if operator else "this Airflow task"
    return SubmissionUnknownError(
        f"an earlier try has submitted something with other arguments in {inside} ({what(record)}), and "
        "nobody can tell if that was for this one. Give each operator inside a task a task_id of its own, "
        "and the same arguments in each try; or clear the task, which submits what has other arguments",
        gateway=gateway,
    )
