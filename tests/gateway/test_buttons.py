from __future__ import annotations

import pytest

from airflow_provider_mj.gateway.buttons import ButtonError, change_for, find_button, names, opens_window
from airflow_provider_mj.gateway.task import Button, Task

JOB = "3785da15-4f70-4034-9128-f3ff1ac634fa"
SUBJECT = "task 17 at gateway gw.example"
GATEWAYS = ("gptplus5_fetch", "sku_vip_fetch", "crazyrouter_finished")


def button(custom_id: str, label: str | None = None, emoji: str | None = None) -> Button:
    return Button(custom_id=f"MJ::{custom_id}", label=label, emoji=emoji)


UPSCALED = (
    button(f"JOB::upsample_v6r1_2x_subtle::1::{JOB}::SOLO", "Upscale (Subtle)"),
    button(f"JOB::upsample_v6r1_2x_creative::1::{JOB}::SOLO", "Upscale (Creative)"),
    button(f"JOB::low_variation::1::{JOB}::SOLO", "Vary (Subtle)", "🪄"),
    button(f"JOB::high_variation::1::{JOB}::SOLO", "Vary (Strong)", "🪄"),
    button(f"Inpaint::1::{JOB}::SOLO", "Vary (Region)", "🖌️"),
    button(f"Outpaint::50::1::{JOB}::SOLO", "Zoom Out 2x", "🔍"),
    button(f"Outpaint::75::1::{JOB}::SOLO", "Zoom Out 1.5x", "🔍"),
    button(f"CustomZoom::{JOB}", "Custom Zoom", "🔍"),
    button(f"JOB::pan_left::1::{JOB}::SOLO", emoji="⬅️"),
    button(f"JOB::pan_right::1::{JOB}::SOLO", emoji="➡️"),
    button(f"JOB::pan_up::1::{JOB}::SOLO", emoji="⬆️"),
    button(f"JOB::pan_down::1::{JOB}::SOLO", emoji="⬇️"),
    button(f"JOB::animate_high::1::{JOB}::SOLO", "Animate (High motion)", "🎞️"),
    button(f"JOB::animate_low::1::{JOB}::SOLO", "Animate (Low motion)", "🎞️"),
    button(f"BOOKMARK::{JOB}", emoji="❤️"),
)
OLD_UPSCALED = (
    button(f"JOB::upsample_v5_2x::1::{JOB}::SOLO", "Upscale (2x)"),
    button(f"JOB::upsample_v5_4x::1::{JOB}::SOLO", "Upscale (4x)"),
    button(f"Outpaint::100::1::{JOB}::SOLO", "Make Square", "↔️"),
)
DESCRIBED = (
    *(button(f"Job::PicReader::{n}", emoji=f"{n}\ufe0f\u20e3") for n in range(1, 5)),
    button("Picread::Retry", emoji="🔄"),
    button("Job::PicReader::all", "Imagine all", "🎉"),
)
SHORTENED = tuple(button(f"Job::PromptAnalyzer::{n}", emoji=f"{n}\ufe0f\u20e3") for n in range(1, 6))
VIDEOS = tuple(button(f"JOB::video_virtual_upscale::{n}::{JOB}", f"U{n}") for n in range(1, 5))
GRID = (
    *(button(f"JOB::upsample::{n}::{JOB}", f"U{n}") for n in range(1, 5)),
    button(f"JOB::reroll::0::{JOB}::SOLO", emoji="🔄"),
    *(button(f"JOB::variation::{n}::{JOB}", f"V{n}") for n in range(1, 5)),
)


def bare(buttons: tuple[Button, ...]) -> list[Button]:
    """The same buttons from a gateway that tells nothing but the customId."""
    return [Button(custom_id=one.custom_id) for one in buttons]


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    ("wanted", "middle"),
    [(f"U{n}", f"upsample::{n}") for n in range(1, 5)] + [(f"V{n}", f"variation::{n}") for n in range(1, 5)],
)
def test_the_buttons_of_a_grid_are_found_at_each_gateway(document, gateway, wanted, middle):
    buttons = Task.from_wire(document(gateway)).buttons
    for way in (wanted, wanted.lower(), f" {wanted} ", middle, middle.upper(), f"MJ::JOB::{middle}"):
        assert f"::{middle}::" in find_button(buttons, way, subject=SUBJECT).custom_id


