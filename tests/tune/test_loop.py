"""The training loop: the loss falls, a killed training resumes bit for bit, and the best weights are used."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import toy
from finish import finish
from gradschool.errors import ModelError, ResourceError
from gradschool.model.lora import trained_parameters
from gradschool.model.reader import reader_of
from gradschool.model.threads import Threads
from gradschool.records import Note, Step
from gradschool.tune import loop
from gradschool.tune.checkpoint import TrainState
from gradschool.tune.loop import Training
from gradschool.tune.memory import UNLIMITED, MemoryPlan
from gradschool.tune.objectives import answers
from gradschool.tune.objectives.answers import mean_loss
from gradschool.tune.plan import Plan
from gradschool.tune.rows import MAX_TOKENS, micro_batches, pack

TRAIN, VALIDATION = toy.TRAIN, toy.VALIDATION
Uninterrupted = tuple[float, dict[str, torch.Tensor], TrainState, list[Step]]


def training(folder: Path, network: Any = None, memory: MemoryPlan = UNLIMITED, **changes: Any) -> Training:
    plan = toy.plan(**changes)
    return Training(network or toy.network(), [toy.answers(plan)], plan, folder / "checkpoint.safetensors", memory)


def test_the_loss_falls_and_only_lora_moves(tmp_path: Path) -> None:
    net = toy.network()
    before, untrained = toy.values(net), mean_loss(reader_of(net), VALIDATION, 0)
    state, steps = finish(training(tmp_path, net, steps=40, validate_every=10).run())
    assert [step.step for step in steps] == list(range(1, 41))
    assert state.last_train_loss < 0.7 * state.first_train_loss
    assert state.best_loss < untrained - 0.2
    assert state.first_train_loss == pytest.approx(sum(step.loss for step in steps[:4]) / 4)
    assert steps[-1].tokens == state.tokens == sum(len(row.token_ids) for row in TRAIN) * 10
    assert steps[-1].epoch == 10.0  # 40 steps of 4 rows, of 16 rows
    moved = {name for name, tensor in toy.values(net).items() if not torch.equal(tensor, before[name])}
    assert moved == set(trained_parameters(net))
    assert not net.training


def test_all_weights_can_be_trained(tmp_path: Path) -> None:
    net = toy.network(lora=False)
    untrained = mean_loss(reader_of(net), VALIDATION, 0)
    state, _ = finish(training(tmp_path, net, steps=20, validate_every=10).run())
    assert state.best_loss < untrained
    assert len(trained_parameters(net)) == len(list(net.parameters()))


def test_an_epoch_ends_at_an_integer_if_its_last_step_is_shorter(tmp_path: Path) -> None:
    # 16 rows: 4 steps an epoch, the last of one row
    _, steps = finish(training(tmp_path, rows_per_step=5, steps=8).run())
    assert [step.epoch for step in steps] == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]


def test_micro_batches_have_the_gradient_of_one_batch(tmp_path: Path) -> None:
    gradients = []
    for most in (10_000, 24):
        net = toy.network()
        toy.stir(net)
        [loss] = training(tmp_path, net, MemoryPlan(most), rows_per_step=len(TRAIN)).gradients()
        gradients.append((loss.loss, {n: p.grad for n, p in trained_parameters(net).items()}))
    (loss, at_once), (accumulated_loss, accumulated) = gradients
    assert len(list(micro_batches(TRAIN, 24, True))) > 3
    assert loss == pytest.approx(accumulated_loss, rel=1e-6)
    for name, gradient in at_once.items():
        assert gradient is not None and gradient.abs().max() > 0
        torch.testing.assert_close(accumulated[name], gradient, atol=1e-6, rtol=1e-4)


def out_of_memory_above(tokens: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Raise an out-of-memory error for larger micro-batches; returns the sizes that were tried."""
    real, tried = answers.summed_loss, []

    def read(reader: Any, rows: Any, pad_id: int) -> torch.Tensor:
        tried.append(pack(rows, torch.device("cpu")).token_ids.numel())
        if tried[-1] > tokens:
            raise torch.OutOfMemoryError("out of memory")
        return real(reader, rows, pad_id)

    monkeypatch.setattr(answers, "summed_loss", read)
    return tried


