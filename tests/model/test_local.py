"""The local engine against transformers' own unbatched generation, over families."""

import contextlib
import copy
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny
from gradschool.errors import ModelError, ResourceError
from gradschool.model import completion
from gradschool.model.adapters import AdapterReaders
from gradschool.model.engine import TextLoss
from gradschool.model.generation import batches, stream_tokens
from gradschool.model.local import LocalEngine
from gradschool.records import Decoding, Message

ASK = [(Message("user", text),) for text in ("Hi", "What is the capital of France?", "fox " * 9, "é", "The quick dog.")]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_batched_answers_equal_unbatched_answers(family: str, tmp_path: Path) -> None:
    engine = LocalEngine(tiny.save_model(tmp_path, family), batch_size=3)
    answers = dict(engine.answer(ASK, Decoding(max_new_tokens=8)))
    assert sorted(answers) == list(range(len(ASK)))
    network: Any = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    for position, conversation in enumerate(ASK):
        prompt = engine.chat.prompt_ids(conversation)
        ids = torch.tensor([prompt])
        plain = network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=8,
            do_sample=False,
            eos_token_id=list(engine.stop_ids),
        )[0, len(prompt) :].tolist()
        stopped = plain[-1] in engine.stop_ids
        answer = answers[position]
        assert answer.text == engine.chat.decode(plain[:-1] if stopped else plain)
        assert (answer.prompt_tokens, answer.new_tokens) == (len(prompt), len(plain))
        assert answer.stop == ("stop" if stopped else "length")
        assert "".join(engine.stream(conversation, Decoding(max_new_tokens=8))) == answer.text


def test_a_stream_computes_only_while_a_token_is_waited_for(engine: LocalEngine) -> None:
    """In between, the network may be given another adapter."""
    steps, never = 0, int(engine.network.config.vocab_size) - 1

    def count(*_: Any) -> None:
        nonlocal steps
        steps += 1

    hook = engine.network.register_forward_hook(count)
    try:
        tokens = stream_tokens(engine.network, engine.chat.prompt_ids(ASK[0]), [never], 4, Decoding())
        for said in range(1, 4):
            next(tokens)
            time.sleep(0.05)
            assert steps == said
        assert len(list(tokens)) == 1 and steps == 4
    finally:
        hook.remove()


def test_a_stop_token_ends_an_answer(engine: LocalEngine) -> None:
    free = dict(engine.answer(ASK[:1], Decoding(max_new_tokens=6)))[0]
    prompt = torch.tensor([engine.chat.prompt_ids(ASK[0])])
    with torch.inference_mode():
        first = int(engine.network(prompt).logits[0, -1].argmax())
    kept = engine.stop_ids
    try:
        engine.stop_ids = (*kept, first)
        answer = dict(engine.answer(ASK[:1], Decoding(max_new_tokens=6)))[0]
        assert (
            (answer.text, answer.stop, answer.new_tokens) == ("", "stop", 1) != (free.text, free.stop, free.new_tokens)
        )
        assert list(engine.stream(ASK[0], Decoding(max_new_tokens=6))) == []
    finally:
        engine.stop_ids = kept


def test_a_too_long_question_fails_without_affecting_others(engine: LocalEngine) -> None:
    long = (Message("user", "x" * 400),)
    answers = dict(engine.answer([long, ASK[0]], Decoding(max_new_tokens=2)))
    assert answers[0].failure is not None and answers[0].failure.kind == "too long for the model"
    assert answers[1].failure is None and answers[1].new_tokens
    with pytest.raises(ModelError, match="too long"):
        list(engine.stream(long, Decoding()))


