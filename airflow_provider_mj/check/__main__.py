"""The check on the command line: ``python -m airflow_provider_mj.check CONN_ID`` or ``mj-check``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING

from airflow_provider_mj.check.families import Family
from airflow_provider_mj.check.paid import BUTTON, PROMPT, Paid, PaidCheck
from airflow_provider_mj.check.paying import PayingHook
from airflow_provider_mj.check.printing import show, show_paid
from airflow_provider_mj.check.probes import look
from airflow_provider_mj.check.report import report
from airflow_provider_mj.gateway.settings import SettingsError
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.hooks.mj import MJHook, gateway_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_mj.check.report import Report
    from airflow_provider_mj.gateway.settings import GatewaySettings

OK, NOT_OK = 0, 1
_SECONDS = 86400.0


class CheckError(Exception):
    """Nothing can be checked: there is no such connection, or it can't be used."""


def program() -> int:
    """Run the command, with nothing but the report on the standard output: loggers of Airflow write there."""
    sys.stdout.flush()
    kept = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with open(kept, "w", encoding=sys.stdout.encoding, errors="backslashreplace") as out:
        return main(out=out)


def main(argv: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Find out what a gateway can do.

    :param argv: the arguments, without the program's name.
    :param out: where the report is written; the standard output if None.
    :returns: 0 when all is there that the provider needs, and the paid part, if asked for, went well; else 1.
    """
    arguments = _parser().parse_args(argv)
    return _checked(arguments, out or sys.stdout)


def _checked(arguments: argparse.Namespace, out: TextIO) -> int:
    try:
        settings = _settings(arguments.conn_id)
    except CheckError as error:
        told = {"usable": False, "problem": str(error)}
        print(json.dumps(told, indent=2) if arguments.json else error, file=out)
        return NOT_OK
    found = report(look(settings))
    if not arguments.json:
        show(found, out)
    paid = _paid(arguments, found, settings) if arguments.paid else None
    if arguments.json:
        told = found.to_dict() | ({"paid": paid.to_dict()} if paid else {})
        print(json.dumps(told, indent=2), file=out)
    elif paid:
        show_paid(paid, out)
    return OK if found.is_usable and not (paid and paid.problem) else NOT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mj-check",
        description="Finds out what a Midjourney-proxy gateway can do, without paying: whether it is "
        "reached, takes the key, which family it is of, and which promises of the provider hold there.",
    )
    parser.add_argument(
        "conn_id", nargs="?", default=MJHook.default_conn_name, help="id of the connection (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument(
        "--paid",
        action="store_true",
        help=f"afterwards submit one imagine and one {BUTTON}, which is paid for, and compare the answers",
    )
    parser.add_argument("--yes", action="store_true", help="pay without asking")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=1200.0,
        help="seconds to wait for each paid task (%(default)g)",
    )
    parser.add_argument(
        "--poll-interval", type=_seconds, default=5.0, help="seconds between two looks at it (%(default)g)"
    )
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _settings(conn_id: str) -> GatewaySettings:
    """Read the connection, from wherever Airflow finds it.

    :raises CheckError: when there is none, or it can't be used; without what it holds.
    """
    try:
        return gateway_settings(_connection(conn_id))
    except SettingsError as error:
        raise CheckError(f"{error}.") from None
    except Exception as error:  # noqa: BLE001 (what a secrets backend raises may hold the key)
        name = quote(conn_id)
        if "NotFound" not in type(error).__name__:
            raise CheckError(f"Airflow connection {name!r} can't be read ({type(error).__name__}).") from None
        raise CheckError(
            f"There is no Airflow connection {name!r} that can be read: make it under Admin > Connections, "
            f"or set AIRFLOW_CONN_{name.upper()} in the environment."
        ) from None


def _connection(conn_id: str) -> Connection:
    try:
        return MJHook.get_connection(conn_id)
    except Exception as error:
        if "NotFound" not in type(error).__name__:
            raise
    # Outside of a task, Airflow 3 lets hooks see what is in the environment, and not what is in its database.
    from airflow.models.connection import Connection as StoredConnection

    return StoredConnection.get_connection_from_secrets(conn_id)


def _paid(arguments: argparse.Namespace, found: Report, settings: GatewaySettings) -> Paid:
    """Run the paid part, if the gateway can be used and a person wants it."""
    if not found.is_usable:
        return Paid(problem="The paid part was not run, since the gateway can't be used. Nothing was paid.")
    if not arguments.yes and not _is_wanted(found.gateway):
        return Paid(problem="The paid part was not run, since nobody said yes. Nothing was paid.")
    hook = PayingHook(arguments.conn_id, settings)
    check = PaidCheck(
        hook=hook,
        folder=tempfile.mkdtemp(prefix="mj-check-"),
        log=_ToPerson(),
        timeout=arguments.timeout,
        interval=arguments.poll_interval,
        has_buttons=found.guess.family is not Family.JAVA,
    )
    try:
        return check.run()
    except KeyboardInterrupt:
        return Paid(problem=" ".join(["Interrupted.", *(hook.journal.paid() or ["Nothing was paid."])]))


def _is_wanted(gateway: str) -> bool:
    question = (
        f"This submits one imagine ({PROMPT!r}) and one {BUTTON} to gateway {gateway}, which charges the key "
        "for both. Go on? [yes/no] "
    )
    print(question, end="", file=sys.stderr, flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in ("yes", "y")


class _ToPerson:
    """Writes the lines of the paid part beside the report, so that JSON stays JSON."""

    def info(self, message: str, /, *args: object) -> None:
        """Tell of progress."""
        print(message % args if args else message, file=sys.stderr, flush=True)  # noqa: T201

    warning = info


if __name__ == "__main__":
    sys.exit(program())
