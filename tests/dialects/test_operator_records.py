"""What a try takes up, searches for, pays again and leaves alone, in each dialect."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from running import RELAYS, SILENT, Sandbox, Store, cleared, context

from airflow_provider_mj.gateway.errors import GatewayUnreachableError, SubmissionUnknownError
from airflow_provider_mj.sandbox import DIALECTS, Ending

WITH_LIST = ("sku-vip", "novicezk", "trueai")
FINDING = (*WITH_LIST, *RELAYS)
EVERY = (*DIALECTS, *SILENT)
FOX = "a red fox"

Submit = Callable[..., Any]


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


@pytest.fixture
def after_a_failure(sandbox: Sandbox, submit: Submit) -> Callable[[int], Any]:
    """Let a first try pay for a task that fails, and the submission of the second one not arrive."""
    sandbox.finished()
    store = Store()

    def attempt(number: int) -> Any:
        given = context(store, try_number=number, max_tries=2)
        return submit(given, resubmit_on_failure=True, retries=2)

    sandbox.gateway.ending_rates = {Ending.FAIL: 1}
    with pytest.raises(RuntimeError, match="submits it anew"):
        attempt(1)
    sandbox.gateway.ending_rates = {}
    sandbox.fault("reset", path="/submit", times=1)
    return attempt


@pytest.mark.parametrize("dialect", FINDING)
def test_a_submission_anew_that_did_not_arrive_is_not_taken_for_the_one_that_failed(sandbox, after_a_failure):
    sandbox.neighbour()
    with pytest.raises(GatewayUnreachableError, match="did not arrive"):
        after_a_failure(2)
    assert after_a_failure(3)["status"] == "SUCCESS"
    first, _, third = sandbox.submissions
    assert first.body["state"] != third.body["state"]
    assert sandbox.charges == 2


@pytest.mark.parametrize("dialect", WITH_LIST)
def test_a_submission_anew_of_which_a_list_proves_nothing_is_not_paid_again(sandbox, after_a_failure):
    for number in (2, 3):
        with pytest.raises(AirflowFailException, match="unknown whether"):
            after_a_failure(number)
    assert (len(sandbox.submissions), sandbox.charges) == (2, 1)


def test_a_failed_task_is_not_submitted_anew_by_itself(sandbox, submit):
    store = Store()
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="set resubmit_on_failure=True and clear"):
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
        if not any(record.get("mj_task_ids") for record in value["records"]):
            super().set(key, value)


def killed_before_the_id_was_stored(sandbox: Sandbox, submit: Submit, **kwargs: Any) -> Store:
    killed, store = KilledStore(), Store()
    submit(context(killed), wait_for_completion=False, **kwargs)
    assert sandbox.charges == 1
    store.values = killed.values
    return store


@pytest.mark.parametrize("dialect", EVERY)
def test_a_task_whose_id_was_never_stored_is_found_by_its_state_or_is_unknown(sandbox, submit):
    store = killed_before_the_id_was_stored(sandbox, submit)
    second = context(store, try_number=2, max_tries=1)
    if not sandbox.finds_lost:
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


@pytest.mark.parametrize("dialect", FINDING)
def test_a_submission_whose_answer_was_lost_is_found(sandbox, submit):
    sandbox.fault("reset_after", path="/submit", times=1)
    assert submit()["status"] == "SUCCESS"
    assert (len(sandbox.submissions), sandbox.charges) == (1, 1)


@pytest.mark.parametrize("dialect", FINDING)
def test_a_submission_that_is_proved_not_to_have_arrived_is_made_again(sandbox, submit):
    # The list reaches back beyond the submission and shows what came after it.
    sandbox.finished()
    sandbox.neighbour()
    store = Store()
    sandbox.fault("reset", path="/submit", times=1)
    with pytest.raises(GatewayUnreachableError, match="the submission did not arrive"):
        submit(context(store, max_tries=1), retries=1)
    assert store.values == {}
    assert submit(context(store, try_number=2, max_tries=1), retries=1)["status"] == "SUCCESS"
    assert sandbox.charges == 1


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [*((name, "reset_after") for name in SILENT), *((name, "reset") for name in SILENT + WITH_LIST)],
)
def test_a_submission_of_which_a_list_proves_nothing_is_unknown_and_not_paid_again(sandbox, submit, kind):
    sandbox.finished()
    store = Store()
    sandbox.fault(kind, path="/submit", times=1)
    with pytest.raises(AirflowFailException, match="unknown whether"):
        submit(context(store, max_tries=1), retries=1)
    with pytest.raises(AirflowFailException, match="an earlier try may have submitted this"):
        submit(context(store, try_number=2, max_tries=1), retries=1)
    assert len(sandbox.submissions) == 1
    assert sandbox.charges == (kind == "reset_after")


@pytest.mark.parametrize("dialect", SILENT)
def test_what_the_gateway_lost_may_exist_and_is_not_submitted_again(sandbox, submit):
    store = Store()
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="unknown whether"):
            submit(context(store), "a fox [[lost]]")
    assert (len(sandbox.submissions), sandbox.charges) == (1, 0)


@pytest.mark.parametrize("dialect", RELAYS)
def test_what_the_gateway_lost_and_did_not_charge_is_made_again(sandbox, submit):
    """A log of which the newest row is later, and ours, shows that it was not charged."""
    sandbox.finished()
    sandbox.neighbour()
    store = Store()
    with pytest.raises(GatewayUnreachableError, match="may have drawn it.*charges nothing"):
        submit(context(store, max_tries=1), "a fox [[lost]]", retries=1)
    assert (store.values, sandbox.charges) == ({}, 0)


@pytest.mark.parametrize("dialect", RELAYS)
def test_what_the_gateway_charged_and_does_not_know_is_found_in_its_log(sandbox, submit):
    assert submit(context(Store()), "a fox [[outcome unknown]]")["status"] == "SUCCESS"
    assert (len(sandbox.submissions), sandbox.charges) == (1, 1)


@pytest.mark.parametrize("dialect", SILENT)
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


@pytest.mark.parametrize("dialect", EVERY)
def test_without_a_store_a_retry_that_can_not_know_does_not_pay(sandbox, submit):
    first = submit(context(max_tries=1), retries=1)
    retry = context(try_number=2, max_tries=1)
    if not sandbox.finds_lost:
        with pytest.raises(AirflowFailException, match="unknown whether"):
            submit(retry, retries=1)
    else:
        assert submit(retry, retries=1)["id"] == first["id"]
    assert len(sandbox.submissions) == 1


def test_without_a_store_a_task_that_was_surely_cleared_pays_anew(sandbox, submit):
    submit(context(try_number=1, max_tries=1), retries=1)
    submit(cleared(context(try_number=2, max_tries=2)), retries=1)
    assert sandbox.charges == 2
    with suppress(AirflowFailException):
        submit(cleared(context(try_number=3, max_tries=2)), retries=1)
    assert sandbox.charges == 2


@pytest.mark.parametrize("dialect", EVERY)
def test_without_a_store_a_task_that_only_seems_cleared_is_not_paid_again(sandbox, submit):
    """The DAG file has fewer retries than when the run began, which looks the same to a worker."""
    submit(context(try_number=1, max_tries=2), retries=2)
    retry = context(try_number=2, max_tries=2)
    if not sandbox.finds_lost:
        with pytest.raises(AirflowFailException, match="unknown whether"):
            submit(retry, retries=1)
    else:
        assert submit(retry, retries=1)["status"] == "SUCCESS"
    assert sandbox.charges == 1


@pytest.mark.parametrize("dialect", SILENT)
def test_without_a_store_a_retry_pays_again_if_the_author_said_so(sandbox, submit):
    submit(context())
    submit(context(try_number=2, max_tries=1), retries=1, resubmit_if_unknown=True)
    assert sandbox.charges == 2
