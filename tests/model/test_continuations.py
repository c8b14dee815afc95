"""Continuations: each token has the loss that it has in the network's own forward pass, whatever is read with it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny
from gradschool.model.branches import packed
from gradschool.model.continuations import continuations
from gradschool.model.local import LocalEngine
from gradschool.model.reader import Reader, reader_of
from gradschool.records import Message

WINDOWED: dict[str, dict[str, Any]] = {
    "gemma2": {"sliding_window": 5, "final_logit_softcapping": 2.0, "attn_logit_softcapping": 3.0},
    "mistral": {"sliding_window": 5},
}
PROMPTS = ([1, 2, 3, 4, 5], [1, 2, 3, 9], [1, 2, 3])
TEXTS = ([[7], [8, 9, 10, 11]], [[20, 21], [22, 23], [24]], [[30, 31, 32]])


def log_probs(network: Any, prompt: list[int], text: list[int]) -> Tensor:
    logits: Tensor = network(input_ids=torch.tensor([prompt + text])).logits[0]
    return logits[len(prompt) - 1 : -1].log_softmax(-1)


@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize(
    ("family", "changes"), [*((family, {}) for family in tiny.FAMILIES), *WINDOWED.items()], ids=str
)
@torch.no_grad()
def test_losses_are_those_of_the_forward_pass(family: str, changes: dict[str, Any], packs: bool) -> None:
    plain = tiny.network(family, **changes)
    reader = reader_of(tiny.network(family, **changes))
    assert reader.packs
    if not packs:
        reader = Reader(plain, False, None)
    read = continuations(reader, PROMPTS, TEXTS)
    assert [len(its) for its in read] == [len(its) for its in TEXTS]
    for prompt, texts, its in zip(PROMPTS, TEXTS, read, strict=True):
        for text, one in zip(texts, its, strict=True):
            expected = log_probs(plain, prompt, text)
            nats = [-float(row[token]) for row, token in zip(expected, text, strict=True)]
            assert one.nats == pytest.approx(nats, abs=2e-3)
            assert one.greedy == tuple(int(row.argmax()) == token for row, token in zip(expected, text, strict=True))
            assert one.loss == pytest.approx(sum(nats), abs=5e-3)


def test_what_prompts_share_is_read_once() -> None:
    row = packed(PROMPTS, TEXTS)
    assert row.layout.prefix == 2  # the last token of each prompt predicts, so it is not shared
    assert len(row.ids) == 2 + (3 + 0 + 3) + (2 + 1 + 1 + 0) + (1 + 2)
    assert packed([[5, 6], [5, 6]], [[[1]], [[2]]]).layout.prefix == 1


def test_many_prompts_are_read_in_several_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = reader_of(tiny.network("llama"))
    together = continuations(reader, PROMPTS, TEXTS)
    monkeypatch.setattr("gradschool.model.continuations.PREFILL_TOKENS", 1)
    apart = continuations(reader, PROMPTS, TEXTS)
    for one, other in zip(together, apart, strict=True):
        assert [c.nats for c in one] == [pytest.approx(c.nats, abs=1e-4) for c in other]
    assert continuations(reader, [], []) == []


def test_an_engine_reads_beginnings_of_answers(base: Path, engine: LocalEngine) -> None:
    asked = (Message("user", "the fox"),)
    long = (Message("user", "dog " * engine.context_length),)
    read = engine.continuations([asked, long, asked], [["over", "over the dog"], ["x"], ["the"]])
    assert read[1] is None and read[0] and read[2]
    prompt, [ids] = engine.chat.begun_ids(asked, ["over the dog"])
    assert len(read[0][1].nats) == len(ids)
    assert engine.chat.render((*asked, Message("assistant", "over the dog"))).token_ids[: len(prompt) + len(ids)] == (
        *prompt,
        *ids,
    )
    assert engine.continuations([asked], [[""]]) == [None]
