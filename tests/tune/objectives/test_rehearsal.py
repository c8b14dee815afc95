"""Rehearsal: its loss is the KL divergence from the base, and training with it stays closer to the base."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import toy
from finish import finish
from gradschool.model.local import LocalEngine
from gradschool.model.lora import trained_parameters
from gradschool.model.reader import reader_of
from gradschool.tune.loop import Training
from gradschool.tune.objectives.rehearsal import TEXTS_PER_STEP, Rehearsal, texts_read

TEXTS = toy.TEXTS


def distance(net: Any) -> float:
    """KL(base ‖ student) over all texts, with torch.distributions."""
    ids = torch.tensor(TEXTS)
    with torch.no_grad():
        base = torch.distributions.Categorical(logits=toy.network(lora=False)(ids).logits)
        student = torch.distributions.Categorical(logits=net(ids).logits)
    return float(torch.distributions.kl_divergence(base, student).mean())


def test_a_fresh_student_has_no_loss(tmp_path: Path) -> None:
    net = toy.network()
    loss = toy.rehearsal().loss(reader_of(net), step=0)
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert all(p.grad is not None and p.grad.abs().max() < 1e-6 for p in trained_parameters(net).values())


def test_the_loss_is_the_divergence_in_nats_per_token_times_its_weight() -> None:
    net = toy.network()
    toy.stir(net)
    steps = len(TEXTS)  # after so many steps each text was read equally often
    work, reader = toy.rehearsal(weight=2.0), reader_of(net)
    losses = [work.loss(reader, step).item() for step in range(steps)]
    assert sum(losses) / steps == pytest.approx(2 * distance(net), rel=1e-5) and distance(net) > 0.01
    assert len(set(losses)) > 1 and len(TEXTS) > TEXTS_PER_STEP


def test_packed_and_padded_texts_have_the_same_gradient() -> None:
    gradients = []
    for packs in (True, False):
        net = toy.network()
        toy.stir(net)
        student, teacher = (replace(reader_of(one), packs=packs) for one in (net, toy.network(lora=False)))
        loss = Rehearsal(TEXTS, teacher, 1.0).loss(student, 0)
        torch.autograd.backward(loss)
        gradients.append([loss.detach(), *(parameter.grad for parameter in trained_parameters(net).values())])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_the_teacher_reads_each_text_once_and_without_dropout() -> None:
    net = toy.network(dropout=0.5)
    toy.stir(net)
    work, reader, seen = toy.rehearsal(), reader_of(net), 0
    net.train()
    for step in range(20):  # five different sets of four of the ten texts
        work.loss(reader, step)
        seen = max(seen, len(work._cached))
    assert seen == 5 and net.training
    again = toy.rehearsal()
    again.loss(reader, 0)
    assert torch.equal(again._cached[0, 1, 2, 3], work._cached[0, 1, 2, 3])


def test_with_rehearsal_the_student_learns_and_stays_closer_to_its_base(tmp_path: Path) -> None:
    far = {}
    for weight in (0.0, 1.0):
        net = toy.network()
        plan = toy.plan(steps=40, validate_every=40)
        objectives = [toy.answers(plan), toy.rehearsal(weight)]
        state, _ = finish(Training(net, objectives, plan, tmp_path / f"{weight}").run())
        far[weight] = distance(net)
        assert state.last_train_loss < 0.8 * state.first_train_loss
    assert far[1.0] < 0.5 * far[0.0]


def test_an_interrupted_training_with_rehearsal_resumes_bit_for_bit(tmp_path: Path) -> None:
    def training(folder: str) -> tuple[Any, Training]:
        net, plan = toy.network(), toy.plan()
        return net, Training(net, [toy.answers(plan), toy.rehearsal()], plan, tmp_path / folder)

    whole, uncut = training("whole")
    finish(uncut.run())
    _, first = training("cut")
    work = first.run()
    for _ in range(5):
        next(work)
    work.close()
    net, second = training("cut")
    finish(second.run())
    assert toy.same(toy.values(net), toy.values(whole))


def test_the_base_writes_the_same_texts_for_the_same_seed(base: Path) -> None:
    engine = LocalEngine(base, batch_size=2)
    texts = engine.write_texts(5, 9, seed=1)
    assert [len(text) for text in texts] == [9] * 5 and len({text[0] for text in texts}) == 1
    assert len({tuple(text) for text in texts}) == 5
    assert not {token for text in texts for token in text[1:]} & set(engine.stop_ids)
    assert engine.write_texts(5, 9, seed=1) == texts != engine.write_texts(5, 9, seed=2)
    assert engine.write_texts(3, 9, seed=1) == texts[:3]


@pytest.mark.parametrize(("steps", "texts"), [(1, 4), (23, 92), (24, 96), (500, 96)])
def test_no_more_texts_are_written_than_a_training_reads(steps: int, texts: int) -> None:
    assert texts_read(steps) == texts
