"""Texts of other authors for the style classifier: those of given sources, and the messages that the author answers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gradschool.data.normalize import normalize
from gradschool.data.others import is_writing, message_of
from gradschool.prepare.draft import Draft, Spool
from gradschool.prepare.folder import Lines
from gradschool.prepare.gather import gather
from gradschool.prepare.ingest import Ingest
from gradschool.prepare.limits import Limits
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.people import People
from gradschool.prepare.recognize import recognize
from gradschool.prepare.review import Decisions
from gradschool.records import Note, Work
from gradschool.settings import Data

GIVEN = ""  # the group of a text that no example answers


class OtherTexts:
    """Writes others.jsonl; each text once, and none that the author wrote. About 100 bytes of memory a text."""

    def __init__(self, file: Lines) -> None:
        self._file = file
        self._seen: set[int] = set()
        self.messages = self.given = self.left_out = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many texts there are of each origin, and how many were left out."""
        return {"messages": self.messages, "given": self.given, "left out": self.left_out}

    def add_example(self, draft: Draft) -> None:
        """Note the author's text, and add the message that it answers, if one asks."""
        self._seen.add(hash(normalize(draft.ideal)))
        if draft.asking == "message" and (text := message_of(draft.messages)):
            self.messages += self._add(text, draft.group, str(draft.source))

    def add_given(self, text: str, source: str) -> None:
        """Add a text of the sources given with --others; too short ones and those by the author are left out."""
        added = is_writing(text) and self._add(text, GIVEN, source)
        self.given += added
        self.left_out += not added

    def _add(self, text: str, group: str, source: str) -> bool:
        key = hash(normalize(text))
        if key in self._seen:
            return False
        self._seen.add(key)
        self._file.add({"text": text, "group": group, "source": source})
        return True


def read_others_given(
    options: PrepareOptions, spool: Spool, people: People, limits: Limits, unpack_into: Path
) -> Work[None]:
    """Read the texts of other authors from sources of any kind (`options.others`), as drafts."""
    files = yield from recognize(options.others, unpack_into)
    plain = replace(options, authors=(), agents=(), writer=None, columns=Data(), text_column="", date_column="")
    yield from gather(files, plain, Ingest(spool, Decisions(), people, of_author=False), limits)
    if not len(spool):
        yield Note("The sources given with --others have no text that can be used.", "warning")


def texts_in(draft: Draft) -> Iterator[str]:
    """The texts of a draft of other authors: its answer, and the message that it answers."""
    if not draft.drop:
        yield draft.ideal
        if draft.asking == "message":
            yield message_of(draft.messages)
