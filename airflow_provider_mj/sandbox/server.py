"""Serves a gateway over HTTP from a thread of this process. The web stack is imported when it starts."""

from __future__ import annotations

import importlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from .access import Access
from .dialects import DIALECTS
from .gateway import LOOP_SECONDS, SandboxGateway
from .prompts import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from .conditions import UserLimits
    from .prompts import Ending
    from .serving import GatewayServer

START_SECONDS = 30.0
_EXTRA = {"PIL", "h11", "starlette", "uvicorn"}


class MissingExtraError(ImportError):
    """The sandbox needs packages that are not installed."""


class SandboxServer:
    """A gateway on a port of this machine, as a context manager.

    :param dialect: ``gptplus5``, ``sku-vip``, ``crazyrouter``, ``novicezk`` or ``trueai``
    :param port: TCP port; 0 takes a free one
    :param host: address to listen on
    :param key: the key that it accepts
    :param task_seconds: how long a task takes, seconds
    :param link_seconds: how long a link to a picture is good for, seconds
    :param clock: returns unix seconds; a :class:`.ManualClock` lets a test move it
    :param seed: seed of everything that is random
    :param banned_words: words for which a prompt is refused, in any case
    :param ending_rates: share of the submissions, 0 to 1, that end as named without being asked
    :param remix: whether Remix is on, so that variations, rerolls and pans open a window
    :param queue_limit: unfinished tasks with which it takes no more; None for no limit
    :param loop_seconds: how often a relay copies what stands behind it, seconds; 0 for at once
    :param balance: credits that the key has at a relay, or None for any number
    :param user_limits: how much the key's user may do, where a C# proxy counts that
    :param conditions: what is the matter with the gateway, see :class:`.Condition`
    :param allow_hosts: host names without ports that a request's ``Host`` header may have, next to those of
        the loopback and to `host`
    :raises ValueError: if the dialect is unknown, the key does not fit in a header, a number is out of
        range, a condition or limit is impossible in the dialect, or one of `allow_hosts` is no host name
    """

    def __init__(
        self,
        dialect: str = "crazyrouter",
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        key: str = "sandbox-key-1234",
        task_seconds: float = 8.0,
        link_seconds: float = 86400.0,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        banned_words: Iterable[str] = ("bannedword",),
        ending_rates: dict[Ending, float] | None = None,
        remix: bool = False,
        queue_limit: int | None = None,
        loop_seconds: float = LOOP_SECONDS,
        balance: float | None = None,
        user_limits: UserLimits | None = None,
        conditions: Iterable[str] = (),
        allow_hosts: Iterable[str] = (),
    ) -> None:
        if dialect not in DIALECTS:
            raise ValueError(f"unknown dialect {dialect!r}; the sandbox speaks {', '.join(DIALECTS)}")
        if not (key.isascii() and key.isprintable() and key == key.strip() != ""):
            raise ValueError("the key must be printable ASCII without spaces around it")
        if port not in range(2**16):
            raise ValueError(f"port {port} is not from 0 to 65535")
        if not (0 <= task_seconds <= LONGEST and 0 <= link_seconds <= LONGEST):
            raise ValueError(f"task_seconds and link_seconds must be from 0 to {LONGEST:g}")
        if queue_limit is not None and queue_limit < 0:
            raise ValueError("queue_limit must be from 0 on")
        if not 0 <= loop_seconds <= LONGEST:
            raise ValueError(f"loop_seconds must be from 0 to {LONGEST:g}")
        if balance is not None and not 0 <= balance <= LONGEST:
            raise ValueError(f"balance must be from 0 to {LONGEST:g}")
        self.gateway = SandboxGateway(
            DIALECTS[dialect],
            key=key,
            task_seconds=task_seconds,
            link_seconds=link_seconds,
            clock=clock,
            seed=seed,
            banned_words=banned_words,
            ending_rates=ending_rates,
            remix=remix,
            queue_limit=queue_limit,
            loop_seconds=loop_seconds,
            balance=balance,
            user_limits=user_limits,
            conditions=conditions,
        )
        self._address = (host, port)
        self._access = Access.under([*([host] if host else []), *allow_hosts])
        self._socket: socket.socket | None = None
        self._server: GatewayServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The URL of the gateway, without a trailing slash.

        :raises RuntimeError: if it is not running
        """
        if self._socket is None:
            raise RuntimeError("the sandbox is not running")
        host, port = self._socket.getsockname()[:2]
        if host in {"0.0.0.0", "::"}:  # noqa: S104  # a wildcard is no address to connect to
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Start serving, and return when requests are answered.

        :raises MissingExtraError: if Pillow, Starlette or uvicorn is not installed
        :raises OSError: if the port cannot be had
        """
        server = _new_server(self.gateway, self._access)
        self._socket = _listen(*self._address)
        self._server = server
        self._thread = threading.Thread(
            target=server.run, args=([self._socket],), name="mj-sandbox", daemon=True
        )
        self._thread.start()
        if not server.ready.wait(START_SECONDS):
            self.stop()
            raise RuntimeError(f"the sandbox did not start within {START_SECONDS:g} s")

    def stop(self) -> None:
        """Stop serving; requests that are under way are dropped."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(timeout=START_SECONDS)
        if self._socket is not None:
            self._socket.close()
        self._socket = self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _listen(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it each answer waits 40 ms.
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener


def _new_server(gateway: SandboxGateway, access: Access) -> GatewayServer:
    try:
        serving = importlib.import_module(f"{__package__}.serving")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise MissingExtraError(
            f"the sandbox needs {error.name}: pip install 'airflow-provider-mj[sandbox]'"
        ) from error
    server: GatewayServer = serving.GatewayServer(gateway, access)
    return server
