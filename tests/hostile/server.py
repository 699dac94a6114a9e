"""A server that is nothing but a socket: what it does with a connection is a function of its own."""

from __future__ import annotations

import contextlib
import functools
import re
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

PAUSE = 0.05
"""Seconds between two drips."""


class Peer:
    """One connection, seen from the server.

    :param sock: the connection.
    :param closing: set when the server ends; nothing outlasts it.
    """

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock = sock
        self.closing = closing
        self.head = b""

    def read_head(self) -> bytes:
        """Read a request up to its empty line; what comes behind it stays unread or is lost."""
        while b"\r\n\r\n" not in self.head:
            piece = self.sock.recv(65536)
            if not piece:
                raise ConnectionAbortedError
            self.head += piece
        return self.head

    def read_request(self) -> bytes:
        """Read a request whole."""
        head, _, body = self.read_head().partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        left = (int(length[1]) if length else 0) - len(body)
        while left > 0:
            left -= len(self.sock.recv(65536)) or left
        return head

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, *, again: bool = True) -> None:
        """Send byte by byte, again and again if it has no end."""
        while True:
            for place in range(len(data)):
                self.send(data[place : place + 1])
                if self.closing.wait(PAUSE):
                    return
            if not again:
                return

    def flood(self, data: bytes) -> None:
        """Send as much as a thin line takes, without end: dozens of these run at a time."""
        piece = data * (32768 // len(data) + 1)
        while not self.closing.wait(PAUSE / 2):
            self.send(piece)

    def hang(self) -> None:
        self.closing.wait()

    def reset(self) -> None:
        """Let the connection end with a reset in place of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Way = Callable[[Peer], None]


class HostileServer:
    """Listens on this machine only.

    :param way: what it does with each connection.
    :param receive_buffer: bytes that the system takes before anybody reads.
    :param lifetime: seconds after which it ends by itself, and with it whatever its clients still wait for.
    """

    def __init__(self, way: Way, *, receive_buffer: int | None = None, lifetime: float = 60.0) -> None:
        self.way = way
        self._end = threading.Timer(lifetime, self.close)
        self._end.daemon = True
        self.closing = threading.Event()
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = socket.socket()
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        self._end.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.cancel()
        self.close()

    def close(self) -> None:
        """Close everything."""
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in [*self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Whoever is on the other side goes away in the middle, which is what most of it is about.
        with connection, contextlib.suppress(OSError):
            self.way(Peer(connection, self.closing))
        self._open.remove(connection)


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Give the TLS side of a server, with a certificate that nobody else trusts."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hostile.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "both.pem")
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)
    return context
