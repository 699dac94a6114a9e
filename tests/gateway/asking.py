"""A gateway that is only a name, a client that asks it, and how a connection to it fails."""

from __future__ import annotations

import ssl
from typing import Any

import requests
import urllib3

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.settings import GatewaySettings

KEY = "sk-0123456789abcdef"
FETCH = "https://gw.example/mj/task/17/fetch"
IMAGINE = "https://gw.example/mj/submit/imagine"
RUNNING = {"id": "17", "status": "IN_PROGRESS"}


class Sleeps(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def make_client(
    sleeps: Sleeps, host: str = "https://gw.example", key: str | None = KEY, **extra: Any
) -> GatewayClient:
    return GatewayClient(GatewaySettings.parse(host=host, key=key, extra=extra), sleep=sleeps)


def new_connection_error() -> requests.ConnectionError:
    pool = urllib3.HTTPSConnectionPool("gw.example")
    reason = urllib3.exceptions.NewConnectionError(pool, "refused")  # type: ignore[arg-type]
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", reason))


def bad_certificate() -> requests.exceptions.SSLError:
    pool = urllib3.HTTPSConnectionPool("gw.example")
    cause = ssl.SSLCertVerificationError(1, "certificate has expired")
    return requests.exceptions.SSLError(
        urllib3.exceptions.MaxRetryError(pool, "/", urllib3.exceptions.SSLError(cause))
    )
