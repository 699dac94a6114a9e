from __future__ import annotations

import os
import tempfile

# Before anything imports Airflow, which would write into the home folder of whoever runs pytest by hand.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-provider-mj-"))

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DOCUMENTS = Path(__file__).parent / "documents"

Document = Callable[[str], Any]


@pytest.fixture(scope="session")
def document() -> Document:
    """Give an example body as a gateway's documentation prints it."""
    return lambda name: json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))
