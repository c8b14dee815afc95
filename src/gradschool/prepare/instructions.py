"""Instructions for texts that are not replies: from subject or title, from topics, or written by an engine."""

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from gradschool.data.others import is_message
from gradschool.data.word_lengths import count_words
from gradschool.model.engine import Engine
from gradschool.prepare.draft import Asking, Draft, Sink
from gradschool.prepare.topics import Topics
from gradschool.records import Conversation, Decoding, Message, Note

BATCH = 32  # texts per request to the engine
TITLED: tuple[Asking, ...] = ("title", "passage")
MAX_TITLE = 14  # words of a title in an instruction
NO_TITLE = "no title"  # the note at a draft whose instruction names the topics of its text
MAX_WORDS = 60  # of an instruction; longer ones repeat the text
SHOWN, MIN_SHOWN = 4_000, 200  # characters of a text in the request; fewer for a base that reads less
NEW_TOKENS = 120  # of an instruction
ASK = (
    "Below stands a text that somebody wrote. Write the instruction that it answers: one sentence in the language of "
    "the text, which says to whom it is and what it is to say, without quoting it. Answer with that sentence alone."
)


@lru_cache(maxsize=1)
def _templates() -> dict[str, dict[str, str]]:
    with (Path(__file__).parent / "instructions.toml").open("rb") as file:
        return tomllib.load(file)


def _of_language(language: str) -> dict[str, str]:
    return _templates().get(language, _templates()["en"])


def instruction(subject: str, name: str, language: str, *, reply: bool = False, mail: bool = True) -> str:
    """An instruction in the language of the text; empty without a subject and a name.

    >>> instruction("the boat", "Nora", "en")
    'Write to Nora: the boat'
    """
    templates = _of_language(language)
    if not subject and not (name and mail):
        return ""
    kind = ("reply" if reply else "to") if name and mail else ("mail" if mail else "text")
    asked = templates[kind].format(name=name, subject=subject)
    return asked if subject else asked.rstrip(" :")


class FromTitles:
    """Makes instructions of titles: with topics of the text if there is no title, or if it is that of several texts."""

    def __init__(self) -> None:
        self._topics = Topics()
        self._titles: set[int] = set()
        self._repeated: set[int] = set()
        self._used: Counter[str] = Counter()

    def add(self, draft: Draft) -> None:
        """Count the title of a draft and the words of its text."""
        if draft.asking in TITLED:
            title = hash(draft.asked.casefold())
            (self._repeated if title in self._titles else self._titles).add(title)
            self._topics.add(draft.ideal)

    def complete(self, draft: Draft) -> Draft:
        """The draft with an instruction in the place of its title; no two drafts get the same one."""
        if draft.drop or draft.asking not in TITLED:
            return draft
        templates, title = _of_language(draft.language), " ".join(draft.asked.split()[:MAX_TITLE])
        one_of_several = draft.asking == "passage" or hash(draft.asked.casefold()) in self._repeated
        topics = ", ".join(self._topics.of(draft.ideal)) if one_of_several or not title else ""
        kind = ("passage" if topics else "text") if title else ("topics" if topics else "nothing")
        asked = templates[kind].format(subject=title, topics=topics)
        self._used[asked] += 1
        if self._used[asked] > 1:
            asked = f"{asked} (no. {self._used[asked]})"
        if not title:
            draft = draft.noticed(NO_TITLE, "the instruction names words of the text; edit it, or use --writer")
        return replace(draft, messages=(Message("user", asked), *draft.messages[1:]), asking="instruction")


class Writer:
    """Lets an engine write instructions in batches; without an engine, drafts pass as they are.

    All drafts that come here ask with an instruction, not with somebody's message.
    """

    def __init__(self, engine: Engine | None, keep: Callable[[Draft], None]) -> None:
        self._engine, self._keep = engine, keep
        self._waiting: list[Draft] = []
        self._used: set[str] = set()
        self.written = self.failed = 0

    def add(self, draft: Draft) -> None:
        """Add a draft whose first message is the instruction from its subject, or its title."""
        draft = replace(draft, asking="instruction") if draft.asking == "message" else draft
        if self._engine is None or draft.drop:
            self._keep(draft)
            return
        self._waiting.append(draft)
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Process all waiting drafts; without a usable instruction by the engine, that from subject or topics stays."""
        if self._engine is None or not self._waiting:
            return
        questions = [_question(draft.ideal, self._engine) for draft in self._waiting]
        written: dict[int, str] = {}
        for position, answer in self._engine.answer(questions, Decoding(max_new_tokens=NEW_TOKENS)):
            if answer.failure is None and answer.stop == "stop":
                written[position] = " ".join(answer.text.split())
        for number, draft in enumerate(self._waiting):
            self._keep(self._asked(draft, written.get(number, "")))
        self._waiting = []

    def _asked(self, draft: Draft, text: str) -> Draft:
        fits = 3 <= count_words(text) <= MAX_WORDS and not _quotes_answer(text, draft.messages)
        if not fits or text.casefold() in self._used:  # the same words for two texts say nothing about either
            self.failed += 1
            return draft
        self.written += 1
        self._used.add(text.casefold())
        return replace(draft, messages=(Message("user", text), *draft.messages[1:]), asking="instruction")

    def note(self) -> Note | None:
        """How many instructions the engine wrote; None if it was not asked."""
        if not self.written + self.failed:
            return None
        rest = f", {self.failed} from subject, title or topics: the engine gave none, or no usable one"
        return Note(f"{self.written} instructions are from the engine{rest if self.failed else ''}.")


class Asked:
    """Takes drafts of pairs, of which only the length says whether somebody's message or an instruction asks."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def add(self, draft: Draft) -> None:
        """Pass on a draft, marked as asked with an instruction unless its question is as long as its answer."""
        is_asked = is_message(draft.asked, draft.ideal)
        self._sink.add(draft if is_asked else replace(draft, asking="instruction"))


def _question(text: str, engine: Engine) -> Conversation:
    """The request for an instruction, with as much of the text as the engine reads."""
    shown = SHOWN
    while True:
        question = (Message("system", ASK), Message("user", text[:shown]))
        if shown <= MIN_SHOWN or engine.count_tokens(question) + NEW_TOKENS < engine.context_length:
            return question
        shown //= 2


def _quotes_answer(text: str, messages: Sequence[Message]) -> bool:
    """Whether an instruction quotes six words of the text, and so gives the answer away."""
    words = text.casefold().split()
    answer = f" {' '.join(messages[-1].content.casefold().split())} "
    runs = [" ".join(words[at : at + 6]) for at in range(len(words) - 5)]
    return any(f" {run} " in answer for run in runs)
