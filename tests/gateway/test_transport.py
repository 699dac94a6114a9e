from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses
import urllib3

from airflow_provider_mj.gateway import transport
from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import (
    CertificateError,
    GatewayBusyError,
    GatewayDownError,
    GatewayError,
    GatewayUnreachableError,
    NoConnectionError,
    QueueFullError,
    SubmissionUnknownError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.gateway.transport import MAX_ANSWER, retry_after_seconds

KEY = "sk-0123456789abcdef"
FETCH = "https://gw.example/mj/task/17/fetch"
IMAGINE = "https://gw.example/mj/submit/imagine"
RUNNING = {"id": "17", "status": "IN_PROGRESS"}
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


class Sleeps(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def client(sleeps: Sleeps) -> GatewayClient:
    return make_client(sleeps)


def make_client(
    sleeps: Sleeps, host: str = "https://gw.example", key: str | None = KEY, **extra: Any
) -> GatewayClient:
    return GatewayClient(GatewaySettings.parse(host=host, key=key, extra=extra), sleep=sleeps)


def new_connection_error() -> requests.ConnectionError:
    pool = urllib3.HTTPSConnectionPool("gw.example")
    reason = urllib3.exceptions.NewConnectionError(pool, "refused")  # type: ignore[arg-type]
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", reason))


def bad_certificate() -> requests.exceptions.SSLError:
    pool = urllib3.HTTPSConnectionPool("gw.example")
    cause = ssl.SSLCertVerificationError(1, "certificate has expired")
    return requests.exceptions.SSLError(
        urllib3.exceptions.MaxRetryError(pool, "/", urllib3.exceptions.SSLError(cause))
    )


@pytest.mark.parametrize(
    ("scheme", "name", "value"),
    [
        ("bearer", "Authorization", f"Bearer {KEY}"),
        ("raw", "Authorization", KEY),
        ("mj-api-secret", "mj-api-secret", KEY),
    ],
)
@responses.activate
def test_exactly_one_auth_header_and_a_user_agent(sleeps, scheme, name, value):
    responses.get(FETCH, json=RUNNING)
    make_client(sleeps, auth_scheme=scheme).fetch("17")
    sent = responses.calls[0].request.headers
    assert {key: sent[key] for key in ("Authorization", "mj-api-secret") if key in sent} == {name: value}
    assert sent["User-Agent"].startswith("airflow-provider-mj/")


@responses.activate
def test_netrc_is_never_consulted(sleeps, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine gw.example login me password other-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    responses.get(FETCH, json=RUNNING)
    make_client(sleeps, key=None).fetch("17")
    assert "Authorization" not in responses.calls[0].request.headers


@responses.activate
def test_a_redirect_to_nowhere_is_an_error_like_any_other(client):
    responses.get(FETCH, status=302, headers={"Location": "https://[nowhere"})
    with pytest.raises(UnexpectedAnswerError, match="can't be read"):
        client.fetch("17")


def test_a_ca_bundle_that_is_not_there_is_named(sleeps):
    with pytest.raises(CertificateError, match="/nowhere/ca.pem"):
        make_client(sleeps, verify="/nowhere/ca.pem").fetch("17")


@responses.activate
def test_no_redirect_is_followed_with_the_key(client):
    responses.get(FETCH, status=302, headers={"Location": "https://user:pw@evil.example/x?token=1"})
    responses.get("https://evil.example/x", json=RUNNING)
    with pytest.raises(UnexpectedAnswerError, match="Location: https://evil.example/x") as caught:
        client.fetch("17")
    assert len(responses.calls) == 1
    assert "pw" not in str(caught.value)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@responses.activate
def test_a_read_is_repeated_while_the_gateway_is_busy(client, sleeps, status):
    for _ in range(3):
        responses.get(FETCH, status=status)
    responses.get(FETCH, json=RUNNING)
    assert client.fetch("17").status == "IN_PROGRESS"
    assert len(sleeps) == 3
    assert all(0 <= seconds <= 10 for seconds in sleeps)


@pytest.mark.parametrize("failure", [requests.ConnectionError("reset"), new_connection_error()])
@responses.activate
def test_a_read_is_repeated_when_the_connection_breaks(client, sleeps, failure):
    responses.get(FETCH, body=failure)
    responses.get(FETCH, json=RUNNING)
    assert client.fetch("17").id == "17"
    assert len(sleeps) == 1


@responses.activate
def test_a_read_gives_up_after_four_attempts(client):
    responses.get(FETCH, status=503)
    with pytest.raises(GatewayBusyError):
        client.fetch("17")
    assert len(responses.calls) == 4


@pytest.mark.parametrize(("status", "kind"), [(500, GatewayDownError), (401, UnauthorizedError)])
@responses.activate
def test_other_answers_are_not_repeated(client, sleeps, status, kind):
    responses.get(FETCH, status=status)
    with pytest.raises(kind):
        client.fetch("17")
    assert (len(responses.calls), sleeps) == (1, [])


@responses.activate
def test_the_list_is_a_read_as_well(client):
    responses.post("https://gw.example/mj/task/list-by-condition", status=503)
    responses.post("https://gw.example/mj/task/list-by-condition", json=[RUNNING])
    assert list(client.list_by_condition(["17"])) == ["17"]


@responses.activate
def test_retry_after_is_kept_to(client, sleeps):
    responses.get(FETCH, status=429, headers={"Retry-After": "7"})
    responses.get(FETCH, json=RUNNING)
    client.fetch("17")
    assert len(sleeps) == 1
    assert 7 <= sleeps[0] <= 17


@responses.activate
def test_a_long_retry_after_is_the_callers_to_wait_for(client, sleeps):
    responses.get(FETCH, status=429, headers={"Retry-After": "120"})
    with pytest.raises(GatewayBusyError) as caught:
        client.fetch("17")
    assert (caught.value.retry_after, sleeps) == (120.0, [])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *[("0", 0.0), ("7", 7.0), (" 7 ", 7.0), ("9999999", 86400.0)],
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 12:01:30", 90.0),
        ("Sat, 21 Nov 2026 13:01:30 +0100", 90.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        *[("soon", None), ("", None), (None, None), ("-5", None), ("٣", None), ("1.5", None)],
    ],
)
def test_retry_after_in_seconds_and_as_a_date(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (new_connection_error(), NoConnectionError),
        (requests.ConnectTimeout("slow"), NoConnectionError),
        (requests.exceptions.InvalidURL("no"), NoConnectionError),
        (bad_certificate(), CertificateError),
        (requests.ReadTimeout("slow"), GatewayUnreachableError),
        (requests.exceptions.ChunkedEncodingError("cut"), GatewayUnreachableError),
        (requests.exceptions.SSLError(ssl.SSLError(1, "bad record mac")), GatewayUnreachableError),
    ],
)
@responses.activate
def test_failures_of_the_connection(client, failure, kind):
    responses.get(FETCH, body=failure)
    with pytest.raises(GatewayError) as caught:
        client.fetch("17")
    assert type(caught.value) is kind
    assert "task 17 at gateway gw.example" in str(caught.value)


def test_a_gateway_that_speaks_no_tls_is_a_certificate_error(sleeps, plain_server):
    with pytest.raises(CertificateError, match="http://"):
        make_client(sleeps, host=plain_server.replace("http://", "https://")).fetch("17")


def test_a_host_that_is_none_is_told(sleeps):
    with pytest.raises(NoConnectionError, match="no such host|no connection"):
        make_client(sleeps, host="https://gateway.invalid").fetch("17")


@pytest.mark.parametrize(
    "failure",
    [
        requests.ConnectionError("reset by peer"),
        requests.ReadTimeout("slow"),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.exceptions.SSLError(ssl.SSLError(1, "bad record mac")),
    ],
)
@responses.activate
def test_a_submission_that_may_have_arrived_is_never_repeated(client, sleeps, failure):
    responses.post(IMAGINE, body=failure)
    with pytest.raises(SubmissionUnknownError, match="unknown whether"):
        client.submit("imagine", {"prompt": "a cat"})
    assert (len(responses.calls), sleeps) == (1, [])


@responses.activate
def test_a_submission_is_repeated_when_no_connection_was_made(client):
    responses.post(IMAGINE, body=new_connection_error())
    responses.post(IMAGINE, json={"code": 1, "description": "ok", "result": "17"})
    assert client.submit("imagine", {"prompt": "a cat"}).mj_task_id == "17"


@responses.activate
def test_a_submission_with_a_bad_certificate_is_not_repeated(client):
    responses.post(IMAGINE, body=bad_certificate())
    with pytest.raises(CertificateError):
        client.submit("imagine", {"prompt": "a cat"})
    assert len(responses.calls) == 1


@responses.activate
def test_a_refused_submission_is_left_to_the_caller(client, sleeps):
    responses.post(IMAGINE, status=429, headers={"Retry-After": "3"})
    with pytest.raises(QueueFullError) as caught:
        client.submit("imagine", {"prompt": "a cat"})
    assert (caught.value.retry_after, sleeps) == (3.0, [])


@responses.activate
def test_an_answer_over_8_mib_is_refused(client):
    responses.get(FETCH, body=b" " * (MAX_ANSWER + 1))
    with pytest.raises(UnexpectedAnswerError, match="8388608 bytes"):
        client.fetch("17")
    assert len(responses.calls) == 1


@responses.activate
def test_a_packed_answer_is_measured_unpacked(client):
    import gzip

    bomb = gzip.compress(b" " * (MAX_ANSWER * 4))
    assert len(bomb) < 100_000
    responses.get(FETCH, body=bomb, headers={"Content-Encoding": "gzip"}, auto_calculate_content_length=True)
    with pytest.raises(UnexpectedAnswerError, match="bytes"):
        client.fetch("17")


@responses.activate
def test_an_endless_submission_answer_leaves_it_unknown_whether_paid(client):
    responses.post(IMAGINE, body=b" " * (MAX_ANSWER + 1))
    with pytest.raises(SubmissionUnknownError):
        client.submit("imagine", {"prompt": "a cat"})


@responses.activate
def test_a_body_that_drips_ends_at_the_time_limit(client, monkeypatch):
    ticks = iter(range(0, 1000, 20))
    monkeypatch.setattr(transport.time, "monotonic", lambda: next(ticks))
    responses.get(FETCH, body=b" " * 300_000)
    with pytest.raises(GatewayUnreachableError, match="did not answer in time"):
        client._transport.send(
            transport.Request(
                ask=transport.Ask.TASK, method="GET", path="task/17/fetch", fits=lambda _: True, attempts=1
            )
        )


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf" + b'{"id": 17, "status": "SUCCESS"}', b'{"id":"17","status":"SUCCESS"}\n']
)
@responses.activate
def test_a_mark_before_the_json_does_no_harm(client, body):
    responses.get(FETCH, body=body)
    assert client.fetch("17").status == "SUCCESS"


