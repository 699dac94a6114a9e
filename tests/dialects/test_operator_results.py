"""What operators give back, wait for and refuse, and what they pay, in each dialect."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from running import KEY, PNG, PNG_URI, QUICK, Sandbox, Store, context, fetch, run

from airflow_provider_mj.gateway.errors import (
    GatewayUnreachableError,
    NoAccountError,
    QueueFullError,
    SubmissionError,
    SubmissionUnknownError,
)
from airflow_provider_mj.operators.mj import MJDescribeOperator, MJImagineOperator, MJShortenOperator
from airflow_provider_mj.sandbox import Ending

# What they do not tell in a list can't be searched for.
RELAYS = ("gptplus5", "crazyrouter")
WITH_LIST = ("sku-vip", "novicezk", "trueai")
FOX = "a red fox"

Submit = Callable[..., Any]


@pytest.fixture(params=["blocking", "deferred"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def submit(mode: str) -> Submit:
    """Imagine, and run the operator to its end in the mode."""

    def imagined(
        given: dict[str, Any] | None = None,
        prompt: str = FOX,
        wait_until: Any = None,
        operator: type = MJImagineOperator,
        **kwargs: Any,
    ) -> Any:
        arguments = {"prompt": prompt} if operator is not MJDescribeOperator else {"image": PNG}
        return run(
            lambda: operator(
                task_id="i", poll_interval=QUICK, deferrable=mode == "deferred", **arguments, **kwargs
            ),
            context(Store()) if given is None else given,
            wait_until,
        )

    return imagined


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


# --- the record ------------------------------------------------------------------------------------------


def test_a_second_try_takes_up_the_task_and_pays_nothing(sandbox, submit):
    store = Store()
    first = submit(context(store))
    assert submit(context(store, try_number=2, max_tries=1), retries=1) == first
    assert len(sandbox.submissions) == 1


def test_another_prompt_or_another_task_instance_pays_anew(sandbox, submit):
    store = Store()
    first = submit(context(store))
    second = submit(context(store), "a grey fox")
    assert first["id"] != second["id"]
    assert sandbox.charges == 2
    submit(context(Store(), map_index=1))
    states = [seen.body["state"] for seen in sandbox.submissions]
    assert len(set(states)) == 3


def test_only_what_was_submitted_decides_and_not_where_its_answer_goes(sandbox, submit):
    store = Store()
    first = submit(context(store), extra_body={"notifyHook": "https://one.example"})
    again = submit(context(store), extra_body={"notifyHook": "https://two.example"}, state="mine")
    assert again == first
    assert sandbox.charges == 1


def test_a_failed_task_is_submitted_anew_by_the_next_try_if_the_author_said_so(sandbox, submit):
    store = Store()
    sandbox.gateway.ending_rates = {Ending.FAIL: 1}
    with pytest.raises(RuntimeError, match="submits it anew") as caught:
        submit(context(store), resubmit_on_failure=True)
    assert not isinstance(caught.value, AirflowFailException)
    sandbox.gateway.ending_rates = {}
    second = context(store, try_number=2, max_tries=1)
    assert submit(second, resubmit_on_failure=True, retries=1)["status"] == "SUCCESS"
    states = [seen.body["state"] for seen in sandbox.submissions]
    assert len(set(states)) == sandbox.charges == 2


@pytest.mark.parametrize("dialect", WITH_LIST)
def test_a_submission_anew_that_did_not_arrive_is_not_taken_for_the_one_that_failed(sandbox, submit):
    sandbox.finished()
    store = Store()
    sandbox.gateway.ending_rates = {Ending.FAIL: 1}
    with pytest.raises(RuntimeError, match="submits it anew"):
        submit(context(store), resubmit_on_failure=True)
    sandbox.gateway.ending_rates = {}
    sandbox.fault("reset", path="/submit", times=1)
    with pytest.raises(GatewayUnreachableError, match="did not arrive"):
        submit(context(store), resubmit_on_failure=True)
    assert submit(context(store), resubmit_on_failure=True)["status"] == "SUCCESS"
    first, _, third = sandbox.submissions
    assert first.body["state"] != third.body["state"]
    assert sandbox.charges == 2


def test_a_failed_task_is_not_submitted_anew_by_itself(sandbox, submit):
    store = Store()
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="only with resubmit_on_failure=True"):
            submit(context(store), "a fox [[fail: no luck]]")
    assert len(sandbox.submissions) == 1


def test_moderation_is_not_submitted_anew(sandbox, submit):
    store = Store()
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="That is moderation"):
            submit(context(store), "a fox [[banned]]", resubmit_on_failure=True)
    assert len(sandbox.submissions) == 1


class KilledStore(Store):
    """The store of a try that is killed between the gateway's answer and writing it down."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        if not value["mj_task_ids"]:
            super().set(key, value)


