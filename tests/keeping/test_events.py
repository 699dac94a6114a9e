"""What the event of an asset says: bounded, whatever a gateway has sent."""

from __future__ import annotations

import json

import pytest

from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.operators.saving import _news


def pictures(count: int) -> list[dict[str, object]]:
    return [{"uri": f"file:///data/{place}.png", "sha256": "0" * 64} for place in range(count)]


def task(prompt: str | None) -> Task:
    return Task(id="17", status="SUCCESS", prompt=prompt)


@pytest.mark.parametrize(("tasks", "each"), [(1, 16), (10, 4), (500, 4), (5000, 1)])
def test_an_event_has_at_most_64_ki_characters_of_prompts(tasks, each):
    news = _news([(task("x" * 100_000), pictures(each)) for _ in range(tasks)])
    assert len(news) == tasks * each
    assert sum(len(one["prompt"]) for one in news) <= 65536
    assert len(json.dumps(news)) < 65536 + len(news) * 200


def test_a_prompt_of_ordinary_length_is_whole_for_a_catalogue():
    prompt = "a lighthouse in the fog --ar 1:1 --style raw"
    news = _news([(task(prompt), pictures(4)) for _ in range(300)])
    assert {one["prompt"] for one in news} == {prompt}


def test_the_longest_prompt_that_midjourney_takes_is_whole():
    assert [len(one["prompt"]) for one in _news([(task("x" * 9000), pictures(4))])] == [6000] * 4


def test_a_task_without_a_prompt_has_none_in_the_event():
    assert [one["prompt"] for one in _news([(task(None), pictures(1))])] == [None]
