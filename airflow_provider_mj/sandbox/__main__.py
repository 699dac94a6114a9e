"""The sandbox on the command line: ``python -m airflow_provider_mj.sandbox`` or ``mj-sandbox``."""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

from .access import is_loopback
from .conditions import Condition, UserLimits
from .dialects import DIALECTS
from .faults import STATUSES, Fault, FaultKind
from .gateway import LOOP_SECONDS
from .prompts import Ending
from .server import MissingExtraError, SandboxServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Rates = tuple[str, float]
_LIMITS = tuple(limit.name for limit in fields(UserLimits))
_DIGITS = 9


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
        with _quoted_logs(), _server(arguments) as sandbox:
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
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="host name or address, next to localhost and that of --host, by which requests may call it, "
        "such as the service's name in Docker Compose; may be repeated",
    )
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
    parser.add_argument(
        "--loop-seconds",
        type=float,
        default=LOOP_SECONDS,
        help="how often gptplus5 and crazyrouter copy what stands behind them (%(default)s)",
    )
    parser.add_argument("--balance", type=float, help="credits of the key at gptplus5 and crazyrouter (any)")
    parser.add_argument(
        "--user-limit",
        type=_limit,
        action="append",
        default=[],
        metavar="NAME=N",
        help=f"limit of the key's user at trueai and gptplus5; NAME is {', '.join(_LIMITS)}; may be repeated",
    )
    parser.add_argument(
        "--condition",
        choices=list(Condition),
        action="append",
        default=[],
        metavar="NAME",
        help=f"what is the matter with the gateway: {', '.join(Condition)}; may be repeated",
    )
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


def _limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in _LIMITS or not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N with one of {', '.join(_LIMITS)}")
    return name, int(number)


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
        loop_seconds=arguments.loop_seconds,
        balance=arguments.balance,
        user_limits=UserLimits(**dict(arguments.user_limit)) if arguments.user_limit else None,
        conditions=arguments.condition,
        allow_hosts=arguments.allow_host,
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
    if not is_loopback(arguments.host):
        lines.append(
            f"  WARNING: {arguments.host} is not a loopback address; others on the network can use it."
        )
    return "\n".join(lines)


class _OneLine(logging.Formatter):
    """Writes a record, traceback included, as one printable line: what it tells may come from a request."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = super().format(record)
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


@contextmanager
def _quoted_logs() -> Iterator[None]:
    """Let what the web stack logs be quoted."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("mj-sandbox: %(levelname)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("uvicorn", "asyncio")]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
    try:
        yield
    finally:
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate


if __name__ == "__main__":
    sys.exit(main())