def test_after_running_out_of_memory_micro_batches_are_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = toy.network()
    _, steps = finish(training(tmp_path / "plain", plain).run())
    tried = out_of_memory_above(24, monkeypatch)
    net = toy.network()
    work = training(tmp_path / "tight", net, MemoryPlan(tokens=40))
    tight, events = finish(work.run())
    notes = [event for event in events if isinstance(event, Note)]
    assert max(tried) > 24 and tight.micro_batch_tokens == 20
    assert [note.level for note in notes] == ["warning"] and "20 tokens" in notes[0].text
    reported = [step.loss for step in events if isinstance(step, Step)]
    assert reported == pytest.approx([step.loss for step in steps], rel=1e-4)
    for name, value in toy.values(net).items():
        torch.testing.assert_close(value, toy.values(plain)[name], atol=1e-4, rtol=1e-3)


def test_a_resumed_training_keeps_its_micro_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        out_of_memory_above(24, patch)
        work = training(tmp_path, steps=12, validate_every=2).run()
        seen = [next(work) for _ in range(6)]
        work.close()
    assert any(isinstance(event, Note) for event in seen)
    resumed = training(tmp_path, steps=12, validate_every=2)
    next(resumed.run())
    assert resumed.state.micro_batch_tokens == MAX_TOKENS >> 9 == 16


def test_a_row_that_does_not_fit_is_an_error_with_a_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out_of_memory_above(3, monkeypatch)
    with pytest.raises(ResourceError, match="single training row"):
        finish(training(tmp_path).run())


def test_if_memory_is_tight_the_longest_rows_are_tried_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = out_of_memory_above(10_000, monkeypatch)
    net = toy.network()
    first = next(training(tmp_path, net, MemoryPlan(tight=True)).run())
    longest = sorted(TRAIN, key=lambda row: len(row.token_ids))[-4:]
    assert tried[0] == pack(longest, torch.device("cpu")).token_ids.numel()
    assert first == next(training(tmp_path / "other").run())


def test_checkpointed_layers_have_the_same_gradients(tmp_path: Path) -> None:
    gradients, saved = [], list[int]()

    def count(tensor: torch.Tensor) -> torch.Tensor:
        saved[-1] += tensor.numel()
        return tensor

    for checkpointing in (False, True):
        net = toy.network()
        toy.stir(net)
        work = training(tmp_path, net, MemoryPlan(checkpointing=checkpointing), rows_per_step=len(TRAIN))
        net.train()
        saved.append(0)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            work.gradients()
        gradients.append({name: p.grad for name, p in trained_parameters(net).items()})
    plain, checkpointed = gradients
    assert saved[1] < saved[0] / 2
    assert all(torch.equal(plain[name], checkpointed[name]) for name in plain)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=[0.0, 0.3])
def uninterrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    """A training with this dropout: its weights, its last state and its steps."""
    network = toy.network(request.param)
    torch.manual_seed(5)
    state, steps = finish(training(tmp_path_factory.mktemp("uninterrupted"), network).run())
    return request.param, toy.values(network), state, steps


@pytest.mark.parametrize("cut", [[1], [2, 5], [3, 3, 2], [11], [12]])
def test_a_killed_training_resumes_bit_for_bit(cut: list[int], uninterrupted: Uninterrupted, tmp_path: Path) -> None:
    dropout, weights, state, steps = uninterrupted
    seen: list[Step] = []
    for number, count in enumerate(cut):
        torch.manual_seed(100 + number)  # as in a new process
        work = training(tmp_path / "cut", toy.network(dropout)).run()
        for _ in range(count):
            seen.append(next(work))  # type: ignore[arg-type]
        work.close()
    torch.manual_seed(200)
    net = toy.network(dropout)
    resumed, rest = finish(training(tmp_path / "cut", net).run())
    assert toy.same(toy.values(net), weights)
    assert {**asdict(resumed), "seconds": 0} == {**asdict(state), "seconds": 0}
    by_number = {step.step: step for step in steps}
    assert all(step == by_number[step.step] for step in [*seen, *rest])
    if max(cut) > 3:
        assert not rest or rest[0].step > 3  # it did not start again


