"""run.json: the job of a run as it was read, and where the job and the run were."""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradschool.errors import DamagedError, ResourceError, TrustError, reason_of
from gradschool.file_names import FileName
from gradschool.files import adapter_of, read_json, sha256, write_bytes
from gradschool.job import Job
from gradschool.options import saved_settings
from gradschool.trust import is_begun_run, is_trusted_run, remember_allowed_run, remember_run

JOB_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class SavedJob:
    """A job as a run or a specialist saves it: name, folder and settings.

    `run` is the folder of the run when it began, and `from_run` the way from there to the job's folder; specialists and
    earlier versions save neither.
    """

    name: str
    folder: FileName
    settings: dict[str, Any] = field(default_factory=dict)  # of this version or of an earlier one
    run: FileName = ""
    from_run: FileName = ""

    @classmethod
    def of(cls, job: Job, run: Path) -> "SavedJob":
        """The saved form of a job whose run begins in a folder."""
        folder, place = job.folder.resolve(), run.resolve()
        settings = job.settings.model_dump(mode="json")
        return cls(job.name, str(folder), settings, str(place), os.path.relpath(folder, place))

    @classmethod
    def read(cls, path: Path) -> "SavedJob":
        """Read a run.json; raises DamagedError if that is not possible."""
        try:
            found: SavedJob = adapter_of(cls).validate_python(read_json(path))
            return found
        except (ValueError, OSError) as error:
            raise DamagedError(f"{path} cannot be read.", reason_of(error), "start a new climb.") from error

    def write(self, path: Path) -> None:
        """Write a run.json."""
        write_bytes(path, self._content)

    def begin(self, path: Path) -> None:
        """Write the run.json of a run that the user begins, and remember that; first, in case of a kill."""
        with suppress(ResourceError):  # nothing can be remembered here: the user is then asked when the run is resumed
            remember_run(hashlib.sha256(self._content).hexdigest(), path.parent)
        self.write(path)

    @property
    def _content(self) -> bytes:
        content = adapter_of(SavedJob).dump_python(self, mode="json", exclude_defaults=True)
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()

    def shared(self, settings: dict[str, Any], folder: str) -> "SavedJob":
        """The job as a package has it: without the place of the run, and with these settings and name of the folder."""
        return replace(self, settings=settings, folder=folder, run="", from_run="")


def is_own_run(path: Path) -> bool:
    """Whether the user has begun the run with this run.json, so that nobody else wrote what it has saved."""
    return _is_known(path, is_begun_run)


def may_read_job(path: Path) -> bool:
    """Whether the run with this run.json may read the files of its job: the user has begun it, or allowed that."""
    return _is_known(path, is_trusted_run)


def _is_known(path: Path, known: Callable[[str], bool]) -> bool:
    try:
        return known(sha256(path))
    except ResourceError:  # nothing is remembered here
        return False


def trust_run(path: Path) -> None:
    """Remember that the user allows the run with this run.json to read the files of the job that it names."""
    remember_allowed_run(sha256(path), path.parent)


def demand_allowed_run(path: Path) -> None:
    """Raise TrustError if the user has neither begun nor allowed a run: it names a folder whose files it would read."""
    if not may_read_job(path):
        folder = read_saved_job(path).folder
        raise TrustError(
            f"The run {path.parent} was not begun here, or its {JOB_FILE} has changed since.",
            f"To continue it is to read the files of {folder} that it names, and to put their texts into it.",
            "if you trust it with these files, repeat the command with --trust-run; this is remembered.",
        )


def read_saved_job(path: Path) -> Job:
    """The job of a run.json, which may have moved together with the run; raises DamagedError if it cannot be read."""
    saved = SavedJob.read(path)
    folder, moved = Path(saved.folder), path.parent / saved.from_run
    try:
        if not folder.is_dir() and saved.from_run and moved.is_dir():
            folder = moved.resolve()
        return Job(saved.name, folder, saved_settings(saved.settings))
    except (ValueError, OSError) as error:
        raise DamagedError(f"{path} cannot be read.", reason_of(error), "start a new climb.") from error
