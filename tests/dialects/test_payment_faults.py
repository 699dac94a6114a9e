"""Network faults on the paid call, in each dialect over real HTTP: what is charged, and how each try ends."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from fakes import AIRFLOW_2
from running import QUICK, SILENT, Sandbox, Store, context

from airflow_provider_mj.gateway.errors import GatewayUnreachableError, NoConnectionError
from airflow_provider_mj.operators.mj import MJImagineOperator
from airflow_provider_mj.sandbox import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBMISSIONS = 5
"""In each of 8 faults in each of 5 dialects: 200 in all."""

SHORT, LONG = 0.5, 1.5
LISTS_TASKS = frozenset({"novicezk", "trueai", "sku-vip"})
UNKNOWN = "unknown whether a task was made and paid for"

# What the sandbox does, and whether it has charged for the submission then.
FAULTS: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "refused": (None, False),
    "reset before": ({"kind": "reset"}, False),
    "reset after the body": ({"kind": "reset_after"}, True),
    "withheld": ({"kind": "withhold", "seconds": LONG}, True),
    "slow": ({"kind": "slow", "seconds": LONG}, False),
    "500": ({"kind": "status", "status": 500}, False),
    "502": ({"kind": "status", "status": 502}, False),
    "cut": ({"kind": "cut"}, True),
}


@dataclass
class Drawing:
    """One Airflow task, its store, and how its tries ended: as a picture's id, or as an exception."""

    number: int
    store: Store | None = field(default_factory=Store)
    ends: list[str | Exception] = field(default_factory=list)

    def attempt(self) -> None:
        operator = MJImagineOperator(task_id="draw", prompt=f"fox {self.number}", poll_interval=QUICK)
        given = context(self.store, map_index=self.number, try_number=len(self.ends) + 1)
        try:
            task = operator.execute(given)
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            self.ends.append(error)
        else:
            assert task["prompt"] == f"fox {self.number}"
            self.ends.append(task["id"])


def as_worker() -> None:
    """Let operators run in a thread: Airflow 2 prepares only the one that has imported it."""
    if AIRFLOW_2:
        from airflow.models.baseoperator import ExecutorSafeguard

        ExecutorSafeguard._sentinel.callers = {}


def attempt(drawings: list[Drawing]) -> None:
    """Let all drawings have a try at once."""
    with ThreadPoolExecutor(len(drawings), initializer=as_worker) as pool:
        list(pool.map(Drawing.attempt, drawings))


@pytest.fixture(autouse=True)
def short_timeouts(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    value = json.loads(os.environ["AIRFLOW_CONN_MJ_DEFAULT"])
    value["extra"]["submit_timeout"] = SHORT
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))
    # A list must not be believed while a busy machine may still have the request under way.
    monkeypatch.setattr("airflow_provider_mj.hooks.mj.MJHook.submit_timeout", SHORT)
    sandbox.finished("a picture from before, to which a list reaches back")
    sandbox.neighbour()


