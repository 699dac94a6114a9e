"""Everything that the provider does with an answer, done with one hostile answer."""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException
from fakes import FakeTaskInstance
from hostile_texts import KEY
from invariants import (
    LONGEST_MESSAGE,
    Finding,
    Lines,
    check_line,
    check_link,
    check_plain,
    check_task,
    check_value,
    logged,
)

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.buttons import ButtonError, change_for, find_button, names, opens_window
from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import GatewayError, is_banned
from airflow_provider_mj.gateway.ids import InvalidTaskIdError, valid_task_id
from airflow_provider_mj.gateway.prompts import prompt_lines, written_prompts
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.gateway.task import Task, link_expiry
from airflow_provider_mj.gateway.waiting import Doubt, Goal, GoOn, Outcome, Step, Stop, Wait, decide
from airflow_provider_mj.keeping.names import file_name
from airflow_provider_mj.keeping.sources import NothingToKeepError, Split, rewritten, sidecar, sources
from airflow_provider_mj.operators.publishing import publish
from airflow_provider_mj.polling import Progress, Watch, finish
from airflow_provider_mj.submitting.marks import mark
from airflow_provider_mj.submitting.reconcile import Reconciliation, reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raw_server import RawServer

    from airflow_provider_mj.gateway.submissions import Submission

IDS = ("17", "18")
SLOWEST = 1.0
"""Seconds that one call, or one thing done with its result, may take."""
MOST_REQUESTS = 12
"""Requests of one call: two tries of each that it may make, with some room."""
ACTIONS = (
    *("imagine", "action", "change", "modal", "blend", "describe", "shorten", "edits", "video", "swap-face"),
)
_NOW, _SUBMITTED = 1_790_000_000.0, "2026-09-21T14:13:21Z"
_DOUBTS = (None, *(Doubt.proved(outcome, _NOW) for outcome in (Outcome.NOT_FOUND, Outcome.UNAUTHORIZED)))
_WANTED = ("U2", "upsample::2", "🔄", "Vary (Region)")
_LONGEST_NAME = 255
_MOST_RETRY_AFTER = 86_400.0


def _reconciled(newest: list[Task]) -> Reconciliation:
    """Look for a submission beside what a gateway lists, to which a task of ours is added."""
    ours = Task(id="99", state=mark(_NOW, "another"), status="IN_PROGRESS", submit_time=_SUBMITTED)
    tasks = [*newest, ours]
    return reconcile(tasks, mark(_NOW - 60, "lost"), intent_at=_NOW - 60, now=_NOW + 100, over_at=_NOW)


