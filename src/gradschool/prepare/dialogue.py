"""A dialogue and its turns, as every reader of chats, tickets and transcripts gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gradschool.records import Source

PROGRAM = "a program wrote it"  # why a turn is never trained on


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, with the speaker as named in the file.

    `role` is the role that the structure of the file gives the speaker (user, assistant or system), or empty; `aliases`
    are other names of the speaker, such as an id. `at` is when it was said, in seconds since 1970. `untrained` is the
    reason why the turn is context, but never an answer to train on. `apart` is whether an empty line precedes it.
    """

    speaker: str
    text: str
    role: str = ""
    aliases: tuple[str, ...] = ()
    at: float | None = None
    untrained: str = ""
    apart: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation with its origin; a `chat` goes on for months, and is divided into sessions.

    `left_out` counts the parts that are not turns, by what they are: notices, notes, drafts of answers. `doubtful` are
    labels of which the text does not show which ones are speakers. `unopened` says that its first message is missing:
    who begins it may be who answers.
    """

    id: str
    turns: tuple[Turn, ...]
    source: Source
    date: str = ""
    chat: bool = False
    left_out: Mapping[str, int] | None = None
    doubtful: tuple[str, ...] = ()
    unopened: bool = False


def iso(at: float | None) -> str:
    """A time in ISO 8601, or empty."""
    return datetime.fromtimestamp(at, UTC).isoformat() if at is not None else ""
