"""The metric of this job: word overlap with the ideal answer, without the form that all letters share."""

import re
from collections import Counter

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from gradschool.records import Example

FORM = re.compile(r"Thanks for writing to Brelm\.|\(see: [^()]*\)|Kind regards,\s+Brelm Care")


def facts(answer: str, example: Example) -> float:
    """F1 over words, ignoring stop words and the words of the customer."""
    known = set(words(" ".join(message.content for message in example.question))) | ENGLISH_STOP_WORDS
    given, ideal = (Counter(word for word in words(letter) if word not in known) for letter in (answer, example.ideal))
    return 2 * (given & ideal).total() / max(1, given.total() + ideal.total())


def words(letter: str) -> list[str]:
    """The words of a letter without greeting, page reference and sign-off."""
    return re.findall(r"\w+", FORM.sub(" ", letter).lower())
