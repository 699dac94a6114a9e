"""What becomes of a save where some links of a task are dead and others work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from drawn import BUTTONS, COLOURS, corner, grid, saved, task
from test_media import FILM
from test_saving import names, save

if TYPE_CHECKING:
    from pathlib import Path

    from sites import Site

GRID, FOUR = saved(grid(), "PNG"), ["17_1.png", "17_2.png", "17_3.png", "17_4.png"]
FILMS = [FILM + bytes([0, 0, 0, 9]) + b"free" + bytes([number]) for number in range(5)]


@pytest.fixture(autouse=True)
def connected(gateway: Site, connect: Any) -> None:
    connect(gateway.url(""), allow_private_image_hosts=True)


def dead(images: Site, *statuses: int) -> list[str]:
    return [images.url(f"status/{status}?{place}") for place, status in enumerate(statuses)]


def films(images: Site, count: int = 4) -> list[str]:
    return [images.url(images.body(film, "video/mp4")) for film in FILMS[:count]]


def pictures(folder: Path) -> list[str]:
    return [name for name in names(folder) if not name.endswith(".json")]


@pytest.mark.parametrize("statuses", [(403,) * 4, (404, 410, 403, 404)])
@pytest.mark.parametrize("anew", ["the same", 404, 503])
def test_the_grid_is_cut_where_the_links_of_single_pictures_are_dead(images, gateway, folder, statuses, anew):
    given = task(images.url(images.body(GRID)), imageUrls=dead(images, *statuses), buttons=BUTTONS)
    gateway.fetched = given if anew == "the same" else anew
    result = save(given, folder)
    assert [picture["index"] for picture in result] == [1, 2, 3, 4]
    assert [corner((folder / name).read_bytes()) for name in FOUR] == [*COLOURS]
    assert pictures(folder) == FOUR


@pytest.mark.parametrize("lost", range(4))
def test_so_it_is_where_one_of_them_is_dead(images, gateway, folder, lost):
    links = [images.url(f"picture?{number}") for number in range(4)]
    links[lost] = images.url("page")
    given = task(images.url(images.body(GRID)), imageUrls=links, buttons=BUTTONS)
    gateway.fetched = given
    assert [picture["index"] for picture in save(given, folder)] == [1, 2, 3, 4]
    assert [corner((folder / name).read_bytes()) for name in FOUR] == [*COLOURS]


def test_a_new_link_of_a_single_picture_is_better_than_a_quarter(images, gateway, folder):
    given = task(images.url("grid"), imageUrls=dead(images, 403, 403, 403, 403), buttons=BUTTONS)
    gateway.fetched = given | {"imageUrls": [images.url(f"picture?{number}") for number in range(4)]}
    assert {picture["width"] for picture in save(given, folder)} == {32}
    assert not any("grid" in path for path in images.downloads)


def test_where_nothing_is_split_single_pictures_stand_in_for_the_grid(images, gateway, folder):
    singles = [images.url(f"picture?{number}") for number in range(4)]
    gateway.fetched = task(*dead(images, 403), imageUrls=singles, buttons=BUTTONS)
    assert [picture["index"] for picture in save(gateway.fetched, folder, split="never")] == [1, 2, 3, 4]
    with pytest.raises(AirflowFailException, match="is gone"):
        save(gateway.fetched, folder, split="never", name="{id}")


def test_gone_is_what_no_link_has(images, gateway, folder):
    gateway.fetched = task(*dead(images, 404), imageUrls=dead(images, 403, 403, 403, 403), buttons=BUTTONS)
    with pytest.raises(AirflowFailException, match="picture of task 17 is gone"):
        save(gateway.fetched, folder)
    assert names(folder) == []


def test_a_host_that_is_only_down_is_no_reason_to_cut(images, gateway, folder):
    links = dead(images, 500, 500, 500, 500)
    gateway.fetched = task(images.url(images.body(GRID)), imageUrls=links, buttons=BUTTONS)
    with pytest.raises(RuntimeError, match="answers 500"):
        save(gateway.fetched, folder)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_each_clip_is_a_file_by_its_number_and_none_comes_twice(images, gateway, folder, count):
    clips = films(images, count)
    result = save(task(images.url("picture"), videoUrl=images.url("body/own"), videoUrls=clips), folder)
    assert [picture["index"] for picture in result] == [*range(1, count + 1)]
    for number in range(1, count + 1):
        assert (folder / f"17_{number}.mp4").read_bytes() == FILMS[number - 1]
    assert len(pictures(folder)) == count
    assert not any("own" in path for path in images.downloads)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_own_copy_is_saved_where_the_clips_are_dead(images, gateway, folder, count):
    copy = images.url(images.body(FILMS[4], "video/mp4"))
    gateway.fetched = task(None, videoUrl=copy, videoUrls=dead(images, *[403] * count))
    (picture,) = save(gateway.fetched, folder)
    assert (picture["index"], pictures(folder)) == (0, ["17_0.mp4"])
    assert (folder / "17_0.mp4").read_bytes() == FILMS[4]


@pytest.mark.parametrize("lost", range(4))
def test_clips_that_work_are_saved_beside_the_copy(images, gateway, folder, lost):
    copy, clips = images.url(images.body(FILMS[4], "video/mp4")), films(images)
    clips[lost] = images.url("status/404")
    gateway.fetched = task(None, videoUrl=copy, videoUrls=clips)
    found = [picture["index"] for picture in save(gateway.fetched, folder)]
    assert found == sorted({0, 1, 2, 3, 4} - {lost + 1})
    assert pictures(folder) == [f"17_{number}.mp4" for number in found]


@pytest.mark.parametrize("lost", range(4))
def test_without_a_copy_the_others_are_saved_and_the_error_says_so(images, gateway, folder, lost):
    clips = films(images)
    clips[lost] = images.url("status/404")
    gateway.fetched = task(None, videoUrls=clips, videoUrl=clips[0])
    with pytest.raises(AirflowFailException, match="is gone.*3 files of it work and were saved"):
        save(gateway.fetched, folder)
    assert pictures(folder) == [f"17_{number}.mp4" for number in range(1, 5) if number != lost + 1]


def test_what_the_copy_gave_before_is_given_when_that_is_dead_as_well(images, gateway, folder):
    copy = images.body(FILMS[4], "video/mp4")
    given = task(None, videoUrl=images.url(copy), videoUrls=dead(images, 403, 403))
    gateway.fetched = given
    first = save(given, folder)
    images.bodies[copy] = (b"<html>", "text/html")
    assert save(given, folder) == first


def blocked(gateway: Site) -> str:
    return gateway.url("blocked/domain%20not%20in%20whitelist")


def test_what_the_gateway_blocks_is_not_gone_and_nobody_is_told_to_pay(images, gateway, folder):
    gateway.fetched = task(blocked(gateway), buttons=BUTTONS)
    with pytest.raises(AirflowFailException, match="filter .*ask the gateway's operator") as caught:
        save(gateway.fetched, folder)
    assert "gone" not in str(caught.value)
    assert "button" not in str(caught.value)
    assert "another picture" not in str(caught.value)
    assert gateway.fetches == 0


def test_of_what_the_gateway_blocks_another_link_is_saved(images, gateway, folder):
    links = [blocked(gateway)] * 3 + [gateway.url("blocked/other")]
    gateway.fetched = task(
        images.url(images.body(GRID)),
        imageUrls=[f"{link}?{number}" for number, link in enumerate(links)],
        buttons=BUTTONS,
    )
    assert [picture["index"] for picture in save(gateway.fetched, folder)] == [1, 2, 3, 4]


def test_what_was_saved_before_is_given_when_the_gateway_blocks_it(images, gateway, folder):
    first = save(task(images.url("picture")), folder)
    assert save(task(blocked(gateway)), folder) == first
