"""The metric style: who is recognized as the author, what is distinguished; copies and echoes do not count."""

import random
from collections.abc import Sequence
from dataclasses import replace

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
    same = [part["distinguishable from the author"] for part in style.compare([formal(chance) for _ in asked], asked)]
    other = [part["distinguishable from the author"] for part in style.compare([hasty(chance) for _ in asked], asked)]
    assert 0.3 < sum(same) / len(same) < 0.7 and sum(other) / len(other) == 1
    assert style.compare([formal(chance)] * 5, asked[:5]) == [{}] * 5  # too few to say


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
    more = "The boiler was weighed on Sunday; it wants patience, as the barometer does."
    half = style(letter(RARE[0], new, more), asked)
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
