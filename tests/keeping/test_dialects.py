from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from running import Sandbox, fetch
from sites import KEY

from airflow_provider_mj.operators.mj import MJSaveImagesOperator
from airflow_provider_mj.sandbox import DIALECTS, SandboxServer
from airflow_provider_mj.sandbox.pictures import SIZE, quarter_colours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEAR_THE_CORNER = (5, 5)
MOVING = [name for name, dialect in DIALECTS.items() if dialect.has_motion]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Sandbox]]:
    every = {name: SandboxServer(name, key=KEY) for name in DIALECTS}
    for server in every.values():
        server.start()
    yield {name: Sandbox(server) for name, server in every.items()}
    for server in every.values():
        server.stop()


@pytest.fixture(params=list(DIALECTS))
def sandbox(servers: dict[str, Sandbox], request: pytest.FixtureRequest, connect: Any) -> Sandbox:
    one = servers[request.param]
    one.reset()
    connect(one.server.url, auth_scheme=one.gateway.dialect.auth_scheme)
    return one


def save(given: Any, folder: Path, **more: Any) -> list[dict[str, Any]]:
    return MJSaveImagesOperator(task_id="save", task=given, destination=str(folder), **more).execute({})


def opened(folder: Path, name: str) -> Image.Image:
    with Image.open(folder / name) as image:
        return image.convert("RGB")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("by_id", [False, True])
def test_a_grid_becomes_four_files_with_the_right_quarters(sandbox, folder, by_id):
    mj_task_id = sandbox.finished("a red fox --ar 1:1")
    given = mj_task_id if by_id else fetch(mj_task_id)
    result = save(given, folder)
    assert [picture["index"] for picture in result] == [1, 2, 3, 4]
    seed = sandbox.gateway.tasks[mj_task_id].picture.seed
    for picture, colour in zip(result, quarter_colours(seed), strict=True):
        name = f"{mj_task_id}_{picture['index']}.png"
        image, data = opened(folder, name), (folder / name).read_bytes()
        assert image.getpixel(NEAR_THE_CORNER) == colour
        assert picture == {
            "uri": f"file://{folder / name}",
            "index": picture["index"],
            "width": SIZE // 2,
            "height": SIZE // 2,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "contentType": "image/png",
        }
        beside = json.loads((folder / f"{name}.json").read_bytes())
        assert beside.items() >= picture.items()
        assert (beside["id"], beside["gateway"]) == (mj_task_id, sandbox.server.url.removeprefix("http://"))
        assert beside["prompt"].startswith("a red fox")
        assert beside["submitTime"].endswith("Z")
        assert "hm=" not in json.dumps(beside)


def test_an_upscale_becomes_one_file_as_it_came(sandbox, folder):
    grid = sandbox.finished()
    mj_task_id = sandbox.pressed(grid, "U2")
    (picture,) = save(mj_task_id, folder)
    assert (picture["index"], picture["width"], picture["height"]) == (0, SIZE, SIZE)
    image = opened(folder, f"{mj_task_id}_0.png")
    beside = json.loads((folder / f"{mj_task_id}_0.png.json").read_bytes())
    assert beside["parent"] == (grid if sandbox.name == "trueai" else None)
    seed = sandbox.gateway.tasks[grid].picture.seed
    assert image.getpixel(NEAR_THE_CORNER) == quarter_colours(seed)[1]


def test_saving_again_writes_the_same_names_with_the_same_bytes(sandbox, folder):
    tasks = [sandbox.finished(), sandbox.single()]
    first = save([fetch(tasks[0]), tasks[1]], folder)
    once = files(folder)
    assert save([*tasks], folder) == first
    assert files(folder) == once
    assert len(once) == 10


def test_a_grid_that_is_not_split_is_kept_as_it_came(sandbox, folder):
    mj_task_id = sandbox.finished()
    (picture,) = save(mj_task_id, folder, split="never", name="{action}-{id}")
    assert (picture["index"], picture["width"]) == (0, SIZE)
    assert sorted(files(folder)) == [f"imagine-{mj_task_id}.png", f"imagine-{mj_task_id}.png.json"]


def test_four_links_are_taken_without_cutting(sandbox, folder):
    singles = [sandbox.single() for _ in range(4)]
    links = [fetch(one)["imageUrl"] for one in singles]
    result = save(fetch(sandbox.finished()) | {"imageUrls": links}, folder)
    assert [(picture["index"], picture["width"]) for picture in result] == [
        (number, SIZE) for number in range(1, 5)
    ]


@pytest.mark.parametrize("sandbox", MOVING, indirect=True)
def test_what_moves_is_kept_whole(sandbox, folder):
    label = "Animate (High motion)"
    mj_task_id = sandbox.pressed(sandbox.single(), label)
    for split in ("auto", "always"):
        (picture,) = save(mj_task_id, folder, split=split)
        assert picture["contentType"] == "image/gif"


def test_a_preview_is_never_taken_for_the_picture(sandbox, folder):
    mj_task_id = sandbox.gateway.submit("a slow one [[seconds: 60]]")
    with pytest.raises(RuntimeError, match="wait for it first"):
        save(mj_task_id, folder)
    assert files(folder) == {}


def test_a_link_that_has_died_is_asked_for_once(sandbox, folder):
    mj_task_id = sandbox.finished()
    given = fetch(mj_task_id)
    fresh, dead = given["imageUrl"], given["imageUrl"].replace("hm=", "hm=0")
    before = len(sandbox.gateway.requests)
    result = save(given | {"imageUrl": dead}, folder)
    assert len(result) == 4
    assert dead != fresh
    assert [seen.path for seen in sandbox.gateway.requests][before:] == [f"/mj/task/{mj_task_id}/fetch"]
