"""A run: the folder of one climb. A finished step is not repeated, also after a crash; every event is recorded.

runs/contracts-1/
  run.json           the job as it was read: name, folder, settings
  environment.json   versions, processor, memory
  events.jsonl       every event with its time
  done/NAME.json     the result of each finished step
  answers/NAME.jsonl every answer of every candidate
  fit.jsonl          the texts that metrics were fitted to, if there are any
  work/              checkpoints and indexes in progress
  specialist/        the package
"""

import shlex
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import filelock
from pydantic import TypeAdapter, ValidationError

from gradschool.environment import environment
from gradschool.errors import DamagedError, GradschoolError, UsageError
from gradschool.files import append_line, disk_errors, read_json, read_lines, write_json
from gradschool.job import Job
from gradschool.records import BaseIdentity, Event, Note, Progress, RungResult, Split, Work
from gradschool.settings import saved_settings

T = TypeVar("T")
FIT_TEXTS = "fit.jsonl"
CLIMB = "climbed"  # the name of a climb's saved result, whose record belongs to climbing.py
PACKED = "specialist"  # the folder of the package in a run
PROGRESS_EVERY = 2.0  # seconds between two recorded progress events of one step


@dataclass(frozen=True)
class Key(Generic[T]):
    """The name of a saved value, and its type as pydantic's TypeAdapter takes it (a class, a union, a generic)."""

    name: str
    type: Any


# Values that every run saves. Keys of values whose records belong to higher layers are next to these records.
SPLIT: Key[Split] = Key("split", Split)
ENGINE: Key[BaseIdentity] = Key("engine", BaseIdentity)
PACKAGE: Key[str] = Key("package", str)  # folder of the packaged specialist


def result_key(rung: str) -> Key[RungResult]:
    """The key of a rung's result on the test examples."""
    return Key(f"{rung}-result", RungResult)


class Run:
    """The folder of one climb, locked by one process at a time.

    Use it as a context manager to hold the lock. A new run whose split was not saved holds nothing that a resumed climb
    could use: leaving the context with a GradschoolError removes it.
    """

    def __init__(self, folder: Path, job: Job, *, new: bool = False) -> None:
        self.folder, self.job = folder, job
        self._new = new
        self._lock = filelock.FileLock(folder / ".lock")

    @classmethod
    def start(cls, job: Job, folder: Path | None = None) -> "Run":
        """Create a run folder, by default the `next_folder`; raises UsageError if the folder already holds a run."""
        folder = folder or next_folder(job.name)
        if (folder / "run.json").exists():
            raise UsageError(
                f"{folder} already holds a run.",
                "Runs are never overwritten.",
                f"continue it with `{resume_command(folder)}`, or choose another folder with --run.",
            )
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "environment.json", environment())
        absolute = replace(job, folder=job.folder.resolve())
        write_json(folder / "run.json", TypeAdapter(Job).dump_python(absolute, mode="json"))
        return cls(folder, job, new=True)

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open an existing run, to resume it or to read it; raises UsageError if there is none."""
        if not (folder / "run.json").exists():
            raise UsageError(
                f"{folder} is not a run.", "It has no run.json.", "`gradschool runs` lists the runs of this folder."
            )
        return cls(folder, read_saved_job(folder / "run.json"))

    def __enter__(self) -> "Run":
        """Lock the run; raises UsageError if another process holds it."""
        try:
            with disk_errors(self.folder):
                self._lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise UsageError(
                f"{self.folder} is being climbed by another process.",
                "Two processes would overwrite each other's files.",
                "wait for it, or stop it first.",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        if self._new and isinstance(error, GradschoolError) and self.saved(SPLIT) is None:
            self._discard()

    def _discard(self) -> None:
        """Remove our files from the folder, and the folder if nothing else is in it."""
        shutil.rmtree(self.folder / "done", ignore_errors=True)
        for name in (".lock", "run.json", "environment.json", "events.jsonl"):
            (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # it holds files of the user
            self.folder.rmdir()

    def once(self, key: Key[T], work: Callable[[], Work[T]]) -> Work[T]:
        """Run a step and save its result, or return the result that an earlier call saved."""
        path = self._done(key)
        if path.exists():
            return self._read(path, key)
        result = yield from work()
        write_json(path, TypeAdapter(key.type).dump_python(result, mode="json"))
        return result

    def save(self, key: Key[T], value: T) -> T:
        """Save a value, unless one is saved under this key already; returns the saved one."""
        path = self._done(key)
        if not path.exists():
            write_json(path, TypeAdapter(key.type).dump_python(value, mode="json"))
        return self._read(path, key)

    def saved(self, key: Key[T]) -> T | None:
        """The value that is saved under a key, or None."""
        path = self._done(key)
        return self._read(path, key) if path.exists() else None

    def _done(self, key: Key[T]) -> Path:
        return self.folder / "done" / f"{key.name}.json"

    def _read(self, path: Path, key: Key[T]) -> T:
        try:
            value: T = TypeAdapter(key.type).validate_python(read_json(path))
        except (ValueError, ValidationError) as error:
            raise DamagedError(
                f"{path} cannot be read.", str(error), "delete it; the step is then run again."
            ) from error
        return value

    def answers(self, name: str) -> Path:
        """The file of one candidate's answers to one set of examples."""
        return self.folder / "answers" / f"{name}.jsonl"

    @property
    def fit_texts(self) -> Path:
        """The file of the texts that metrics were fitted to; it exists if a metric was."""
        return self.folder / FIT_TEXTS

    def work(self, name: str) -> Path:
        """A folder for work in progress, such as checkpoints or an index."""
        return self.folder / "work" / name

    @property
    def specialist(self) -> Path:
        """The folder of the package, which exists once the climb is finished."""
        return self.folder / PACKED

    def recorded(self, work: Work[T]) -> Work[T]:
        """Append each event to events.jsonl, with the time, and pass it on; a warning is given once."""
        last: dict[str, float] = {}
        warned: set[str] = set()
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(event, Note) and event.level == "warning":
                if event.text in warned:
                    continue
                warned.add(event.text)
            if not _too_soon(event, last):
                line = {"time": time.time(), "event": type(event).__name__} | asdict(event)
                append_line(self.folder / "events.jsonl", line)
            yield event

    def events(self) -> list[dict[str, Any]]:
        """All events so far, oldest first."""
        return read_lines(self.folder / "events.jsonl")


def resume_command(folder: Path) -> str:
    """The command that continues a run, as a shell takes it."""
    return f"gradschool climb --resume {shlex.quote(str(folder))}"


def _too_soon(event: Event, last: dict[str, float]) -> bool:
    """Whether a progress event follows the recorded one of its step too closely; `last` maps steps to times."""
    if not isinstance(event, Progress) or event.done == event.total:
        return False
    now = time.monotonic()
    if now - last.get(event.what, -PROGRESS_EVERY) < PROGRESS_EVERY:
        return True
    last[event.what] = now
    return False


def read_saved_job(path: Path) -> Job:
    """Read the run.json of a run or of a specialist's evidence; raises DamagedError if that is not possible."""
    try:
        saved = read_json(path)
        return Job(saved["name"], Path(saved["folder"]), saved_settings(saved["settings"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} cannot be read.", str(error), "start a new climb.") from error


def next_folder(name: str, parent: Path = Path("runs")) -> Path:
    """The next free run folder for a job: runs/NAME-1, runs/NAME-2, …"""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"
