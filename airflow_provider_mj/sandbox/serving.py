"""The uvicorn server of the sandbox."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import build_app
from .injection import TRANSPORT

if TYPE_CHECKING:
    import asyncio
    import socket

    from .access import Access
    from .gateway import SandboxGateway


class _OpenProtocol(H11Protocol):
    """HTTP/1.1 that lets the application reach its connection, which some faults end the hard way."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class GatewayServer(uvicorn.Server):
    """Serves a gateway and says when it is ready.

    :param gateway: the gateway
    :param access: who may reach it
    """

    def __init__(self, gateway: SandboxGateway, access: Access) -> None:
        super().__init__(
            uvicorn.Config(
                build_app(gateway, access),
                http=_OpenProtocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then set `ready`."""
        await super().startup(sockets)
        self.ready.set()
