"""Processes that start at once: they are forked from a server process that has imported torch and transformers."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import TextIOWrapper
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from ports import closed_port

# Slow to import, and free of threads afterwards, which a forked process would lack. Not the command line: its console
# reads the width of the terminal when it is imported. Not lancedb, which starts threads, but what it imports.
PRELOADED = [
    *("gradschool.climbing", "gradschool.model.local", "gradschool.tune.world", "transformers.models.llama"),
    "lance_namespace",
]
_context = multiprocessing.get_context("forkserver")


class Forked:
    """A function that runs in a process of its own, with the interface of `subprocess.Popen` with pipes."""

    def __init__(self, function: Callable[..., None], *arguments: Any, cwd: Path, env: Mapping[str, str] = {}) -> None:
        _context.set_forkserver_preload(PRELOADED)  # without an effect once the server runs
        (self.stdout, output), (self.stderr, errors) = _pipe(), _pipe()
        target = function, arguments, str(cwd), {**os.environ, **env}, output, errors
        self._process = _context.Process(target=_run, args=target)
        self._process.start()
        output.close()
        errors.close()
        self.pid = cast(int, self._process.pid)

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for the end; returns the rest of both outputs. Kills the process after `timeout` seconds."""
        with ThreadPoolExecutor(2) as pool:
            reading = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            try:
                output, errors = (future.result(timeout) for future in reading)
            except TimeoutError:
                self._process.kill()
                raise
        self._process.join(timeout)
        return output, errors


def _pipe() -> tuple[TextIOWrapper, Connection]:
    """A stream to read from, and the end to write to."""
    reading, writing = _context.Pipe(duplex=False)
    stream = os.fdopen(os.dup(reading.fileno()), "r", encoding="utf-8")
    reading.close()
    return cast(TextIOWrapper, stream), writing


def _run(
    function: Callable[..., None],
    arguments: tuple[Any, ...],
    cwd: str,
    env: dict[str, str],
    output: Connection,
    errors: Connection,
) -> None:
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    output.close()
    errors.close()
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    function(*arguments)


def group(
    count: int,
    function: Callable[..., None],
    *arguments: Any,
    cwd: Path,
    env: Mapping[str, str] = {},
    codes: Collection[int] = (0,),
) -> list[str]:
    """Run a function in several processes that form a group, as torchrun starts them; returns what each wrote.

    Each must end with one of these exit codes.
    """
    world = {**env, "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(closed_port())}
    ranks = [
        Forked(function, *arguments, cwd=cwd, env={**world, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(count)
    ]
    ended = [rank.communicate(300) for rank in ranks]
    assert {rank.returncode for rank in ranks} <= set(codes), [errors for _, errors in ended]
    return [output for output, _ in ended]
