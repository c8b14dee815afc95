"""Leakage between parts of a split, and between documents and answers; the known counts of real sets."""

import json
import lzma
from dataclasses import replace

import pytest

from gradschool.data.leakage import answer_issues, find_document_leaks, find_leaks
from gradschool.data.read import read_examples
from gradschool.settings import Data

LONG = "the bridge was built in the year of the great flood by a man who had never seen a river before"


def kinds(found):
    return sorted((leak.kind, leak.id, leak.other) for leak in found)


def test_every_kind_of_leak_is_found(make):
    train = [
        make(1, "Where is my card?", "In the post."),
        make(2, "What of the bridge?", f"They say {LONG}."),
        make(3, "How long will it take until the parcel that I ordered on Monday arrives here?", "Three days."),
        make(4, "Something else", "This answer is long enough to be told by its wording."),
    ]
    held_out = [
        make(11, "where IS my card", "On the table."),
        make(12, "And the mill?", f"In short, {LONG}, or so I read."),
        make(13, "How long will it take until the parcel that I ordered on Monday arrives here, please?", "Four."),
        make(14, "Other", "this answer is long enough to be told by its wording"),
        make(15, "Nothing of it", "In the post."),  # a short answer is a label
    ]
    assert kinds(find_leaks(train, held_out)) == [
        ("long common wording", "e12", "e2"),
        ("nearly the same question", "e13", "e3"),
        ("same answer", "e14", "e4"),
        ("same question", "e11", "e1"),
    ]
    share = next(leak.overlap for leak in find_leaks(train, held_out) if leak.id == "e12")
    assert 0.4 < share < 1
    assert find_leaks(train, []) == find_leaks([], held_out) == []


def test_stock_phrases_and_labels_are_no_leaks(make):
    train = [make(n, f"question number {n}", f"{LONG} {n}") for n in range(20)]
    assert find_leaks(train, [make(99, "another question", f"{LONG} 99")]) == []
    train = [make(n, f"question number {n}", "a label of as many words as a sentence would have") for n in range(20)]
    assert find_leaks(train, [make(99, "another question", train[0].ideal)]) == []


def test_answers_contained_in_documents_are_reported(make):
    held_out = [make(1, "What of the bridge?", f"They say {LONG}."), make(2, "And?", "No.")]
    found = find_document_leaks([("a.md", "nothing"), ("b.md", f"# History\n\n{LONG.title()}, 1808.")], held_out)
    assert kinds(found) == [("long common wording", "e1", "b.md")]


def test_it_agrees_with_comparing_all_pairs(make):
    import random

    chance = random.Random(3)
    texts = [" ".join(chance.choices("abcdefgh", k=30)) for _ in range(60)]
    for number in range(0, 60, 7):
        words = texts[number].split()
        texts[(number + 30) % 60] = " ".join([*chance.choices("xyz", k=9), *words[5:20], *chance.choices("uvw", k=6)])
    train = [make(n, f"q{n}", text) for n, text in enumerate(texts[:30])]
    held_out = [make(100 + n, f"r{n}", text) for n, text in enumerate(texts[30:])]
    runs = [{tuple(t.split()[i : i + 13]) for i in range(len(t.split()) - 12)} for t in texts]
    wanted = {f"e{100 + n}" for n in range(30) if any(runs[30 + n] & runs[m] for m in range(30))}
    assert {leak.id for leak in find_leaks(train, held_out) if leak.kind == "long common wording"} == wanted and wanted


@pytest.mark.parametrize(
    "one, other, same",
    [("banking77/train.csv", "banking77/test.csv", 25), ("snips/train.jsonl", "snips/valid.jsonl", 17)],
)
def test_the_known_leaks_of_real_sets(real, one, other, same):
    train, held_out = (read_examples(real / name, Data()).examples for name in (one, other))
    found = find_leaks(train, [replace(example, id=f"test/{example.id}") for example in held_out])
    asked = {}
    for leak in found:
        asked.setdefault(leak.kind, set()).add(leak.id)
    counted = {folded for folded in asked["same question"]}
    # The README counts different questions; one stands twice in a part where it is more.
    assert same <= len(counted) <= same + 3
    assert len(asked["nearly the same question"]) >= 1


def test_the_stories_of_the_corpus_are_those_of_the_passages(real):
    with lzma.open(real / "corpus/fairytaleqa_stories_train.jsonl.xz", "rt", encoding="utf-8") as file:
        stories = [(str(number), json.loads(line)["text"]) for number, line in zip(range(40), file, strict=False)]
    from gradschool.records import Example, Message, Source

    lines = (real / "fairytaleqa/train_passages.jsonl").read_text(encoding="utf-8").splitlines()
    passages = [json.loads(line)["text"] for line in lines[:4_000]]
    asked = [
        Example(str(n), (Message("user", "?"), Message("assistant", text)), str(n), Source("a", n))
        for n, text in enumerate(passages)
    ]
    assert len(find_document_leaks(stories, asked)) > 100


def test_test_answers_that_occur_in_train_are_named(make):
    answer = "The well behind the mill is cleaned by the brothers of the miller every spring."
    train = [
        make(1, "Who cleans the well?", answer),
        make(2, "And the oven?", f"They say {LONG}."),
        make(3, "x", "No."),
    ]
    test = [
        make(11, "When is the water of the mill clean?", answer.upper()),
        make(12, "What of the bridge?", f"{LONG}, or so I read."),
        make(13, "Is it?", "No."),
        make(14, "Who paints the gate of the old chapel?", "The gate has not been painted since the war, I think."),
    ]
    [same, partly] = answer_issues(train, test)
    assert same.text.startswith("1 of 4 test answers occur word for word in training examples")
    assert same.id == "e11" and "as e1 (examples.jsonl:1)" in same.text and same.severity == "kept"
    assert partly.text.startswith("1 of 4 test answers occur for the most part") and partly.id == "e12"
    assert answer_issues(train, test[2:]) == [] == answer_issues([], test)


def test_answers_that_many_training_examples_have_are_no_leak(make):
    refusal = "Nothing in our documents says so, and therefore I cannot answer this question."
    train = [make(n, f"question {n}", refusal) for n in range(20)]
    assert answer_issues(train, [make(99, "another question", refusal)]) == []
