"""A run: one climb as a folder. What is done is done once, also after a crash; every event is written down.

runs/contracts-1/
  run.json           the job as it was read, and where it lies
  environment.json   versions, processor, memory
  events.jsonl       every event with its time
  done/NAME.json     the result of each finished step
  answers/NAME.jsonl every answer of every candidate, with its scores
  work/              checkpoints and indexes under way
  specialist/        the package
"""

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import filelock
import psutil
from pydantic import TypeAdapter, ValidationError

from gradschool.errors import DamagedError, UsageError
from gradschool.files import append_line, disk_errors, read_json, read_lines, write_json
from gradschool.job import Job
from gradschool.records import Event, Progress, Work
from gradschool.settings import saved_settings

T = TypeVar("T")
PROGRESS_EVERY = 2.0  # seconds between two progress events of one step on disk
PACKAGES = ("gradschool", "torch", "transformers", "tokenizers", "safetensors", "lancedb", "numpy", "scipy")


class Run:
    """One climb's folder, held by one process at a time."""

    def __init__(self, folder: Path, job: Job) -> None:
        self.folder, self.job = folder, job
        self._lock = filelock.FileLock(folder / ".lock")

    @classmethod
    def start(cls, folder: Path, job: Job) -> "Run":
        """Make a new run folder; raises UsageError where one stands already."""
        if (folder / "run.json").exists():
            raise UsageError(
                f"{folder} already holds a run.",
                "A run is never written over.",
                f"go on with it by `gradschool climb --resume {folder}`, or choose another folder with --run.",
            )
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "environment.json", environment())
        about = {
            "name": job.name,
            "folder": str(job.folder.resolve()),
            "settings": job.settings.model_dump(mode="json"),
        }
        write_json(folder / "run.json", about)
        return cls(folder, job)

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open a run that was begun before; raises UsageError where there is none."""
        if not (folder / "run.json").exists():
            raise UsageError(
                f"{folder} is not a run.", "It holds no run.json.", "`ls runs` shows the runs made in this folder."
            )
        try:
            about = read_json(folder / "run.json")
            job = Job(about["name"], Path(about["folder"]), saved_settings(about["settings"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{folder / 'run.json'} cannot be read.", str(error), "start a new climb.") from error
        return cls(folder, job)

    def __enter__(self) -> "Run":
        """Keep other processes out of this run; raises UsageError where one is at work."""
        try:
            with disk_errors(self.folder):
                self._lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise UsageError(
                f"{self.folder} is being climbed by another process.",
                "Two writers would spoil each other's work.",
                "wait for it, or stop it first.",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def once(self, name: str, work: Callable[[], Work[T]], form: Any) -> Work[T]:
        """Do a step unless it is done: its result, a value of type `form`, is kept as JSON under its name."""
        path = self._done(name)
        if path.exists():
            return self._read(path, form)  # type: ignore[no-any-return]
        result = yield from work()
        write_json(path, TypeAdapter(form).dump_python(result, mode="json"))
        return result

    def keep(self, name: str, value: T, form: Any) -> T:
        """Keep a value under a name; where one is kept already, that one is returned."""
        path = self._done(name)
        if not path.exists():
            write_json(path, TypeAdapter(form).dump_python(value, mode="json"))
        kept: T = self._read(path, form)
        return kept

    def kept(self, name: str, form: Any) -> Any:
        """What is kept under a name, or None."""
        path = self._done(name)
        return self._read(path, form) if path.exists() else None

    def _done(self, name: str) -> Path:
        return self.folder / "done" / f"{name}.json"

    def _read(self, path: Path, form: Any) -> Any:
        try:
            return TypeAdapter(form).validate_python(read_json(path))
        except (ValueError, ValidationError) as error:
            raise DamagedError(f"{path} cannot be read.", str(error), "delete it; the step is done again.") from error

    def answers(self, name: str) -> Path:
        """Where the answers of one candidate on one set of examples lie."""
        return self.folder / "answers" / f"{name}.jsonl"

    def work(self, name: str) -> Path:
        """A folder for what is under way: checkpoints, an index."""
        return self.folder / "work" / name

    @property
    def specialist(self) -> Path:
        """Where the package lies once the climb is over."""
        return self.folder / "specialist"

    def written(self, work: Work[T]) -> Work[T]:
        """Write each event down, with the time, while passing it on."""
        last: dict[str, float] = {}
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                result: T = end.value
                return result
            if not self._too_soon(event, last):
                append_line(
                    self.folder / "events.jsonl", {"time": time.time(), "event": type(event).__name__} | asdict(event)
                )
            yield event

    def _too_soon(self, event: Event, last: dict[str, float]) -> bool:
        if not isinstance(event, Progress) or event.done == event.total:
            return False
        now = time.monotonic()
        if now - last.get(event.what, -PROGRESS_EVERY) < PROGRESS_EVERY:
            return True
        last[event.what] = now
        return False

    def events(self) -> list[dict[str, Any]]:
        """All events so far, oldest first."""
        return read_lines(self.folder / "events.jsonl")


def next_folder(name: str, beside: Path = Path("runs")) -> Path:
    """The next free run folder for a job: runs/NAME-1, runs/NAME-2, …"""
    number = 1
    while (beside / f"{name}-{number}").exists():
        number += 1
    return beside / f"{name}-{number}"


def environment() -> dict[str, Any]:
    """What a result may depend on: versions, system, processor, cores, memory in bytes."""
    installed = {d.metadata["Name"].lower() for d in importlib.metadata.distributions() if d.metadata["Name"]}
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES if name in installed},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def peak_memory() -> int:
    """The most memory this process has held at once, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
