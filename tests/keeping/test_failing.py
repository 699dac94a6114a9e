"""What becomes of a save that fails: of other tasks, of what was saved before, and what the error says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset
from drawn import BUTTONS, FORMER, PICTURE, grid, saved, task
from sites import told
from test_saving import OutletEventAccessors, names, operator, save

from airflow_provider_mj.keeping.addresses import asset_uri, dataset
from airflow_provider_mj.keeping.keeper import Keeper
from airflow_provider_mj.keeping.storing import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from sites import Site

GRID = saved(grid(), "PNG")
PAST = "ex=60000000&is=5fffffff&hm=0&"
# Pillow meets what is wrong with it long after it was opened.
BROKEN_GIF = saved(grid().quantize(16), "GIF")[:-1] + b"\x21\xf9\x01;"


@pytest.fixture(autouse=True)
def connected(gateway: Site, connect: Any) -> None:
    connect(gateway.url(""), allow_private_image_hosts=True)


def test_a_broken_grid_does_not_keep_the_others_from_being_saved(images, folder):
    bad = told(images, images.body(BROKEN_GIF), id="16", buttons=BUTTONS)
    with pytest.raises(AirflowFailException, match="1 of 2 tasks were not saved; 1 files of the others were"):
        save([bad, told(images, "picture")], folder)
    assert names(folder) == ["17_0.png", "17_0.png.json"]


def test_neither_does_what_nobody_has_thought_of(images, folder, monkeypatch, caplog):
    keep = Keeper.keep

    def trip(self: Keeper, one: Any) -> Any:
        return keep(self, one) if one.id == "17" else {}["surprise"]

    monkeypatch.setattr(Keeper, "keep", trip)
    with pytest.raises(RuntimeError, match="task 16 at gateway .*surprise"):
        save([told(images, "picture", id="16"), told(images, "picture")], folder)
    assert names(folder) == ["17_0.png", "17_0.png.json"]


def test_what_was_saved_of_several_is_told_to_lineage(images, folder):
    one = operator([told(images, "page", id="16"), told(images, "picture")], folder)
    with pytest.raises(AirflowFailException):
        one.execute({})
    outputs = one.get_openlineage_facets_on_complete(None).outputs
    assert [output.name for output in outputs] == [f"{folder}/17_0.png"]


def test_a_folder_that_can_not_be_made_says_so_before_anything_is_fetched(images, folder):
    folder.parent.mkdir()
    folder.write_bytes(b"a file")
    with pytest.raises(
        StorageError, match=rf"file://{folder}/a can't be written: (NotADirectory|FileExists)"
    ):
        save(told(images, "picture"), f"{folder}/a")
    assert images.asked == []


@pytest.mark.parametrize("path", ["status/500", "huge", "page"])
def test_an_error_names_task_and_gateway_and_says_what_it_costs(images, gateway, folder, path):
    gateway.fetched = told(images, path)
    with pytest.raises(Exception, match=rf"task 17 at gateway {gateway.host}: .*not paid for") as caught:
        save(gateway.fetched, folder)
    assert "hm=" not in str(caught.value)


@pytest.mark.parametrize("wrap", [str, lambda link: [link], lambda link: {"id": link}, lambda link: [[link]]])
def test_a_link_in_place_of_an_id_is_not_shown(gateway, folder, wrap):
    link = "https://a.co/1.png?ex=6b02fc0c&hm=22c7391132bf663c"
    with pytest.raises(AirflowFailException, match="without a usable id at gateway") as caught:
        save(wrap(link), folder)
    assert "hm=" not in str(caught.value)


def test_of_many_that_fail_all_are_named(images, folder):
    tasks = [told(images, "status/500", id=str(number)) for number in range(100, 130)]
    with pytest.raises(RuntimeError, match="30 of 30 tasks were not saved") as caught:
        save(tasks, folder)
    assert all(f"task {one['id']} at" in str(caught.value) for one in tasks)
    assert str(caught.value).count("answers 500") == 10


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_picture_that_its_host_denies_for_a_moment_is_saved(images, gateway, folder, status):
    images.statuses = [status]
    (picture,) = save(told(images, "then/1"), folder)
    assert picture["bytes"] == len(PICTURE)
    assert (len(images.downloads), gateway.fetches) == (2, 0)


@pytest.mark.parametrize("anew", ["the same", 204])
def test_what_was_saved_before_is_given_when_its_link_is_dead(images, gateway, folder, anew):
    given = told(images, "then/grid", buttons=BUTTONS)
    images.bodies["body/grid"] = (GRID, "image/png")
    first = save(given | {"imageUrl": images.url("body/grid")}, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    images.statuses = [404, 404]
    gateway.fetched = given if anew == "the same" else anew
    assert save(given, folder) == first
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [picture["index"] for picture in first] == [1, 2, 3, 4]


def remove(folder: Path) -> None:
    (folder / "17_2.png").unlink()


def change(folder: Path) -> None:
    (folder / "17_2.png").write_bytes(PICTURE)


def forget(folder: Path) -> None:
    (folder / "17_2.png.json").unlink()


def confuse(folder: Path) -> None:
    (folder / "17_2.png.json").write_text("[]")


def swap(folder: Path) -> None:
    history = json.loads((folder / "17_2.png.json").read_text())
    (folder / "17_2.png.json").write_text(json.dumps(history | {"id": "18"}))


@pytest.mark.parametrize("spoil", [remove, change, forget, confuse, swap])
def test_what_was_saved_before_is_not_given_unless_it_is_whole(images, gateway, folder, spoil):
    save(told(images, images.body(GRID), buttons=BUTTONS), folder)
    spoil(folder)
    gateway.fetched = told(images, "status/404", buttons=BUTTONS)
    with pytest.raises(AirflowFailException, match="is gone"):
        save(gateway.fetched, folder)


@pytest.mark.parametrize("anew", [404, 401, 503])
def test_a_mirror_has_what_has_expired_elsewhere(images, gateway, connect, folder, anew):
    connect(gateway.url(""), allow_private_image_hosts=True, image_host=images.url(""))
    gateway.fetched = anew
    (picture,) = save(task(f"https://cdn.discordapp.com/picture?{PAST}"), folder)
    assert picture["bytes"] == len(PICTURE)
    assert (images.downloads, gateway.fetches) == ([f"/picture?{PAST}"], 0)


@pytest.mark.parametrize("by_id", [True, False])
def test_another_task_than_the_one_that_was_asked_for_is_not_saved(images, gateway, folder, by_id):
    save(told(images, images.body(FORMER), id="18"), folder)
    gateway.fetched = told(images, "picture", id="18")
    with pytest.raises(RuntimeError, match="it tells of task 18, not of task 17"):
        save("17" if by_id else told(images, f"picture?{PAST}"), folder)
    assert names(folder) == ["18_0.png", "18_0.png.json"]
    assert (folder / "18_0.png").read_bytes() == FORMER


def test_an_asset_hears_of_no_pictures_where_there_are_none(folder):
    asset, events = Asset("mj_pictures"), OutletEventAccessors()
    save([], folder, {"outlet_events": events}, outlets=[asset])
    assert events[asset].extra == {"pictures": []}


def test_an_event_holds_no_more_of_a_prompt_than_midjourney_takes(images, folder):
    asset, events = Asset("mj_pictures"), OutletEventAccessors()
    save(told(images, "picture", prompt="x" * 50_000), folder, {"outlet_events": events}, outlets=[asset])
    assert events[asset].extra["prompt"] == "x" * 6000


@pytest.mark.parametrize(
    ("uri", "address", "place"),
    [
        ("file:///data/a b/17_1.png", "file:///data/a b/17_1.png", ("file", "/data/a b/17_1.png")),
        ("file:///a?b#c/1.png", "file:///a%3Fb%23c/1.png", ("file", "/a?b#c/1.png")),
        ("s3://conn@bucket/a#/1.png", "s3://bucket/a%23/1.png", ("s3://bucket", "a#/1.png")),
        ("s3://bucket/1.png", "s3://bucket/1.png", ("s3://bucket", "1.png")),
    ],
)
def test_what_others_know_a_file_by(uri, address, place):
    assert (asset_uri(uri), dataset(uri)) == (address, place)
