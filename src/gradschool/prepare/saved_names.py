"""private/pseudonyms.json: people, domains and values with their pseudonyms, so that the next run repeats them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradschool.data.private import PrivateKind
from gradschool.errors import UsageError, reason_of
from gradschool.files import adapter_of, read_json


@dataclass(frozen=True, slots=True)
class SavedPerson:
    """A person with a pseudonym: given and family name. `whole` are the names that are searched for as a whole."""

    pseudonym: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    whole: tuple[str, ...] | None = None  # maps of earlier versions lack it

    @property
    def whole_names(self) -> tuple[str, ...]:
        """The names that are searched for as a whole; in older maps those of people without an address."""
        return self.whole if self.whole is not None else () if self.addresses else self.names


@dataclass(frozen=True, slots=True)
class SavedValue:
    """A private value, as it was first seen, with its key in review.jsonl and its pseudonym."""

    key: str
    kind: PrivateKind
    value: str
    pseudonym: str


@dataclass(frozen=True, slots=True)
class SavedNames:
    """Every pseudonym of a preparation; `unsure` are words that may be ordinary ones, not names."""

    people: tuple[SavedPerson, ...]
    domains: dict[str, str]
    values: tuple[SavedValue, ...]
    unsure: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "SavedNames":
        """Read the map of an earlier run; raises UsageError if that is not possible."""
        try:
            return cls.parse(read_json(path))
        except (OSError, ValueError) as error:
            fix = "restore the old file; without it, pseudonyms would change."
            raise UsageError(f"{path} cannot be read.", reason_of(error), fix) from error

    @classmethod
    def parse(cls, value: Any) -> "SavedNames":
        """The map in a JSON value; raises ValueError if it is none."""
        found: SavedNames = adapter_of(cls).validate_python(value)
        return found

    @property
    def text(self) -> str:
        """The map as JSON, indented."""
        return json.dumps(adapter_of(SavedNames).dump_python(self, mode="json"), indent=1, ensure_ascii=False) + "\n"
