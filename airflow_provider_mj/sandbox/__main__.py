"""The sandbox on the command line: ``python -m airflow_provider_mj.sandbox`` or ``mj-sandbox``."""

from __future__ import annotations

import argparse
import ipaddress
import json
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING

from .dialects import DIALECTS
from .faults import STATUSES, Fault, FaultKind
from .prompts import Ending
from .server import MissingExtraError, SandboxServer

if TYPE_CHECKING:
    from collections.abc import Sequence

Rates = tuple[str, float]


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM.

    :param argv: the arguments, without the program's name
    :return: the exit status
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    # The handlers come first, so that a signal during the start ends the program like any other.
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    try:
        with _server(arguments) as sandbox:
            print(_banner(arguments, sandbox.url), flush=True)  # noqa: T201
            stopped.wait()
    except (MissingExtraError, OSError, ValueError) as error:
        parser.exit(2, f"mj-sandbox: {error}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mj-sandbox",
        description="A Midjourney-proxy gateway that draws its pictures itself and charges nobody.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="port; 0 takes a free one (%(default)s)")
    parser.add_argument("--dialect", choices=DIALECTS, default="crazyrouter", help="(%(default)s)")
    parser.add_argument("--key", default="sandbox-key-1234", help="the key to accept (%(default)s)")
    parser.add_argument("--task-seconds", type=float, default=8.0, help="length of a task (%(default)s)")
    parser.add_argument("--link-seconds", type=float, default=86400.0, help="life of a link (%(default)s)")
    parser.add_argument(
        "--fault-rate",
        type=_rate,
        action="append",
        default=[],
        metavar="NAME=RATE",
        help="share of the requests, or of the submissions, that go wrong, 0 to 1; may be repeated. NAME is "
        f"an HTTP status, {', '.join(FaultKind)} (requests), or {', '.join(_endings())} (submissions)",
    )
    parser.add_argument("--remix", action="store_true", help="let variations, rerolls and pans open a window")
    parser.add_argument("--queue-limit", type=int, help="unfinished tasks with which it takes no more (none)")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is random (%(default)s)")
    return parser


def _endings() -> list[str]:
    return [ending for ending in Ending if ending is not Ending.SUCCESS]


def _rate(text: str) -> Rates:
    name, _, number = text.partition("=")
    try:
        rate = float(number)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=RATE with a rate from 0 to 1")
    if name not in {*FaultKind, *_endings()} and not (name.isdecimal() and int(name) in STATUSES):
        raise argparse.ArgumentTypeError(f"{name!r} is no fault")
    return name, rate


def _server(arguments: argparse.Namespace) -> SandboxServer:
    rates: list[Rates] = arguments.fault_rate
    sandbox = SandboxServer(
        dialect=arguments.dialect,
        port=arguments.port,
        host=arguments.host,
        key=arguments.key,
        task_seconds=arguments.task_seconds,
        link_seconds=arguments.link_seconds,
        seed=arguments.seed,
        remix=arguments.remix,
        queue_limit=arguments.queue_limit,
        ending_rates={Ending(name): rate for name, rate in rates if name in _endings()},
    )
    sandbox.gateway.faults.add(*(_fault(name, rate) for name, rate in rates if name not in _endings()))
    return sandbox


def _fault(name: str, rate: float) -> Fault:
    if name.isdecimal():
        return Fault(FaultKind.STATUS, status=int(name), rate=rate)
    return Fault(FaultKind(name), rate=rate)


def _banner(arguments: argparse.Namespace, url: str) -> str:
    dialect = DIALECTS[arguments.dialect]
    connection = {
        "conn_type": "mj",
        "host": url,
        "password": arguments.key,
        "extra": {"auth_scheme": dialect.auth_scheme},
    }
    lines = [
        f"Midjourney-proxy sandbox on {url}",
        f"  dialect      {dialect.name} ({dialect.software})",
        f"  auth scheme  {dialect.auth_scheme}",
        f"  key          {arguments.key}",
        f"  connection   export AIRFLOW_CONN_MJ_DEFAULT={shlex.quote(json.dumps(connection))}",
        "  Its pictures are drawings, made here; no image is generated and nothing is paid.",
        "  Ctrl-C ends it.",
    ]
    if not _is_loopback(arguments.host):
        lines.append(
            f"  WARNING: {arguments.host} is not a loopback address; others on the network can use it."
        )
    return "\n".join(lines)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    sys.exit(main())
