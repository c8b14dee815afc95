"""Near-duplicates: what must be found, what must not, and agreement with comparing all pairs."""

import itertools
import random

import pytest

from gradschool.data.near_duplicates import near_duplicates, near_texts
from gradschool.data.normalize import normalize, words

TEXT = "please tell me how long it will take until the parcel that i ordered on monday arrives at my new address"


@pytest.mark.parametrize(
    "text, folded",
    [
        ("Where's  my card?!", "where s my card"),
        ("ﬁne — Café", "fine café"),
        ("1.5", "1 5"),
        ("5 - 3", "5 3"),
        ("x = -3 * 2", "x = -3 * 2"),
        ("2**3 or a*b", "2**3 or a*b"),
        ("**Note:** the *old* card", "note the old card"),
        ("**Äpfel** und ***5*** Birnen", "äpfel und 5 birnen"),
        ("?!", "?!"),
        ("a\u200bb", "ab"),
        ("ກ\u200bຂ", "ກ ຂ"),
    ],
)
def test_folding(text, folded):
    assert normalize(text) == folded


def test_scripts_without_spaces_have_words():
    assert words("我喜欢猫 yes") == ["我", "喜", "欢", "猫", "yes"]


def test_near_means_near(make):
    examples = [
        make(1, TEXT, "a"),
        make(2, TEXT.upper() + " please!", "b"),
        make(3, " ".join(reversed(TEXT.split())), "c"),
        make(4, "hello", "d"),
        make(5, "Hello!", "e"),
        make(6, "help", "f"),
    ]
    assert near_duplicates(examples, 0.8) == [("e1", "e2"), ("e4", "e5")]
    assert near_duplicates(examples, 1.0) == [("e4", "e5")]
    assert near_duplicates([], 0.8) == []


def test_a_near_duplicate_of_a_member_belongs_to_the_cluster(make):
    chain = [TEXT, TEXT + " now", TEXT + " now or never", TEXT + " now or never again"]
    assert near_duplicates([make(n, text, "a") for n, text in enumerate(chain)], 0.88) == [("e0", "e1", "e2", "e3")]


def test_an_instruction_in_each_question_does_not_make_near_duplicates(make):
    topics = [
        "apple",
        "bread",
        "cloud",
        "drum",
        "eagle",
        "flame",
        "grape",
        "house",
        "island",
        "jacket",
        "kettle",
        "lamp",
    ]
    examples = [
        make(n, f"{TEXT}: {topic} and the {other}", "a")
        for n, (topic, other) in enumerate(itertools.permutations(topics, 2))
    ]
    assert near_duplicates(examples, 0.8) == []
    system = [make(n, word, "a", system=TEXT) for n, word in enumerate(topics)]
    assert near_duplicates(system, 0.8) == []


def test_agrees_with_comparing_all_pairs_in_any_order(make):
    chance = random.Random(5)
    base = [" ".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=40)) for _ in range(60)]
    texts = list(base)
    for text in base:
        changed = text.split()
        for place in chance.sample(range(40), chance.randint(0, 2)):
            changed[place] = "changed"
        texts.append(" ".join(changed))
    grams = [{tuple(t.split()[i : i + 5]) for i in range(36)} for t in texts]
    pairs = {
        (i, j)
        for i, j in itertools.combinations(range(len(texts)), 2)
        if len(grams[i] & grams[j]) / len(grams[i] | grams[j]) >= 0.6
    }
    together = {
        pair
        for cluster in near_texts(lambda: texts, texts.__getitem__, 0.6)
        for pair in itertools.permutations(cluster, 2)
    }
    assert pairs <= together and len(pairs) > 20
    assert len(together) == 2 * len(pairs)  # here no chains: nothing else may be joined
    examples = [make(n, text, "a") for n, text in enumerate(texts)]
    clusters = near_duplicates(examples, 0.6)
    chance.shuffle(examples)
    assert near_duplicates(examples, 0.6) == clusters
