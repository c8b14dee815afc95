"""Lanes: who is answered together, who waits, who leaves, and what happens when a step fails."""

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
    """A decoder that says 1, 2, 3, … to each row; steps wait for `go`, where there is one."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, int]] = {}
        self.most = 0
        self.dropped: set[int] = set()
        self.error: Exception | None = None
        self.breaks_above = 1 << 30

    def add(self, name: int, ids: Sequence[int], limit: int, seed: int) -> None:
        self.rows[name] = (0, limit)

    def step(self) -> list[Token]:
        time.sleep(0.001)
        self.most = max(self.most, len(self.rows))
        if self.error is not None and len(self.rows) > self.breaks_above:
            raise self.error
        said = []
        for name, (done, limit) in list(self.rows.items()):
            said.append(Token(name, done + 1, done + 1 == limit))
            self.rows[name] = (done + 1, limit)
            if done + 1 == limit:
                del self.rows[name]
        return said

    def drop(self, names: Collection[int]) -> None:
        self.dropped |= set(names)
        self.rows = {name: row for name, row in self.rows.items() if name not in names}


class Asker:
    """One request, and what was told to it."""

    def __init__(self, adapter: str = "", ids: Sequence[int] = (1, 2), decoding: Decoding = GREEDY) -> None:
        self.heard: queue.SimpleQueue[Token | GradschoolError] = queue.SimpleQueue()
        self.request = Request(adapter, tuple(ids), decoding, self.heard.put)

    def all(self) -> list[int]:
        tokens = []
        while True:
            said = self.heard.get(timeout=PATIENCE)
            if isinstance(said, GradschoolError):
                raise said
            tokens.append(said.token)
            if said.last:
                return tokens


@contextmanager
def open_lanes(engine: LocalEngine, adapters: Sequence[str] = (), at_once: int = 8) -> Iterator[Batcher]:
    lanes = Batcher(engine, [SamplingGroup(adapter, 0.0, 1.0) for adapter in ("", *adapters)], at_once)
    lanes.start()
    try:
        yield lanes
    finally:
        lanes.end()
        lanes.join(PATIENCE)
        assert not lanes.is_alive()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> list[Counting]:
    """Decoders that only count, in the order in which lanes ask for them."""
    asked: list[Counting] = []

    def decoder_of(*arguments: object) -> Counting:
        asked.append(Counting() if not asked or not asked[0].error else _like(asked[0]))
        return asked[-1]

    monkeypatch.setattr(module, "decoder_of", decoder_of)
    return asked


def _like(other: Counting) -> Counting:
    fresh = Counting()
    fresh.error, fresh.breaks_above = other.error, other.breaks_above
    return fresh


def ask(lanes: Batcher, askers: Sequence[Asker]) -> list[list[int]]:
    for asker in askers:
        lanes.put(asker.request)
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
    with open_lanes(engine, adapters) as lanes:
        askers = {
            key: Asker(key[0], engine.chat.prompt_ids(conversations[key[1]]), Decoding(max_new_tokens=12))
            for key in expected
        }
        said = dict(zip(askers, ask(lanes, list(askers.values())), strict=True))
    texts = {key: engine.chat.decode([t for t in ids if t not in engine.stop_ids]) for key, ids in said.items()}
    assert texts == expected


def test_networks_that_cannot_read_packed_rows_answer_one_after_the_other(
    engine: LocalEngine, adapters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = Decoding(max_new_tokens=8)
    ids = [engine.chat.prompt_ids((Message("user", word),)) for word in ("Name a colour.", "Say hello.")]
    with open_lanes(engine, adapters) as lanes:
        expected = ask(lanes, [Asker(adapter, one, drawn) for adapter in adapters for one in ids])
    monkeypatch.setattr(engine, "readers", AdapterReaders(replace(engine.reader(), packs=False)))
    with open_lanes(engine, adapters) as lanes:
        assert ask(lanes, [Asker(adapter, one, drawn) for adapter in adapters for one in ids]) == expected


def test_no_more_than_the_places_are_answered_at_once(engine: LocalEngine, counting: list[Counting]) -> None:
    with open_lanes(engine, at_once=3) as lanes:
        assert ask(lanes, [Asker() for _ in range(10)]) == [[1, 2, 3, 4, 5]] * 10
    assert counting[0].most == 3


def test_those_who_are_gone_leave_and_others_get_their_places(engine: LocalEngine, counting: list[Counting]) -> None:
    endless = Decoding(max_new_tokens=1 << 30)
    with open_lanes(engine, at_once=2) as lanes:
        first, second, third = Asker(decoding=endless), Asker(decoding=endless), Asker()
        for asker in (first, second, third):
            lanes.put(asker.request)
        first.heard.get(timeout=PATIENCE)
        assert third.heard.empty()
        first.request.gone = True
        assert third.all() == [1, 2, 3, 4, 5]
        second.request.gone = True
        assert ask(lanes, [Asker()]) == [[1, 2, 3, 4, 5]]
    assert len(counting[0].dropped) == 2


def test_who_left_while_waiting_is_never_begun(engine: LocalEngine, counting: list[Counting]) -> None:
    with open_lanes(engine, at_once=1) as lanes:
        first, second, third = Asker(), Asker(), Asker()
        second.request.gone = True
        for asker in (first, second, third):
            lanes.put(asker.request)
        assert third.all() == first.all() == [1, 2, 3, 4, 5]
        assert second.heard.empty()


def test_lanes_take_turns(engine: LocalEngine, adapters: list[str], counting: list[Counting]) -> None:
    endless = Decoding(max_new_tokens=1 << 30)
    with open_lanes(engine, adapters) as lanes:
        long = [Asker(adapter, decoding=endless) for adapter in adapters]
        for asker in long:
            lanes.put(asker.request)
        for asker in long:
            asker.heard.get(timeout=PATIENCE)
        assert ask(lanes, [Asker(), Asker(decoding=Decoding(5, temperature=0.7))]) == [[1, 2, 3, 4, 5]] * 2
        heard = [asker.heard.qsize() for asker in long]
        while any(asker.heard.qsize() <= before + module.TURN for asker, before in zip(long, heard, strict=True)):
            time.sleep(0.001)  # both go on
        for asker in long:
            asker.request.gone = True
    assert len(counting) == 4  # one of each adapter, one of the bare base, one of the other manner


def test_long_requests_have_lanes_of_their_own_and_no_more_places_than_memory_bears(
    engine: LocalEngine, counting: list[Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def decoder_of(*arguments: Any) -> Counting:
        asked.append(arguments[4])
        return Counting()

    monkeypatch.setattr(module, "decoder_of", decoder_of)
    monkeypatch.setattr(module, "rows_at_once", lambda config, dtype, tokens, device: 4096 // tokens)
    with open_lanes(engine, at_once=6) as lanes:
        askers = [Asker(), Asker(ids=range(1000)), Asker(ids=range(1019)), Asker(ids=range(1020)), Asker()]
        assert ask(lanes, askers) == [[1, 2, 3, 4, 5]] * 5
    assert asked == [6, 4, 2]  # 512, 1024 and 2048 tokens


def test_where_memory_runs_out_fewer_are_answered_at_once(engine: LocalEngine, counting: list[Counting]) -> None:
    with open_lanes(engine, at_once=8) as lanes:
        assert ask(lanes, [Asker()]) == [[1, 2, 3, 4, 5]]
        counting[0].error, counting[0].breaks_above = torch.OutOfMemoryError("out of memory"), 2
        said = ask(lanes, [Asker() for _ in range(8)])
        assert all(len(tokens) == 5 for tokens in said)  # what was said before stays said
        assert 1 <= counting[-1].most <= 2


def test_an_answer_that_does_not_fit_alone_is_told_so(engine: LocalEngine, counting: list[Counting]) -> None:
    with open_lanes(engine) as lanes:
        ask(lanes, [Asker()])
        counting[0].error, counting[0].breaks_above = MemoryError(), 0
        with pytest.raises(ResourceError):
            ask(lanes, [Asker()])


def test_a_step_that_fails_fails_its_rows_and_no_others(
    engine: LocalEngine, adapters: list[str], counting: list[Counting], caplog: pytest.LogCaptureFixture
) -> None:
    with open_lanes(engine, adapters[:1]) as lanes:
        ask(lanes, [Asker(), Asker(adapters[0])])
        counting[0].error, counting[0].breaks_above = RuntimeError("broken"), 0
        bad, good = Asker(), Asker(adapters[0])
        lanes.put(good.request)
        lanes.put(bad.request)
        with pytest.raises(GradschoolError, match="failed"):
            bad.all()
        assert good.all() == [1, 2, 3, 4, 5]
    assert "broken" in caplog.text


def test_what_prompts_share_is_read_once_and_a_prompt_without_it_is_answered_too(engine: LocalEngine) -> None:
    ids = engine.chat.prompt_ids((Message("user", "Name a colour."),))
    other = engine.chat.prompt_ids((Message("system", "Be brief."), Message("user", "Name a colour.")))
    group = SamplingGroup("", 0.0, 1.0, tuple(ids[:4]))
    assert group.fits(Asker(ids=ids).request)
    for request in (Asker(ids=other), Asker(ids=ids[:4]), Asker("a", ids), Asker("", ids, Decoding(temperature=0.1))):
        assert not group.fits(request.request)
    with open_lanes(engine) as plain:
        expected = ask(plain, [Asker(ids=ids), Asker(ids=other)])
    lanes = Batcher(engine, [group], 4)
    lanes.start()
    assert ask(lanes, [Asker(ids=ids), Asker(ids=other), Asker(ids=ids)]) == [*expected, expected[0]]
    lanes.end()
    lanes.join(PATIENCE)


def test_an_adapter_that_does_not_fit_is_refused_before_anything_is_served(engine: LocalEngine, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Batcher(engine, [SamplingGroup(str(tmp_path), 0.0, 1.0)], 1)
