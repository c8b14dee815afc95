"""Columns that are named after two languages are a translation, however short their texts are."""

import json

import pytest

from gradschool.data.language_names import language_in, languages_of


@pytest.mark.parametrize(
    "first, second",
    [("en", "de"), ("English", "German"), ("eng_Latn", "deu_Latn"), ("sentence_eng_Latn", "sentence_spa_Latn"),
     ("text_en", "text_fr"), ("en-US", "pt-BR"), ("src_en", "tgt_ja"), ("Russian", "english")],
)  # fmt: skip
def test_the_first_is_translated_into_the_second(read, first, second):
    reading = read("\n".join(json.dumps({first: f"one {n}", second: f"eins {n}"}) for n in range(3)))
    assert [message.content for message in reading.examples[0].messages] == ["one 0", "eins 0"]
    assert "named after languages" in reading.issues[0].text


@pytest.mark.parametrize(
    "names", [("id", "text"), ("en", "de", "fr"), ("en", "english"), ("end", "start"), ("note", "no")]
)
def test_other_names_are_no_pair_of_languages(names):
    assert languages_of(names) is None


def test_a_name_with_something_else_in_it_names_no_language():
    assert language_in("answer_de") == "" and language_in("de") == "de"
