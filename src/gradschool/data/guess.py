"""Guess the columns of input and ideal answer from names and contents, if no name is a known one."""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradschool.data.assessment_names import may_assess, name_of
from gradschool.data.column_languages import english
from gradschool.data.column_names import INPUTS, OTHER_INPUTS, OTHER_OUTPUTS, OUTPUTS, SYSTEMS
from gradschool.data.columns import Form, content_keys, says
from gradschool.data.formats import plain, spelled
from gradschool.data.language_names import languages_of
from gradschool.data.normalize import word_count
from gradschool.settings import Data

MIN_TEXT_WORDS = 3  # on average, for a column of texts
MAX_CLASS_WORDS = 4
MIN_ROWS = 6  # for classes
NEGATIVES = {"negative", "neg", "rejected", "wrong", "incorrect", "worse", "worst", "loser", "distractor"}
ENDS = (".", "?", "!", "。", "？", "！", "؟", "।")  # of a sentence
NO_HEADER = (
    "these look like texts: if the first line is an example, write a line with the names of the columns above it"
)
INPUT_WORDS = OTHER_INPUTS | {word for word in INPUTS if "_" not in word} - {"text", "note"}
OUTPUT_WORDS = OTHER_OUTPUTS | {word for word in OUTPUTS if "_" not in word}
NO_TEXT = {"id", "uuid", "date", "url", "link", "name", "file", "filename", "path", "email", "group", *SYSTEMS}


@dataclass(frozen=True, slots=True)
class Guess:
    """The columns of input and ideal answer, and why."""

    input: str
    output: str
    reason: str
    groups: str = ""  # a column that may name the groups

    def __str__(self) -> str:
        header = f"; {NO_HEADER}" if _is_text(self.input) and _is_text(self.output) else ""
        groups = f"; if {self.groups!r} names the groups: --group-column {shlex.quote(self.groups)}"
        return (
            f"{self.input!r} is taken for the input and {self.output!r} for the ideal answer ({self.reason}); "
            f"if that is wrong: --input-column and --output-column{groups if self.groups else ''}{header}"
        )


def _is_text(name: str) -> bool:
    """Whether the name of a column is a sentence."""
    return name.rstrip().endswith(ENDS) or word_count(name) > MAX_CLASS_WORDS


def guess(rows: Sequence[Mapping[str, Any]], data: Data) -> Guess | None:
    """The columns of input and answer in rows whose form is unknown; None if their contents do not show them."""
    lengths = content_keys(rows)
    if any(says(key, NEGATIVES) for key in lengths):  # a guess could take the wrong answer for the right one
        return None
    named = {plain(name) for name in (data.group_column, data.date_column) if name}
    free = {key: words for key, words in lengths.items() if plain(key) not in named | NO_TEXT}
    if (pair := languages_of(free)) and not data.input_column and not data.output_column:
        return Guess(*pair, "two columns are named after languages; the first is the input")
    texts = [key for key, words in free.items() if words >= MIN_TEXT_WORDS and not _repeats(rows, key)]
    classes = [key for key, words in free.items() if words <= MAX_CLASS_WORDS and _is_class(rows, key)]
    asked = spelled(free, data.input_column) or next((key for key in texts if says(key, INPUT_WORDS)), "")
    given = spelled(free, data.output_column) or next(
        (key for key in (*texts, *classes) if key != asked and says(key, OUTPUT_WORDS)), ""
    )
    left = [key for key in texts if key not in (asked, given)]
    reason = "by their names and contents"
    if not asked and given:
        asked = max(left, key=lambda key: free[key], default="")
    elif asked and not given:
        given = left[0] if len(left) == 1 else classes[0] if not left and len(classes) == 1 else ""
    elif not asked and len(texts) == 2:
        asked, given, reason = texts[0], texts[1], "the first of two columns of texts is taken for the input"
    elif not asked and len(texts) == len(classes) == 1:
        asked, given, reason = texts[0], classes[0], "one column has texts, the other has classes"
    if not asked or not given or asked == given:
        return None
    return Guess(asked, given, reason, "" if named else _groups(rows, free, (asked, given)))


def translated(rows: Sequence[Mapping[str, Any]], form: Form, data: Data) -> Guess | None:
    """The columns of a form whose names are in another language than English, with a remark; None for other forms."""
    if not form.inputs or not form.output or form.compared or data.input_column or data.output_column:
        return None
    if all(english(key) == plain(key) for key in (form.inputs[0], form.output)):
        return None
    named = {*form.columns(), *(key for key in content_keys(rows) if plain(key) in NO_TEXT)}
    groups = "" if data.group_column else _groups(rows, content_keys(rows), named)
    return Guess(form.inputs[0], form.output, "by their names", groups)


def _groups(rows: Sequence[Mapping[str, Any]], keys: Iterable[str], taken: Collection[str]) -> str:
    """A column that may name the groups: the one of most values, because a language or a kind has few."""
    left = [key for key in keys if key not in taken and not may_assess(name_of(key))]
    counts = {key: len(set(_values(rows, key))) for key in left if len(_values(rows, key)) >= MIN_ROWS}
    several = [key for key, count in counts.items() if 1 < count <= len(_values(rows, key)) / 2]
    return max(several, key=lambda key: counts[key], default="")


def _values(rows: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    return [row[key].strip() for row in rows if isinstance(row.get(key), str) and row[key].strip()]


def _repeats(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Whether most values of a column occur several times, as those of a group or a class do."""
    values = _values(rows, key)
    return len(values) >= MIN_ROWS and len(set(values)) * 2 < len(values)


def _is_class(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    values = _values(rows, key)
    numbers = all(value.replace(".", "", 1).replace("-", "").isdigit() for value in values)
    return len(values) >= MIN_ROWS and 1 < len(set(values)) <= len(values) // 3 and not numbers


def columns_shown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The columns of rows with the beginning of a value each, a line per column."""
    lines = []
    for key in dict.fromkeys(key for row in rows for key in row):
        value = next((str(row[key]) for row in rows if row.get(key) not in (None, "")), "")
        line = " ".join(value.split())
        lines.append(f"  {key}: {line[:60]}{'…' if len(line) > 60 else ''}")
    return "\n".join(lines)


def options_to_name(rows: Sequence[Mapping[str, Any]]) -> str:
    """The options of the command line that name the columns, ready to be pasted; the longest columns are proposed."""
    lengths = content_keys(rows)
    longest = sorted(lengths, key=lambda key: -lengths[key])[:2]
    named = [key for key in lengths if key in longest]
    first, second = [*named, *("INPUT", "ANSWER")[len(named) :]]
    return f"--input-column {shlex.quote(first)} --output-column {shlex.quote(second)}"
