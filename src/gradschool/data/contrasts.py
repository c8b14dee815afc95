"""Pairs of keys of which one names the good answer and the other one the bad answer, in any language; and steps."""

import re
from collections.abc import Mapping
from typing import Any

from gradschool.data.assessment_languages import ANSWERS, folded
from gradschool.data.assessment_names import name_of
from gradschool.data.formats import MarkedBad, plain

PAIRS = (  # the better one first
    *(("win", "lose"), ("winner", "loser"), ("winning", "losing"), ("good", "bad"), ("best", "worst")),
    *(("better", "worse"), ("correct", "wrong"), ("correct", "incorrect"), ("right", "wrong"), ("j", "k")),
    *(("helpful", "unhelpful"), ("accepted", "rejected"), ("preferred", "unpreferred"), ("desirable", "undesirable")),
    *(("safe", "unsafe"), ("harmless", "harmful"), ("approved", "rejected"), ("upvoted", "downvoted")),
    *(("revision", "draft"), ("revised", "draft"), ("revision", "init"), ("revised", "initial"), ("final", "draft")),
)
WORDS = frozenset(word for pair in PAIRS for word in pair)
OF_ANSWERS = re.compile(r"(?<=.)(?:的|の)?(?:回答|答案|回复|答复|応答|答え|답변)$")  # in scripts without spaces
MAX_NAME = 60  # characters of the name of a key
STEPS = ("completions", "steps"), ("labels", "step_labels", "ratings")


def contrasted(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[str, str] | None:
    """The keys of the good and of the bad answer; None if a row has no such pair of texts."""
    found: dict[str, str] = {}
    for key in keys.values():
        if (word := _word(key)) and _is_answer(row[key]):
            found.setdefault(word, key)
    return next(((found[good], found[bad]) for good, bad in PAIRS if good in found and bad in found), None)


def _word(key: str) -> str:
    """The word for good or bad in the name of a key, without the words for an answer; empty if it has none."""
    if len(key) > MAX_NAME:
        return ""
    rest = [word for word in OF_ANSWERS.sub("", plain(key)).split("_") if folded(word) not in ANSWERS]
    name = "_".join(rest)
    return next((word for word in (name, name_of(name) if rest else "", name_of(key)) if word in WORDS), "")


def _is_answer(value: Any) -> bool:
    return isinstance(value, str | list | dict) and bool(value) and not (isinstance(value, str) and not value.strip())


def joined_steps(row: Mapping[str, Any], keys: Mapping[str, str]) -> tuple[str, list[str]] | None:
    """The answer that several steps give together, and its keys; None without steps that are labelled one by one.

    Raises MarkedBad if a step is labelled as wrong.
    """
    steps, labels = (next((keys[word] for word in words if word in keys), "") for words in STEPS)
    if not steps or not labels or not isinstance(row[steps], list) or not isinstance(row[labels], list):
        return None
    texts, flags = row[steps], row[labels]
    if len(texts) != len(flags) or not all(isinstance(flag, bool) for flag in flags):
        return None
    if not texts or not all(isinstance(text, str) for text in texts):
        return None
    if not all(flags):
        raise MarkedBad(f"`{labels}` says that {flags.count(False)} of {len(flags)} steps in `{steps}` are wrong")
    return "".join(texts) if any(text[-1:].isspace() for text in texts) else "\n".join(texts), [steps, labels]