def test_an_answer_is_limited_to_the_context(engine: LocalEngine) -> None:
    room = 3
    short = engine.count_tokens((Message("user", ""),))
    question = (Message("user", "é" * ((engine.context_length - room - short) // 2)),)
    room = engine.context_length - engine.count_tokens(question)
    assert room < 20
    answer = dict(engine.answer([question], Decoding(max_new_tokens=50)))[0]
    assert answer.new_tokens == room and answer.stop == "length"


def test_batches_group_similar_lengths_and_cut_none_short() -> None:
    lengths = {0: 5, 1: 90, 2: 7, 3: 95, 4: 6, 5: 90}
    limits = {name: min(20, 100 - length) for name, length in lengths.items()}
    assert list(batches(lengths, limits, 2)) == [[3], [1, 5], [2, 4], [0]]


def test_sampling_follows_its_seed(engine: LocalEngine) -> None:
    def say(seed: int) -> list[str]:
        decoding = Decoding(max_new_tokens=8, temperature=1.5, seed=seed)
        return [answer.text for _, answer in sorted(engine.answer(ASK, decoding), key=lambda item: item[0])]

    state = torch.random.get_rng_state()
    assert say(1) == say(1) != say(2)
    assert torch.equal(state, torch.random.get_rng_state())


def without_packing(engine: LocalEngine) -> LocalEngine:
    """The same engine, as it answers where a family cannot read packed rows."""
    plain = copy.copy(engine)
    plain.readers = AdapterReaders(replace(engine.reader(), packs=False))
    return plain


def test_a_family_that_cannot_pack_answers_the_same(engine: LocalEngine) -> None:
    decoding, plain = Decoding(max_new_tokens=9), without_packing(engine)
    packed, padded = ({p: (a.text, a.stop) for p, a in e.answer(ASK, decoding)} for e in (engine, plain))
    assert packed == padded
    assert list(plain.stream(ASK[1], decoding)) == list(engine.stream(ASK[1], decoding))
    texts = plain.write_texts(5, 9, seed=1)
    assert [len(text) for text in texts] == [9] * 5 and texts == plain.write_texts(5, 9, seed=1)


@pytest.mark.parametrize("packs", [True, False])
def test_out_of_memory_halves_the_batch(engine: LocalEngine, packs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, sizes = dict(engine.answer(ASK, Decoding(max_new_tokens=3))), []
    name = "decode" if packs else "in_batches"
    real = getattr(completion, name)
    engine = engine if packs else without_packing(engine)

    def small(*args: Any) -> Any:
        *_, size, _ = args  # and what constrains the answers
        sizes.append(size)
        for number, step in enumerate(real(*args)):
            if size > limit and number:  # not at once: some answers may be there already
                raise torch.OutOfMemoryError("out of memory")
            yield step

    monkeypatch.setattr(completion, name, small)
    limit = 1
    halved = dict(engine.answer(ASK, Decoding(max_new_tokens=3)))
    assert sizes == [4, 2, 1] and sorted(halved) == list(range(len(ASK)))
    assert {p: a.text for p, a in halved.items()} == {p: a.text for p, a in plain.items()}
    limit = 0
    with pytest.raises(ResourceError, match="even alone"):
        list(engine.answer(ASK, Decoding(max_new_tokens=3)))


def test_the_time_of_a_batch_is_divided_by_its_answers(engine: LocalEngine) -> None:
    began = time.perf_counter()
    answers = [answer for _, answer in engine.answer(ASK, Decoding(max_new_tokens=9))]
    assert 0 < sum(answer.seconds for answer in answers) < time.perf_counter() - began
    assert all(answer.seconds > 0 for answer in answers)


@pytest.mark.parametrize("packs", [True, False])
def test_text_losses_are_those_of_the_network(engine: LocalEngine, packs: bool) -> None:
    engine = engine if packs else without_packing(engine)
    texts = ["The quick brown fox", "", "é", "x" * 400]
    losses = engine.text_losses(texts)
    ids = torch.tensor([engine.tokenizer.encode(texts[0])])
    mean = engine.network(input_ids=ids, labels=ids).loss.item()
    assert losses[0].tokens == ids.shape[1] - 1
    assert losses[0].nats == pytest.approx(mean * losses[0].tokens, rel=1e-5)
    assert losses[1] == TextLoss(0.0, 0)
    pieces = -(-len(engine.tokenizer.encode(texts[3])) // engine.context_length)
    assert pieces > 1 and losses[3].tokens == len(engine.tokenizer.encode(texts[3])) - pieces


def test_identity_follows_the_weights(base: Path, engine: LocalEngine, tmp_path: Path) -> None:
    same = LocalEngine(Path(shutil.copytree(base, tmp_path / "same")), name=engine.name)
    assert same.identity == engine.identity
    other = LocalEngine(tiny.save_model(tmp_path / "other", hidden_size=64), name=engine.name)
    assert other.identity.weights != engine.identity.weights
    assert "float32" in engine.dtype_reason and engine.network.dtype == torch.float32


def test_sampling_settings_of_a_base_are_ignored(base: Path, engine: LocalEngine, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(base, tmp_path / "spoken"))
    own = {"do_sample": True, "temperature": 2.0, "repetition_penalty": 9.0, "eos_token_id": [7]}
    (folder / "generation_config.json").write_text(json.dumps(own))
    spoken = LocalEngine(folder)
    assert 7 in spoken.stop_ids
    spoken.stop_ids = engine.stop_ids
    decoding = Decoding(max_new_tokens=12)
    texts = [{p: a.text for p, a in e.answer(ASK, decoding)} for e in (engine, spoken)]
    assert texts[0] == texts[1]


def damaged(name: str, folder: Path) -> None:
    """Spoil a good base in one way."""
    config = json.loads((folder / "config.json").read_text())
    match name:
        case "no config":
            (folder / "config.json").unlink()
        case "broken config":
            (folder / "config.json").write_text("{")
        case "pickle only":
            (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        case "no weights":
            (folder / "model.safetensors").unlink()
        case "cut weights":
            whole = (folder / "model.safetensors").read_bytes()
            (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
        case "no tokenizer":
            (folder / "tokenizer.json").unlink()
        case "broken tokenizer":
            (folder / "tokenizer.json").write_text("{}")
        case "own code":
            config |= {"model_type": "mystery", "auto_map": {"AutoModelForCausalLM": "evil.Model"}}
            (folder / "config.json").write_text(json.dumps(config))
            (folder / "evil.py").write_text("raise SystemExit('ran foreign code')")
        case "unknown kind":
            (folder / "config.json").write_text(json.dumps(config | {"model_type": "mystery"}))
        case "missing layer":
            (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
        case "other shape":
            (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no config", "no config.json"),
        ("broken config", "cannot be read"),
        ("pickle only", "only as pytorch_model.bin"),
        ("no weights", "has no weights"),
        ("cut weights", "cannot be loaded"),
        ("no tokenizer", "has no tokenizer"),
        ("broken tokenizer", "tokenizer.json cannot be used"),
        ("own code", "code of its own"),
        ("unknown kind", "of a type that cannot be loaded"),
        ("missing layer", "not complete"),
        ("other shape", "do not fit its config.json"),
    ],
)
def test_an_unusable_folder_is_an_error_with_a_remedy(name: str, says: str, base: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    damaged(name, folder)
    with pytest.raises(ModelError, match=says) as caught:
        LocalEngine(folder)
    assert caught.value.why and caught.value.fix


@pytest.mark.parametrize(
    ("file", "values", "says"),
    [
        ("config.json", {"attention_dropout": "../../etc/passwd"}, "cannot be loaded"),
        ("config.json", {"max_position_embeddings": "many"}, "cannot be"),
        ("config.json", {"rms_norm_eps": [[]]}, "cannot be"),
        ("tokenizer_config.json", {"model_max_length": "long"}, "cannot encode"),
        ("generation_config.json", {"eos_token_id": [3, "x"]}, "cannot be"),
        ("tokenizer.json", {"pre_tokenizer": {"type": "ByteLevel"}}, "tokenizer.json cannot be used"),
        ("tokenizer.json", {"model": []}, "tokenizer.json cannot be used"),
    ],
)
def test_a_value_of_another_type_is_an_error_with_a_remedy(
    file: str, values: dict[str, Any], says: str, base: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | values))
    with pytest.raises(ModelError, match=says) as caught:
        LocalEngine(folder)
    assert caught.value.why and caught.value.fix


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
def test_lists_in_lists_are_an_error_with_a_remedy(file: str, base: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    (folder / file).write_text('{"model_type": ' + "[" * 50_000 + "]" * 50_000 + "}")
    with pytest.raises(ModelError):
        LocalEngine(folder)


def test_what_a_base_says_is_not_written_to_the_terminal(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rope_parameters": {"rope_type": "\x1b]0;owned\x07"}}))
    with contextlib.suppress(ModelError):
        LocalEngine(folder)
    written = capfd.readouterr()
    assert "owned" not in written.out + written.err + caplog.text
