"""What each operator puts on the wire, in each dialect, beside what the gateways' documents say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from running import GIF, GIF_URI, PNG, PNG_URI, Sandbox, Store, context

from airflow_provider_mj.operators.mj import (
    MJActionOperator,
    MJBlendOperator,
    MJDescribeOperator,
    MJEditsOperator,
    MJImagineOperator,
    MJModalOperator,
    MJShortenOperator,
    MJSwapFaceOperator,
    MJUploadImagesOperator,
    MJVideoOperator,
)

# The operator, its arguments, the path below /mj, the body without `state`.
Case = tuple[type, dict[str, Any], str, dict[str, Any]]

EVERYWHERE: dict[str, Case] = {
    "imagine": (MJImagineOperator, {"prompt": "a fox"}, "submit/imagine", {"prompt": "a fox"}),
    "imagine, mended": (
        MJImagineOperator,
        {"prompt": "  a \n fox —ar 2:3 ", "bot_type": "niji"},
        "submit/imagine",
        {"prompt": "a fox --ar 2:3", "botType": "NIJI_JOURNEY"},
    ),
    "imagine with pictures": (
        MJImagineOperator,
        {"prompt": "a fox", "images": [PNG, GIF_URI], "bot_type": "MID_JOURNEY"},
        "submit/imagine",
        {"prompt": "a fox", "base64Array": [PNG_URI, GIF_URI], "botType": "MID_JOURNEY"},
    ),
    "imagine with one picture": (
        MJImagineOperator,
        {"prompt": "a fox", "images": PNG},
        "submit/imagine",
        {"prompt": "a fox", "base64Array": [PNG_URI]},
    ),
    "blend": (
        MJBlendOperator,
        {"images": [PNG, GIF]},
        "submit/blend",
        {"base64Array": [PNG_URI, GIF_URI], "dimensions": "SQUARE"},
    ),
    "blend, all": (
        MJBlendOperator,
        {"images": [PNG, GIF, PNG_URI], "dimensions": "PORTRAIT", "bot_type": "mj"},
        "submit/blend",
        {"base64Array": [PNG_URI, GIF_URI, PNG_URI], "dimensions": "PORTRAIT", "botType": "MID_JOURNEY"},
    ),
    "describe": (MJDescribeOperator, {"image": PNG}, "submit/describe", {"base64": PNG_URI}),
    "describe, all": (
        MJDescribeOperator,
        {"image": GIF_URI, "language": "zh", "bot_type": "niji"},
        "submit/describe",
        {"base64": GIF_URI, "language": "zh", "botType": "NIJI_JOURNEY"},
    ),
}
NOT_ON_NOVICEZK: dict[str, Case] = {
    "shorten": (
        MJShortenOperator,
        {"prompt": "a very  red fox", "bot_type": "mj"},
        "submit/shorten",
        {"prompt": "a very red fox", "botType": "MID_JOURNEY"},
    ),
    "edits": (
        MJEditsOperator,
        {"prompt": "a hat", "image": PNG},
        "submit/edits",
        {"prompt": "a hat", "image": PNG_URI},
    ),
    "video": (
        MJVideoOperator,
        {"prompt": "it runs", "image": PNG},
        "submit/video",
        {"prompt": "it runs", "image": PNG_URI, "motion": "low"},
    ),
    "video, all": (
        MJVideoOperator,
        {
            "prompt": "it runs",
            "image": PNG,
            "end_image": GIF,
            "motion": "high",
            "loop": True,
            "video_type": "vid_1.1_i2v_720",
            "batch_size": 2,
        },
        "submit/video",
        {
            "prompt": "it runs",
            "image": PNG_URI,
            "endImage": GIF_URI,
            "motion": "high",
            "loop": True,
            "videoType": "vid_1.1_i2v_720",
            "batchSize": 2,
        },
    ),
    "swap face": (
        MJSwapFaceOperator,
        {"source": PNG, "target": GIF},
        "insight-face/swap",
        {"sourceBase64": PNG_URI, "targetBase64": GIF_URI},
    ),
}


def submit(operator: type, /, **kwargs: Any) -> Any:
    return operator(task_id="t", wait_for_completion=False, **kwargs).execute(context())


def check(sandbox: Sandbox, path: str, expected: dict[str, Any]) -> None:
    """Compare the newest submission with what is expected of it, key by key."""
    seen = sandbox.submissions[-1]
    body = dict(seen.body)
    assert re.fullmatch(r"airflow-[0-9a-f]{8}-[0-9a-f]{47}", body.pop("state"))
    assert (seen.path, body) == (f"/mj/{path}", expected)


@pytest.mark.parametrize("case", EVERYWHERE.values(), ids=EVERYWHERE)
def test_the_body_of_a_job_that_every_dialect_has(sandbox, case):
    operator, kwargs, path, expected = case
    mj_task_id = submit(operator, **kwargs)
    check(sandbox, path, expected)
    assert list(sandbox.gateway.tasks) == [mj_task_id]
    assert sandbox.charges == 1


@pytest.mark.parametrize("case", NOT_ON_NOVICEZK.values(), ids=NOT_ON_NOVICEZK)
def test_the_body_of_a_job_that_the_java_proxy_has_not(sandbox, case):
    operator, kwargs, path, expected = case
    if sandbox.name == "novicezk":
        with pytest.raises(AirflowFailException, match="the call does not exist there"):
            submit(operator, **kwargs)
        assert sandbox.charges == 0
        return
    mj_task_id = submit(operator, **kwargs)
    check(sandbox, path, expected)
    assert list(sandbox.gateway.tasks) == [mj_task_id]
    assert sandbox.charges == 1


MASKED: dict[str, dict[str, Any]] = {
    "bytes": {"mask": GIF},
    "a data URI": {"mask": GIF_URI},
    "with a size": {"mask": GIF, "max_image_side": 4096},
    "and more": {"mask": GIF, "extra_body": {"accountFilter": {"modes": ["FAST"]}}},
}


@pytest.mark.parametrize("dialect", ["gptplus5", "sku-vip", "crazyrouter", "trueai"])
@pytest.mark.parametrize("more", MASKED.values(), ids=MASKED)
def test_a_mask_of_an_edit_is_sent_where_it_is_not_ignored(sandbox, more):
    kwargs = {"prompt": "a hat", "image": PNG, **more}
    if sandbox.name == "trueai":
        with pytest.raises(AirflowFailException, match="ignores the mask.*nothing was submitted"):
            submit(MJEditsOperator, **kwargs)
        assert sandbox.submissions == []
        return
    submit(MJEditsOperator, **kwargs)
    body = {"prompt": "a hat", "image": PNG_URI, "maskBase64": GIF_URI, **more.get("extra_body", {})}
    check(sandbox, "submit/edits", body)


@pytest.mark.parametrize("dialect", ["trueai"])
def test_who_knows_that_a_mask_is_taken_all_the_same_may_send_it(sandbox):
    submit(MJEditsOperator, prompt="a hat", image=PNG, extra_body={"maskBase64": GIF_URI})
    check(sandbox, "submit/edits", {"prompt": "a hat", "image": PNG_URI, "maskBase64": GIF_URI})


@pytest.mark.parametrize("remix", [None, True, False])
def test_the_body_of_a_press(with_buttons, remix):
    parent = with_buttons.finished()
    submit(MJActionOperator, task=parent, button="V3", remix=remix, modal={"prompt": "a hare"})
    presses = with_buttons.gateway.presses(with_buttons.gateway.tasks[parent])
    body = dict(with_buttons.submissions[0].body)
    assert re.fullmatch(r"airflow-[0-9a-f]{8}-[0-9a-f]{47}", body.pop("state"))
    flag = {} if remix is None else {"enableRemix": remix}
    (custom_id,) = (one.custom_id for one in presses if one.label == "V3")
    assert body == {"taskId": parent, "customId": custom_id, **flag}
    assert with_buttons.charges == (2 if remix and with_buttons.is_relay else 1)


@pytest.mark.parametrize("dialect", ["novicezk"])
@pytest.mark.parametrize(
    ("button", "action", "index"),
    [("U2", "UPSCALE", 2), ("V4", "VARIATION", 4), ("🔄", "REROLL", 1), ("upsample::3", "UPSCALE", 3)],
)
def test_the_body_of_a_press_where_there_are_no_buttons(sandbox, button, action, index):
    parent = sandbox.finished()
    submit(MJActionOperator, task=parent, button=button)
    check(sandbox, "submit/change", {"taskId": parent, "action": action, "index": index})
    assert sandbox.charges == 1


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, {}),
        ({"prompt": "a  hare"}, {"prompt": "a hare"}),
        ({"prompt": "a hare", "mask": PNG}, {"prompt": "a hare", "maskBase64": PNG_URI}),
    ],
)
def test_the_body_of_the_answer_to_a_window(with_buttons, kwargs, expected):
    window = with_buttons.gateway.submit("a fox [[modal]]")
    answered = submit(MJModalOperator, mj_task_id=window, **kwargs)
    check(with_buttons, "submit/modal", {"taskId": window, **expected})
    assert (answered == window) is not (with_buttons.name == "sku-vip")
    assert with_buttons.gateway.confirmations == {window: 1}


@pytest.mark.parametrize("dialect", ["novicezk"])
def test_a_window_can_not_be_answered_where_there_are_none(sandbox):
    with pytest.raises(AirflowFailException, match="the call does not exist there"):
        submit(MJModalOperator, mj_task_id="17", prompt="a hare")
    assert sandbox.charges == 0


@pytest.mark.parametrize("dialect", ["sku-vip", "trueai"])
def test_the_body_of_an_extended_video(sandbox):
    parent = sandbox.pressed(sandbox.single(), "Animate (Low motion)")
    submit(MJVideoOperator, prompt="on and on", mj_task_id=parent, index=0)
    expected = {"prompt": "on and on", "motion": "low", "action": "extend", "taskId": parent, "index": 0}
    check(sandbox, "submit/video", expected)


def test_the_body_of_an_upload_and_the_addresses_in_the_order_of_the_pictures(with_buttons):
    upload = MJUploadImagesOperator(task_id="t", images=[PNG, GIF_URI])
    addresses = upload.execute(context())
    seen = with_buttons.submissions[-1]
    assert (seen.path, seen.body) == (
        "/mj/submit/upload-discord-images",
        {"base64Array": [PNG_URI, GIF_URI]},
    )
    assert len(addresses) == len(set(addresses)) == 2
    assert all(address.startswith("https://") for address in addresses)
    assert with_buttons.charges == 0


@pytest.mark.parametrize("dialect", ["novicezk"])
def test_an_upload_where_there_is_none(sandbox):
    with pytest.raises(AirflowFailException, match="the call does not exist there"):
        MJUploadImagesOperator(task_id="t", images=[PNG]).execute(context())


def test_what_a_gateway_adds_and_an_own_state_are_in_the_body(sandbox):
    extra = {"notifyHook": "https://hook.example/", "accountFilter": {"modes": ["FAST"]}}
    submit(MJImagineOperator, prompt="a fox", state="order 17", extra_body=extra)
    assert sandbox.submissions[-1].body == {"prompt": "a fox", "state": "order 17", **extra}


@pytest.mark.parametrize("dialect", ["crazyrouter"])
@pytest.mark.parametrize(
    "kwargs",
    [
        {"extra_body": {"prompt": "a hare"}},
        {"extra_body": {"state": "order 17"}, "state": "order 18"},
        {"extra_body": {"thing": object()}},
        {"state": "x" * 256},
        {"bot_type": "dalle"},
        {"images": ["data:image/png;base64,AAAA"]},
    ],
    ids=["extra twice", "state twice", "no JSON", "long state", "bot", "no picture"],
)
def test_what_can_not_be_right_is_refused_before_anything_is_written_down_or_paid(sandbox, kwargs):
    store = Store()
    operator = MJImagineOperator(task_id="t", wait_for_completion=False, **{"prompt": "a fox", **kwargs})
    with pytest.raises((AirflowFailException, ValueError)):
        operator.execute(context(store))
    assert (sandbox.submissions, store.values) == ([], {})


@pytest.mark.parametrize(
    ("operator", "kwargs", "words"),
    [
        (MJImagineOperator, {"prompt": " \n"}, "prompt must not be empty"),
        (MJShortenOperator, {"prompt": ""}, "prompt must not be empty"),
        (MJEditsOperator, {"prompt": "", "image": PNG}, "prompt must not be empty"),
        (MJBlendOperator, {"images": [PNG]}, "2 to 5 pictures"),
        (MJBlendOperator, {"images": [PNG] * 6}, "2 to 5 pictures"),
        (MJImagineOperator, {"prompt": "x", "timeout": 0}, "timeout"),
        (MJImagineOperator, {"prompt": "x", "queue_timeout": -1}, "queue_timeout"),
    ],
)
def test_plain_mistakes_show_when_the_dag_is_parsed(operator, kwargs, words):
    with pytest.raises(ValueError, match=words):
        operator(task_id="t", **kwargs)


@pytest.mark.parametrize("dialect", ["trueai"])
@pytest.mark.parametrize(
    ("operator", "kwargs", "words"),
    [
        (MJBlendOperator, {"images": [PNG, GIF], "dimensions": "ROUND"}, "PORTRAIT, SQUARE, LANDSCAPE"),
        (MJVideoOperator, {"image": PNG, "motion": "wild"}, "low, high"),
        (MJVideoOperator, {"image": PNG, "index": 1}, "give its mj_task_id"),
        (MJVideoOperator, {"mj_task_id": "17", "index": 4}, "0, 1, 2, 3"),
        (MJVideoOperator, {}, "image must be a picture"),
        (MJSwapFaceOperator, {"source": PNG, "target": PNG_URI}, "different pictures"),
    ],
)
def test_parameters_are_checked_before_paying(sandbox, operator, kwargs, words):
    with pytest.raises(AirflowFailException, match=words):
        submit(operator, **kwargs)
    assert sandbox.submissions == []
