"""Every operator, the sensor, the trigger and the saver, driven through hostile answers.

Whatever a gateway answers, each ends in time with plain and bounded values, or with an error that a person
can read; it asks a bounded number of times, and submits once.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from fakes import AIRFLOW_2, AirflowRescheduleException, first_event
from hostile_cases import FIELDS, PICTURES, READS, SUBMITS, TAKEN, TASK
from hostile_texts import KEY
from invariants import LONGEST_MESSAGE, Finding, check_line, check_link, check_value, logged
from running import Store, context, run
from scripted_gateway import PNG, WINDOW, ScriptedGateway, http

from airflow_provider_mj.decorators.mj import mj_imagine_task
from airflow_provider_mj.gateway.download import DownloadError
from airflow_provider_mj.gateway.errors import GatewayError
from airflow_provider_mj.gateway.ids import InvalidTaskIdError
from airflow_provider_mj.images import ImageInputError
from airflow_provider_mj.operators import mj
from airflow_provider_mj.sensors.mj import MJTaskSensor
from airflow_provider_mj.triggers.mj import MJTaskTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_COMPUTING = 5.0
"""Seconds of CPU time that one of them may take; their own time limits are a fraction of it."""
SLOWEST = 20.0
"""Seconds that one of them may take on a machine that is busy with other things."""
MOST_REQUESTS = 200
MOST_SUBMISSIONS_OF_PRESS = 2
QUICK: dict[str, Any] = {"task_id": "t", "poll_interval": 0.1, "timeout": 0.2}
OURS = (GatewayError, DownloadError, ImageInputError, TimeoutError)
OF_AIRFLOW = (AirflowException, AirflowRescheduleException, TaskDeferred)

Run = "Callable[[dict[str, Any]], Any]"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedGateway]:
    with ScriptedGateway() as one:
        yield one


@pytest.fixture
def gateway(server: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    """A gateway that answers as it should; a test changes what is to be hostile."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    extra = {"read_timeout": 2, "submit_timeout": 2, "connect_timeout": 2}
    value = {"conn_type": "mj", "host": server.url, "password": KEY, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))
    monkeypatch.setattr("airflow_provider_mj.gateway.transport._wait_seconds", lambda _: 0.0, raising=False)
    if AIRFLOW_2:  # where a sensor asks the metadata database
        monkeypatch.setattr("airflow.sensors.base._orig_start_date", lambda *_, **__: None)
    # How long a lost submission may still be under way.
    monkeypatch.setattr("airflow_provider_mj.hooks.mj.MJHook.submit_timeout", 0.05)
    server.answers = {
        **tasks_of(server, TASK),
        "window": http({**TASK, "id": WINDOW, "status": "MODAL", "progress": "0%"}),
        "submit": http(TAKEN),
        "picture": http(PNG, Content_Type="image/png"),
        "other": http(b"", 404),
    }
    server.seen = []
    return server


def tasks_of(server: ScriptedGateway, task: dict[str, Any]) -> dict[str, bytes]:
    placed = json.loads(json.dumps(task).replace("{gateway}", server.url))
    return {"fetch": http(placed), "list": http([placed, {**placed, "id": "18"}])}


# --- what is driven ---------------------------------------------------------------------------------------


def submitting(kind: type[Any], **arguments: Any) -> dict[str, Run]:
    return {
        f"{kind.__name__}, blocking": lambda given: run(lambda: kind(**QUICK, **arguments), given),
        f"{kind.__name__}, deferred": lambda given: run(
            lambda: kind(**QUICK, deferrable=True, **arguments), given
        ),
        f"{kind.__name__}, submit only": lambda given: run(
            lambda: kind(**QUICK, wait_for_completion=False, **arguments), given
        ),
    }


def sensing(**arguments: Any) -> Run:
    quick = {"task_id": "s", "poke_interval": 0.1, "timeout": 0.3}
    return lambda given: run(lambda: MJTaskSensor(**quick, **arguments), given)


def decorated(given: dict[str, Any]) -> Any:
    operator = mj_imagine_task(lambda: {"prompt": "a fox"}, **QUICK)().operator
    return operator.execute(given)


def triggered(given: dict[str, Any]) -> Any:
    del given
    trigger = MJTaskTrigger(["17", "18"], "mj_default", poll_interval=0.1, deadline=time.time() + 0.3)
    event = asyncio.run(first_event(trigger))
    for outcome in event.get("outcomes", {}).values():
        check_line(outcome["message"], "the trigger's event", longest=LONGEST_MESSAGE)
    return event


