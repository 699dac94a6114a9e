from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

# Stand-ins, sandboxes and the host of pictures are shared with other tests.
sys.path.extend(str(Path(__file__).parent.parent / folder) for folder in ("provider", "dialects", "gateway"))

from buckets import CONNECTION, Bucket, s3_server
from running import Sandbox, sandboxes
from sites import KEY, Site, serving

from airflow_provider_mj.sandbox import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def no_proxies_no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("airflow_provider_mj.gateway.transport._wait_seconds", lambda state: 0.0)


@pytest.fixture
def images() -> Iterator[Site]:
    """A host of pictures that is not the gateway."""
    yield from serving(Site())


@pytest.fixture
def gateway() -> Iterator[Site]:
    yield from serving(Site())


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the default connection lead to a gateway."""

    def lead(url: str, **extra: Any) -> None:
        value = {"conn_type": "mj", "host": url, "password": KEY, "extra": {"submit_timeout": 1} | extra}
        monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))

    return lead


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The destination, in a folder of its own so that what leaves it would be seen."""
    return tmp_path / "outer" / "kept"


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Sandbox]]:
    with sandboxes(KEY) as every:
        yield every


@pytest.fixture(params=list(DIALECTS))
def sandbox(servers: dict[str, Sandbox], request: pytest.FixtureRequest, connect: Any) -> Sandbox:
    """A sandbox in each dialect."""
    one = servers[request.param]
    one.reset()
    connect(one.server.url, auth_scheme=one.gateway.dialect.auth_scheme)
    return one


@pytest.fixture(scope="session")
def storage() -> Iterator[str]:
    """The URL of an S3 server: one for all, since Airflow keeps what it has once made of a connection."""
    yield from s3_server()


@pytest.fixture
def bucket(storage: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A new bucket, which a connection leads to."""
    requests.post(f"{storage}/moto-api/reset", timeout=10).raise_for_status()
    one = Bucket(storage, "mj-pictures")
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", one.connection)
    return one
