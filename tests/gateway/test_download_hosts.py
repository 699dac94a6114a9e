"""Where a picture may be fetched from: addresses, names, redirects, proxies and certificates."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import requests
from fetching import MIB, fetch, take
from image_host import PICTURE
from requests.adapters import HTTPAdapter

from airflow_provider_mj.gateway.download import (
    Downloader,
    DownloadFailedError,
    RefusedUrlError,
    download,
)

PUBLIC = "93.184.216.34"
pytestmark = pytest.mark.usefixtures("no_proxies")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name resolve to one address after the other, the last one again and again."""
    queue = list(addresses)

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        address = queue.pop(0) if len(queue) > 1 else queue[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "url",
    [
        *["file:///etc/passwd", "ftp://host.example/x", "gopher://host.example/x", "//host.example/x"],
        *["", "cat.png", "http://", "http:///x", "http://[::1", "httpx://host.example/", "http://a b/"],
        "http://a%20b/",
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
        *["[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[fd00::1]"],
        *["10.0.0.1", "192.168.1.1:8080", "172.16.0.1", "100.64.0.1", "224.0.0.1", "[64:ff9b:1::a00:1]"],
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_that_is_not_public_is_refused(scheme, host):
    with pytest.raises(RefusedUrlError, match="allow_private_image_hosts"):
        download(f"{scheme}://{host}/x", max_bytes=MIB, timeout=5, own_origin="https://gw.example")


METADATA = [
    *["169.254.169.254", "169.254.0.23", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
    *["[fe80::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[::ffff:169.254.169.254]", "[::a9fe:a9fe]"],
    *["[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "0xa9fea9fe", "2852039166"],
    *["[2001:db8::5efe:169.254.169.254]", "[2606::200:5efe:a9fe:a9fe]", "[::ffff:0:a9fe:a9fe]"],
    "[2001:0:5db8:d822::5601:5601]",
]


@pytest.mark.parametrize("host", METADATA)
@pytest.mark.parametrize("through", ["", "http://127.0.0.1:9"])
def test_metadata_and_link_local_addresses_are_never_fetched(monkeypatch, host, through):
    if through:
        monkeypatch.setenv("http_proxy", through)
    with pytest.raises(RefusedUrlError, match="never fetched") as caught:
        download(f"http://{host}/x", max_bytes=MIB, allow_private=True, own_origin=f"http://{host}")
    assert "allow_private" not in str(caught.value)


def test_the_own_origin_may_be_anywhere_and_no_other_scheme_or_port_of_it(site):
    port = site.server_address[1]
    for own in (site.url(""), site.url("mj"), f"HTTP://127.0.0.1:{port}"):
        assert fetch(site, "picture", own_origin=own) == PICTURE
    hosts = ("127.0.0.1", "127.0.0.1:1", f"localhost:{port}", f"127.0.0.2:{port}")
    others = [f"http://{host}" for host in hosts]
    for other in (
        *others,
        f"https://127.0.0.1:{port}",
        site.host,
        None,
        "",
        "http://[",
        f"ftp://{site.host}",
    ):
        with pytest.raises(RefusedUrlError):
            fetch(site, "picture", own_origin=other)
    assert len(site.asked) == 3


def test_a_name_that_resolves_to_this_machine_is_refused(site, monkeypatch):
    resolve_to(monkeypatch, "127.0.0.1")
    with pytest.raises(RefusedUrlError, match="https?://pictures.example"):
        download(f"http://pictures.example:{site.server_address[1]}/picture", max_bytes=MIB)
    assert site.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("second", ["127.0.0.1", "169.254.169.254", "::1", "10.0.0.1"])
def test_a_name_that_resolves_differently_the_second_time_is_looked_up_once(
    monkeypatch, outside, scheme, second
):
    resolve_to(monkeypatch, PUBLIC, second)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DownloadFailedError, match="no connection"):
            download(f"{scheme}://pictures.example:{port}/", max_bytes=MIB, timeout=5)
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert outside == [(PUBLIC, port)]


@pytest.mark.parametrize("first", ["127.0.0.1", "169.254.169.254", "10.0.0.1"])
def test_a_name_that_is_off_limits_is_refused_before_anything_is_connected(monkeypatch, outside, first):
    resolve_to(monkeypatch, first, PUBLIC)
    with pytest.raises(RefusedUrlError):
        download("http://pictures.example/", max_bytes=MIB, timeout=5)
    assert outside == []


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


@pytest.mark.parametrize(
    ("host", "verify"),
    [
        *[("gw.example", "/etc/ca.pem"), ("GW.example.:443", "/etc/ca.pem"), ("gw.example:8443", True)],
        *[("else.example", True), ("gw.example:80", True)],
    ],
)
def test_the_certificate_of_the_own_origin_alone_is_checked_as_the_connection_says(monkeypatch, host, verify):
    seen: list[Any] = []

    def send(self: HTTPAdapter, request: Any, **options: Any) -> None:
        seen.append(options["verify"])
        raise requests.ConnectionError("enough")

    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setattr(HTTPAdapter, "send", send)
    resolve_to(monkeypatch, PUBLIC)
    with pytest.raises(DownloadFailedError):
        download(f"https://{host}/x", max_bytes=MIB, own_origin="https://gw.example", verify="/etc/ca.pem")
    assert seen == [verify]


@pytest.mark.parametrize("allow_private", [False, True])
def test_a_host_that_is_none_may_be_one_later(monkeypatch, allow_private):
    def getaddrinfo(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(DownloadFailedError, match="https://pictures.example/x: ") as caught:
        download("https://pictures.example/x?token=1", max_bytes=MIB, allow_private=allow_private)
    assert "token" not in str(caught.value)


def test_a_kept_connection_does_not_lead_where_its_host_may_not(site, monkeypatch):
    port = site.server_address[1]
    with Downloader(own_origin=site.url("")) as downloader:
        assert take(downloader, site.url("picture")) == PICTURE
        for host in ("localhost", "127.0.0.2"):
            with pytest.raises(RefusedUrlError, match="public internet"):
                take(downloader, f"http://{host}:{port}/picture")
    assert len(site.asked) == 1