SUBMITTERS: dict[str, Run] = {
    **submitting(mj.MJImagineOperator, prompt="a fox"),
    **submitting(mj.MJBlendOperator, images=[PNG, PNG]),
    **submitting(mj.MJDescribeOperator, image=PNG),
    **submitting(mj.MJShortenOperator, prompt="a fox"),
    **submitting(mj.MJEditsOperator, prompt="a fox", image=PNG),
    **submitting(mj.MJSwapFaceOperator, source=PNG, target=PNG + b"\0"),
    **submitting(mj.MJVideoOperator, prompt="a fox", image=PNG),
    **submitting(mj.MJActionOperator, task="17", button="U2", modal={"prompt": "a hat"}),
    **submitting(mj.MJModalOperator, mj_task_id=WINDOW, prompt="a hat"),
    "the decorator": decorated,
    "MJUploadImagesOperator": lambda given: mj.MJUploadImagesOperator(task_id="u", images=[PNG]).execute(
        given
    ),
}
# Every kind reads the same way what it has submitted; one of each way to wait is enough.
READERS: dict[str, Run] = {
    "sensor, poke": sensing(mj_task_id="17", mode="poke"),
    "sensor, reschedule": sensing(mj_task_id="17", mode="reschedule"),
    "sensor, deferred": sensing(mj_task_id="17", deferrable=True),
    "sensor, several": sensing(mj_task_ids=["17", "18"], mode="poke"),
    "result, blocking": lambda given: run(lambda: mj.MJTaskResultOperator(mj_task_id="17", **QUICK), given),
    "result, deferred": lambda given: run(
        lambda: mj.MJTaskResultOperator(mj_task_id="17", deferrable=True, **QUICK), given
    ),
    "trigger": triggered,
    **submitting(mj.MJImagineOperator, prompt="a fox"),
    "describe": SUBMITTERS["MJDescribeOperator, blocking"],
    "press": SUBMITTERS["MJActionOperator, blocking"],
}


def some_submitters(turn: int) -> dict[str, Run]:
    """Give each way to wait, and of what differs only in its body another part each time."""
    always = [
        name for name in SUBMITTERS if name.startswith(("MJImagine", "MJUpload", "MJAction", "MJModal"))
    ]
    others = [name for name in SUBMITTERS if name not in always]
    chosen = {*always, *(others[(turn * 3 + place) % len(others)] for place in range(3))}
    return {name: one_run for name, one_run in SUBMITTERS.items() if name in chosen}


def saving(folder: Path, split: str, *, by_id: bool) -> Run:
    """Save a task that is asked for, or one that an operator before has published."""

    def save(given: dict[str, Any]) -> Any:
        task: Any = "17"
        if not by_id:
            task = mj.MJTaskResultOperator(mj_task_id="17", **QUICK).execute(given)
        saver = mj.MJSaveImagesOperator(
            task_id="s", task=task, destination=str(folder), split=split, timeout=2
        )
        return saver.execute(given)

    return save


# --- what has to hold -------------------------------------------------------------------------------------


class EndlessError(BaseException):
    """It has run for far too long; no ``except Exception`` of those who are tried may catch it."""


@contextmanager
def ended_by_force() -> Iterator[None]:
    """Break off what does not end, so that a test of many tells of the others as well."""

    def end(*_: object) -> None:
        raise EndlessError(f"it was still running after {SLOWEST:.0f} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, SLOWEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def drive(gateway: ScriptedGateway, runs: dict[str, Run]) -> None:
    """Run each, and tell of all that did not end as it has to."""
    trouble: list[str] = []
    for name, one_run in runs.items():
        trouble += [f"{name}: {one}" for one in troubles(gateway, name, one_run)]
        if any("EndlessError" in one for one in trouble):
            break
    assert not trouble, "\n" + "\n".join(trouble)


def troubles(gateway: ScriptedGateway, name: str, one_run: Run) -> list[str]:
    gateway.seen = []
    given = context(Store())
    found: list[str] = []
    began, computed = time.monotonic(), time.process_time()
    returned: Any = None
    with logged() as lines:
        try:
            with ended_by_force():
                returned = one_run(given)
        except BaseException as error:  # noqa: BLE001 (Airflow has some that are no Exception)
            found += wrong_end(error)
    seconds, computing = time.monotonic() - began, time.process_time() - computed
    if computing > MOST_COMPUTING:
        found.append(f"took {seconds:.1f} s, {computing:.1f} s of them computing")
    found += {str(finding) for finding in lines.findings()}
    found += wrong_xcoms(given, returned)
    if len(gateway.seen) > MOST_REQUESTS:
        found.append(f"made {len(gateway.seen)} requests")
    most = MOST_SUBMISSIONS_OF_PRESS if "MJAction" in name or name == "press" else 1
    if len(gateway.submissions) > most or len(set(gateway.submissions)) < len(gateway.submissions):
        found.append(f"submitted {gateway.submissions}")
    return [one[:600] for one in found]


def wrong_end(error: BaseException) -> list[str]:
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, Finding):
        return [str(error)]
    found = [] if is_expected(error) else [f"a raw {type(error).__name__}: {ascii(str(error))[:300]}"]
    try:
        check_line(str(error), f"the words of {type(error).__name__}", longest=LONGEST_MESSAGE)
    except Finding as finding:
        found.append(str(finding))
    return found


