"""The languages of examples: which ones there are, and how many examples are in each."""

from collections import Counter
from collections.abc import Sequence

from gradschool.data.language import language_of
from gradschool.data.language_names import NAMES
from gradschool.records import Example

SAMPLE = 300  # examples whose language is detected
MIN_LANGUAGE = 0.1  # fraction of the examples from which a language is reported


def name_of(language: str) -> str:
    """The English name of a language with its code."""
    return f"{NAMES[language]} ({language})" if language in NAMES else repr(language)


def hardly_spoken(fraction: float, language: str, base: str, evidence: str) -> str:
    """That a base hardly speaks the language of a fraction of the examples, and what shows it."""
    part = f"{fraction:.0%} of the examples are in {name_of(language)}"
    return f"{part}, which the base {base} hardly speaks: {evidence}; expect low scores there"


def language_of_pair(question: str, ideal: str) -> str:
    """The language of an ideal answer, or of its question if the answer is short, JSON or unclear; may be empty."""
    answer = "" if ideal.lstrip()[:1] in "{[<" else language_of(ideal)
    return answer or language_of(question)


def languages(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """An even sample of examples by their language, the most frequent first; unclear ones are left out."""
    sample = examples[:: max(1, -(-len(examples) // SAMPLE))]
    found = [(language_of_pair(example.last_user, example.ideal), example) for example in sample]
    order = Counter(language for language, _ in found if language)
    return {language: [one for other, one in found if other == language] for language, _ in order.most_common()}
