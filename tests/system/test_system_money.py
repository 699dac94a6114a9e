"""What retries and clears of a real Airflow cost, with its records in an object storage."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from airflow_provider_mj.sandbox import SandboxServer
from tools.airflow_instance import AirflowInstance
from tools.example import connection

if TYPE_CHECKING:
    from collections.abc import Iterator

DAG_ID = "mj_money"
KEY = "system-test-key-7890"
RUN_SECONDS = 240
AIRFLOW = Version(version("apache-airflow")).release[:2]
HAS_RECORD = AIRFLOW >= (3, 3)
# Airflow 3.4 forgets at a clear what a task has written down, unless it is told not to.
KEEP = {"keep_task_state": True} if AIRFLOW >= (3, 4) else {}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer("trueai", key=KEY, task_seconds=1) as server:
        yield server


@dataclass
class Money:
    """A run of the DAG that goes on after each clear."""

    airflow: AirflowInstance
    sandbox: SandboxServer
    prompt: Path
    objects: Path
    run_id: str = ""

    def finish(self) -> str:
        return self.airflow.api.wait_for_run(DAG_ID, self.run_id, RUN_SECONDS)

    def clear(self, task_id: str, prompt: str | None = None) -> str:
        """Clear a task, after its prompt was edited, and give how the run ends."""
        if prompt is not None:
            self.prompt.write_text(prompt, encoding="utf-8")
        self.airflow.api.clear(DAG_ID, self.run_id, [task_id], **KEEP)
        return self.finish()

    def picture(self, task_id: str) -> str:
        return str(self.airflow.api.xcom(DAG_ID, self.run_id, task_id)["id"])

    def charged(self) -> Counter[str]:
        """Tell how often was paid, by the first word of the prompt."""
        gateway = self.sandbox.gateway
        paid = [gateway.tasks[charge.mj_task_id].prompt for charge in gateway.ledger.charges]
        return Counter(prompt.split()[0].strip(",") for prompt in paid)


@pytest.fixture(scope="module")
def money(sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Money]:
    home, dags = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("dags")
    prompt, objects = tmp_path_factory.mktemp("prompts") / "prompt", tmp_path_factory.mktemp("objects")
    prompt.write_text("red", encoding="utf-8")
    shutil.copy(Path(__file__).parent / "dags" / "mj_money.py", dags)
    environment = {
        # A lost submission is searched for as long as three of these.
        "AIRFLOW_CONN_MJ_DEFAULT": connection(sandbox.url, KEY, auth_scheme="raw", submit_timeout=3),
        "MJ_MONEY_PROMPT": str(prompt),
        "AIRFLOW__WORKERS__STATE_STORE_BACKEND": (
            "airflow.providers.common.io.state_store.backend.StateStoreObjectStorageBackend"
        ),
        "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH": objects.as_uri(),
    }
    with AirflowInstance(home, dags, environment) as airflow:
        airflow.wait_for_dag(DAG_ID)
        yield Money(airflow, sandbox, prompt, objects, airflow.api.trigger(DAG_ID))


@pytest.fixture(scope="module")
def first(money: Money) -> Counter[str]:
    """The run after all tasks that fail in their first try were retried, and what was paid."""
    assert money.finish() == "success"
    return money.charged()


def test_retries_pay_nothing_whatever_they_ask_for(first: Counter[str]) -> None:
    assert first == {"changing": 1, "inside": 3, "edited": 1}


def test_each_operator_inside_a_task_has_its_own_picture(money: Money, first: Counter[str]) -> None:
    drawn = money.airflow.api.xcom(DAG_ID, money.run_id, "inside")
    assert len(set(drawn)) == 3
    prompts = [money.sandbox.gateway.tasks[one].prompt for one in drawn]
    assert prompts == ["inside, red", "inside, blue", "inside, red"]


def test_an_edit_and_a_clear_pay_and_the_way_back_does_not(money: Money, first: Counter[str]) -> None:
    red = money.picture("edited")
    assert money.clear("edited", "blue") == "success"
    blue = money.picture("edited")
    assert money.clear("edited", "red") == "success"
    assert (blue != red, money.picture("edited") == red) == (True, HAS_RECORD)
    # Without records every clear is a wish of its own.
    assert money.charged()["edited"] == (2 if HAS_RECORD else 3)


def test_a_record_whose_object_is_gone_is_not_taken_for_none(money: Money, first: Counter[str]) -> None:
    before = money.charged()["changing"]
    files = [file for file in money.objects.rglob("*") if file.is_file()]
    assert bool(files) is HAS_RECORD
    for file in files:
        file.unlink()
    state = money.clear("changing")
    assert state == ("failed" if HAS_RECORD else "success")
    assert money.charged()["changing"] == before + (not HAS_RECORD)
    if HAS_RECORD:
        assert "can't be read" in money.airflow.task_log(DAG_ID, money.run_id, "changing")
