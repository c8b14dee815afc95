"""The server of the studio: its address and key, which stay the same when it is started again, and its end."""

import hashlib
import secrets
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock
import uvicorn
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from gradschool.durable import FILE_MODE, make_folder, place_folder
from gradschool.errors import ResourceError, UsageError
from gradschool.files import disk_errors, read_json, write_json
from gradschool.studio.app import make_app
from gradschool.studio.folders import STATE, Folders
from gradschool.studio.guard import TOKEN
from gradschool.studio.studio import Studio
from gradschool.trust import is_opened_studio, remember_studio

HOST = "127.0.0.1"
ADDRESS, LOCK = "address.json", ".lock"
BACKLOG = 128
CLOSE_SECONDS = 2  # until open connections are closed at the end


@dataclass(frozen=True)
class Address:
    """Where a studio listens, and the key to it; a studio that is started again takes both again."""

    port: int
    token: str

    def __str__(self) -> str:
        return f"http://{HOST}:{self.port}/?{TOKEN}={self.token}"


def named_folders(paths: Sequence[Path]) -> Folders:
    """The folders that the user named; raises UsageError for one that is none."""
    for path in paths:
        if not path.is_dir():
            what = "is not a folder" if path.exists() else "does not exist"
            raise UsageError(f"{path} {what}.", "The studio shows the jobs and runs of folders.", "name a folder.")
    return Folders(tuple(dict.fromkeys(path.resolve() for path in paths)))


@contextmanager
def open_studio(folders: Folders, port: int) -> Iterator[tuple["Server", Address]]:
    """Listen for a studio over these folders; raises UsageError if there is one already, or if the port is taken.

    What the studio of someone else remembers, in a folder that was received, is set aside: its queue would be run here.
    """
    state = folders.home / STATE
    _set_aside(state)
    with disk_errors(state):
        make_folder(state)
        lock = filelock.FileLock(state / LOCK, mode=FILE_MODE)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise UsageError(
                f"A studio over {folders.home} is open already.",
                "Two would start the work of one queue twice.",
                f"open {_remembered(state) or 'the address that it shows'}",
            ) from error
    try:
        before = _remembered(state)
        listening = _listen(port or (before.port if before else 0), required=bool(port))
        address = Address(listening.getsockname()[1], before.token if before else secrets.token_urlsafe(32))
        with suppress(ResourceError):  # nothing can be remembered here: what waits is set aside at the next start
            remember_studio(_digest(address), folders.home)
        write_json(state / ADDRESS, {"port": address.port, "token": address.token})
        with listening:
            yield Server(Studio.of(folders), address, listening), address
    finally:
        lock.release()


def _remembered(state: Path) -> Address | None:
    with suppress(OSError, ValueError):
        return TypeAdapter(Address).validate_python(read_json(state / ADDRESS))
    return None


def _set_aside(state: Path) -> None:
    """Rename the folder of a studio that the user has not opened; a link is refused."""
    if state.is_symlink():
        raise UsageError(f"{state} is a link.", "A studio writes into that folder.", "remove the link.")
    if not state.exists():
        return
    before = _remembered(state)
    try:
        own = before is not None and is_opened_studio(_digest(before))
    except ResourceError:
        own = False
    if not own:
        with disk_errors(state):
            place_folder(state, state.with_name(f"{STATE}-of-others-{secrets.token_hex(4)}"))


def _digest(address: Address) -> str:
    return hashlib.sha256(address.token.encode("utf-8", "replace")).hexdigest()


def _listen(port: int, *, required: bool) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        if not required:
            return socket.create_server((HOST, 0), backlog=BACKLOG)
        raise UsageError(
            f"The studio cannot listen on port {port}.", f"The system says: {error}.", "choose another --port."
        ) from error


class Server(uvicorn.Server):
    """The server of one studio; work that it has started goes on when it ends."""

    def __init__(self, studio: Studio, address: Address, listening: socket.socket) -> None:
        self.studio, self._listening = studio, listening
        super().__init__(
            uvicorn.Config(
                make_app(studio, address.token, address.port),
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=CLOSE_SECONDS,
            )
        )

    def serve_until_signal(self) -> None:
        """Serve until Ctrl-C or SIGTERM."""
        # After the shutdown, uvicorn raises the signal again for the handlers set before; ours ignores it.
        before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.run([self._listening])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