@pytest.mark.parametrize("gateway", ["gptplus5_fetch", "sku_vip_fetch"])
@pytest.mark.parametrize("wanted", ["🔄", "🔄\ufe0f", "reroll", "Reroll", "reroll::0"])
def test_a_reroll_is_found_by_emoji_and_by_name(document, gateway, wanted):
    buttons = Task.from_wire(document(gateway)).buttons
    assert "::reroll::" in find_button(buttons, wanted, subject=SUBJECT).custom_id


@pytest.mark.parametrize("buttons", [UPSCALED, OLD_UPSCALED, DESCRIBED, SHORTENED, VIDEOS, GRID], ids=len)
def test_a_usual_name_finds_its_button_where_only_custom_ids_are_told(buttons):
    usual = [one for one in buttons if one.emoji != "❤️"]
    for one in usual:
        wanted = one.label or one.emoji
        assert wanted is not None
        assert find_button(buttons, wanted, subject=SUBJECT) is one
        assert find_button(bare(buttons), wanted, subject=SUBJECT).custom_id == one.custom_id


@pytest.mark.parametrize(
    ("wanted", "custom_id"),
    [
        ("upscale (SUBTLE)", "upsample_v6r1_2x_subtle"),
        ("Vary  (Region)", "Inpaint"),
        ("inpaint", "Inpaint"),
        ("low_variation", "low_variation"),
        ("Outpaint::50", "Outpaint::50"),
        ("⬅", "pan_left"),
        ("pan right", "pan_right"),
        ("❤", "BOOKMARK"),
        (f"MJ::CustomZoom::{JOB}", "CustomZoom"),
        (f"MJ::Inpaint::1::{JOB}", "Inpaint"),
    ],
)
def test_a_button_under_an_upscaled_picture_is_found(wanted, custom_id):
    assert f"::{custom_id}::" in find_button(UPSCALED, wanted, subject=SUBJECT).custom_id


@pytest.mark.parametrize(
    ("wanted", "place"), [("one", 0), ("label", 1), ("🎈", 2), ("U1", 3), ("other", 3), ("MJ::label::h", 0)]
)
def test_a_label_wins_over_an_emoji_over_a_usual_name_over_segments(wanted, place):
    buttons = [
        button("label::h", "one", "label"),
        button("upsample::9::h", "label", "x"),
        button("reroll::h", "x", "🎈"),
        button("JOB::upsample::1::other::h", "x"),
        button("u1::h", "x"),
    ]
    assert find_button(buttons, wanted, subject=SUBJECT) is buttons[place]


@pytest.mark.parametrize(
    "custom_id",
    [f"MJ::JOB::upsample::20::{JOB}", f"MJ::JOB::upsample_v6_2x_subtle::2::{JOB}", "MJ::upsample"],
)
@pytest.mark.parametrize("wanted", ["upsample::2", "U2"])
def test_segments_match_only_whole_and_one_after_the_other(custom_id, wanted):
    with pytest.raises(ButtonError):
        find_button([Button(custom_id=custom_id)], wanted, subject=SUBJECT)


def test_the_same_button_told_twice_counts_once():
    assert find_button([*GRID, *bare(GRID)], "U2", subject=SUBJECT) is GRID[1]
    assert find_button([*bare(GRID), *GRID], "upsample::2", subject=SUBJECT).custom_id == GRID[1].custom_id
    assert len(names([*GRID, *GRID])) == 9


