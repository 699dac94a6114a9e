from __future__ import annotations

import os
import tempfile

# Before anything imports Airflow, which would write into the home folder of whoever runs pytest by hand.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-provider-mj-"))

import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import guard

guard.install()

DOCUMENTS = Path(__file__).parent / "documents"

Document = Callable[[str], Any]


def pytest_collection_finish() -> None:
    """Leave what ten thousand tests are described by to no collection: each would walk through all of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def stay_here() -> Iterator[None]:
    """Fail a test that tried to reach another machine, or to look up a name."""
    yield from guard.stay_here()


@pytest.fixture(autouse=True)
def quick_second_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures whose host denies them are asked for again without a pause."""
    monkeypatch.setattr("airflow_provider_mj.gateway.download.SECOND_LOOK", 0.0)


@pytest.fixture
def outside() -> Iterator[list[tuple[str, int]]]:
    """Let no other machine answer, and give the addresses that were connected to."""
    tried: list[tuple[str, int]] = []
    with guard.outside(lambda _, address: tried.append(address[:2])):
        yield tried


@pytest.fixture(scope="session")
def document() -> Document:
    """Give an example body as a gateway's documentation prints it."""
    return lambda name: json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))
