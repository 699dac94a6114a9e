"""A DAG whose operators get a gateway's texts out of XCom, by every way there is. Run, it tests itself.

Each task writes down the arguments that it has once everything is rendered, and calls no gateway.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task, task_decorator_factory

from airflow_provider_mj.decorators.mj import _MJImagineDecoratedOperator
from airflow_provider_mj.operators import mj
from airflow_provider_mj.operators.fields import Sealed
from airflow_provider_mj.sensors.mj import MJTaskSensor

FOLDER = Path(os.environ.get("HOSTILE_TEXTS_FOLDER", "."))
# Rendered, it has a word in it that it does not have as it stands, and leaves a file.
TEXT = "{{ 'rend' ~ 'ered' }}{% if true %}rend{% endif %}ered{# #}{{ mark() }}"
LINK = f"https://pictures.example/{TEXT}.png"
WRITTEN = "{{ 'auth' ~ 'or' }}"
BUTTON = {"customId": f"MJ::JOB::upsample::1::{TEXT}", "label": TEXT, "emoji": TEXT, "type": 2, "style": 2}
TASK = {
    "id": "17",
    "status": "SUCCESS",
    "action": TEXT,
    "prompt": TEXT,
    "imageUrl": LINK,
    "buttons": [BUTTON],
    "properties": {"finalPrompt": TEXT, "nested": [{"deep": TEXT}]},
}
VALUES: dict[str, Any] = {
    "text": TEXT,
    "link": LINK,
    "task": TASK,
    "tasks": [TASK, TASK],
    "links": [LINK, LINK],
    "modal": {"prompt": TEXT, "mask": LINK},
    "dict": {"notifyHook": TEXT, "nested": {"list": [TEXT]}},
    "texts": [TEXT, TEXT],
}
PICTURES = ("images", "image", "mask", "end_image", "source", "target")


def kind_of(operator: type, field: str) -> str:
    """Return which of the values suits a field."""
    if field == "task":
        return "tasks" if operator is mj.MJSaveImagesOperator else "task"
    special = {"modal": "modal", "extra_body": "dict", "images": "links", "mj_task_ids": "texts"}
    return special.get(field, "link" if field in PICTURES else "text")


def within(kind: str, given: Any) -> Any:
    """Return the same value, put together from parts that come out of XCom."""
    return {
        "links": [given["link"], given["text"]],
        "tasks": [given["task"], given["task"]],
        "texts": [given["text"], given["text"]],
        "modal": {"prompt": given["text"], "mask": given["link"]},
        "dict": {"notifyHook": given["text"], "nested": {"list": [given["text"]]}},
    }.get(kind, given[kind])


def plain(value: Any) -> Any:
    """Return a value without seals, whatever is in it."""
    if isinstance(value, Sealed):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    is_many = hasattr(value, "__iter__") and not isinstance(value, str | bytes)
    return [plain(one) for one in value] if is_many else str(value)


def write_down(operator: Any) -> None:
    fields = {name: plain(getattr(operator, name)) for name in operator.template_fields}
    with (FOLDER / "seen.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"task_id": operator.task_id, "fields": fields}) + "\n")


def mark() -> str:
    (FOLDER / "rendered").touch()
    return ""


def recording(base: type) -> type:
    """Return an operator that only writes down what it was given."""

    def execute(self: Any, context: Any) -> None:
        write_down(self)

    return type(f"Recording{base.__name__}", (base,), {"execute": execute})


OPERATORS = [
    *(
        mj.MJImagineOperator,
        mj.MJBlendOperator,
        mj.MJDescribeOperator,
        mj.MJShortenOperator,
        mj.MJEditsOperator,
    ),
    *(mj.MJSwapFaceOperator, mj.MJVideoOperator, mj.MJUploadImagesOperator, mj.MJActionOperator),
    *(mj.MJModalOperator, mj.MJTaskResultOperator, mj.MJSaveImagesOperator, MJTaskSensor),
]
# A sensor is for one task or for several.
VARIANTS = [
    (operator, fields)
    for operator in OPERATORS
    for fields in (
        [
            tuple(one for one in operator.template_fields if one != left)
            for left in ("mj_task_id", "mj_task_ids")
        ]
        if operator is MJTaskSensor
        else [tuple(operator.template_fields)]
    )
]
WAYS = ("output", "within", "jinja", "expand", "expand_kwargs", "literal_kwargs", "partial")


def add(operator: type, fields: tuple[str, ...], name: str, given: Any) -> None:
    """Add a task for each way in which arguments come out of XCom."""
    kinds = {field: kind_of(operator, field) for field in fields}
    made = recording(operator)
    out = {field: given[kind] for field, kind in kinds.items()}
    first = fields[0]
    made(task_id=f"{name}.output", **out)
    made(task_id=f"{name}.within", **{field: within(kind, given) for field, kind in kinds.items()})
    pulled = {field: f"{{{{ ti.xcom_pull('give', key='{kind}') }}}}" for field, kind in kinds.items()}
    made(task_id=f"{name}.jinja", **{**pulled, **whole_modal(pulled)}).set_upstream(given["text"].operator)
    made.partial(task_id=f"{name}.expand").expand(**{f: given[f"one {kind}"] for f, kind in kinds.items()})
    made.partial(task_id=f"{name}.expand_kwargs").expand_kwargs(given[f"rows {name}"])
    made.partial(task_id=f"{name}.literal_kwargs").expand_kwargs([given[f"row {name}"]])
    rest = {field: value for field, value in out.items() if field != first}
    made.partial(task_id=f"{name}.partial", **rest).expand(**{first: [WRITTEN]})


def whole_modal(pulled: dict[str, str]) -> dict[str, Any]:
    """A window's answer is a dict, also where templates are in it."""
    if "modal" not in pulled:
        return {}
    return {
        "modal": {
            "prompt": "{{ ti.xcom_pull('give', key='text') }}",
            "mask": "{{ ti.xcom_pull('give', key='link') }}",
        }
    }


