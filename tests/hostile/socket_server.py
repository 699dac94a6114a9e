"""What the servers of these tests have in common: they listen, take connections in, and are closed."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class SocketServer:
    """A server on this machine, as a context manager; a subclass says what it does with a connection."""

    patience = 5.0
    """Seconds that a client may keep it waiting."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)

    @property
    def url(self) -> str:
        """The address of the server, without a slash at the end."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=self.patience)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        """Serve a connection to its end, and take the next one in only then."""
        # A client that has had enough goes away.
        with connection, suppress(OSError):
            connection.settimeout(self.patience)
            self._exchange(connection)

    def _exchange(self, connection: socket.socket) -> None:
        """Answer a connection, which is closed after it."""
        raise NotImplementedError


class ThreadedServer(SocketServer):
    """A server that serves many clients at once."""

    patience = 10.0

    def _take(self, connection: socket.socket) -> None:
        threading.Thread(target=super()._take, args=(connection,), daemon=True).start()
