"""Answers that look as if their end were missing: a model that learns from them learns to break off."""

import json
import re
from collections.abc import Sequence

from gradschool.data.issues import Issue
from gradschool.records import Example

USUAL = 0.8  # share of answers that end one way, from which the others are remarkable
ENOUGH = 20  # answers below which nothing is usual
WORDS = 4  # an answer with fewer is a label or a name, not a sentence
ENDS = re.compile(r"""[.!?:…。！？。)\]}>*`"'”’»_~\d]\s*$|[^\w\s,;\-–—/&+=(\[{]\s*$""")
SMILEY = re.compile(r"[:;8=]['\-]?[()\[\]|]")
OPEN_ENDS = {"the", "a", "an", "and", "or", "of", "because", "than", "your", "their", "our", "my", "its", "from"}
PAIRS = (("(", ")", "bracket"), ("[", "]", "bracket"), ("{", "}", "brace"), ("“", "”", "quote"))


def cut_off(examples: Sequence[Example]) -> list[Issue]:
    """Report answers whose JSON, bracket, quote or code block is left open, or which stop in the middle of a sentence.

    What is usual is taken from the answers themselves: a missing full stop says nothing where nobody writes one.
    """
    answers = [example.ideal.strip() for example in examples]
    as_json = sum(map(_is_json, answers)) >= USUAL * len(answers) if answers else False
    sentences = [answer for answer in answers if len(answer.split()) >= WORDS]
    ended = sum(bool(ENDS.search(answer)) for answer in sentences)
    sentences_end = len(sentences) >= ENOUGH and len(sentences) > len(answers) / 2 and ended > USUAL * len(sentences)
    issues = []
    for example, answer in zip(examples, answers, strict=True):
        why = _open_json(answer) if as_json else _open_end(answer, sentences_end)
        if why:
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
    text = SMILEY.sub("☺", answer)  # its bracket opens nothing
    if len(answer.split()) < WORDS or ENDS.search(text):
        return ""
    for opening, closing, word in PAIRS:
        if text.count(opening) > text.count(closing):
            return f"ends inside a {word} that opens with {opening!r}"
    last = answer.split()[-1]
    if answer[-1] in ",;–—-" or last.casefold() in OPEN_ENDS:
        return f"ends in the middle of a sentence, with {last[-20:]!r}"
    if sentences_end:
        return f"ends with {last[-20:]!r}, where more than {USUAL:.0%} of the others end a sentence"
    return ""
