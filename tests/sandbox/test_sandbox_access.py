"""Who reaches the sandbox: no page of another site, by whatever name it calls it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_mj.sandbox import SandboxServer
from airflow_provider_mj.sandbox.access import Access, canonical, host_of
from airflow_provider_mj.sandbox.faults import HEADER

if TYPE_CHECKING:
    from sandbox_caller import Caller

LEDGER, FETCH, PICTURE = "/sandbox/ledger", "/mj/task/1/fetch", "/attachments/1/2/x.png"
JSON = {"Content-Type": "application/json"}


def refusal(
    path: str = LEDGER,
    method: str = "GET",
    host: str = "localhost:8090",
    *names: str,
    address: str = "127.0.0.1",
    **headers: str,
) -> str | None:
    given = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Access.under(names).refusal(method, path, [(b"host", host.encode("latin-1")), *given], address)


LOOPBACK = [
    *("localhost", "localhost:8090", "LOCALHOST:8090", "localhost.", "mj.localhost:1", "127.0.0.1:8090"),
    *("127.8.9.10:65535", "[::1]", "[::1]:8090", "[0:0:0:0:0:0:0:1]:8090"),
]
STRANGE = [
    *("evil.example", "evil.example:8090", "localhost.evil.example", "evillocalhost", "127.0.0.1.example"),
    *("192.168.1.7:8090", "10.0.0.1", "169.254.169.254", "[fe80::1]", "[::2]:8090", "[::ffff:10.0.0.1]"),
    *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "0.0.0.0:8090", "sandbox:8090"),
]
MALFORMED = [
    *("", " ", "localhost:", "localhost:x", "localhost:99999", "localhost:-1", "localhost:80:80"),
    *("localhost,", "localhost localhost", "localhost/", "localhost@evil", "evil@localhost", "localhost\t"),
    *("http://localhost", "[::1", "::1", "::1]:80", "[localhost]", "[127.0.0.1]", "[::1%lo]", "[]", "["),
    *(":8090", "localhost\xa0", "localh\xf6st", "localhost#", ".localhost:", "-", "..", "localhost:\xb2"),
    *("a" * 300, "[::1]" * 60_000, "a." * 30_000 + "localhost"),
]


@pytest.mark.parametrize("path", [LEDGER, "/sandbox/requests", "/sandbox/faults", FETCH, PICTURE, "/"])
@pytest.mark.parametrize("host", LOOPBACK)
def test_the_loopback_is_known_by_all_its_names(path: str, host: str) -> None:
    assert refusal(path, host=host) is None


@pytest.mark.parametrize("path", [LEDGER, "/sandbox/x", FETCH, PICTURE, "/"])
@pytest.mark.parametrize("host", STRANGE + MALFORMED)
def test_other_names_are_refused_everywhere(path: str, host: str) -> None:
    said = refusal(path, host=host)
    assert said is not None
    assert "\n" not in said


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_one_host_header(count: int) -> None:
    headers = [(b"host", b"localhost")] * count
    assert host_of(headers) is None
    assert Access().refusal("GET", FETCH, headers, "127.0.0.1") is not None


@pytest.mark.parametrize("target", ["http://localhost/sandbox/ledger", "*", "", "sandbox/ledger"])
def test_a_target_is_a_path(target: str) -> None:
    assert refusal(target) is not None


def test_names_can_be_allowed() -> None:
    names = ("Sandbox", "mj_sandbox.internal", "192.168.1.7", "[FD00::7]", "0.0.0.0")
    for host in (
        "sandbox",
        "SANDBOX:8090",
        "mj_sandbox.internal.",
        "192.168.1.7:1",
        "[fd00:0::7]:9",
        "0.0.0.0",
    ):
        assert refusal(LEDGER, "GET", host, *names) is None, host
    for host in ("sandbox.evil.example", "x.sandbox", "192.168.1.70", "[fd00::8]"):
        assert refusal(LEDGER, "GET", host, *names) is not None, host


@pytest.mark.parametrize(
    "name", ["", "*", "a b", "sandbox:8090", "http://sandbox", "[sandbox]", "a\n", "/", "é"]
)
def test_what_is_no_name_cannot_be_allowed(name: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        SandboxServer(allow_hosts=[name])


def test_the_address_on_which_a_request_came_in_is_known() -> None:
    # What listens on all addresses has none of its own; no page can be at an address that is this machine's.
    assert refusal(host="192.168.1.7:8090", address="192.168.1.7") is None
    assert refusal(host="192.168.1.7:8090", address="::ffff:192.168.1.7") is None
    assert refusal(host="192.168.1.8:8090", address="192.168.1.7") is not None


OTHER_ORIGINS = [
    *("http://evil.example", "https://evil.example", "http://localhost:3000", "http://localhost", "null", ""),
    *(
        "https://localhost:8090",
        "http://127.0.0.1:8090",
        "http://[::1]:8090",
        "http://localhost:8090.evil.example",
    ),
    *(
        "file://",
        "chrome-extension://abc",
        "http://localhost:8090/",
        "http://localhost:8090 http://evil.example",
    ),
    *("localhost:8090", "//localhost:8090", "HTTP://evil.example", "http://u@localhost:8090"),
]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("origin", OTHER_ORIGINS)
def test_pages_of_other_origins_command_nothing(method: str, origin: str) -> None:
    for path in (LEDGER, "/sandbox/requests", "/sandbox/faults", "/sandbox/"):
        assert "other origins" in str(refusal(path, method, origin=origin, content_type="application/json"))
    for path in (FETCH, PICTURE, "/"):
        assert "other origins" in str(refusal(path, method, origin=origin, x_sandbox_fault="kind=html"))
        assert refusal(path, method, origin=origin) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "", "none, cross-site", "x"])
def test_pages_of_other_sites_command_nothing(site: str) -> None:
    assert "other sites" in str(refusal(LEDGER, sec_fetch_site=site))
    assert "other sites" in str(refusal(FETCH, sec_fetch_site=site, x_sandbox_fault="kind=html"))
    assert refusal(PICTURE, sec_fetch_site=site) is None


def test_a_second_header_hides_nothing() -> None:
    for name, good, bad in (
        (b"origin", b"http://localhost", b"http://evil.example"),
        (b"sec-fetch-site", b"same-origin", b"cross-site"),
    ):
        for values in ((good, bad), (bad, good)):
            headers = [(b"host", b"localhost"), *((name, value) for value in values)]
            assert Access().refusal("GET", LEDGER, headers, "127.0.0.1") is not None


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8090", "http://localhost:8090"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("[::1]:8090", "http://[::1]:8090"),
    ],
)
def test_its_own_pages_and_a_persons_calls_pass(host: str, origin: str) -> None:
    for site in ("same-origin", "none"):
        assert refusal(host=host, origin=origin, sec_fetch_site=site) is None


def test_faults_come_as_json() -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        assert refusal("/sandbox/faults", "POST", content_type=kind) is None
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/json"):
        assert "application/json" in str(refusal("/sandbox/faults", "POST", content_type=kind))
    assert "application/json" in str(refusal("/sandbox/faults", "POST"))
    assert refusal("/sandbox/faults", "DELETE") is None


def test_a_name_has_one_form() -> None:
    assert canonical("[0:0::1]") == "::1"
    assert canonical("::ffff:127.0.0.1") == "127.0.0.1"
    assert canonical("LocalHost.") == "localhost"


# Over HTTP.


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
    ],
)
def test_a_web_page_cannot_set_a_fault(caller: Caller, headers: dict[str, str]) -> None:
    url, fault = f"{caller.sandbox.url}/sandbox/faults", '{"kind": "html"}'
    answer = requests.post(url, data=fault, headers=JSON | headers, timeout=10)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.strip().count("\n") == 0
    assert "access-control-allow-origin" not in answer.headers
    assert caller.sandbox.gateway.faults.active() == []
    assert requests.post(url, data=fault, headers=JSON, timeout=10).status_code == 200


def test_a_rebound_page_reads_submits_and_is_noted_nowhere(caller: Caller) -> None:
    for path in ("/sandbox/requests", "/sandbox/ledger", "/sandbox/faults", "/attachments/1/2/x.png"):
        assert caller.get(path, headers={"Host": "evil.example"}).status_code == 403, path
    for host in ("evil.example", f"evil.example:{caller.sandbox.url.rpartition(':')[2]}"):
        assert (
            caller.post("/mj/submit/imagine", json={"prompt": "a"}, headers={"Host": host}).status_code == 403
        )
    assert caller.sandbox.gateway.tasks == {}
    assert caller.sandbox.gateway.requests == []


def test_a_fault_in_a_header_is_a_command(caller: Caller) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
        assert caller.get("/", headers=headers | {HEADER: "kind=status;status=418"}).status_code == 403
        assert caller.get("/", headers=headers).status_code == 200
    assert caller.get("/", headers={HEADER: "kind=status;status=418"}).status_code == 418


@pytest.mark.parametrize(
    "head",
    [
        "GET /sandbox/ledger HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET /sandbox/ledger HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n",
        "GET /sandbox/ledger HTTP/1.1\r\n",
        "GET /sandbox/ledger HTTP/1.0\r\n",
        "GET /sandbox/ledger HTTP/1.1\r\nHost:\r\n",
        "GET /sandbox/ledger HTTP/1.1\r\nHost: \t \r\n",
        "GET http://localhost/sandbox/ledger HTTP/1.1\r\nHost: localhost\r\n",
        "GET http://localhost/sandbox/ledger HTTP/1.1\r\nHost: evil.example\r\n",
        "GET /sandbox/%6cedger HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n",
        "GET /%73andbox/ledger HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n",
        "GET /sandbox%2Fledger HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n",
    ],
)
def test_what_no_client_writes_is_refused(caller: Caller, head: str) -> None:
    assert _status_of(caller, head) in {400, 403}


def test_a_plain_request_by_hand_passes(caller: Caller) -> None:
    assert _status_of(caller, "GET /sandbox/ledger HTTP/1.1\r\nHost: localhost\r\n") == 200


def _status_of(caller: Caller, head: str) -> int:
    host, _, port = caller.sandbox.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "localhost"])
def test_it_is_reached_where_it_listens(host: str) -> None:
    with SandboxServer(host=host, allow_hosts=["sandbox"]) as sandbox:
        port = sandbox.url.rpartition(":")[2]
        for name in (f"sandbox:{port}", f"localhost:{port}", sandbox.url.removeprefix("http://")):
            answer = requests.get(f"{sandbox.url}{LEDGER}", headers={"Host": name}, timeout=10)
            assert answer.status_code == 200, name
        other = requests.get(f"{sandbox.url}{LEDGER}", headers={"Host": f"box:{port}"}, timeout=10)
        assert other.status_code == 403


def test_a_great_body_is_read_before_it_is_refused(caller: Caller) -> None:
    answer = caller.post("/mj/submit/imagine", data=b" " * 5_000_000, headers={"Host": "evil.example"})
    assert answer.status_code == 403
