"""How what a gateway sends differs from what is expected: pure."""

from __future__ import annotations

from typing import Any

import pytest
from checking import BUTTONS, FINISHED

from airflow_provider_mj.check.compared import compare
from airflow_provider_mj.gateway.answers import Answer, Ask
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.gateway.transport import Request

STATE = "airflow-1"
LINK = "https://cdn.example/1.png?ex=6728831f&is=6727319f&hm=ab&"
GOOD = FINISHED | {"state": STATE, "imageUrl": LINK, "buttons": BUTTONS}
TAKEN = {"code": 1, "description": "ok", "result": "17", "properties": {}}


def heard(path: str, body: Any) -> tuple[Request, Answer]:
    ask = Ask.SUBMIT if path.startswith("submit") else Ask.TASK
    return Request(ask=ask, method="GET", path=path, fits=bool), Answer(200, "", body, is_json=True)


def found(
    *answers: tuple[Request, Answer], task: dict[str, Any] | None = None, **more: Any
) -> list[tuple[str, str]]:
    tasks = [] if task is None else [(Task.from_wire(task), STATE)]
    return [(finding.kind, finding.text) for finding in compare(answers, tasks, **more)]


def test_what_is_as_expected_is_not_told():
    answers = [heard("submit/imagine", TAKEN), heard("task/17/fetch", GOOD), heard("task/list", [GOOD, GOOD])]
    assert found(*answers, task=GOOD) == []


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        (
            "submit/imagine",
            TAKEN | {"requestId": "1"},
            "the answer to a submission has the field `req",
        ),
        ("task/17/fetch", GOOD | {"eta": 5}, "a task has the field `eta`"),
        ("task/list-by-condition", [GOOD, GOOD | {"fourK": ""}], "a task has the field `fourK`"),
        ("task/17/fetch", GOOD | {"a\n\x1b[31mb": 5}, "a task has the field `a [31mb`"),
    ],
)
def test_fields_that_are_not_known(path, body, text):
    ((kind, words),) = found(heard(path, body), heard(path, body))
    assert kind == "unknown_field"
    assert words.startswith(text)


@pytest.mark.parametrize("word", ["PAUSED", "success", "ENDED WELL", 5])
def test_status_words_never_seen(word):
    ((kind, words),) = found(heard("task/17/fetch", GOOD | {"status": word}))
    assert (kind, words) == ("unknown_status", f"a task has the status `{word}`, never seen before")


@pytest.mark.parametrize("word", ["", None, "NOT_START", "MODAL", "CANCEL"])
def test_status_words_that_are_known(word):
    assert found(heard("task/17/fetch", GOOD | {"status": word})) == []


@pytest.mark.parametrize("state", [None, "", "airflow-", "another"])
def test_a_state_that_does_not_come_back(state):
    ((kind, words),) = found(task=GOOD | {"state": state})
    assert kind == "state_lost"
    assert "task 17 shows" in words


@pytest.mark.parametrize(
    "link", ["https://gw.example/mj/image/17", "https://cdn.example/1.png?ex=soon&token=x"]
)
def test_links_without_expiry(link):
    ((kind, words),) = found(task=GOOD | {"imageUrl": link})
    assert kind == "link_without_expiry"
    assert "token" not in words
    assert link.partition("?")[0] in words


def test_buttons_that_are_not_there():
    bare = GOOD | {"buttons": []}
    assert [kind for kind, _ in found(task=bare)] == ["no_buttons"]
    assert found(task=bare, has_buttons=False) == []


@pytest.mark.parametrize("body", [None, "text", 5, [], [1], {}, {"id": "17"}, {"error": "x"}, [[GOOD]]])
def test_what_is_no_task_is_passed_over(body):
    assert found(heard("task/17/fetch", body)) == []


def test_there_is_an_end_to_it():
    many = {f"field{number}": 1 for number in range(99)}
    assert len(found(heard("task/17/fetch", GOOD | many))) <= 40
