"""Who listens to a client is told each answer as it came, whatever the client makes of it."""

from __future__ import annotations

import pytest
import responses
from asking import FETCH, IMAGINE, KEY, RUNNING

from airflow_provider_mj.gateway.answers import Ask
from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import GatewayBusyError, SubmissionUnknownError, TaskNotFoundError
from airflow_provider_mj.gateway.settings import GatewaySettings

LIST = "https://gw.example/mj/task/list"


@pytest.fixture
def heard():
    return []


@pytest.fixture
def client(heard):
    settings = GatewaySettings.parse(host="https://gw.example", key=KEY)
    return GatewayClient(settings, sleep=lambda _: None, heard=lambda *one: heard.append(one))


@responses.activate
def test_what_was_asked_for_and_what_was_not(client, heard):
    responses.get(FETCH, json=RUNNING)
    responses.get(FETCH, status=204)
    client.fetch("17")
    with pytest.raises(TaskNotFoundError):
        client.fetch("17")
    assert [(request.ask, answer.status, answer.body) for request, answer in heard] == [
        (Ask.TASK, 200, RUNNING),
        (Ask.TASK, 204, None),
    ]


@responses.activate
def test_each_attempt(client, heard):
    for _ in range(4):
        responses.get(FETCH, status=503)
    with pytest.raises(GatewayBusyError):
        client.fetch("17")
    assert [answer.status for _, answer in heard] == [503] * 4


@responses.activate
def test_a_submission_once_and_without_the_key(client, heard):
    responses.post(IMAGINE, status=500, body=f"bad key {KEY}")
    with pytest.raises(SubmissionUnknownError):
        client.submit("imagine", {"prompt": "a cat"})
    ((request, answer),) = heard
    assert (request.path, answer.text) == ("submit/imagine", "bad key ***")


@responses.activate
def test_a_list_that_is_read_row_by_row(client, heard):
    responses.get(LIST, json=[RUNNING], headers={"Date": "Sat, 21 Nov 2026 12:00:00 GMT"})
    client.list_newest()
    ((_, answer),) = heard
    assert (answer.is_read, answer.date) == (True, 1_795_262_400.0)


@responses.activate
def test_the_time_of_who_answered(client, heard):
    responses.get(FETCH, json=RUNNING, headers={"Date": "Sat, 21 Nov 2026 12:00:00 GMT"})
    responses.get(FETCH, json=RUNNING, headers={"Date": "soon"})
    client.fetch("17")
    client.fetch("17")
    assert [answer.date for _, answer in heard] == [1_795_262_400.0, None]


def test_the_address_that_answered(plain_server, heard):
    settings = GatewaySettings.parse(host=plain_server, key=KEY)
    client = GatewayClient(settings, attempts=1, heard=lambda *one: heard.append(one))
    client.look_alone("17")
    assert [answer.address for _, answer in heard] == ["127.0.0.1"]
