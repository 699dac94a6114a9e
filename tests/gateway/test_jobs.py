from __future__ import annotations

import math
from typing import Any

import pytest

from airflow_provider_mj.gateway import jobs
from airflow_provider_mj.gateway.jobs import LONGEST_STATE, Job, with_extra

PNG = "data:image/png;base64,iVBORw0KGgo="
JPEG = "data:image/jpeg;base64,/9j/4AAQ"
LINK = "https://cdn.example/1.png?ex=1&hm=secret"
PRESSED = "MJ::JOB::upsample::2::abc123"
PICTURE_ERROR = "must be a picture as a data URI .* or an http"


@pytest.mark.parametrize(
    ("job", "action", "body"),
    [
        (jobs.imagine("a cat"), "imagine", {"prompt": "a cat"}),
        (
            jobs.imagine("a cute girl, cherry blossoms --niji 6", bot_type="niji"),
            "imagine",
            {"botType": "NIJI_JOURNEY", "prompt": "a cute girl, cherry blossoms --niji 6"},
        ),
        (
            jobs.imagine("a cat", images=(PNG, LINK), bot_type="MID_JOURNEY"),
            "imagine",
            {"botType": "MID_JOURNEY", "prompt": "a cat", "base64Array": [PNG, LINK]},
        ),
        (
            jobs.press("task_1234567890", PRESSED),
            "action",
            {"taskId": "task_1234567890", "customId": PRESSED},
        ),
        (
            jobs.press("17", PRESSED, remix=False),
            "action",
            {"taskId": "17", "customId": PRESSED, "enableRemix": False},
        ),
        (jobs.change("17", "UPSCALE", 4), "change", {"taskId": "17", "action": "UPSCALE", "index": 4}),
        (jobs.change("17", "REROLL", 1), "change", {"taskId": "17", "action": "REROLL", "index": 1}),
        (jobs.modal("17"), "modal", {"taskId": "17"}),
        (
            jobs.modal("17", prompt="a hat", mask=PNG),
            "modal",
            {"taskId": "17", "prompt": "a hat", "maskBase64": PNG},
        ),
        (jobs.blend([PNG, JPEG]), "blend", {"base64Array": [PNG, JPEG], "dimensions": "SQUARE"}),
        (
            jobs.blend([PNG] * 5, dimensions="PORTRAIT", bot_type="mj"),
            "blend",
            {"base64Array": [PNG] * 5, "dimensions": "PORTRAIT", "botType": "MID_JOURNEY"},
        ),
        (jobs.describe(image=PNG), "describe", {"base64": PNG}),
        (
            jobs.describe(link=LINK, language="zh", bot_type="NIJI"),
            "describe",
            {"link": LINK, "language": "zh", "botType": "NIJI_JOURNEY"},
        ),
        (
            jobs.shorten("a very cat", bot_type="mj"),
            "shorten",
            {"prompt": "a very cat", "botType": "MID_JOURNEY"},
        ),
        (jobs.edits("a hat", LINK), "edits", {"prompt": "a hat", "image": LINK}),
        (
            jobs.edits("a hat", PNG, mask=JPEG),
            "edits",
            {"prompt": "a hat", "image": PNG, "maskBase64": JPEG},
        ),
        (jobs.video(image=PNG), "video", {"image": PNG, "motion": "low"}),
        (
            jobs.video(
                "it jumps",
                image=PNG,
                end_image=LINK,
                motion="high",
                loop=False,
                video_type="vid_1.1_i2v_720",
                batch_size=2,
            ),
            "video",
            {
                "prompt": "it jumps",
                "image": PNG,
                "endImage": LINK,
                "motion": "high",
                "loop": False,
                "videoType": "vid_1.1_i2v_720",
                "batchSize": 2,
            },
        ),
        (
            jobs.video(mj_task_id="17", index=0),
            "video",
            {"motion": "low", "action": "extend", "taskId": "17", "index": 0},
        ),
        (jobs.swap_face(PNG, JPEG), "swap-face", {"sourceBase64": PNG, "targetBase64": JPEG}),
        (jobs.swap_face(LINK, JPEG), "swap-face", {"sourceUrl": LINK, "targetBase64": JPEG}),
        (jobs.upload([PNG]), "upload-discord-images", {"base64Array": [PNG]}),
    ],
)
def test_the_body_of_every_submission(job, action, body):
    assert (job.action, job.body) == (action, body)


