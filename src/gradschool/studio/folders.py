"""The folders that the user named: their jobs and runs, and no file outside of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gradschool.data.review_rows import REVIEW
from gradschool.errors import GradschoolError, TrustError
from gradschool.file_names import not_utf8
from gradschool.job import read_job
from gradschool.prepare.folder import REPORT
from gradschool.run import EVENTS_FILE, MANIFEST, PACKED
from gradschool.saved_job import JOB_FILE as RUN_FILE
from gradschool.studio.replies import NotFound
from gradschool.visible import shortened

JOB_FILE = "job.toml"
ADDED = "added.jsonl"  # in a job's folder: examples that were added by hand
DONE = "done"  # in a run's folder: what it has saved
DEPTH = 2  # folders below a named one in which jobs and runs are looked for
MAX_FOUND = 500  # jobs, runs, or entries of a folder that are shown
PREVIEWS = "previews"  # in that of the studio: preparations that are not jobs yet
STATE = ".gradschool-studio"  # in the first folder: the queue, the output of work, previews


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that the user named, resolved; new jobs and runs go into the first one."""

    roots: tuple[Path, ...]

    @property
    def home(self) -> Path:
        """The first folder."""
        return self.roots[0]

    @property
    def state(self) -> Path:
        """The folder with what the studio itself remembers."""
        return self.home / STATE

    def find(self, name: str) -> Path:
        """The path that a page names, relative to the first folder or absolute, with all links followed.

        Raises TrustError for one outside of the folders, and NotFound for what is not there.
        """
        try:
            path = (self.home / name).resolve()
            name.encode()
            found = path.exists()
        except UnicodeEncodeError as error:
            raise not_utf8(error) from None
        except (OSError, ValueError, RuntimeError):  # names that no system can look up, and links in circles
            path, found = self.home, False
        if not self.is_inside(path):
            raise _outside(name)
        if not found:
            raise NotFound(
                f"{shortened(name, 200)} is not there.",
                "It was moved or removed, or its name was different.",
                "go back to the start page, which shows what there is now.",
            )
        return path

    def is_inside(self, path: Path) -> bool:
        """Whether a path is in the folders, with all links followed."""
        try:
            place = path.resolve()
        except (OSError, RuntimeError):  # links in circles
            return False
        return any(place.is_relative_to(root) for root in self.roots)

    def demand_inside(self, *paths: Path) -> None:
        """Raise TrustError for a path that leads out of the folders: a folder that was received may hold any link."""
        for path in paths:
            if not self.is_inside(path):
                raise _outside(str(path))

    def find_run(self, name: str) -> Path:
        """The folder of a run; a folder of its package leads to it."""
        path = self.find(name)
        path = path.parent if path.name == PACKED else path
        if not (path / RUN_FILE).is_file():
            raise NotFound(f"{self.shown(path)} is not a run.", f"It has no {RUN_FILE}.", "go back to the start page.")
        self.demand_inside(*(path / name for name in (RUN_FILE, EVENTS_FILE, DONE, PACKED)))
        return path

    def find_specialist(self, name: str) -> Path:
        """The folder of a run that has packaged a specialist."""
        run = self.find_run(name)
        if not (run / PACKED / MANIFEST).is_file():
            raise NotFound(
                "There is no specialist yet.", "It is packaged when the climb has ended.", "wait for the climb to end."
            )
        return run

    def find_job(self, name: str) -> Path:
        """The folder of a job."""
        path = self.find(name)
        if not (path / JOB_FILE).is_file():
            raise NotFound(f"{self.shown(path)} is not a job.", f"It has no {JOB_FILE}.", "go back to the start page.")
        self.demand_inside(*(path / name for name in (JOB_FILE, REVIEW, ADDED, REPORT)))
        return path

    def shown(self, path: Path) -> str:
        """A path as pages show and name it: relative to the first folder if it is in it."""
        return str(path.relative_to(self.home)) if path.is_relative_to(self.home) else str(path)

    def jobs(self) -> list[dict[str, str]]:
        """All jobs: where each is, its name and base, or what is wrong with it."""
        return [self._job(path.parent) for path in self._named(JOB_FILE)]

    def runs(self) -> list[Path]:
        """The folders of all runs, the latest first."""
        found = [path.parent for path in self._named(RUN_FILE, DEPTH + 1) if path.parent.name != "evidence"]
        return sorted(found, key=_began, reverse=True)

    def _job(self, folder: Path) -> dict[str, str]:
        about = {"path": self.shown(folder), "name": folder.name, "base": "", "task": "", "error": ""}
        try:
            job = read_job(folder)
        except GradschoolError as error:
            return about | {"error": " ".join(filter(None, (error.what, error.why)))}
        task = shortened(job.settings.task, 160)
        return about | {"name": job.name, "base": ", ".join(job.settings.bases), "task": task}

    def _named(self, name: str, depth: int = DEPTH) -> list[Path]:
        found = dict.fromkeys(path for root in self.roots for path in _below(root, name, depth))
        return [path for path in found if self.is_inside(path)][:MAX_FOUND]


def _outside(name: str) -> TrustError:
    return TrustError(
        f"{shortened(name, 200)} is not in a folder that was named.",
        "The studio reads only the folders with which it was started, also through links.",
        "name that folder too when you start `gradschool studio`.",
    )


def _began(folder: Path) -> float:
    try:
        return (folder / RUN_FILE).stat().st_mtime
    except OSError:
        return 0.0


def _below(folder: Path, name: str, depth: int) -> Iterator[Path]:
    """Files of a name in a folder and those below it, without hidden ones, links, and the parts of runs."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # it may not be read, or is gone
        return
    if (folder / name).is_file():
        yield folder / name
    if depth and not (folder / RUN_FILE).is_file():
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_dir() and not entry.is_symlink():
                yield from _below(entry, name, depth - 1)
