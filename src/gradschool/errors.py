"""Every error that a person may see: what happened, why, and what to do about it.

    GradschoolError
    ├── UsageError       2   a wrong command, setting or job.toml
    ├── DataError        4   examples, documents or guidelines that cannot be used
    ├── ModelError       5   a base model or adapter that cannot be loaded, or whose chat template is unfit
    ├── RemoteError      6   a server that does not answer, or answers nonsense
    ├── ResourceError    7   disk or memory ran out
    └── DamagedError     8   a run or specialist folder whose files do not match their hashes

Beside these: 0 is a climb that passed (or a command that did its work), 1 is a bug of ours, 3 is a climb in which
no rung was proven to pass, 130 is Ctrl-C.
"""

import difflib
from collections.abc import Iterable

EXIT_PASSED = 0
EXIT_BUG = 1
EXIT_NOT_PASSED = 3
EXIT_INTERRUPTED = 130


class GradschoolError(Exception):
    """A mistake or a misfortune that a person can do something about; shown without a traceback.

    `what` names the value that is wrong, `why` the reason, `fix` the next thing to try.
    """

    exit_code = EXIT_BUG

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        super().__init__(what, why, fix)

    def __str__(self) -> str:
        return "\n".join(line for line in (self.what, self.why, self.fix and f"What to do: {self.fix}") if line)


class UsageError(GradschoolError):
    """The command or the job file asks for something that does not exist."""

    exit_code = 2


class DataError(GradschoolError):
    """Examples, documents or guidelines cannot be used as they are."""

    exit_code = 4


class ModelError(GradschoolError):
    """A base model, tokenizer, chat template or adapter cannot be used."""

    exit_code = 5


class RemoteError(GradschoolError):
    """A model server cannot be reached, or its answers make no sense."""

    exit_code = 6


class ResourceError(GradschoolError):
    """The machine ran out of disk or memory."""

    exit_code = 7


class DamagedError(GradschoolError):
    """A folder of ours was changed after it was written."""

    exit_code = 8


def nearest(word: str, choices: Iterable[str]) -> str:
    """Name the choice that `word` was probably meant to be, or list them all: the tail of an error message.

    >>> nearest("rougel", ["rouge_l", "chrf"])
    "did you mean 'rouge_l'?"
    >>> nearest("zzz", ["rouge_l", "chrf"])
    "choose one of 'chrf', 'rouge_l'"
    """
    known = sorted(choices)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return "choose one of " + ", ".join(map(repr, known))
