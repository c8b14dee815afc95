"""Link questions with the same answer that have a sentence in common: the same request in two mails.

Each has a greeting, a story and a signature of its own, so that neither contains the other, and their wording is not
alike.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from gradschool.data.comparable import SENTENCE, comparable
from gradschool.data.normalize import normalized_words
from gradschool.data.short_texts import Corpus, Links

MIN_WORDS, MIN_CHARACTERS = 5, 20  # of a sentence that says what is asked
MAX_HOLDERS = 10  # questions with one sentence; in more of them it is a stock phrase
MAX_SENTENCES = 50  # of a question


def quoting(corpus: Corpus, questions: Sequence[str]) -> Links:
    """Pairs of questions with the same answer and a whole sentence in common that few questions have.

    `questions` are the texts as they were written: signs and lines end a sentence.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        if SENTENCE.search(question):
            sentences = dict.fromkeys(map(comparable, SENTENCE.split(question)[:MAX_SENTENCES]))
            for sentence in sentences:
                if len(sentence) >= MIN_CHARACTERS and len(normalized_words(sentence)) >= MIN_WORDS:
                    holders[sentence].append(place)
    several = (its for its in holders.values() if 1 < len(its) <= MAX_HOLDERS)
    pairs = [pair for its in several for pair in combinations(its, 2)]
    links = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return links[corpus.answers.same(links)]
