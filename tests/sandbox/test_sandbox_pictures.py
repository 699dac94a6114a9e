"""The drawings, and the links under which they are served."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
import requests
from PIL import Image
from sandbox_caller import PNG, Caller, speaking

from airflow_provider_mj.sandbox import ManualClock, SandboxServer
from airflow_provider_mj.sandbox.course import Picture
from airflow_provider_mj.sandbox.pictures import SIZE, draw, quarter_colours

PRESSES = ("upsample::2", "variation::3")


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def corners(image: Image.Image) -> list[Any]:
    half = SIZE // 2
    return [image.getpixel((x + 20, y + 20)) for y in (0, half) for x in (0, half)]


@pytest.mark.parametrize("seed", ["a", "b", "3b8bcfea-63d1-4313-9ea1-62e4a1671053", "", "7"])
def test_a_grid_has_four_visibly_different_quarters(seed: str) -> None:
    image = opened(draw(Picture(seed, "a fox")))
    assert (image.format, image.size, image.mode) == ("PNG", (SIZE, SIZE), "RGB")
    colours = quarter_colours(seed)
    assert corners(image) == list(colours)
    for index, one in enumerate(colours):
        for other in colours[:index]:
            assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 100


def test_a_quarter_at_full_size_is_the_grids_quarter() -> None:
    for quarter in range(1, 5):
        image = opened(draw(Picture("seed", "a fox", quarter)))
        assert image.size == (SIZE, SIZE)
        assert image.getpixel((40, 40)) == quarter_colours("seed")[quarter - 1]


def test_the_same_picture_has_the_same_bytes_and_another_prompt_others() -> None:
    first = draw(Picture("seed", "a fox"))
    draw.cache_clear()
    assert draw(Picture("seed", "a fox")) == first
    assert draw(Picture("seed", "a hare")) != first
    assert draw(Picture("other", "a fox")) != first
    assert draw(Picture("seed", "a fox"), preview=True) != first


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 5000,
        "word " * 2000,
        "\n\t\x00",
        "雪 снег ثلج 👩\u200d👧 \u202e ﷽ \ufffe \U0010ffff",
        "\U000e0001",
    ],
)
def test_any_text_can_be_written(text: str) -> None:
    assert opened(draw(Picture("seed", text))).size == (SIZE, SIZE)


def test_a_picture_is_served_until_its_link_expires(caller: Caller) -> None:
    task = caller.finished()
    url = task["imageUrl"]
    assert url.startswith(f"{caller.sandbox.url}/attachments/")
    answer = requests.get(url, timeout=10)
    assert answer.headers["content-type"] == "image/png"
    seed = caller.sandbox.gateway.tasks[task["id"]].job
    assert corners(opened(answer.content)) == list(quarter_colours(seed))

    caller.clock.advance(86399)
    assert requests.get(url, timeout=10).content == answer.content
    caller.clock.advance(1)
    assert caller.fetch(task["id"]).json()["imageUrl"] == url
    for wrong in (url, url.partition("?")[0], url.replace("ex=", "ex=f"), url.replace("&hm=", "&hm=0")):
        refused = requests.get(wrong, timeout=10)
        assert (refused.status_code, refused.text) == (404, "This content is no longer available.")
        assert refused.headers["content-type"].startswith("text/plain")


def test_an_upscale_shows_the_quarter_that_was_pressed(caller: Caller) -> None:
    task = caller.finished()
    button = next(button for button in task["buttons"] if button["label"] == "U3")
    answer = caller.post("/mj/submit/action", json={"taskId": task["id"], "customId": button["customId"]})
    caller.clock.advance(8)
    upscaled = caller.fetch(answer.json()["result"]).json()
    image = opened(requests.get(upscaled["imageUrl"], timeout=10).content)
    seed = caller.sandbox.gateway.tasks[task["id"]].job
    assert image.getpixel((40, 40)) == quarter_colours(seed)[2]


@speaking(
    ("gptplus5", ["url"]),
    ("sku-vip", ["url", "thumbnail"]),
    ("crazyrouter", ["url"]),
    ("novicezk", None),
    ("trueai", ["url", "thumbnail"]),
)
def test_a_grid_that_is_asked_for_four_has_links_to_its_quarters(
    speaking: Caller, expected: list[str] | None
) -> None:
    task = speaking.finished("a fox [[four]]")
    links = task["imageUrls"]
    if expected is not None:
        assert [list(link) for link in links] == [expected] * 4
        links = [link["url"] for link in links]
    answers = [requests.get(link, timeout=10) for link in links]
    assert {answer.headers["content-type"] for answer in answers} == {"image/png"}
    drawing = speaking.sandbox.gateway.tasks[task["id"]].picture
    for number, answer in enumerate(answers, start=1):
        assert answer.content == draw(replace(drawing, quarter=number))
        image = opened(answer.content)
        assert (image.size, image.getpixel((5, 5))) == (
            (SIZE, SIZE),
            quarter_colours(drawing.seed)[number - 1],
        )
    assert corners(opened(requests.get(task["imageUrl"], timeout=10).content)) == [
        *quarter_colours(drawing.seed)
    ]

    forged = links[0].replace("_quarter_1", "_quarter_2")
    assert forged != links[0]
    assert requests.get(forged, timeout=10).status_code == 404
    speaking.clock.advance(86399)
    assert requests.get(links[0], timeout=10).content == answers[0].content
    speaking.clock.advance(1)
    assert [requests.get(link, timeout=10).status_code for link in links] == [404] * 4


def test_nothing_else_has_links_to_quarters(any_dialect: Caller) -> None:
    four = any_dialect.finished("a fox [[four]]")
    plain = any_dialect.finished("a fox")
    failed = any_dialect.ended(any_dialect.imagine("a fox [[four]] [[fail: no]]"))
    running = any_dialect.fetch(any_dialect.imagine("a fox [[four]]").json()["result"]).json()
    others = [plain, failed, running]
    if any_dialect.sandbox.gateway.dialect.name != "novicezk":
        others += [any_dialect.ended(any_dialect.press(four["id"], f"MJ::JOB::{what}")) for what in PRESSES]
        film = any_dialect.submit("video", prompt="it runs [[four]]", image=PNG, motion="low")
        others.append(any_dialect.ended(film))
    assert [one.get("imageUrls") for one in others] == [None] * len(others)
    keys = [set(one) for one in (four, plain)]
    is_cs = any_dialect.sandbox.gateway.dialect.name == "trueai"
    assert keys[0] - keys[1] == (set() if is_cs else {"imageUrls"})


def test_the_life_of_a_link_can_be_set() -> None:
    clock = ManualClock()
    with SandboxServer(clock=clock, link_seconds=60, loop_seconds=0) as sandbox:
        caller = Caller(sandbox, clock)
        url = caller.finished()["imageUrl"]
        clock.advance(59)
        assert requests.get(url, timeout=10).status_code == 200
        clock.advance(1)
        assert requests.get(url, timeout=10).status_code == 404
