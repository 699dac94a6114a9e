"""The calls of a gateway, a few lines each. What they need in common is in :mod:`.transport`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote as percent_encoded

from airflow_provider_mj.gateway.answers import Answer, Ask, acceptance
from airflow_provider_mj.gateway.errors import (
    EndpointMissingError,
    GatewayError,
    PageInsteadError,
    TaskNotFoundError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.ids import chunks, valid_task_id
from airflow_provider_mj.gateway.keylog import KEY_LOG, ROWS, brief_row, is_key_log, log_rows
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.gateway.submissions import Submission, ids_in, read_submission
from airflow_provider_mj.gateway.task import (
    NotATaskError,
    Task,
    all_of,
    brief_object,
    tasks_by_id,
    tasks_of,
)
from airflow_provider_mj.gateway.transport import ATTEMPTS, Request, Transport

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.keylog import LogRow
    from airflow_provider_mj.gateway.settings import GatewaySettings
    from airflow_provider_mj.gateway.waiting import Seen

SEED_TIMEOUT = 90.0
"""Seconds for a seed: gateways ask Discord for it and wait up to 60 s."""

NO_SUCH_TASK = "airflow-connection-test"
"""The id of a task that no gateway has."""

_T = TypeVar("_T")
_ACTION = re.compile(r"[a-z][a-z-]{0,63}")
_SWAP_FACE = "swap-face"
_UPLOAD = "upload-discord-images"


class GatewayClient:
    """Speaks to one gateway, whatever its dialect.

    Reads are repeated after transient failures; a submission never, once it may have arrived.

    :param settings: where the gateway is and how to talk to it.
    :param attempts: how often a read is tried at most.
    :param sleep: waits between two attempts, given seconds.
    :param heard: is told each answer that came, whatever it is, with what was asked.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        heard: Callable[[Request, Answer], object] = lambda *_: None,
    ) -> None:
        self.settings = settings
        self._transport = Transport(settings, attempts=attempts, sleep=sleep, heard=heard)
        self._has_list = True

    @property
    def gateway(self) -> str:
        """The gateway's host and port, as messages name it."""
        return self.settings.gateway

    def close(self) -> None:
        """Close the connections that are kept for later reads."""
        self._transport.close()

    def send(self, request: Request) -> Answer:
        """Make a call that no method here makes; see :meth:`.Transport.send`."""
        return self._transport.send(request)

    def fetch(self, mj_task_id: str) -> Task:
        """Ask for one task.

        :param mj_task_id: the remote task.
        :returns: the task, as the gateway told it.
        :raises TaskNotFoundError: the gateway does not know it (yet).
        :raises UnexpectedAnswerError: what came is no task, or another one.
        :raises GatewayError: any other failure.
        """
        answer = self._about(mj_task_id, "GET", "fetch", _is_object)
        try:
            task = Task.from_wire(answer.body, self.settings.origin)
        except NotATaskError as error:
            raise self._unexpected(
                f"this host speaks another protocol, {error}", mj_task_id, answer
            ) from None
        # An id may come as a number where it was text before: as text, both are the same.
        asked = valid_task_id(mj_task_id)
        if task.id != asked:
            what = f"it tells of task {quote(task.id)}, not of task {quote(asked)}"
            raise self._unexpected(what, mj_task_id)
        return replace(task, is_whole=True)

    def _unexpected(self, what: str, mj_task_id: str, answer: Answer | None = None) -> UnexpectedAnswerError:
        said = answer.said if answer else ""
        return UnexpectedAnswerError(what, gateway=self.gateway, mj_task_id=mj_task_id, said=said)

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

        novicezk/midjourney-proxy shows all of 30 days, trueai-org/midjourney-proxy the newest 100 of all its
        users.

        :returns: the tasks, in the gateway's order.
        :raises EndpointMissingError: when it has no such call.
        :raises GatewayError: when the request fails.
        """
        return self.read_newest(all_of)

    def read_newest(self, read: Callable[[Iterable[Task]], _T]) -> _T:
        """Ask for what :meth:`list_newest` gives, and hold no more than one task of it at a time.

        :param read: makes of the tasks, while they come, what is kept of them. It may be called again, for
            another attempt.
        :returns: what that has made of them.
        :raises GatewayError: as for :meth:`list_newest`.
        """
        request = Request(
            ask=Ask.READ,
            method="GET",
            path="task/list",
            fits=lambda answer: answer.is_read,
            read_rows=lambda rows: read(tasks_of(rows, origin=self.settings.origin)),
        )
        body: _T = self._transport.send(request).body
        return body

    def key_log(self) -> tuple[LogRow, ...]:
        """Ask for the log of the key, in which new-api has what it was charged for: the newest 1,000 rows.

        It is asked once, since some 20 calls in 20 minutes are allowed.

        :returns: the rows; none where the gateway keeps no log, or shows it only to a key in the address.
        :raises GatewayError: when the request fails, or there is no such call.
        """
        request = Request(
            ask=Ask.READ,
            method="GET",
            path=KEY_LOG,
            fits=is_key_log,
            listed=ROWS,
            read_object=brief_row,
            attempts=1,
        )
        return log_rows(self._transport.send(request).body)

    def check(self, *, attempts: int | None = None) -> None:
        """Ask for nothing, to see whether a gateway answers and takes the key. It costs nothing.

        :param attempts: how often to try at most; as often as for any read if None.
        :raises GatewayError: when it does not.
        """
        self._list([], attempts=attempts)

    def ignores_edit_masks(self) -> bool:
        """Find out whether the gateway would drop the mask of an edit, by a read that costs nothing.

        trueai-org/midjourney-proxy does, without a word. It is the one that answers 204 where it is asked for
        a task that it does not know; novicezk/midjourney-proxy answers 200, new-api 400. One that stands
        behind new-api can't be seen from here.

        :raises GatewayError: when the gateway can't be asked.
        """
        try:
            answer = self._about(NO_SUCH_TASK, "GET", "fetch", _is_object_or_none)
        except TaskNotFoundError:
            return False
        return answer.status == _NO_CONTENT

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
        if not _ACTION.fullmatch(action):
            raise ValueError(
                f"{quote(action)!r} is no action of a gateway; they look like `imagine` or `swap-face`"
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
        try:
            answer = self._transport.send(request)
        except PageInsteadError as error:
            raise self._missing_call() or error from None
        return read_submission(answer, gateway=self.gateway, is_upload=action == _UPLOAD)

    def _missing_call(self) -> EndpointMissingError | None:
        """Tell a job that new-api lacks: it answers 200 with the page of its web front, which knows any path.

        A page that stands for a whole gateway, because it is down, stands for its list as well.
        """
        try:
            self._list([])
        except GatewayError:
            return None
        what = "a web page came, while its list of tasks answers: the call does not exist there"
        return EndpointMissingError(f"{what}, and nothing was paid", gateway=self.gateway)

    def upload_images(self, images: Sequence[str]) -> tuple[str, ...]:
        """Upload pictures to Discord through the gateway.

        :param images: the pictures as data URIs.
        :returns: their addresses, in the same order.
        :raises GatewayError: as for :meth:`submit`.
        """
        return self.submit(_UPLOAD, {"base64Array": list(images)}).results

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
            lambda answer: bool(ids_in(answer)),
            ask=Ask.SEED,
            timeout=SEED_TIMEOUT,
            attempts=1,
        )
        return ids_in(answer)[0]

    def cancel(self, mj_task_id: str) -> None:
        """Cancel a task, where the gateway allows it. What was paid may be lost.

        :param mj_task_id: the remote task.
        :raises GatewayError: when the gateway refuses, or has no such call.
        """
        self._about(mj_task_id, "POST", "cancel", _is_done, ask=Ask.CANCEL)

    def _about(
        self,
        mj_task_id: str,
        method: str,
        call: str,
        fits: Callable[[Answer], bool],
        *,
        ask: Ask = Ask.TASK,
        **limits: Any,
    ) -> Answer:
        path = f"task/{percent_encoded(valid_task_id(mj_task_id), safe='')}/{call}"
        return self._transport.send(
            Request(ask=ask, method=method, path=path, fits=fits, mj_task_id=mj_task_id, **limits)
        )

    def _list(
        self, mj_task_ids: Sequence[str], *, brief: bool = False, attempts: int | None = None
    ) -> dict[str, Task]:
        request = Request(
            ask=Ask.READ,
            method="POST",
            path="task/list-by-condition",
            json={"ids": list(mj_task_ids)},
            fits=_is_list,
            read_object=brief_object if brief else None,
            attempts=attempts,
        )
        body = self._transport.send(request).body
        return tasks_by_id(body, brief=brief, origin=self.settings.origin)


_OK, _NO_CONTENT = 200, 204


def _is_object(answer: Answer) -> bool:
    return answer.status == _OK and isinstance(answer.body, Mapping)


def _is_object_or_none(answer: Answer) -> bool:
    return _is_object(answer) or answer.status == _NO_CONTENT


def _is_list(answer: Answer) -> bool:
    return answer.status == _OK and isinstance(answer.body, list)


def _is_done(answer: Answer) -> bool:
    # An empty 200 is how CS says yes to a cancel; where a body comes, its code says.
    return answer.status == _OK and (not answer.text.strip() or acceptance(answer) is not None)
