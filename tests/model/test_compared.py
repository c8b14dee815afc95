"""Labels compared by their probability: as a forward pass over each label gives it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gradschool.model.compared import corrected
from gradschool.model.local import LocalEngine
from gradschool.model.signals import CONFIDENCE
from gradschool.records import Constraint, Decoding, Message

LABELS = ("card", "card arrival", "none of these", "lost")
ASKED = tuple((Message("user", text),) for text in ("Where is my card?", "I lost it yesterday, help", "a", "b c d"))
COMPARED = Constraint(LABELS, bias=(0.0, 0.5, -0.25, 1.0))


def log_prob(engine: LocalEngine, question: tuple[Message, ...], label: str) -> float:
    """Of a label and its stop token, in one forward pass of the network itself."""
    rendered = engine.chat.render((*question, Message("assistant", label)))
    ids = torch.tensor([rendered.token_ids])
    trained = [place for place, counts in enumerate(rendered.loss_mask) if counts]
    with torch.inference_mode():
        log_probs = engine.network(input_ids=ids).logits[0].float().log_softmax(-1)
    return sum(float(log_probs[place - 1, rendered.token_ids[place]]) for place in trained)


def test_the_likeliest_label_after_its_bias_is_the_answer(engine: LocalEngine) -> None:
    found = dict(engine.answer(ASKED, Decoding(constraint=COMPARED)))
    for position, asked in enumerate(ASKED):
        scores = np.array([log_prob(engine, asked, label) for label in LABELS]) - np.array(COMPARED.bias)
        shares = np.exp(scores - np.logaddexp.reduce(scores))
        answer = found[position]
        assert answer.text == LABELS[int(shares.argmax())]
        assert answer.signals == {CONFIDENCE: pytest.approx(shares.max(), abs=1e-4)}
        assert (answer.stop, answer.prompt_tokens) == ("stop", engine.count_tokens(asked))
        assert "".join(engine.stream(asked, Decoding(constraint=COMPARED))) == answer.text


def test_an_uncorrected_answer_can_be_corrected_without_reading_again(engine: LocalEngine) -> None:
    plain = dict(engine.answer(ASKED, Decoding(constraint=replace(COMPARED, bias=(0.0,) * len(LABELS)))))
    for position, direct in engine.answer(ASKED, Decoding(constraint=COMPARED)):
        assert len(plain[position].label_log_probs) == len(LABELS)
        answer = corrected(plain[position], COMPARED)
        assert answer.signals == {CONFIDENCE: pytest.approx(direct.signals[CONFIDENCE], abs=1e-5)}
        assert replace(answer, seconds=0, signals={}) == replace(direct, seconds=0, signals={})


def test_a_large_bias_rules_a_label_out(engine: LocalEngine) -> None:
    for label in range(len(LABELS)):
        bias = tuple(0.0 if place == label else 1_000.0 for place in range(len(LABELS)))
        [(_, answer)] = engine.answer(ASKED[:1], Decoding(constraint=replace(COMPARED, bias=bias)))
        assert (answer.text, answer.signals) == (LABELS[label], {CONFIDENCE: 1.0})


def test_a_question_without_room_for_a_label_fails_alone(engine: LocalEngine) -> None:
    word = engine.context_length - engine.count_tokens((Message("user", ""),)) - 2
    long = next(
        (Message("user", "a " * count),)
        for count in range(word, 0, -1)
        if engine.count_tokens((Message("user", "a " * count),)) < engine.context_length
    )
    found = dict(engine.answer([ASKED[0], long, ASKED[1]], Decoding(constraint=COMPARED)))
    assert found[0].failure is None and found[2].failure is None
    assert found[1].failure and found[1].failure.kind == "too long for the model"
