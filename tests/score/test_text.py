"""Metrics of plain text agree with the libraries and worked examples they are named after, and stay in [0, 1]."""

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from gradschool.score.metric import Unscorable
from gradschool.score.text import chrf, exact_match, label, normalize, rouge_l, token_f1
from score_samples import example, examples


def test_exact_match_trims_and_nothing_else():
    assert exact_match(" yes\n", example("yes")).value == 1
    assert exact_match("Yes", example("yes")).value == 0
    assert exact_match("yes.", example("yes")).value == 0


@pytest.mark.parametrize(
    ("said", "ideal"),
    [
        ("Refund.", "refund"),
        ('"card arrival"', "card_arrival"),
        ("**Card-Arrival**", "card_arrival"),
        ("  STRASSE ", "Straße"),
        ("-", "-"),
        ("C#", "c#"),
    ],
)
def test_label_ignores_case_and_punctuation(said, ideal):
    assert label([example(ideal)])(said, example(ideal)).value == 1


@pytest.mark.parametrize(("one", "other"), [("C", "C#"), ("C", "C++"), ("+", "-"), (":)", ":("), ("a b", "ab")])
def test_label_keeps_signs_that_distinguish_labels(one, other):
    assert normalize(one) != normalize(other)


def test_label_distinguishes_a_wrong_label_from_no_label():
    metric = label(examples("refund", "card_arrival"))
    wrong = metric("Card arrival", example("refund"))
    assert (wrong.value, wrong.parts) == (0, {"known label": 1})
    prose = metric("The label is refund", example("refund"))
    assert (prose.value, prose.parts) == (0, {"known label": 0})


@pytest.mark.parametrize(
    ("said", "ideal", "value"),
    [  # worked by hand from the definition
        ("The cat sat.", "a cat sat", 1.0),
        ("the cat", "cat sat on mat", 2 * 1 * (1 / 4) / (1 + 1 / 4)),
        ("b b b", "b c", 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2)),
        ("x", "y", 0.0),
        ("the", "A!", 1.0),
        ("the", "y", 0.0),
    ],
)
def test_token_f1(said, ideal, value):
    assert token_f1(said, example(ideal)).value == pytest.approx(value)


PAIRS = [
    ("The tenant pays the rent each month.", "The tenant must pay rent every month."),
    ("police kill the gunman", "police killed the gunman"),
    ("", "something"),
    ("Das ist größer", "Das ist viel größer als sonst"),
]


@pytest.mark.parametrize(("said", "ideal"), PAIRS)
def test_rouge_l_and_chrf_are_the_libraries(said, ideal):
    rouge = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False).score(ideal, said)["rougeL"].fmeasure
    assert rouge_l(said, example(ideal)).value == pytest.approx(rouge)
    corpus = sacrebleu.corpus_chrf([said], [[ideal]]).score / 100
    assert chrf(said, example(ideal)).value == pytest.approx(corpus)


def test_rouge_l_agrees_with_its_paper():
    # Lin (2004), section 3.1: "police kill the gunman" against "police killed the gunman": 3 of 4 words.
    assert rouge_l("police kill the gunman", example("police killed the gunman")).value == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", example("police killed the gunman")).value == pytest.approx(0.5)


def test_rouge_l_rejects_texts_it_cannot_tokenize():
    with pytest.raises(Unscorable, match="chrf"):
        rouge_l("Привет", example("Привет, мир"))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_scores_between_0_and_1(said, ideal):
    one = example(ideal)
    for metric in (exact_match, label([one]), token_f1, rouge_l, chrf):
        try:
            marked = metric(said, one)
        except Unscorable:
            assert metric is rouge_l
            continue
        assert 0 <= marked.value <= 1
        assert all(0 <= part <= 1 for part in marked.parts.values())


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(categories=["L", "N", "Zs"]), min_size=1, max_size=40))
def test_the_ideal_itself_scores_1(ideal):
    for metric in (exact_match, label([example(ideal)]), token_f1):
        assert metric(ideal, example(ideal)).value == 1
    if any(letter.isascii() and letter.isalnum() for letter in ideal):
        assert rouge_l(ideal, example(ideal)).value == 1
    if ideal.strip():
        assert chrf(ideal, example(ideal)).value == pytest.approx(1)
