from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Stand-ins, sandboxes and the host of pictures are shared with other tests.
sys.path.extend(str(Path(__file__).parent.parent / folder) for folder in ("provider", "dialects", "gateway"))

from sites import KEY, Site, serving

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