def is_expected(error: BaseException) -> bool:
    """Tell an error of Airflow's or of ours from one that nobody has thought of."""
    if isinstance(error, InvalidTaskIdError):
        return False  # the author's ids are right here
    is_ours = type(error).__module__.startswith("airflow_provider_mj")
    return isinstance(error, (*OF_AIRFLOW, *OURS)) or is_ours or is_raised_by_us(error)


def is_raised_by_us(error: BaseException) -> bool:
    """Tell a plain RuntimeError that an operator raises because a retry may help."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename if trace else ""
    return type(error) is RuntimeError and "airflow_provider_mj" in file and "hostile" not in file


def wrong_xcoms(given: dict[str, Any], returned: Any) -> list[str]:
    stored = {key: json.loads(value) for key, value in given["task_state_store"].values.items()}
    found = []
    for key, value in {"return_value": returned, **given["ti"].xcoms, **stored}.items():
        try:
            check_value(value, key)
        except Finding as finding:
            found.append(str(finding))
    return found


# --- the course -------------------------------------------------------------------------------------------


def test_an_honest_gateway_ends_everything_well(gateway, tmp_path):
    ended = []
    for name, one_run in (SUBMITTERS | READERS).items():
        upload = {**TAKEN, "result": ["https://cdn.example/a.png"]}
        gateway.answers["submit"] = http(upload if name == "MJUploadImagesOperator" else TAKEN)
        assert troubles(gateway, name, lambda given, one=one_run: ended.append(one(given))) == []
    assert len(ended) == len(SUBMITTERS | READERS)
    gateway.answers |= tasks_of(gateway, {**TASK, "buttons": []})
    (file,) = saving(tmp_path, "never", by_id=True)(context(Store()))
    assert file["bytes"] == len(PNG)


@pytest.mark.parametrize("case", FIELDS)
def test_a_hostile_field_of_a_task(gateway, case):
    gateway.answers |= tasks_of(gateway, {**TASK, **FIELDS[case]})
    drive(gateway, READERS)


@pytest.mark.parametrize("case", READS)
def test_a_hostile_answer_to_reads(gateway, case):
    gateway.answers |= {"fetch": READS[case], "list": READS[case]}
    drive(gateway, READERS)


@pytest.mark.parametrize("case", SUBMITS)
def test_a_hostile_answer_to_a_submission(gateway, case):
    gateway.answers["submit"] = SUBMITS[case]
    drive(gateway, some_submitters(list(SUBMITS).index(case)))


@pytest.mark.parametrize("case", [*SUBMITS])
def test_an_upload_gives_nothing_but_links(gateway, case):
    gateway.answers["submit"] = SUBMITS[case]
    try:
        links = mj.MJUploadImagesOperator(task_id="u", images=[PNG]).execute(context())
    except (*OF_AIRFLOW, *OURS):
        return
    assert len(links) <= MOST_REQUESTS
    for link in links:
        check_link(link, "an upload")


@pytest.mark.parametrize("case", FIELDS)
def test_saving_a_hostile_task(gateway, case, tmp_path):
    gateway.answers |= tasks_of(gateway, {**TASK, **FIELDS[case]})
    drive(
        gateway,
        {
            f"saved, {split}, {'by id' if by_id else 'from XCom'}": saving(
                tmp_path / "in", split, by_id=by_id
            )
            for split in ("auto", "never")
            for by_id in (True, False)
        },
    )
    assert {one.name for one in tmp_path.iterdir()} <= {"in"}


@pytest.mark.parametrize("case", PICTURES)
def test_saving_a_hostile_picture(gateway, case, tmp_path):
    gateway.answers["picture"] = PICTURES[case]
    drive(gateway, {f"saved, {split}": saving(tmp_path, split, by_id=True) for split in ("auto", "never")})
    assert not list(tmp_path.glob("*.png"))
