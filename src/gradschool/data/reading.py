"""What was read from files of examples."""

from dataclasses import dataclass

from gradschool.data.issues import Issue
from gradschool.records import Example


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of the files of examples.

    `form` is the detected form ("prompt/completion in JSON lines"), `columns` the use of each column or key, `issues`
    the lines that could not be read or had to be repaired.
    """

    examples: list[Example]
    form: str
    columns: dict[str, str]
    issues: list[Issue]
