"""Saving into S3: a real server, Airflow's own path, its connection, and the library behind it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AssetAlias, ObjectStoragePath
from buckets import CONNECTION, SECRET
from drawn import BUTTONS, FORMER, PICTURE, chunk, corner, grid, saved
from running import fetch
from sites import told
from test_saving import KILLED, heard

from airflow_provider_mj.keeping.storing import Folder, StorageError
from airflow_provider_mj.operators.mj import MJSaveImagesOperator
from airflow_provider_mj.sandbox.pictures import SIZE, quarter_colours

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
except ImportError:  # Airflow 2
    from airflow.utils.context import OutletEventAccessors

if TYPE_CHECKING:
    from sites import Site

MIB = 1024 * 1024
LONG = PICTURE[:-12] + chunk(b"npAD", bytes(20 * MIB)) + PICTURE[-12:]


def save(given: Any, destination: str, context: dict[str, Any] | None = None, **more: Any) -> Any:
    one = MJSaveImagesOperator(task_id="save", task=given, destination=destination, **more)
    return one.execute(context or {})


@pytest.fixture
def private(gateway: Site, connect: Any) -> None:
    connect(gateway.url(""), allow_private_image_hosts=True)


def test_a_grid_becomes_four_objects_with_the_right_quarters(sandbox, bucket):
    mj_task_id = sandbox.finished("a red fox --ar 1:1")
    result = save(fetch(mj_task_id), bucket.url("kept"))
    objects = bucket.objects()
    assert sorted(objects) == sorted(
        f"kept/{mj_task_id}_{number}.png{ending}" for number in range(1, 5) for ending in ("", ".json")
    )
    seed = sandbox.gateway.tasks[mj_task_id].picture.seed
    for picture, colour in zip(result, quarter_colours(seed), strict=True):
        key = f"kept/{mj_task_id}_{picture['index']}.png"
        assert corner(objects[key]) == colour
        assert (picture["uri"], picture["width"]) == (bucket.url(key), SIZE // 2)
        assert picture["sha256"] == hashlib.sha256(objects[key]).hexdigest()
        assert ObjectStoragePath(picture["uri"]).read_bytes() == objects[key]
        assert json.loads(objects[f"{key}.json"]).items() >= picture.items()


def test_an_upscale_becomes_one_object(sandbox, bucket):
    mj_task_id = sandbox.single()
    (picture,) = save(mj_task_id, bucket.url("kept"))
    assert (picture["index"], picture["width"]) == (0, SIZE)
    seed = sandbox.gateway.tasks[mj_task_id].picture.seed
    assert corner(bucket.objects()[f"kept/{mj_task_id}_0.png"]) == quarter_colours(seed)[1]


def test_four_links_become_four_objects_without_cutting(sandbox, bucket):
    mj_task_id = sandbox.finished("a red fox [[four]]")
    result = save(mj_task_id, bucket.url())
    assert [(picture["index"], picture["width"]) for picture in result] == [
        (number, SIZE) for number in range(1, 5)
    ]
    objects, seed = bucket.objects(), sandbox.gateway.tasks[mj_task_id].picture.seed
    assert [corner(objects[f"{mj_task_id}_{number}.png"]) for number in range(1, 5)] == [
        *quarter_colours(seed)
    ]


@pytest.mark.usefixtures("private")
def test_saving_again_leaves_the_same_objects(images, bucket):
    given = told(images, images.body(saved(grid(), "PNG")), buttons=BUTTONS)
    first = save(given, bucket.url("kept"))
    once = bucket.objects()
    assert save(given, bucket.url("kept")) == first
    assert bucket.objects() == once
    assert len(once) == 8


@pytest.mark.usefixtures("private")
def test_a_browser_is_told_what_an_object_is(images, bucket):
    save(told(images, images.body(saved(grid(), "JPEG"))), bucket.url())
    assert bucket.read("17_0.jpg")["ContentType"] == "image/jpeg"
    assert bucket.read("17_0.jpg.json")["ContentType"] == "application/json"


@pytest.mark.usefixtures("private")
def test_a_long_picture_goes_up_in_parts(images, bucket):
    (picture,) = save(told(images, images.body(LONG)), bucket.url("kept"))
    assert (picture["bytes"], picture["sha256"]) == (len(LONG), hashlib.sha256(LONG).hexdigest())
    assert bucket.objects()["kept/17_0.png"] == LONG
    assert bucket.unfinished() == []


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize("folder", ["a[1]", "a*", "a b", "2026-11-21/ä", ""])
def test_a_folder_may_have_any_name(images, bucket, folder):
    (picture,) = save(told(images, "picture"), bucket.url(folder))
    assert bucket.objects()[f"{folder}/17_0.png".lstrip("/")] == PICTURE
    assert ObjectStoragePath(picture["uri"]).read_bytes() == PICTURE


@pytest.mark.parametrize("trouble", [OSError, KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("length", [1, 20])
def test_what_fails_on_its_way_leaves_what_was_there(bucket, trouble, length):
    target = Folder.at(bucket.url("kept"))
    target.write("a.png", [FORMER])

    def chunks() -> Any:
        for _ in range(length):
            yield bytes(MIB)
        raise trouble("no")

    with pytest.raises(trouble):
        target.write("a.png", chunks())
    assert bucket.objects() == {"kept/a.png": FORMER}
    assert bucket.unfinished() == []


@pytest.mark.usefixtures("private")
def test_a_bucket_that_is_not_there_is_not_made(images, bucket):
    wrong = bucket.url("kept").replace(bucket.name, "mistyped")
    with pytest.raises(RuntimeError, match=r"mistyped/kept/17_0.png can't be written.*bucket") as caught:
        save(told(images, "picture"), wrong)
    assert isinstance(caught.value.__cause__, StorageError)
    assert SECRET not in f"{caught.value}{caught.value.__cause__}"
    assert [one["Name"] for one in bucket.client.list_buckets()["Buckets"]] == [bucket.name]


@pytest.mark.usefixtures("private")
def test_one_object_that_is_refused_does_not_keep_the_others_from_being_saved(images, bucket, monkeypatch):
    storage = ObjectStoragePath(bucket.url()).fs
    put = storage.cp_file

    def refuse(path: str, *arguments: Any) -> None:
        if "/.16_" in path:
            raise PermissionError("Access Denied")
        put(path, *arguments)

    monkeypatch.setattr(storage, "cp_file", refuse)
    tasks = [told(images, "picture", id=name) for name in ("16", "17")]
    with pytest.raises(RuntimeError, match=r"1 of 2 tasks were not saved.*16_0.png.*Access Denied"):
        save(tasks, bucket.url())
    assert sorted(bucket.objects()) == ["17_0.png", "17_0.png.json"]


@pytest.mark.usefixtures("private")
def test_a_missing_library_says_so_before_anything_is_fetched(images, bucket, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setenv("AIRFLOW_CONN_ANOTHER", bucket.connection)
    with pytest.raises(AirflowFailException, match="s3fs"):
        save(told(images, "picture"), bucket.url().replace(CONNECTION, "another"))
    assert images.asked == []


@pytest.mark.usefixtures("private")
def test_an_asset_has_the_address_that_everybody_knows(images, bucket):
    alias, events = AssetAlias("mj_each"), OutletEventAccessors()
    (picture,) = save(told(images, "picture"), bucket.url("kept"), {"outlet_events": events}, outlets=[alias])
    assert [(uri, extra["uri"]) for uri, extra in heard(events[alias])] == [
        (f"s3://{bucket.name}/kept/17_0.png", picture["uri"])
    ]


@pytest.mark.usefixtures("private")
def test_openlineage_hears_of_bucket_and_key(images, bucket):
    one = MJSaveImagesOperator(task_id="save", task=told(images, "picture"), destination=bucket.url("kept"))
    one.execute({})
    (output,) = one.get_openlineage_facets_on_complete(None).outputs
    assert (output.namespace, output.name) == (f"s3://{bucket.name}", "kept/17_0.png")


@pytest.mark.usefixtures("private")
def test_killed_while_it_goes_up_and_run_again_leaves_exactly_the_right_objects(images, bucket):
    name = images.body(LONG).removeprefix("body/")
    given = told(images, f"held/{name}")
    command = [sys.executable, "-c", KILLED, json.dumps(given), bucket.url("kept")]
    process = subprocess.Popen(command, env=os.environ | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"})
    try:
        assert images.half_sent.wait(30)
        deadline = time.monotonic() + 20
        while not bucket.unfinished() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    (unfinished,) = bucket.unfinished()
    assert re.fullmatch(r"kept/\.17_0=[0-9a-f]{12}\.png\.[0-9a-f]{16}\.part", unfinished)
    assert bucket.objects() == {}

    images.release.set()
    save(given, bucket.url("kept"))
    assert sorted(bucket.objects()) == ["kept/17_0.png", "kept/17_0.png.json"]
    assert bucket.objects()["kept/17_0.png"] == LONG
