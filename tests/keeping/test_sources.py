from __future__ import annotations

import pytest
from drawn import BUTTONS, task

from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.keeping.sources import (
    NotFinishedError,
    NothingToKeepError,
    Split,
    rewritten,
    sources,
    ways,
)

LINK = "https://cdn.example/a.png"
FOUR = [f"https://cdn.example/{place}.png" for place in range(4)]
SIX = [f"https://cdn.example/{place}.png" for place in range(6)]
GRID, ONE = [(LINK, 0, True)], [(LINK, 0, False)]
EACH = [(url, place, False) for place, url in enumerate(FOUR, start=1)]
VIDEO = "https://cdn.example/a.mp4"
CLIPS = [f"https://cdn.example/{place}.mp4" for place in range(2)]
FILM, BOTH = [(VIDEO, 0, False)], [(url, place, False) for place, url in enumerate(CLIPS, start=1)]
LATE = [(CLIPS[0], 1, False), (CLIPS[1], 3, False)]
UPSCALED = [{"customId": "MJ::JOB::upsample_v6_2x_subtle::1::6f3b1c2d::SOLO", "label": "Upscale (Subtle)"}]
OF_A_FILM = [
    {"customId": f"MJ::JOB::video_virtual_upscale::{number}::6f3b1c2d", "label": f"U{number}"}
    for number in range(1, 5)
]


@pytest.mark.parametrize(
    ("told", "auto", "never", "always"),
    [
        ({"imageUrl": LINK, "buttons": BUTTONS}, GRID, ONE, GRID),
        ({"imageUrl": LINK, "buttons": BUTTONS[:3]}, ONE, ONE, GRID),
        ({"imageUrl": LINK, "buttons": UPSCALED, "action": "IMAGINE"}, ONE, ONE, GRID),
        ({"imageUrl": LINK, "buttons": OF_A_FILM, "action": "VIDEO"}, ONE, ONE, GRID),
        ({"imageUrl": LINK, "buttons": [], "action": "IMAGINE"}, GRID, ONE, GRID),
        ({"imageUrl": LINK, "buttons": None, "action": "VARIATION"}, GRID, ONE, GRID),
        ({"imageUrl": LINK, "action": "REROLL"}, GRID, ONE, GRID),
        ({"imageUrl": LINK, "action": "BLEND"}, GRID, ONE, GRID),
        ({"imageUrl": LINK, "action": "UPSCALE"}, ONE, ONE, GRID),
        ({"imageUrl": LINK, "action": None}, ONE, ONE, GRID),
        ({"imageUrl": LINK, "imageUrls": FOUR, "buttons": BUTTONS}, EACH, ONE, EACH),
        ({"imageUrl": None, "imageUrls": FOUR}, EACH, EACH, EACH),
        ({"imageUrl": LINK, "imageUrls": [{"url": url} for url in FOUR]}, EACH, ONE, EACH),
        ({"imageUrl": LINK, "imageUrls": [FOUR[0]], "buttons": BUTTONS}, GRID, ONE, GRID),
        ({"imageUrl": LINK, "imageUrls": [LINK] * 4, "buttons": BUTTONS}, GRID, ONE, GRID),
        ({"imageUrl": None, "imageUrls": [LINK]}, ONE, ONE, GRID),
        ({"imageUrl": LINK, "imageUrls": [*FOUR[:2], None, FOUR[3]], "buttons": BUTTONS}, GRID, ONE, GRID),
        ({"imageUrl": LINK, "imageUrls": [FOUR[0], *FOUR[:3]], "buttons": BUTTONS}, GRID, ONE, GRID),
        ({"imageUrl": LINK, "imageUrls": FOUR[:2], "action": "UPSCALE"}, EACH[:2], ONE, EACH[:2]),
        ({"imageUrl": LINK, "videoUrl": VIDEO, "buttons": BUTTONS}, FILM, FILM, FILM),
        ({"imageUrl": LINK, "videoUrl": VIDEO, "videoUrls": [VIDEO]}, FILM, FILM, FILM),
        ({"videoUrl": None, "videoUrls": [{"url": VIDEO}, VIDEO]}, FILM, FILM, FILM),
        ({"videoUrl": CLIPS[0], "videoUrls": CLIPS, "buttons": OF_A_FILM}, BOTH, BOTH, BOTH),
        ({"videoUrl": CLIPS[1], "videoUrls": [*CLIPS, *CLIPS], "imageUrls": FOUR}, BOTH, BOTH, BOTH),
        ({"videoUrl": "", "videoUrls": [{"url": url} for url in CLIPS]}, BOTH, BOTH, BOTH),
        ({"videoUrl": VIDEO, "videoUrls": CLIPS}, BOTH, BOTH, BOTH),
        ({"videoUrl": VIDEO, "videoUrls": [*CLIPS, CLIPS[0]]}, BOTH, BOTH, BOTH),
        ({"videoUrl": VIDEO, "videoUrls": [CLIPS[0], *CLIPS]}, LATE, LATE, LATE),
        ({"videoUrl": VIDEO, "videoUrls": [CLIPS[0]]}, *([[(CLIPS[0], 0, False)]] * 3)),
        ({"imageUrl": LINK, "videoUrl": "file:///etc/passwd", "videoUrls": ["x"]}, ONE, ONE, GRID),
    ],
)
def test_which_links_are_saved(told, auto, never, always):
    one = Task.from_wire(task() | told)
    for split, wanted in zip((Split.AUTO, Split.NEVER, Split.ALWAYS), (auto, never, always), strict=True):
        assert [(link.url, link.index, link.is_grid) for link in sources(one, split)] == wanted


