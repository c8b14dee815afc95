"""prepared.json: what a preparation has written into a job's folder, and what a killed one was writing."""

from pathlib import Path

from pydantic import BaseModel

from gradschool.files import read_json, write_json

PREPARED = "prepared.json"


class Preparation(BaseModel, extra="allow", frozen=True):
    """The record of a preparation; what it says about sources, options and counts is for the user, and kept as it is.

    `files` are the hashes of its files. Under `writing` are, until all are written, those of files that it replaces.
    """

    files: dict[str, str] = {}
    writing: dict[str, tuple[str, ...]] = {}

    @classmethod
    def read(cls, folder: Path) -> "Preparation | None":
        """The record in a job's folder; None if there is none. Raises ValueError or OSError if it cannot be read."""
        file = folder / PREPARED
        return cls.model_validate(read_json(file)) if file.exists() else None

    def write(self, folder: Path) -> None:
        """Write the record into a job's folder."""
        empty = set() if self.writing else {"writing"}
        write_json(folder / PREPARED, self.model_dump(mode="json", exclude=empty))

    def hashes(self, name: str) -> tuple[str, ...]:
        """The hashes of a file as preparations wrote it: the last one that ended, and those after it that did not."""
        return (*filter(None, [self.files.get(name)]), *self.writing.get(name, ()))

    def replacing(self, name: str, digest: str) -> "Preparation":
        """The record before a file is replaced by one with this hash."""
        return self.model_copy(update={"writing": {**self.writing, name: (*self.writing.get(name, ()), digest)}})
