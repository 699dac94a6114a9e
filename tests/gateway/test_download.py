from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
from image_host import PICTURE, Site
from requests.adapters import HTTPAdapter

from airflow_provider_mj.gateway.download import (
    Downloader,
    DownloadError,
    DownloadFailedError,
    LinkExpiredError,
    RefusedUrlError,
    TooLargeError,
    download,
    shown_url,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC = "93.184.216.34"
MIB = 1024 * 1024


@contextmanager
def stream(url: str, *, max_bytes: int, **rules: Any) -> Iterator[Any]:
    with (
        Downloader(**rules) as downloader,
        downloader.stream(url, max_bytes=max_bytes, timeout=10) as picture,
    ):
        yield picture


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.closing.set()
        server.shutdown()


def fetch(site: Site, path: str, **options: Any) -> bytes:
    return download(site.url(path), **{"max_bytes": MIB, "own_host": site.host, "timeout": 10.0} | options)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name resolve to one address after the other, the last one again and again."""
    queue = list(addresses)

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        address = queue.pop(0) if len(queue) > 1 else queue[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_picture_is_fetched_whole(site):
    assert fetch(site, "picture") == PICTURE


def test_a_picture_comes_in_pieces_with_its_type(site):
    with stream(site.url("picture"), max_bytes=MIB, allow_private=True) as picture:
        assert picture.content_type == "image/png"
        assert b"".join(picture.chunks) == PICTURE


@pytest.mark.parametrize(
    "url",
    [
        *["file:///etc/passwd", "ftp://host.example/x", "gopher://host.example/x", "//host.example/x"],
        *["", "cat.png", "http://", "http:///x", "http://[::1", "httpx://host.example/", "http://a b/"],
        *["http://host.example:99999/", "data:image/png;base64,AAAA", None, {"url": "http://x"}],
        *["http://me:secret@host.example/x", "https://token@host.example/x", "http:me:secret@host.example"],
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_an_address_that_is_none_of_ours_is_refused(monkeypatch, url, allow_private):
    resolve_to(monkeypatch, "192.0.2.1")
    with pytest.raises(RefusedUrlError) as caught:
        download(url, max_bytes=MIB, allow_private=allow_private)
    assert not any(secret in str(caught.value) for secret in ("secret", "token", "AAAA"))


@pytest.mark.parametrize(
    "host",
    [
        *[
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0.0.0.0",
            "localhost",
            "LOCALHOST.",
        ],
        *["[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "[fe80::1]"],
        *["10.0.0.1", "192.168.1.1:8080", "172.16.0.1", "100.64.0.1", "224.0.0.1", "[fd00:ec2::254]"],
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_that_is_not_public_is_refused(scheme, host):
    with pytest.raises(RefusedUrlError, match="allow_private_image_hosts"):
        download(f"{scheme}://{host}/x", max_bytes=MIB, timeout=5, own_host="gw.example")


def test_the_own_host_may_be_anywhere_and_no_other_port_of_it(site):
    assert fetch(site, "picture", own_host=site.host) == PICTURE
    for other in ("127.0.0.1", "127.0.0.1:1", f"localhost:{site.server_address[1]}", None, ""):
        with pytest.raises(RefusedUrlError):
            fetch(site, "picture", own_host=other)
    assert len(site.asked) == 1


def test_a_name_that_resolves_to_this_machine_is_refused(site, monkeypatch):
    resolve_to(monkeypatch, "127.0.0.1")
    with pytest.raises(RefusedUrlError, match="https?://pictures.example"):
        download(f"http://pictures.example:{site.server_address[1]}/picture", max_bytes=MIB)
    assert site.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_resolves_differently_the_second_time_gets_nothing_sent(monkeypatch, scheme):
    resolve_to(monkeypatch, PUBLIC, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(RefusedUrlError, match="not on the public internet"):
            download(f"{scheme}://pictures.example:{listener.getsockname()[1]}/", max_bytes=MIB, timeout=5)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            assert connection.recv(100) == b""


def test_one_private_address_of_several_is_enough(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in (PUBLIC, "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    with pytest.raises(RefusedUrlError):
        download("http://pictures.example/", max_bytes=MIB)


def test_five_redirects_are_followed_and_no_more(site):
    assert fetch(site, "hops/4") == PICTURE
    with pytest.raises(RefusedUrlError, match="more than 5 times"):
        fetch(site, "hops/5")


def test_the_body_of_a_redirect_is_not_read(site):
    assert fetch(site, "moved", timeout=5) == PICTURE


@pytest.mark.parametrize(
    "target",
    [
        *["http://127.0.0.1:1/", "http://localhost/", "http://169.254.169.254/latest/meta-data", "//[::1]/"],
        *["file:///etc/passwd", "http://me:secret@{host}/picture", "https://[nowhere", "data:text/plain,x"],
    ],
)
def test_a_redirect_is_checked_like_the_first_address(site, target):
    site.elsewhere = target.format(host=site.host)
    with pytest.raises(RefusedUrlError) as caught:
        fetch(site, "away")
    assert len(site.asked) == 1
    assert "secret" not in str(caught.value)


def test_nothing_is_sent_that_tells_who_we_are(site, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    fetch(site, "hops/0")
    assert [path for path, _ in site.asked] == ["/hops/0", "/picture"]
    for _, headers in site.asked:
        assert set(headers) <= {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


def test_with_a_proxy_the_name_is_checked_before_it_is_asked(site, monkeypatch):
    monkeypatch.setenv("http_proxy", site.url(""))
    assert download(f"http://{PUBLIC}/picture", max_bytes=MIB) == PICTURE
    with pytest.raises(RefusedUrlError):
        download("http://169.254.169.254/picture", max_bytes=MIB)
    assert [path for path, _ in site.asked] == [f"http://{PUBLIC}/picture"]


@pytest.mark.parametrize("path", ["endless", "huge", "picture"])
def test_more_bytes_than_wanted_are_refused(site, path):
    with pytest.raises(TooLargeError, match="over 1000 bytes") as caught:
        fetch(site, path, max_bytes=1000)
    assert not caught.value.retry_helps


def test_as_many_bytes_as_wanted_are_taken(site):
    assert fetch(site, "picture", max_bytes=len(PICTURE)) == PICTURE
    with pytest.raises(TooLargeError):
        fetch(site, "picture", max_bytes=len(PICTURE) - 1)


def test_a_length_over_the_limit_is_refused_before_anything_is_read(site):
    with pytest.raises(TooLargeError), stream(site.url("huge"), max_bytes=MIB, own_host=site.host):
        pytest.fail("it was opened")


def test_a_body_that_ends_too_early_is_a_failure(site):
    with pytest.raises(DownloadFailedError):
        fetch(site, "cut")


def test_bytes_after_the_promised_length_are_not_taken(site):
    assert fetch(site, "short") == PICTURE[:10]


@pytest.mark.parametrize("where", ["body", "headers"])
def test_a_slow_drip_ends_at_the_time_limit(site, where):
    started = time.monotonic()
    with pytest.raises(DownloadFailedError, match="in time"):
        fetch(site, f"drip/{where}", timeout=0.3)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        *[(f"status/{status}", LinkExpiredError) for status in (403, 404, 410)],
        *[(f"gone/{status}", LinkExpiredError) for status in (200, 400, 500)],
        *[(f"status/{status}", DownloadFailedError) for status in (201, 206, 204, 400, 401, 429, 500, 503)],
        *[("packed", DownloadFailedError), ("cut", DownloadFailedError)],
    ],
)
def test_answers_that_are_no_picture(site, path, kind):
    with pytest.raises(DownloadError) as caught:
        fetch(site, f"{path}?ex=1&hm=signature")
    assert type(caught.value) is kind
    assert caught.value.retry_helps is (kind is DownloadFailedError)
    assert f"picture http://{site.host}/{path}: " in str(caught.value)
    assert "signature" not in f"{caught.value} {caught.value!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_page_is_handed_on_for_the_caller_to_judge(site):
    with stream(site.url("page"), max_bytes=MIB, own_host=site.host) as picture:
        assert (picture.content_type, b"".join(picture.chunks)) == ("text/html", b"<html>")


def test_what_fails_in_the_callers_hands_is_the_callers(site):
    with (
        pytest.raises(OSError, match="disk full"),
        stream(site.url("picture"), max_bytes=MIB, own_host=site.host),
    ):
        raise OSError("disk full")


@pytest.mark.parametrize(
    ("host", "verify"), [("gw.example", "/etc/ca.pem"), ("gw.example:8443", True), ("else.example", True)]
)
def test_the_certificate_of_the_own_host_alone_is_checked_as_the_connection_says(monkeypatch, host, verify):
    seen: list[Any] = []

    def send(self: HTTPAdapter, request: Any, **options: Any) -> None:
        seen.append(options["verify"])
        raise requests.ConnectionError("enough")

    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setattr(HTTPAdapter, "send", send)
    resolve_to(monkeypatch, PUBLIC)
    with pytest.raises(DownloadFailedError):
        download(f"https://{host}/x", max_bytes=MIB, own_host="gw.example", verify="/etc/ca.pem")
    assert seen == [verify]


@pytest.mark.parametrize("allow_private", [False, True])
def test_a_host_that_is_none_may_be_one_later(monkeypatch, allow_private):
    def getaddrinfo(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(DownloadFailedError, match="https://pictures.example/x: ") as caught:
        download("https://pictures.example/x?token=1", max_bytes=MIB, allow_private=allow_private)
    assert "token" not in str(caught.value)


def test_a_host_that_speaks_no_tls_is_a_failure(plain_server):
    with pytest.raises(DownloadFailedError, match="TLS"):
        download(plain_server.replace("http:", "https:"), max_bytes=MIB, allow_private=True)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@Host.example:8443/a/b.png?sig=1#x", "https://host.example:8443/a/b.png"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("s3://conn@bucket/key.png", "s3://bucket/key.png"),
        ("file:///tmp/cat.png", "file:///tmp/cat.png"),
        ("https://h/\n\x1b[31m", "https://h/ [31m"),
        ("https://[::1", "at an address that can't be read"),
        ("https://h:pw", "at an address that can't be read"),
        ("https:me:pw@h/x", "at an address without a host"),
        ("cat.png", "at an address without a host"),
        (b"https://h", "of type bytes"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert shown_url(url) == shown


def test_a_long_address_is_cut():
    assert len(shown_url("https://host.example/" + "a" * 5000)) == 200


def take(downloader: Downloader, url: str, **more: Any) -> bytes:
    with downloader.stream(url, **{"max_bytes": MIB, "timeout": 10} | more) as picture:
        return b"".join(picture.chunks)


def test_a_connection_is_kept_for_what_follows(site):
    with Downloader(own_host=site.host) as downloader:
        pictures = [take(downloader, site.url(path)) for path in ("picture", "chunked", "picture", "picture")]
    assert set(pictures) == {PICTURE}
    assert site.connections == 1


def test_a_kept_connection_that_turns_out_to_be_closed_is_made_anew(site):
    with Downloader(own_host=site.host) as downloader:
        assert [take(downloader, site.url("once")) for _ in range(3)] == [PICTURE] * 3
    assert (len(site.asked), site.connections) == (5, 3)


def test_a_host_that_hangs_up_at_once_is_asked_once(site):
    with pytest.raises(DownloadFailedError):
        fetch(site, "hangup")
    assert len(site.asked) == 1


def test_what_was_not_taken_to_its_end_leaves_no_connection(site):
    with Downloader(own_host=site.host) as downloader:
        with pytest.raises(TooLargeError):
            take(downloader, site.url("picture"), max_bytes=100)
        with pytest.raises(LinkExpiredError):
            take(downloader, site.url("status/404"))
        assert take(downloader, site.url("picture")) == PICTURE


def test_each_download_has_its_own_time(site):
    with Downloader(own_host=site.host) as downloader:
        with pytest.raises(DownloadFailedError, match="in time"):
            take(downloader, site.url("drip"), timeout=0.3)
        assert take(downloader, site.url("picture"), timeout=5) == PICTURE


def test_a_cookie_is_never_sent_back(site):
    with Downloader(own_host=site.host) as downloader:
        for _ in range(2):
            take(downloader, site.url("cookie"))
    assert not [headers for _, headers in site.asked if "Cookie" in headers]


def test_a_kept_connection_does_not_lead_where_its_host_may_not(site, monkeypatch):
    port = site.server_address[1]
    with Downloader(own_host=site.host) as downloader:
        assert take(downloader, site.url("picture")) == PICTURE
        for host in ("localhost", "127.0.0.2"):
            with pytest.raises(RefusedUrlError, match="public internet"):
                take(downloader, f"http://{host}:{port}/picture")
    assert len(site.asked) == 1
