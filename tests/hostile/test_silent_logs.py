"""What the libraries log of our requests holds no signature, no token and no password."""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import TYPE_CHECKING

import pytest
import requests
from hostile import ways
from hostile.server import HostileServer

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.download import DownloadError, download
from airflow_provider_mj.gateway.errors import GatewayError
from airflow_provider_mj.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostile.server import Peer

# Nothing of Airflow is in it: once is enough.
pytestmark = pytest.mark.wire

SIGNED = "ex=1&is=2&hm=signature"
HOME = ways.answers(ways.PICTURE)["with its length"][0]
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /moved?hm=signature\r\nContent-Length: 0\r\n\r\n"
NO_HEADERS = b"HTTP/1.1 200 OK\r\nnonsense ?hm=signature\r\nContent-Length: 1\r\n\r\nx"


def by_its_path(peer: Peer) -> None:
    path = peer.read_request().split()[1]
    answers = {b"redirect": REDIRECT, b"nonsense": NO_HEADERS, b"hangup": b""}
    peer.send(next((answer for name, answer in answers.items() if name in path), HOME))


@pytest.fixture
def server(caplog: pytest.LogCaptureFixture) -> Iterator[HostileServer]:
    caplog.set_level(logging.DEBUG)
    with HostileServer(by_its_path) as running:
        yield running


def logged(caplog: pytest.LogCaptureFixture) -> str:
    formatter = logging.Formatter()
    return "\n".join(f"{formatter.format(record)} {record.__dict__}" for record in caplog.records)


@pytest.mark.parametrize("path", ["a.png", "redirect/a.png", "nonsense/a.png", "hangup/a.png"])
@pytest.mark.parametrize("through_a_proxy", [False, True])
def test_no_line_of_a_picture_has_its_signature(caplog, monkeypatch, server, path, through_a_proxy):
    url = f"http://{server.host}"
    if through_a_proxy:
        monkeypatch.setenv("http_proxy", f"http://me:secret@{server.host}")
        monkeypatch.delenv("no_proxy", raising=False)
        url = "http://pictures.example"
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    fails = pytest.raises(DownloadError) if path.startswith("hangup") else contextlib.nullcontext()
    with fails as caught:
        download(f"{url}/{path}?{SIGNED}#part", max_bytes=1000, own_origin=url)
    assert "signature" not in str(caught)
    text = logged(caplog)
    assert "urllib3" in text
    assert "signature" not in text
    assert "secret" not in text
    if "hangup" not in path:
        assert f"{'/moved' if 'redirect' in path else path} HTTP/1.1" in text


def test_no_line_of_a_read_has_what_the_gateway_redirects_to(caplog, server):
    client = GatewayClient(GatewaySettings.parse(host=f"http://{server.host}/redirect"))
    with pytest.raises(GatewayError) as caught:
        client.fetch("17")
    assert "signature" not in f"{caught.value} {logged(caplog)}"
    client.close()


def test_the_requests_of_others_are_logged_as_ever(caplog, server):
    download(f"http://{server.host}/a.png", max_bytes=1000, allow_private=True)
    requests.get(f"http://{server.host}/a.png?page=2", timeout=5)
    assert "/a.png?page=2" in logged(caplog)
