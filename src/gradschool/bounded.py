"""Work on what others wrote in child processes, with limits of time and memory that hold for hostile content too."""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

Cause = Literal["refused", "memory", "time", "waiting", "crash"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take; Windows only has the limit of waiting, macOS none of memory."""

    seconds: int = 20  # of CPU
    seconds_per_mb: int = 10  # and for each MB of the content
    seconds_per_part: int = 1  # and for each page of a pdf, or thousand rows of a workbook
    memory: int = 2_000_000_000  # bytes, above what the child itself takes
    waiting: float = 600.0  # seconds without a reply, on a machine that is busy with other work

    def of(self, size: int) -> int:
        """Seconds of CPU for a content of so many bytes, without those for its parts."""
        return self.seconds + self.seconds_per_mb * size // 1_000_000


@dataclass(frozen=True, slots=True)
class Allowed:
    """The beginning of every request: the bytes of content that follow, and what the child may take for them."""

    size: int
    seconds: int
    seconds_per_part: int
    memory: int

    @classmethod
    def by(cls, limits: Limits, size: int) -> "Allowed":
        """What limits allow for a content of so many bytes."""
        return cls(size, limits.of(size), limits.seconds_per_part, limits.memory)


class Stopped(Exception):
    """A request that was not answered completely: the child refused it, exceeded a limit, or crashed.

    `why` is the reason of the child, or its exit status.
    """

    def __init__(self, cause: Cause, why: str) -> None:
        self.cause, self.why = cause, why
        super().__init__(cause, why)

    def sentence(self, work: str, seconds: int, limits: Limits) -> str:
        """Why the child did not finish some work ("Rendering a conversation"), which had so many seconds of CPU."""
        match self.cause:
            case "refused":
                return f"{work} failed: {self.why}."
            case "time":
                return f"{work} takes more than {seconds} s of processor time."
            case "memory":
                return f"{work} takes more than {limits.memory / 1e9:g} GB of memory."
            case "waiting":
                return f"{work} gave nothing for {limits.waiting:g} s, or the system ended it."
            case _:
                return f"{work} crashed (exit status {self.why}), perhaps for lack of memory."


@cache
def _children(module: str, process: int) -> "_Children":
    """The children of a process: starting one takes as long as many requests."""
    children = _Children(module)
    atexit.register(children.end, process)
    return children


def replies(
    module: str, request: Mapping[str, Any], content: bytes, limits: Limits
) -> Generator[dict[str, Any], None, None]:
    """The replies of a child that runs `module` (see `bounded_child`); raises Stopped if there is no end."""
    yield from _children(module, os.getpid()).replies(request, content, limits)


class _Children:
    """Starts a child when it is needed, and keeps it for the next request unless it failed."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._idle: list[subprocess.Popen[bytes]] = []

    def replies(
        self, request: Mapping[str, Any], content: bytes, limits: Limits
    ) -> Generator[dict[str, Any], None, None]:
        """The replies to one request; a caller that stops early ends the child."""
        head = {**request, **asdict(Allowed.by(limits, len(content)))}
        child = self._child()
        complete = False
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it ended; below, there is no reply
                child.stdin.write(json.dumps(head).encode() + b"\n" + content)
                child.stdin.flush()
            while "end" not in (reply := _reply(child, limits)):
                yield reply
            complete = True
        finally:
            if complete:
                self._idle.append(child)
            else:
                _end(child)
        if reply["end"]:
            raise Stopped(reply["end"], reply["why"])

    def _child(self) -> "subprocess.Popen[bytes]":
        while self._idle:
            child = self._idle.pop()
            if child.poll() is None:
                return child
            _end(child)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C only reaches us; the child exits when we do
        )

    def end(self, process: int) -> None:
        """End the children, but not in a fork of the process that started them."""
        while self._idle and process == os.getpid():
            _end(self._idle.pop())


def _reply(child: "subprocess.Popen[bytes]", limits: Limits) -> dict[str, Any]:
    """The next line of the child; raises Stopped if it ended, or gave none in time."""
    assert child.stdout is not None
    timer = threading.Timer(limits.waiting, child.kill)
    timer.start()
    try:
        line = child.stdout.readline()
    finally:
        timer.cancel()
    if not line.endswith(b"\n"):
        raise _ended(child.wait())
    reply: dict[str, Any] = json.loads(line)
    return reply


def _ended(code: int) -> Stopped:
    """Why a child ended."""
    if os.name == "posix" and code == -signal.SIGXCPU:
        return Stopped("time", str(code))
    return Stopped("waiting" if code in (-signal.SIGTERM, -9) else "crash", str(code))


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        assert stream is not None
        with contextlib.suppress(BrokenPipeError):
            stream.close()
