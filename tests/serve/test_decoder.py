"""Rows that are added and dropped at any step are answered as each alone."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import tiny
from gradschool.model.local import LocalEngine
from gradschool.records import Conversation, Decoding, Message
from gradschool.serve.decoder import Decoder, OneRowDecoder, PackedDecoder, decoder_of

LIMIT = 12
ASKED: list[Conversation] = [(Message("user", "word " * k + "hello?"),) for k in (1, 9, 3, 14, 2, 6)]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LocalEngine]:
    folder = tmp_path_factory.mktemp("families")
    return {family: LocalEngine(tiny.save_model(folder / family, family)) for family in ("llama", "qwen3", "gemma2")}


def joined(decoder: Decoder, prompts: Sequence[Sequence[int]], every: int, seed: int = 0) -> dict[int, list[int]]:
    """The tokens of prompts, one of which is added every few steps."""
    generated: dict[int, list[int]] = {}
    active, steps = 0, 0
    while len(generated) < len(prompts) or active:
        if steps % every == 0 and len(generated) < len(prompts):
            decoder.add(len(generated), prompts[len(generated)], LIMIT, seed)
            generated[len(generated)] = []
            active += 1
        for one in decoder.step():
            generated[one.name].append(one.token)
            active -= one.last
        steps += 1
        assert steps < 1000
    return generated


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2"])
@pytest.mark.parametrize("shared", [0, 3])
def test_rows_that_are_added_later_are_answered_as_each_alone(
    family: str, shared: int, engines: dict[str, LocalEngine]
) -> None:
    engine = engines[family]
    prompts = [engine.chat.prompt_ids(asked) for asked in ASKED]
    alone = dict(engine.answer(ASKED, Decoding(max_new_tokens=LIMIT)))
    for kind in (
        PackedDecoder(engine, engine.reader(), Decoding(), prompts[0][:shared], 4),
        OneRowDecoder(engine, engine.reader(), Decoding()),
    ):
        generated = joined(kind, prompts, every=3)
        for number, ids in generated.items():
            text = engine.chat.decode([token for token in ids if token not in engine.stop_ids])
            assert (text, len(ids)) == (alone[number].text, alone[number].new_tokens)


def test_packed_rows_are_used_if_the_network_reads_them(engines: dict[str, LocalEngine]) -> None:
    engine = engines["llama"]
    assert isinstance(decoder_of(engine, engine.reader(), Decoding(), (), 2), PackedDecoder)


def test_a_sampled_answer_depends_on_its_seed_alone(engines: dict[str, LocalEngine]) -> None:
    engine = engines["llama"]
    prompts = [engine.chat.prompt_ids(ASKED[0])] * 4
    sampled = Decoding(temperature=1.5, top_p=0.9)
    together = joined(PackedDecoder(engine, engine.reader(), sampled, (), 4), prompts, every=2, seed=5)
    assert len(set(map(tuple, together.values()))) == 1
    other = joined(PackedDecoder(engine, engine.reader(), sampled, (), 1), prompts[:1], every=1, seed=6)
    assert other[0] != together[0]


@pytest.mark.parametrize("kind", [PackedDecoder, OneRowDecoder])
def test_dropped_rows_free_their_slots(kind: type, engines: dict[str, LocalEngine]) -> None:
    engine = engines["llama"]
    prompts = [engine.chat.prompt_ids(asked) for asked in ASKED[:3]]
    more = ((), 2) if kind is PackedDecoder else ()
    decoder = kind(engine, engine.reader(), Decoding(), *more)
    alone = joined(OneRowDecoder(engine, engine.reader(), Decoding()), prompts[2:], every=1)[0]
    for number, prompt in enumerate(prompts):  # the third one waits for a slot
        decoder.add(number, prompt, LIMIT, 0)
    decoder.step()
    decoder.drop({0, 1})
    tokens = [one for _ in range(LIMIT + 4) for one in decoder.step()]
    assert [one.token for one in tokens if one.name == 2] == alone
    assert sum(one.name in (0, 1) for one in tokens) <= 2  # at most one more token of each


def test_a_step_without_rows_has_no_tokens(engines: dict[str, LocalEngine], tmp_path: Path) -> None:
    engine = engines["llama"]
    assert PackedDecoder(engine, engine.reader(), Decoding(), (), 1).step() == []
    assert OneRowDecoder(engine, engine.reader(), Decoding()).step() == []


def test_likelihoods_are_the_same_for_packed_and_single_rows(engines: dict[str, LocalEngine]) -> None:
    engine, asked = engines["llama"], Decoding(log_probs=True)
    prompts = [engine.chat.prompt_ids(conversation) for conversation in ASKED[:3]]
    found: list[dict[tuple[int, int], float]] = []
    for decoder in (
        PackedDecoder(engine, engine.reader(), asked, prompts[0][:3], 4),
        OneRowDecoder(engine, engine.reader(), asked),
    ):
        for name, prompt in enumerate(prompts):
            decoder.add(name, prompt, LIMIT, 0)
        tokens: dict[int, list[float]] = {name: [] for name in range(3)}
        left = 3
        while left:
            for one in decoder.step():
                assert one.likelihood is not None
                tokens[one.name].append(one.likelihood.log_prob)
                left -= one.last
        found.append({(name, place): value for name, values in tokens.items() for place, value in enumerate(values)})
    assert found[0].keys() == found[1].keys() and found[0] == pytest.approx(found[1], abs=1e-4)
