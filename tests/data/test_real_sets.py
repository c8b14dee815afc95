"""The known defects of real public sets are found, and sets of their size take seconds."""

from collections import Counter
from dataclasses import replace

import pytest

from gradschool.data.check import check
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.normalize import normalize, normalized_question
from gradschool.data.read import read_examples
from gradschool.data.split import freeze_split, split_of
from gradschool.settings import Data, Goal, SplitSettings


def counts(checked):
    return Counter(issue.kind for issue in checked.issues)


def read(path, **settings):
    return read_examples(path, Data(**settings))


def test_banking77(real):
    train, test = read(real / "banking77/train.csv"), read(real / "banking77/test.csv")
    assert (len(train.examples), len(test.examples)) == (10_003, 3_080)
    assert train.form == "text/category in CSV" and train.columns["text"] == "user message"
    assert len({normalized_question(e) for e in train.examples} & {normalized_question(e) for e in test.examples}) == 25
    checked = check(train)
    assert counts(checked) == {"duplicate": 30, "contradicting": 1}
    assert counts(check(test)) == {"duplicate": 3, "contradicting": 1}
    both = [replace(e, id=f"{name}/{e.id}") for name, r in (("train", train), ("test", test)) for e in r.examples]
    crossing = [c for c in near_duplicates(both, 0.8) if len({id_.split("/")[0] for id_ in c}) == 2]
    assert len(crossing) >= 25
    split = freeze_split(checked.examples, SplitSettings(), Goal(pass_mark=0.8), [], 4)
    assert [len({e.ideal for e in part}) for part in split_of(checked.examples, split)][::2] == [77, 77]
    assert (len(split.validation), len(split.test)) == (100, 400)


def test_snips(real):
    train, valid = read(real / "snips/train.jsonl"), read(real / "snips/valid.jsonl")
    checked = check(train)
    near = near_duplicates(checked.examples, 0.8)
    split = freeze_split(checked.examples, SplitSettings(), Goal(pass_mark=0.8), near, 4)
    assert (
        len({normalized_question(e) for e in train.examples} & {normalized_question(e) for e in valid.examples}) == 17
    )
    assert counts(checked) == {"duplicate": 250, "contradicting": 1, "encoding": 19, "structured answer": 1}
    assert "UTF-8 that was once read as Windows-1252" in next(i.text for i in checked.issues if i.kind == "encoding")
    side = {id_: part for part in ("train", "validation", "test") for id_ in getattr(split, part)}
    assert near and all(len({side[id_] for id_ in cluster}) == 1 for cluster in near)


def test_legal_summarization(real):
    reading = read(real / "legal_summarization/pairs.jsonl", group_column="doc")
    checked = check(reading)
    answers = [normalize(e.ideal) for e in reading.examples]
    assert len(answers) - len(set(answers)) == 156
    assert counts(checked) == {"repeated answers": 1, "contradicting": 1}
    assert "156 of 446 answers repeat" in next(i.text for i in checked.issues if i.kind == "repeated answers")
    split = freeze_split(
        checked.examples, SplitSettings(), Goal(pass_mark=0.3), near_duplicates(checked.examples, 0.8), 4
    )
    document = {e.id: e.group for e in checked.examples}
    documents = [{document[id_] for id_ in part} for part in (split.train, split.validation, split.test)]
    assert sum(map(len, documents)) == len(set().union(*documents)) == 59
    assert len(documents[2]) >= 15


def test_support_dialogues(real):
    reading = read(real / "support_dialogues/dialogues.jsonl")
    checked = check(reading)
    assert len(reading.examples) == 2_500
    # 251 dialogues do not alternate; 253 end with the customer, of which 186 hold nothing but the customer.
    assert counts(checked) == {"does not alternate": 251, "ends without an answer": 253, "looks cut off": 1}
    assert len(checked.examples) == 2_500 - 186
    assert all(e.messages[-1].role == "assistant" for e in checked.examples)


@pytest.mark.parametrize("name, count", [("train", 8_548), ("val", 1_025), ("test", 1_007)])
def test_fairytaleqa(real, name, count):
    reading = read(real / f"fairytaleqa/{name}_questions.jsonl")
    assert len(reading.examples) == count and reading.form == "question/answers in JSON lines"
    assert counts(check(reading)).keys() <= {
        "repeated id",
        "duplicate",
        "contradicting",
        "looks cut off",
        "repeated answers",
        "unused column",  # gold_passages: ids
    }
