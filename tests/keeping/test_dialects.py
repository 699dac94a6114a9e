from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from PIL import Image
from running import PNG_URI, QUICK, Store, context, fetch, run

from airflow_provider_mj.gateway.download import Downloader
from airflow_provider_mj.keeping.grids import PillowMissingError
from airflow_provider_mj.operators.mj import MJSaveImagesOperator, MJVideoOperator
from airflow_provider_mj.sandbox import DIALECTS
from airflow_provider_mj.sandbox.pictures import CLIP_SIZE, SIZE, animate, quarter_colours

if TYPE_CHECKING:
    from pathlib import Path

NEAR_THE_CORNER = (5, 5)
MOVING = [name for name, dialect in DIALECTS.items() if dialect.has_motion]
TELL_CLIPS = ["gptplus5", "trueai"]


def save(given: Any, folder: Path, **more: Any) -> list[dict[str, Any]]:
    return MJSaveImagesOperator(task_id="save", task=given, destination=str(folder), **more).execute({})


def filmed(clips: int) -> dict[str, Any]:
    """Give a finished video as it stands in XCom."""
    made = {"task_id": "film", "prompt": "it runs", "image": PNG_URI, "batch_size": clips}
    return run(lambda: MJVideoOperator(**made, poll_interval=QUICK), context(Store()))


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


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The links that are fetched."""
    fetched: list[str] = []

    stream = Downloader.stream

    def noted(self: Downloader, url: str, **more: Any) -> Any:
        fetched.append(url)
        return stream(self, url, **more)

    monkeypatch.setattr(Downloader, "stream", noted)
    return fetched


@pytest.fixture
def no_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise PillowMissingError("cutting needs Pillow")

    monkeypatch.setattr("airflow_provider_mj.keeping.keeper.check_pillow", missing)


@pytest.mark.parametrize("split", ["auto", "always"])
def test_four_links_are_taken_without_cutting(sandbox, folder, split, downloads, no_pillow):
    given = fetch(sandbox.finished("a red fox [[four]]"))
    result = save(given, folder, split=split)
    seed = sandbox.gateway.tasks[given["id"]].picture.seed
    names = [f"{given['id']}_{number}.png" for number in range(1, 5)]
    pictures = [opened(folder, name) for name in names]
    assert [image.getpixel(NEAR_THE_CORNER) for image in pictures] == [*quarter_colours(seed)]
    assert [image.size for image in pictures] == [(SIZE, SIZE)] * 4
    assert [(picture["index"], picture["width"], picture["height"]) for picture in result] == [
        (number, SIZE, SIZE) for number in range(1, 5)
    ]
    assert downloads == given["imageUrls"]
    assert len(set(downloads)) == 4
    assert given["imageUrl"] not in downloads


def test_a_grid_without_four_links_would_need_pillow(sandbox, folder, downloads, no_pillow):
    with pytest.raises(AirflowFailException, match="cutting needs Pillow"):
        save(sandbox.finished(), folder)
    assert downloads == []


def test_a_grid_with_four_links_that_is_not_split_is_kept_as_it_came(sandbox, folder, downloads):
    given = fetch(sandbox.finished("a red fox [[four]]"))
    (picture,) = save(given, folder, split="never")
    assert (picture["index"], picture["width"], downloads) == (0, SIZE, [given["imageUrl"]])


@pytest.mark.parametrize("sandbox", MOVING, indirect=True)
def test_what_moves_is_kept_whole(sandbox, folder):
    label = "Animate (High motion)"
    mj_task_id = sandbox.pressed(sandbox.single(), label)
    # Those of sku-vip tell only the first clip, where others have the picture.
    numbers = [1, 2, 3, 4] if sandbox.name in TELL_CLIPS else [0]
    for split in ("auto", "always"):
        result = save(mj_task_id, folder, split=split)
        assert [picture["index"] for picture in result] == numbers
        assert {(picture["contentType"], picture["width"]) for picture in result} == {
            ("image/gif", CLIP_SIZE)
        }


@pytest.mark.parametrize("split", ["auto", "never", "always"])
@pytest.mark.parametrize("sandbox", TELL_CLIPS, indirect=True)
def test_each_clip_of_a_video_is_a_file_of_its_own(sandbox, folder, split):
    video = filmed(2)
    result = save(video, folder, split=split)
    assert [(picture["index"], picture["contentType"]) for picture in result] == [
        (1, "image/gif"),
        (2, "image/gif"),
    ]
    names = [f"{video['id']}_{number}.gif" for number in (1, 2)]
    assert sorted(files(folder)) == sorted([*names, *(f"{name}.json" for name in names)])
    drawing = sandbox.gateway.tasks[video["id"]].picture
    one, other = ((folder / name).read_bytes() for name in names)
    assert (one, other) == (animate(drawing, 0), animate(drawing, 1))
    assert one != other


@pytest.mark.parametrize("clips", [1, 2])
@pytest.mark.parametrize("link", ["videoUrl", "videoUrls"])
@pytest.mark.parametrize("sandbox", TELL_CLIPS, indirect=True)
def test_a_video_is_known_by_any_of_its_links(sandbox, folder, link, clips):
    given = filmed(clips)
    before = len(sandbox.gateway.requests)
    result = save({key: given[key] for key in ("id", "status", link)}, folder)
    numbers = [1, 2] if (clips, link) == (2, "videoUrls") else [0]
    assert [picture["index"] for picture in result] == numbers
    assert sandbox.gateway.requests[before:] == []


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
