"""The job folder that a preparation writes, and the files in it that belong to the user.

JOB/
  examples.jsonl            the examples, each with its source file and line
  job.toml                  the job; never overwritten once the user has edited it
  report.md                 a report of what was found, changed and dropped
  review.jsonl              every dropped or changed draft with its reason; the user writes decisions here
  others.jsonl              texts of other authors, for the style classifier
  pairs.jsonl               a good and a bad answer to the same question, if the data mark any; not trained on
  guidelines.md             a copy of the guidelines, if any
  documents/                copies of the documents for the ground rung, if any
  prepared.json             sources, options, counts, and hashes of the files above; before each file is replaced, the
                            hash of the new one under `writing`, until all are written
  private/pseudonyms.json   the original of each pseudonym; never leaves this machine
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gradschool.durable import clear_all, make_folder
from gradschool.errors import UsageError, reason_of
from gradschool.files import disk_errors, new_path, sha256, write_text
from gradschool.preparation import PREPARED, Preparation
from gradschool.prepare.saved_names import SavedNames

EXAMPLES, REPORT, JOB_FILE = "examples.jsonl", "report.md", "job.toml"
OTHERS, PAIRS = "others.jsonl", "pairs.jsonl"
GUIDELINES, DOCUMENTS, PRIVATE = "guidelines.md", "documents", "private"
MAP = f"{PRIVATE}/pseudonyms.json"


class JobFolder:
    """A job folder during a preparation."""

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file.", "--into names a folder.", "name another one.")
        self.path = path
        try:
            self._record = Preparation.read(path) or Preparation()
        except (ValueError, OSError) as error:
            raise UsageError(
                f"{path / PREPARED} cannot be read.", reason_of(error), "delete it, or prepare into another folder."
            ) from error

    def check(self) -> None:
        """Raise UsageError if a file that would be overwritten was made or edited by the user."""
        for name in (EXAMPLES, OTHERS, PAIRS, REPORT, GUIDELINES):
            file = self.path / name
            if file.exists() and sha256(file) not in self._record.hashes(name):
                how = "was edited" if self._record.hashes(name) else "was not written by a preparation"
                raise UsageError(
                    f"{file} {how}.",
                    "It would be overwritten.",
                    "move it away, or prepare into another folder; write decisions into review.jsonl instead.",
                )

    def clear(self) -> None:
        """Remove temporary files that a killed preparation left; no other one may be running."""
        clear_all(self.path)

    @property
    def job_is_edited(self) -> bool:
        """Whether the user edited or wrote job.toml."""
        file = self.path / JOB_FILE
        return file.exists() and sha256(file) not in self._record.hashes(JOB_FILE)

    def pseudonyms(self) -> SavedNames | None:
        """The map of pseudonyms of an earlier run, if any."""
        file = self.path / MAP
        return SavedNames.read(file) if file.exists() else None

    def save_map(self, names: SavedNames) -> None:
        """Write the map of pseudonyms, readable by this user alone and ignored by git."""
        folder = self.path / PRIVATE
        with disk_errors(folder):
            make_folder(folder)
            folder.chmod(0o700)
        write_text(folder / ".gitignore", "*\n")
        self.write(MAP, names.text)

    @contextmanager
    def lines(self, name: str) -> Iterator["Lines"]:
        """Write a file of JSON lines; it replaces the old one when all rows are written."""
        with self._new(name) as path, path.open("wb") as file:
            yield Lines(file)

    def write(self, name: str, text: str) -> None:
        """Write a text file, which replaces the old one."""
        with self._new(name) as path:
            path.write_bytes(text.encode())

    @contextmanager
    def _new(self, name: str) -> Iterator[Path]:
        """A temporary file that replaces the old one; first, its hash is recorded, so that it is known after a kill."""
        with new_path(self.path / name) as path:
            yield path
            self._record = self._record.replacing(name, sha256(path))
            self._record.write(self.path)

    def finish(self, about: dict[str, Any], job_kept: bool) -> None:
        """Write prepared.json: `about` and the hashes of files; `job_kept` says that job.toml is the user's."""
        names = (EXAMPLES, OTHERS, PAIRS, JOB_FILE, REPORT, GUIDELINES)
        files = {name: sha256(self.path / name) for name in names if (self.path / name).exists()}
        if job_kept:  # keeps the old hash, so that the next run also sees an edited file
            files[JOB_FILE] = self._record.files.get(JOB_FILE, "")
        Preparation.model_validate(about | {"files": files}).write(self.path)


class Lines:
    """Writes rows to a file of JSON lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        """Write a row; lone surrogates are replaced."""
        self._file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self.count += 1
