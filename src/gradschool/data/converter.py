"""Convert documents in a child process, with limits of time and memory that hold for hostile files too."""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from gradschool.data.encoding import Unreadable

ADVICE = "It may be damaged; save it again, divide it, or save it as plain text."


@dataclass(frozen=True, slots=True)
class Limits:
    """What converting one document may take; Windows only has the limit of waiting, macOS none of memory."""

    seconds: int = 20  # of CPU
    seconds_per_mb: int = 10  # and for each MB of the file
    seconds_per_part: int = 1  # and for each page of a pdf, or thousand rows of a workbook
    memory: int = 2_000_000_000  # bytes, above what the parsers themselves take
    waiting: float = 600.0  # seconds without a page, on a machine that is busy with other work

    def of(self, size: int) -> int:
        """Seconds of CPU for a file of so many bytes, without those for its parts."""
        return self.seconds + self.seconds_per_mb * size // 1_000_000


LIMITS = Limits()


def converted(suffix: str, content: bytes, limits: Limits = LIMITS) -> Generator[str, None, None]:
    """The pages of a pdf, or the text of an html (UTF-8), docx, epub or xlsx file; raises Unreadable."""
    for reply in _converter(os.getpid()).replies(suffix, content, limits):
        yield reply["text"]


def sheets(content: bytes, limits: Limits = LIMITS) -> Iterator[tuple[int, str, Iterator[tuple[str, ...]]]]:
    """The sheets of a workbook: number, title and rows of cells as text; raises Unreadable."""
    replies = _converter(os.getpid()).replies(".xlsx rows", content, limits)
    with contextlib.closing(replies):
        for (number, title), rows in groupby(replies, key=lambda reply: (reply["sheet"], reply["title"])):
            yield number, title, (tuple(reply["row"]) for reply in rows)


@cache
def _converter(process: int) -> "_Converter":
    """The converter of a process: starting a child takes as long as converting many documents."""
    converter = _Converter()
    atexit.register(converter.end)
    return converter


class _Converter:
    """Starts a child when it is needed, and keeps it for the next document unless it failed."""

    def __init__(self) -> None:
        self._idle: list[subprocess.Popen[bytes]] = []

    def replies(self, suffix: str, content: bytes, limits: Limits) -> Generator[dict[str, Any], None, None]:
        """The replies for one document; a caller that stops early ends the child."""
        request = {
            "suffix": suffix,
            "size": len(content),
            "seconds": limits.of(len(content)),
            "seconds_per_part": limits.seconds_per_part,
            "memory": limits.memory,
        }
        child = self._child()
        complete = False
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it ended; below, there is no reply
                child.stdin.write(json.dumps(request).encode() + b"\n" + content)
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
            raise Unreadable(reply["end"])

    def _child(self) -> "subprocess.Popen[bytes]":
        while self._idle:
            child = self._idle.pop()
            if child.poll() is None:
                return child
            _end(child)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "gradschool.data.convert_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C only reaches us; the child exits when we do
        )

    def end(self) -> None:
        """End the children."""
        while self._idle:
            _end(self._idle.pop())


def _reply(child: "subprocess.Popen[bytes]", limits: Limits) -> dict[str, Any]:
    """The next line of the child; raises Unreadable if it ended, or gave none in time."""
    assert child.stdout is not None
    timer = threading.Timer(limits.waiting, child.kill)
    timer.start()
    try:
        line = child.stdout.readline()
    finally:
        timer.cancel()
    if not line.endswith(b"\n"):
        raise Unreadable(_why(child.wait(), limits))
    reply: dict[str, Any] = json.loads(line)
    return reply


def _why(code: int, limits: Limits) -> str:
    """Why a child ended."""
    if os.name == "posix" and code == -signal.SIGXCPU:
        allowed = f"{limits.seconds} s and {limits.seconds_per_mb} s per MB"
        return f"converting it takes more than the limit of time ({allowed}). {ADVICE}"
    if code in (-signal.SIGTERM, -9):
        return f"converting it gave nothing for {limits.waiting:g} s, or the system ended it. {ADVICE}"
    return f"the parser crashed (exit status {code}), perhaps for lack of memory. {ADVICE}"


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        assert stream is not None
        with contextlib.suppress(BrokenPipeError):
            stream.close()
