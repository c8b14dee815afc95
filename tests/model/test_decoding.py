"""Batches of prompts: each one is continued as transformers continues it alone."""

from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import tiny
from gradschool.model import decoding
from gradschool.model.decoding import Token, decode, sample
from gradschool.model.generation import Sampler, likelihoods_of
from gradschool.model.reader import Reader, reader_of
from gradschool.model.threads import Threads
from gradschool.records import Decoding

CHANGES: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 7},
    "phi3": {"sliding_window": 7},
    "gemma3": {"sliding_window": 7, "layer_types": ["sliding_attention", "full_attention"]},
    "gemma2": {"sliding_window": 7, "final_logit_softcapping": 5.0, "attn_logit_softcapping": 3.0},
}
GREEDY = Decoding()


def prompts_of(count: int, prefix: int, seed: int = 0) -> dict[int, list[int]]:
    """Prompts of different lengths with a common prefix."""
    draw = torch.Generator().manual_seed(seed)
    shared = torch.randint(300, (prefix,), generator=draw).tolist()
    lengths = torch.randint(1, 12, (count,), generator=draw).tolist()
    return {name: shared + torch.randint(300, (n,), generator=draw).tolist() for name, n in enumerate(lengths)}


def alone(network: Any, prompt: list[int], stop_ids: list[int], limit: int) -> list[int]:
    """The tokens with which transformers continues one prompt."""
    ids = torch.tensor([prompt])
    options = {"max_new_tokens": limit, "do_sample": False, "eos_token_id": stop_ids, "pad_token_id": 0}
    rows: list[list[int]] = network.generate(ids, attention_mask=torch.ones_like(ids), **options).tolist()
    return rows[0][len(prompt) :]


def together(
    reader: Reader, prompts: dict[int, list[int]], stop_ids: list[int], **options: Any
) -> dict[int, list[int]]:
    """The continuations of all prompts, each of which must end with `last`."""
    defaults: dict[str, Any] = {"max_new_tokens": dict.fromkeys(prompts, 14), "decoding": GREEDY, "slots": 3}
    generated: dict[int, list[int]] = {name: [] for name in prompts}
    done = set()
    for token in chain.from_iterable(decode(reader, prompts, stop_ids, **defaults | options)):
        assert token.name not in done
        generated[token.name].append(token.token)
        done |= {token.name} if token.last else set()
    assert done == set(prompts)
    return generated


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_repeating_a_step_to_time_it_changes_nothing(family: str) -> None:
    reader = reader_of(tiny.network(family, **CHANGES.get(family, {})))
    now, used = iter(range(0, 10**9, 1000)), set()
    threads = Threads(2, clock=lambda: next(now), use=used.add)
    prompts = prompts_of(8, 9)
    assert together(replace(reader, threads=threads), prompts, [319]) == together(reader, prompts, [319])
    assert used == {1, 2}


def test_tokens_are_sampled_for_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, prompts, sizes = reader_of(tiny.network("llama")), prompts_of(5, 4), list[int]()
    sampling = Decoding(temperature=0.9, top_p=0.9, seed=3, log_probs=True)

    def answers() -> list[list[Token]]:
        return list(decode(reader, prompts, [319], dict.fromkeys(prompts, 6), sampling, slots=5))

    def recorded(logits: Tensor, *others: Any) -> Tensor:
        sizes.append(len(logits))
        return sample(logits, *others)

    whole = answers()
    monkeypatch.setattr(decoding, "sample", recorded)
    monkeypatch.setattr(decoding, "CHUNK_NUMBERS", 2 * tiny.SIZES["vocab_size"])
    assert answers() == whole and max(sizes) == 2


@pytest.mark.parametrize("prefix", [0, 9])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_each_prompt_is_continued_as_alone(family: str, prefix: int) -> None:
    changes = CHANGES.get(family, {})
    prompts, plain = prompts_of(8, prefix), tiny.network(family, **changes)
    first, second = (alone(plain, prompts[name], [319], 14) for name in (0, 1))
    stop_ids = [first[5], second[2], 319]  # so that rows end at different times
    limits = {name: 14 - name % 3 for name in prompts}
    expected = {name: alone(plain, prompt, stop_ids, limits[name]) for name, prompt in prompts.items()}
    assert len({len(generated) for generated in expected.values()}) > 2
    reader = reader_of(tiny.network(family, **changes))
    for slots in (1, 3, 20):
        assert together(reader, prompts, stop_ids, slots=slots, max_new_tokens=limits) == expected


def test_each_row_has_a_separate_maximum() -> None:
    prompts = prompts_of(6, 4)
    limits = {name: 1 + 3 * name for name in prompts}
    generated = together(reader_of(tiny.network()), prompts, [319], max_new_tokens=limits)
    assert {name: len(tokens) for name, tokens in generated.items()} == limits


def test_slots_grow_with_long_answers() -> None:
    prompts, plain = prompts_of(2, 3), tiny.network()
    generated = together(reader_of(tiny.network()), prompts, [319], max_new_tokens={0: 100, 1: 140})
    assert generated == {name: alone(plain, prompts[name], [319], limit) for name, limit in ((0, 100), (1, 140))}


