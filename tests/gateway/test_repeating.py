"""Answers and connections that fail: what is asked again, after how long, and what never is."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses
from asking import FETCH, IMAGINE, RUNNING, bad_certificate, make_client, new_connection_error

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
)
from airflow_provider_mj.gateway.header_times import date_seconds, retry_after_seconds

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [101, 102, 199, 600, 666, 999])
@responses.activate
def test_a_status_that_says_nothing_leaves_it_unknown_whether_paid(client, status):
    responses.post(IMAGINE, status=status, json={"code": 24, "description": "banned"})
    with pytest.raises(SubmissionUnknownError):
        client.submit("imagine", {"prompt": "a cat"})


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
    ("header", "seconds"),
    [
        ("Sat, 21 Nov 2026 12:00:00 GMT", NOW.timestamp()),
        ("Sat, 21 Nov 2026 12:00:00", NOW.timestamp()),
        ("Sat, 21 Nov 2026 13:00:00 +0100", NOW.timestamp()),
        *[
            ("soon", None),
            ("", None),
            (None, None),
            ("7", None),
            ("Wed, 1 Apr 10000 99999999999:1:1 GMT", None),
        ],
    ],
)
def test_a_date_header(header, seconds):
    assert date_seconds(header) == seconds


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


def test_a_host_that_is_none_is_told(sleeps, monkeypatch):
    def getaddrinfo(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NoConnectionError, match="no such host"):
        make_client(sleeps, host="https://gateway.invalid").fetch("17")


@pytest.mark.parametrize("host", ["https://" + "a" * 70 + ".example", "https://a..example"])
def test_a_name_that_is_none_is_no_connection(sleeps, host):
    with pytest.raises(NoConnectionError):
        make_client(sleeps, host=host).submit("imagine", {"prompt": "a cat"})


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