@pytest.fixture
def nobody_listens() -> Iterator[str]:
    """Give the address of a port that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def first_try(sandbox: Sandbox, fault: str, drawings: list[Drawing], closed: str) -> None:
    injected = FAULTS[fault][0]
    with pytest.MonkeyPatch.context() as patch:
        if injected is None:
            value = json.loads(os.environ["AIRFLOW_CONN_MJ_DEFAULT"]) | {"host": closed}
            patch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))
        else:
            sandbox.fault(**injected, path="/submit/", times=len(drawings))
        attempt(drawings)
    # On a busy machine a call may have ended before it came to the gateway: the next try is to go well.
    sandbox.gateway.faults.clear()


def is_known(sandbox: Sandbox, fault: str) -> bool:
    """Tell whether anybody can find out what became of the submission."""
    return sandbox.finds_lost or fault == "refused"


def assert_paid_once(sandbox: Sandbox) -> None:
    """See that no drawing was charged twice, nor made twice."""
    charged = [sandbox.gateway.tasks[charge.mj_task_id] for charge in sandbox.gateway.ledger.charges]
    twice = [prompt for prompt, count in Counter(task.prompt for task in charged).items() if count > 1]
    assert not twice
    states = Counter(task.state for task in sandbox.gateway.tasks.values() if task.state)
    assert set(states.values()) <= {1}


@pytest.mark.parametrize("dialect", [*DIALECTS, SILENT[0]])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_network_never_makes_a_submission_paid_twice(
    sandbox: Sandbox, fault: str, nobody_listens: str
) -> None:
    drawings = [Drawing(number) for number in range(SUBMISSIONS)]
    first_try(sandbox, fault, drawings, nobody_listens)
    was_charged = FAULTS[fault][1]
    assert sandbox.charges == (SUBMISSIONS if was_charged else 0)
    for drawing in drawings:
        assert_first_end(drawing.ends[0], is_charged=was_charged, known=is_known(sandbox, fault))
    attempt(drawings)
    assert_paid_once(sandbox)
    for drawing in drawings:
        assert_second_end(drawing, known=is_known(sandbox, fault))
    paid = was_charged or is_known(sandbox, fault)
    assert sandbox.charges == (SUBMISSIONS if paid else 0)


UNCHARGED = [name for name, (_, is_charged) in FAULTS.items() if not is_charged and name != "refused"]


@pytest.mark.parametrize("fault", UNCHARGED)
@pytest.mark.parametrize("dialect", sorted(LISTS_TASKS))
def test_without_a_later_task_of_ours_in_its_list_nothing_is_proved_and_nothing_paid(
    sandbox: Sandbox, fault: str
) -> None:
    sandbox.reset()
    sandbox.finished("a picture from before, to which a list reaches back")
    drawings = [Drawing(number) for number in range(2)]
    first_try(sandbox, fault, drawings, closed="")
    attempt(drawings)
    for drawing in drawings:
        assert_first_end(drawing.ends[0], is_charged=False, known=False)
        assert_second_end(drawing, known=False)
    assert sandbox.charges == 0


def assert_first_end(end: str | Exception, *, is_charged: bool, known: bool) -> None:
    """See that a try ends as the table of errors says, with a retry exactly where one helps."""
    if known and is_charged:
        assert isinstance(end, str)
    elif known:
        # A plain error: Airflow tries again. Nothing was sent, or it is proved that nothing arrived.
        assert isinstance(end, NoConnectionError | GatewayUnreachableError)
        assert end.retry_helps
    else:
        assert isinstance(end, AirflowFailException)
        assert UNKNOWN in str(end)


def assert_second_end(drawing: Drawing, *, known: bool) -> None:
    """See that a retry gets the picture, the first try's own if there was one, or says what to do."""
    first, second = drawing.ends
    if not known:
        assert isinstance(second, AirflowFailException)
        assert "resubmit_if_unknown=True or delete the key mj_submission" in str(second)
    else:
        assert isinstance(second, str)
        assert second == first or isinstance(first, Exception)


@pytest.mark.parametrize("dialect", [*DIALECTS, SILENT[0]])
@pytest.mark.parametrize("fault", ["reset before", "reset after the body", "500"])
def test_without_a_store_a_retry_does_not_pay_again_either(
    sandbox: Sandbox, fault: str, nobody_listens: str
) -> None:
    """As before Airflow 3.3, where a retry knows nothing of the try before it."""
    drawings = [Drawing(number, store=None) for number in range(2)]
    first_try(sandbox, fault, drawings, nobody_listens)
    charges = sandbox.charges
    attempt(drawings)
    assert sandbox.charges == charges
    assert_paid_once(sandbox)
    for drawing in drawings:
        was_found = sandbox.finds_lost and FAULTS[fault][1]
        assert isinstance(drawing.ends[1], str if was_found else AirflowFailException)
