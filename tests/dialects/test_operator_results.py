"""What operators give back, wait for and refuse, and what they pay, in each dialect."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from running import KEY, PNG, PNG_URI, Store, context, fetch

from airflow_provider_mj.gateway.errors import (
    NoAccountError,
    QueueFullError,
    SubmissionError,
)
from airflow_provider_mj.operators.mj import MJDescribeOperator, MJImagineOperator, MJShortenOperator

# What they do not tell in a list can't be searched for.
RELAYS = ("gptplus5", "crazyrouter")
FOX = "a red fox"

# --- results ---------------------------------------------------------------------------------------------


def test_a_picture_is_the_same_in_xcom_in_both_modes(sandbox, submit):
    given = context(Store())
    task = submit(given)
    assert task == fetch(task["id"])
    assert (task["status"], task["action"], task["prompt"]) == ("SUCCESS", "IMAGINE", FOX)
    assert given["ti"].xcoms == {"imageUrl": task["imageUrl"], "buttons": task["buttons"]}
    assert task["imageUrl"].startswith(sandbox.server.url)
    assert sandbox.charges == 1


def test_a_description_gives_its_prompts_and_the_task_in_an_xcom_of_its_own(sandbox, submit):
    given = context(Store())
    prompts = submit(given, operator=MJDescribeOperator)
    task = given["ti"].xcoms["task"]
    assert prompts == list(sandbox.gateway.tasks[task["id"]].lines)
    assert len(prompts) == 4
    assert given["ti"].xcoms == {"imageUrl": task["imageUrl"], "buttons": task["buttons"], "task": task}


def test_a_shortened_prompt_gives_its_forms(with_buttons, submit):
    given = context(Store())
    prompts = submit(given, "a very red fox on a hill", operator=MJShortenOperator)
    task = given["ti"].xcoms["task"]
    assert prompts == list(with_buttons.gateway.tasks[task["id"]].lines)
    assert prompts[0] == "a very red fox on a hill"
    assert (len(prompts), task["action"], task["imageUrl"]) == (5, "SHORTEN", None)


def test_without_waiting_the_id_is_given_and_a_later_task_collects(sandbox, submit):
    given = context(Store())
    mj_task_id = submit(given, wait_for_completion=False)
    assert given["ti"].xcoms == {}
    assert list(sandbox.gateway.tasks) == [mj_task_id]
    assert submit(given)["id"] == mj_task_id
    assert sandbox.charges == 1


@pytest.mark.parametrize("operator", [MJImagineOperator, MJDescribeOperator])
def test_do_xcom_push_is_respected(sandbox, submit, operator):
    given = context(Store())
    submit(given, operator=operator, do_xcom_push=False)
    assert given["ti"].xcoms == {}
    assert sandbox.charges == 1


def test_a_task_that_takes_too_long_may_be_collected_later(sandbox, submit):
    given = context(Store())
    with pytest.raises(TimeoutError, match="may still finish"):
        submit(given, "a slow fox [[seconds: 0.4]]", timeout=0.1)
    assert submit(given, "a slow fox [[seconds: 0.4]]")["status"] == "SUCCESS"
    assert sandbox.charges == 1


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a fox [[fail: out of paint]]", "ended as FAILURE: out of paint"),
        ("a fox [[banned]]", "That is moderation: change the prompt"),
        ("a fox [[cancel]]", "was cancelled"),
    ],
)
def test_a_task_that_ends_badly_is_not_retried(sandbox, submit, prompt, words):
    with pytest.raises(AirflowFailException, match=words):
        submit(prompt=prompt)
    assert sandbox.charges == 1


def test_neither_key_nor_picture_is_in_the_log(sandbox, submit, capfd, caplog):
    prompts = submit(operator=MJDescribeOperator)
    submit(prompt=prompts[0], images=[PNG, PNG_URI])
    told = "".join((*capfd.readouterr(), caplog.text))
    assert "Submitting imagine" in told
    assert not any(secret in told for secret in (KEY, PNG_URI[-60:], PNG_URI[30:60], "sig="))


# --- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "kind", "words"),
    [
        ("a bannedword", AirflowFailException, "the prompt is banned"),
        ("a fox [[no account]]", NoAccountError, "is available"),
        ("a fox [[system error]]", SubmissionError, "failed to submit"),
    ],
)
def test_a_refusal_is_not_paid_and_another_try_may_submit(sandbox, submit, prompt, kind, words):
    store = Store()
    with pytest.raises(kind, match=rf"{words}.*Nothing was paid") as caught:
        submit(context(store), prompt)
    assert type(caught.value) is kind
    assert (sandbox.charges, store.values) == (0, {})
    assert submit(context(store), FOX)["status"] == "SUCCESS"


@pytest.mark.parametrize("dialect", RELAYS)
def test_a_balance_that_is_too_low_is_not_retried(sandbox, submit):
    with pytest.raises(AirflowFailException, match="top up the key's balance"):
        submit(prompt="a fox [[quota]]")
    assert sandbox.charges == 0


def test_a_wrong_key_is_not_retried(sandbox, submit, monkeypatch):
    value = {"conn_type": "mj", "host": sandbox.server.url, "password": "sk-wrong-000"}
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps(value))
    store = Store()
    with pytest.raises(AirflowFailException, match="the key is refused"):
        submit(context(store), mj_conn_id="wrong")
    assert (sandbox.charges, store.values) == (0, {})


# --- the queue -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_store", [True, False])
def test_a_full_queue_is_waited_for_without_a_retry(sandbox, submit, worker_clock, has_store):
    sandbox.hold_queue(60)
    given = context(Store() if has_store else None)
    # The sandbox's clock stands still while the operator waits for the task.
    task = submit(given, "a fox [[seconds: 0]]", worker_clock.wait_until)
    assert task["status"] == "SUCCESS"
    assert sandbox.charges == 1
    # 10, 20, 40 seconds and up to a fifth more.
    assert len(worker_clock.slept) == 3
    assert all(
        least <= slept <= 1.2 * least for least, slept in zip((10, 20, 40), worker_clock.slept, strict=True)
    )


def test_a_gateway_that_says_when_to_come_back_is_asked_then(sandbox, submit, worker_clock):
    sandbox.fault("status", status=429, retry_after="50", path="/submit", times=1)
    submit(None, "a fox [[seconds: 0]]", worker_clock.wait_until)
    (slept,) = worker_clock.slept
    assert 50 <= slept <= 60
    assert sandbox.charges == 1


def test_a_queue_that_stays_full_ends_the_try_and_not_the_task(sandbox, submit, worker_clock):
    sandbox.hold_queue(10_000)
    store = Store()
    with pytest.raises(QueueFullError, match="Nothing was paid; submit again later"):
        submit(context(store), FOX, worker_clock.wait_until, queue_timeout=100)
    assert sum(worker_clock.slept) == pytest.approx(100, abs=0.1)
    assert (sandbox.charges, store.values) == (0, {})