def returning(task_id: str, value: Any) -> Any:
    """Return what a task returns that stands for a gateway's answers."""
    return task(task_id=task_id)(lambda: value)()


def give_all(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return every value as it comes out of XCom: by itself, as the only one of a list, and in rows."""

    @task(task_id="give", multiple_outputs=True)
    def give() -> dict[str, Any]:
        return VALUES

    output = give()
    return {
        **{kind: output[kind] for kind in VALUES},
        **{f"one {kind}": returning(f"one.{kind}", [value]) for kind, value in VALUES.items()},
        **{f"row {name}": returning(f"row.{name}", row) for name, row in rows.items()},
        **{f"rows {name}": returning(f"rows.{name}", [row]) for name, row in rows.items()},
    }


def make(dag_id: str, *, native: bool) -> DAG:
    names = {}
    for operator, fields in VARIANTS:
        name = operator.__name__.removeprefix("MJ").removesuffix("Operator").lower()
        names[name if name not in names else f"{name}s"] = (operator, fields)
    rows = {
        name: {field: VALUES[kind_of(operator, field)] for field in fields}
        for name, (operator, fields) in names.items()
    }
    rows["decorated"] = {"one": TEXT, "many": {"list": [TEXT]}}
    with DAG(
        dag_id,
        schedule=None,
        start_date=pendulum.datetime(2024, 1, 1),
        render_template_as_native_obj=native,
        user_defined_macros={"mark": mark},
    ) as dag:
        given = give_all(rows)
        for name, (operator, fields) in names.items():
            add(operator, fields, name, given)
        add_decorated(given)
    return dag


def add_decorated(given: Any) -> None:
    made = recording(_MJImagineDecoratedOperator)

    def decorated(task_id: str, **kwargs: Any) -> Any:
        def draw(one: Any, many: Any) -> str:
            return "never called"

        return task_decorator_factory(
            draw,
            multiple_outputs=False,
            decorated_operator_class=made,
            task_id=f"decorated.{task_id}",
            **kwargs,
        )

    texts = {"state": given["text"], "extra_body": given["dict"], "bot_type": given["text"]}
    decorated("output", **texts)(one=given["text"], many=given["dict"])
    decorated("within", **texts)(given["text"], {"list": [given["text"]]})
    pulled = "{{ ti.xcom_pull('give', key='text') }}"
    decorated("jinja")(one=pulled, many=[pulled]).operator.set_upstream(given["text"].operator)
    decorated("expand", **texts).expand(one=given["one text"], many=given["one dict"])
    decorated("expand_kwargs").expand_kwargs(given["rows decorated"])
    decorated("literal_kwargs").expand_kwargs([given["row decorated"]])
    decorated("partial", **texts).partial(many=given["dict"]).expand(one=[WRITTEN])


plain_dag = make("hostile_texts", native=False)
native_dag = make("hostile_texts_native", native=True)

if __name__ == "__main__":
    runs = [dag.test() for dag in (plain_dag, native_dag)]
    sys.exit(any(str(run.state).rpartition(".")[2].lower() != "success" for run in runs))
