"""Rendered arguments: what Airflow shows and stores of them, and that templates in them still work."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath
from airflow.serialization.helpers import serialize_template_field
from fakes import context

from airflow_provider_mj.operators import mj
from airflow_provider_mj.operators.fields import unsealed

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 90
BASE64 = "iVBORw0KGgow" + "MDAw" * 29 + "MDA="
DATA_URI = f"data:image/png;base64,{BASE64}"
SIGNED = "https://cdn.discordapp.com/attachments/1/2/a.png?ex=6728831f&is=6727319f&hm=abc123def456&"
CREDENTIALS = "https://user:hunter2@host.example/a.png"
SECRETS = (BASE64[:24], BASE64[-40:], "hm=abc123def456", "6728831f", "hunter2", "x89PNG", "0000")
TASK = {
    "id": "17",
    "status": "SUCCESS",
    "action": "IMAGINE",
    "imageUrl": SIGNED,
    "imageUrls": [SIGNED],
    "videoUrl": SIGNED,
    "videoUrls": [SIGNED],
    "buttons": [{"customId": "MJ::JOB::upsample::2::x", "label": "U2", "emoji": "", "type": 2, "style": 2}],
    "properties": {"messageContent": SIGNED},
}


class Resolved:
    """Stands for the output of another task, as an ``XComArg`` does."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, context: Any, *args: Any, **kwargs: Any) -> Any:
        return self.value


def made(**every: Any) -> list[Any]:
    """Give each operator that has such an argument, with a value that it takes for the others."""
    one, several = every["picture"], [every["picture"], every["picture"]]
    return [
        mj.MJImagineOperator(task_id="imagine", prompt="a fox", images=several),
        mj.MJImagineOperator(task_id="imagine_one", prompt="a fox", images=one),
        mj.MJBlendOperator(task_id="blend", images=several),
        mj.MJDescribeOperator(task_id="describe", image=one),
        mj.MJShortenOperator(task_id="shorten", prompt="a fox"),
        mj.MJEditsOperator(task_id="edits", prompt="a hat", image=one, mask=one),
        mj.MJSwapFaceOperator(task_id="swap", source=one, target=one),
        mj.MJVideoOperator(task_id="video", image=one, end_image=one),
        mj.MJUploadImagesOperator(task_id="upload", images=several),
        mj.MJActionOperator(task_id="action", task=TASK, button="U2", modal={"prompt": "x", "mask": one}),
        mj.MJModalOperator(task_id="modal", mj_task_id="17", mask=one),
    ]


def shown(operator: Any) -> str:
    """Give everything that Airflow stores of an operator's arguments."""
    fields = {name: getattr(operator, name) for name in operator.template_fields}
    return json.dumps({name: serialize_template_field(value, name) for name, value in fields.items()})


def render(operator: Any, given: dict[str, Any] | None = None) -> Any:
    operator.render_template_fields({**context(), "params": {}, **(given or {})})
    return operator


PICTURES = {
    "data URI": DATA_URI,
    "bytes": PNG,
    "bytearray": bytearray(PNG),
    "base64 by mistake": BASE64,
    "signed link": SIGNED,
    "credentials": CREDENTIALS,
    "path": Path("/data/0/a.png"),
    "text path": "/data/0/a.png",
    "object storage": ObjectStoragePath("file:///data/0/a.png"),
}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("is_rendered", [False, True])
def test_no_picture_and_no_signed_link_is_shown(picture, is_rendered):
    for operator in made(picture=picture):
        text = shown(render(operator) if is_rendered else operator)
        assert not any(secret in text for secret in SECRETS), operator.task_id


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_rendering_changes_no_picture(picture):
    imagine, alone, blend, describe, *_ = (render(one) for one in made(picture=picture))
    assert unsealed(imagine.images) == unsealed(blend.images) == [picture, picture]
    assert unsealed(alone.images) == [picture]
    assert unsealed([describe.image]) == [picture]


@pytest.mark.parametrize("picture", [DATA_URI, PNG, SIGNED, "/data/a.png"])
def test_what_comes_out_of_a_template_is_shown_no_more_than_what_was_written(picture):
    for operator in made(picture=Resolved(picture)):
        for name in operator.template_fields:  # as an XComArg is rendered
            value = getattr(operator, name)
            setattr(operator, name, resolved(value))
        assert not any(secret in shown(operator) for secret in SECRETS), operator.task_id


