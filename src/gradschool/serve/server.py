"""The server process: address, API key, timeouts of slow clients, and graceful shutdown."""

import asyncio
import contextlib
import ipaddress
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gradschool.errors import UsageError
from gradschool.files import read_file
from gradschool.serve.app import make_app
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.service import Service

KEY_ENV = "GRADSCHOOL_API_KEY"
MIN_KEY_LENGTH = 16  # characters
MAX_KEY_FILE = 4_096  # bytes read of a file with a key
HEADER_SECONDS = 10.0  # to receive the headers of a request, from its connection or its first byte on
CLOSE_SECONDS = 5  # after the grace period, until open connections are closed


def read_key(variable: str, file: Path | None) -> str:
    """Read the API key from a file or an environment variable; empty if there is none.

    It is not an option because every user of the machine can see command lines. Raises UsageError if the key is too
    short or the file cannot be read.
    """
    try:
        key = read_file(file, MAX_KEY_FILE).decode().strip() if file else os.environ.get(variable, "").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The key file {file} cannot be read.", f"{error}.", "write the key into it.") from error
    origin = str(file) if file else variable
    if file and not key:
        raise UsageError(f"The key file {file} is empty.", fix="write the key into it.")
    if key and (len(key) < MIN_KEY_LENGTH or not key.isascii() or any(character.isspace() for character in key)):
        raise UsageError(
            f"The key in {origin} cannot be used.",
            f"A key has at least {MIN_KEY_LENGTH} characters, all ASCII, and no spaces.",
            'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    return key


def bind(host: str, port: int, key: str) -> socket.socket:
    """Listen on an address; port 0 chooses a free port.

    Raises UsageError if the address is in use or not local, or if other machines could reach it without a key.
    """
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        if not key and not ipaddress.ip_address(address[0]).is_loopback:
            raise UsageError(
                f"Other machines can reach {host}, and there is no API key.",
                "Without a key, anyone there could use your specialists and extract what they know.",
                f"export {KEY_ENV}=… or use --api-key-file; or leave --host at 127.0.0.1.",
            )
        return socket.create_server(address[:2], family=kind, backlog=2048)
    except OSError as error:
        raise UsageError(
            f"Cannot listen on {host}, port {port}.",
            f"The system says: {error.strerror or error}.",
            "choose another --port (0 chooses a free one) or --host.",
        ) from error


def url(listening: socket.socket) -> str:
    """The URL of a listening server."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """A server that shuts down gracefully: running requests get the service's grace period."""

    def __init__(self, service: Service, key: str = "", origins: Sequence[str] = ()) -> None:
        self._service = service
        super().__init__(
            uvicorn.Config(
                make_app(service, key, origins),
                http=TimedHTTPProtocol,
                ws="none",
                lifespan="on",
                log_config=None,  # uvicorn's own would close the log handlers of other libraries
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=int(service.limits.grace) + CLOSE_SECONDS,
            )
        )

    def serve_until_signal(self, listening: socket.socket) -> None:
        """Serve until Ctrl-C or SIGTERM, then shut down gracefully; a second Ctrl-C ends it immediately."""
        # After the shutdown, uvicorn raises the signal again for the handlers set before; ours ignores it.
        before = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.run([listening])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish running requests, then close."""
        self._service.drain()
        await super().shutdown(sockets)


class TimedHTTPProtocol(H11Protocol):
    """HTTP/1.1 that closes connections whose headers do not arrive in time."""

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected: start the timer."""
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        """Data arrived: start or stop the timer."""
        super().data_received(data)
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client disconnected: stop the timer."""
        super().connection_lost(exc)
        self._stop_timer()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP with an error in OpenAI's format; a client that gets an answer already gets no more.

        `msg` is what the protocol says.
        """
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = json.dumps(HTTPError(400, msg).body()).encode()
            head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
            self.transport.write(f"HTTP/1.1 400 Bad Request\r\n{head}\r\n\r\n".encode() + body)
        self.transport.close()

    def _update_timer(self) -> None:
        """Run the timer only while headers are being received."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()
        elif self._header_timer is None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self.timeout_keep_alive_handler)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


def _ignore(number: int, frame: FrameType | None) -> None:
    """A signal handler that does nothing."""


@contextlib.contextmanager
def running(service: Service, key: str = "", origins: Sequence[str] = ()) -> Iterator[str]:
    """Serve on a free local port while the block runs; yields the URL."""
    server, listening = Server(service, key, origins), bind("127.0.0.1", 0, key)
    thread = threading.Thread(target=server.run, args=([listening],), name="gradschool-server", daemon=True)
    thread.start()
    try:
        yield url(listening)
    finally:
        server.should_exit = True
        thread.join()
