"""The course of a task, the directives and the signed links: pure functions."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_mj.gateway.task import TaskStatus
from airflow_provider_mj.sandbox import DIALECTS, Ending, ManualClock, SandboxGateway
from airflow_provider_mj.sandbox.answers import Reason, RefusedError
from airflow_provider_mj.sandbox.course import Snapshot, look
from airflow_provider_mj.sandbox.prompts import DEFAULT_FAIL_REASON, Wish, read_prompt


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000_000.0)


@pytest.fixture
def gateway(clock: ManualClock) -> SandboxGateway:
    return SandboxGateway(DIALECTS["trueai"], clock=clock, task_seconds=100)


def course(gateway: SandboxGateway, prompt: str, *after: float) -> list[Snapshot | None]:
    task = gateway.tasks[gateway.submit(prompt)]
    return [look(task, task.submitted_at + seconds) for seconds in after]


def test_a_task_goes_through_the_queue_to_success(gateway: SandboxGateway) -> None:
    assert course(gateway, "a fox", 0, 5, 15, 60, 99.9, 100, 10_000) == [
        Snapshot(TaskStatus.NOT_START, 0),
        Snapshot(TaskStatus.SUBMITTED, 0, 1_000_005),
        Snapshot(TaskStatus.IN_PROGRESS, 15, 1_000_005),
        Snapshot(TaskStatus.IN_PROGRESS, 60, 1_000_005),
        Snapshot(TaskStatus.IN_PROGRESS, 93, 1_000_005),
        Snapshot(TaskStatus.SUCCESS, 100, 1_000_005, 1_000_100),
        Snapshot(TaskStatus.SUCCESS, 100, 1_000_005, 1_000_100),
    ]


@pytest.mark.parametrize(
    ("directive", "statuses"),
    [
        ("[[fail: no luck]]", [TaskStatus.IN_PROGRESS, TaskStatus.FAILURE, TaskStatus.FAILURE]),
        ("[[cancel]]", [TaskStatus.IN_PROGRESS, TaskStatus.CANCEL, TaskStatus.CANCEL]),
        ("[[never]]", [TaskStatus.IN_PROGRESS, TaskStatus.IN_PROGRESS, TaskStatus.IN_PROGRESS]),
        ("[[modal]]", [TaskStatus.MODAL, TaskStatus.MODAL, TaskStatus.MODAL]),
        ("[[vanish]]", [TaskStatus.IN_PROGRESS, None, None]),
        ("[[seconds: 40]]", [TaskStatus.SUCCESS, TaskStatus.SUCCESS, TaskStatus.SUCCESS]),
        ("[[ FAIL ]] [[seconds:1]]", [TaskStatus.FAILURE, TaskStatus.FAILURE, TaskStatus.FAILURE]),
    ],
)
def test_directives_decide_the_end(
    gateway: SandboxGateway, directive: str, statuses: list[TaskStatus | None]
) -> None:
    seen = course(gateway, f"a fox {directive}", 49, 50, 1e9)
    assert [one.status if one else None for one in seen] == statuses


def test_a_task_of_no_time_is_done_at_once(gateway: SandboxGateway) -> None:
    assert course(gateway, "a fox [[seconds: 0]]", 0)[0] == Snapshot(
        TaskStatus.SUCCESS, 100, 1_000_000, 1_000_000
    )


def test_a_prompt_is_read() -> None:
    assert read_prompt("a [[fail: bad [nsfw? no: luck]]fox  [[seconds: 2.5]]") == Wish(
        "a [[fail: bad [nsfw? no: luck]]fox", seconds=2.5
    )
    assert read_prompt("[[fail: Banned: prompt]] a  fox") == Wish("a fox", Ending.FAIL, "Banned: prompt")
    assert read_prompt("a fox [[Four]] [[fail: no]]") == Wish("a fox", Ending.FAIL, "no", has_four=True)
    assert read_prompt("[[fail]]").fail_reason == DEFAULT_FAIL_REASON
    assert read_prompt("an array[0][1] of ]] brackets") == Wish("an array[0][1] of ]] brackets")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("[[fial]]", "unknown directive [[fial]]; the sandbox knows [[fail: reason]], [[never]]"),
        ("[[success]]", "unknown directive"),
        ("[[fail]] [[never]]", "one ending only"),
        ("[[seconds: soon]]", "needs a number"),
        ("[[seconds: -1]]", "needs a number"),
        ("[[seconds: inf]]", "needs a number"),
        ("[[seconds]]", "needs a number"),
    ],
)
def test_wrong_directives_are_refused(gateway: SandboxGateway, prompt: str, words: str) -> None:
    with pytest.raises(RefusedError, match="bad_parameter") as caught:
        gateway.submit(prompt)
    assert words in caught.value.detail
    assert gateway.tasks == {}
    assert gateway.ledger.total == 0


def test_banned_words_are_words_in_any_case(clock: ManualClock) -> None:
    gateway = SandboxGateway(DIALECTS["trueai"], clock=clock, banned_words=["Blood"])
    gateway.submit("a bloodhound")
    with pytest.raises(RefusedError) as caught:
        gateway.submit("more BLOOD, please")
    assert caught.value.reason is Reason.BANNED_PROMPT
    assert caught.value.properties == {"promptEn": "more BLOOD, please", "bannedWord": "blood"}
    assert len(gateway.ledger.charges) == 1


def test_ids_are_sixteen_digits_and_unique_while_the_clock_stands(gateway: SandboxGateway) -> None:
    ids = [gateway.submit("a fox") for _ in range(1500)]
    assert len(set(ids)) == 1500
    assert all(len(one) == 16 and one.isdecimal() for one in ids)


def test_endings_by_rate_follow_the_seed(clock: ManualClock) -> None:
    def endings(seed: int) -> list[Ending]:
        rates = {Ending.FAIL: 0.25, Ending.NEVER: 0.25}
        gateway = SandboxGateway(DIALECTS["gptplus5"], clock=clock, seed=seed, ending_rates=rates)
        return [gateway.tasks[gateway.submit("a fox")].ending for _ in range(400)]

    first = endings(1)
    assert first == endings(1)
    assert first != endings(2)
    assert 60 < first.count(Ending.FAIL) < 140
    assert 60 < first.count(Ending.NEVER) < 140
    assert first.count(Ending.FAIL) + first.count(Ending.NEVER) + first.count(Ending.SUCCESS) == 400


def test_only_the_new_api_dialect_gives_a_failed_tasks_charge_back(clock: ManualClock) -> None:
    for name, total in (("gptplus5", 2.0), ("sku-vip", 4.0)):
        gateway = SandboxGateway(DIALECTS[name], clock=clock, task_seconds=10)
        failing = gateway.submit("[[fail]]")
        gateway.submit("a fox")
        assert gateway.ledger.total == 4.0
        submitted = clock()
        clock.advance(20)
        assert gateway.ledger.total == total
        assert gateway.ledger.total == total
        assert len(gateway.ledger.charges) == 2
        if name == "gptplus5":
            assert [(refund.mj_task_id, refund.at) for refund in gateway.ledger.refunds] == [
                (failing, submitted + 5)
            ]


def test_a_link_names_its_times_in_hex_and_is_checked(gateway: SandboxGateway) -> None:
    task = gateway.tasks[gateway.submit("Größe: a/../b?c 雪 " + "x" * 500)]
    link = urlsplit(gateway.signer.link(task, 1_730_698_255.5))
    query = dict(parse_qsl(link.query))
    assert link.query.endswith("&")
    assert int(query["is"], 16) == 1_730_698_255
    assert int(query["ex"], 16) == 1_730_698_255 + 86400

    def check(path: str = link.path, now: float = 1_730_698_256, **changed: str) -> bool:
        return gateway.signer.check(path, query | changed, now) is not None

    assert check()
    assert check(now=1_730_698_255 + 86399)
    assert not check(now=1_730_698_255 + 86400)
    assert not check(ex="7fffffff")
    assert not check(hm="0" * 64)
    assert not check(hm="é")
    assert not check(path=link.path.replace(task.job, "0" * 8 + task.job[8:]))
    assert not check(path="/attachments/1/2/x.png")
    assert gateway.signer.check(link.path, {}, 0) is None
