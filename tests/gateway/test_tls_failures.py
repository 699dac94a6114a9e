"""When TLS fails decides what it means for money: in the handshake nothing was sent yet, later it was."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
from typing import TYPE_CHECKING

import pytest
from hostile import ways
from hostile.server import HostileServer, Peer, tls_context

from airflow_provider_mj.gateway import exchange
from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.errors import (
    CertificateError,
    GatewayError,
    GatewayUnreachableError,
    NoConnectionError,
    SubmissionUnknownError,
)
from airflow_provider_mj.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostile.server import Way

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")

LARGE = {"prompt": "a cat", "base64Array": ["x" * (4 * 1024 * 1024)]}
SMALL = {"prompt": "a cat"}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def alert(level: int, description: int) -> bytes:
    return struct.pack("!BHHBB", 21, 0x0303, 2, level, description)


def answers_in_the_clear(data: bytes) -> Way:
    """Answer the first bytes of a handshake in the clear."""

    def way(peer: Peer) -> None:
        peer.sock.recv(65536)
        peer.send(data)

    return way


def hangs_up(peer: Peer) -> None:
    peer.sock.recv(65536)


def resets(peer: Peer) -> None:
    peer.sock.recv(65536)
    peer.reset()


def wants_a_certificate(version: ssl.TLSVersion) -> Way:
    """Ask for a certificate that the client has not."""

    context = tls_context.__wrapped__()
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version

    def way(peer: Peer) -> None:
        with context.wrap_socket(peer.sock, server_side=True) as sock:
            sock.recv(65536)

    return way


def after(read: Callable[[Peer], bytes], end: Callable[[ssl.SSLSocket], None]) -> Way:
    """Speak TLS until a request was read, and then do something else with the connection."""

    def way(peer: Peer) -> None:
        with tls_context().wrap_socket(peer.sock, server_side=True) as sock:
            peer.sock, peer.head = sock, b""
            read(peer)
            end(sock)

    return way


def in_the_clear(data: bytes) -> Callable[[ssl.SSLSocket], None]:
    def end(sock: ssl.SSLSocket) -> None:
        with socket.socket(fileno=os.dup(sock.fileno())) as raw:
            raw.sendall(data)
            raw.shutdown(socket.SHUT_WR)
            # What is unread when a connection is closed makes a reset of its end.
            with contextlib.suppress(OSError):
                while raw.recv(65536):
                    pass

    return end


def says_goodbye(sock: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        sock.unwrap()


def ends_abruptly(sock: ssl.SSLSocket) -> None:
    with socket.socket(fileno=os.dup(sock.fileno())) as raw:
        raw.shutdown(socket.SHUT_RDWR)


def resets_tls(sock: ssl.SSLSocket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


IN_THE_HANDSHAKE: dict[str, Way] = {
    "hangs up": hangs_up,
    "resets": resets,
    "an alert: handshake failure": answers_in_the_clear(alert(2, 40)),
    "an alert: protocol version": answers_in_the_clear(alert(2, 70)),
    "an alert: close notify": answers_in_the_clear(alert(1, 0)),
    "half of a record": answers_in_the_clear(b"\x16\x03\x03\x40\x00\x02"),
    "plain HTTP": answers_in_the_clear(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "garbage": answers_in_the_clear(bytes(range(256))),
    "a certificate is wanted, TLS 1.2": wants_a_certificate(ssl.TLSVersion.TLSv1_2),
}
BAD_ENDS: dict[str, Callable[[ssl.SSLSocket], None]] = {
    "plain HTTP": in_the_clear(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "garbage": in_the_clear(bytes(range(256))),
    "a record that is none": in_the_clear(b"\x17\x03\x03\x00\x20" + bytes(32)),
    "a record of a version that is none": in_the_clear(b"\x17\x09\x09\x00\x20" + bytes(32)),
    "an alert in the clear": in_the_clear(alert(2, 40)),
    "a new handshake in the clear": in_the_clear(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"),
    "half of a record": in_the_clear(b"\x17\x03\x03\x40\x00\x02"),
    "a goodbye": says_goodbye,
    "an abrupt end": ends_abruptly,
    "a reset": resets_tls,
}
AFTER_THE_REQUEST = {name: after(Peer.read_request, end) for name, end in BAD_ENDS.items()} | {
    "a certificate is wanted, TLS 1.3": wants_a_certificate(ssl.TLSVersion.TLSv1_3)
}
IN_THE_BODY = {name: after(Peer.read_head, end) for name, end in BAD_ENDS.items()}


def client(url: str, *, verify: bool = False) -> GatewayClient:
    settings = GatewaySettings.parse(host=url, key="sk-0123456789", extra={"verify": verify})
    return GatewayClient(settings, sleep=lambda _: None)


def failure(way: Way, url: str = "https://{host}", body: dict = SMALL) -> tuple[GatewayError, int]:
    """Submit to a server, and give the error and how many connections it saw."""
    with HostileServer(way) as server:
        with pytest.raises(GatewayError) as caught:
            client(url.format(host=server.host)).submit("imagine", body)
        return caught.value, server.connections


@pytest.mark.parametrize("name", IN_THE_HANDSHAKE)
def test_in_the_handshake_nothing_was_sent(name):
    error, _ = failure(IN_THE_HANDSHAKE[name])
    assert isinstance(error, NoConnectionError)
    assert "Nothing was sent" in str(error)


@pytest.mark.parametrize("name", AFTER_THE_REQUEST)
def test_after_the_request_it_is_unknown_whether_paid(name):
    error, connections = failure(AFTER_THE_REQUEST[name])
    assert type(error) is SubmissionUnknownError
    assert "unknown whether" in str(error)
    assert connections == 1


@pytest.mark.parametrize("name", IN_THE_BODY)
def test_in_the_middle_of_a_large_body_as_well(name):
    error, connections = failure(IN_THE_BODY[name], body=LARGE)
    assert type(error) is SubmissionUnknownError
    assert connections == 1


@pytest.mark.parametrize("name", AFTER_THE_REQUEST)
def test_a_read_says_that_the_connection_broke_and_not_that_a_certificate_is_wrong(name):
    with HostileServer(AFTER_THE_REQUEST[name]) as server, pytest.raises(GatewayError) as caught:
        client(f"https://{server.host}").fetch("17")
    assert type(caught.value) is GatewayUnreachableError


def test_a_certificate_that_nobody_trusts_was_shown_in_the_handshake():
    with HostileServer(AFTER_THE_REQUEST["a goodbye"]) as server:
        with pytest.raises(CertificateError, match="certificate is not accepted"):
            client(f"https://{server.host}", verify=True).submit("imagine", SMALL)
        assert server.connections == 1


def test_a_certificate_that_is_refused_in_a_later_handshake_is_no_refused_connection(monkeypatch):
    """As in a renegotiation, which Python can't begin from the side of a server."""

    def readinto(self, buffer):
        raise ssl.SSLCertVerificationError(1, "certificate verify failed")

    monkeypatch.setattr(exchange._TimedReads, "readinto", readinto)
    error, connections = failure(ways.over_tls(ways.answering(ways.OK)))
    assert type(error) is SubmissionUnknownError
    assert "TLS failed after the request was sent" in str(error)
    assert connections == 1


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ssl.SSLCertVerificationError(1, "no"), CertificateError),
        (ssl.SSLZeroReturnError(6, "closed"), NoConnectionError),
        (ssl.SSLEOFError(8, "EOF"), NoConnectionError),
        (ssl.SSLWantReadError(2, "later"), NoConnectionError),
        (ssl.SSLError(1, "[SSL] internal error"), NoConnectionError),
        (TimeoutError("the handshake timed out"), NoConnectionError),
        (OSError(22, "Invalid argument"), NoConnectionError),
        (ValueError("server_hostname cannot start with a dot"), NoConnectionError),
    ],
)
def test_whatever_ends_a_handshake_has_sent_nothing(monkeypatch, raised, kind):
    def do_handshake(self, block=False):
        raise raised

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", do_handshake)
    error, _ = failure(hangs_up)
    assert type(error) is kind


