"""What is rendered and what is not: only an author's templates, once; and what is shown of the rest."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task
from airflow.serialization.helpers import serialize_template_field
from fakes import context

from airflow_provider_mj.operators import mj
from airflow_provider_mj.operators.fields import Sealed, _holds_unrendered, unsealed
from airflow_provider_mj.rendering import foreign_values, holds_template, is_rendered

TEXT = "{{ 'rend' ~ 'ered' }}"
SIGNED = "https://cdn.discordapp.com/attachments/1/2/a.png?ex=6728831f&is=6727319f&hm=abc123def456&"
TASK = {
    "id": "17",
    "status": "SUCCESS",
    "prompt": TEXT,
    "imageUrl": SIGNED,
    "buttons": [{"customId": TEXT, "label": "U1"}],
}


def rendered(operator: Any, **given: Any) -> Any:
    whole = {**context(), "params": {}, "run_id": "run", "dag_run": SimpleNamespace(conf={}), **given}
    whole["task_instance"] = whole["ti"]
    whole["ti"].map_index = 0
    operator.render_template_fields(whole)
    return whole.get("task", operator)


def shown(operator: Any) -> str:
    fields = {name: getattr(operator, name) for name in operator.template_fields}
    return json.dumps({name: serialize_template_field(value, name) for name, value in fields.items()})


def mapped_rows(operator: Any, row: dict[str, Any], **partial: Any) -> Any:
    """Map over rows that come out of XCom, and render the first as a worker does."""
    with DAG("d", schedule=None) as dag:
        rows = task(task_id="rows")(lambda: [row])()
        mapped = operator.partial(task_id="t", **partial).expand_kwargs(rows)
    given = {**context(), "params": {}, "dag": dag}
    unmapped = mapped.unmap(row)
    given["ti"].map_index = 0
    # As Airflow does it up to 3.3: it thinks that an author wrote what came in a row.
    unmapped._do_render_template_fields(
        parent=unmapped,
        template_fields=mapped.template_fields,
        context=given,
        jinja_env=mapped.get_template_env(),
        seen_oids=set(),
    )
    return unmapped


def test_what_expand_kwargs_brings_is_no_template_and_what_the_author_wrote_is():
    press = mapped_rows(mj.MJActionOperator, {"task": TASK, "button": TEXT}, state="{{ 'a' ~ 'b' }}")
    assert unsealed(press.task)[0]["buttons"] == TASK["buttons"]
    assert (press.button, press.state) == (TEXT, "ab")
    assert SIGNED not in shown(press)


@pytest.mark.parametrize(
    ("operator", "row", "field"),
    [
        (mj.MJSaveImagesOperator, {"task": [TASK, {**TASK, "id": TEXT}], "destination": "file:///d"}, "task"),
        (mj.MJImagineOperator, {"images": [f"https://a/{TEXT}"], "prompt": TEXT}, "images"),
        (mj.MJDescribeOperator, {"image": f"/data/{TEXT}.png"}, "image"),
        (mj.MJModalOperator, {"mask": TEXT, "mj_task_id": "17"}, "mask"),
        (mj.MJSwapFaceOperator, {"source": TEXT, "target": TEXT}, "source"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_pictures_and_tasks_of_a_row_are_sealed_as_they_are(operator, row, field):
    made = mapped_rows(operator, row)
    assert "rendered" not in json.dumps(unsealed(getattr(made, field)))
    assert TEXT in json.dumps(unsealed(getattr(made, field)))


def test_a_row_that_the_author_wrote_is_rendered():
    with DAG("d", schedule=None) as dag:
        mapped = mj.MJShortenOperator.partial(task_id="t").expand_kwargs([{"prompt": TEXT}])
    assert rendered(mapped, dag=dag, expanded_ti_count=1).prompt == "rendered"


def test_an_operator_that_is_not_mapped_has_nothing_foreign():
    operator = mj.MJShortenOperator(task_id="t", prompt=TEXT)
    assert foreign_values(operator, context()) == []
    assert rendered(operator).prompt == "rendered"


def test_what_was_rendered_is_not_rendered_again():
    operator = mj.MJShortenOperator(task_id="t", prompt="{{ params.text }}")
    assert not is_rendered(operator)
    rendered(operator, params={"text": TEXT})
    assert is_rendered(operator)
    assert rendered(operator, params={"text": "x"}).prompt == TEXT


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(
    "text",
    [json.dumps(TASK), str(TASK), json.dumps([TASK, TASK]), f"{SIGNED}{TEXT}", f"{{{{ {SIGNED}", "17{% if"],
    ids=["json", "python", "list", "link", "half a template", "half a statement"],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda text: mj.MJActionOperator(task_id="t", task=text, button="U1"),
        lambda text: mj.MJSaveImagesOperator(task_id="t", task=text, destination="file:///d"),
        lambda text: mj.MJImagineOperator(task_id="t", prompt="a fox", images=text),
        lambda text: mj.MJModalOperator(task_id="t", mj_task_id="17", mask=text),
    ],
    ids=["press", "save", "imagine", "modal"],
)
def test_a_text_with_marks_of_a_template_in_it_is_sealed_like_any_other(make, text, native):
    with DAG("d", schedule=None, render_template_as_native_obj=native):
        operator = make("{{ params.text }}")
    rendered(operator, params={"text": text})
    assert "hm=" not in shown(operator)
    assert "rendered" not in shown(operator)


def test_a_sealed_task_shows_its_id_and_nothing_else():
    assert repr(Sealed(TASK)) == "task 17"
    assert repr(Sealed({**TASK, "id": SIGNED})) == "task without a usable id"
    assert repr(Sealed({**TASK, "id": "1\n2"})) == "task without a usable id"


@pytest.mark.parametrize("value", [TEXT, [TEXT], {"a": {"b": (TEXT,)}}, {"{% x"}, "{# x #}"])
def test_templates_are_found_at_any_depth(value):
    assert holds_template(value)


@pytest.mark.parametrize("value", ["{ {", ["a"], {"{{": 1}, None, 3, b"{{"])
def test_what_jinja_does_not_render_is_no_template(value):
    assert not holds_template(value)


def deep(inside: Any, *, as_dicts: bool = False) -> Any:
    """Put a value into lists, or dicts, inside of each other, deeper than Python lets functions call."""
    for _ in range(5000):
        inside = {"a": inside} if as_dicts else [inside]
    return inside


@pytest.mark.parametrize("as_dicts", [False, True])
def test_what_is_deeper_than_python_calls_is_walked_all_the_same(as_dicts):
    assert holds_template(deep(TEXT, as_dicts=as_dicts))
    assert not holds_template(deep("a fox", as_dicts=as_dicts))
    assert _holds_unrendered(deep(TEXT, as_dicts=as_dicts))
    assert not _holds_unrendered(deep("a fox", as_dicts=as_dicts))


def test_what_holds_itself_has_an_end():
    ring: list[Any] = ["a fox"]
    ring.append({"again": ring})
    assert not holds_template(ring)
    ring.append(TEXT)
    assert holds_template(ring)


@pytest.mark.parametrize("inside", ["a fox", TEXT])
@pytest.mark.parametrize("as_dicts", [False, True])
def test_a_deep_row_out_of_xcom_is_foreign_and_left_alone(inside, as_dicts):
    row = {"images": [deep(inside, as_dicts=as_dicts)], "prompt": TEXT}
    made = mapped_rows(mj.MJImagineOperator, row)
    assert made.prompt == TEXT
    assert unsealed(made.images)[0] is row["images"][0]


@pytest.mark.parametrize(
    ("operator", "field", "given"),
    [
        (mj.MJImagineOperator, "images", {"prompt": "a hare"}),
        (mj.MJModalOperator, "mask", {"mj_task_id": "17"}),
        (mj.MJSaveImagesOperator, "task", {"destination": "file:///d"}),
        (mj.MJActionOperator, "task", {"button": "U1"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("inside", ["a fox", TEXT])
def test_deep_outputs_of_other_tasks_are_sealed_and_shown_as_lists(operator, field, given, inside):
    made = operator(task_id="t", **{field: "{{ params.x }}"}, **given).prepare_for_execution()
    rendered(made, params={"x": "17"})
    for value in (deep(inside), [deep(inside)], {"id": "17", "buttons": deep(inside)}):
        setattr(made, field, value)
        assert "fox" not in shown(made)


def test_a_list_where_a_task_belongs_is_no_id():
    press = mj.MJActionOperator(task_id="t", task="{{ params.x }}", button="U1").prepare_for_execution()
    rendered(press, params={"x": "17"})
    press.task = deep("17")
    with pytest.raises(ValueError, match="got a list"):
        _ = press._parent_id
