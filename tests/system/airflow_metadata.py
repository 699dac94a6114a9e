"""Reading what a test's Airflow has written down, past its API: every table, every file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE = "airflow.db"


@dataclass(frozen=True)
class Value:
    """A value of the metadata database.

    :param table: its table.
    :param column: its column.
    :param key: the ``key`` of its row, where there is one, as in the table of XComs.
    :param text: the value as text, whatever its type.
    """

    table: str
    column: str
    key: str | None
    text: str


def values(home: Path, table: str = "") -> Iterator[Value]:
    """Give every value of the metadata database, or of one table."""
    with closing(sqlite3.connect(f"file:{home / DATABASE}?mode=ro", uri=True, timeout=30)) as database:
        database.row_factory = sqlite3.Row
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            if name == (table or name):
                for row in database.execute(f'SELECT * FROM "{name}"').fetchall():
                    yield from _values(name, row)


def _values(table: str, row: sqlite3.Row) -> Iterator[Value]:
    key = row["key"] if "key" in row.keys() else None  # noqa: SIM118 (a Row iterates over its values)
    for column in row.keys():  # noqa: SIM118
        value = row[column]
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        yield Value(table, column, key, text)


def database_bytes(home: Path) -> bytes:
    """Give the files of the database as they are, with what was deleted and what is not yet merged."""
    return b"".join(part.read_bytes() for part in sorted(home.glob(f"{DATABASE}*")))


def written_files(home: Path) -> dict[str, str]:
    """Give all that was written besides the database: logs of tasks, triggers and components."""
    files = (path for path in home.rglob("*") if path.is_file() and not path.name.startswith(DATABASE))
    return {str(path.relative_to(home)): path.read_text(errors="replace") for path in files}