@pytest.mark.parametrize(
    "raised",
    [
        ssl.SSLCertVerificationError(1, "no"),
        ssl.SSLZeroReturnError(6, "closed"),
        ssl.SSLEOFError(8, "EOF"),
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
        BrokenPipeError(32, "Broken pipe"),
        OSError("invalid path: x"),
        TimeoutError("slow"),
    ],
)
def test_whatever_ends_the_sending_may_have_sent_all(monkeypatch, raised):
    def send(self, data, flags=0):
        raise raised

    # It ends the connection: after a broken pipe, an answer is waited for that may have come before.
    with HostileServer(after(lambda peer: b"", ends_abruptly)) as server:
        monkeypatch.setattr(ssl.SSLSocket, "send", send)
        with pytest.raises(SubmissionUnknownError):
            client(f"https://{server.host}").submit("imagine", SMALL)
        assert server.connections == 1


def through(monkeypatch: pytest.MonkeyPatch, proxied: str, own: str, way: Way) -> tuple[GatewayError, int]:
    """Submit through a proxy of the environment."""
    with HostileServer(way) as proxy:
        monkeypatch.setenv(f"{proxied}_proxy", f"{own}://{proxy.host}")
        with pytest.raises(GatewayError) as caught:
            client(f"{proxied}://gw.example").submit("imagine", SMALL)
        return caught.value, proxy.connections


