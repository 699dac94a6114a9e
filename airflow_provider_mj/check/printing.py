"""The report as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_mj.check.lines import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from airflow_provider_mj.check.lines import Line
    from airflow_provider_mj.check.paid import Paid
    from airflow_provider_mj.check.report import Report

_STYLES = {Verdict.YES: "green", Verdict.NO: "red", Verdict.UNKNOWN: "yellow"}
# Where the output is no terminal, lines are not broken.
_WIDE = 200


def show(found: Report, file: TextIO) -> None:
    """Write the report.

    :param found: the report.
    :param file: where to.
    """
    # Nothing that a gateway sends is read as markup.
    console = Console(
        file=file, width=None if file.isatty() else _WIDE, markup=False, highlight=False, emoji=False
    )
    console.print(_table(f"Gateway {found.gateway}", found.lines))
    if found.problem:
        console.print(found.problem)
        return
    console.print(f"It most likely runs {found.guess.name}.")
    for title, signs in (("Signs for it", found.guess.signs), ("Signs against it", found.guess.against)):
        if signs:
            console.print(f"{title}: {'; '.join(signs)}.")
    console.print(_table("What holds there", found.promises))


def _table(title: str, lines: Iterable[Line]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("asked", "", "what came"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(line.asked, Text(line.verdict, style=_STYLES[line.verdict]), line.came)
    return table


def show_paid(paid: Paid, file: TextIO) -> None:
    """Write what became of the paid part.

    :param paid: that.
    :param file: where to.
    """
    console = Console(file=file, soft_wrap=True, markup=False, highlight=False, emoji=False)
    if paid.problem:
        console.print(paid.problem)
    elif paid.mj_task_ids:
        console.print(f"Paid for and finished: task {', '.join(paid.mj_task_ids)}.")
    for uri in paid.files:
        console.print(f"Saved {uri}")
    if paid.mj_task_ids and not paid.findings:
        console.print("Every answer is as the provider expects it.")
    for finding in paid.findings:
        console.print(f"Otherwise than expected: {finding.text}.")
