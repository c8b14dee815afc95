"""The metric style: who is recognized as the author, what is distinguished; copies and echoes do not count."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean

import pytest

import style_fit
from gradschool.errors import DataError
from gradschool.records import Answer, Example, Message, Source
from gradschool.score.judge import judge, score
from gradschool.score.metric import Unscorable
from gradschool.score.metrics import find_metrics
from gradschool.score.style import Style, repeats
from gradschool.settings import Goal

THINGS = ("gate", "hive", "bridge", "clock", "kettle", "ladder", "barometer", "tin", "hedge", "boiler")
DAYS = ("Monday", "Tuesday", "Thursday", "Friday", "Sunday")
VERBS = ("mended", "measured", "oiled", "moved", "painted", "weighed", "lifted", "drawn")


def formal(chance: random.Random) -> str:
    """A letter by somebody who likes semicolons and dislikes haste."""
    one, two = chance.sample(THINGS, 2)
    verb, other = chance.sample(VERBS, 2)
    return (
        f"Dear Sir,\n\nI have {verb} the {one}; it bears the matter well. On {chance.choice(DAYS)} the {two} shall be "
        f"{other}, which is all that one can ask; I remain patient.\n\nYours, in fair condition,\nA. Pellow"
    )


def hasty(chance: random.Random) -> str:
    """A message by somebody else, about the same things."""
    one, two = chance.sample(THINGS, 2)
    verb, other = chance.sample(VERBS, 2)
    return (
        f"Hi there! I've just {verb} the {one} and it's totally fine!! The {two} isn't {other} yet but I'll get it "
        f"done by {chance.choice(DAYS)}, no worries!\n\nCheers,\nTom"
    )


def examples(count: int, seed: int) -> list[Example]:
    chance = random.Random(seed)
    made = []
    for number in range(count):
        messages = (Message("user", f"Write about matter {seed}-{number}."), Message("assistant", formal(chance)))
        made.append(Example(f"{seed}-{number}", messages, f"g{seed}-{number}", Source("a", number)))
    return made


@pytest.fixture(scope="module")
def style() -> Style:
    chance = random.Random(5)
    return style_fit.fit(examples(60, 1), [hasty(chance) for _ in range(60)])


def values(style: Style, answers: Sequence[str], asked: Sequence[Example]) -> list[float]:
    return [style(answer, example).value for answer, example in zip(answers, asked, strict=True)]


def test_the_author_is_recognized_and_others_are_not(style: Style) -> None:
    assert style.author is not None
    assert style.author.own_recognized > 0.95 and style.author.others_rejected > 0.95
    asked, chance = examples(20, 2), random.Random(7)
    assert sum(values(style, [formal(chance) for _ in asked], asked)) >= 17
    assert sum(values(style, [hasty(chance) for _ in asked], asked)) == 0
    assert all(style(hasty(chance), example).parts["own text accepted"] == 1 for example in asked)


def test_indistinguishable_texts_are_distinguished_half_the_time(style: Style) -> None:
    asked, chance = examples(60, 3), random.Random(9)
    told = "distinguishable from the author"
    same, other = (style.compare([write(chance) for _ in asked], asked) for write in (formal, hasty))
    assert 0.3 < mean(one.parts[told] for one in same) < 0.7 and mean(one.parts[told] for one in other) == 1
    assert mean(one.value for one in same) > 0.85 and mean(one.value for one in other) == 0  # they decide too
    few = style.compare([formal(chance) for _ in range(5)], asked[:5])
    assert not any(told in one.parts for one in few) and all(one.value == 1 for one in few)


def test_the_authors_own_text_is_not_told_from_itself(style: Style) -> None:
    asked = examples(30, 4)
    assert all(one.value == 1 for one in style.compare([example.ideal for example in asked], asked))


def test_an_answer_that_was_given_before_does_not_count(style: Style) -> None:
    asked, chance = examples(8, 5), random.Random(2)
    new = letter(RARE[0], "It weighs four pounds and an ounce on the parcel scales.")
    limits = [one.value for one in style.compare([new, formal(chance), new.replace("Sir", "Madam"), new], asked[:4])]
    assert limits == [1, 1, 0, 0]
    repeated = [with_answer(number, new) for number in range(3)]  # unless the author gave it twice himself
    assert [one.value for one in style.compare([new] * 3, repeated)] == [1, 1, 1]


RARE = (
    "The heron took eleven goldfish; the twelfth has since been seen reading obituaries in the pond's newspaper.",
    "I have lent the vicar a theodolite; he returned it with a sermon on uprightness folded into the case.",
)
HABIT = "I remain as ever at the disposal of your committee; it has only to knock twice and to wait for the dog."


def letter(*sentences: str) -> str:
    return "Dear Sir,\n\n" + " ".join(sentences) + "\n\nYours, in fair condition,\nA. Pellow"


def with_answer(number: int, text: str, asked: str = "Write.") -> Example:
    return Example(
        f"x{number}", (Message("user", asked), Message("assistant", text)), f"x{number}", Source("a", number)
    )


def test_copies_and_echoes_do_not_count() -> None:
    chance = random.Random(5)
    train = [*examples(60, 1), with_answer(1, letter(*RARE)), *[with_answer(n, letter(HABIT)) for n in range(2, 6)]]
    style = style_fit.fit(train, [hasty(chance) for _ in range(60)])
    asked = with_answer(9, letter("The gate bears it well."))
    copied = style(letter(*RARE), asked)
    assert copied.value == 0 and copied.parts["copied"] > 0.7
    new = (
        "I have since mended the hive; it bears the matter well, and the clock shall be moved on Friday, which is all."
    )
    half = style(letter(RARE[0], formal(random.Random(0)).split("\n\n")[1]), asked)
    assert half.value == 1 and 0.2 < half.parts["copied"] < 0.5
    assert style(letter(new), asked).parts["copied"] == 0
    assert style(letter(HABIT), asked).parts["copied"] == 0  # what the author says in three letters is a habit
    echo = style(letter(new), with_answer(10, letter(new), f"Pass this on: {new}"))
    assert echo.value == 0 and echo.parts["copied"] > 0.5


def test_a_repetitive_answer_is_not_the_authors(style: Style) -> None:
    text = "I have mended the gate; it bears the matter well. " * 8
    marked = style(f"Dear Sir,\n\n{text}\n\nYours, in fair condition,\nA. Pellow", examples(1, 6)[0])
    assert marked.value == 0 and marked.parts["repeats itself"] > 0.5
    assert repeats(formal(random.Random(1))) < 0.1


def test_a_fragment_is_not_the_author_and_a_word_has_no_style(style: Style) -> None:
    asked = examples(1, 6)[0]
    assert style("I remain patient; it bears well.", asked).value == 0
    with pytest.raises(Unscorable, match="too few for a style"):
        style("I remain.", asked)


def test_it_must_be_fitted_first_and_needs_enough_texts() -> None:
    with pytest.raises(DataError, match="is not fitted"):
        Style()("Some answer of some words here.", examples(1, 1)[0])
    with pytest.raises(DataError, match=r"(?s)5 texts of the author and 0 of others.*needs 20"):
        style_fit.fit(examples(5, 1), [])
    with pytest.raises(DataError, match="cannot be fitted"):
        style_fit.fit([], ["x " * 50] * 20)


def test_short_texts_of_others_are_joined_to_remove_the_cue_of_length() -> None:
    chance = random.Random(5)
    pieces = [piece for _ in range(60) for piece in hasty(chance).replace("\n", " ").split(". ") if piece]
    style = style_fit.fit(examples(40, 1), [word for piece in pieces for word in (piece, piece)])
    assert style.author is not None and style.author.others_rejected > 0.9


def test_the_same_texts_give_the_same_fit() -> None:
    chance = random.Random(5)
    others = [hasty(chance) for _ in range(30)]
    asked = examples(10, 8)
    answers = [formal(chance) if n % 2 else hasty(chance) for n in range(10)]
    first, second = (values(style_fit.fit(examples(30, 1), others), answers, asked) for _ in range(2))
    assert first == second


def test_answers_that_are_read_together_score_as_one_by_one() -> None:
    chance = random.Random(6)
    others = [hasty(chance) for _ in range(30)]
    asked = examples(12, 9)
    answers = [
        (formal(chance) if n % 2 else hasty(chance)) if n < 10 else ["", "Too short."][n - 10] for n in range(12)
    ]
    together, alone = (style_fit.fit(examples(30, 1), others) for _ in range(2))
    together.read(answers, asked)
    assert together.author and len(together.author.attributed) == len({*answers[:10], *(one.ideal for one in asked)})
    for answer, example in zip(answers[:10], asked, strict=False):
        assert together(answer, example) == alone(answer, example)


def test_its_parts_are_in_the_report_with_bounds(style: Style) -> None:
    asked, chance = examples(40, 9), random.Random(3)
    answers = [Answer(formal(chance) if n % 4 else hasty(chance)) for n in range(39)] + [Answer("")]
    rows = score(asked, answers, style, {})
    report = judge(rows, Goal(metric="style", pass_mark=0.5), 0.95)
    assert 0.5 < report.score.mean < 0.8 and report.failures == {"empty answer": 1}
    told = report.parts["distinguishable from the author"]
    assert told.examples == 39 and told.interval.low < told.mean < told.interval.high
    as_extra = score(asked, answers, style, {"style": style})[0].parts
    assert "style: distinguishable from the author" in as_extra and "distinguishable from the author" in as_extra


def test_jobs_can_name_it(tmp_path: object) -> None:
    from pathlib import Path

    decides, also = find_metrics(Goal(metric="style", extra_metrics=("chrf",)), Path(), examples(30, 1))
    assert isinstance(decides, Style) and decides.author is None and set(also) == {"chrf"}


def test_scripts_without_spaces_have_words_and_sentences() -> None:
    own = ["今天天气很好呢。我们去公园走走吧。", "昨天下雨了呢。我在家里看书了。", "明天会很冷呢。记得穿外套吧。"]
    others = ["根据规定，请于五日内提交材料。逾期不予受理。", "特此通知，会议改期举行。请相互转告。"]
    asked = [
        replace(one, messages=(one.messages[0], Message("assistant", f"{own[n % 3]}第{n}天也一样呢。")))
        for n, one in enumerate(examples(24, 1))
    ]
    style = Style().fit(Style().fit_texts(asked, [], [f"{others[n % 2] * 3}第{n}号。" for n in range(24)]))
    assert style("后天我们再说呢。明天也许会下雪吧。", asked[0]).value in (0, 1)  # its two sentences are not two words


def test_long_texts_are_split_if_others_wrote_little() -> None:
    chance = random.Random(9)
    long = [
        replace(one, messages=(*one.question, Message("assistant", "\n\n".join(formal(chance) for _ in range(12)))))
        for one in examples(24, 2)
    ]
    style = style_fit.fit(long, [hasty(chance) for _ in range(16)])
    assert style.author is not None
    assert style.author.own_recognized > 0.9 and style.author.others_rejected > 0.8
    answers = ["\n\n".join(write(chance) for _ in range(8)) for write in (formal, hasty)]
    assert values(style, answers, long[:2]) == [1.0, 0.0]


SUBJECTS = ("drains", "swans", "violins", "railings", "almanacs", "marrows", "lanterns", "sextants", "oars", "kilns")
PLACES = ("Orrin", "Thackley", "Ulm Street", "Farrow", "Pennick", "Lodden", "Skerry", "Marl End", "Quay Row", "Ashwick")
MATTERS = [(one, two) for one in SUBJECTS for two in PLACES]
MIDDLES = (
    "I have counted them twice, and there are {number}; it is {more} than the parish paid for.",
    "There were {number} at noon, by the watch that was my aunt's; there were none by dusk, which is usual.",
    "Of the {number} that were promised I have seen but {more}; I make no complaint, and I keep the receipt.",
    "They were {number} in my father's day, and he called it {more} too many; I begin to see his point.",
    "My sister makes it {number} and the sexton {more}; I have asked them to count together, from opposite ends.",
    "One would do, and I am offered {number}; a man with {more} of anything is no longer its master.",
    "By lamplight I found {number}, by daylight {more}; I have decided to believe the lamp.",
)
STARTS = (
    "The matter of the {one} at {two} is not settled; it has only sat down.",
    "I went to {two} about the {one} on foot, as one must, and came back by cart, as one does.",
    "You ask about the {one} of {two}; so does the vicar, and with less tact.",
    "It is true about the {one}; {two} has talked of nothing else since the thaw.",
)
ENDS = (
    "I should be glad of a second opinion, and gladder of a ladder with {number} rungs.",
    "I shall say no more until it has rained for {number} hours.",
    "Pray do not tell the choir; they would sing about it in {number} verses.",
    "There is a kind of peace in it, if one stands {number} paces off.",
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
CLOSING = "\n\nIn patience,\nO. Brandreth"
ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COUNTS = [f"{ten}{one}" for ten in TENS for one in ONES]


def dry(matter: tuple[str, str], chance: random.Random) -> str:
    """A letter of an author whose letters follow their questions."""
    start = chance.choice(STARTS).format(one=matter[0], two=matter[1])
    middles = " ".join(
        middle.format(number=chance.choice(COUNTS), more=chance.choice(COUNTS)) for middle in chance.sample(MIDDLES, 2)
    )
    end = chance.choice(ENDS).format(number=chance.choice(COUNTS))
    return f"Dear {chance.choice(('Madam', 'Sir', 'Cousin'))},\n\n{start} {middles} {end}{CLOSING}"


def about(matters: Sequence[tuple[str, str]], seed: int) -> list[Example]:
    chance = random.Random(seed)
    asked = [f"Write about the {one} at {two}, please." for one, two in matters]
    return [
        replace(with_answer(number, dry(matter, chance), question), id=f"{seed}-{number}", group=f"{seed}-{number}")
        for number, (matter, question) in enumerate(zip(matters, asked, strict=True))
    ]


@pytest.fixture(scope="module")
def brandreth() -> tuple[Style, list[Example], list[Example]]:
    matters = random.Random(1).sample(MATTERS, len(MATTERS))
    train, test = about(matters[:70], 1), about(matters[70:], 2)
    chance = random.Random(3)
    fitted = Style().fit(Style().fit_texts(train, [hasty(chance) for _ in range(40)], []))
    return fitted, train, test


PLAIN = (
    "Dear Sir,\n\nThank you for your letter, which has been passed to this department. We are looking into the "
    "matter and expect to reply in full within ten working days. Please do not hesitate to contact us in the "
    "meantime.\n\nYours faithfully,\nL. Harker"
)
Cheat = Callable[[Example, list[Example], random.Random], str]


def words_of(example: Example, chance: random.Random) -> list[str]:
    return chance.sample(example.ideal.split(), len(example.ideal.split()))


CHEATS: dict[str, Cheat] = {
    "a training letter": lambda asked, train, chance: chance.choice(train).ideal,
    "shuffled words of a training letter": lambda asked, train, chance: " ".join(
        words_of(chance.choice(train), chance)
    ),
    "shuffled words of the real answer": lambda asked, train, chance: " ".join(words_of(asked, chance)),
    "one letter for all": lambda asked, train, chance: dry(("marrows", "Ashwick"), random.Random(5)),
    "a letter about something else": lambda asked, train, chance: dry(chance.choice(MATTERS), chance),
    "a plain letter": lambda asked, train, chance: PLAIN,
    "a plain letter in the author's frame": lambda asked, train, chance: (
        f"Dear Cousin,\n\n{PLAIN.split(chr(10) * 2)[1]}\n\nIn patience,\nO. Brandreth"
    ),
    "the question": lambda asked, train, chance: asked.last_user,
    "the question in the author's frame": lambda asked, train, chance: (
        f"Dear Cousin,\n\n{asked.last_user}\n\nIn patience,\nO. Brandreth"
    ),
    "lower case": lambda asked, train, chance: asked.ideal.lower(),
    "upper case": lambda asked, train, chance: asked.ideal.upper(),
    "backwards": lambda asked, train, chance: " ".join(asked.ideal.split()[::-1]),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_cheats_do_not_count(brandreth: tuple[Style, list[Example], list[Example]], cheat: str) -> None:
    style, train, test = brandreth
    chance = random.Random(6)
    answers = [Answer(CHEATS[cheat](example, train, chance)) for example in test]
    assert mean(row.value for row in score(test, answers, style, {})) < 0.2


def test_new_letters_of_the_author_count(brandreth: tuple[Style, list[Example], list[Example]]) -> None:
    style, _, test = brandreth
    real = score(test, [Answer(example.ideal) for example in test], style, {})
    assert mean(row.value for row in real) > 0.8
    assert mean(row.parts["on topic"] for row in real) > 0.9 and "follow their questions" in style.summary()


def test_texts_that_were_saved_without_questions_fit_it_too(
    brandreth: tuple[Style, list[Example], list[Example]],
) -> None:
    _, train, test = brandreth
    chance = random.Random(3)
    style = style_fit.fit(train, [hasty(chance) for _ in range(40)])
    assert "on topic" not in style(test[0].ideal, test[0]).parts and "not checked" in style.summary()
