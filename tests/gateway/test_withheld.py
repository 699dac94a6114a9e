"""Pictures that a gateway has and keeps back: by its filter, or from who shows no key."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from fetching import MIB, fetch, take
from image_host import PICTURE, Site

from airflow_provider_mj.gateway.denials import denial
from airflow_provider_mj.gateway.download import (
    Downloader,
    DownloadError,
    DownloadFailedError,
    LinkExpiredError,
    WithheldError,
)
from airflow_provider_mj.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_proxies")

KEY = "sk-withheld-0123456789"
HEADER = ("Authorization", f"Bearer {KEY}")


@pytest.fixture
def other() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.closing.set()
        server.shutdown()


def keys(site: Site) -> list[str | None]:
    return [headers.get("Authorization") for _, headers in site.asked]


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"request blocked: domain not in whitelist: cdn.discordapp.com"}',
        b'{"error": "request blocked: private IP address not allowed: 10.0.0.7"}',
        b'{"error":"request blocked: port 8443 is not allowed"}\n',
        b'\n{ "error" : "Request blocked: DNS resolution failed"}',
        b'{"error":"request reject: unsupported protocol"}',
    ],
)
def test_a_filter_of_the_gateway_is_named_and_its_operator(body):
    error = denial(403, body, url="https://gw.example/mj/image/17?rand=1", has_key=False)
    assert type(error) is WithheldError
    assert "filter" in str(error)
    assert "ask the gateway's operator" in str(error)
    assert not any(word in str(error) for word in ("press", "button", "paid", "new link", "rand="))
    assert not error.retry_helps


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"error":"This content is no longer available."}',
        b'{"error":""}',
        b"<title>ERROR: The request could not be satisfied</title> Request blocked.",
        b'{"message":"request blocked: by a firewall"}',
        b'{"error":"the request blocked nothing"}',
    ],
)
def test_what_else_comes_with_403_is_a_dead_link(body):
    assert type(denial(403, body, url="https://gw.example/x", has_key=True)) is LinkExpiredError


def test_what_the_filter_says_is_shown_cleaned_and_short():
    body = b'{"error":"request blocked: a\x1b[2J\n https://a.example/?hm=signature ' + b"x" * 900 + b'"}'
    error = denial(403, body, url="https://gw.example/x", has_key=False)
    assert "\x1b" not in str(error)
    assert "signature" not in str(error)
    assert len(str(error)) < 600


def test_a_picture_that_is_blocked_says_so(site):
    with pytest.raises(WithheldError, match=r"request blocked: domain not allowed"):
        fetch(site, "blocked/domain%20not%20allowed")


@pytest.mark.parametrize("path", ["locked", "locked/17?rand=1", "hops/2", "away"])
def test_the_own_origin_is_asked_once_more_with_the_key(site, path):
    site.elsewhere = site.url("locked")
    assert fetch(site, path, key_header=HEADER) == PICTURE
    if path.startswith("locked"):
        assert keys(site) == [None, HEADER[1]]
    elif path == "away":
        assert keys(site) == [None, None, HEADER[1], HEADER[1]]
    else:
        assert set(keys(site)) == {None}


@pytest.mark.parametrize("status", [200, 403, 404, 410, 429, 500])
def test_no_other_answer_gets_the_key(site, status):
    path = "picture" if status == 200 else f"status/{status}"
    try:
        fetch(site, path, key_header=HEADER)
    except DownloadError:
        assert status != 200
    assert set(keys(site)) == {None}


def test_a_key_that_is_not_taken_is_no_reason_for_a_retry(site):
    with pytest.raises(WithheldError, match="does not take that of the connection") as caught:
        fetch(site, "status/401", key_header=HEADER)
    assert not caught.value.retry_helps
    assert KEY not in str(caught.value)


def test_without_a_key_nothing_changes(site):
    with pytest.raises(DownloadFailedError, match="answers 401"):
        fetch(site, "locked")


@pytest.mark.parametrize("own", ["other", "port", "scheme", "name", None])
def test_no_other_origin_gets_the_key(site, other, own):
    port = site.server_address[1]
    origin = {
        "other": other.url(""),
        "port": f"http://127.0.0.1:{port + 1}",
        "scheme": f"https://127.0.0.1:{port}",
        "name": f"http://localhost:{port}",
        None: None,
    }[own]
    with pytest.raises(DownloadFailedError, match="answers 401"):
        fetch(site, "locked", key_header=HEADER, own_origin=origin, allow_private=True)
    assert set(keys(site)) == {None}


@pytest.mark.parametrize("behind", ["locked", "away"])
def test_no_key_after_a_redirect_elsewhere(site, other, behind):
    site.elsewhere = other.url(behind)
    other.elsewhere = site.url("locked")
    with pytest.raises(DownloadFailedError, match="answers 401"):
        fetch(site, "away", key_header=HEADER, allow_private=True)
    assert set(keys(site)) == set(keys(other)) == {None}


def test_a_redirect_that_follows_the_key_leaves_it_behind(site, other, monkeypatch):
    """A gateway that wants the key, and then says where the picture is."""

    def answer(handler: Any, _: str) -> None:
        if handler.headers.get("Authorization"):
            handler.answer(302, b"", Location=other.url("picture"))
        else:
            handler.answer(401, b"")

    monkeypatch.setattr(site.RequestHandlerClass, "answer_kept", answer, raising=False)
    assert fetch(site, "kept", key_header=HEADER, allow_private=True) == PICTURE
    assert keys(site) == [None, HEADER[1]]
    assert keys(other) == [None]


@pytest.mark.parametrize(
    ("scheme", "name", "value"),
    [
        ("bearer", "Authorization", f"Bearer {KEY}"),
        ("raw", "Authorization", KEY),
        ("mj-api-secret", "mj-api-secret", KEY),
    ],
)
def test_the_key_goes_into_the_header_of_the_connection(site, scheme, name, value):
    settings = GatewaySettings.parse(host=site.url(""), key=KEY, extra={"auth_scheme": scheme})
    with Downloader.of(settings) as downloader, pytest.raises(DownloadError):
        take(downloader, site.url("status/401"))
    assert [headers.get(name) for _, headers in site.asked] == [None, value, None, value]


def test_a_gateway_without_a_key_gets_none(site):
    settings = GatewaySettings.parse(host=site.url(""))
    with Downloader.of(settings) as downloader, pytest.raises(DownloadFailedError):
        take(downloader, site.url("status/401"), max_bytes=MIB)
    assert set(keys(site)) == {None}
