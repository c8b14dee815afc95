"""Short questions in other words: what must be linked, what must not, and how the answers decide."""

import random

import pytest

from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.short_texts import only_typos

PLACES = ["harbour", "library", "orchard", "station", "museum", "quarry", "bakery", "chapel", "garage", "stable"]
THINGS = ["umbrella", "passport", "notebook", "bicycle", "lantern", "keyring", "blanket", "camera", "wallet", "trumpet"]
ASKED = [f"{start} {thing} {end} {place}" for start, end, thing, place in [
    ("did somebody leave a", "behind at the", "umbrella", "harbour"),
    ("my neighbour wants her", "repaired near the old", "bicycle", "station"),
    ("which forms replace a lost", "when i visit the", "passport", "museum"),
    ("can children borrow the brass", "kept inside your", "trumpet", "library"),
    ("who polished that enormous", "standing in front of the", "lantern", "chapel"),
    ("please return a green", "forgotten this morning in the", "notebook", "orchard"),
    ("how heavy may one", "be before going down the", "blanket", "quarry"),
    ("someone stole this expensive", "while we stood outside the", "camera", "bakery"),
]]  # fmt: skip
UNLIKE = [
    f"{thing}s and {place}s: what does number {n} say?"
    for n, (thing, place) in enumerate(zip(THINGS, PLACES, strict=True))
]


def typo(text: str) -> str:
    words = text.split()
    longest = max(range(len(words)), key=lambda n: len(words[n]))
    word = words[longest]
    words[longest] = word[:3] + word[4] + word[3] + word[5:]
    return " ".join(words)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(typo, id="a typo"),
        pytest.param(lambda text: text.replace("the", "that", 1), id="another word"),
        pytest.param(lambda text: f"Hello there! {text}?", id="a greeting"),
        pytest.param(
            lambda text: f"Dear team, I was in town on Monday. {text}? I have asked before. Kind regards, Orla Venn",
            id="in a mail",
        ),
        pytest.param(lambda text: text.upper() + " ???", id="capitals"),
        pytest.param(lambda text: " ".join(f"**{word}**" for word in text.split()), id="bold"),
    ],
)
def test_a_question_in_other_words_with_the_same_answer_is_linked(make, change):
    questions = [*ASKED, *map(change, ASKED)]
    examples = [make(n, text, f"answer {n % len(ASKED)}") for n, text in enumerate([*questions, *UNLIKE], 10)]
    assert near_duplicates(examples, 0.8) == [(f"e{n + 10}", f"e{n + 10 + len(ASKED)}") for n in range(len(ASKED))]


def test_with_other_answers_typos_and_quotes_are_linked_and_other_words_are_not(make):
    one = "could you tell me what the capital of chad is"
    pairs = [
        (one, "could you tell me what the capital of cuba is", False),
        ("please turn on the heating in my room", "please turn off the heating in my room", False),
        ("where did the miller take his donkey", "why did the miller take his donkey", False),
        (ASKED[0], typo(ASKED[0]), True),
        (ASKED[1], f"Good morning, {ASKED[1]}? Thank you.", True),
    ]
    for number, (first, second, linked) in enumerate(pairs):
        examples = [make(0, first, f"one {number}"), make(1, second, f"two {number}")]
        assert bool(near_duplicates(examples, 0.8)) == linked, (first, second)


def test_texts_that_differ_by_a_number_are_two_questions(make):
    texts = [f"please send me a copy of invoice {n} from last year" for n in range(120, 150)]
    for answers in (["the same"] * 30, [f"amount {n}" for n in range(30)]):
        assert near_duplicates([make(n, text, answers[n]) for n, text in enumerate(texts)], 0.8) == []
    assert near_duplicates([make(1, texts[0], "a"), make(2, f"hi, {texts[0]}!", "a")], 0.8) == [("e1", "e2")]


def test_two_classes_are_two_questions(make):
    texts = ["will i be charged for topping up", "will i be charged for topping up by transfer"]
    two = [make(n, f"{THINGS[n]}s {text}", f"class {n % 2}") for n, text in enumerate(texts * 3)]
    alike = [make(n, text, f"class {n % 2}") for n, text in enumerate(texts, 10)]
    assert not any({"e10", "e11"} <= set(cluster) for cluster in near_duplicates([*two, *alike], 0.8))


def test_names_and_codes_are_no_questions(make):
    names = ["marianne", "marianna", "mariana", "wilhelmine", "wilhelmina", "ab-1234-xy", "ab-1234-xz"]
    assert near_duplicates([make(n, name, "the same") for n, name in enumerate(names)], 0.8) == []


def test_a_template_of_more_than_a_quarter_of_all_texts_does_not_make_one_unit(make):
    chance = random.Random(3)
    words = ["".join(chance.choices("bdfgklmnprstv", k=2)) + "ing" for _ in range(200)]
    filled = [make(n, f"i would like to report that our {words[n]} is broken again", "broken") for n in range(40)]
    other = [make(100 + n, " ".join(chance.sample(words, 7)), f"answer {n}") for n in range(60)]
    assert max(map(len, near_duplicates([*filled, *other], 0.8)), default=1) < 10


def test_templates_with_other_answers_are_not_linked(make):
    chance = random.Random(4)
    people = ["".join(chance.choice("bdfklmnprst") + chance.choice("aeiou") for _ in range(3)) for _ in range(300)]
    text = "contract between {} and {} about the delivery of {} to the town of {}, payable at once and without discount"
    examples = []
    for n in range(200):
        names = chance.sample(people, 4)
        examples.append(make(n, text.format(*names), f'{{"seller": "{names[0]}", "buyer": "{names[1]}"}}'))
    assert near_duplicates(examples, 0.8) == []


@pytest.mark.parametrize("threshold, linked", [(1.0, False), (0.95, False), (0.8, True), (0.6, True)])
def test_the_setting_moves_the_limit(make, threshold, linked):
    examples = [make(1, ASKED[0], "a"), make(2, ASKED[0].replace("leave", "lose"), "a")]
    assert bool(near_duplicates(examples, threshold)) == linked


def test_scripts_without_spaces(make):
    texts = [
        "我的银行卡为什么还没有寄到我家",
        "您好，我的银行卡为什么还没有寄到我家？谢谢",
        "如何在手机上修改我的密码呢",
        "哪里可以换外币",
    ]
    assert near_duplicates([make(n, text, f"{n // 2}") for n, text in enumerate(texts)], 0.8) == [("e0", "e1")]


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("my account is locked", "my acount is locked", True),
        ("my account is locked", "my accuont is locked", True),
        ("an active account", "an inactive account", False),
        ("turn it on", "turn it of", False),
        ("is it approved", "is it approved now", False),
    ],
)
def test_typos(one, other, same):
    assert only_typos(one, other) == only_typos(other, one) == same