@pytest.mark.parametrize(
    "wanted", ["U5", "upsample_2", ".*", "upsample::.", "", " ", "\ufe0f", "::", None, 2]
)
def test_what_is_not_there_is_told_with_what_is(wanted):
    with pytest.raises(ButtonError) as raised:
        find_button(GRID, wanted, subject=SUBJECT)
    message = str(raised.value)
    assert message.startswith(
        f"{SUBJECT}: no button is {str(wanted).strip()!r}. There are: U1 (upsample::1), "
    )
    assert "🔄 (reroll::0), V1 (variation::1)" in message
    assert "nothing was paid" in message
    assert JOB not in message


def test_of_several_that_fit_none_is_pressed():
    with pytest.raises(
        ButtonError, match=r"3 buttons fit '🔍'.*Zoom Out 2x \(Outpaint::50::1\), .*Custom Zoom"
    ):
        find_button(UPSCALED, "🔍", subject=SUBJECT)


def test_a_task_without_buttons_says_so():
    with pytest.raises(ButtonError, match="no button is 'U2'. It has no buttons: it is not finished"):
        find_button([], "U2", subject=SUBJECT)


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (button(f"JOB::upsample::2::{JOB}", "U2"), "U2 (upsample::2)"),
        (button("JOB::upsample::2::abc123", None, "U2"), "U2 (upsample::2)"),
        (button(f"JOB::reroll::0::{JOB}::SOLO"), "reroll::0"),
        (button(f"JOB::upsample_v6r1_2x_creative::1::{JOB}::SOLO"), "upsample_v6r1_2x_creative::1"),
        (button("Job::PicReader::all", "Imagine all"), "Imagine all (PicReader::all)"),
        (button(JOB, "U2"), "U2 (a customId of another kind)"),
        (button("zoom::h", "a\nb\x1b[31m"), "a b [31m (zoom::h)"),
    ],
)
def test_a_button_is_named_without_hash_and_fit_to_show(one, name):
    assert names([one]) == [name]


def test_a_long_list_is_cut():
    many = [button(f"zoom::{n}", "x" * 5000) for n in range(40)]
    assert len(names(many)) == 25
    assert max(map(len, names(many))) == 200
    with pytest.raises(ButtonError, match=r"… and 15 more\.") as raised:
        find_button(many, "U2" * 5000, subject=SUBJECT)
    assert len(str(raised.value)) < 26 * 210


@pytest.mark.parametrize(
    ("custom_id", "expected"),
    [
        (f"MJ::Inpaint::1::{JOB}::SOLO", True),
        (f"MJ::CustomZoom::{JOB}", True),
        (f"MJ::CustomZoom::1::{JOB}", True),
        ("MJ::Job::PicReader::3", True),
        ("MJ::Job::PromptAnalyzer::2", True),
        ("MJ::JOB::PromptAnalyzer::2", True),
        (f"MJ::JOB::video::1::{JOB}::low::manual", True),
        ("MJ::Job::PicReader::all", False),
        ("MJ::Picread::Retry", False),
        (f"MJ::JOB::upsample::2::{JOB}", False),
        (f"MJ::JOB::variation::2::{JOB}", False),
        (f"MJ::Outpaint::50::1::{JOB}::SOLO", False),
        (f"MJ::JOB::video_virtual_upscale::1::{JOB}", False),
        ("", False),
    ],
)
def test_which_press_always_opens_a_window(custom_id, expected):
    assert opens_window(custom_id) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        *((f"U{n}", ("UPSCALE", n)) for n in range(1, 5)),
        *((f"V{n}", ("VARIATION", n)) for n in range(1, 5)),
        *((wanted, ("REROLL", 1)) for wanted in ("reroll", "Reroll", "R", "🔄", "🔄\ufe0f", "reroll::0")),
        (" u2 ", ("UPSCALE", 2)),
        ("upsample::2", ("UPSCALE", 2)),
        ("variation::3", ("VARIATION", 3)),
        ("MJ::JOB::upsample::2", ("UPSCALE", 2)),
        *((wanted, None) for wanted in ("U5", "U0", "U", "", "upsample", "low_variation", "Vary (Strong)")),
    ],
)
def test_what_a_gateway_without_buttons_does_instead(wanted, expected):
    assert change_for(wanted) == expected
