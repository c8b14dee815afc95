"""Find answers that look truncated: a model trained on them learns to stop early."""

from collections.abc import Sequence

from gradschool.data.code import is_code, open_code
from gradschool.data.issues import Issue
from gradschool.data.open_words import open_word
from gradschool.data.prose_ends import SENTENCE, broken_off, ending, open_mark
from gradschool.data.structured import (
    FENCED,
    is_json,
    is_keyed,
    is_markup,
    open_fence,
    open_json,
    open_list,
    open_markup,
    open_row,
    separator,
    without_fenced,
)
from gradschool.records import Example

USUAL = 0.95  # fraction of answers that end a sentence, from which the others are reported
OFTEN = 0.9  # fraction from which those are reported that end all their sentences but the last
MANY_COLONS = 0.05  # fraction of answers that end with a colon, from which a colon says nothing
TAIL = 4_000  # characters of prose that show how it ends
ENOUGH = 20  # sentences; with fewer there is no usual ending


class EndingStats:
    """How answers usually end; a missing full stop means nothing if many answers have none."""

    def __init__(self) -> None:
        self.answers = self.sentences = self.ended = self.colons = 0

    def add(self, answer: str) -> None:
        """Count an answer."""
        self.answers += 1
        if (text := _prose(answer.strip())) and (end := ending(text)) in ("ended", "open", "last open", "colon"):
            self.sentences += 1
            self.ended += end == "ended"
            self.colons += end == "colon"

    def cut_off(self, answer: str) -> str:
        """Why an answer looks truncated, as the end of a sentence; empty if it does not."""
        answer = answer.strip()
        if SENTENCE.fullmatch(answer):
            return ""
        if why := _open_structure(answer):
            return why
        text = _prose(answer)
        return self._open_prose(text) if text else ""

    def _open_prose(self, text: str) -> str:
        if why := open_list(text.split("\n")) or open_mark(text) or broken_off(text):
            return why
        if word := open_word(text):
            return f"ends in the middle of a sentence, with {word[-20:]!r}"
        end = ending(text)
        if end == "colon" and self.sentences >= ENOUGH and self.colons <= MANY_COLONS * self.sentences:
            return f"ends with a colon, in {text.split()[-1][-20:]!r}, and nothing follows"
        usual = {"open": USUAL, "last open": OFTEN}.get(end, 1.0)
        if self.sentences >= ENOUGH and self.sentences > self.answers / 2 and self.ended > usual * self.sentences:
            return f"ends with {text.split()[-1][-20:]!r}, but more than {usual:.0%} of the others end a sentence"
        return ""


def cut_off(examples: Sequence[Example]) -> list[Issue]:
    """Report answers that stop in mid-sentence, or in open code, JSON, markup, lists, brackets, quotes or code blocks.

    The usual ending is taken from the answers themselves.
    """
    usual = EndingStats()
    for example in examples:
        usual.add(example.ideal)
    issues = []
    for example in examples:
        if why := usual.cut_off(example.ideal):
            issues.append(Issue("looks cut off", example.source, "kept", f"the answer {why}", example.id))
    return issues


def _open_structure(answer: str) -> str:
    """Why the code, the JSON, the markup or the table of an answer is not complete."""
    if why := open_fence(answer) or open_json(answer):
        return why
    text = without_fenced(answer)
    if is_markup(text):
        return open_markup(text)
    for part in dict.fromkeys((text, _last_block(text))):
        lines = part.split("\n")
        if mark := separator(lines):
            return open_row(lines, mark)
        if not is_keyed(lines) and is_code(part) and (part is text or len(lines) > 1):
            return open_code(part)
    return ""


def _prose(answer: str) -> str:
    """The end of an answer that ends in prose; empty if its end is code, a table, or something else."""
    text = without_fenced(answer)
    if not text or text.endswith(FENCED) or is_json(text) or is_markup(text):
        return ""
    block = _last_block(text)
    lines = block.split("\n")
    if separator(lines) or (is_code(text) and not is_keyed(text.split("\n"))):
        return ""
    return "" if len(lines) > 1 and is_code(block) and not is_keyed(lines) else text[-TAIL:]


def _last_block(text: str) -> str:
    return text[text.rfind("\n\n") + 1 :].strip("\n")
