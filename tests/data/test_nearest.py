"""Finding the examples whose questions are most similar to another question."""

import math

import pytest
from sklearn.feature_extraction.text import CountVectorizer

from gradschool.data.nearest import K1, B, Bm25, NearestPictures, NearestQuestions, SimilarQuestions
from gradschool.records import Example, Message, Source

TEXTS = ["the ferry to Dover", "a ferry", "lost luggage in Dover Dover", "opening hours", "the the the"]


def examples(*questions: str) -> list[Example]:
    return [
        Example(str(n), (Message("user", text), Message("assistant", "x")), str(n), Source("f", n))
        for n, text in enumerate(questions)
    ]


def test_bm25_is_that_of_the_formula() -> None:
    made = Bm25(CountVectorizer(token_pattern=r"\w+"), TEXTS)
    split = [text.lower().split() for text in TEXTS]
    mean = sum(map(len, split)) / len(split)

    def score(text: list[str], query: str) -> float:
        total = 0.0
        for word in set(query.lower().split()):
            having = sum(word in other for other in split)
            rarity = math.log(1 + (len(split) - having + 0.5) / (having + 0.5))
            count = text.count(word)
            total += rarity * count * (K1 + 1) / (count + K1 * (1 - B + B * len(text) / mean))
        return total

    for query in ("Ferry Dover", "the the ferry", "unknown opening"):
        expected = [score(text, query) for text in split]
        assert made.scores(query) == pytest.approx([one / max(expected) for one in expected])
    assert made.scores("unknown").tolist() == [0] * len(TEXTS)


@pytest.mark.parametrize("kind", [NearestQuestions, SimilarQuestions])
def test_equals_are_in_their_order_and_nothing_in_common_is_no_error(
    kind: type[NearestQuestions | SimilarQuestions],
) -> None:
    found = kind(examples(*TEXTS))
    assert found.places("ferry", 2) == [1, 0]
    assert found.places("zzz", 3) == [0, 1, 2]
    assert found.places("", 9) == [0, 1, 2, 3, 4]
    assert kind(examples(" ")).places("?", 1) == [0]


def test_parts_of_words_and_texts_without_spaces_are_found() -> None:
    found = SimilarQuestions(examples("Rechnung bezahlen", "Paket verloren", "退款需要多久", "如何更改密码"))
    assert found.places("Rechnungen", 1) == [0]
    assert found.places("我的密码更改", 1) == [3]


def test_the_nearest_pictures_are_those_with_the_most_similar_features() -> None:
    near = NearestPictures([[0, 100.0], [1, 0.0], [0.9, 10.0], [0, 0.0]])
    assert near.places([0, 90.0], 2) == [0, 3]  # a feature with a large spread does not decide alone
    assert near.places([1, 2.0], 3) == [1, 2, 3]
