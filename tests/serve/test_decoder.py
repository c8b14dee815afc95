"""Rows that come and go answer as each would alone, token by token."""

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
    """What is said to prompts of which another one comes in every few steps."""
    said: dict[int, list[int]] = {}
    under_way, steps = 0, 0
    while len(said) < len(prompts) or under_way:
        if steps % every == 0 and len(said) < len(prompts):
            decoder.add(len(said), prompts[len(said)], LIMIT, seed)
            said[len(said)] = []
            under_way += 1
        for one in decoder.step():
            said[one.name].append(one.token)
            under_way -= one.last
        steps += 1
        assert steps < 1000
    return said


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2"])
@pytest.mark.parametrize("shared", [0, 3])
def test_rows_that_join_one_another_answer_as_each_alone(
    family: str, shared: int, engines: dict[str, LocalEngine]
) -> None:
    engine = engines[family]
    prompts = [engine.chat.prompt_ids(asked) for asked in ASKED]
    alone = dict(engine.answer(ASKED, Decoding(max_new_tokens=LIMIT)))
    for kind in (
        PackedDecoder(engine, engine.reader(), Decoding(), prompts[0][:shared], 4),
        OneRowDecoder(engine, engine.reader(), Decoding()),
    ):
        said = joined(kind, prompts, every=3)
        for number, ids in said.items():
            text = engine.chat.decode([token for token in ids if token not in engine.stop_ids])
            assert (text, len(ids)) == (alone[number].text, alone[number].new_tokens)


def test_packed_rows_are_used_where_the_network_reads_them(engines: dict[str, LocalEngine]) -> None:
    engine = engines["llama"]
    assert isinstance(decoder_of(engine, engine.reader(), Decoding(), (), 2), PackedDecoder)


def test_a_sampled_answer_depends_on_its_seed_alone(engines: dict[str, LocalEngine]) -> None:
    engine = engines["llama"]
    prompts = [engine.chat.prompt_ids(ASKED[0])] * 4
    drawn = Decoding(temperature=1.5, top_p=0.9)
    together = joined(PackedDecoder(engine, engine.reader(), drawn, (), 4), prompts, every=2, seed=5)
    assert len(set(map(tuple, together.values()))) == 1
    other = joined(PackedDecoder(engine, engine.reader(), drawn, (), 1), prompts[:1], every=1, seed=6)
    assert other[0] != together[0]


@pytest.mark.parametrize("kind", [PackedDecoder, OneRowDecoder])
def test_rows_that_are_dropped_free_their_places(kind: type, engines: dict[str, LocalEngine]) -> None:
    engine = engines["llama"]
    prompts = [engine.chat.prompt_ids(asked) for asked in ASKED[:3]]
    more = ((), 2) if kind is PackedDecoder else ()
    decoder = kind(engine, engine.reader(), Decoding(), *more)
    alone = joined(OneRowDecoder(engine, engine.reader(), Decoding()), prompts[2:], every=1)[0]
    for number, prompt in enumerate(prompts):  # the third one waits for a place
        decoder.add(number, prompt, LIMIT, 0)
    decoder.step()
    decoder.drop({0, 1})
    heard = [one for _ in range(LIMIT + 4) for one in decoder.step()]
    assert [one.token for one in heard if one.name == 2] == alone
    assert sum(one.name in (0, 1) for one in heard) <= 2  # at most the tokens that were under way


def test_nothing_to_do_is_no_step(engines: dict[str, LocalEngine], tmp_path: Path) -> None:
    engine = engines["llama"]
    assert PackedDecoder(engine, engine.reader(), Decoding(), (), 1).step() == []
    assert OneRowDecoder(engine, engine.reader(), Decoding()).step() == []
