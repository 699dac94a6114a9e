from __future__ import annotations

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
