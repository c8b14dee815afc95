"""What is remembered for the user between commands: private JSON files in the config folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import filelock
from pydantic import TypeAdapter

from gradschool.durable import replace_file
from gradschool.errors import DamagedError, ResourceError, reason_of
from gradschool.files import disk_errors, new_file, read_file

T = TypeVar("T")
DAMAGED = ".damaged"  # at the end of the name of a file that was put aside


@dataclass(frozen=True)
class Remembered(Generic[T]):
    """A value in a file that only the user can read; `lost` says what deleting the file means."""

    name: str
    form: TypeAdapter[T]
    empty: T
    lost: str

    @property
    def path(self) -> Path:
        """The file, in XDG_CONFIG_HOME, by default ~/.config; raises ResourceError if there is no home folder."""
        return _config() / "gradschool" / self.name

    def read(self) -> T:
        """What is remembered so far.

        Raises DamagedError if the file holds something else, and ResourceError if the system does not let it be read.
        """
        path = self.path
        try:
            if path.exists() and not path.is_file():  # to read a pipe would never end
                raise self._unreadable("It is not a file.")
            return self.form.validate_json(read_file(path))
        except FileNotFoundError:
            return self.empty
        except OSError as error:
            raise self._unreadable(f"The system says: {error.strerror}.") from error
        except ValueError as error:
            raise DamagedError(f"{path} cannot be read.", reason_of(error), f"delete it; {self.lost}.") from error

    def change(self, changed: Callable[[T], T]) -> None:
        """Replace the value by what `changed` makes of it; one process at a time.

        A damaged file is put aside, and the value begins anew. Raises ResourceError if nothing can be written.
        """
        path = self.path
        try:
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with filelock.FileLock(path.with_name(f".{path.stem}.lock"), mode=0o600):
                    self._change(path, changed)
        except OSError as error:
            raise ResourceError(
                f"{path} could not be written.",
                f"The system says: {error.strerror}.",
                "set XDG_CONFIG_HOME to a folder that you may write to.",
            ) from error

    def _change(self, path: Path, changed: Callable[[T], T]) -> None:
        try:
            known = self.read()
        except DamagedError:
            replace_file(path, path.with_name(f"{path.name}{DAMAGED}"))
            known = self.empty
        new = changed(known)
        if new == known:
            return
        try:
            content = self.form.dump_json(new, indent=1)
        except ValueError as error:
            raise ResourceError(
                f"Nothing more can be remembered in {path}.",
                "A name in it is not in UTF-8, which JSON requires.",
                "rename the folder or the file that is not in UTF-8.",
            ) from error
        with new_file(path) as file:
            file.write(content)

    def _unreadable(self, why: str) -> ResourceError:
        fix = f"delete it or make it readable ({self.lost} if you delete it), or set XDG_CONFIG_HOME to another folder."
        return ResourceError(f"{self.path} cannot be read.", why, fix)


def _config() -> Path:
    root = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if root.is_absolute():
        return root
    try:
        return Path.home() / ".config"
    except RuntimeError as error:
        raise ResourceError(
            "There is no folder to remember anything in.",
            "The system names no home folder for you.",
            "set XDG_CONFIG_HOME to a folder.",
        ) from error
