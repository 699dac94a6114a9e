"""The paid part: one imagine and one U1, submitted, waited for and saved as the operators do it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.check.compared import Finding, compare
from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.buttons import change_for, find_button
from airflow_provider_mj.gateway.download import Downloader
from airflow_provider_mj.gateway.errors import GatewayError, GatewayUnreachableError
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.gateway.waiting import Goal, Outcome, Wait
from airflow_provider_mj.keeping.keeper import Keeper
from airflow_provider_mj.keeping.sources import Split
from airflow_provider_mj.keeping.storing import Folder
from airflow_provider_mj.polling import Progress, Watch
from airflow_provider_mj.submitting.marks import digest
from airflow_provider_mj.submitting.record import Records
from airflow_provider_mj.submitting.submitter import Submitter
from airflow_provider_mj.submitting.wishes import Try, Wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_mj.check.paying import PayingHook
    from airflow_provider_mj.gateway.jobs import Job
    from airflow_provider_mj.gateway.task import Task
    from airflow_provider_mj.polling import Log

PROMPT = "a small red cube on a white table, plain background"
"""What is drawn."""
BUTTON = "U1"
"""What is pressed."""

_MAX_BYTES = 64 * 1024 * 1024
_DOWNLOAD_SECONDS = 120.0


class NotDrawnError(Exception):
    """A task that was paid for has ended without a picture, or not in time."""


@dataclass(frozen=True, kw_only=True)
class Paid:
    """What became of the paid part.

    :param mj_task_ids: the tasks that were paid for.
    :param files: where the pictures are.
    :param findings: how the answers differ from what is expected.
    :param problem: what went wrong, and what was or may have been paid by then; "" if nothing did.
    """

    mj_task_ids: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON primitives."""
        return {
            "mjTaskIds": list(self.mj_task_ids),
            "files": list(self.files),
            "findings": [finding.to_dict() for finding in self.findings],
            "problem": self.problem or None,
        }


@dataclass(kw_only=True)
class PaidCheck:
    """One imagine and one U1.

    :param hook: submits, and keeps what it sends and what comes.
    :param folder: an absolute path or URL, where the pictures go.
    :param log: where lines go.
    :param timeout: seconds to wait for each task.
    :param interval: seconds between two looks.
    :param has_buttons: whether finished tasks have buttons at such a gateway.
    """

    hook: PayingHook
    folder: str
    log: Log
    timeout: float = 1200.0
    interval: float = 5.0
    has_buttons: bool = True

    def run(self) -> Paid:
        """Submit, wait, press, wait, save, compare.

        :returns: what became of it; whatever goes wrong is in it, with what was or may have been paid.
        """
        finished: list[tuple[Task, str]] = []
        files: list[str] = []
        problem = ""
        try:
            finished.append(self._drawn(lambda: jobs.imagine(PROMPT)))
            files += self._saved(finished[0][0])
            finished.append(self._drawn(lambda: self._press(finished[0][0])))
            files += self._saved(finished[1][0])
        except Exception as error:  # noqa: BLE001 (what was paid has to be told, whatever happens)
            problem = " ".join([_what(error), *self.hook.journal.paid()])
        return Paid(
            mj_task_ids=tuple(self.hook.journal.ids),
            files=tuple(files),
            findings=compare(self.hook.journal.heard, finished, has_buttons=self.has_buttons),
            problem=problem,
        )

    def _drawn(self, build: Callable[[], Job]) -> tuple[Task, str]:
        """Submit, wait, and give the whole task with the state that was sent."""
        mj_task_id, state = self._submitted(build)
        now = time.time()
        wait = Wait(
            gateway=self.hook.gateway, started_at=now, deadline=now + self.timeout, interval=self.interval
        )
        watch = Watch([mj_task_id], wait, Goal(total=1), self.hook, Progress(self.log), answered=True)
        watch.block()
        stop = watch.stops[mj_task_id]
        if stop.outcome is not Outcome.SUCCESS:
            raise NotDrawnError(stop.message)
        return self.hook.get_task(mj_task_id), state

    def _submitted(self, build: Callable[[], Job]) -> tuple[str, str]:
        """Submit at most once: what got no answer is looked for, and never sent again."""
        submitter = Submitter(
            desk=self.hook,
            records=Records(None),
            identity=("airflow-provider-mj check", uuid.uuid4().hex),
            wish=Wish(arguments=lambda: digest(PROMPT), place=lambda _: 0, answer=str, payload=str),
            a_try=Try(round=0, is_first=True, may_be_first=True),
            taken={},
            log=self.log,
            owner="check",
        )
        try:
            record = submitter.submit(build).record
        except GatewayUnreachableError:
            # What seemed lost surely did not arrive.
            self.hook.journal.sent = [one for one in self.hook.journal.sent if one.mj_task_ids]
            raise
        self.hook.journal.sent[-1].mj_task_ids = record.mj_task_ids
        return record.mj_task_ids[0], record.state

    def _press(self, parent: Task) -> Job:
        change = None if parent.buttons else change_for(BUTTON)
        if change is not None:
            # novicezk/midjourney-proxy tells no buttons and has another call for the commonest.
            return jobs.change(parent.id, *change)
        subject = f"task {parent.id} at gateway {self.hook.gateway}"
        return jobs.press(parent.id, find_button(parent.buttons, BUTTON, subject=subject).custom_id)

    def _saved(self, task: Task) -> list[str]:
        settings = self.hook.client.settings
        downloader = Downloader.of(settings)
        keeper = Keeper(
            folder=Folder.at(self.folder),
            settings=settings,
            downloader=downloader,
            fetch_task=self.hook.get_task,
            log=self.log,
            split=Split.NEVER,
            name="{id}_{index}",
            max_bytes=_MAX_BYTES,
            timeout=_DOWNLOAD_SECONDS,
        )
        with downloader, keeper:
            return [str(picture["uri"]) for picture in keeper.keep(task)]


def _what(error: Exception) -> str:
    """Say what happened; the words of what nobody has thought of may hold anything."""
    is_told = isinstance(error, GatewayError | NotDrawnError | ValueError) or hasattr(error, "retry_helps")
    said = str(error) if is_told else f"{type(error).__name__}: {quote(str(error))}"
    return said if said.endswith((".", "…")) else f"{said}."
