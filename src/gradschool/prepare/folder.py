"""The job folder that a preparation makes, and what in it is a person's own and never written over.

JOB/
  examples.jsonl            the examples, each with the file and line it comes from
  job.toml                  the job; once a person has changed it, it stays as it is
  report.md                 what was found, done and left out, to be read
  review.jsonl              every draft that was left out or changed, with its reason; decisions are written here
  guidelines.md             a copy of the guidelines, where there are any
  documents/                copies of the documents to look facts up in, where there are any
  prepared.json             sources, options, counts, and hashes of the files above
  private/pseudonyms.json   who and what each pseudonym stands for; never leaves this machine
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gradschool.errors import UsageError
from gradschool.files import disk_errors, new_file, read_json, sha256, write_json, write_text

EXAMPLES, REVIEW, REPORT, JOB_FILE, RECORD = "examples.jsonl", "review.jsonl", "report.md", "job.toml", "prepared.json"
GUIDELINES, DOCUMENTS, PRIVATE = "guidelines.md", "documents", "private"
MAP = f"{PRIVATE}/pseudonyms.json"


class JobFolder:
    """A job folder while it is prepared."""

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file.", "--into names a folder.", "name another one.")
        self.path = path
        self.record: dict[str, Any] = {}
        if (path / RECORD).exists():
            try:
                self.record = read_json(path / RECORD)
            except ValueError as error:
                raise UsageError(
                    f"{path / RECORD} cannot be read.", str(error), "delete it, or prepare into another folder."
                ) from error

    def check(self) -> None:
        """Refuse to write over a file that a person made or changed; job.toml and review.jsonl are theirs to change."""
        written: dict[str, str] = self.record.get("files", {})
        for name in (EXAMPLES, REPORT, GUIDELINES):
            file = self.path / name
            if file.exists() and sha256(file) != written.get(name):
                how = "was changed by hand" if name in written else "is not of a preparation"
                raise UsageError(
                    f"{file} {how}.",
                    "It would be written over.",
                    "move it away, or prepare into another folder; changes are decided in review.jsonl.",
                )

    @property
    def job_is_edited(self) -> bool:
        """Whether job.toml is a person's: changed since it was written, or never written by us."""
        file = self.path / JOB_FILE
        return file.exists() and sha256(file) != self.record.get("files", {}).get(JOB_FILE)

    def pseudonyms(self) -> dict[str, Any] | None:
        """The map of an earlier run."""
        file = self.path / MAP
        if not file.exists():
            return None
        try:
            read = read_json(file)
            assert isinstance(read, dict) and read.keys() >= {"people", "domains", "values"}
        except (ValueError, AssertionError) as error:
            raise UsageError(
                f"{file} cannot be read.", f"{error}", "put the old file back; without it, pseudonyms would change."
            ) from error
        return read

    def save_map(self, content: dict[str, Any]) -> None:
        """Write the map so that nobody else on this machine can read it, and so that no repository takes it up."""
        folder = self.path / PRIVATE
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        write_text(folder / ".gitignore", "*\n")
        write_json(self.path / MAP, content)
        (self.path / MAP).chmod(0o600)

    @contextmanager
    def lines(self, name: str) -> Iterator["Lines"]:
        """Write a file of JSON lines one by one; it takes its place whole when all are written."""
        with new_file(self.path / name, mode=0o600 if name == REVIEW else 0o644) as file:
            yield Lines(file)

    def finish(self, about: dict[str, Any], job_kept: bool) -> None:
        """Write down what was made of what; `about` is all but the hashes, `job_kept` whether job.toml is not ours."""
        names = (EXAMPLES, JOB_FILE, REPORT, GUIDELINES)
        old = self.record.get("files", {})
        files = {name: sha256(self.path / name) for name in names if (self.path / name).exists()}
        if job_kept:  # remember what we wrote, so that it stays the person's on the next run too
            files[JOB_FILE] = old.get(JOB_FILE, "")
        write_json(self.path / RECORD, about | {"files": files})


class Lines:
    """A file of JSON lines under way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        """Write one row; halves of characters, which no file can hold, are replaced."""
        self._file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self.count += 1
