"""Find answers that look truncated: a model trained on them learns to stop early."""

import json
import re
from collections.abc import Sequence

from gradschool.data.code import is_code, open_code
from gradschool.data.issues import Issue
from gradschool.records import Example

USUAL = 0.8  # fraction of answers that end one way, from which the others are reported
ENOUGH = 20  # sentences; with fewer there is no usual ending
WORDS = 4  # shorter answers are labels or names, not sentences
ENDS = re.compile(r"""[.!?:…。！？。)\]}>*`"'”’»_~\d]\s*$|[^\w\s,;\-–—/&+=(\[{]\s*$""")
SMILEY = re.compile(r"[:;8=]['\-]?[()\[\]|]")
OPEN_ENDS = {"the", "a", "an", "and", "or", "of", "because", "than", "your", "their", "our", "my", "its", "from"}
PAIRS = (("(", ")", "bracket"), ("[", "]", "bracket"), ("{", "}", "brace"), ("“", "”", "quote"))


class EndingStats:
    """How answers usually end; a missing full stop means nothing if most answers have none."""

    def __init__(self) -> None:
        self.answers = self.json = self.sentences = self.ended = 0

    def add(self, answer: str) -> None:
        """Count an answer."""
        answer = answer.strip()
        self.answers += 1
        self.json += _is_json(answer)
        if len(answer.split()) >= WORDS and not is_code(answer):
            self.sentences += 1
            self.ended += bool(ENDS.search(answer))

    def cut_off(self, answer: str) -> str:
        """Why an answer looks truncated, as the end of a sentence; empty if it does not."""
        answer = answer.strip()
        if self.json >= USUAL * self.answers > 0:
            return _open_json(answer)
        many = self.sentences >= ENOUGH and self.sentences > self.answers / 2
        return _open_end(answer, many and self.ended > USUAL * self.sentences)


def cut_off(examples: Sequence[Example]) -> list[Issue]:
    """Report answers that stop in mid-sentence, or with unclosed code, JSON, bracket, quote or code block.

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


def _is_json(text: str) -> bool:
    try:
        return text[:1] in ("{", "[") and json.loads(text) is not None
    except (ValueError, RecursionError):
        return False


def _open_json(answer: str) -> str:
    return "" if _is_json(answer) or answer[:1] not in ("{", "[") else "is JSON that is not closed, unlike the others"


def _open_end(answer: str, sentences_end: bool) -> str:
    if answer.count("```") % 2:
        return "opens a code block that it does not close"
    if is_code(answer):
        return open_code(answer)
    text = SMILEY.sub("☺", answer)  # not an open bracket
    if len(answer.split()) < WORDS or ENDS.search(text):
        return ""
    for opening, closing, word in PAIRS:
        if text.count(opening) > text.count(closing):
            return f"ends inside a {word} that opens with {opening!r}"
    last = answer.split()[-1]
    if answer[-1] in ",;–—-" or last.casefold() in OPEN_ENDS:
        return f"ends in the middle of a sentence, with {last[-20:]!r}"
    if sentences_end:
        return f"ends with {last[-20:]!r}, but more than {USUAL:.0%} of the others end a sentence"
    return ""
