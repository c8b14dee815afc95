"""The reader of one file's rows: what its columns are for, decided once from the first rows, and used for each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradschool.data.calls import call_of
from gradschool.data.chat_markup import is_transcript
from gradschool.data.choices import choices_of, first_position
from gradschool.data.column_names import SYSTEMS
from gradschool.data.columns import Form, content_keys, detect, is_named_otherwise, name_keys
from gradschool.data.conversation import RowReading, question_of, read_row
from gradschool.data.corrections import BEFORE
from gradschool.data.formats import CONVERSATIONS, NoConversation, keys_by_name, plain, spelled
from gradschool.data.guess import MIN_TEXT_WORDS, NO_TEXT, Guess, guess, translated
from gradschool.data.pictures import Pictures
from gradschool.data.preferences import REJECTED_ANSWER
from gradschool.data.tables import without_nothing
from gradschool.settings import Data

MAX_KEYS, MAX_KEY = 20, 60  # keys of a row that a message names, and characters of each

WHOLE = (
    "text",
    *CONVERSATIONS,
    "transcript",
    "prompt",
    "formatted",
    "formatted_text",
    "content",
    "sample",
)  # in one text
SAMPLE = 200  # rows from which the columns are understood


class UnknownForm(NoConversation):
    """A row whose keys are not known."""

    kind = "unknown form"


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the rows of one file.

    `data` has the columns that the job names or, if they were `guessed`, the guessed ones; `first` is the number of the
    first choice where answers are positions; `names` are keys that only name a text or document; `replies` says that
    the answers under an unknown name are texts, which ratings judge. `pictures` finds the images that rows name.
    """

    data: Data
    first: int = 0
    guessed: Guess | None = None
    names: frozenset[str] = frozenset()
    replies: bool = False
    pictures: Pictures = field(default_factory=Pictures)

    def read(self, row: Mapping[str, Any]) -> tuple[Form, RowReading]:
        """Read a row with its ideal answer; raises NoConversation, and its kind UnknownForm."""
        return self._read(row, answered=True)

    def unjudged(self, row: Mapping[str, Any]) -> tuple[Form, RowReading]:
        """Read a row with its answer even if that is marked as bad; raises NoConversation."""
        return self._read(row, answered=True, judged=False)

    def rejected(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The answers that a row names as worse than its ideal answer."""
        found = detect(row, self.data, names=self.names)
        if found is None:
            return ()
        form, preferred = found
        texts: list[str] = []
        for key in (key for key, use in form.compared if use in (REJECTED_ANSWER, BEFORE)):
            try:
                reading = read_row({**preferred, form.output or form.conversation: row[key]}, form, judged=False)
            except NoConversation:
                continue
            texts += [reading.messages[-1].content, *reading.other_answers]
        return tuple(text for text in dict.fromkeys(texts) if text.strip())

    def question(self, row: Mapping[str, Any]) -> RowReading:
        """Read a row as a question: without its ideal answer, if it has one; raises NoConversation."""
        plain_data = self.data.model_copy(update={"input_column": None, "output_column": None})
        named = spelled(row, self.data.input_column)
        row, images = self.pictures.taken(row, self.data)
        reader = replace(self, data=self.data if named else plain_data, pictures=Pictures(columns=()))
        if not named:
            reader = replace(reader, guessed=None, replies=False)
        try:
            _, reading = reader._read(row, answered=False)
        except UnknownForm:
            free = [key for key in row if isinstance(row[key], str) and plain(key) not in {*NO_TEXT, *CONVERSATIONS}]
            texts = [key for key in free if len(row[key].split()) >= MIN_TEXT_WORDS]
            if len(texts) != 1:
                raise
            reading = read_row(row, Form(texts[0], inputs=(texts[0],)), judged=False)
        messages = self.pictures.put_back(tuple(question_of(reading.messages)), images)
        return RowReading(messages, (), (), reading.notes)

    def _read(self, row: Mapping[str, Any], *, answered: bool, judged: bool = True) -> tuple[Form, RowReading]:
        row, images = self.pictures.taken(row, self.data)
        form, reading = self._read_text(row, answered=answered, judged=judged)
        if images:
            reading = replace(reading, messages=self.pictures.put_back(reading.messages, images))
        return form, reading

    def _read_text(self, row: Mapping[str, Any], *, answered: bool, judged: bool) -> tuple[Form, RowReading]:
        found = detect(row, self.data, answered=answered, names=self.names)
        if found is None:
            keys = keys_by_name(row)
            alone = next((keys[word] for word in WHOLE if word in keys and is_transcript(row[keys[word]])), "")
            if not alone and call_of(row):
                raise NoConversation("holds the answer of a call, but not its question, so that it is no example")
            if not alone:
                raise UnknownForm(f"no known pair of keys among: {_shown(row) or 'none'}")
            system = next((keys[word] for word in SYSTEMS if word in keys and isinstance(row[keys[word]], str)), "")
            found = Form("transcript", conversation=alone, system=system), row
        form, preferred = found
        form = replace(form, reply=True) if self.replies else form
        return form, read_row(preferred, form, self.first, judged=answered and judged)


def _shown(row: Mapping[str, Any]) -> str:
    """The keys of a row; a stranger's may be many and long."""
    names = [str(key)[:MAX_KEY] for key in row]
    return ", ".join(names[:MAX_KEYS]) + (", …" if len(names) > MAX_KEYS else "")


def reader_of(rows: Sequence[Mapping[str, Any]], data: Data) -> RowReader:
    """The reader of a file, from its first rows: guesses columns if no row has known ones."""
    positions: list[tuple[Any, int]] = []
    forms: list[Form] = []
    compared = False
    for row in rows:
        try:
            found = detect(row, data)
        except NoConversation:
            compared = True
            continue
        forms += [found[0]] if found else []
        if found and found[0].choices and found[0].output:
            positions.append((found[1].get(found[0].output), len(choices_of(found[1], found[0].choices, set()))))
    names = name_keys(rows)
    if forms or compared:
        guessed = translated(rows, forms[0], data) if forms else None
        return RowReader(data, first_position(positions), guessed, names, _are_replies(rows, forms[:1]))
    cells = [without_nothing(dict(row))[0] for row in rows]
    if guessed := guess(cells, data):
        data = data.model_copy(update={"input_column": guessed.input, "output_column": guessed.output})
    forms = [Form("", output=guessed.output)] if guessed else []
    return RowReader(data, first_position(positions), guessed, names, _are_replies(cells, forms))


def _are_replies(rows: Sequence[Mapping[str, Any]], forms: Sequence[Form]) -> bool:
    """Whether the answers of a form are texts under a name that does not say what else they are."""
    output = forms[0].output if forms else ""
    if not output or is_named_otherwise(output):
        return False
    return content_keys([row for row in rows if output in row]).get(output, 0) >= MIN_TEXT_WORDS
