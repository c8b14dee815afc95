"""Instructions for texts that are not replies: from subject or title, or written by an engine."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from gradschool.model.engine import Engine
from gradschool.prepare.draft import Draft
from gradschool.records import Decoding, Message

BATCH = 32  # texts per request to the engine
MAX_WORDS = 60  # of an instruction; longer ones repeat the text
SHOWN = 4_000  # characters of a text in the request
ASK = (
    "Below stands a text that somebody wrote. Write the instruction that it answers: one sentence in the language of "
    "the text, which says to whom it is and what it is to say, without quoting it. Answer with that sentence alone."
)


@lru_cache(maxsize=1)
def _templates() -> dict[str, dict[str, str]]:
    with (Path(__file__).parent / "instructions.toml").open("rb") as file:
        return tomllib.load(file)


def instruction(subject: str, name: str, language: str, *, reply: bool = False, mail: bool = True) -> str:
    """An instruction in the language of the text; empty without a subject and a name.

    >>> instruction("the boat", "Nora", "en")
    'Write to Nora: the boat'
    """
    templates = _templates().get(language, _templates()["en"])
    if not subject and not (name and mail):
        return ""
    kind = ("reply" if reply else "to") if name and mail else ("mail" if mail else "text")
    asked = templates[kind].format(name=name, subject=subject)
    return asked if subject else asked.rstrip(" :")


class Writer:
    """Lets an engine write instructions in batches; without an engine, drafts pass unchanged."""

    def __init__(self, engine: Engine | None, keep: Callable[[Draft], None]) -> None:
        self._engine, self._keep = engine, keep
        self._waiting: list[Draft] = []
        self.written = self.failed = 0

    def add(self, draft: Draft) -> None:
        """Add a draft whose first message is the instruction from its subject."""
        if self._engine is None or draft.drop:
            self._keep(draft)
            return
        self._waiting.append(draft)
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Process all waiting drafts; if the engine gives no usable instruction, the one from the subject stays."""
        if self._engine is None or not self._waiting:
            return
        questions = [(Message("system", ASK), Message("user", draft.ideal[:SHOWN])) for draft in self._waiting]
        written: dict[int, str] = {}
        for position, answer in self._engine.answer(questions, Decoding(max_new_tokens=120)):
            if answer.failure is None and answer.stop == "stop":
                written[position] = " ".join(answer.text.split())
        for number, draft in enumerate(self._waiting):
            self._keep(self._asked(draft, written.get(number, "")))
        self._waiting = []

    def _asked(self, draft: Draft, text: str) -> Draft:
        if not 3 <= len(text.split()) <= MAX_WORDS or _quotes_answer(text, draft.messages):
            self.failed += 1
            return draft
        self.written += 1
        return replace(draft, messages=(Message("user", text), *draft.messages[1:]))


def _quotes_answer(text: str, messages: Sequence[Message]) -> bool:
    """Whether an instruction quotes six words of the text, and so gives the answer away."""
    words = text.casefold().split()
    answer = f" {' '.join(messages[-1].content.casefold().split())} "
    runs = [" ".join(words[at : at + 6]) for at in range(len(words) - 5)]
    return any(f" {run} " in answer for run in runs)
