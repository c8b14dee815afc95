"""How likely texts are as continuations of prompts: the loss of each token, and whether it is the most likely one."""

from collections.abc import Iterator, Sequence

import torch

from gradschool.model.branches import packed
from gradschool.model.engine import Continuation
from gradschool.model.memory import PREFILL_TOKENS
from gradschool.model.reader import Head, Reader

Tokens = Sequence[int]


def continuations(
    reader: Reader, prompts: Sequence[Tokens], texts: Sequence[Sequence[Tokens]]
) -> list[list[Continuation]]:
    """Read each text after its prompt; all texts have at least one token. Exact: no token is sampled.

    A prompt is read once for all of its texts, and what all prompts of a batch share is read once for all of them, if
    the network reads packed rows.
    """
    head = reader.head
    if not reader.packs or head is None:
        return [[_alone(reader, prompt, text) for text in its] for prompt, its in zip(prompts, texts, strict=True)]
    read: list[list[Continuation]] = []
    for start, end in _batches(prompts, texts):
        read += _packed(reader, head, prompts[start:end], texts[start:end])
    return read


def _batches(prompts: Sequence[Tokens], texts: Sequence[Sequence[Tokens]]) -> Iterator[tuple[int, int]]:
    """Ranges of prompts that fit into one pass, at least one each."""
    start = tokens = 0
    for end, (prompt, its) in enumerate(zip(prompts, texts, strict=True)):
        more = len(prompt) + sum(map(len, its))
        if end > start and tokens + more > PREFILL_TOKENS:
            yield start, end
            start, tokens = end, 0
        tokens += more
    if prompts:
        yield start, len(prompts)


@torch.inference_mode()
def _packed(
    reader: Reader, head: Head, prompts: Sequence[Tokens], texts: Sequence[Sequence[Tokens]]
) -> list[list[Continuation]]:
    row, device = packed(prompts, texts, reader.eyes), reader.network.device
    hidden = reader.hidden(
        torch.tensor([row.ids], device=device), torch.tensor([row.positions], device=device), row.layout
    )
    places = [place for its in row.predicted for text in its for place in text]
    targets = [token for its in texts for text in its for token in text]
    nats, greedy = head.predictions(hidden[torch.tensor(places, device=device)], torch.tensor(targets, device=device))
    each = iter(zip(nats.tolist(), greedy.tolist(), strict=True))
    return [[_continuation([next(each) for _ in text]) for text in its] for its in texts]


@torch.inference_mode()
def _alone(reader: Reader, prompt: Tokens, text: Tokens) -> Continuation:
    """One text after its prompt, by the network's own forward pass."""
    ids = torch.tensor([[*prompt, *text[:-1]]], device=reader.network.device)
    logits = reader.network(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 :].float()
    log_probs, best = logits.log_softmax(-1), logits.argmax(-1).tolist()
    nats = -log_probs.gather(1, torch.tensor(text, device=logits.device)[:, None]).squeeze(1)
    return _continuation(list(zip(nats.tolist(), (a == b for a, b in zip(best, text, strict=True)), strict=True)))


def _continuation(tokens: Sequence[tuple[float, bool]]) -> Continuation:
    nats, greedy = zip(*tokens, strict=True)
    return Continuation(tuple(map(float, nats)), tuple(map(bool, greedy)))
