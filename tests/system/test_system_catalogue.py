"""The catalogue and the two presses in a real Airflow, what they cost, and what Airflow keeps of them."""

from __future__ import annotations

import csv
import random
import re
import shutil
from base64 import b64encode
from dataclasses import dataclass, field
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow_metadata import database_bytes, values, written_files
from packaging.version import Version
from PIL import Image

from airflow_provider_mj.sandbox import SandboxServer
from tools.airflow_instance import AirflowInstance
from tools.example import DAGS_FOLDER, connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.airflow_api import TaskInstance

HERE = Path(__file__).parent
CATALOGUE, UPSCALE, PICTURES = "mj_catalogue", "mj_upscale", "mj_pictures"
KEY = "system-test-key-3456"
POOL, SLOTS = "midjourney", 3
RUN_SECONDS = 400
SPOILT = {
    "TW-003": "a jug with a bannedword",
    "TW-005": "bannedword on a cup",
    "TW-008": "[[fail: the plate fell off the shelf]]",
}
AIRFLOW = Version(version("apache-airflow")).release[:2]
# With SQLite, Airflow 2 runs one task at a time, and takes eight seconds for it.
ROWS = 30 if AIRFLOW >= (3, 0) else 9
HAS_RECORD = AIRFLOW >= (3, 3)
# Airflow 3.4 forgets at a clear what a task has written down, unless it is told not to.
KEEP = {"keep_task_state": True} if AIRFLOW >= (3, 4) else {}

# Looks often, so that the test is quick; the examples stay as a person would copy them.
LOCAL_SETTINGS = f"""
def task_policy(task):
    arguments = getattr(task, "partial_kwargs", task.__dict__)
    if "MJ" in task.task_type and task.dag_id in {(CATALOGUE, UPSCALE)}:
        arguments["poll_interval"] = 0.5
"""
SIGNATURE = re.compile(r"hm=[0-9a-f]{16,}")
# The last is where an operator puts the task whose return value is a list of prompts.
LINKS_BELONG_TO = ("imageUrl", "return_value", "task")


def write_catalogue(path: Path, prompts: dict[str, str]) -> None:
    """Write the catalogue of the example with other prompts for some rows."""
    with (DAGS_FOLDER / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:ROWS]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"prompt": prompts.get(row["sku"], row["prompt"])} for row in rows)