@dataclass
class Drive:
    """Does it, and counts.

    :param server: what the answer is served by.
    """

    server: RawServer
    errors: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    tasks: int = 0
    slowest: float = 0.0
    _lines: Lines = field(default_factory=Lines)
    _findings: list[Finding] = field(default_factory=list)

    def everything(self, raw: bytes, action: str = "imagine") -> list[Finding]:
        """Serve an answer to every call of a client, and do with the results what the provider does.

        :param raw: the answer.
        :param action: what is submitted.
        :returns: what happened that must not.
        """
        self.server.answer, self._findings = raw, []
        url = f"{self.server.url}/mj"
        settings = GatewaySettings(base_url=url, key=KEY, read_timeout=5, submit_timeout=5)
        client = GatewayClient(settings, attempts=2, sleep=lambda seconds: None)
        with logged() as self._lines:
            try:
                self._read(client)
                self._pay(client, action)
                self._wait(client)
            finally:
                client.close()
        return self._findings

    def _read(self, client: GatewayClient) -> None:
        ids = list(IDS)
        found: list[Task] = []
        with self._call("fetch"):
            found.append(client.fetch(IDS[0]))
        with self._call("look"):
            seen = client.look(ids)
            self._check_seen(seen, ids)
        with self._call("look_alone"):
            self._check_seen({IDS[0]: client.look_alone(IDS[0])}, ids[:1])
        with self._call("get_whole"):
            found += client.get_whole(ids).values()
        with self._call("list_by_condition"):
            found += client.list_by_condition(ids).values()
        with self._call("list_newest"):
            newest = client.list_newest()
            found += newest[:3]
            self._step("reconcile", lambda: _reconciled(newest))
        with self._call("check"):
            client.check()
        with self._call("image_seed"):
            check_value(client.image_seed(IDS[0]), "image_seed")
        with self._call("cancel"):
            client.cancel(IDS[0])
        for task in {repr(one): one for one in found}.values():
            self._use(task)

    def _pay(self, client: GatewayClient, action: str) -> None:
        with self._call("submit"):
            self._check_submission(client.submit(action, {"prompt": "a fox"}))
        with self._call("upload_images"):
            for link in client.upload_images(["data:image/png;base64,iVBORw0KGgo="]):
                check_value(link, "upload_images")
                check_link(link, "upload_images")

    def _wait(self, client: GatewayClient) -> None:
        """Wait as a worker does that has seen the gateway answer, and as one that has not."""
        for ids, answered in ((IDS[:1], False), (IDS[:1], True), (IDS, True)):
            wait = Wait(gateway=client.gateway, started_at=_NOW, deadline=_NOW + 3600, interval=5)
            watch = Watch(
                mj_task_ids=list(ids),
                wait=wait,
                goal=Goal(total=len(ids)),
                source=client,
                progress=Progress(logging.getLogger("airflow_provider_mj.hostile")),
                answered=answered,
                now=lambda: _NOW + 60,
            )
            with self._call("wait", AirflowFailException, TimeoutError):
                if watch.check() is None:
                    self._publish([one for one in finish(watch, on_timeout=TimeoutError) if one])

    def _publish(self, tasks: list[dict[str, Any]]) -> None:
        given: Any = {"ti": FakeTaskInstance()}
        check_value(publish(given, tasks), "return_value")
        for key, value in given["ti"].xcoms.items():
            check_value(value, f"XCom {key}")

    @contextmanager
    def _call(self, name: str, *more: type[Exception]) -> Iterator[None]:
        """Check what a call raises, how long it takes, how often it asks, and what it logs."""
        self.calls += 1
        self.server.requests = 0
        with self._noted(name):
            try:
                yield
            except (GatewayError, *more) as error:
                self._check_error(error, name)
            if self.server.requests > MOST_REQUESTS:
                raise Finding("too many requests", name, str(self.server.requests))

    def _step(self, name: str, step: Callable[[], Any]) -> None:
        with self._noted(name):
            step()

    @contextmanager
    def _noted(self, name: str) -> Iterator[None]:
        """Note what must not happen, and go on with the next."""
        began, worked = time.perf_counter(), time.thread_time()
        try:
            yield
        except Finding as finding:
            self._findings.append(finding)
        except Exception as error:  # noqa: BLE001 (to find these is what all this is for)
            self._findings.append(Finding("a raw error", _place(error), f"{name}: {error}"))
        seconds, computed = time.perf_counter() - began, time.thread_time() - worked
        self.slowest = max(self.slowest, seconds)
        if seconds > SLOWEST:
            self._findings.append(Finding("slow", name, f"{seconds:.1f} s, {computed:.1f} s computing"))
        self._findings += self._lines.findings()

    def _check_error(self, error: Exception, where: str) -> None:
        self.errors[type(error).__name__] += 1
        for text in (str(error), getattr(error, "said", "")):
            check_line(text, f"{where}, {type(error).__name__}", longest=LONGEST_MESSAGE)
        check_line(repr(error), f"{where}, repr of an error", longest=2 * LONGEST_MESSAGE)
        if isinstance(error, GatewayError) and error.retry_after is not None:
            seconds = error.retry_after
            if not (isinstance(seconds, int | float) and 0 <= seconds <= _MOST_RETRY_AFTER):
                raise Finding("no seconds to wait", where, repr(seconds))

    def _check_seen(self, seen: dict[str, Any], ids: list[str]) -> None:
        if list(seen) != ids:
            raise Finding("other ids than were asked for", "look", f"{list(seen)}")
        for mj_task_id, one in seen.items():
            if isinstance(one, GatewayError):
                self._check_error(one, "look")
            self._step("decide", lambda one=one, it=mj_task_id: self._decide(it, one))

    def _decide(self, mj_task_id: str, seen: Any) -> None:
        for at, confirmed in ((_NOW + 1, False), (_NOW + 60, True), (_NOW + 4000, False)):
            wait = Wait(
                gateway="gw.example", started_at=_NOW, deadline=_NOW + 3600, interval=5, confirmed=confirmed
            )
            for doubt in _DOUBTS:
                step = decide(wait, mj_task_id, seen, at, answered=True, doubt=doubt)
                self._check_step(step)

    def _check_step(self, step: Step) -> None:
        if isinstance(step, GoOn):
            check_line(step.line, "decide, a line")
            if not 0 <= step.delay <= 3600:
                raise Finding("no seconds to wait", "decide", repr(step.delay))
        if isinstance(step, Stop):
            check_line(step.message, "decide, a message", longest=LONGEST_MESSAGE)
            check_value({"outcome": step.outcome.value, "message": step.message}, "an event")

    def _check_submission(self, submission: Submission) -> None:
        if not submission.results or submission.results[0] != submission.mj_task_id:
            raise Finding("no result", "submit", repr(submission.results)[:200])
        check_value(list(submission.results), "submit, results")
        # It is waited for by its id, and a task that is paid for can't be lost to an error about it.
        for mj_task_id in submission.results:
            try:
                valid_task_id(mj_task_id)
            except InvalidTaskIdError as error:
                raise Finding("an id that can't be asked for", "submit", f"{error}") from error
        check_plain(submission.description, "submit, description")

    def _use(self, task: Task) -> None:
        """Do with a task what operators and the saver do."""
        self.tasks += 1
        steps: dict[str, Callable[[], Any]] = {
            "to_dict": lambda: check_task(task.to_dict(), "task"),
            "read again": lambda: check_again(task),
            "publish": lambda: self._publish([task.to_dict(), task.to_dict()]),
            "buttons": lambda: self._press(task),
            "prompts": lambda: self._prompts(task),
            "sources": lambda: self._save(task),
            "is_banned": lambda: is_banned(task.fail_reason),
            "decide": lambda: self._decide(IDS[0], task),
        }
        for name, step in steps.items():
            self._step(name, step)

    def _press(self, task: Task) -> None:
        subject = f"task {IDS[0]} at gateway gw.example"
        for name in names(task.buttons):
            check_line(name, "a button's name", longest=LONGEST_MESSAGE)
        first = [button.custom_id for button in task.buttons[:3]]
        for wanted in (*_WANTED, *first):
            change_for(wanted)
            try:
                button = find_button(task.buttons, wanted, subject=subject)
            except ButtonError as error:
                self._check_error(error, "find_button")
                continue
            opens_window(button.custom_id)
            try:
                jobs.press(IDS[0], button.custom_id)
            except ValueError as error:
                self._check_error(error, "press")

    def _prompts(self, task: Task) -> None:
        for text in (task.prompt_en, task.prompt, task.properties.get("finalPrompt")):
            lines = prompt_lines(text if isinstance(text, str) else None)
            check_value(lines, "prompt_lines")
        for language in (None, "zh"):
            check_value(written_prompts(task.to_dict(), language), "written_prompts")

    def _save(self, task: Task) -> None:
        check_file_name(file_name("{id}_{index}_{action}", task, 1, "png"))
        check_value(sidecar(task, "gw.example", {"bytes": 1}), "sidecar")
        for split in Split:
            try:
                links = sources(task, split)
            except NothingToKeepError as error:
                self._check_error(error, "sources")
                continue
            for link in links:
                check_link(link.url, "sources")
                link_expiry(link.url)
                for host in ("gateway", "https://mirror.example", None):
                    check_link(rewritten(link.url, host, "https://gw.example/mj"), "rewritten")


def check_again(task: Task) -> None:
    """Check that a task is the same when it is read out of XCom.

    :param task: the task.
    :raises Finding: when it is not.
    """
    # To gateways 0 means "unset", also where it was "0%".
    once = {**task.to_dict(), "progress": task.progress or None}
    again = Task.from_wire(once).to_dict()
    if again != once:
        differs = next(name for name in once if once[name] != again[name])
        raise Finding("read again, it is another", differs, f"{once[differs]!r} became {again[differs]!r}")


def check_file_name(name: str) -> None:
    """Check that a name can be one of a file, and leads nowhere.

    :param name: the name.
    :raises Finding: when it can't.
    """
    is_safe = name.isascii() and name.isprintable() and not set(name) & set('/\\:*?"<>| ')
    if not is_safe or name.startswith((".", "-")) or len(name) > _LONGEST_NAME:
        raise Finding("no safe name of a file", "file_name", name)


def _place(error: BaseException) -> str:
    """Name an error and the innermost line of the package that it went through."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "airflow_provider_mj" in file and "/tests/" not in file:
            place = f"{file.rpartition('airflow_provider_mj/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
