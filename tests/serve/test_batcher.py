"""The batcher: which requests share a batch, which wait or are cancelled, and what happens if a step fails."""

import queue
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import made
from gradschool.errors import GradschoolError, ModelError, ResourceError
from gradschool.model.adapters import AdapterReaders
from gradschool.model.constrained import Matcher
from gradschool.model.decoding import Token
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.records import Decoding, Message
from gradschool.serve import batcher as module
from gradschool.serve.batcher import Batcher, Request, SamplingGroup
from gradschool.specialist import Recipe, Specialist

GREEDY = Decoding(max_new_tokens=5)
PATIENCE = 30.0


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return LocalEngine(POCKET, name="pocket")


@pytest.fixture(scope="module")
def adapters(engine: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("adapters")
    return [made.recipe_of(kind, engine, folder / kind).adapter for kind in ("tuned", "other")]


class Counting:
    """A decoder that generates 1, 2, 3, … for each row."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, int]] = {}
        self.most = 0
        self.dropped: set[int] = set()
        self.error: Exception | None = None
        self.fails_above = 1 << 30

    def add(self, name: int, ids: Sequence[int], limit: int, seed: int, matcher: Matcher | None = None) -> None:
        self.rows[name] = (0, limit)

    def step(self) -> list[Token]:
        time.sleep(0.001)
        self.most = max(self.most, len(self.rows))
        if self.error is not None and len(self.rows) > self.fails_above:
            raise self.error
        generated = []
        for name, (done, limit) in list(self.rows.items()):
            generated.append(Token(name, done + 1, done + 1 == limit))
            self.rows[name] = (done + 1, limit)
            if done + 1 == limit:
                del self.rows[name]
        return generated

    def drop(self, names: Collection[int]) -> None:
        self.dropped |= set(names)
        self.rows = {name: row for name, row in self.rows.items() if name not in names}


class Asker:
    """One request, and the tokens or errors that it received."""

    def __init__(self, adapter: str = "", ids: Sequence[int] = (1, 2), decoding: Decoding = GREEDY) -> None:
        self.events: queue.SimpleQueue[Token | GradschoolError] = queue.SimpleQueue()
        self.request = Request(adapter, tuple(ids), decoding, self.events.put)

    def all(self) -> list[int]:
        tokens = []
        while True:
            generated = self.events.get(timeout=PATIENCE)
            if isinstance(generated, GradschoolError):
                raise generated
            tokens.append(generated.token)
            if generated.last:
                return tokens


@contextmanager
def open_batcher(engine: LocalEngine, adapters: Sequence[str] = (), at_once: int = 8) -> Iterator[Batcher]:
    batcher = Batcher(engine, [SamplingGroup(adapter, 0.0, 1.0) for adapter in ("", *adapters)], at_once)
    batcher.start()
    try:
        yield batcher
    finally:
        batcher.end()
        batcher.join(PATIENCE)
        assert not batcher.is_alive()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> list[Counting]:
    """Decoders that only count, in the order in which batches create them."""
    asked: list[Counting] = []

    def decoder_of(*arguments: object) -> Counting:
        asked.append(Counting() if not asked or not asked[0].error else _like(asked[0]))
        return asked[-1]

    monkeypatch.setattr(module, "decoder_of", decoder_of)
    return asked


def _like(other: Counting) -> Counting:
    fresh = Counting()
    fresh.error, fresh.fails_above = other.error, other.fails_above
    return fresh


def ask(batcher: Batcher, askers: Sequence[Asker]) -> list[list[int]]:
    for asker in askers:
        batcher.put(asker.request)
    return [asker.all() for asker in askers]


def test_each_adapter_answers_as_its_specialist_also_with_others_at_once(
    engine: LocalEngine, adapters: list[str]
) -> None:
    words = ("Name a colour.", "Say hello.", "What is the capital of France?")
    conversations = [(Message("user", word),) for word in words]
    expected = {}
    for adapter in ("", *adapters):
        specialist = Specialist(engine, Recipe(adapter=adapter, decoding=Decoding(max_new_tokens=12)))
        expected |= {(adapter, i): answer.text for i, answer in specialist.answer(conversations)}
    assert len({tuple(expected[adapter, i] for i in range(3)) for adapter in ("", *adapters)}) == 3  # all differ
    with open_batcher(engine, adapters) as batcher:
        askers = {
            key: Asker(key[0], engine.chat.prompt_ids(conversations[key[1]]), Decoding(max_new_tokens=12))
            for key in expected
        }
        generated = dict(zip(askers, ask(batcher, list(askers.values())), strict=True))
    texts = {key: engine.chat.decode([t for t in ids if t not in engine.stop_ids]) for key, ids in generated.items()}
    assert texts == expected


def test_networks_without_packed_rows_answer_one_after_the_other(
    engine: LocalEngine, adapters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = Decoding(max_new_tokens=8)
    ids = [engine.chat.prompt_ids((Message("user", word),)) for word in ("Name a colour.", "Say hello.")]
    with open_batcher(engine, adapters) as batcher:
        expected = ask(batcher, [Asker(adapter, one, drawn) for adapter in adapters for one in ids])
    monkeypatch.setattr(engine, "readers", AdapterReaders(replace(engine.reader(), packs=False)))
    with open_batcher(engine, adapters) as batcher:
        assert ask(batcher, [Asker(adapter, one, drawn) for adapter in adapters for one in ids]) == expected


def test_no_more_requests_than_the_limit_are_answered_at_once(engine: LocalEngine, counting: list[Counting]) -> None:
    with open_batcher(engine, at_once=3) as batcher:
        assert ask(batcher, [Asker() for _ in range(10)]) == [[1, 2, 3, 4, 5]] * 10
    assert counting[0].most == 3


def test_cancelled_requests_make_space_for_others(engine: LocalEngine, counting: list[Counting]) -> None:
    endless = Decoding(max_new_tokens=1 << 30)
    with open_batcher(engine, at_once=2) as batcher:
        first, second, third = Asker(decoding=endless), Asker(decoding=endless), Asker()
        for asker in (first, second, third):
            batcher.put(asker.request)
        first.events.get(timeout=PATIENCE)
        assert third.events.empty()
        first.request.cancelled = True
        assert third.all() == [1, 2, 3, 4, 5]
        second.request.cancelled = True
        assert ask(batcher, [Asker()]) == [[1, 2, 3, 4, 5]]
    assert len(counting[0].dropped) == 2


def test_a_request_cancelled_while_waiting_is_never_started(engine: LocalEngine, counting: list[Counting]) -> None:
    with open_batcher(engine, at_once=1) as batcher:
        first, second, third = Asker(), Asker(), Asker()
        second.request.cancelled = True
        for asker in (first, second, third):
            batcher.put(asker.request)
        assert third.all() == first.all() == [1, 2, 3, 4, 5]
        assert second.events.empty()


def test_batches_take_turns(engine: LocalEngine, adapters: list[str], counting: list[Counting]) -> None:
    endless = Decoding(max_new_tokens=1 << 30)
    with open_batcher(engine, adapters) as batcher:
        long = [Asker(adapter, decoding=endless) for adapter in adapters]
        for asker in long:
            batcher.put(asker.request)
        for asker in long:
            asker.events.get(timeout=PATIENCE)
        assert ask(batcher, [Asker(), Asker(decoding=Decoding(5, temperature=0.7))]) == [[1, 2, 3, 4, 5]] * 2
        enough = [asker.events.qsize() + module.STEPS_PER_TURN for asker in long]
        while any(asker.events.qsize() <= count for asker, count in zip(long, enough, strict=True)):
            time.sleep(0.001)  # both continue
        for asker in long:
            asker.request.cancelled = True
    assert len(counting) == 4  # for each adapter, the bare base, and other sampling settings


def test_long_requests_have_batches_of_their_own_with_as_many_slots_as_fit_into_memory(
    engine: LocalEngine, counting: list[Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def decoder_of(*arguments: Any) -> Counting:
        asked.append(arguments[4])
        return Counting()

    monkeypatch.setattr(module, "decoder_of", decoder_of)
    monkeypatch.setattr(module, "rows_at_once", lambda config, dtype, tokens, device: 4096 // tokens)
    with open_batcher(engine, at_once=6) as batcher:
        askers = [Asker(), Asker(ids=range(1000)), Asker(ids=range(1019)), Asker(ids=range(1020)), Asker()]
        assert ask(batcher, askers) == [[1, 2, 3, 4, 5]] * 5
    assert asked == [6, 4, 2]  # 512, 1024 and 2048 tokens


def test_out_of_memory_lowers_the_limit(engine: LocalEngine, counting: list[Counting]) -> None:
    with open_batcher(engine, at_once=8) as batcher:
        assert ask(batcher, [Asker()]) == [[1, 2, 3, 4, 5]]
        counting[0].error, counting[0].fails_above = torch.OutOfMemoryError("out of memory"), 2
        generated = ask(batcher, [Asker() for _ in range(8)])
        assert all(len(tokens) == 5 for tokens in generated)  # tokens from before are not repeated
        assert 1 <= counting[-1].most <= 2


def test_an_answer_that_does_not_fit_alone_fails(engine: LocalEngine, counting: list[Counting]) -> None:
    with open_batcher(engine) as batcher:
        ask(batcher, [Asker()])
        counting[0].error, counting[0].fails_above = MemoryError(), 0
        with pytest.raises(ResourceError):
            ask(batcher, [Asker()])


def test_a_failed_step_fails_its_rows_and_no_others(
    engine: LocalEngine, adapters: list[str], counting: list[Counting], caplog: pytest.LogCaptureFixture
) -> None:
    with open_batcher(engine, adapters[:1]) as batcher:
        ask(batcher, [Asker(), Asker(adapters[0])])
        counting[0].error, counting[0].fails_above = RuntimeError("broken"), 0
        bad, good = Asker(), Asker(adapters[0])
        batcher.put(good.request)
        batcher.put(bad.request)
        with pytest.raises(GradschoolError, match="failed"):
            bad.all()
        assert good.all() == [1, 2, 3, 4, 5]
    assert "broken" in caplog.text


def test_prompts_with_and_without_the_cached_prefix_are_answered(engine: LocalEngine) -> None:
    ids = engine.chat.prompt_ids((Message("user", "Name a colour."),))
    other = engine.chat.prompt_ids((Message("system", "Be brief."), Message("user", "Name a colour.")))
    group = SamplingGroup("", 0.0, 1.0, tuple(ids[:4]))
    assert group.matches(Asker(ids=ids).request)
    for request in (Asker(ids=other), Asker(ids=ids[:4]), Asker("a", ids), Asker("", ids, Decoding(temperature=0.1))):
        assert not group.matches(request.request)
    with open_batcher(engine) as plain:
        expected = ask(plain, [Asker(ids=ids), Asker(ids=other)])
    batcher = Batcher(engine, [group], 4)
    batcher.start()
    assert ask(batcher, [Asker(ids=ids), Asker(ids=other), Asker(ids=ids)]) == [*expected, expected[0]]
    batcher.end()
    batcher.join(PATIENCE)


def test_an_adapter_that_does_not_fit_is_refused_at_the_start(engine: LocalEngine, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Batcher(engine, [SamplingGroup(str(tmp_path), 0.0, 1.0)], 1)
