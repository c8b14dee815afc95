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

import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, TypeVar, get_args

import filelock
from pydantic import Field, TypeAdapter

from gradschool.durable import FILE_MODE, FOLDER_MODE, LEFTOVER, clear, make_folder, sync
from gradschool.environment import Environment, environment
from gradschool.errors import DamagedError, GradschoolError, UsageError, reason_of
from gradschool.events import passed_on
from gradschool.file_names import demand_utf8
from gradschool.files import (
    adapter_of,
    append_line,
    disk_errors,
    each_value,
    read_json,
    refuse_links,
    write_json,
)
from gradschool.job import Job
from gradschool.json_text import each_text
from gradschool.records import Event, Note, Progress, RungResult, Work
from gradschool.run_keys import RESULT, SPLIT, Key, result_key
from gradschool.saved_job import JOB_FILE, SavedJob, read_saved_job, trust_run

T = TypeVar("T")
EVENTS_FILE, ENVIRONMENT_FILE = "events.jsonl", "environment.json"
FIT_TEXTS = "fit.jsonl"
PACKED, MANIFEST = "specialist", "specialist.toml"  # the folder of the package in a run, and the file that makes it one
STEPS = ("done", "answers", "work")  # the folders of a run that steps write into
LOCK = ".lock"
MADE_FIRST = (JOB_FILE, ENVIRONMENT_FILE, EVENTS_FILE)
FILES = (LOCK, *MADE_FIRST, FIT_TEXTS, "report.html")
TEST = "-test"  # after the name of a rung: its answers to the test examples
REOPENED = "package"  # in place of a rung: the answers of the reopened package
KINDS = {kind.__name__: TypeAdapter(kind) for kind in get_args(Event)}  # of events, by the name they are saved under
LAST = 253_402_300_799.0  # the last second of the year 9999
TIME: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(ge=0, le=LAST)])
RUNS = Path("runs")  # the folder of runs that are not placed elsewhere
MOMENT = 2.0  # seconds
PROGRESS_EVERY = 2.0  # seconds between two recorded progress events of one step


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event, and when it was recorded, in seconds since 1970."""

    time: float
    event: Event


class Run:
    """The folder of one climb, locked by one process at a time.

    Use it as a context manager to hold the lock. A run that is `new`, which began in this process, and whose split was
    not saved, holds nothing that a resumed climb could use: leaving the context with a GradschoolError removes it.
    """

    def __init__(self, folder: Path, job: Job, *, new: bool = False, outer: "Run | None" = None) -> None:
        self.folder, self.job, self.outer = folder, job, outer
        self.new = new
        self._lock = filelock.FileLock(folder / LOCK, mode=FILE_MODE)

    @classmethod
    def start(cls, job: Job, folder: Path | None = None) -> "Run":
        """Create a run folder, by default the `next_folder`; raises UsageError if the folder already holds a run.

        It also raises UsageError for folders whose names are not in UTF-8.

        Whoever makes a default folder has it; a folder that is named belongs to the first one that locks it.
        """
        for place in (job.folder, folder or RUNS):
            demand_utf8(place.resolve())
        run = cls(folder or _claimed(job.name), job, new=True)
        folder = run.folder
        with disk_errors(folder):
            make_folder(folder)
            with suppress(PermissionError):  # of someone else who lets the user write there
                if not any(folder.iterdir()):
                    folder.chmod(FOLDER_MODE)
        with run._locked():
            if (folder / JOB_FILE).exists():
                raise UsageError(
                    f"{folder} already holds a run.",
                    "Runs are never overwritten.",
                    f"continue it with `{resume_command(folder)}`, or choose another folder with --run.",
                )
            places = {name: folder / name for name in (*MADE_FIRST, *STEPS, PACKED)}
            if others := [name for name, place in places.items() if place.is_file() or place.is_dir()]:
                raise UsageError(
                    f"{folder} holds files that are not of a run: {', '.join(others)}.",
                    "A run would write files of these names.",
                    "choose another folder with --run.",
                )
            SavedJob.of(job, folder).begin(folder / JOB_FILE)
            write_json(folder / ENVIRONMENT_FILE, asdict(environment()))
        return run

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open an existing run, to resume it or to read it; raises UsageError if there is none."""
        if not (folder / JOB_FILE).exists():
            raise UsageError(
                f"{folder} is not a run.", "It has no run.json.", "`gradschool runs` lists the runs of this folder."
            )
        refuse_links(folder)
        return cls(folder, read_saved_job(folder / JOB_FILE))

    def __enter__(self) -> "Run":
        """Lock the run, and remove what a killed process left unfinished; raises UsageError if another one holds it."""
        # Another process that finds this new run taken holds the lock for a moment to find that out.
        self._acquire(MOMENT if self.new else 0)
        if not self.new:
            _clean(self.folder)
        return self

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _acquire(self, seconds: float = 0) -> None:
        try:
            with disk_errors(self.folder):
                self._lock.acquire(timeout=seconds)
        except filelock.Timeout as error:
            raise UsageError(
                f"{self.folder} is being climbed by another process.",
                "Two processes would overwrite each other's files.",
                "wait for it, or stop it first.",
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:  # while it is locked: once it is not, the folder may belong to another process
            if self.new and isinstance(error, GradschoolError) and self.saved(SPLIT) is None:
                self._discard()
        finally:
            self._lock.release()

    def _discard(self) -> None:
        """Remove our files from the folder, and the folder if nothing else is in it."""
        shutil.rmtree(self.folder / "done", ignore_errors=True)
        for name in (LOCK, *MADE_FIRST):
            (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # it holds files of the user
            self.folder.rmdir()

    def once(self, key: Key[T], work: Callable[[], Work[T]]) -> Work[T]:
        """Run a step and save its result, or return the result that an earlier call saved."""
        path = self._done(key)
        if path.exists():
            return self._read(path, key)
        result = yield from work()
        write_json(path, adapter_of(key.type).dump_python(result, mode="json"))
        return result

    def save(self, key: Key[T], value: T) -> T:
        """Save a value, unless one is saved under this key already; returns the saved one."""
        path = self._done(key)
        if not path.exists():
            write_json(path, adapter_of(key.type).dump_python(value, mode="json"))
        return self._read(path, key)

    def saved(self, key: Key[T]) -> T | None:
        """The value that is saved under a key, or None."""
        path = self._done(key)
        return self._read(path, key) if path.exists() else None

    def _done(self, key: Key[T]) -> Path:
        if Path(key.name).name != key.name:  # a rung's name, read from the events
            raise DamagedError(f"{self.folder} is damaged.", f"{key.name!r} is not the name of a step.", "climb again.")
        return self.folder / "done" / f"{key.name}.json"

    def _read(self, path: Path, key: Key[T]) -> T:
        try:
            value: T = adapter_of(key.type).validate_python(self._here(read_json(path)))
        except ValueError as error:
            raise DamagedError(
                f"{path} cannot be read.", reason_of(error), "delete it; the step is then run again."
            ) from error
        return value

    def _here(self, value: Any) -> Any:
        """A saved value with the paths in this run as they are now: the run may have been moved."""
        if not self._began:
            return value
        before, now = f"{self._began}{os.sep}", f"{(self.outer or self).folder.resolve()}{os.sep}"
        return each_text(value, lambda text: now + text.removeprefix(before) if text.startswith(before) else text)

    @property
    def has_steps(self) -> bool:
        """Whether any step has saved something."""
        return any(path.is_file() for name in STEPS for path in (self.folder / name).rglob("*"))

    @property
    def names_its_place(self) -> bool:
        """Whether the version that began it says where it was, and saves the hashes of its inputs before any step."""
        return bool(SavedJob.read(self.folder / JOB_FILE).run)

    @cached_property
    def _began(self) -> str:
        """The folder in which the run began; empty if it is still there, or if an earlier version began it."""
        if self.outer:
            return self.outer._began
        began = SavedJob.read(self.folder / JOB_FILE).run
        return "" if began == str(self.folder.resolve()) else began

    def answers(self, name: str) -> Path:
        """The file of one candidate's answers to one set of examples."""
        return self.folder / "answers" / f"{name}.jsonl"

    def test_answers(self, rung: str) -> Path:
        """The file of a rung's answers to the test examples, or of the reopened package's."""
        return self.answers(f"{rung}{TEST}")

    @property
    def incumbent_answers(self) -> Path:
        """The file of the incumbent's answers to the test examples; it exists if the job names an incumbent."""
        return self.answers("incumbent")

    def answered(self) -> list[str]:
        """The rungs that have answers to test examples, and "package" if the reopened package has; by name."""
        return sorted(path.stem.removesuffix(TEST) for path in (self.folder / "answers").glob(f"*{TEST}.jsonl"))

    def results(self) -> list[RungResult]:
        """The saved results of rungs, by name."""
        names = sorted(path.stem.removesuffix(RESULT) for path in (self.folder / "done").glob(f"*{RESULT}.json"))
        return [result for name in names if (result := self.saved(result_key(name)))]

    @property
    def fit_texts(self) -> Path:
        """The file of the texts that metrics were fitted to; it exists if a metric was."""
        return self.folder / FIT_TEXTS

    def work(self, name: str) -> Path:
        """A folder for work in progress, such as checkpoints or an index."""
        return self.folder / "work" / name

    @property
    def index(self) -> Path:
        """The folder of the index of the job's documents, which is the same over every base."""
        return self.outer.index if self.outer else self.work("index")

    @property
    def specialist(self) -> Path:
        """The folder of the package, which exists once the climb is finished."""
        return self.folder / PACKED

    def recorded(self, work: Work[T]) -> Work[T]:
        """Append each event to events.jsonl, with the time, and pass it on; a warning is given once."""
        last: dict[str, float] = {}
        warned: set[str] = set()

        def record(event: Event) -> Event | None:
            if isinstance(event, Note) and event.level == "warning":
                if event.text in warned:
                    return None
                warned.add(event.text)
            if not _too_soon(event, last):
                line = {"time": _now(), "event": type(event).__name__} | asdict(event)
                append_line(self.folder / EVENTS_FILE, line)
            return event

        return passed_on(work, record)

    def events(self) -> list[Recorded]:
        """All events so far, oldest first, without those of kinds that this version does not know.

        Raises DamagedError for one that cannot be read.
        """
        path = self.folder / EVENTS_FILE
        try:
            return [
                Recorded(TIME.validate_python(line["time"]), KINDS[line["event"]].validate_python(line))
                for line in each_value(path)
                if line["event"] in KINDS
            ]
        except (LookupError, TypeError, ValueError, OverflowError, OSError) as error:
            raise DamagedError(f"{path} cannot be read.", reason_of(error), "climb again.") from error

    @property
    def environment(self) -> Environment | None:
        """Where the climb began; None if its file is missing. Raises DamagedError if it cannot be read."""
        path = self.folder / ENVIRONMENT_FILE
        try:
            return adapter_of(Environment).validate_python(read_json(path)) if path.exists() else None
        except ValueError as error:
            raise DamagedError(f"{path} cannot be read.", reason_of(error), "delete it.") from error


def allow_run(folder: Path) -> None:
    """Remember that the user allows a run to read the files of its job; raises UsageError if it is no run."""
    Run.open(folder)
    trust_run(folder / JOB_FILE)


def resume_command(folder: Path) -> str:
    """The command that continues a run, as a shell takes it."""
    return f"gradschool climb --resume {shlex.quote(str(folder))}"


def _now() -> float:
    """The time of the system's clock, within what a run can be read with: a clock may be wrong by any amount."""
    return min(max(0.0, time.time()), LAST)


def _too_soon(event: Event, last: dict[str, float]) -> bool:
    """Whether a progress event follows the recorded one of its step too closely; `last` maps steps to times."""
    if not isinstance(event, Progress) or event.done == event.total:
        return False
    now = time.monotonic()
    if now - last.get(event.what, -PROGRESS_EVERY) < PROGRESS_EVERY:
        return True
    last[event.what] = now
    return False


def _claimed(name: str) -> Path:
    """Make the next free run folder; only one of several processes makes each."""
    while True:
        folder = next_folder(name)
        with disk_errors(folder):
            make_folder(folder.parent)
            with suppress(FileExistsError):
                folder.mkdir(mode=FOLDER_MODE)
                sync(folder.parent)
                return folder


def _clean(folder: Path) -> None:
    """Remove temporary files and folders that killed processes left; those of the user have other names."""
    names = {*FILES, PACKED}
    own = [path for path in folder.iterdir() if (match := LEFTOVER.fullmatch(path.name)) and match[1] in names]
    inner = [path for name in STEPS for path in (folder / name).rglob(".*")]
    for path in (*own, *(path for path in inner if LEFTOVER.fullmatch(path.name))):
        clear(path)


def next_folder(name: str, parent: Path = RUNS) -> Path:
    """The next free run folder for a job: runs/NAME-1, runs/NAME-2, …"""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"
