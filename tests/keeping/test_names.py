from __future__ import annotations

import re

import pytest

from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.keeping.names import check_template, file_name

LONG = "9" * 300


@pytest.mark.parametrize(
    ("template", "index", "name"),
    [
        ("{id}_{index}", 0, "17_0.png"),
        ("{id}_{index}", 4, "17_4.png"),
        ("{action}-{id}.{index}", 2, "upscale-17.2.png"),
        ("{id}", 0, "17.png"),
    ],
)
def test_a_name_is_made_of_the_template(template, index, name):
    check_template(template, is_split="{index}" in template)
    assert file_name(template, Task(id="17", action="UPSCALE"), index, "png") == name


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{index}", "must hold {id}"),
        ("", "must hold {id}"),
        ("{id}", "must hold {index}"),
        ("{id}_{prompt}_{index}", "name may hold"),
        ("{id.__class__}_{index}", "name may hold"),
        ("{id[0]}_{index}", "name may hold"),
        ("{id!r}_{index}", "name may hold"),
        ("{id:>99999999}_{index}", "name may hold"),
        ("{}_{id}_{index}", "name may hold"),
        ("{0}_{id}_{index}", "name may hold"),
        ("{id}_{index", "no template"),
        ("{{{id}}}_{index}", "letters, digits"),
        ("{id}/{index}", "letters, digits"),
        ("../{id}_{index}", "letters, digits"),
        ("a\\{id}_{index}", "letters, digits"),
        ("{id}_{index}\0", "letters, digits"),
        (".{id}_{index}", "no dot"),
        ("x" * 150 + "{id}_{index}", "too long"),
        ("{id}{id}{id}_{index}", "too long"),
        (17, "no template"),
    ],
)
def test_a_template_that_could_not_work_is_refused(template, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        check_template(template, is_split=True)


@pytest.mark.parametrize(
    "hostile",
    [
        *(
            "../../etc/passwd",
            "..",
            "/etc/passwd",
            "a/../../b",
            "..\\..\\b",
            "C:\\x",
            ".hidden",
            "...",
            "%2e%2e%2f",
        ),
        *("a\nb", "a\0b", "ид", "\u202egnp", " ", "-rf", "$(id)", "a;b", "con", LONG, "é" * 300),
    ],
)
@pytest.mark.parametrize("template", ["{id}_{index}", "{action}_{id}_{index}"])
def test_nothing_that_a_gateway_says_leads_out_of_the_folder(hostile, template):
    name = file_name(template, Task(id=hostile, action=hostile), 1, "png")
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._=-]{0,220}_1\.png", name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/b", "a_b"),
        ("a/b", "a\\b"),
        (LONG, LONG + "1"),
        ("..", "."),
        ("x" * 80, "x" * 81),
        (".a", "a"),
        ("a/b", "a_b=c14cddc033f6"),
        ("a/b", "a_b-c14cddc033f6"),
    ],
)
def test_different_tasks_never_share_a_name(one, other):
    names = {file_name("{id}_{index}", Task(id=task_id), 1, "png") for task_id in (one, other)}
    assert len(names) == 2