def resolved(value: Any) -> Any:
    if isinstance(value, Resolved):
        return value.value
    if isinstance(value, list):
        return [resolved(one) for one in value]
    return {key: resolved(one) for key, one in value.items()} if isinstance(value, dict) else value


def test_templates_are_rendered():
    operator = mj.MJImagineOperator(
        task_id="t",
        prompt="a {{ params.animal }}",
        images=["{{ params.link }}", "/data/{{ params.animal }}.png"],
        state="{{ params.animal }}-1",
        extra_body={"notifyHook": "https://hook.example/{{ params.animal }}"},
        mj_conn_id="mj_{{ params.animal }}",
    )
    render(operator, {"params": {"animal": "fox", "link": SIGNED}})
    assert (operator.prompt, operator.state, operator.mj_conn_id) == ("a fox", "fox-1", "mj_fox")
    assert operator.extra_body == {"notifyHook": "https://hook.example/fox"}
    assert unsealed(operator.images) == [SIGNED, "/data/fox.png"]
    assert "hm=" not in shown(operator)


def test_templates_of_a_press_are_rendered():
    operator = mj.MJActionOperator(
        task_id="t",
        task="{{ params.id }}",
        button="U{{ params.n }}",
        modal={"prompt": "a {{ params.animal }}", "mask": "{{ params.link }}"},
    )
    render(operator, {"params": {"id": "17", "n": 3, "animal": "fox", "link": SIGNED}})
    assert (operator.task, operator.button, operator.modal["prompt"]) == ("17", "U3", "a fox")
    assert unsealed([operator.modal["mask"]]) == [SIGNED]
    assert "hm=" not in shown(operator)


@pytest.mark.parametrize("native", [True, False])
def test_a_task_that_a_template_pulls_out_of_xcom_is_kept_without_its_links(native):
    with DAG("d", schedule=None, render_template_as_native_obj=native):
        operator = mj.MJActionOperator(task_id="t", task="{{ params.task }}", button="U2")
    render(operator, {"params": {"task": TASK}})
    assert not any(secret in shown(operator) for secret in SECRETS)
    assert native is False or operator.task["id"] == "17"


def test_the_output_of_another_task_makes_it_an_upstream():
    with DAG("d", schedule=None):
        grid = mj.MJImagineOperator(task_id="grid", prompt="a fox")
        press = mj.MJActionOperator(
            task_id="press", task=grid.output, button="U2", modal={"mask": grid.output["imageUrl"]}
        )
        blend = mj.MJBlendOperator(task_id="blend", images=[grid.output["imageUrl"], "/data/a.png"])
        edits = mj.MJEditsOperator(task_id="edits", prompt="a hat", image=grid.output["imageUrl"])
    assert grid.downstream_task_ids == {press.task_id, blend.task_id, edits.task_id}


@pytest.mark.parametrize("picture", [DATA_URI, PNG, SIGNED], ids=["data URI", "bytes", "signed link"])
def test_mapped_operators_show_no_more(picture):
    with DAG("d", schedule=None, params={"animal": "fox"}) as dag:
        mapped = mj.MJEditsOperator.partial(task_id="t", mask=picture).expand(
            prompt=["a {{ params.animal }}", "a hat"], image=[picture]
        )
    given = {**context(), "dag": dag, "params": {}, "expanded_ti_count": 2}
    given |= {"run_id": "run", "dag_run": SimpleNamespace(conf={}), "task_instance": given["ti"]}
    given["ti"].map_index = 0
    mapped.render_template_fields(given)
    operator = given["task"]
    assert operator.prompt == "a fox"
    assert unsealed([operator.image, operator.mask]) == [picture, picture]
    assert not any(secret in shown(operator) for secret in SECRETS)


@pytest.mark.parametrize("modal", ["a hare", ["a hare"], {"prompts": "a hare"}, {"task": "17"}])
def test_an_answer_of_another_shape_is_refused_when_the_dag_is_parsed(modal):
    with pytest.raises(ValueError, match="modal must be a dict with prompt, mask or both"):
        mj.MJActionOperator(task_id="t", task="17", button="V1", modal=modal)
