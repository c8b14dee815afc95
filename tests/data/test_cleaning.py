"""Languages, repaired encodings, unusual lengths, shingles, and splits by time."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.language import language_of
from gradschool.data.lengths import usual_range
from gradschool.data.mojibake import fix_text
from gradschool.data.near_duplicates import near_texts
from gradschool.data.normalize import normalize
from gradschool.data.shingles import Grams, ngram_hashes
from gradschool.data.split import freeze_split, seconds, split_of
from gradschool.errors import DataError
from gradschool.records import Example, Message, Source
from gradschool.settings import Goal, SplitSettings


@pytest.mark.parametrize(
    "language, text",
    [
        ("en", "The relief driver for the morning train has called in sick again, so I moved the other one."),
        ("de", "Die Lieferung kommt am Donnerstag zwischen acht und zehn, bitte lassen Sie das Tor offen."),
        ("fr", "Le four est réparé, c'était la résistance du bas, et personne n'est mort de la fournée."),
        ("es", "La higuera ha dado más higos que nunca y no hay quien se los coma, ni siquiera el perro."),
        ("it", "Il motore parte, ma solo se lo insulti prima, e domenica possiamo uscire a vela e basta."),
        ("nl", "De schapen zijn terug, op één na die in de tuin van de dominee staat en daar niet weg wil."),
        ("", "fine by me"),
        ("", "12345 67890 " * 10),
    ],
)
def test_languages(language, text):
    assert language_of(text) == language


@pytest.mark.parametrize(
    "text, mended",
    [
        ("the cafÃ© is closed", "the café is closed"),
        ("donâ€™t", "don’t"),
        ("“curly”, ﬁne, １２ and café", "“curly”, ﬁne, １２ and café"),  # style is left alone
        ("a\x1b[31mred\x1b[0m b\x00", "ared b"),
        ("plain", "plain"),
        ("line\r\nends", "line\nends"),
    ],
)
def test_damaged_characters_are_repaired_and_style_is_unchanged(text, mended):
    assert fix_text(text) == mended


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_repair_is_idempotent(text):
    assert fix_text(fix_text(text)) == fix_text(text)


def test_unusual_lengths_are_far_from_the_others():
    chance = random.Random(1)
    usual = [int(chance.lognormvariate(4, 0.4)) for _ in range(500)]
    low, high = usual_range(usual)
    assert low < 15 and 150 < high < 400
    assert sum(not low <= count <= high for count in usual) <= 3
    assert usual_range([5] * 10) == (0.0, float("inf"))
    low, high = usual_range([50] * 100)
    assert low < 30 and high > 90


def test_shingles_are_the_same_for_the_same_words():
    one, other, short = ngram_hashes(map(normalize, ["One two three four!", "one, TWO three four five", "one"]), 3)
    assert one.tolist() == other[:2].tolist() and len(other) == 3 and len(short) == 1
    marks = Grams.of(np.concatenate((one, one[::-1], other)), [len(one), len(one), len(other)]).fingerprints().tolist()
    assert marks[0] == marks[1] != marks[2]


def test_near_texts_are_found_among_many_in_streams():
    chance = random.Random(2)
    texts = [" ".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=60)) for _ in range(9_000)]
    for number in range(0, 9_000, 1_000):
        texts[number + 5] = texts[number] + " end"
        texts[number + 7] = texts[number]
    calls = []

    def every():
        calls.append(1)
        return iter(texts)

    found = near_texts(every, texts.__getitem__, 0.8)
    assert found == [(number, number + 5, number + 7) for number in range(0, 9_000, 1_000)]
    assert len(calls) == 3  # counted, sampled, read


def dated(number, date, group=""):
    messages = (Message("user", f"question {number}"), Message("assistant", f"answer {number}"))
    return Example(f"e{number}", messages, group or f"g{number}", Source("a", number), date)


def divided(examples, **options):
    split = freeze_split(examples, SplitSettings(by="time", **options), Goal(pass_mark=0.8), [], 4)
    return split_of(examples, split)


def test_by_time_the_test_is_the_latest():
    examples = [dated(n, f"2020-{1 + n // 28:02}-{1 + n % 28:02}") for n in range(200)]
    random.Random(1).shuffle(examples)
    train, validation, test = divided(examples)
    assert max(e.date for e in train) < min(e.date for e in validation)
    assert max(e.date for e in validation) < min(e.date for e in test) and len(test) == 60


def test_a_thread_has_the_date_of_its_last_message_and_is_not_divided():
    examples = [dated(n, f"2020-{1 + n // 28:02}-{1 + n % 28:02}", f"g{n % 100}") for n in range(200)]
    train, _, test = divided(examples)
    assert not {e.group for e in train} & {e.group for e in test}
    last = {group: max(e.date for e in examples if e.group == group) for group in {e.group for e in examples}}
    assert max(last[e.group] for e in train) < min(last[e.group] for e in test)


def test_undated_examples_go_to_train_and_mostly_missing_dates_are_an_error():
    examples = [dated(n, f"2020-01-{1 + n % 28:02}" if n % 4 else "") for n in range(80)]
    train, validation, test = divided(examples)
    assert all(e.date for e in (*validation, *test)) and sum(not e.date for e in train) == 20
    with pytest.raises(DataError, match=r"(?s)60 of 80 examples have no date.*at random"):
        divided([dated(n, "2020-01-01" if n % 4 == 0 else "soon") for n in range(80)])


def test_the_order_of_the_file_does_not_matter_by_time_either():
    examples = [dated(n, f"2020-01-{1 + n % 28:02}") for n in range(80)]
    parts = [[e.id for e in part] for part in divided(examples)]
    random.Random(4).shuffle(examples)
    assert [[e.id for e in part] for part in divided(examples)] == parts


def test_a_very_long_thread_is_in_train_rather_than_all_of_the_test():
    examples = [dated(n, f"2020-01-{1 + n % 28:02}", "long" if n < 100 else "") for n in range(160)]
    train, _, test = divided([*examples, dated(500, "2021-01-01", "long")])
    assert "long" in {e.group for e in train} and len(test) < 100


@pytest.mark.parametrize(
    "date, moment",
    [("1970-01-02", 86_400), ("1970-01-01T01:00:00+01:00", 0), ("1970-01-01T00:00:00Z", 0), ("soon", None), ("", None)],
)
def test_dates_count_in_utc(date, moment):
    assert seconds(date) == moment


def test_dates_are_read_from_their_column(read):
    reading = read('{"prompt": "a", "completion": "b", "date": "2020-05-01"}\n{"prompt": "c", "completion": "d"}\n')
    assert [example.date for example in reading.examples] == ["2020-05-01", ""] and reading.columns["date"] == "date"
    named = read('{"prompt": "a", "completion": "b", "am": "2020-05-01"}\n', date_column="am")
    assert named.examples[0].date == "2020-05-01"
    with pytest.raises(DataError, match="date_column"):
        read('{"prompt": "a", "completion": "b"}\n', date_column="am")
