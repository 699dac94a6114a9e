"""The calls of a gateway, a few lines each. What they need in common is in :mod:`.transport`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_mj.gateway.errors import (
    Acceptance,
    Answer,
    Ask,
    EndpointMissingError,
    GatewayError,
    SubmissionUnknownError,
    TaskNotFoundError,
    UnexpectedAnswerError,
    acceptance,
)
from airflow_provider_mj.gateway.ids import chunks, valid_task_id
from airflow_provider_mj.gateway.task import NotATaskError, Task, brief_object, tasks_by_id
from airflow_provider_mj.gateway.transport import ATTEMPTS, Request, Transport

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.settings import GatewaySettings
    from airflow_provider_mj.gateway.waiting import Seen

SEED_TIMEOUT = 90.0
"""Seconds for a seed: gateways ask Discord for it and wait up to 60 s."""

_SWAP_FACE = "swap-face"


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


class GatewayClient:
    """Speaks to one gateway, whatever its dialect.

    Reads are repeated after transient failures; a submission never, once it may have arrived.

    :param settings: where the gateway is and how to talk to it.
    :param attempts: how often a read is tried at most.
    :param sleep: waits between two attempts, given seconds.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self._transport = Transport(settings, attempts=attempts, sleep=sleep)
        self._has_list = True

    @property
    def gateway(self) -> str:
        """The gateway's host and port, as messages name it."""
        return self.settings.gateway

    def close(self) -> None:
        """Close the connections that are kept for later reads."""
        self._transport.close()

    def fetch(self, mj_task_id: str) -> Task:
        """Ask for one task.

        :param mj_task_id: the remote task.
        :returns: the task, as the gateway told it.
        :raises TaskNotFoundError: the gateway does not know it (yet).
        :raises GatewayError: any other failure.
        """
        answer = self._about(mj_task_id, "GET", "fetch", _is_object)
        try:
            return replace(Task.from_wire(answer.body), is_whole=True)
        except NotATaskError as error:
            raise UnexpectedAnswerError(
                f"this host speaks another protocol, {error}",
                gateway=self.gateway,
                mj_task_id=mj_task_id,
                said=answer.said,
            ) from None

    def look(self, mj_task_ids: Sequence[str]) -> dict[str, Seen]:
        """Look at several tasks for a wait: by list requests, or a fetch each where the gateway has no list.

        That it has none is remembered. Of what a list tells, only what decides about waiting is read.

        :param mj_task_ids: the remote tasks.
        :returns: for each id the task, the error in its place, or None where the list left it out.
        """
        seen: dict[str, Seen] = {}
        for chunk in chunks(mj_task_ids):
            seen |= self._look(chunk)
        return seen

    def _look(self, mj_task_ids: Sequence[str]) -> dict[str, Seen]:
        if self._has_list:
            try:
                rows = self._list(mj_task_ids, brief=True)
            except GatewayError as error:
                if not self._has_no_list(error, mj_task_ids[0]):
                    return dict.fromkeys(mj_task_ids, error)
                self._has_list = False
            else:
                return {mj_task_id: rows.get(mj_task_id) for mj_task_id in mj_task_ids}
        return {mj_task_id: self.look_alone(mj_task_id) for mj_task_id in mj_task_ids}

    def look_alone(self, mj_task_id: str) -> Task | GatewayError:
        """Look at one task by a fetch of its own.

        :param mj_task_id: the remote task.
        :returns: the whole task, or the error in its place.
        """
        try:
            return self.fetch(mj_task_id)
        except GatewayError as error:
            return error

    def get_whole(self, mj_task_ids: Sequence[str]) -> dict[str, Task]:
        """Ask for several tasks with all their fields: by list requests, and fetches for partial rows.

        :param mj_task_ids: the remote tasks.
        :returns: the tasks by id; one that the gateway does not know any more is left out.
        :raises GatewayError: when a request fails.
        """
        whole = {one: task for one, task in self.list_by_condition(mj_task_ids).items() if task.is_whole}
        for mj_task_id in mj_task_ids:
            if mj_task_id not in whole:
                with suppress(TaskNotFoundError):
                    whole[mj_task_id] = self.fetch(mj_task_id)
        return whole

    def _has_no_list(self, error: GatewayError, mj_task_id: str) -> bool:
        """Tell a gateway without the list call from one that shows a page because it is down."""
        if isinstance(error, EndpointMissingError):
            return True
        is_page = isinstance(error, UnexpectedAnswerError)
        return is_page and isinstance(self.look_alone(mj_task_id), Task | TaskNotFoundError)

    def list_by_condition(self, mj_task_ids: Iterable[str]) -> dict[str, Task]:
        """Ask for many tasks, in as few requests as possible.

        Some gateways fill only a few fields of a row; :meth:`fetch` gives a task whole.

        :param mj_task_ids: the remote tasks; each is asked for once.
        :returns: the tasks by id; an id that is not there is unknown to the gateway, or was left out.
        :raises GatewayError: when a request fails.
        """
        tasks: dict[str, Task] = {}
        for chunk in chunks([valid_task_id(mj_task_id) for mj_task_id in mj_task_ids]):
            rows = self._list(chunk)
            tasks.update({mj_task_id: rows[mj_task_id] for mj_task_id in chunk if mj_task_id in rows})
        return tasks

    def list_newest(self) -> list[Task]:
        """Ask for the tasks that the gateway shows without being told ids, where it does: the newest, or all.

        novicezk/midjourney-proxy shows all, trueai-org/midjourney-proxy the newest 100 of all its users.

        :returns: the tasks, in the gateway's order.
        :raises EndpointMissingError: when it has no such call.
        :raises GatewayError: when the request fails.
        """
        request = Request(ask=Ask.READ, method="GET", path="task/list", fits=_is_list)
        return list(tasks_by_id(self._transport.send(request).body).values())

    def check(self) -> None:
        """Ask for nothing, to see whether a gateway answers and takes the key. It costs nothing.

        :raises GatewayError: when it does not.
        """
        self._list([])

    def submit(self, action: str, body: Mapping[str, Any]) -> Submission:
        """Submit a job, which is paid for; it is never sent again once it may have arrived.

        :param action: the job as in the gateway's paths: ``imagine``, ``action``, ``modal``, ``blend``,
            ``describe``, ``shorten``, ``edits``, ``video``, ``swap-face``, ...
        :param body: the JSON body of the job; keys with the value None are left out.
        :returns: the task that was made.
        :raises SubmissionError: it was refused, nothing was paid.
        :raises SubmissionUnknownError: it may have arrived, and nobody knows whether it was paid.
        :raises GatewayError: any other failure; nothing was paid.
        """
        if not re.fullmatch(r"[a-z][a-z-]*", action):
            raise ValueError(
                f"{action!r} is no action of a gateway; they look like `imagine` or `upload-discord-images`"
            )
        request = Request(
            ask=Ask.SUBMIT,
            method="POST",
            # The one job that gateways serve outside of /submit.
            path="insight-face/swap" if action == _SWAP_FACE else f"submit/{action}",
            json={key: value for key, value in body.items() if value is not None},
            timeout=self.settings.submit_timeout,
            fits=lambda answer: acceptance(answer) is not None,
        )
        return self._submission(self._transport.send(request))

    def upload_images(self, images: Sequence[str]) -> tuple[str, ...]:
        """Upload pictures to Discord through the gateway.

        :param images: the pictures as data URIs.
        :returns: their addresses, in the same order.
        :raises GatewayError: as for :meth:`submit`.
        """
        return self.submit("upload-discord-images", {"base64Array": list(images)}).results

    def image_seed(self, mj_task_id: str) -> str:
        """Ask for the seed of a finished picture. This takes up to a minute, and is not repeated.

        :param mj_task_id: the remote task.
        :returns: the seed.
        :raises GatewayError: when the gateway can't tell.
        """
        answer = self._about(
            mj_task_id,
            "GET",
            "image-seed",
            lambda answer: bool(_results(answer)),
            timeout=SEED_TIMEOUT,
            attempts=1,
        )
        return _results(answer)[0]

    def cancel(self, mj_task_id: str) -> None:
        """Cancel a task, where the gateway allows it. What was paid may be lost.

        :param mj_task_id: the remote task.
        :raises GatewayError: when the gateway refuses, or has no such call.
        """
        self._about(mj_task_id, "POST", "cancel", _is_done)

    def _about(
        self, mj_task_id: str, method: str, call: str, fits: Callable[[Answer], bool], **limits: Any
    ) -> Answer:
        path = f"task/{quote(valid_task_id(mj_task_id), safe='')}/{call}"
        return self._transport.send(
            Request(ask=Ask.TASK, method=method, path=path, fits=fits, mj_task_id=mj_task_id, **limits)
        )

    def _list(self, mj_task_ids: Sequence[str], *, brief: bool = False) -> dict[str, Task]:
        request = Request(
            ask=Ask.READ,
            method="POST",
            path="task/list-by-condition",
            json={"ids": list(mj_task_ids)},
            fits=_is_list,
            read_object=brief_object if brief else None,
        )
        return tasks_by_id(self._transport.send(request).body, brief=brief)

    def _submission(self, answer: Answer) -> Submission:
        results, taken = _results(answer), acceptance(answer)
        if not results or taken is None:
            raise SubmissionUnknownError(
                "it took the submission and told no id", gateway=self.gateway, said=answer.text
            )
        properties = answer.body.get("properties")
        return Submission(
            mj_task_id=results[0],
            acceptance=taken,
            results=results,
            description=str(answer.body.get("description") or ""),
            properties=properties if isinstance(properties, Mapping) else {},
        )


_OK = 200


def _is_object(answer: Answer) -> bool:
    return answer.status == _OK and isinstance(answer.body, Mapping)


def _is_list(answer: Answer) -> bool:
    return answer.status == _OK and isinstance(answer.body, list)


def _is_done(answer: Answer) -> bool:
    # An empty 200 is how CS says yes to a cancel; where a body comes, its code says.
    return answer.status == _OK and (not answer.text.strip() or acceptance(answer) is not None)


def _results(answer: Answer) -> tuple[str, ...]:
    """Read ``result``: text, a number, a list, or several ids joined by commas in one text."""
    result = answer.body.get("result") if acceptance(answer) is not None else None
    items = result if isinstance(result, list) else [result]
    texts = [
        str(item).strip() for item in items if isinstance(item, str | int) and not isinstance(item, bool)
    ]
    split = [part for text in texts for part in ([text] if "://" in text else text.split(","))]
    return tuple(part.strip() for part in split if part.strip())
