"""Work that the studio has started or is to start: what it is, its process, and what its files say."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import psutil

from gradschool.durable import make_folder
from gradschool.errors import EXIT_INTERRUPTED, EXIT_NOT_PASSED
from gradschool.file_names import FileName
from gradschool.files import open_file, read_file
from gradschool.studio.processes import find_process

Kind = Literal["climb", "prepare", "export", "report", "serve"]
State = Literal["waiting", "running", "done", "failed", "stopped", "killed"]
ENDED = ("done", "failed", "stopped", "killed")
MAX_OUTPUT = 200_000  # bytes of what work wrote that are read, from its end
MAX_RESULT = 20_000_000  # bytes of a result in JSON


@dataclass(frozen=True, slots=True)
class Work:
    """One command that the studio runs; `about` names its job, run or specialist for the pages.

    `began` and `ended` are times in seconds since 1970; `born` is when its process began, which with its id names it.
    """

    id: str
    kind: Kind
    title: str
    arguments: tuple[FileName, ...]
    folder: FileName  # in which it runs
    about: dict[str, FileName] = field(default_factory=dict)
    state: State = "waiting"
    asked: float = 0.0
    began: float = 0.0
    ended: float = 0.0
    pid: int = 0
    born: float = 0.0
    stopping: bool = False
    code: int | None = None

    @property
    def lasts(self) -> bool:
        """Whether it runs until it is stopped, beside the queue."""
        return self.kind == "serve"

    @property
    def lane(self) -> str:
        """What it waits for: one long work and one short one run at the same time."""
        return self.id if self.lasts else "short" if self.kind in ("prepare", "report") else "long"


class Place:
    """The files of one work: its output, its messages and its exit code."""

    def __init__(self, state: Path, id_: str) -> None:
        folder = state / "work"
        self.output, self.messages, self.exit = (folder / f"{id_}.{name}" for name in ("out", "err", "exit"))

    def start(self, work: Work) -> tuple[Work, "subprocess.Popen[bytes]"]:
        """Start the process, in a group of its own: it goes on when the studio ends."""
        make_folder(self.exit.parent)
        self.exit.unlink(missing_ok=True)
        quiet = {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        with self.output.open("wb") as output, self.messages.open("wb") as messages:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gradschool.studio.task", str(self.exit), *work.arguments],
                cwd=work.folder,
                env={**os.environ, **quiet},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=messages,
                start_new_session=True,
            )
        now = time.time()
        return replace(work, state="running", began=now, pid=process.pid, born=_born(process.pid, now)), process

    def now(self, work: Work) -> Work:
        """The work as its process and its files say it is."""
        if work.state != "running":
            return work
        code = self._code()
        if code is None and find_process(work.pid, work.born):
            return work
        code = self._code() if code is None else code  # it may have ended in between
        return replace(work, state=_state(work, code), ended=time.time(), code=code)

    def _code(self) -> int | None:
        try:
            return int(read_file(self.exit, 20))
        except (OSError, ValueError):
            return None

    def tail(self, most: int = MAX_OUTPUT) -> str:
        """The end of what it said to its user."""
        return _end_of(self.messages, most)

    def result(self) -> bytes:
        """What it wrote as its result."""
        return read_file(self.output, limit=MAX_RESULT) if self.output.is_file() else b""

    def remove(self) -> None:
        """Remove its files."""
        for path in (self.output, self.messages, self.exit):
            path.unlink(missing_ok=True)


def _state(work: Work, code: int | None) -> State:
    finished = code in (0, EXIT_NOT_PASSED) and not work.lasts
    if code == EXIT_INTERRUPTED or (work.stopping and not finished):
        return "stopped"
    return "killed" if code is None else "done" if finished else "failed"


def _born(pid: int, now: float) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:  # it has ended already
        return now


def _end_of(path: Path, most: int) -> str:
    if not path.is_file():
        return ""
    with open_file(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - most))
        return file.read(most).decode(errors="replace")
