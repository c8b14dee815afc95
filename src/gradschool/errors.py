"""Every error that a user can see: what happened, why, and what to do.

    GradschoolError
    ├── UsageError       2   a wrong command, setting or job.toml
    ├── DataError        4   examples, documents or guidelines that cannot be used
    ├── ModelError       5   a base model or adapter that cannot be loaded, or an unusable chat template
    ├── RemoteError      6   a server that does not answer, or whose answers are invalid
    ├── ResourceError    7   disk or memory ran out
    ├── DamagedError     8   a run or specialist folder whose files do not match their hashes
    └── TrustError       9   a host or code that the user has not allowed yet

The numbers are exit codes. The others are: 0, success (a climb passed); 1, a bug in gradschool; 3, no rung of a climb
was proven to pass; 130, Ctrl-C.
"""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

EXIT_PASSED = 0
EXIT_BUG = 1
EXIT_NOT_PASSED = 3
EXIT_INTERRUPTED = 130
MAX_SHOWN = 300  # characters of what a library says
MAX_CHOICES = 100  # that an error lists; a server may name any number of models


class GradschoolError(Exception):
    """An error that a user can fix; shown without a traceback.

    `what` names the wrong value, `why` the reason, `fix` what to try next. `issues` are those that were found in the
    examples before the error.
    """

    exit_code = EXIT_BUG

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        self.issues: tuple[Any, ...] = ()  # of data/issues.py, which is a higher layer
        super().__init__(what, why, fix)

    @property
    def parts(self) -> dict[str, str]:
        """What, why and fix by their names, for JSON."""
        return {"what": self.what, "why": self.why, "fix": self.fix}

    def __str__(self) -> str:
        return "\n".join(line for line in (self.what, self.why, self.fix and f"What to do: {self.fix}") if line)


class UsageError(GradschoolError):
    """A command, setting or job file is wrong."""

    exit_code = 2


class DataError(GradschoolError):
    """Examples, documents or guidelines cannot be used."""

    exit_code = 4


class ModelError(GradschoolError):
    """A base model, tokenizer, chat template or adapter cannot be used."""

    exit_code = 5


class RemoteError(GradschoolError):
    """A model server cannot be reached, or its answers are invalid."""

    exit_code = 6


class ResourceError(GradschoolError):
    """Disk or memory ran out."""

    exit_code = 7


class DamagedError(GradschoolError):
    """A run or specialist folder was changed after it was written."""

    exit_code = 8


class TrustError(GradschoolError):
    """A host that was not named by the user, or code of others that the user has not allowed to run."""

    exit_code = 9


def nearest(word: str, choices: Iterable[str]) -> str:
    """The end of an error message: the most similar choice, or all choices if none is similar.

    >>> nearest("rougel", ["rouge_l", "chrf"])
    "did you mean 'rouge_l'?"
    >>> nearest("zzz", ["rouge_l", "chrf"])
    "choose one of 'chrf', 'rouge_l'"
    """
    known = sorted(choices)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(known) - MAX_CHOICES} more" if len(known) > MAX_CHOICES else ""
    return "choose one of " + ", ".join(map(repr, known[:MAX_CHOICES])) + more


def first_line(error: BaseException, max_characters: int = MAX_SHOWN) -> str:
    """The first line of a library's error, or its type if it has no text."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:max_characters]


def reason_of(error: BaseException) -> str:
    """Why something that was read is not what was expected, in a sentence, whatever library found that."""
    if isinstance(error, ValidationError):
        first, *others = error.errors(include_url=False, include_context=False, include_input=False)
        place = ".".join(map(str, first["loc"]))
        said = (f"{place}: " if place else "") + first["msg"].removeprefix("Value error, ")
        more = f" There are {len(others)} more." if others else ""
    elif isinstance(error, KeyError):
        said, more = f"It has no {error}", ""
    elif isinstance(error, OSError) and error.strerror:
        named = f" of {error.filename}" if error.filename else ""
        said, more = f"The system says{named}: {error.strerror}", ""
    else:
        said, more = first_line(error), ""
    return f"{said[:MAX_SHOWN].rstrip('.')}.{more}"
