"""The key of a gateway and the signatures of links, searched for in all that a real Airflow writes down.

The gateway here sends its key back in every place and in every spelling that it can.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow_metadata import database_bytes, values
from echoing_gateway import (
    DEATHS,
    NAMES,
    OUTAGES,
    PNG,
    QUEUES,
    READS,
    STATUSES,
    SUBMITS,
    EchoingGateway,
)
from packaging.version import Version
from secret_search import decoded, leaks, needles, strings

from tools.airflow_instance import AirflowInstance
from tools.example import connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.airflow_api import TaskInstance

DAG_ID = "mj_secrets"
# Both have characters that are written differently in JSON, in addresses and in pages.
KEYS = {"mj_default": 'sk-aB3/9&x<+"=~Qz7', "mj_raw": "Kx'7\\p%2f{q} #Zw;9>"}
RUN_SECONDS = 500
IS_AIRFLOW_2 = Version(version("apache-airflow")) < Version("3")
# With SQLite, Airflow 2 runs one task at a time and takes eight seconds for it.
MOST = 1 if IS_AIRFLOW_2 else 100
SHOWN = 60


def spelt(kinds: Iterable[str], first: int = 0) -> list[str]:
    """Give each kind another spelling."""
    return [f"{kind}~{number}" for number, kind in enumerate(kinds, first)]


def in_all_spellings(kinds: Iterable[str]) -> list[str]:
    return [f"{kind}~{number}" for kind in kinds for number in range(len(NAMES))]


# One of each way in which a gateway puts words, so that each spelling goes through each of them.
WAYS = ("401", "500", "page", "garbage", "redirect", "code-4", "code-4-escaped", "code-1-no-id", "message")
READ_WAYS = ("page", "garbage", "redirect", "list", "message")
ALL_SUBMITS = {
    "mj_default": [*in_all_spellings(WAYS), *spelt([*SUBMITS, *QUEUES])],
    "mj_raw": spelt([*SUBMITS, *QUEUES], 3),
}
# Outages are asked for again, so they take their time.
ALL_READS = {
    "mj_default": [*in_all_spellings(READ_WAYS), *spelt([*READS, *OUTAGES])],
    "mj_raw": spelt(READS, 3),
}
# One of each class of errors, and of each end of a wait, for a task of its own.
IMAGINED = spelt(
    [
        *("401", "403-page", "404", "500", "503-channel", "redirect", "page", "garbage", "reset"),
        *("code-3-parent", "code-4", "code-4-quota", "code-5", "code-9", "code-23", "code-24"),
        "id-with-the-key",
    ]
)
READ = spelt(
    [*("401", "403-page", "code-4-escaped", "garbage", "404", "429", "reset"), *STATUSES, "key-in-link"]
)
DEAD = ["dead-gone", "dead-forbidden", "dead-moved", [f"dead-{kind}" for kind in DEATHS]]
GOOD = {
    *("grid", "drawn_later", "large", "saved", "sensed", "sensed_later", "published_later", "uploaded"),
    "all_at_once",
}
BAD = {"no_button", "not_pressed", "dead_inputs", "some", "badly_written"}
if not IS_AIRFLOW_2:
    GOOD |= {"saved_large", "written"}
    BAD |= {"not_uploaded", "window", "dead_input"}


def plan(gateway: EchoingGateway, folder: Path) -> dict[str, Any]:
    return {
        "submits": IMAGINED[:MOST],
        "reads": READ[:MOST],
        "deaths": DEAD[-MOST:],
        "all_submits": ALL_SUBMITS,
        "all_reads": ALL_READS,
        "is_quick": not IS_AIRFLOW_2,
        "folder": str(folder),
        "link": gateway.link("input", "dead-gone.png"),
        "picture": f"data:image/png;base64,{base64.b64encode(PNG).decode()}",
    }


@pytest.fixture(scope="module")
def gateway() -> Iterator[EchoingGateway]:
    with EchoingGateway() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lineage") / "events.jsonl"


@pytest.fixture(scope="module")
def airflow(
    gateway: EchoingGateway, folder: Path, events: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowInstance]:
    home, dags = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "dags" / f"{DAG_ID}.py", dags)
    quick = {"read_timeout": 2, "submit_timeout": 2}
    raw = connection(gateway.url, KEYS["mj_raw"], auth_scheme="raw", **quick)
    refusing = connection(gateway.url, KEYS["mj_raw"], auth_scheme="raw", path_prefix="/refusing/mj", **quick)
    environment = {
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(events), "append": True}
        ),
        "AIRFLOW_CONN_MJ_DEFAULT": connection(gateway.url, KEYS["mj_default"], **quick),
        "AIRFLOW_CONN_MJ_RAW": raw,
        "AIRFLOW_CONN_MJ_REFUSING": refusing,
        "MJ_SYSTEM_SECRETS": json.dumps(plan(gateway, folder)),
    }
    with AirflowInstance(home, dags, environment, triggerer=True) as instance:
        instance.wait_for_dag(DAG_ID)
        yield instance


@dataclass
class Run:
    """The run, and the rows of triggers while it was under way."""

    run_id: str
    tasks: dict[str, TaskInstance] = field(default_factory=dict)
    triggers: set[str] = field(default_factory=set)

    def watch(self, airflow: AirflowInstance, tasks: dict[str, TaskInstance]) -> None:
        self.tasks = tasks
        self.triggers |= {value.text for value in values(airflow.home, "trigger")}


@pytest.fixture(scope="module")
def run(airflow: AirflowInstance) -> Run:
    told = Run(airflow.api.trigger(DAG_ID))
    airflow.api.wait_for_run(DAG_ID, told.run_id, RUN_SECONDS, lambda tasks: told.watch(airflow, tasks))
    return told


@pytest.fixture(scope="module")
def met(airflow: AirflowInstance, run: Run) -> dict[str, str]:
    return dict(airflow.api.xcom(DAG_ID, run.run_id, "all_at_once"))


@pytest.fixture(scope="module")
def places(airflow: AirflowInstance, run: Run, folder: Path, events: Path) -> dict[str, dict[str, str]]:
    """All that was written down, by kind of place and by place."""
    found: dict[str, dict[str, str]] = {place: {} for place in PLACES}
    found["triggers"] = {f"trigger {number}": text for number, text in enumerate(run.triggers)}
    for path in filter(Path.is_file, airflow.home.rglob("*")):
        name = str(path.relative_to(airflow.home))
        if not name.startswith("airflow.db"):
            found["logs" if name.endswith(".log") or "/attempt=" in name else "files"][name] = _text(path)
    found["files"] |= {f"saved {path.name}": _text(path) for path in folder.rglob("*") if path.is_file()}
    found["lineage"] = {"events": _text(events)} if events.exists() else {}
    for number, value in enumerate(values(airflow.home)):
        if value.table != "connection":
            place = next((name for name, tables in TABLES.items() if value.table in tables), "database")
            found[place][f"{value.table}.{value.column} {value.key or ''} #{number}"] = value.text
    return found


TABLES = {
    "XComs": ("xcom",),
    "rendered fields": ("rendered_task_instance_fields",),
    "serialized DAGs": ("serialized_dag", "dag_code"),
    "records": ("task_state_store", "task_state", "task_instance_state"),
    "triggers": ("trigger",),
}
PLACES = (*TABLES, "logs", "files", "lineage", "database")


def _text(path: Path) -> str:
    return path.read_bytes().decode("latin-1")


def assert_clean(found: list[str], place: str) -> None:
    if found:
        shown = [line[:700] for line in found[:SHOWN]]
        pytest.fail(f"{len(found)} leaks in {place}:\n" + "\n".join(shown), pytrace=False)


def the_keys() -> dict[str, dict[str, str]]:
    return {f"key of {name}": needles(key) for name, key in KEYS.items()}


def the_links(gateway: EchoingGateway) -> dict[str, dict[str, str]]:
    return {
        f"signature in {place}": {"literal": secret, "part": secret[:32]}
        for place, secret in gateway.link_secrets.items()
    }


# That everything was met.


def test_what_should_go_well_does_and_what_should_not_does_not(airflow: AirflowInstance, run: Run) -> None:
    states = {name: task.state for name, task in run.tasks.items() if name in GOOD | BAD}
    wrong = {
        name: state for name, state in states.items() if state != ("success" if name in GOOD else "failed")
    }
    logs = {name: airflow.task_log(DAG_ID, run.run_id, name)[-1500:] for name in wrong}
    assert set(states) == GOOD | BAD
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in logs.items())


@pytest.mark.parametrize(
    ("task_id", "kinds"), [("refused", IMAGINED[:MOST]), ("read", READ[:MOST]), ("dead", DEAD[-MOST:])]
)
def test_each_kind_ends_a_task_of_its_own(
    airflow: AirflowInstance, run: Run, task_id: str, kinds: list[Any]
) -> None:
    parts = airflow.api.mapped_instances(DAG_ID, run.run_id, task_id)
    ended = {str(kind): part.state for kind, part in zip(kinds, parts, strict=True)}
    # What is wrong with these two may be seen, or made good.
    either = {kind for kind in ended if kind.startswith(("id-with-the-key", "key-in-link"))}
    assert {kind: state for kind, state in ended.items() if state != "failed" and kind not in either} == {}
    assert {ended[kind] for kind in either} <= {"failed", "success"}


def test_each_answer_was_an_error(met: dict[str, str], gateway: EchoingGateway) -> None:
    for mj_conn_id in KEYS:
        asked = [f"submit {kind}" for kind in ALL_SUBMITS[mj_conn_id]]
        asked += [f"read {kind}" for kind in ALL_READS[mj_conn_id]]
        assert not {name for name in asked if f"{mj_conn_id} {name}" not in met}
    raw = {"KeyError", "TypeError", "ValueError", "AttributeError", "UnicodeError"}
    assert not {name: error for name, error in met.items() if error in raw}
    assert met["mj_default submit 401~0"] == "UnauthorizedError"
    assert met["mj_default submit code-4~0"] == "InvalidSubmissionError"
    assert met["mj_default submit 500~0"] == "SubmissionUnknownError"
    assert not {kind for kind in SUBMITS | QUEUES if not gateway.met[f"submit {kind}"]}
    assert not {kind for kind in READS | OUTAGES if not gateway.met[f"read {kind}"]}
    assert all(len([name for name in met if f" {kind}~" in name]) >= len(NAMES) for kind in WAYS + READ_WAYS)


def test_pictures_died_and_waits_met_outages(
    airflow: AirflowInstance, run: Run, gateway: EchoingGateway
) -> None:
    assert not {kind for kind in DEATHS if not gateway.met[f"picture {kind}"]}
    assert all(gateway.met[f"wait {kind}"] >= 3 for kind in ("500", "page", "garbage"))
    logs = [
        airflow.trigger_log(DAG_ID, run.run_id, name)
        for name in ("drawn_later", "sensed_later", "published_later")
    ]
    assert "the wait goes on" in "".join(logs)
    assert "MJTaskTrigger" in "".join(run.triggers)


def test_every_place_was_searched(places: dict[str, dict[str, str]]) -> None:
    empty = {place for place, texts in places.items() if not texts}
    assert empty <= ({"records"} if Version(version("apache-airflow")) < Version("3.3") else set())
    assert any("DEBUG" in text or '"debug"' in text for text in places["logs"].values())
    logs = " ".join(places["logs"])
    assert all(f"task_id={name}" in logs for name in GOOD | BAD)
    assert "good" in " ".join(places["XComs"].values())
    assert re.search(r"\bgrid\b", " ".join(places["lineage"].values()))


# That nothing leaked.

# Airflow itself writes every XCom, and every record in the state store, into its log of level DEBUG.
AIRFLOWS_OWN = re.compile(
    r"^.*Received message from task runner.*(?:SetXCom|SetTaskStateStore).*$", re.MULTILINE
)
# A retry gives again where an upload has put pictures, so a record has the links whole, as XCom has them.
UPLOADED = re.compile(r'"addresses": ?\[[^\]]*\]')


@pytest.mark.parametrize("place", PLACES)
def test_no_key_is_in(places: dict[str, dict[str, str]], place: str) -> None:
    found = leaks(places[place], the_keys())
    assert_clean(found, place)


def test_no_key_is_in_the_bytes_of_the_database(airflow: AirflowInstance, run: Run) -> None:
    raw = database_bytes(airflow.home).decode("latin-1")
    assert DAG_ID in raw
    assert_clean(leaks({"bytes": raw}, the_keys()), "the bytes of the database")


@pytest.mark.parametrize("place", [place for place in PLACES if place != "XComs"])
def test_no_signature_of_a_link_is_in(
    places: dict[str, dict[str, str]], place: str, gateway: EchoingGateway
) -> None:
    texts = {name: AIRFLOWS_OWN.sub("", text) for name, text in places[place].items()}
    links = the_links(gateway)
    if place == "records":
        texts = {name: UPLOADED.sub("", text) for name, text in texts.items()}
    if place == "serialized DAGs":
        # The author's own, written into the DAG's file in `expand`, which Airflow stores as it stands there.
        links.pop("signature in input")
    if place == "files":
        # A picture's history has its prompt as it was, links in it included.
        links.pop("signature in words")
    found = leaks(texts, links)
    assert_clean(found, place)


def test_links_are_whole_where_they_belong(
    places: dict[str, dict[str, str]], gateway: EchoingGateway
) -> None:
    # Whoever reads the XComs of a task may have its pictures; words in them may be a prompt with links.
    assert gateway.link_secrets["picture"] in "".join(places["XComs"].values())


def test_no_key_is_in_a_decoded_xcom(places: dict[str, dict[str, str]]) -> None:
    texts = {
        f"{place} {path}": text
        for place, value in places["XComs"].items()
        for path, text in strings(decoded(value))
    }
    assert_clean(leaks(texts, the_keys()), "decoded XComs")
