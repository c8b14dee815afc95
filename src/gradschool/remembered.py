"""What is remembered for the user between commands: private JSON files in the config folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import filelock
from pydantic import TypeAdapter

from gradschool.errors import DamagedError, ResourceError
from gradschool.files import disk_errors, new_file

T = TypeVar("T")


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
        """What is remembered so far; raises DamagedError if the file cannot be read."""
        path = self.path
        try:
            return self.form.validate_json(path.read_bytes())
        except FileNotFoundError:
            return self.empty
        except (OSError, ValueError) as error:
            raise DamagedError(f"{path} cannot be read.", str(error), f"delete it; {self.lost}.") from error

    def change(self, changed: Callable[[T], T]) -> None:
        """Replace the value by what `changed` makes of it; one process at a time."""
        path = self.path
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with filelock.FileLock(path.with_name(f".{path.stem}.lock"), mode=0o600):
                known = self.read()
                new = changed(known)
                if new != known:
                    with new_file(path, mode=0o600) as file:
                        file.write(self.form.dump_json(new, indent=1))


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
