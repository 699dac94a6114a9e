"""What is sent to a gateway with the key, and what of its answer is read."""

from __future__ import annotations

import re

import pytest
import requests
import responses
from asking import FETCH, IMAGINE, KEY, RUNNING, make_client

from airflow_provider_mj.gateway import transport
from airflow_provider_mj.gateway.errors import (
    CertificateError,
    GatewayError,
    GatewayUnreachableError,
    SubmissionUnknownError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.transport import MAX_ANSWER


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


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308, 399])
@responses.activate
def test_a_submission_that_is_redirected_may_have_arrived(client, sleeps, status):
    where = "https://user:pw@www.gw.example/mj/submit/imagine?token=1"
    responses.post(IMAGINE, status=status, headers={"Location": where})
    with pytest.raises(SubmissionUnknownError, match="redirect, and the host of the Airflow") as caught:
        client.submit("imagine", {"prompt": "a cat"})
    assert (len(responses.calls), sleeps) == (1, [])
    assert not re.search("pw|token", str(caught.value))


@responses.activate
def test_a_redirected_submission_tells_where_to(client):
    responses.post(IMAGINE, status=308, headers={"Location": "https://u:pw@www.gw.example/mj/x?token=1"})
    with pytest.raises(SubmissionUnknownError, match=r"Location: https://www.gw.example/mj/x\)"):
        client.submit("imagine", {"prompt": "a cat"})


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
