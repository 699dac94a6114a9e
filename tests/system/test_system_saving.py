"""Pictures saved by a real Airflow: to files and to S3, and what other DAGs and lineage hear of them."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from airflow_metadata import values
from PIL import Image

from airflow_provider_mj.sandbox.pictures import SIZE, quarter_colours
from tools.example import DAG_ID, GALLERY, RUN_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from buckets import Bucket

    from airflow_provider_mj.sandbox import SandboxServer
    from airflow_provider_mj.sandbox.pictures import Colour
    from tools.airflow_instance import AirflowInstance

    from .conftest import Story

SAVING = "mj_saving"
NEAR_THE_CORNER = (5, 5)


@pytest.fixture(scope="module")
def colours(story: Story, sandbox: SandboxServer) -> tuple[Colour, ...]:
    """The colours of the quarters, as the gateway has drawn them."""
    return quarter_colours(sandbox.gateway.tasks[str(story.xcom("submit"))].picture.seed)


def look(data: bytes) -> tuple[Any, tuple[int, int]]:
    """Give the colour that a quarter is known by, and its size."""
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGB").getpixel(NEAR_THE_CORNER), image.size


def test_the_example_ends_in_the_four_quarters(
    story: Story, pictures: Path, colours: tuple[Colour, ...]
) -> None:
    saved = story.xcom("save")
    assert isinstance(saved, list)
    mj_task_id = story.xcom("submit")
    names = [f"{mj_task_id}_{number}.png" for number in range(1, 5)]
    assert sorted(path.name for path in pictures.iterdir()) == sorted(
        [*names, *(f"{name}.json" for name in names)]
    )
    assert [picture["uri"] for picture in saved] == [f"file://{pictures / name}" for name in names]
    assert [look((pictures / name).read_bytes()) for name in names] == [
        (colour, (SIZE // 2, SIZE // 2)) for colour in colours
    ]
    for name, picture in zip(names, saved, strict=True):
        assert json.loads((pictures / f"{name}.json").read_bytes()).items() >= picture.items()


@pytest.fixture(scope="module")
def gallery(airflow: AirflowInstance, story: Story) -> str:
    """The run of the DAG that is scheduled on the asset; nobody has triggered it."""
    assert story.state == "success"
    run_id = airflow.wait_for_a_run(GALLERY)
    assert airflow.api.wait_for_run(GALLERY, run_id, RUN_SECONDS) == "success"
    return run_id


def test_a_dag_on_the_asset_runs_after_the_save_and_reads_uris_and_prompt(
    airflow: AirflowInstance, story: Story, gallery: str
) -> None:
    saved, task = story.xcom("save"), story.xcom("wait")
    assert isinstance(saved, list)
    assert isinstance(task, dict)
    assert task["prompt"].startswith("a lighthouse in the fog")
    heard = airflow.api.xcom(GALLERY, gallery, "show")
    assert heard == [{"uri": picture["uri"], "prompt": task["prompt"]} for picture in saved]
    assert len(heard) == 4


def test_no_link_and_no_key_is_in_what_the_save_tells(
    airflow: AirflowInstance, story: Story, sandbox: SandboxServer, pictures: Path, gallery: str
) -> None:
    told = [
        airflow.task_log(DAG_ID, story.run_id, "save"),
        airflow.task_log(GALLERY, gallery, "show"),
        json.dumps(story.xcom("save")),
        *(path.read_text() for path in pictures.glob("*.json")),
        *(value.text for value in values(airflow.home) if value.table.endswith("_event")),
    ]
    assert len(told) > 8
    assert not [text for text in told if "hm=" in text or sandbox.gateway.key in text]


@pytest.fixture(scope="module")
def in_bucket(airflow: AirflowInstance, story: Story, bucket: Bucket) -> str:
    """A run that saves the same task into a bucket, by its id alone."""
    params = {"task": story.xcom("submit"), "folder": bucket.url("kept")}
    airflow.wait_for_dag(SAVING)
    run_id = airflow.api.trigger(SAVING, params)
    state = airflow.api.wait_for_run(SAVING, run_id, RUN_SECONDS)
    assert state == "success", airflow.task_log(SAVING, run_id, "save")[-3000:]
    return run_id


def test_the_same_quarters_go_to_s3(
    airflow: AirflowInstance, bucket: Bucket, in_bucket: str, colours: tuple[Colour, ...]
) -> None:
    saved = airflow.api.xcom(SAVING, in_bucket, "save")
    objects = bucket.objects()
    keys = [picture["uri"].removeprefix(bucket.url() + "/") for picture in saved]
    assert sorted(objects) == sorted([*keys, *(f"{key}.json" for key in keys)])
    assert [look(objects[key]) for key in keys] == [(colour, (SIZE // 2, SIZE // 2)) for colour in colours]


def test_an_alias_makes_an_asset_of_each_object(
    airflow: AirflowInstance, bucket: Bucket, in_bucket: str
) -> None:
    saved = airflow.api.xcom(SAVING, in_bucket, "save")
    uris = {
        value.text
        for value in values(airflow.home)
        if (value.table, value.column) in {("asset", "uri"), ("dataset", "uri")}
    }
    wanted = {picture["uri"].replace(bucket.url(), f"s3://{bucket.name}") for picture in saved}
    assert len(wanted) == 4
    assert wanted <= uris


def test_lineage_hears_of_each_object(
    airflow: AirflowInstance, bucket: Bucket, in_bucket: str, lineage: Path
) -> None:
    saved = airflow.api.xcom(SAVING, in_bucket, "save")
    ends = [
        event
        for event in map(json.loads, lineage.read_text().splitlines())
        if (event["job"]["name"], event["eventType"]) == (f"{SAVING}.save", "COMPLETE")
    ]
    (end,) = ends
    assert [(output["namespace"], output["name"]) for output in end["outputs"]] == [
        (f"s3://{bucket.name}", picture["uri"].removeprefix(bucket.url() + "/")) for picture in saved
    ]
