"""Interim answers, which a front may send before the one that counts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from raw_server import RawServer
from server import HostileServer

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import (
    GatewayUnreachableError,
    SubmissionUnknownError,
    UnexpectedAnswerError,
)
from airflow_provider_mj.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_proxies")

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
INTERIM = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "102": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103": HINTS,
    "199": b"HTTP/1.1 199 Whatever\r\nContent-Length: 5\r\n\r\n",
}


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer() as one:
        yield one


def client_of(url: str, **extra: float) -> GatewayClient:
    return GatewayClient(GatewaySettings.parse(host=url, extra=extra), attempts=1)


def final(body: object) -> bytes:
    data = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


ACCEPTED = final({"code": 1, "description": "ok", "result": "17"})


@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("interim", INTERIM.values(), ids=INTERIM)
def test_interim_answers_are_passed_over(server, interim, count):
    client = client_of(server.url)
    server.answer = interim * count + ACCEPTED
    assert client.submit("imagine", {"prompt": "a cat"}).mj_task_id == "17"
    server.answer = interim * count + final({"id": "17", "status": "SUCCESS"})
    assert client.fetch("17").status == "SUCCESS"
    assert server.requests == 2


@pytest.mark.parametrize("count", [9, 10_000])
def test_more_of_them_than_anybody_sends_are_an_error(server, count):
    client = client_of(server.url)
    server.answer = HINTS * count + ACCEPTED
    with pytest.raises(UnexpectedAnswerError, match="can't be read"):
        client.fetch("17")
    with pytest.raises(SubmissionUnknownError):
        client.submit("imagine", {"prompt": "a cat"})


@pytest.mark.parametrize("end", [b"", b"HTTP/1.1 200", HINTS[:30]])
def test_an_answer_that_ends_after_an_interim_one_is_none(server, end):
    server.answer = HINTS + end
    with pytest.raises(GatewayUnreachableError):
        client_of(server.url).fetch("17")
    with pytest.raises(SubmissionUnknownError):
        client_of(server.url).submit("imagine", {"prompt": "a cat"})


def test_switching_protocols_is_no_interim_answer(server):
    server.answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + ACCEPTED
    with pytest.raises(SubmissionUnknownError):
        client_of(server.url).submit("imagine", {"prompt": "a cat"})
    assert server.requests == 1


def test_interim_answers_that_drip_have_no_time_of_their_own():
    begun = time.monotonic()
    # A byte each 0.05 seconds: the first one is whole long after the time is over.
    with (
        HostileServer(lambda peer: (peer.read_request(), peer.drip(HINTS))) as server,
        pytest.raises(GatewayUnreachableError, match="in time"),
    ):
        client_of(f"http://{server.host}", read_timeout=0.5).fetch("17")
    assert time.monotonic() - begun < 2


def test_interim_answers_one_after_the_other_share_the_time_limit():
    def way(peer):
        peer.read_request()
        for _ in range(8):
            peer.send(HINTS)
            peer.closing.wait(0.2)
        peer.send(ACCEPTED)

    begun = time.monotonic()
    with HostileServer(way) as server, pytest.raises(GatewayUnreachableError, match="in time"):
        client_of(f"http://{server.host}", read_timeout=0.5).fetch("17")
    assert time.monotonic() - begun < 1.5