def test_equal_prompts_and_prompts_that_are_prefixes_of_others() -> None:
    prompts, plain = {0: [5, 6, 7], 1: [5, 6, 7], 2: [5, 6, 7, 8], 3: [5]}, tiny.network()
    generated = together(reader_of(tiny.network()), prompts, [319], slots=4)
    assert generated == {name: alone(plain, prompt, [319], 14) for name, prompt in prompts.items()}


def test_a_row_does_not_stop_before_its_minimum() -> None:
    reader, prompts = reader_of(tiny.network()), prompts_of(4, 2)
    free = together(reader, prompts, [319])
    stop = free[0][0]
    assert len(together(reader, prompts, [stop])[0]) == 1
    generated = together(reader, prompts, [stop], min_new_tokens=5)
    assert all(stop not in tokens[:5] and len(tokens) >= 5 for tokens in generated.values())


def test_samples_depend_on_seed_and_row_alone() -> None:
    reader, prompts = reader_of(tiny.network()), prompts_of(7, 5)
    sampling = Decoding(temperature=1.5, top_p=0.9, seed=3)
    state = torch.random.get_rng_state()
    generated = together(reader, prompts, [319], decoding=sampling, slots=7)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert together(reader, prompts, [319], decoding=sampling, slots=2) == generated
    some = {name: prompts[name] for name in (1, 4)}
    assert together(reader, some, [319], decoding=sampling) == {name: generated[name] for name in some}
    assert together(reader, prompts, [319], decoding=Decoding(temperature=1.5, top_p=0.9, seed=4)) != generated


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (2.0, 0.7), (1.0, 0.01)])
def test_samples_have_the_right_probabilities(temperature: float, top_p: float) -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0, -1.0, 2.5]])
    probs = (logits / temperature).softmax(-1)[0]
    order = probs.argsort(descending=True)
    before = probs[order].cumsum(0) - probs[order]
    allowed = torch.zeros(5).index_fill(0, order[before < top_p], 1.0)
    expected = probs * allowed / (probs * allowed).sum()
    uniforms = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    sampled = sample(logits.expand(20_000, -1), uniforms, Decoding(temperature=temperature, top_p=top_p))
    counted = torch.bincount(sampled, minlength=5) / 20_000
    torch.testing.assert_close(counted, expected, atol=2e-4, rtol=0)


@pytest.mark.parametrize("temperature", [1e-8, 1e-40, 5e-324])
def test_a_very_low_temperature_chooses_the_likeliest_token(temperature: float) -> None:
    uniforms = torch.tensor([0.0, 0.5, 0.999], dtype=torch.float64)
    logits = torch.tensor([[1.0, 50.0, -2000.0, 0.0]]).expand(3, -1)
    assert sample(logits, uniforms, Decoding(temperature=temperature)).tolist() == [1, 1, 1]
    sampler = Sampler(Decoding(temperature=temperature), torch.device("cpu"))
    assert sampler(torch.zeros(3, 1), logits).argmax(-1).tolist() == [1, 1, 1]


@pytest.mark.parametrize("top_p", [0.0, 1e-12])
def test_the_smallest_nucleus_is_the_likeliest_token(top_p: float) -> None:
    uniforms = torch.tensor([0.0, 0.5, 0.999], dtype=torch.float64)
    logits = torch.tensor([[1.0, 5.0, 2.0, 0.0]]).expand(3, -1)
    assert sample(logits, uniforms, Decoding(temperature=1.0, top_p=top_p)).tolist() == [1, 1, 1]


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1), st.floats(0.01, 5), st.integers(0, 99))
def test_any_number_samples_a_possible_token(uniform: float, top_p: float, temperature: float, seed: int) -> None:
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(seed)) * 20
    uniforms = torch.tensor([uniform], dtype=torch.float64)
    sampled = sample(logits, uniforms, Decoding(temperature=temperature, top_p=top_p))
    assert 0 <= int(sampled) < 50 and (logits / temperature).softmax(-1)[0, int(sampled)] > 0


@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3"])
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_likelihoods_are_those_of_a_forward_pass(family: str, temperature: float) -> None:
    """In any batch, for greedy and for sampled tokens, stop tokens included."""
    network, reader = tiny.network(family), reader_of(tiny.network(family))
    prompts, decoding = prompts_of(5, 6), Decoding(temperature=temperature, seed=2, log_probs=True)
    limits = dict.fromkeys(prompts, 7)
    found: dict[int, list[Any]] = {name: [] for name in prompts}
    for one in chain.from_iterable(decode(reader, prompts, [319], limits, decoding, slots=3)):
        found[one.name].append(one)
    for name, prompt in prompts.items():
        expected = likelihoods_of(network, prompt, [one.token for one in found[name]])
        for one, other in zip(found[name], expected, strict=True):
            assert one.likelihood.log_prob == pytest.approx(other.log_prob, abs=1e-4)
            assert one.likelihood.margin == pytest.approx(other.margin, abs=1e-4)
            assert temperature or one.likelihood.margin >= 0
        with torch.no_grad():
            alone = network(torch.tensor([[*prompt, *(one.token for one in found[name])]])).logits[0].log_softmax(-1)
        assert expected[0].log_prob == pytest.approx(float(alone[len(prompt) - 1, found[name][0].token]), abs=1e-5)
    plain = chain.from_iterable(decode(reader, prompts, [319], limits, replace(decoding, log_probs=False), slots=3))
    assert {one.likelihood for one in plain} == {None}