def killed_before_the_id_was_stored(sandbox: Sandbox, submit: Submit, **kwargs: Any) -> Store:
    killed, store = KilledStore(), Store()
    submit(context(killed), wait_for_completion=False, **kwargs)
    assert sandbox.charges == 1
    store.values = killed.values
    return store


def test_a_task_whose_id_was_never_stored_is_found_by_its_state_or_is_unknown(sandbox, submit):
    store = killed_before_the_id_was_stored(sandbox, submit)
    second = context(store, try_number=2, max_tries=1)
    if sandbox.name in RELAYS:
        with pytest.raises(AirflowFailException, match="unknown whether a task was made and paid for"):
            submit(second, retries=1)
    else:
        assert submit(second, retries=1)["id"] == next(iter(sandbox.gateway.tasks))
    assert len(sandbox.submissions) == 1


def test_an_own_state_is_never_searched_for(sandbox, submit):
    store = killed_before_the_id_was_stored(sandbox, submit, state="order 17")
    with pytest.raises(AirflowFailException, match="order 17.*unknown whether"):
        submit(context(store), state="order 17")
    assert [seen.body["state"] for seen in sandbox.submissions] == ["order 17"]


@pytest.mark.parametrize("kind", ["reset_after", "reset"])
def test_a_submission_whose_answer_was_lost(sandbox, submit, kind):
    # The list reaches back beyond the submission, so that it can prove that one is not there.
    sandbox.finished()
    store = Store()
    sandbox.fault(kind, path="/submit", times=1)
    has_arrived = kind == "reset_after"
    if sandbox.name in RELAYS:
        with pytest.raises(AirflowFailException, match="unknown whether"):
            submit(context(store))
        with pytest.raises(AirflowFailException, match="an earlier try may have submitted this"):
            submit(context(store))
        assert len(sandbox.submissions) == 1
    elif has_arrived:
        assert submit(context(store))["status"] == "SUCCESS"
        assert len(sandbox.submissions) == 1
    else:
        with pytest.raises(GatewayUnreachableError, match="the submission did not arrive"):
            submit(context(store))
        assert submit(context(store))["status"] == "SUCCESS"
    assert sandbox.charges == (0 if sandbox.name in RELAYS and not has_arrived else 1)


@pytest.mark.parametrize("dialect", RELAYS)
def test_what_the_gateway_lost_may_exist_and_is_not_submitted_again(sandbox, submit):
    store = Store()
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="unknown whether"):
            submit(context(store), "a fox [[lost]]")
    assert (len(sandbox.submissions), sandbox.charges) == (1, 1)


@pytest.mark.parametrize("dialect", RELAYS)
def test_what_is_unknown_is_paid_again_once_if_the_author_said_so(sandbox, submit):
    store = Store()
    sandbox.fault("reset_after", path="/submit", times=1)
    with pytest.raises(SubmissionUnknownError):
        submit(context(store), resubmit_if_unknown=True)
    first = submit(context(store), resubmit_if_unknown=True)
    assert first["status"] == "SUCCESS"
    assert submit(context(store), resubmit_if_unknown=True) == first
    assert sandbox.charges == 2
    assert len({seen.body["state"] for seen in sandbox.submissions}) == 2


# --- without a store, as before Airflow 3.3 --------------------------------------------------------------


def test_without_a_store_a_retry_that_can_not_know_does_not_pay(sandbox, submit):
    first = submit(context())
    retry = context(try_number=2, max_tries=1)
    if sandbox.name in RELAYS:
        with pytest.raises(AirflowFailException, match="unknown whether"):
            submit(retry, retries=1)
    else:
        assert submit(retry, retries=1)["id"] == first["id"]
    assert len(sandbox.submissions) == 1


def test_without_a_store_a_cleared_task_pays_anew(sandbox, submit):
    submit(context(try_number=1, max_tries=1), retries=1)
    submit(context(try_number=2, max_tries=2), retries=1)
    assert sandbox.charges == 2
    with suppress(AirflowFailException):
        submit(context(try_number=3, max_tries=2), retries=1)
    assert sandbox.charges == 2


@pytest.mark.parametrize("dialect", RELAYS)
def test_without_a_store_a_retry_pays_again_if_the_author_said_so(sandbox, submit):
    submit(context())
    submit(context(try_number=2, max_tries=1), retries=1, resubmit_if_unknown=True)
    assert sandbox.charges == 2
