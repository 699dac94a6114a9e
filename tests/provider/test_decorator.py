"""``@task.mj_imagine``: what the function returns is imagined."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from fakes import API, context, deferred

from airflow_provider_mj.decorators.mj import mj_imagine_task

if TYPE_CHECKING:
    import responses

DONE = {"status": "SUCCESS", "imageUrl": "https://a/1.png"}
PNG = b"\x89PNG\r\n\x1a\n0"
PNG_URI = "data:image/png;base64,iVBORw0KGgow"


class Store(dict[str, Any]):
    """A task's state store."""

    delete = dict.pop

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self[key] = value


@pytest.fixture
def bodies(gateway: responses.RequestsMock, fetches: Any) -> list[dict[str, Any]]:
    """Let the gateway accept every imagine as task 17, which is finished at once; give the bodies."""
    seen: list[dict[str, Any]] = []

    def accept(request: Any) -> Any:
        seen.append(json.loads(request.body))
        return 200, {}, json.dumps({"code": 1, "description": "ok", "result": "17"})

    gateway.add_callback("POST", f"{API}/submit/imagine", accept)
    fetches(DONE)
    return seen


def imagine(function: Any, given: dict[str, Any] | None = None, *args: Any, **kwargs: Any) -> Any:
    operator = mj_imagine_task(function, task_id="draw", **kwargs)(*args).operator
    return operator.execute(context() if given is None else given)


def test_a_prompt_is_imagined(bodies):
    given = context()
    task = imagine(lambda: "a  fox —ar 2:3", given)
    assert (task["id"], task["imageUrl"]) == ("17", "https://a/1.png")
    assert given["ti"].xcoms["imageUrl"] == "https://a/1.png"
    assert [body["prompt"] for body in bodies] == ["a fox --ar 2:3"]


def test_a_dict_gives_everything_that_an_imagine_takes(bodies):
    said = {"prompt": "a fox", "images": [PNG], "bot_type": "niji", "state": "mine", "extra_body": {"x": 1}}
    imagine(lambda: said)
    expected = {
        "prompt": "a fox",
        "base64Array": [PNG_URI],
        "botType": "NIJI_JOURNEY",
        "state": "mine",
        "x": 1,
    }
    assert bodies == [expected]


def test_the_function_has_its_arguments_and_the_context(bodies):
    def function(animal: str, colour: str = "red", *, ti: Any) -> str:
        return f"a {colour} {animal} of {ti.dag_id}"

    imagine(function, None, "fox")
    assert bodies[0]["prompt"] == "a red fox of dag"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "must return the prompt, or a dict"),
        (17, "must return the prompt, or a dict"),
        (["a fox"], "must return the prompt, or a dict"),
        ({"images": [PNG]}, "must return the prompt, or a dict"),
        ({"prompt": "a fox", "button": "U2"}, "must return the prompt, or a dict"),
        ({"prompt": 17}, "prompt must be text"),
        ("  ", "prompt must be text and not empty"),
        ({"prompt": "a fox", "bot_type": "dalle"}, "bot_type"),
        ({"prompt": "a fox", "extra_body": ["x"]}, "extra_body"),
    ],
)
def test_a_wrong_return_value_is_not_retried_and_not_paid(bodies, said, words):
    store = Store()
    with pytest.raises(AirflowFailException, match=words):
        imagine(lambda: said, {**context(), "task_state_store": store})
    assert (bodies, store) == ([], {})


def test_an_error_in_the_function_is_the_tasks_error(bodies):
    def function() -> str:
        raise LookupError("no such animal")

    with pytest.raises(LookupError, match="no such animal"):
        imagine(function)
    assert bodies == []


def test_a_second_try_takes_up_the_task_unless_the_function_says_something_else(bodies):
    store, said = Store(), ["a fox", "a fox", "a hare"]
    for _ in range(3):
        imagine(lambda: said.pop(0), {**context(), "task_state_store": store})
    assert [body["prompt"] for body in bodies] == ["a fox", "a hare"]


def test_it_waits_in_the_triggerer_too(bodies, fetches):
    fetches({"status": "IN_PROGRESS", "progress": "40%"}, DONE)

    def make() -> Any:
        draw = mj_imagine_task(lambda: "a fox", task_id="draw", deferrable=True, poll_interval=0.01)
        return draw().operator

    assert deferred(make, context())["id"] == "17"
    assert len(bodies) == 1


def test_airflow_finds_it_by_its_name():
    from airflow_provider_mj.get_provider_info import get_provider_info

    (known,) = get_provider_info()["task-decorators"]
    module, _, name = known["class-name"].rpartition(".")
    assert known["name"] == "mj_imagine"
    assert (module, name) == (mj_imagine_task.__module__, mj_imagine_task.__name__)