def refuses_the_tunnel(status: bytes) -> Way:
    return ways.answering(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)


NO_TUNNEL: dict[str, Way] = {
    "refused": refuses_the_tunnel(b"403 Forbidden"),
    "credentials are wanted": refuses_the_tunnel(b"407 Proxy Authentication Required"),
    "not reached": refuses_the_tunnel(b"502 Bad Gateway"),
    "no HTTP": ways.answering(b"SSH-2.0-x\r\n"),
    "hangs up": hangs_up,
    "resets": resets,
    **{f"in it: {name}": ways.connected(way) for name, way in IN_THE_HANDSHAKE.items()},
}


@pytest.mark.parametrize("name", NO_TUNNEL)
def test_without_a_tunnel_nothing_was_sent(monkeypatch, name):
    def way(peer: Peer) -> None:
        # Not `answering`'s end, which is none.
        peer.hang = lambda: None  # type: ignore[method-assign]
        NO_TUNNEL[name](peer)

    error, _ = through(monkeypatch, "https", "http", way)
    assert isinstance(error, NoConnectionError)


@pytest.mark.parametrize("name", AFTER_THE_REQUEST)
def test_what_fails_in_a_tunnel_after_the_request_is_unknown(monkeypatch, name):
    error, connections = through(monkeypatch, "https", "http", ways.connected(AFTER_THE_REQUEST[name]))
    assert type(error) is SubmissionUnknownError
    assert connections == 1


@pytest.mark.parametrize("proxied", ["http", "https"])
@pytest.mark.parametrize("name", IN_THE_HANDSHAKE)
def test_a_handshake_with_a_proxy_that_fails_has_sent_nothing(monkeypatch, name, proxied):
    error, _ = through(monkeypatch, proxied, "https", IN_THE_HANDSHAKE[name])
    assert isinstance(error, NoConnectionError)


@pytest.mark.parametrize("name", BAD_ENDS)
def test_a_proxy_that_was_asked_for_a_tunnel_has_no_request_yet(monkeypatch, name):
    error, _ = through(monkeypatch, "https", "https", after(Peer.read_head, BAD_ENDS[name]))
    assert isinstance(error, NoConnectionError)


@pytest.mark.parametrize("name", AFTER_THE_REQUEST)
def test_a_proxy_that_gets_the_request_itself_may_have_passed_it_on(monkeypatch, name):
    error, connections = through(monkeypatch, "http", "https", AFTER_THE_REQUEST[name])
    assert type(error) is SubmissionUnknownError
    assert connections == 1


@pytest.mark.parametrize("way", [hangs_up, resets], ids=["hangs up", "resets"])
def test_a_plain_proxy_that_gets_the_request_itself_as_well(monkeypatch, way):
    error, connections = through(monkeypatch, "http", "http", way)
    assert type(error) is SubmissionUnknownError
    assert connections == 1


@pytest.mark.parametrize("proxy", ["socks9://127.0.0.1:1", "nothing://127.0.0.1:1", "http://[::1"])
def test_a_proxy_that_can_not_be_used_has_sent_nothing(monkeypatch, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(NoConnectionError, match="Nothing was sent"):
        client("https://gw.example").submit("imagine", SMALL)


def test_a_bundle_in_which_no_certificate_is_has_sent_nothing(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    with HostileServer(ways.over_tls(hangs_up)) as server, pytest.raises(NoConnectionError):
        client(f"https://{server.host}", verify=str(tmp_path / "ca.pem")).submit("imagine", SMALL)


def test_a_kept_connection_that_dies_is_a_broken_one_and_a_submission_never_uses_it():
    """A read may be tried again, so it uses what is kept; what is paid for begins with a handshake."""
    whole, _ = ways.answers(ways.TASK)["with its length"]
    taken, _ = ways.answers(ways.TAKEN)["with its length"]

    def way(peer: Peer) -> None:
        with tls_context().wrap_socket(peer.sock, server_side=True) as sock:
            peer.sock, peer.head = sock, b""
            head = peer.read_request()
            peer.send(taken if head.startswith(b"POST") else whole)
            peer.head = b""
            peer.read_request()
            in_the_clear(b"HTTP/1.1 408 Request Timeout\r\n\r\n")(sock)

    with HostileServer(way) as server:
        one = client(f"https://{server.host}")
        assert one.fetch("17").id == "17"
        assert one.fetch("17").id == "17"
        assert server.connections == 2
        assert one.submit("imagine", SMALL).mj_task_id == "17"
        assert server.connections == 3
        one.close()
