"""What the operators that submit say when they submit nothing."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from desks import PAID, Store
from fakes import context

from airflow_provider_mj.images import ImageInputError
from airflow_provider_mj.operators.mj import (
    MJActionOperator,
    MJDescribeOperator,
    MJImagineOperator,
    MJSaveImagesOperator,
    MJShortenOperator,
)


@pytest.mark.parametrize(
    ("store", "said"),
    [
        pytest.param(Store(), "nothing was submitted", id="nothing was paid"),
        pytest.param(Store(PAID), "17 of an earlier try is paid for", id="an earlier try has paid"),
    ],
)
def test_arguments_that_cannot_be_right_say_what_is_paid(store, said):
    operator = MJImagineOperator(task_id="draw", prompt="{{ nothing }}")
    operator.prompt = " "
    with pytest.raises(AirflowFailException, match=said):
        operator.execute({**context(), "task_state_store": store})


def test_a_file_that_is_not_there_is_worth_another_try(tmp_path):
    operator = MJImagineOperator(task_id="draw", prompt="a cat", images=[str(tmp_path / "not_there.png")])
    with pytest.raises(ImageInputError, match="no such file"):
        operator.execute(context())


@pytest.mark.parametrize("kind", [MJActionOperator, MJSaveImagesOperator])
def test_text_that_looks_like_a_task_and_is_none_is_refused_without_showing_it(kind):
    more = {"button": "U2"} if kind is MJActionOperator else {"destination": "file:///pictures"}
    with pytest.raises(ValueError, match="task must be a task as it stands in XCom") as caught:
        kind(task_id="t", task="{'imageUrl': secret}", **more)
    assert "secret" not in str(caught.value)


TRANSLATED = {"promptEn": "1. a cat", "prompt": "1. 一只猫", "properties": {}}


@pytest.mark.parametrize(("language", "prompts"), [("zh", ["一只猫"]), (None, ["a cat"])])
def test_a_description_is_given_in_the_language_that_was_asked_for(language, prompts):
    operator = MJDescribeOperator(task_id="t", image=b"cat", language=language, do_xcom_push=False)
    assert operator.result({}, [TRANSLATED]) == prompts


def test_a_shortened_prompt_is_never_a_translation():
    operator = MJShortenOperator(task_id="t", prompt="a cat", do_xcom_push=False)
    assert operator.result({}, [TRANSLATED]) == ["a cat"]
