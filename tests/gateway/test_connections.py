"""Connections through a SOCKS proxy, which another library makes; a stand-in does here."""

from __future__ import annotations

import socket
import threading
from typing import Any, ClassVar

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.connections import ExchangeAdapter
from airflow_provider_mj.gateway.errors import NoConnectionError
from airflow_provider_mj.gateway.settings import GatewaySettings


class SocksConnection(HTTPConnection):
    """Takes its time, and gets a connection in the end."""

    release = threading.Event()
    late: ClassVar[list[socket.socket]] = []

    def _new_conn(self) -> socket.socket:
        self.release.wait(20)
        ours, _ = socket.socketpair()
        self.late.append(ours)
        return ours


class SocksPool(urllib3.HTTPConnectionPool):
    ConnectionCls = SocksConnection


@pytest.fixture
def socks(monkeypatch: pytest.MonkeyPatch) -> None:
    def proxy_manager_for(self: HTTPAdapter, proxy: str, **kwargs: Any) -> Any:
        manager = urllib3.PoolManager()
        manager.pool_classes_by_scheme = {"http": SocksPool}
        return self.proxy_manager.setdefault(proxy, manager)

    monkeypatch.setattr(HTTPAdapter, "proxy_manager_for", proxy_manager_for)
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_socks_proxy_that_hangs_is_given_up_and_its_late_socket_closed(socks):
    settings = GatewaySettings.parse(host="http://gw.example", extra={"read_timeout": 0.2})
    client = GatewayClient(settings, attempts=1)
    with pytest.raises(NoConnectionError):
        client.fetch("17")
    SocksConnection.release.set()
    for thread in threading.enumerate():
        if thread.name == "mj-dialling":
            thread.join(20)
    assert [sock.fileno() for sock in SocksConnection.late] == [-1]


def test_pools_through_a_proxy_are_made_once(socks):
    adapter = ExchangeAdapter()
    first, again = (adapter.proxy_manager_for("socks5://127.0.0.1:9") for _ in range(2))
    assert first is again
    assert first.pool_classes_by_scheme["http"].__mro__[1] is SocksPool


def test_a_connection_is_used_within_an_exchange_only():
    with requests.Session() as session:
        session.mount("http://", ExchangeAdapter())
        with pytest.raises(RuntimeError, match="outside of an exchange"):
            session.get("http://127.0.0.1:9/", timeout=1)
