"""Hosts that are no gateway, hang, or can't be reached; and answers that the sandbox does not give."""

from __future__ import annotations

import json
import socket
import time

import pytest
import responses
from checking import KEY, PAGE
from hostile.server import HostileServer, tls_context

from airflow_provider_mj.check.probes import look
from airflow_provider_mj.check.report import report
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.hooks.mj import MJHook

API = "https://gw.example/mj"
LOG = "https://gw.example/api/log/token"
NO_TASK = {"description": "task_no_found ", "type": "upstream_error", "code": 4}
NO_MODEL = {"error": {"message": f"This token {KEY} has no access to model ", "type": "new_api_error"}}


def settings(host: str) -> GatewaySettings:
    return GatewaySettings.parse(host=host, key=KEY)


def says(status: str, body: str = "", *headers: str):
    """Answer each request of a connection alike."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))

    def way(peer):
        while True:
            peer.head = b""
            peer.read_request()
            peer.send(f"{head}\r\n\r\n{body}".encode())

    return way


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (says("200 OK", PAGE), "a web page came instead of JSON"),
        (says("200 OK", "ok"), "the answer is not JSON"),
        (says("200 OK", '{"code":0,"message":"","data":{}}'), "another protocol"),
        (says("404 Not Found", PAGE), "the call does not exist there"),
        (says("404 Not Found"), "the call does not exist there"),
        (says("405 Method Not Allowed", PAGE), "the call does not exist there"),
        (says("301 Moved", "", "Location: https://www.gw.example/"), "it answers with a redirect"),
        (says("403 Forbidden", PAGE), "This address seems to be blocked"),
        (says("502 Bad Gateway", PAGE), "the gateway is overloaded or restarts"),
        (says("500 Oh", PAGE), "the gateway failed"),
    ],
)
def test_a_host_that_is_no_gateway(way, words):
    with HostileServer(way) as server:
        found = report(look(settings(f"http://{server.host}")))
    assert not found.is_usable
    assert words in found.problem
    assert server.host in found.problem
    assert found.guess.family == "unknown"
    assert found.promises == ()


def test_a_certificate_that_nobody_trusts():
    def way(peer):
        with tls_context().wrap_socket(peer.sock, server_side=True):
            pass

    with HostileServer(way) as server:
        found = report(look(settings(f"https://{server.host}")))
        assert server.connections == 1
    assert "its TLS certificate is not accepted. Check the host (http:// or https://?)" in found.problem
    assert [(line.name, line.verdict, line.is_needed) for line in found.lines] == [
        ("reached", "no", True),
        ("tls", "no", True),
    ]


def test_https_at_a_port_that_speaks_http():
    def way(peer):
        peer.sock.recv(65536)
        peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with HostileServer(way) as server:
        found = report(look(settings(f"https://{server.host}")))
    assert "TLS certificate is not accepted" in found.problem


def test_a_host_that_does_not_exist(monkeypatch):
    def unknown(*_):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("airflow_provider_mj.gateway.connections.resolve", unknown)
    found = report(look(settings("https://no-such-host.example")))
    assert found.problem == (
        "Gateway no-such-host.example: there is no such host. Check the host and port of the Airflow "
        "connection, and the network of this machine."
    )


def test_a_port_at_which_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = report(look(settings(f"http://127.0.0.1:{port}")))
    assert f"Gateway 127.0.0.1:{port}: no connection could be made. Check the host and port" in found.problem


def hangs(peer):
    peer.hang()


def drips(peer):
    peer.read_request()
    peer.drip(b"HTTP/1.1 200 OK\r\nX: ")


@pytest.mark.parametrize("way", [hangs, drips])
def test_a_host_that_hangs(way):
    with HostileServer(way) as server:
        found = report(look(settings(f"http://{server.host}"), seconds=0.3))
    assert "it did not answer in time. Ask again later" in found.problem
    assert not found.is_usable


@pytest.mark.alone
def test_all_of_it_takes_less_than_ten_seconds_whatever_hangs():
    def way(peer):
        head = peer.read_head()
        if b"list-by-condition" in head:
            # Late, but in time.
            peer.closing.wait(3.5)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        peer.drip(b"HTTP/1.1 200 OK\r\nX: ")

    with HostileServer(way) as server:
        began = time.monotonic()
        found = report(look(settings(f"http://{server.host}")))
        took = time.monotonic() - began
    assert took < 10
    # All but the first hang, and none waits for another.
    assert took > 7
    assert not found.is_usable


def test_long_time_limits_of_the_connection_do_not_count():
    with HostileServer(hangs) as server:
        patient = GatewaySettings.parse(
            host=f"http://{server.host}", key=KEY, extra={"read_timeout": 600, "connect_timeout": 600}
        )
        began = time.monotonic()
        look(patient, seconds=0.2)
    assert time.monotonic() - began < 5


@pytest.fixture
def gateway(connect):
    connect("https://gw.example")
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


def new_api(gateway: responses.RequestsMock, *tasks: dict[str, object]) -> None:
    def listed(request):
        asked = json.loads(request.body)["ids"]
        return 200, {}, json.dumps([task for task in tasks if task["id"] in asked])

    gateway.add_callback("POST", f"{API}/task/list-by-condition", listed)
    gateway.get(f"{API}/task/airflow-connection-test/fetch", status=400, json=NO_TASK)
    gateway.get(f"{API}/task/airflow-connection-test/image-seed", status=400, json=NO_TASK)
    for method, path in (
        ("GET", f"{API}/task/list"),
        ("POST", f"{API}/task/airflow-connection-test/cancel"),
        ("GET", f"{API}/task/airflow-connection-test/no-such-call"),
    ):
        gateway.add(method, path, body=PAGE)


def charge(mj_task_id: str) -> dict[str, object]:
    content = f"模型固定价格 0.10，分组倍率 1.00，操作 IMAGINE，ID {mj_task_id}"
    return {"created_at": 1_795_000_000, "type": 2, "content": content, "model_name": "mj_imagine"}


OTHER = {"created_at": 1, "type": 2, "content": "gpt", "model_name": "gpt-4o"}
MARKED = {"id": "1720333718022739", "status": "SUCCESS", "state": "airflow-1"}


@pytest.mark.parametrize(
    ("log", "tasks", "verdict", "lost"),
    [
        ([charge("1720333718022739")], [MARKED], "yes", "yes"),
        ([charge("task_18"), OTHER, charge("1720333718022739")], [MARKED], "yes", "yes"),
        # Where tasks show no state, a person is told which ones it may be.
        ([charge("1720333718022739")], [MARKED | {"state": ""}], "yes", "unknown"),
        ([charge("1720333718022739")], [], "yes", "unknown"),
        ([], [], "unknown", "unknown"),
        ([OTHER], [], "unknown", "unknown"),
        (None, [], "no", "unknown"),
    ],
)
def test_the_log_of_the_key(gateway, log, tasks, verdict, lost):
    new_api(gateway, *tasks)
    told = {"body": PAGE} if log is None else {"json": {"success": True, "message": "", "data": log}}
    gateway.get(LOG, **told)
    not_found = {"error": "midjourney_task_not_found"}
    gateway.get(f"{API}/image/airflow-connection-test", status=400, json=not_found)
    found = report(look(MJHook("checked").settings))
    lines = {line.name: line.verdict for line in found.lines}
    promises = {line.name: line.verdict for line in found.promises}
    assert found.guess.family == "new_api"
    assert (lines["key_log"], promises["lost_submission"], lines["image_route"]) == (verdict, lost, "yes")
    words = MJHook("checked").test_connection()[1]
    assert ("is found in the log of the key" in words) is (lost == "yes")


def test_a_key_that_may_submit_and_not_read(gateway):
    gateway.post(f"{API}/task/list-by-condition", status=403, json=NO_MODEL)
    gateway.get(f"{API}/task/airflow-connection-test/fetch", status=403, json=NO_MODEL)
    gateway.add_callback("GET", f"{API}/task/list", lambda _: (200, {}, PAGE))
    works, words = MJHook("checked").test_connection()
    assert not works
    assert words == (
        "Gateway gw.example: the key may not read tasks [HTTP 403] (it said: This token *** has no access to "
        "model). The key may submit and not read: at the gateway, take the limit to some models off the key, "
        "or use another key of the same user."
    )
    assert KEY not in json.dumps(report(look(MJHook("checked").settings)).to_dict())


def test_what_is_asked_without_the_key_has_none(gateway):
    new_api(gateway)
    look(MJHook("checked").settings)
    fetches = [call.request.headers for call in gateway.calls if call.request.url.endswith("/fetch")]
    assert sorted("Authorization" in headers for headers in fetches) == [False, True]


def test_through_a_proxy(monkeypatch):
    with HostileServer(says("200 OK", "[]")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")
        found = report(look(settings("http://gw.example")))
    reached = next(line for line in found.lines if line.name == "reached")
    assert reached.came == "gw.example answers, through the proxy of this machine's environment"


def test_the_clock_of_the_gateway(gateway):
    gateway.post(f"{API}/task/list-by-condition", json=[], headers={"Date": "Sat, 21 Nov 2026 12:05:00 GMT"})
    seen = look(MJHook("checked").settings, probes=(), now=lambda: 1_795_262_400.0)
    assert seen.ahead == pytest.approx(300.5)
