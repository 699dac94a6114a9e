"""The client against the sandbox, in each dialect over real HTTP."""

from __future__ import annotations

import pytest

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import (
    Acceptance,
    BannedPromptError,
    EndpointMissingError,
    GatewayBusyError,
    GatewayError,
    GatewayUnreachableError,
    InvalidSubmissionError,
    ParentTaskError,
    QueueFullError,
    SubmissionUnknownError,
    TaskNotFoundError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.sandbox import DIALECTS, Fault, ManualClock, SandboxServer

KEY = "sk-dialects-0123456789"
SECONDS = 100.0
START = 1_790_000_000.0  # 2026-09-21T14:13:20Z
WITHOUT_BUTTONS = "novicezk"


class Gateway:
    """A sandbox, a clock to move it, and clients for it."""

    def __init__(self, sandbox: SandboxServer, clock: ManualClock) -> None:
        self.sandbox, self.clock = sandbox, clock
        self.dialect = sandbox.gateway.dialect.name
        self.client = self.client_with(KEY)

    def client_with(self, key: str, prefix: str = "") -> GatewayClient:
        extra = {
            "auth_scheme": self.sandbox.gateway.dialect.auth_scheme,
            "path_prefix": prefix,
            "read_timeout": 2,
        }
        settings = GatewaySettings.parse(host=self.sandbox.url, key=key, extra={**extra, "submit_timeout": 2})
        return GatewayClient(settings, sleep=lambda _: None)

    def imagine(self, prompt: str = "a cat") -> str:
        return self.client.submit("imagine", {"prompt": prompt}).mj_task_id

    def fault(self, kind: str, **more: object) -> None:
        self.sandbox.gateway.faults.add(Fault(kind, **more))  # type: ignore[arg-type]

    @property
    def charges(self) -> int:
        return len(self.sandbox.gateway.ledger.charges)


@pytest.fixture(scope="module", params=list(DIALECTS))
def server(request):
    clock = ManualClock(START)
    with SandboxServer(request.param, key=KEY, task_seconds=SECONDS, clock=clock, loop_seconds=0) as sandbox:
        yield Gateway(sandbox, clock)


@pytest.fixture
def gateway(server: Gateway) -> Gateway:
    server.sandbox.gateway.reset()
    server.clock.now = START
    return server


def test_a_task_from_submission_to_picture(gateway):
    submission = gateway.client.submit("imagine", {"prompt": "a cat --ar 1:1"})
    assert submission.acceptance is Acceptance.TASK
    seen = [gateway.client.fetch(submission.mj_task_id)]
    for _ in range(4):
        gateway.clock.advance(SECONDS / 4)
        seen.append(gateway.client.fetch(submission.mj_task_id))
    assert [task.status for task in seen][1:] == ["IN_PROGRESS"] * 3 + ["SUCCESS"]
    done = seen[-1]
    assert (done.id, done.prompt, done.progress) == (submission.mj_task_id, "a cat --ar 1:1", 100)
    assert done.action == "IMAGINE"
    assert done.image_url.startswith(gateway.sandbox.url)
    assert done.image_url_expires_at == "2026-09-22T14:15:00Z"
    assert done.fail_reason is None
    assert bool(done.buttons) is (gateway.dialect != WITHOUT_BUTTONS)
    assert gateway.charges == 1


def test_a_list_joins_by_id_whatever_the_order(gateway):
    ids = [gateway.imagine(f"cat {number}") for number in range(7)]
    gateway.clock.advance(SECONDS)
    ids += [gateway.imagine(f"dog {number}") for number in range(7)]
    found = gateway.client.list_by_condition([*reversed(ids), "unknown", ids[0]])
    assert set(found) == set(ids)
    assert [found[one].status == "SUCCESS" for one in ids] == [True] * 7 + [False] * 7


def test_an_unknown_id(gateway):
    with pytest.raises(TaskNotFoundError, match="task 404404 at gateway 127.0.0.1"):
        gateway.client.fetch("404404")
    assert gateway.client.list_by_condition(["404404"]) == {}


def test_a_wrong_key(gateway):
    client = gateway.client_with("sk-wrong-key-000")
    for call in (lambda: client.fetch("1"), lambda: client.submit("imagine", {"prompt": "x"}), client.check):
        with pytest.raises(UnauthorizedError) as caught:
            call()
        assert "sk-wrong-key-000" not in str(caught.value)
    assert gateway.charges == 0


@pytest.mark.parametrize(
    ("prompt", "status", "reason"),
    [("a cat [[fail: out of paint]]", "FAILURE", "out of paint"), ("a cat [[cancel]]", "CANCEL", None)],
)
def test_tasks_that_end_badly(gateway, prompt, status, reason):
    mj_task_id = gateway.imagine(prompt)
    gateway.clock.advance(SECONDS)
    task = gateway.client.fetch(mj_task_id)
    assert task.status == status
    assert reason is None or task.fail_reason == reason


def test_a_task_that_vanishes(gateway):
    mj_task_id = gateway.imagine("a cat [[vanish]]")
    assert gateway.client.fetch(mj_task_id).id == mj_task_id
    gateway.clock.advance(SECONDS)
    with pytest.raises(TaskNotFoundError):
        gateway.client.fetch(mj_task_id)


def test_a_window_that_waits_for_a_confirmation(gateway):
    if gateway.dialect == WITHOUT_BUTTONS:
        with pytest.raises(InvalidSubmissionError):
            gateway.imagine("a cat [[modal]]")
        return
    submission = gateway.client.submit("imagine", {"prompt": "a cat [[modal]]"})
    assert submission.acceptance is Acceptance.CONFIRM
    assert gateway.client.fetch(submission.mj_task_id).status == "MODAL"


def test_pressing_a_button(gateway):
    parent = gateway.imagine()
    if gateway.dialect == WITHOUT_BUTTONS:
        with pytest.raises(EndpointMissingError):
            gateway.client.submit("action", {"taskId": parent, "customId": "MJ::JOB::upsample::2::x"})
        return
    gateway.clock.advance(SECONDS)
    button = next(one for one in gateway.client.fetch(parent).buttons if "upsample::2" in one.custom_id)
    pressed = gateway.client.submit("action", {"taskId": parent, "customId": button.custom_id}).mj_task_id
    gateway.clock.advance(SECONDS)
    assert gateway.client.fetch(pressed).action == "UPSCALE"
    assert gateway.charges == 2


def test_pressing_a_button_of_an_unknown_task(gateway):
    kind = EndpointMissingError if gateway.dialect == WITHOUT_BUTTONS else ParentTaskError
    with pytest.raises(kind):
        gateway.client.submit("action", {"taskId": "404404", "customId": "MJ::JOB::upsample::2::x"})


@pytest.mark.parametrize(
    ("prompt", "kind"), [("a bannedword", BannedPromptError), ("", InvalidSubmissionError)]
)
def test_a_refused_submission_is_not_charged(gateway, prompt, kind):
    with pytest.raises(kind, match="Nothing was paid"):
        gateway.imagine(prompt)
    assert gateway.charges == 0


@pytest.mark.parametrize("prefix", ["/mj", "/mj-relax/mj"])
def test_path_prefixes(gateway, prefix):
    client = gateway.client_with(KEY, prefix)
    known = prefix == "/mj" or gateway.dialect in ("gptplus5", "crazyrouter", "trueai")
    if known:
        client.check()
    else:
        with pytest.raises(UnexpectedAnswerError):
            client.check()


def test_a_host_pasted_with_the_prefix(gateway):
    settings = GatewaySettings.parse(
        host=f"{gateway.sandbox.url}/mj/", key=KEY, extra={"auth_scheme": gateway.client.settings.auth_scheme}
    )
    GatewayClient(settings).check()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 429}, GatewayBusyError),
        ({"kind": "status", "status": 502, "body": "<html>Bad Gateway</html>"}, GatewayBusyError),
        ({"kind": "reset"}, GatewayUnreachableError),
        ({"kind": "cut"}, GatewayUnreachableError),
        ({"kind": "html"}, UnexpectedAnswerError),
        ({"kind": "garbage"}, UnexpectedAnswerError),
        ({"kind": "huge"}, UnexpectedAnswerError),
    ],
)
def test_a_read_through_a_fault(gateway, fault, kind):
    mj_task_id = gateway.imagine()
    gateway.fault(**fault)
    with pytest.raises(kind) as caught:
        gateway.client.fetch(mj_task_id)
    assert isinstance(caught.value, GatewayError)
    gateway.sandbox.gateway.faults.clear()
    if fault["kind"] in ("status", "reset", "cut"):
        gateway.fault(**fault, times=2)
    assert gateway.client.fetch(mj_task_id).id == mj_task_id