def png(seed: int) -> bytes:
    """Draw noise, which has a base64 that nothing else has."""
    file = BytesIO()
    Image.frombytes("RGB", (64, 64), random.Random(seed).randbytes(3 * 64 * 64)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    # Of the dialects that have windows, this one has links in most fields.
    with SandboxServer("trueai", key=KEY, task_seconds=2, queue_limit=SLOTS) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the DAGs read: the catalogue with three bad rows, and two pictures."""
    path = tmp_path_factory.mktemp("input")
    write_catalogue(path / "catalogue.csv", SPOILT)
    for seed, name in enumerate(("stone", "moss")):
        (path / f"{name}.png").write_bytes(png(seed))
    return path


@pytest.fixture(scope="module")
def airflow(
    sandbox: SandboxServer, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowInstance]:
    home, dags = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("dags")
    (home / "config").mkdir()
    (home / "config" / "airflow_local_settings.py").write_text(LOCAL_SETTINGS)
    for name in ("mj_catalogue.py", "catalogue.csv", "mj_upscale.py"):
        shutil.copy(DAGS_FOLDER / name, dags)
    shutil.copy(HERE / "dags" / "mj_pictures.py", dags)
    environment = {
        "AIRFLOW_CONN_MJ_DEFAULT": connection(sandbox.url, KEY, auth_scheme="raw"),
        "MJ_SYSTEM_PICTURES": str(folder),
    }
    with AirflowInstance(home, dags, environment, triggerer=True) as instance:
        instance.api.create_pool(POOL, SLOTS)
        for dag_id in (CATALOGUE, UPSCALE, PICTURES):
            instance.wait_for_dag(dag_id)
        yield instance


@dataclass(frozen=True)
class Stage:
    """The run of the catalogue at one of its ends, and what had been sent and charged until then."""

    state: str
    draws: list[TaskInstance]
    pictures: dict[str, str]
    failed: dict[str, str]
    files: dict[str, bytes]
    submissions: int
    charges: int
    most_slots: int


@dataclass
class Catalogue:
    """A run of the catalogue that goes on after each clear."""

    airflow: AirflowInstance
    sandbox: SandboxServer
    run_id: str
    saved: Path

    def finish(self) -> Stage:
        api, taken = self.airflow.api, [0]
        state = api.wait_for_run(
            CATALOGUE, self.run_id, RUN_SECONDS, lambda tasks: taken.append(api.occupied_slots(POOL))
        )
        return Stage(
            state=state,
            draws=api.mapped_instances(CATALOGUE, self.run_id, "draw"),
            pictures=api.xcom(CATALOGUE, self.run_id, "collect"),
            failed=api.xcom(CATALOGUE, self.run_id, "collect", "failed"),
            files={path.name: path.read_bytes() for path in self.saved.iterdir()},
            submissions=sum(seen.is_submission for seen in self.sandbox.gateway.requests),
            charges=len(self.sandbox.gateway.ledger.charges),
            most_slots=max(taken),
        )

    def clear(self, task_ids: list[str] | None = None, **more: object) -> None:
        self.airflow.api.clear(CATALOGUE, self.run_id, task_ids, **more, **KEEP)


@pytest.fixture(scope="module")
def catalogue(airflow: AirflowInstance, sandbox: SandboxServer, folder: Path) -> Catalogue:
    params = {"catalogue": str(folder / "catalogue.csv"), "folder": str(folder / "saved")}
    run_id = airflow.api.trigger(CATALOGUE, params)
    return Catalogue(airflow, sandbox, run_id, folder / "saved")


@pytest.fixture(scope="module")
def first(catalogue: Catalogue) -> Stage:
    return catalogue.finish()


@pytest.fixture(scope="module")
def resumed(catalogue: Catalogue, first: Stage) -> Stage:
    """The same run after its failed rows were cleared."""
    catalogue.clear(["draw"], only_failed=True)
    catalogue.clear(["collect", "check"])
    return catalogue.finish()


@pytest.fixture(scope="module")
def mended(catalogue: Catalogue, resumed: Stage, folder: Path) -> Stage:
    """The same run after its CSV was mended, and everything in it was cleared."""
    write_catalogue(folder / "catalogue.csv", {})
    catalogue.clear()
    return catalogue.finish()


def test_one_bad_row_does_not_end_the_others(first: Stage) -> None:
    assert len(first.pictures) == ROWS - len(SPOILT)
    assert len(set(first.pictures.values())) == len(first.pictures)
    assert {draw.label for draw in first.draws if draw.state == "success"} == set(first.pictures)


def test_four_pictures_of_each_row_that_was_drawn_are_saved(catalogue: Catalogue, first: Stage) -> None:
    saved = catalogue.airflow.api.xcom(CATALOGUE, catalogue.run_id, "save")
    assert len(saved) == 4 * len(first.pictures)
    names = [Path(picture["uri"]).name for picture in saved]
    assert set(first.files) == {*names, *(f"{name}.json" for name in names)}
    assert len({picture["sha256"] for picture in saved}) == len(saved)


def test_failed_rows_are_named_with_their_reasons(catalogue: Catalogue, first: Stage) -> None:
    assert set(first.failed) == set(SPOILT)
    assert "the prompt is banned" in first.failed["TW-003"]
    assert "the plate fell off the shelf" in first.failed["TW-008"]
    log = catalogue.airflow.task_log(CATALOGUE, catalogue.run_id, "check")
    assert "3 rows have no picture" in log
    assert "TW-005: " in log


def test_the_run_tells_that_rows_failed(first: Stage) -> None:
    assert first.state == "failed"
    assert [draw.try_number for draw in first.draws] == [1] * ROWS, "what no retry can mend was retried"


def test_each_row_is_sent_once_and_none_against_a_full_queue(first: Stage) -> None:
    assert (first.submissions, first.charges) == (ROWS, ROWS - 2)  # the two banned ones were refused
    assert 1 <= first.most_slots <= SLOTS


def test_clearing_failed_rows_charges_nothing_for_finished_ones(first: Stage, resumed: Stage) -> None:
    assert resumed.pictures == first.pictures
    assert set(resumed.failed) == set(SPOILT)
    # Without a record of submissions, the one that was accepted and failed is submitted again.
    assert resumed.charges - first.charges == (0 if HAS_RECORD else 1)


# Before Airflow 3.3 a cleared task pays again.
if HAS_RECORD:

    def test_clearing_a_mended_catalogue_pays_for_the_mended_rows_only(resumed: Stage, mended: Stage) -> None:
        assert (mended.state, mended.failed) == ("success", {})
        assert len(mended.pictures) == ROWS
        assert {sku: mended.pictures[sku] for sku in resumed.pictures} == resumed.pictures
        assert mended.charges - resumed.charges == len(SPOILT)
        assert mended.submissions - resumed.submissions == len(SPOILT)
        assert mended.files.items() >= resumed.files.items(), "saving again has changed a file"
        assert len(mended.files) == 2 * 4 * ROWS


@dataclass
class Run:
    """A run of another DAG, and what was in the table of triggers while it was waiting."""

    run_id: str
    charges: int = 0
    state: str = ""
    tasks: dict[str, TaskInstance] = field(default_factory=dict)
    triggers: set[str] = field(default_factory=set)


def run(airflow: AirflowInstance, sandbox: SandboxServer, dag_id: str) -> Run:
    told = Run(airflow.api.trigger(dag_id))

    def watch(tasks: dict[str, TaskInstance]) -> None:
        told.tasks = tasks
        told.triggers |= {value.text for value in values(airflow.home, "trigger")}

    told.state = airflow.api.wait_for_run(dag_id, told.run_id, RUN_SECONDS, watch)
    told.charges = len(sandbox.gateway.ledger.charges)
    return told


@pytest.fixture(scope="module")
def upscaled(airflow: AirflowInstance, sandbox: SandboxServer, resumed: Stage) -> Run:
    return run(airflow, sandbox, UPSCALE)


@pytest.fixture(scope="module")
def pictures(airflow: AirflowInstance, sandbox: SandboxServer, upscaled: Run) -> Run:
    return run(airflow, sandbox, PICTURES)


def test_two_presses_of_buttons_give_a_larger_picture(airflow: AirflowInstance, upscaled: Run) -> None:
    assert upscaled.state == "success"
    steps = [airflow.api.xcom(UPSCALE, upscaled.run_id, name) for name in ("grid", "second", "large")]
    assert len({step["id"] for step in steps}) == 3
    published = airflow.api.xcom(UPSCALE, upscaled.run_id, "publish")
    assert published == {key: steps[-1][key] for key in ("id", "imageUrl", "imageUrlExpiresAt")}
    assert published["imageUrl"]


def test_pictures_arrive_whichever_way_they_are_given(
    sandbox: SandboxServer, upscaled: Run, pictures: Run, folder: Path
) -> None:
    ended = {name: task.state for name, task in pictures.tasks.items()}
    good = dict.fromkeys(("blend", "swap", "grid", "one", "region", "describe", "written"), "success")
    assert ended == good | dict.fromkeys(("broken", "refused"), "failed")
    sent = str([seen.body for seen in sandbox.gateway.requests if seen.is_submission])
    for text in base64s(folder):
        assert sent.count(text) >= 3
    assert pictures.charges - upscaled.charges == len(good)


def base64s(folder: Path) -> list[str]:
    return [b64encode(path.read_bytes()).decode() for path in sorted(folder.glob("*.png"))]


def pieces(folder: Path) -> list[str]:
    """Give short parts of the base64 of each picture, so that a cut one is found as well."""
    return [text[at : at + 40] for text in base64s(folder) for at in (120, len(text) // 2, len(text) - 60)]


def has_any(text: str, needles: list[str]) -> bool:
    return any(needle in text for needle in needles)


def test_triggers_hold_no_secret_while_tasks_wait(pictures: Run, folder: Path) -> None:
    assert has_any(str(pictures.triggers), ["MJTaskTrigger"])
    assert not [text for text in pictures.triggers if has_any(text, [KEY, *pieces(folder)])]
    assert not [text for text in pictures.triggers if SIGNATURE.search(text)]


@pytest.mark.parametrize(
    ("task_id", "shown"),
    [
        ("blend", {"images": ["stone.png", "bytes"]}),
        ("region", {"modal": ["moss.png", "more moss"], "task": ["task "]}),
        ("describe", {"image": ["/attachments/"]}),
        ("swap", {"source": ["stone.png"], "target": ["data URI"]}),
    ],
)
def test_rendered_fields_name_pictures_by_their_source(
    airflow: AirflowInstance, pictures: Run, task_id: str, shown: dict[str, list[str]]
) -> None:
    fields: dict[str, Any] = airflow.api.rendered_fields(PICTURES, pictures.run_id, task_id)
    for name, texts in shown.items():
        assert all(text in str(fields[name]) for text in texts), fields[name]


def test_the_metadata_database_holds_neither_key_nor_picture(
    airflow: AirflowInstance, pictures: Run, folder: Path
) -> None:
    needles = [KEY, *pieces(folder)]
    found = [(v.table, v.column, v.key) for v in values(airflow.home) if has_any(v.text, needles)]
    assert found == []
    raw = database_bytes(airflow.home)
    assert b"TW-008" in raw
    assert not [needle for needle in needles if needle.encode() in raw]


def test_signed_links_are_only_where_xcom_has_them(airflow: AirflowInstance, pictures: Run) -> None:
    places = {(v.table, v.column, v.key) for v in values(airflow.home) if SIGNATURE.search(v.text)}
    assert places == {("xcom", "value", key) for key in LINKS_BELONG_TO}


def test_no_log_has_a_key_a_picture_or_a_signed_link(
    airflow: AirflowInstance, pictures: Run, folder: Path
) -> None:
    files = written_files(airflow.home)
    logs = " ".join(files)
    assert all(f"dag_id={dag_id}" in logs for dag_id in (CATALOGUE, UPSCALE, PICTURES))
    assert not [name for name, text in files.items() if has_any(text, [KEY, *pieces(folder)])]
    assert not [name for name, text in files.items() if SIGNATURE.search(text)]
