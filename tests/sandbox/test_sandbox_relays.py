"""What relays such as new-api do of their own: rows that lag, what they charge, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from sandbox_caller import PNG, speaking

from airflow_provider_mj.sandbox import Condition, Fault, SandboxGateway, UserLimits
from airflow_provider_mj.sandbox.dialects import DIALECTS
from airflow_provider_mj.sandbox.spending import LOG_CALLS, LOG_ROWS, LOG_SECONDS, Spending

if TYPE_CHECKING:
    from sandbox_caller import Caller

RELAYS = ("gptplus5", "crazyrouter")
RELAY = pytest.mark.parametrize("speaking", RELAYS, indirect=True)
LOOP = 15.0


@pytest.fixture
def lagging(speaking: Caller) -> Caller:
    """A relay whose loop has just run."""
    speaking.sandbox.gateway.loop_seconds = LOOP
    speaking.clock.now -= speaking.clock.now % LOOP
    speaking.clock.advance(0.5)
    return speaking


def statuses(caller: Caller, mj_task_id: str, *after: float) -> list[str]:
    seen = []
    for seconds in after:
        caller.clock.advance(seconds)
        seen.append(caller.fetch(mj_task_id).json()["status"])
    return seen


# --- rows that lag ---------------------------------------------------------------------------------------


@RELAY
def test_a_row_shows_what_its_loop_copied_last(lagging: Caller) -> None:
    mj_task_id = lagging.imagine("a fox [[seconds: 20]]", state="mine").json()["result"]
    assert statuses(lagging, mj_task_id, 0, 14, 1, 14, 1) == [
        *("", "", "IN_PROGRESS", "IN_PROGRESS", "SUCCESS")
    ]


@pytest.mark.parametrize("speaking", ["gptplus5"], indirect=True)
def test_the_state_of_a_task_is_there_once_it_was_copied(lagging: Caller) -> None:
    mj_task_id = lagging.imagine("a fox", state="mine").json()["result"]
    assert [row["state"] for row in lagging.list(mj_task_id).json()] == [""]
    lagging.clock.advance(LOOP)
    assert [row["state"] for row in lagging.list(mj_task_id).json()] == ["mine"]


@RELAY
def test_a_parent_whose_row_lags_is_refused(lagging: Caller) -> None:
    mj_task_id = lagging.imagine("a fox [[seconds: 1]]").json()["result"]
    for body in ({"customId": "MJ::JOB::upsample::1::x"}, {"customId": "MJ::JOB::reroll::0::x::SOLO"}):
        lagging.clock.advance(5)
        answer = lagging.submit("action", taskId=mj_task_id, **body)
        assert answer.status_code == 400
        assert answer.json() == {
            "description": "task_status_not_success ",
            "type": "upstream_error",
            "code": 4,
        }
    lagging.clock.advance(5)
    assert lagging.press(mj_task_id, "MJ::JOB::upsample::1").json()["code"] == 1


@RELAY
def test_the_row_of_a_press_stands_still_until_a_loop_after_its_answers_end(lagging: Caller) -> None:
    window = lagging.imagine("a fox [[modal]]").json()["result"]
    assert statuses(lagging, window, LOOP) == ["MODAL"]
    lagging.submit("modal", taskId=window, prompt="a hare [[seconds: 10]]")
    # The answer ends after 10 s, its own row shows that after 15 s, and the row that fetch reads after 30 s.
    assert statuses(lagging, window, 9, 7, 13) == ["MODAL", "MODAL", "MODAL"]
    assert {row["status"] for row in lagging.list(window).json()} == {"MODAL", "SUCCESS"}
    assert statuses(lagging, window, 1) == ["SUCCESS"]


# --- what is charged -------------------------------------------------------------------------------------


@RELAY
@pytest.mark.parametrize(
    ("custom_id", "remix", "charged"),
    [
        ("MJ::Inpaint", False, ["MODAL"]),
        ("MJ::CustomZoom", False, ["MODAL"]),
        ("MJ::JOB::pan_left", True, ["PAN", "MODAL"]),
        ("MJ::JOB::low_variation", True, ["LOW_VARIATION", "MODAL"]),
    ],
)
def test_what_a_press_with_a_window_and_its_answer_cost(
    speaking: Caller, custom_id: str, remix: bool, charged: list[str]
) -> None:
    parent, before = speaking.single(), len(speaking.charged)
    window = speaking.press(parent, custom_id, enableRemix=remix).json()["result"]
    speaking.submit("modal", taskId=window, prompt="a hare", maskBase64=PNG)
    assert speaking.charged[before:] == charged
    speaking.submit("modal", taskId=window, prompt="a hare", maskBase64=PNG)
    assert speaking.charged[before:] == [*charged, "MODAL"]


@pytest.mark.parametrize("speaking", ["gptplus5"], indirect=True)
def test_both_charges_of_a_failed_task_are_given_back(speaking: Caller) -> None:
    window = speaking.imagine("a fox [[modal]]").json()["result"]
    speaking.ended(speaking.submit("modal", taskId=window, prompt="a hare [[fail]]"))
    ledger = speaking.sandbox.gateway.ledger
    assert ([one.action for one in ledger.refunds], ledger.total) == (["IMAGINE", "MODAL"], 0)


@RELAY
@pytest.mark.parametrize("word", ["IN_PROGRESS", "SUBMITTED", "NONE"])
def test_a_task_that_is_refunded_without_a_failure(lagging: Caller, word: str) -> None:
    mj_task_id = lagging.imagine(f"a fox [[refunded: {word}]] [[seconds: 2]]").json()["result"]
    lagging.clock.advance(10_000)
    task = lagging.fetch(mj_task_id).json()
    assert (task["status"], task["progress"]) == ("" if word == "NONE" else word, "100%")
    assert task["failReason"]
    assert (lagging.sandbox.gateway.ledger.total, lagging.sandbox.gateway.busy()) == (0, 0)


@RELAY
def test_a_balance_that_the_last_submission_uses_up(speaking: Caller) -> None:
    speaking.sandbox.gateway.balance = 4.0
    speaking.sandbox.gateway.reset()
    mj_task_id = speaking.imagine("a fox").json()["result"]
    assert speaking.fetch(mj_task_id).status_code == 200
    assert speaking.imagine("a hare").json()["code"] == 1
    for answer in (speaking.fetch(mj_task_id), speaking.list(mj_task_id), speaking.imagine("a cat")):
        assert answer.status_code == 401
    assert len(log_rows(speaking)) == 2


def test_a_balance_that_is_too_low_for_one_more(callers: Any) -> None:
    caller = callers("gptplus5")
    caller.sandbox.gateway.balance = 3.0
    caller.sandbox.gateway.reset()
    caller.imagine("a fox")
    assert caller.imagine("a hare").json()["description"] == "quota_not_enough "
    assert caller.submit("describe", base64=PNG).json()["code"] == 1


# --- refusals --------------------------------------------------------------------------------------------


@RELAY
@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("imagine", {"prompt": 5}),
        ("action", {"taskId": 1, "customId": "x"}),
        ("blend", {"base64Array": "x"}),
        ("swap", {"sourceBase64": {}, "targetBase64": PNG}),
    ],
)
def test_a_wrong_type_is_refused_where_the_channel_is_chosen(
    speaking: Caller, action: str, body: dict[str, Any]
) -> None:
    answer = speaking.submit(action, **body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Invalid request, ")
    assert speaking.charged == []


@RELAY
def test_an_overloaded_machine_says_so_before_it_looks_at_the_key(speaking: Caller) -> None:
    speaking.sandbox.gateway.faults.add(Fault("overload", times=3))
    url = f"{speaking.sandbox.url}/mj/task/1/fetch"
    for answer in (speaking.imagine("a fox"), speaking.fetch("1"), requests.get(url, timeout=10)):
        assert answer.status_code == 503
        assert answer.json()["error"] == {
            "message": "system memory overloaded (current: 91.0%, threshold: 90%)",
            "type": "new_api_error",
            "param": "",
            "code": "system_memory_overloaded",
        }
    assert speaking.charged == []
    assert speaking.imagine("a fox").json()["code"] == 1


@RELAY
def test_a_key_that_may_submit_and_not_read(speaking: Caller) -> None:
    speaking.sandbox.gateway.conditions.add(Condition.UNREADABLE)
    mj_task_id = speaking.imagine("a fox").json()["result"]
    reads = speaking.fetch(mj_task_id), speaking.list(), speaking.get(f"/mj/task/{mj_task_id}/image-seed")
    for answer in reads:
        assert answer.status_code == 403
        assert answer.json()["error"]["message"] == "This token has no access to model "
    assert speaking.charged == ["IMAGINE"]


@RELAY
@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition.CHANNEL_DISABLED, "该任务所属渠道已被禁用 "),
        (Condition.CHANNEL_GONE, "get_channel_info_failed "),
    ],
)
def test_a_channel_that_can_not_be_used(speaking: Caller, condition: Condition, words: str) -> None:
    parent, window = speaking.finished()["id"], speaking.imagine("a fox [[modal]]").json()["result"]
    paid = speaking.charged
    speaking.sandbox.gateway.conditions.add(condition)
    refused = [
        speaking.press(parent, "MJ::JOB::upsample::1"),
        speaking.submit("change", taskId=parent, action="UPSCALE", index=1),
        speaking.submit("modal", taskId=window, prompt="a hare"),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (400, 4)
        assert answer.json()["description"] == words
    assert speaking.charged == paid
    assert speaking.imagine("a fox").json()["code"] == 1


@RELAY
@pytest.mark.parametrize("action", ["edits", "video"])
def test_a_route_that_old_versions_lack_is_the_web_page(speaking: Caller, action: str) -> None:
    speaking.sandbox.gateway.conditions.add(Condition.OLD_ROUTES)
    answer = speaking.submit(action, prompt="a fox", image=PNG, motion="low")
    assert (answer.status_code, answer.text[:15]) == (200, "<!doctype html>")
    assert speaking.list().json() == []
    assert speaking.charged == []


@pytest.mark.parametrize("speaking", ["gptplus5"], indirect=True)
def test_new_api_passes_on_what_the_gateway_behind_it_says_of_limits(speaking: Caller) -> None:
    speaking.sandbox.gateway.user_limits = UserLimits(queue=0)
    imagine, describe = speaking.imagine("a fox"), speaking.submit("describe", base64=PNG)
    assert (imagine.status_code, imagine.json()["code"]) == (200, 4)
    assert imagine.json()["description"] == "队列数已达上限"
    assert (describe.status_code, describe.json()["code"]) == (200, -1)
    assert describe.json()["success"] is False
    assert speaking.charged == []


# --- the log of the key ----------------------------------------------------------------------------------


def log(caller: Caller, **headers: str) -> requests.Response:
    return requests.get(f"{caller.sandbox.url}/api/log/token", headers=headers or caller.auth, timeout=10)


def log_rows(caller: Caller) -> list[dict[str, Any]]:
    answer = log(caller).json()
    assert (answer["success"], answer["message"]) == (True, "")
    rows: list[dict[str, Any]] = answer["data"]
    return rows


@speaking(
    ("gptplus5", "模型固定价格 0.10，分组倍率 1.00，操作 {action}，ID {id}"),
    ("crazyrouter", "Model price $0.100, group ratio 1, operation {action}, task ID: {id}"),
)
def test_each_charged_submission_is_a_row_that_ends_with_its_id(speaking: Caller, expected: str) -> None:
    first = speaking.imagine("a fox").json()["result"]
    speaking.imagine("a bannedword")
    speaking.clock.advance(3)
    second = speaking.submit("blend", base64Array=[PNG, PNG]).json()["result"]
    rows = log_rows(speaking)
    assert [row["content"] for row in rows] == [
        expected.format(action="BLEND", id=second),
        expected.format(action="IMAGINE", id=first),
    ]
    newest = rows[0]
    assert (newest["type"], newest["created_at"]) == (2, int(speaking.clock.now))
    assert (newest["quota"], newest["model_name"]) == (50_000, "mj_blend")


@RELAY
def test_a_log_shows_the_newest_rows_first_and_those_of_others_with_the_same_key(speaking: Caller) -> None:
    gateway = speaking.sandbox.gateway
    for number in range(LOG_ROWS):
        gateway.account.log.add(Spending(1.0, f"chat {number}", 0.1, "gpt"))
    mj_task_id = gateway.submit("somebody else's", "another mark")
    rows = log_rows(speaking)
    assert len(rows) == LOG_ROWS
    assert rows[0]["content"].endswith(mj_task_id)
    assert [row["content"] for row in rows[1:3]] == [f"chat {LOG_ROWS - 1}", f"chat {LOG_ROWS - 2}"]


@RELAY
def test_a_log_needs_the_key_and_may_be_looked_at_so_often(speaking: Caller) -> None:
    assert log(speaking, Authorization="Bearer sk-wrong").status_code == 401
    for _ in range(LOG_CALLS - 1):
        assert log(speaking).status_code == 200
    limited = log(speaking)
    assert (limited.status_code, limited.content) == (429, b"")
    speaking.clock.advance(LOG_SECONDS)
    assert log(speaking).status_code == 200


@RELAY
def test_logs_that_prove_nothing(speaking: Caller) -> None:
    conditions = speaking.sandbox.gateway.conditions
    conditions.add(Condition.LOG_OFF)
    speaking.imagine("a fox")
    assert log_rows(speaking) == []
    conditions.remove(Condition.LOG_OFF)
    for number in range(3):
        speaking.imagine(f"fox {number}")
    conditions.add(Condition.LOG_OLD)
    assert log_rows(speaking) == []
    url = f"{speaking.sandbox.url}/api/log/token"
    by_address = requests.get(url, params={"key": speaking.sandbox.gateway.key}, timeout=10).json()
    assert [row["id"] for row in by_address["data"]] == [1, 2, 3]
    assert requests.get(url, params={"key": "wrong"}, timeout=10).json()["data"] == []
    conditions.add(Condition.LOG_MISSING)
    assert "<html>" in log(speaking).text


@pytest.mark.parametrize("speaking", ["sku-vip", "novicezk", "trueai"], indirect=True)
def test_only_relays_have_a_log(speaking: Caller) -> None:
    assert log(speaking).status_code == 404


# --- what is possible where ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "condition"),
    [
        ("trueai", Condition.UNREADABLE),
        ("novicezk", Condition.LOG_OFF),
        ("gptplus5", Condition.NOT_ADMIN),
        ("sku-vip", Condition.REPEATS_KNOWN),
    ],
)
def test_a_condition_that_a_dialect_can_not_be_in(dialect: str, condition: Condition) -> None:
    with pytest.raises(ValueError, match=f"{condition} is a condition of .*, not of {dialect}"):
        SandboxGateway(DIALECTS[dialect], conditions=[condition])


@pytest.mark.parametrize("dialect", ["sku-vip", "crazyrouter", "novicezk"])
def test_limits_per_user_that_a_dialect_has_not(dialect: str) -> None:
    with pytest.raises(ValueError, match="no limits per user"):
        SandboxGateway(DIALECTS[dialect], user_limits=UserLimits(day=1))


@pytest.mark.parametrize("speaking", ["sku-vip", "novicezk", "trueai"], indirect=True)
@pytest.mark.parametrize("directive", ["refunded", "outcome unknown", "lost"])
def test_directives_that_only_relays_know(speaking: Caller, directive: str) -> None:
    answer = speaking.imagine(f"a fox [[{directive}]]")
    assert answer.json()["code"] == 4
    assert "only gateways like new-api know" in answer.json()["description"]
    assert speaking.sandbox.gateway.tasks == {}


@RELAY
def test_a_status_that_a_refund_can_not_keep(speaking: Caller) -> None:
    assert "takes IN_PROGRESS, SUBMITTED or NONE" in speaking.imagine("a fox [[refunded: SUCCESS]]").text