@pytest.mark.parametrize("name", ["gptplus5_fetch", "sku_vip_fetch", "crazyrouter_finished"])
def test_the_prompts_of_the_gateways_documents_go_through_as_given(document, name):
    prompt = document(name)["prompt"]
    assert jobs.imagine(prompt).body == {"prompt": prompt}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: jobs.imagine(" "), "prompt must be text and not empty"),
        (lambda: jobs.imagine(None), "prompt must be text and not empty"),
        (lambda: jobs.imagine("a", images=PNG), "images must be a list of pictures, got a str"),
        (lambda: jobs.imagine("a", images=None), "images must be a list of pictures, got a NoneType"),
        (lambda: jobs.imagine("a", images={PNG: 1}), "images must be a list of pictures, got a dict"),
        (lambda: jobs.imagine("a", images=[PNG, "iVBORw0KGgo"]), r"images\[1\] " + PICTURE_ERROR),
        (lambda: jobs.imagine("a", bot_type="dalle"), r"bot_type must be MID_JOURNEY \(mj\) or NIJI_JOURNEY"),
        (lambda: jobs.imagine("a", bot_type=1), "bot_type must be"),
        (lambda: jobs.press("None", PRESSED), "mj_task_id is 'None'"),
        (lambda: jobs.press("17", "U2"), "custom_id must be the customId of a button"),
        (lambda: jobs.press("17", ""), "custom_id must be text and not empty"),
        (lambda: jobs.press("17", PRESSED, remix="no"), "remix must be True, False or None, got a str"),
        (lambda: jobs.change("17", "PAN", 1), "action must be one of UPSCALE, VARIATION, REROLL; got 'PAN'"),
        (lambda: jobs.change("17", ["UPSCALE"], 1), "action must be one of"),
        (lambda: jobs.change("17", "UPSCALE", 0), "index must be one of 1, 2, 3, 4; got '0'"),
        (lambda: jobs.change("17", "VARIATION", True), "index must be one of 1, 2, 3, 4; got 'True'"),
        (lambda: jobs.change("17", "REROLL", 0), "index must be one of 1; got '0'"),
        (lambda: jobs.change("", "REROLL", 1), "mj_task_id is ''"),
        (lambda: jobs.modal(None), "mj_task_id must be one id"),
        (lambda: jobs.modal("17", prompt=""), "prompt must be text and not empty"),
        (lambda: jobs.modal("17", mask="mask.png"), "mask " + PICTURE_ERROR),
        (lambda: jobs.blend([PNG]), "images must be 2 to 5 pictures to blend, got 1"),
        (lambda: jobs.blend([PNG] * 6), "images must be 2 to 5 pictures to blend, got 6"),
        (
            lambda: jobs.blend([PNG] * 2, dimensions="3:2"),
            "dimensions must be one of PORTRAIT, SQUARE, LANDSC",
        ),
        (jobs.describe, "image or as link: exactly one"),
        (lambda: jobs.describe(image=PNG, link=LINK), "image or as link: exactly one"),
        (lambda: jobs.describe(link=PNG), r"link must be an http\(s\) URL"),
        (lambda: jobs.describe(image=PNG, language=""), "language must be text and not empty"),
        (lambda: jobs.shorten(""), "prompt must be text and not empty"),
        (lambda: jobs.edits("a", None), "image " + PICTURE_ERROR),
        (lambda: jobs.edits("", PNG), "prompt must be text and not empty"),
        (lambda: jobs.video("a"), "image " + PICTURE_ERROR),
        (lambda: jobs.video("", image=PNG), "prompt must be text and not empty"),
        (lambda: jobs.video(image=PNG, motion="fast"), "motion must be one of low, high; got 'fast'"),
        (lambda: jobs.video(image=PNG, loop=1), "loop must be True, False or None, got a int"),
        (lambda: jobs.video(image=PNG, batch_size=3), "batch_size must be one of 1, 2, 4; got '3'"),
        (lambda: jobs.video(image=PNG, index=1), "index belongs to the video of a task"),
        (lambda: jobs.video(mj_task_id="17"), "index must be one of 0, 1, 2, 3; got 'None'"),
        (lambda: jobs.video(mj_task_id="17", index=4), "index must be one of 0, 1, 2, 3; got '4'"),
        (lambda: jobs.video(mj_task_id="", index=1), "mj_task_id is ''"),
        (lambda: jobs.swap_face(PNG, PNG), "source and target must be different pictures"),
        (lambda: jobs.swap_face(PNG, ""), "target " + PICTURE_ERROR),
        (lambda: jobs.upload([]), "images must hold at least one picture"),
    ],
)
def test_what_can_not_be_right_is_refused_by_name(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    "picture",
    [
        *(
            "data:image/gif;base64,",
            "data:text/html;base64,aGk=",
            "data:image/png,abc",
            "image/png;base64,iVBO",
        ),
        *(
            "ftp://h/1.png",
            "https://",
            "https:///1.png",
            "http://[::1",
            "https://h/a b.png",
            "secret.png",
        ),
        *(b"\x89PNG", 17, {"url": LINK}),
    ],
)
def test_what_is_no_picture_is_refused_and_not_shown(picture):
    with pytest.raises(ValueError, match="image " + PICTURE_ERROR) as raised:
        jobs.edits("a", picture)
    assert str(picture) not in str(raised.value)


