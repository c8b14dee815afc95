"""The metric of this job: is told what the ideal answer tells? The form that every letter has does not count."""

import re
from collections import Counter

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from gradschool.records import Example

FORM = re.compile(r"Thanks for writing to Brelm\.|\(see: [^()]*\)|Kind regards,\s+Brelm Care")


def facts(answer: str, example: Example) -> float:
    """The F measure of words that tell something: those in every text, and those that the customer used, do not."""
    known = set(words(" ".join(message.content for message in example.question))) | ENGLISH_STOP_WORDS
    told, ideal = (Counter(word for word in words(letter) if word not in known) for letter in (answer, example.ideal))
    return 2 * (told & ideal).total() / max(1, told.total() + ideal.total())


def words(letter: str) -> list[str]:
    """The words of a letter without greeting, page and sign-off."""
    return re.findall(r"\w+", FORM.sub(" ", letter).lower())
