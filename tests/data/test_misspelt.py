"""Very short questions with several typos: linked with the same answer, and not if another word is meant."""

import random
import string

import pytest

from gradschool.data.misspelt import edits, is_typo, misspelt, same_but_for_typos
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.short_texts import Corpus, Limits

LIMITS = Limits.of(0.8)
WHO = ["my uncle", "the baker", "our pilot", "a nurse", "her tenant", "the mayor", "his cousin", "one guest"]
WHAT = ["repair the boiler", "sell old stamps", "borrow a ladder", "paint this fence", "water the ferns"]
ASKED = [f"when may {who} {what}" for who in WHO for what in WHAT]


def wrong(text: str, chance: random.Random) -> str:
    """The text with one typo inside a word: neighbours exchanged, or a letter too many, missing or wrong."""
    words = text.split(" ")
    at = chance.choice([place for place, word in enumerate(words) if len(word) >= 4])
    word, place = words[at], chance.randrange(1, len(words[at]) - 1)
    letter = chance.choice(string.ascii_lowercase)
    words[at] = chance.choice(
        [
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            word[:place] + letter + word[place:],
            word[:place] + word[place + 1 :],
            word[:place] + letter + word[place + 1 :],
        ]
    )
    return " ".join(words)


@pytest.mark.parametrize("typos", [1, 2])
def test_questions_with_typos_and_the_same_answer_are_linked(make, typos):
    chance = random.Random(5)
    planted = [wrong(text, chance) if typos == 1 else wrong(wrong(text, chance), chance) for text in ASKED]
    examples = [make(n, text, f"answer {n % len(ASKED)}") for n, text in enumerate([*ASKED, *planted], 100)]
    found = list(map(set, near_duplicates(examples, 0.8)))
    linked = [any({f"e{n + 100}", f"e{n + 100 + len(ASKED)}"} <= one for one in found) for n in range(len(ASKED))]
    assert sum(linked) >= 0.85 * len(ASKED)
    assert max(map(len, found)) <= 3


def test_misplaced_spaces_are_typos():
    assert same_but_for_typos("when may my uncle repair it", "whenm ay my uncle rep air it")
    assert same_but_for_typos("can i top up today", "cani top up today")


def test_a_higher_threshold_allows_fewer_typos():
    one, other = "when may the baker repair our boiler", "when may the bkaer reapir our bioler"
    assert same_but_for_typos(one, other)
    assert not same_but_for_typos(one, other, per_typo=Limits.of(0.9).per_typo)


def test_one_other_word_is_no_typo():
    for one, other in [
        ("is a cat a mammal", "is a bat a mammal"),
        ("is a cow in the barn", "is a cod in the barn"),
        ("may i leave the room now", "may i enter the room now"),
        ("where is my card", "where is my card now please"),
        ("how do i close it", "how do i close"),
    ]:
        assert not same_but_for_typos(one, other), (one, other)


def test_a_word_that_occurs_nowhere_else_is_a_misspelling_of_a_known_one():
    one, other = "does a cow give milk", "does a cwo give mlik"
    assert same_but_for_typos("does a cow give milk", "does a cqw give milk", frozenset({"cqw"}))
    assert not same_but_for_typos("does a cow give milk", "does a cqw give milk")
    assert not same_but_for_typos("does a cow give milk", "does a cqw give milk", frozenset({"cow", "cqw"}))
    assert same_but_for_typos(one, other, frozenset({"cwo", "mlik"}))


def test_texts_of_two_classes_and_other_numbers_are_not_linked():
    asked = ["please open the front gate", "please opne the frnot gate"] * 2
    texts = [*asked[:2], "call me at 5 o clock sharp", "call me at 6 o clokc shrap"]
    classes = Corpus([*texts, "one more thing", "and another thing"], ["a", "b", "c", "c", "a", "b"])
    assert not misspelt(classes, LIMITS).size
    assert misspelt(Corpus(texts, ["a", "a", "c", "c"]), LIMITS).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("one", "other", "number"),
    [("abc", "abc", 0), ("abc", "acb", 1), ("abcd", "acbe", 2), ("", "ab", 2), ("ca", "abc", 3)],
)
def test_edits_are_the_optimal_string_alignment_distance(one, other, number):
    assert edits(one, other) == edits(other, one) == number


def test_short_words_that_differ_in_a_letter_are_two_words():
    assert not is_typo("on", "in")
    assert not is_typo("boat", "goat")
    assert is_typo("recieve", "receive")
    assert is_typo("adress", "address")


def test_texts_without_questions_have_no_links():
    assert misspelt(Corpus([], []), LIMITS).shape == (0, 2)
    assert misspelt(Corpus(["", "one word"], ["x", "x"]), LIMITS).shape == (0, 2)
