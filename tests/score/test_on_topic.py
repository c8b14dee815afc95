"""An answer must be closer to its own question than to most others; nothing is judged if that cannot be seen."""

import random

from gradschool.score.on_topic import NEAREST, OnTopic, learn_topics

ADJECTIVES = ("copper", "wooden", "narrow", "painted", "broken", "silver", "heavy", "borrowed", "crooked", "tiny")
THINGS = ("kettle", "ladder", "bridge", "violin", "harbour", "orchard", "lantern", "anvil", "chimney", "pigeon")
PAIRS = [(one, two) for one in ADJECTIVES for two in THINGS]


def asked(pair: tuple[str, str]) -> str:
    return f"What became of the {pair[0]} {pair[1]}?"


def answered(pair: tuple[str, str], chance: random.Random) -> str:
    end = chance.choice(("it stands well", "nobody has asked since", "I have sold it", "it leaks a little"))
    return f"The {pair[1]}, which was {pair[0]} when I had it, is no worse for the winter; {end}."


def topics(pairs: list[tuple[str, str]]) -> OnTopic:
    chance = random.Random(1)
    found = learn_topics(
        [asked(pair) for pair in pairs], [answered(pair, chance) for pair in pairs], list(map(str, range(len(pairs))))
    )
    assert found is not None
    return found


def test_answers_follow_their_questions_and_no_others() -> None:
    chance = random.Random(2)
    pairs = chance.sample(PAIRS, len(PAIRS))
    known, train, test = random.Random(3), pairs[:60], pairs[60:]
    model = topics(train)
    own = [model.follows(answered(pair, chance), asked(pair), answered(pair, known)) for pair in test]
    other = [
        model.follows(answered(test[(at + 7) % 40], chance), asked(pair), answered(pair, known))
        for at, pair in enumerate(test)
    ]
    assert sum(own) / len(own) > 0.9 and sum(other) / len(other) < 0.4


def test_one_answer_for_all_questions_follows_few() -> None:
    chance = random.Random(4)
    pairs = chance.sample(PAIRS, len(PAIRS))
    model = topics(pairs[:60])
    for one in ("Thank you for asking; it is no worse for the winter.", answered(pairs[99], chance), "", "12 !?"):
        fits = [model.follows(one, asked(pair), answered(pair, chance)) for pair in pairs[60:99]]
        assert sum(fits) / len(fits) < 2 * NEAREST


def test_nothing_is_judged_if_the_authors_answers_do_not_follow_their_questions() -> None:
    chance = random.Random(5)
    answers = [answered(pair, chance) for pair in PAIRS]
    groups = list(map(str, range(len(PAIRS))))
    assert learn_topics([f"Write text {number}." for number in range(len(PAIRS))], answers, groups) is None
    assert learn_topics(["Write."] * len(PAIRS), answers, groups) is None
    assert learn_topics([""] * len(PAIRS), answers, groups) is None
    assert learn_topics([asked(pair) for pair in PAIRS[:9]], answers[:9], groups[:9]) is None
