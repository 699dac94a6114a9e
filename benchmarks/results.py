"""Where results go, and on what machine they were made."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FOLDER = Path(__file__).parent / "results"
PACKAGES = (
    "apache-airflow",
    "apache-airflow-providers-http",
    "apache-airflow-providers-dbt-cloud",
    "aiohttp",
    "requests",
)


def conditions(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Give the versions and the machine that figures depend on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {package: version(package) for package in packages},
    }


def conditions_line(packages: Sequence[str] = PACKAGES) -> str:
    """Give the same as one line for a page."""
    found = conditions(packages)
    versions = ", ".join(f"{name} {number}" for name, number in found["packages"].items())
    return f"Python {found['python']}, {found['system']}, {found['cores']} cores; {versions}."


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table whose first column is text and whose others are numbers."""
    rule = ["---", *(["---:"] * (len(header) - 1))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)) + "\n"


def write(name: str, text: str) -> None:
    """Write one file of results."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / name).write_text(text, encoding="utf-8")


def write_json(name: str, value: object) -> None:
    """Write one file of results as JSON."""
    write(name, json.dumps(value, indent=2) + "\n")
