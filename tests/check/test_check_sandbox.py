"""What the check says of each dialect of the sandbox, over HTTP, against what the sandbox was told to be."""

from __future__ import annotations

import pytest

from airflow_provider_mj.check.probes import SHORT, look
from airflow_provider_mj.check.report import report, summary
from airflow_provider_mj.hooks.mj import MJHook
from airflow_provider_mj.sandbox.conditions import Condition

RELAYS = ["gptplus5", "crazyrouter"]
FAMILIES = {
    "gptplus5": "new_api",
    "crazyrouter": "new_api",
    "sku-vip": "plus",
    "novicezk": "novicezk",
    "trueai": "trueai",
}


def checked(**more):
    return report(look(MJHook("checked").settings, **more))


def verdicts(lines):
    return {line.name: str(line.verdict) for line in lines}


def is_there(has):
    return "yes" if has else "no"


def test_every_line_is_true_and_nothing_was_paid_or_changed(sandbox):
    dialect = sandbox.gateway.dialect
    found = checked()
    assert (found.guess.family, found.guess.against, found.problem) == (FAMILIES[dialect.name], (), "")
    assert found.is_usable
    lines = verdicts(found.lines)
    assert lines == {
        **dict.fromkeys(("reached", "key", "read", "fetch", "list_by_condition", "clock"), "yes"),
        "tls": "no",
        "task_list": is_there("task_list" not in dialect.lacks),
        # Nothing was charged yet, so that it is empty.
        "key_log": "unknown" if dialect.is_relay else "no",
        "cancel": is_there("cancel" not in dialect.lacks),
        "seed": is_there("image_seed" not in dialect.lacks),
        "image_route": is_there(dialect.is_relay),
    }
    promises = verdicts(found.promises)
    assert promises == {
        "lost_submission": "yes" if "task_list" not in dialect.lacks else "unknown",
        "buttons": "unknown" if dialect.is_relay else is_there(dialect.name != "novicezk"),
        "single_pictures": "unknown",
        "cancel": lines["cancel"],
        "seeds": "unknown" if dialect.is_relay else lines["seed"],
    }
    assert sandbox.gateway.ledger.charges == []
    assert sandbox.gateway.tasks == {}
    assert not [seen for seen in sandbox.gateway.requests if seen.is_submission]


@pytest.fixture
def after_a_picture(sandbox):
    """Let a task have been submitted a minute ago, which carried a state."""
    clock = sandbox.gateway.clock
    sandbox.gateway.clock = lambda: clock() - 60
    sandbox.gateway.submit("a red fox", "mine")
    sandbox.gateway.clock = clock
    return sandbox


def test_after_a_picture_it_is_known_whether_a_lost_one_is_found(after_a_picture):
    dialect = after_a_picture.gateway.dialect
    found = checked()
    promises = {line.name: line for line in found.promises}
    lines = {line.name: line.came for line in found.lines}
    assert (found.guess.family, found.guess.against) == (FAMILIES[dialect.name], ())
    if dialect.is_relay:
        assert lines["key_log"] == (
            "1 of its 1 rows are of submissions, and 1 of the 1 tasks that were looked at show a state"
        )
        assert promises["lost_submission"].verdict == "yes"
    else:
        assert lines["task_list"] == "1 of the 1 tasks that were looked at show a state"
        assert promises["lost_submission"].came == "in its list of tasks"
        has_buttons = dialect.name != "novicezk"
        assert (promises["buttons"].came == "the tasks that it lists have some") is has_buttons


@pytest.mark.parametrize("sandbox", RELAYS, indirect=True)
@pytest.mark.parametrize(
    ("condition", "log", "picture"),
    [
        (Condition.LOG_OFF, "unknown", "yes"),
        (Condition.LOG_OLD, "unknown", "yes"),
        (Condition.LOG_MISSING, "no", "yes"),
        (Condition.IMAGES_PROTECTED, "yes", "yes"),
        (Condition.IMAGES_FORWARDED, "yes", "yes"),
        (Condition.OLD_ROUTES, "yes", "yes"),
    ],
)
def test_what_is_the_matter_with_a_relay(after_a_picture, condition, log, picture):
    gateway = after_a_picture.gateway
    gateway.conditions = {condition}
    if condition is Condition.LOG_OFF:
        gateway.reset()
        gateway.submit("a red fox", "mine")
    found = checked()
    lines = verdicts(found.lines)
    assert found.guess.family in ("new_api", "new_api_old")
    assert (lines["key_log"], lines["image_route"]) == (log, picture)
    assert verdicts(found.promises)["lost_submission"] == ("yes" if log == "yes" else "unknown")


@pytest.mark.parametrize("sandbox", RELAYS, indirect=True)
def test_a_key_that_may_submit_and_not_read(sandbox):
    sandbox.gateway.conditions = {Condition.UNREADABLE}
    found = checked()
    lines = verdicts(found.lines)
    assert (lines["key"], lines["read"], found.is_usable) == ("yes", "no", False)
    assert "The key may submit and not read: at the gateway, take the limit" in found.problem
    assert MJHook("checked").test_connection() == (False, found.problem)


@pytest.mark.parametrize("sandbox", ["trueai"], indirect=True)
def test_a_user_who_may_not_cancel(sandbox):
    sandbox.gateway.conditions = {Condition.NOT_ADMIN}
    found = checked()
    assert found.guess.family == "trueai"
    cancel = next(line for line in found.promises if line.name == "cancel")
    assert (cancel.verdict, cancel.came) == ("no", "this key may not")


def test_the_test_button_says_it_in_a_few_calls(sandbox):
    works, words = MJHook("checked").test_connection()
    assert works
    assert words.startswith(f"The gateway {sandbox.url[7:]} answers and takes the key; it looks like ")
    assert checked(probes=SHORT).guess.family == FAMILIES[sandbox.gateway.dialect.name]
    lists = "task_list" not in sandbox.gateway.dialect.lacks
    assert ("a lost submission is found in its list of tasks" in words) is lists
    sandbox.gateway.reset()
    MJHook("checked").test_connection()
    assert sandbox.gateway.request_count <= 5


def test_a_key_in_the_wrong_header(sandbox, connect):
    """Which header a gateway reads is what differs most; new-api reads all of them."""
    right = sandbox.gateway.dialect.auth_scheme
    for scheme in ("bearer", "raw", "mj-api-secret"):
        connect(sandbox.url, auth_scheme=scheme)
        seen = look(MJHook("checked").settings)
        found = report(seen)
        assert found.is_usable is (not seen.other_schemes)
        if not found.is_usable:
            assert right in seen.other_schemes
            assert "It takes the key with `auth_scheme`" in found.problem


def test_a_wrong_key(sandbox, connect):
    connect(sandbox.url, key="sk-wrong-987654", auth_scheme=sandbox.gateway.dialect.auth_scheme)
    found = checked()
    assert not found.is_usable
    assert "the key is refused [HTTP 401" in found.problem
    assert "Check the password" in found.problem
    assert verdicts(found.lines)["key"] == "no"
    assert "wrong-987654" not in str(found)
    assert summary(look(MJHook("checked").settings, probes=SHORT)) == (False, found.problem)
    # A key that is refused again and again may be blocked.
    assert sandbox.gateway.request_count <= 8
