"""run.json: the job of a run as it was read, and where the job and the run were."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gradschool.errors import DamagedError
from gradschool.file_names import FileName
from gradschool.files import read_json, write_json
from gradschool.job import Job
from gradschool.settings import saved_settings

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
            return TypeAdapter(cls).validate_python(read_json(path))
        except (ValueError, OSError) as error:
            raise DamagedError(f"{path} cannot be read.", str(error), "start a new climb.") from error

    def write(self, path: Path) -> None:
        """Write a run.json."""
        write_json(path, TypeAdapter(SavedJob).dump_python(self, mode="json", exclude_defaults=True))

    def shared(self, settings: dict[str, Any], folder: str) -> "SavedJob":
        """The job as a package has it: without the place of the run, and with these settings and name of the folder."""
        return replace(self, settings=settings, folder=folder, run="", from_run="")


def read_saved_job(path: Path) -> Job:
    """The job of a run.json, which may have moved together with the run; raises DamagedError if it cannot be read."""
    saved = SavedJob.read(path)
    folder, moved = Path(saved.folder), path.parent / saved.from_run
    try:
        if not folder.is_dir() and saved.from_run and moved.is_dir():
            folder = moved.resolve()
        return Job(saved.name, folder, saved_settings(saved.settings))
    except (ValueError, OSError) as error:
        raise DamagedError(f"{path} cannot be read.", str(error), "start a new climb.") from error
