"""The server as a process: its address, its key, clients that are too slow, and an orderly end."""

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gradschool.errors import UsageError
from gradschool.serve.app import make_app
from gradschool.serve.service import Service

KEY_ENV = "GRADSCHOOL_API_KEY"
MIN_KEY = 16  # letters
HEAD_SECONDS = 10.0  # from a connection, or the first letter of a further request, to the end of its headers
LAST_SECONDS = 5  # beyond the grace, until connections are cut


def read_key(variable: str, file: Path | None) -> str:
    """The API key, from a file or an environment variable, never from the command line, which every user can see.

    Empty where there is none. Raises UsageError for one that is too short, or a file that cannot be read.
    """
    try:
        key = file.read_text(encoding="utf-8").strip() if file else os.environ.get(variable, "").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The key file {file} cannot be read.", f"{error}.", "write the key into it.") from error
    place = str(file) if file else variable
    if file and not key:
        raise UsageError(f"The key file {file} is empty.", fix="write the key into it.")
    if key and (len(key) < MIN_KEY or not key.isascii() or any(letter.isspace() for letter in key)):
        raise UsageError(
            f"The key in {place} is unfit.",
            f"It needs at least {MIN_KEY} letters, ASCII and without spaces.",
            'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    return key


def bind(host: str, port: int, key: str) -> socket.socket:
    """Listen on an address; port 0 takes a free one.

    Raises UsageError where it is taken or not this machine's, and where others could reach it without a key.
    """
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        if not key and not ipaddress.ip_address(address[0]).is_loopback:
            raise UsageError(
                f"{host} can be reached from other machines, and there is no API key.",
                "Without one, anybody there could use your specialists, and read what they know.",
                f"export {KEY_ENV}=… or give --api-key-file; or leave --host at 127.0.0.1.",
            )
        return socket.create_server(address[:2], family=kind, backlog=2048)
    except OSError as error:
        raise UsageError(
            f"The address {host}, port {port}, cannot be used.",
            f"The system says: {error.strerror or error}.",
            "choose another --port (0 takes a free one) or --host.",
        ) from error


def url(listening: socket.socket) -> str:
    """Where clients find a server."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """A server that, told to end, takes no more requests and gives those under way the service's grace."""

    def __init__(self, service: Service, key: str = "") -> None:
        self._service = service
        super().__init__(
            uvicorn.Config(
                make_app(service, key),
                http=Protocol,
                ws="none",
                lifespan="on",
                log_config=None,  # uvicorn's own would close the log handlers of other libraries
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=int(service.limits.grace) + LAST_SECONDS,
            )
        )

    def serve_until_told(self, listening: socket.socket) -> None:
        """Serve until Ctrl-C or SIGTERM, then end in order; a second Ctrl-C ends at once."""
        # When all is done, uvicorn raises the signal again, for those who have more to do than to end.
        before = {number: signal.signal(number, _done) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.run([listening])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order: requests under way first."""
        self._service.drain()
        await super().shutdown(sockets)


class Protocol(H11Protocol):
    """HTTP for clients that send their headers in time; others are left."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """A client sent something."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """A client left."""
        super().connection_lost(exc)
        self._stop_watching()

    def _watch(self) -> None:
        """Let the clock run while a request's headers are under way."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_watching()
        elif self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_watching(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _done(number: int, frame: FrameType | None) -> None:
    """The server has heard a signal already."""


@contextlib.contextmanager
def running(service: Service, key: str = "") -> Iterator[str]:
    """Serve on a free port of this machine while the block runs; gives the address."""
    server, listening = Server(service, key), bind("127.0.0.1", 0, key)
    thread = threading.Thread(target=server.run, args=([listening],), name="gradschool-server", daemon=True)
    thread.start()
    try:
        yield url(listening)
    finally:
        server.should_exit = True
        thread.join()
