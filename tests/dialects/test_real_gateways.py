"""What real gateways do, as operators, the sensor and the hook meet it over HTTP; each row of it once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from running import PNG, PNG_URI, QUICK, RELAYS, Sandbox, Store, context, run

from airflow_provider_mj.gateway.errors import (
    CannotReadError,
    EndpointMissingError,
    NoAccountError,
    NotReadyError,
    ParentNotReadyError,
    SubmissionUnknownError,
    UnauthorizedError,
)
from airflow_provider_mj.hooks.mj import MJHook
from airflow_provider_mj.operators.mj import (
    MJActionOperator,
    MJEditsOperator,
    MJImagineOperator,
    MJSaveImagesOperator,
)
from airflow_provider_mj.sandbox import UserLimits
from airflow_provider_mj.sandbox.conditions import Condition

if TYPE_CHECKING:
    from pathlib import Path

ALL = "MJ::Job::PicReader::all"
relays = pytest.mark.parametrize("dialect", RELAYS)
gptplus5 = pytest.mark.parametrize("dialect", ["gptplus5"])
trueai = pytest.mark.parametrize("dialect", ["trueai"])


def press(given: dict[str, Any], **kwargs: Any) -> Any:
    return run(partial(MJActionOperator, task_id="p", poll_interval=QUICK, **kwargs), given)


def imagine(given: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    arguments = {"task_id": "i", "prompt": "a red fox", "poll_interval": QUICK} | kwargs
    return run(partial(MJImagineOperator, **arguments), given or context(Store()))


@trueai
@pytest.mark.parametrize("fault", ["reset_after", "cut"])
def test_a_press_that_makes_four_is_paid_once_when_its_answer_is_lost(sandbox: Sandbox, fault: str) -> None:
    described = sandbox.described(PNG_URI)
    sandbox.fault(fault, path="/submit", times=1)
    store, charges = Store(), sandbox.charges
    tasks = press(context(store, max_tries=2), task=described, button=ALL, retries=2)
    assert [task["state"].rpartition("::")[2] for task in tasks] == ["1", "2", "3", "4"]
    paid, made = sandbox.charges, len(sandbox.gateway.tasks)
    assert press(context(store, try_number=2, max_tries=2), task=described, button=ALL, retries=2) == tasks
    assert (sandbox.charges, len(sandbox.gateway.tasks), len(sandbox.submissions)) == (paid, made, 1)
    assert paid > charges


@trueai
def test_a_press_of_which_the_list_shows_two_gives_these_and_says_so(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    described = sandbox.described(PNG_URI)
    sandbox.fault("reset_after", path="/submit", times=1)
    store = Store()
    real = MJHook.read_newest

    def shortened(hook: MJHook, read: Any) -> Any:
        return real(
            hook, lambda tasks: read(one for one in tasks if not (one.state or "").endswith(("2", "3")))
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MJHook, "read_newest", shortened)
        tasks = press(context(store), task=described, button=ALL)
    assert [task["state"].rpartition("::")[2] for task in tasks] == ["1", "4"]
    # Where Airflow's log of a task goes to differs from version to version.
    assert "the list does not show number 2, 3" in caplog.text + capsys.readouterr().out
    assert len(sandbox.submissions) == 1


@trueai
@pytest.mark.parametrize("limit", [{"concurrency": 0}, {"queue": 0}, {"total": 0}])
def test_a_limit_of_the_user_is_a_full_queue_whatever_is_submitted(
    sandbox: Sandbox, limit: dict[str, int]
) -> None:
    grid = sandbox.finished()
    sandbox.finished()
    sandbox.gateway.user_limits = UserLimits(**limit)
    charges = sandbox.charges
    for submit in (imagine, partial(press, task=grid, button="V1")):
        with pytest.raises(Exception, match="limit is reached|queue") as caught:
            submit(context(Store()), queue_timeout=0.01)
        assert not isinstance(caught.value, AirflowFailException)
        assert "paid" in str(caught.value)
    assert sandbox.charges == charges


@relays
def test_an_overloaded_gateway_is_asked_again_later(sandbox: Sandbox) -> None:
    sandbox.fault("overload", path="/submit")
    with pytest.raises(Exception, match="overloaded") as caught:
        imagine(queue_timeout=0.01)
    assert not isinstance(caught.value, AirflowFailException)
    assert sandbox.charges == 0
    sandbox.gateway.faults.clear()
    assert imagine()["status"] == "SUCCESS"


@relays
def test_a_key_that_may_not_read_pays_nothing(sandbox: Sandbox) -> None:
    sandbox.gateway.conditions = {Condition.UNREADABLE}
    with pytest.raises(AirflowFailException, match="may submit and not read"):
        imagine()
    with pytest.raises(CannotReadError):
        MJHook().submit("imagine", {"prompt": "a red fox"})
    assert sandbox.submissions == []
    works, words = MJHook().test_connection()
    assert not works
    assert "take the limit to some models off the key" in words


@relays
def test_a_key_whose_balance_is_used_up_names_what_it_has_paid(sandbox: Sandbox) -> None:
    task = imagine()
    sandbox.fault("status", status=401, body='{"error":{"message":"Invalid token"}}', path="/task/")
    with pytest.raises(AirflowFailException, match=f"ask|{task['id']}") as caught:
        imagine(wait_for_completion=True, prompt="another fox")
    paid = list(sandbox.gateway.tasks)[-1]
    assert paid in str(caught.value)
    assert "last submission may have used up" in str(caught.value)


@relays
def test_a_parent_that_is_not_finished_there_yet_is_pressed_by_a_retry(sandbox: Sandbox) -> None:
    grid = imagine()
    sandbox.gateway.loop_seconds = 3600
    lagging = sandbox.gateway.submit("a slow copy")
    custom_id = grid["buttons"][0]["customId"]
    with pytest.raises(ParentNotReadyError):
        MJHook().submit("action", {"taskId": lagging, "customId": custom_id})


@relays
@pytest.mark.parametrize("condition", [Condition.CHANNEL_DISABLED, Condition.CHANNEL_GONE])
def test_a_parent_whose_channel_is_off_is_no_wrong_parameter(sandbox: Sandbox, condition: Condition) -> None:
    grid = imagine()
    sandbox.gateway.conditions = {condition}
    with pytest.raises(NoAccountError):
        MJHook().submit("action", {"taskId": grid["id"], "customId": grid["buttons"][0]["customId"]})


@relays
def test_a_fork_that_does_not_know_leaves_it_open(sandbox: Sandbox) -> None:
    sandbox.gateway.conditions = {Condition.LOG_OFF}
    store = Store()
    for _ in range(2):
        with pytest.raises((AirflowFailException, SubmissionUnknownError), match="unknown whether"):
            imagine(context(store), prompt="a fox [[outcome unknown]]")
    assert len(sandbox.submissions) == 1


@relays
def test_a_call_that_an_old_release_lacks_is_missing_and_not_paid(sandbox: Sandbox) -> None:
    sandbox.gateway.conditions = {Condition.OLD_ROUTES}
    with pytest.raises(EndpointMissingError, match="nothing was paid"):
        MJHook().submit("edits", {"prompt": "a fox", "image": PNG_URI})
    with pytest.raises(AirflowFailException, match="the call does not exist there, and nothing was paid"):
        run(
            partial(MJEditsOperator, task_id="e", prompt="a fox", image=PNG, poll_interval=QUICK),
            context(Store()),
        )
    assert sandbox.charges == 0


@relays
@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUBMITTED", "NONE"])
def test_what_was_given_back_without_a_failure_is_one(sandbox: Sandbox, status: str) -> None:
    with pytest.raises(AirflowFailException, match="ended as FAILURE"):
        imagine(prompt=f"a fox [[refunded: {status}]]", timeout=30)


@pytest.mark.parametrize("dialect", ["trueai", "novicezk", *RELAYS])
def test_a_press_that_was_made_before_is_waited_for_and_opens_no_window(sandbox: Sandbox) -> None:
    sandbox.gateway.conditions = {Condition.REPEATS_KNOWN}
    grid = imagine()
    first = press(context(Store()), task=grid, button="U1")
    again = press(context(Store()), task=grid, button="U1", modal={"prompt": "unused"})
    assert again["id"] == first["id"]
    assert "submit/modal" not in sandbox.paths()


@relays
def test_a_picture_whose_link_is_a_path_is_published_and_saved(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.gateway.conditions = {Condition.IMAGES_AT_PATHS}
    grid = imagine()
    assert grid["imageUrl"] == f"{sandbox.server.url}/mj/image/{grid['id']}"
    assert MJHook().get_task(grid["id"]).image_url == grid["imageUrl"]
    saver = MJSaveImagesOperator(task_id="s", task=grid, destination=str(tmp_path))
    saver.execute(context(Store()))
    assert len(list(tmp_path.glob("*.png"))) == 4


@trueai
@pytest.mark.parametrize("condition", [Condition.SEED_NOT_FOUND, Condition.SEED_FAILED])
def test_a_seed_that_is_not_to_be_had_yet(sandbox: Sandbox, condition: Condition) -> None:
    grid = sandbox.finished()
    sandbox.gateway.conditions = {condition}
    with pytest.raises(NotReadyError, match=grid):
        MJHook().image_seed(grid)


@trueai
def test_a_user_who_may_not_cancel(sandbox: Sandbox) -> None:
    grid = sandbox.finished()
    sandbox.gateway.conditions = {Condition.NOT_ADMIN}
    with pytest.raises(UnauthorizedError, match="may not do this"):
        MJHook().cancel(grid)


@relays
def test_a_lost_submission_is_found_among_a_thousand_rows_of_others(sandbox: Sandbox) -> None:
    for number in range(300):
        sandbox.gateway.submit(f"of another user {number}", f"theirs {number}")
    sandbox.fault("reset_after", path="/submit", times=1)
    task = imagine()
    assert (task["status"], task["prompt"], len(sandbox.submissions)) == ("SUCCESS", "a red fox", 1)