@pytest.mark.parametrize("kind", ["reset", "reset_after", "cut", "html", "garbage", "huge"])
def test_a_submission_through_a_fault_is_sent_once(gateway, kind):
    gateway.fault(kind)
    with pytest.raises(SubmissionUnknownError):
        gateway.imagine()
    assert [one.path for one in gateway.sandbox.gateway.requests].count("/mj/submit/imagine") == 1
    assert gateway.charges == (1 if kind in ("reset_after", "cut") else 0)


def test_a_submission_that_takes_too_long(gateway):
    gateway.fault("slow", seconds=30)
    settings = GatewaySettings.parse(
        host=gateway.sandbox.url,
        key=KEY,
        extra={"auth_scheme": gateway.client.settings.auth_scheme, "submit_timeout": 0.2},
    )
    with pytest.raises(SubmissionUnknownError, match="did not answer in time"):
        GatewayClient(settings).submit("imagine", {"prompt": "a cat"})
    assert len(gateway.sandbox.gateway.requests) == 1


def test_a_busy_gateway_refuses_a_submission(gateway):
    gateway.fault("status", status=429, retry_after="9")
    with pytest.raises(QueueFullError) as caught:
        gateway.imagine()
    assert caught.value.retry_after == 9.0
    assert len(gateway.sandbox.gateway.requests) == 1


def test_a_list_that_drops_rows_is_no_error(gateway):
    mj_task_id = gateway.imagine()
    gateway.fault("omit")
    assert gateway.client.list_by_condition([mj_task_id]) == {}