@pytest.mark.parametrize(
    "picture", [PNG, JPEG, LINK, "DATA:image/webp;base64,UklG", "http://h:80/x", "HTTPS://H"]
)
def test_data_uris_and_links_are_pictures(picture):
    assert jobs.edits("a", picture).body["image"] == picture


def test_neither_picture_nor_prompt_is_shown():
    job = with_extra(jobs.imagine("a secret cat", images=[PNG]), {"notifyHook": "https://h/?token=1"})
    assert repr(job) == str(job) == "<Job imagine>"


def test_what_a_gateway_knows_more_is_added():
    extra: dict[str, Any] = {"state": "", "notifyHook": None, "accountFilter": {"modes": ("RELAX",)}}
    job = with_extra(jobs.imagine("a cat"), extra)
    extra["accountFilter"]["modes"] = "changed later"
    assert job == Job("imagine", {"prompt": "a cat", "state": "", "accountFilter": {"modes": ["RELAX"]}})
    assert with_extra(job, {}) == job


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"prompt": "b"}, "extra_body must not hold prompt: the imagine sets that itself"),
        ({"prompt": None}, "extra_body must not hold prompt"),
        ({1: 2}, "extra_body must be a dict with text as keys"),
        ([("a", 1)], "extra_body must be a dict with text as keys"),
        ("a", "extra_body must be a dict with text as keys"),
        ({"a": b"b"}, "extra_body must be JSON: Object of type bytes"),
        ({"a": math.nan}, "extra_body must be JSON"),
        ({"a": {1: 2, "b": 3}}, "extra_body must be JSON"),
        ({"state": 17}, "state in extra_body must be text of at most 255"),
        ({"state": "x" * (LONGEST_STATE + 1)}, "state in extra_body must be text of at most 255"),
    ],
)
def test_extras_that_can_not_be_sent_are_refused(extra, message):
    with pytest.raises(ValueError, match=message):
        with_extra(jobs.imagine("a"), extra)


def test_a_bottomless_extra_is_refused():
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(ValueError, match="extra_body must be JSON"):
        with_extra(jobs.imagine("a"), loop)


def test_the_longest_state_is_taken():
    assert len(with_extra(jobs.modal("17"), {"state": "x" * LONGEST_STATE}).body["state"]) == LONGEST_STATE