@pytest.mark.parametrize("body", ["[" * 100_000, '{"id": ' + "9" * 5000 + "}", '{"id": "17"', "\x00", "nul"])
@responses.activate
def test_json_that_is_none_is_an_unexpected_answer(client, body):
    responses.get(FETCH, body=body)
    with pytest.raises(UnexpectedAnswerError):
        client.fetch("17")


@responses.activate
def test_a_number_that_json_does_not_have_is_unset(client):
    responses.get(FETCH, body='{"id": "17", "status": "SUCCESS", "cost": NaN, "properties": {"a": Infinity}}')
    assert client.fetch("17").properties == {"a": None}


@responses.activate
def test_an_answer_that_repeats_the_key_does_not_spread_it(client):
    responses.get(FETCH, status=401, json={"error": {"message": f"invalid token Bearer {KEY}"}})
    with pytest.raises(UnauthorizedError, match=r"invalid token Bearer \*\*\*") as caught:
        client.fetch("17")
    assert KEY not in str(caught.value)
    responses.remove(responses.GET, FETCH)
    responses.get(FETCH, json={"id": "17", "status": "SUCCESS", "prompt": KEY, "properties": {"k": KEY}})
    assert KEY not in repr(client.fetch("17").to_dict())


@responses.activate
def test_a_failure_that_repeats_the_key_does_not_spread_it(client):
    responses.get(FETCH, body=requests.exceptions.InvalidURL(f"bad header {KEY}"))
    with pytest.raises(GatewayError) as caught:
        client.fetch("17")
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("verify", [True, False, "/etc/ca.pem"])
@responses.activate
def test_tls_is_verified_unless_the_connection_says_otherwise(sleeps, monkeypatch, verify):
    # The environment's bundle would win over a setting of the session, not over one of the request.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/somewhere/else.pem")
    expected = "/somewhere/else.pem" if verify is True else verify
    responses.get(FETCH, json=RUNNING)
    make_client(sleeps, verify=verify).fetch("17")
    assert responses.calls[0].request.req_kwargs["verify"] == expected


@responses.activate
def test_time_limits_reach_the_request(sleeps):
    client = make_client(sleeps, connect_timeout=3, read_timeout=11, submit_timeout=77)
    responses.get(FETCH, json=RUNNING)
    responses.post(IMAGINE, json={"code": 1, "result": "17"})
    client.fetch("17")
    client.submit("imagine", {"prompt": "a cat"})
    assert [call.request.req_kwargs["timeout"] for call in responses.calls] == [(3.0, 11.0), (3.0, 77.0)]


def test_nothing_shows_the_key(client):
    shown = " ".join(map(repr, [client, client.settings, vars(client), transport.KeyAuth(client.settings)]))
    assert KEY not in shown


def test_a_closed_client_can_be_used_again(client):
    client.close()
    with responses.RequestsMock() as mocked:
        mocked.get(FETCH, json=RUNNING)
        assert client.fetch("17").id == "17"
