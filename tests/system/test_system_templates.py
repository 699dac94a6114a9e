"""A gateway's text is never rendered, whatever way it takes out of XCom into an operator's arguments."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.airflow_settings import common_settings, inherited

DAG_FILE = Path(__file__).parent / "templates" / "hostile_texts.py"
RUN_SECONDS = 600
WAYS = {"output", "within", "jinja", "expand", "expand_kwargs", "literal_kwargs", "partial"}
OPERATORS = {
    *("imagine", "blend", "describe", "shorten", "edits", "swapface", "video", "uploadimages", "action"),
    *("modal", "taskresult", "saveimages", "tasksensor", "tasksensors", "decorated"),
}


def run(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Test the DAGs, with native rendering and without it, and give where they have left what they saw."""
    home = tmp_path_factory.mktemp("templates")
    dags, out = home / "dags", home / "out"
    dags.mkdir()
    out.mkdir()
    environment = inherited(os.environ) | common_settings(home, dags) | {"HOSTILE_TEXTS_FOLDER": str(out)}
    # This clone, wherever the tests are started.
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    run(["-m", "airflow", "db", "migrate"], environment, home)
    run([shutil.copy(DAG_FILE, dags)], environment, home)
    return out


@pytest.fixture(scope="module")
def seen(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "seen.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_operator_was_given_texts_by_every_way(seen: list[dict[str, Any]]) -> None:
    wanted = [f"{operator}.{way}" for operator in OPERATORS for way in WAYS]
    assert sorted(one["task_id"] for one in seen) == sorted(2 * wanted)


def test_no_text_was_rendered(folder: Path, seen: list[dict[str, Any]]) -> None:
    assert not (folder / "rendered").exists()
    assert [one["task_id"] for one in seen if "rendered" in json.dumps(one)] == []


def may_be_unset(task_id: str, field: str, value: Any) -> bool:
    """Tell what a task was not given: a sensor waits for one task or several, a function gives the rest."""
    operator, _, way = task_id.partition(".")
    if way == "partial" and "author" in json.dumps(value):
        return True
    if operator == "decorated":
        return value in ([], {}) if field.startswith("op_") else value in ("None", "mj_default")
    return (operator, field) in (
        ("tasksensor", "mj_task_id"),
        ("tasksensors", "mj_task_ids"),
    ) and value == "None"


def test_every_field_got_its_text_as_it_was(seen: list[dict[str, Any]]) -> None:
    assert [
        (one["task_id"], field, value)
        for one in seen
        for field, value in one["fields"].items()
        if "{{ 'rend' ~" not in json.dumps(value) and not may_be_unset(one["task_id"], field, value)
    ] == []


def test_what_the_author_wrote_was_rendered(seen: list[dict[str, Any]]) -> None:
    texts = [json.dumps(one) for one in seen if one["task_id"].endswith(".partial")]
    assert len(texts) == 2 * len(OPERATORS)
    assert all("author" in text and "'auth' ~" not in text for text in texts)