A, N, W = Split.AUTO, Split.NEVER, Split.ALWAYS


@pytest.mark.parametrize(
    ("told", "split", "others"),
    [
        ({"imageUrl": LINK, "imageUrls": FOUR, "buttons": BUTTONS}, A, [GRID]),
        ({"imageUrl": LINK, "imageUrls": FOUR, "buttons": BUTTONS}, W, [GRID]),
        ({"imageUrl": LINK, "imageUrls": FOUR, "buttons": BUTTONS}, N, [EACH]),
        ({"imageUrl": LINK, "imageUrls": FOUR, "action": "IMAGINE"}, A, [GRID]),
        ({"imageUrl": LINK, "imageUrls": FOUR[:2], "action": "UPSCALE"}, A, [ONE]),
        ({"imageUrl": LINK, "imageUrls": [FOUR[0]], "action": "UPSCALE"}, A, [[(FOUR[0], 0, False)]]),
        ({"imageUrl": LINK, "imageUrls": [FOUR[0]], "action": "UPSCALE"}, W, [[(FOUR[0], 0, True)]]),
        # Nobody knows which of the four they are.
        ({"imageUrl": LINK, "imageUrls": [FOUR[0]], "buttons": BUTTONS}, A, []),
        ({"imageUrl": LINK, "imageUrls": FOUR[1:], "buttons": BUTTONS}, A, []),
        ({"imageUrl": LINK, "imageUrls": [LINK], "action": "UPSCALE"}, A, []),
        ({"imageUrl": LINK, "buttons": BUTTONS}, A, []),
        ({"imageUrls": FOUR, "buttons": BUTTONS}, A, []),
        ({"videoUrl": VIDEO, "videoUrls": CLIPS, "imageUrl": LINK}, A, [FILM]),
        ({"videoUrl": VIDEO, "videoUrls": CLIPS, "imageUrls": FOUR}, N, [FILM]),
        ({"videoUrl": VIDEO, "videoUrls": [CLIPS[0]]}, W, [FILM]),
        ({"videoUrl": CLIPS[1], "videoUrls": CLIPS}, A, []),
        ({"videoUrls": CLIPS}, A, []),
        ({"videoUrl": VIDEO, "imageUrl": LINK}, A, []),
    ],
)
def test_what_else_has_the_same_pictures(told, split, others):
    first, *found = ways(Task.from_wire(task() | told), split)
    assert [[(link.url, link.index, link.is_grid) for link in way] for way in found] == others
    assert first == sources(Task.from_wire(task() | told), split)


def test_more_than_four_are_numbered_on():
    links = sources(Task.from_wire(task(imageUrls=SIX)), Split.AUTO)
    assert [(link.index, link.url) for link in links] == list(enumerate(SIX, start=1))


@pytest.mark.parametrize(
    ("told", "kind", "says"),
    [
        ({"status": "FAILURE", "failReason": "Banned\nprompt"}, NothingToKeepError, "FAILURE: Banned"),
        ({"status": "CANCEL"}, NothingToKeepError, "no reason given"),
        ({"status": "IN_PROGRESS"}, NotFinishedError, "IN_PROGRESS: wait"),
        ({"status": "MODAL"}, NotFinishedError, "MODAL"),
        ({"status": ""}, NotFinishedError, "without a status"),
        ({"imageUrl": "file:///etc/passwd"}, NothingToKeepError, "no picture"),
        ({"imageUrl": ""}, NothingToKeepError, "no picture"),
    ],
)
def test_a_task_without_a_picture_says_why(told, kind, says):
    with pytest.raises(NothingToKeepError, match=says) as caught:
        sources(Task.from_wire(task(LINK) | told), Split.AUTO)
    assert type(caught.value) is kind


HERE = "http://localhost:3000/mj/image/17?rand=1"
DISCORD = "https://cdn.discordapp.com/attachments/1/2/a.png?ex=66&hm=a&"


@pytest.mark.parametrize(
    ("url", "image_host", "fetched"),
    [
        (DISCORD, None, DISCORD),
        (DISCORD, "gateway", DISCORD),
        (DISCORD, "https://m.example", "https://m.example/attachments/1/2/a.png?ex=66&hm=a&"),
        ("https://media.discordapp.net/a.png", "http://m.example:81", "http://m.example:81/a.png"),
        ("https://CDN.discordapp.com:443/a.png", "https://m.example", "https://m.example/a.png"),
        (
            "https://cdn.discordapp.com.evil.example/a",
            "https://m.example",
            "https://cdn.discordapp.com.evil.example/a",
        ),
        (LINK, "https://m.example", LINK),
        (HERE, None, HERE),
        (HERE, "gateway", "https://gw.example:8443/mj/image/17?rand=1"),
        (HERE, "https://m.example", HERE),
        ("http://127.0.0.1/a.png", "gateway", "https://gw.example:8443/a.png"),
        ("http://[::1]:9/a.png", "gateway", "https://gw.example:8443/a.png"),
    ],
)
def test_a_link_is_sent_to_where_its_picture_can_be_had(url, image_host, fetched):
    assert rewritten(url, image_host, "https://gw.example:8443/proxy/mj") == fetched
