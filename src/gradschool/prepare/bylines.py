"""Who wrote the rows of tables: the author of the job, or others, whose texts serve the style classifier."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gradschool.data.formats import as_text
from gradschool.errors import DataError
from gradschool.prepare.agents import key
from gradschool.prepare.draft import Draft, Sink
from gradschool.prepare.people import People
from gradschool.prepare.recognize import SourceFile
from gradschool.prepare.rows import file_rows
from gradschool.records import Note, Work

SHOWN = 8  # authors in a message
Writer = Literal["author", "other", "unknown"]


@dataclass(frozen=True, slots=True)
class Bylines:
    """The names of the author, normalized; without `several` authors, every row is the author's."""

    names: frozenset[str] = frozenset()
    several: bool = False

    def whose(self, row: Mapping[str, Any], column: str) -> Writer:
        """Who wrote a row with its author's name in `column`, which is empty if the table has none."""
        if not self.several or not column:
            return "author"
        name = key(_name(row, column))
        return "unknown" if not name else "author" if name in self.names else "other"


@dataclass(frozen=True, slots=True)
class Divided:
    """Passes on the drafts of rows: those of the author as they are, and those of others to the style classifier."""

    bylines: Bylines
    others: Sink | None

    def add(self, row: Mapping[str, Any], column: str, draft: Draft, own: Sink) -> None:
        """Add a draft to `own` or to the texts of others; without a name, it is dropped."""
        whose = self.bylines.whose(row, column)
        if whose == "other" and self.others:
            self.others.add(draft)
            return
        own.add(draft if whose == "author" else draft.dropped("no author", f"`{column}` is empty"))


def read_bylines(tables: Sequence[tuple[SourceFile, str]], named: Sequence[str], people: People) -> Work[Bylines]:
    """Find the author in tables, each given with its column of authors; the user names one of several.

    Raises DataError if there are several authors and the user named none of them.
    """
    counts: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for file, column in tables:
        for row in file_rows(file):
            name = _name(row.value, column) if isinstance(row.value, dict) else ""
            if name:
                counts[key(name)] += 1
                shown.setdefault(key(name), name)
    if len(counts) < 2:
        people.keep_names(shown.values())
        return Bylines()
    own = frozenset({key(name) for name in named} & counts.keys())
    listed = ", ".join(f"{shown[name]} ({count})" for name, count in counts.most_common(SHOWN))
    listed += f", and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    if not own:
        files = ", ".join(dict.fromkeys(file.name for file, _ in tables))
        asked = f"--author {shlex.quote(shown[counts.most_common(1)[0][0]])}"
        raise DataError(
            f"{files} has texts of {len(counts)} authors, and none of them is named with --author.",
            f"The authors are {listed}.",
            f"add the author to imitate to the command, for example {asked}; the texts of the others "
            "then serve the style classifier.",
        )
    people.keep_names(shown[name] for name in own)
    people.register(("", name) if "@" in name else (name, "") for name in (shown[k] for k in counts.keys() - own))
    written = sum(counts[name] for name in own)
    yield Note(
        f"{written} rows are by {', '.join(sorted(shown[name] for name in own))}; {counts.total() - written} by other "
        f"authors serve the style classifier. All authors: {listed}."
    )
    return Bylines(own, several=True)


def _name(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if isinstance(value, dict):
        value = value.get("name") or value.get("username") or value.get("email")
    return " ".join(as_text(value, set()).split())