def test_training_does_not_change_the_random_state(tmp_path: Path) -> None:
    torch.manual_seed(9)
    state = torch.random.get_rng_state()
    finish(training(tmp_path, toy.network(0.3), steps=2).run())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_checkpoints_are_also_written_by_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    work = training(tmp_path, validate_every=12).run()
    next(work)
    next(work)
    work.close()
    resumed = training(tmp_path, validate_every=12)
    assert next(resumed.run()).step == 3  # type: ignore[union-attr]


def losses(monkeypatch: pytest.MonkeyPatch, reported: list[float]) -> None:
    """Let validation return these losses."""
    said = iter(reported)
    monkeypatch.setattr(answers, "mean_loss", lambda *_: next(said))


def always_comparing() -> Threads:
    """Threads that compare numbers at every step, but set none."""
    now = iter(range(0, 10**9, 1000))
    return Threads(2, clock=lambda: next(now), use=lambda _: None)


def test_repeating_a_step_to_time_it_changes_nothing(tmp_path: Path) -> None:
    plain, timed = toy.network(dropout=0.1), toy.network(dropout=0.1)
    finish(training(tmp_path / "plain", plain).run())
    work = training(tmp_path / "timed", timed)
    work.threads = always_comparing()
    state, events = finish(work.run())
    assert toy.same(toy.values(timed), toy.values(plain))
    [note] = [event.text for event in events if isinstance(event, Note)]
    assert state.threads == 1 and note.startswith("tune: computes with 1 of 2 threads; a step takes ")


def test_a_resumed_training_computes_with_as_many_threads_as_before(tmp_path: Path) -> None:
    first = training(tmp_path)
    first.threads = Threads(2, use=lambda _: None)
    first.threads.start_with(2)
    steps = first.run()
    while not isinstance(step := next(steps), Step) or step.validation_loss is None:
        pass
    steps.close()
    resumed = training(tmp_path)
    resumed.threads = Threads(2, use=lambda _: None)
    state, _ = finish(resumed.run())
    assert state.threads == resumed.threads.count == 2


def test_the_network_ends_with_the_weights_best_on_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses(monkeypatch, [2.0, 1.0, 1.5, 1.4])
    net = toy.network()
    work, at_step_6 = training(tmp_path, net).run(), {}
    state = None
    while state is None:
        try:
            step = next(work)
        except StopIteration as end:
            state = end.value
            break
        if step.step == 6:  # type: ignore[union-attr]
            at_step_6 = toy.values(net)
    assert (state.best_step, state.best_loss, state.step) == (6, 1.0, 12)
    assert toy.same(toy.values(net), at_step_6)


def test_the_last_weights_are_available_next_to_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses(monkeypatch, [1.0, 2.0, 2.0, 2.0])
    net = toy.network()
    work = training(tmp_path, net)
    last: dict[str, torch.Tensor] = {}
    for step in work.run():
        if step.step == 12:  # type: ignore[union-attr]
            last = toy.values(net)
    best = toy.values(net)
    work.load_weights(work.last)
    assert toy.same(toy.values(net), last) and not toy.same(last, best)
    work.load_weights(work.best)
    assert toy.same(toy.values(net), best)
    losses(monkeypatch, [])  # nothing is validated again
    again = toy.network()
    resumed = training(tmp_path, again)
    finish(resumed.run())
    assert toy.same(toy.values(again), best)
    resumed.load_weights(resumed.last)
    assert toy.same(toy.values(again), last)


def test_the_best_loss_is_that_of_the_final_weights(tmp_path: Path) -> None:
    net = toy.network()
    state, steps = finish(training(tmp_path, net, learning_rate=0.3, steps=30, validate_every=5, patience=9).run())
    reported = [step.validation_loss for step in steps if step.validation_loss is not None]
    assert state.best_loss == min(reported)
    assert mean_loss(reader_of(net), VALIDATION, 0) == pytest.approx(state.best_loss, rel=1e-6)


def test_training_stops_early_when_validation_gets_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses(monkeypatch, [2.0, 2.1, 2.0, 1.0])
    state, steps = finish(training(tmp_path, patience=2).run())
    assert (len(steps), state.step, state.best_step, state.worse) == (9, 9, 3, 2)


def test_after_an_early_stop_nothing_is_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses(monkeypatch, [2.0, 2.1, 2.0])
    first = toy.network()
    finish(training(tmp_path, first, patience=2).run())
    again = toy.network()
    state, steps = finish(training(tmp_path, again, patience=2).run())
    assert steps == [] and state.best_step == 3
    assert toy.same(toy.values(again), toy.values(first))


@pytest.mark.parametrize("nats", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_is_an_error_that_names_the_rate(
    nats: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = answers.summed_loss, []

    def break_at_third(*args: Any) -> torch.Tensor:
        calls.append(args)
        return real(*args) * (nats if len(calls) >= 3 else 1.0)

    monkeypatch.setattr(answers, "summed_loss", break_at_third)
    net = toy.network()
    work = training(tmp_path, net).run()
    next(work), next(work)
    with pytest.raises(ModelError, match="not a number") as caught:
        next(work)
    assert "1.0e-02" in caught.value.why and "learning_rates" in caught.value.fix
    assert all(torch.isfinite(tensor).all() for tensor in toy.values(net).values())
    assert not net.training


def test_a_far_too_high_rate_ends_with_the_best_weights_or_an_error(tmp_path: Path) -> None:
    net = toy.network()
    try:
        finish(training(tmp_path, net, learning_rate=1e20, warmup_steps=1).run())
    except ModelError:
        return
    assert all(torch.isfinite(tensor).all() for tensor in toy.values(net).values())


@pytest.mark.parametrize("change", [{"learning_rate": 2e-2}, {"steps": 13}, {"seed": 1}, {"rows_per_step": 5}])
def test_a_checkpoint_of_another_plan_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    finish(training(tmp_path, steps=3).run())
    with pytest.raises(ModelError, match="another plan") as caught:
        next(training(tmp_path, **{"steps": 3, **change}).run())
    assert "delete it" in caught.value.fix


def test_a_checkpoint_of_an_older_version_is_resumed(tmp_path: Path) -> None:
    work = training(tmp_path).run()
    steps = [next(work) for _ in range(3)]
    work.close()
    path = tmp_path / "checkpoint.safetensors"
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    old = json.loads(metadata["state"])
    old |= {"untrained_loss": 4.0, "portion_tokens": old.pop("micro_batch_tokens")}
    save_file(tensors, path, {"plan": metadata["plan"], "course": json.dumps(old)})
    resumed = training(tmp_path)
    assert next(resumed.run()).step == len(steps) + 1  # type: ignore[union-attr]
    assert resumed.state.micro_batch_tokens == MAX_TOKENS


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    finish(training(tmp_path).run())
    for other in (toy.network(rank=5), toy.network(lora=False)):
        with pytest.raises(ModelError, match="does not fit this training"):
            next(training(tmp_path, other).run())


@pytest.mark.parametrize("damage", [b"", b"nonsense", "half"])
def test_a_damaged_checkpoint_is_refused_by_name(damage: bytes | str, tmp_path: Path) -> None:
    finish(training(tmp_path).run())
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:2000] if damage == "half" else bytes(damage))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"checkpoint\.safetensors"):
        next(training(tmp_path).run())


def test_a_full_disk_does_not_damage_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = training(tmp_path).run()
    for _ in range(3):
        next(work)
    saved = (tmp_path / "checkpoint.safetensors").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(ResourceError, match="disk is full"):
            finish(work)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == saved
    state, _ = finish(training(tmp_path).run())
    assert state.step == 12


def test_each_step_has_the_learning_rate_of_the_plan(tmp_path: Path) -> None:
    plan: Plan = toy.plan()
    _, steps = finish(training(tmp_path).run())
    assert [step.learning_rate for step in steps] == [plan.rate(i) for i in range(12)]
    assert [step.step for step in steps if step.validation_loss is not None] == [3, 6, 9, 12]
