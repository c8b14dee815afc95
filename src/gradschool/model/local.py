"""The local engine: a network on this machine that answers, streams, and says how likely a text is."""

import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import functional
from transformers import GenerationConfig

from gradschool.errors import ModelError
from gradschool.model.chat import Chat
from gradschool.model.engine import TextLoss
from gradschool.model.generation import batches, generate, stream_tokens
from gradschool.model.loading import (
    choose_device,
    choose_dtype,
    hash_weights,
    is_out_of_memory,
    load,
    out_of_memory,
)
from gradschool.model.reader import reader_of
from gradschool.records import Answer, Conversation, Decoding, Failure

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LOSS_BATCH = 16  # texts at once; their logits are the largest thing in memory
NO_LIMIT = 1 << 30  # tokenizers write absurd lengths where they know none
IGNORED = -100


class LocalEngine:
    """A base in a folder, loaded once and ready to answer.

    `network` is the transformers model itself (training attaches its layers to it), `tokenizer` and `chat` turn
    conversations into tokens. `name` and `revision` say where the folder came from. `dtype_reason` says why this
    number format was chosen. Raises ModelError where folder, weights, tokenizer or chat template are unfit, and
    ResourceError where memory runs out.
    """

    network: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"

    def __init__(
        self,
        folder: Path,
        *,
        name: str | None = None,
        revision: str = "",
        batch_size: int = 32,
        template: str | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.folder, self.name, self.revision, self.batch_size = folder, name or str(folder), revision, batch_size
        self.device = device or choose_device()
        chosen, reason = choose_dtype(folder, self.device) if dtype is None else (dtype, f"{dtype}: asked for")
        self.dtype_reason = reason
        self.network, self.tokenizer = load(folder, self.device, chosen)
        self.reader = reader_of(self.network)
        self.chat = Chat(self.tokenizer, template)
        ends = self.network.generation_config.eos_token_id if self.network.generation_config else None
        self.stop_ids = tuple(sorted({*self.chat.stop_ids, *([ends] if isinstance(ends, int) else ends or [])}))
        # Some bases bring sampling settings and penalties of their own, which would act unseen on every answer.
        self.network.generation_config = GenerationConfig(eos_token_id=list(self.stop_ids))

    @cached_property
    def identity(self) -> dict[str, str]:
        """Which base this is, exactly: by name, revision, and the hashes of weights and chat template."""
        return {
            "kind": "local",
            "name": self.name,
            "revision": self.revision,
            "weights": hash_weights(self.folder),
            "template": self.chat.template_hash,
        }

    @property
    def pad_id(self) -> int:
        """The token that fills up rows; any will do, since it is masked."""
        pad = self.tokenizer.pad_token_id
        return pad if isinstance(pad, int) else 0

    @property
    def context_length(self) -> int:
        """The most tokens that a conversation and its answer may have together."""
        config = self.network.config.get_text_config()
        known = getattr(config, "max_position_embeddings", None) or self.tokenizer.model_max_length
        return int(known) if known < NO_LIMIT else 2048

    def count_tokens(self, conversation: Conversation) -> int:
        """How many tokens the conversation takes, up to where the answer begins."""
        return len(self.chat.prompt_ids(conversation))

    def answer(self, conversations: Sequence[Conversation], decoding: Decoding) -> Iterator[tuple[int, Answer]]:
        """Answer in batches of similar length; yields (position in the input, answer) as batches finish.

        A conversation that the model cannot read whole gets a failure of its own. A batch that does not fit into
        memory is halved, and later ones stay so small; ResourceError where a single one does not fit.
        """
        prompts: dict[int, list[int]] = {}
        for position, conversation in enumerate(conversations):
            ids = self.chat.prompt_ids(conversation)
            if len(ids) > self.context_length - 1:
                yield position, _too_long(len(ids), self.context_length)
            else:
                prompts[position] = ids
        batch_size = self.batch_size
        lengths = {position: len(ids) for position, ids in prompts.items()}
        waiting = list(batches(lengths, self.context_length, decoding.max_new_tokens, batch_size))
        while waiting:
            batch = waiting.pop(0)
            if len(batch) > batch_size:
                waiting[:0] = [batch[i : i + batch_size] for i in range(0, len(batch), batch_size)]
                continue
            started = time.perf_counter()
            try:
                rows = self._generate([prompts[position] for position in batch], decoding)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise out_of_memory("A question does not fit into memory, even alone.") from error
                batch_size = max(1, len(batch) // 2)
                rows = []
            if not rows:  # outside of the handler, so that the failed batch's tensors are free
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                waiting.insert(0, batch)
                continue
            seconds = (time.perf_counter() - started) / len(batch)
            for position, ids in zip(batch, rows, strict=True):
                yield position, self._answer(len(prompts[position]), ids, seconds)

    def stream(self, conversation: Conversation, decoding: Decoding) -> Iterator[str]:
        """Answer one conversation piece by piece; raises ModelError where it is too long for the model."""
        prompt = self.chat.prompt_ids(conversation)
        if len(prompt) > self.context_length - 1:
            failure = _too_long(len(prompt), self.context_length).failure
            assert failure is not None
            raise ModelError(f"The conversation is {failure.kind}.", failure.reason, "begin a new conversation.")
        limit = min(decoding.max_new_tokens, self.context_length - len(prompt))
        ids: list[int] = []
        sent = ""
        for token in stream_tokens(self.network, prompt, self.stop_ids, limit, decoding):
            if token in self.stop_ids:
                continue
            ids.append(token)
            text = self.chat.decode(ids)
            # A letter may take several tokens; until the last is there, its place shows U+FFFD.
            if not text.endswith("\ufffd") and text.startswith(sent):
                if piece := text[len(sent) :]:
                    yield piece
                sent = text
        if rest := self.chat.decode(ids)[len(sent) :]:
            yield rest

    def write_texts(self, count: int, tokens: int, seed: int) -> list[list[int]]:
        """Let the base write plain texts of its own, drawn at random: token ids, its start token first.

        A base without a start token begins with the one that ends a text, as it does between two texts in training.
        """
        known = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.pad_id)
        start = next(token for token in known if isinstance(token, int))
        texts: list[list[int]] = []
        for done in range(0, count, self.batch_size):
            prompts = [[start]] * min(self.batch_size, count - done)
            decoding = Decoding(temperature=1.0, seed=seed + done)
            rows = generate(self.network, prompts, self.stop_ids, tokens - 1, decoding, min_new_tokens=tokens - 1)
            texts += [[start, *row] for row in rows]
        return texts

    def text_losses(self, texts: Sequence[str]) -> list[TextLoss]:
        """How unlikely plain texts are, in nats; a text longer than the context is read in pieces of that length.

        The first token counts only where the tokenizer puts a start token before it.
        """
        pieces: list[tuple[int, list[int]]] = []
        for position, text in enumerate(texts):
            ids = self.tokenizer.encode(text)
            parts = [ids[start : start + self.context_length] for start in range(0, len(ids), self.context_length)]
            pieces += [(position, part) for part in parts if len(part) > 1]
        pieces.sort(key=lambda piece: len(piece[1]))
        nats, counts = [0.0] * len(texts), [0] * len(texts)
        for start in range(0, len(pieces), LOSS_BATCH):
            batch = pieces[start : start + LOSS_BATCH]
            losses = self._row_losses([ids for _, ids in batch])
            for (position, ids), loss in zip(batch, losses, strict=True):
                nats[position] += loss
                counts[position] += len(ids) - 1
        return [TextLoss(nat, count) for nat, count in zip(nats, counts, strict=True)]

    def _row_losses(self, rows: list[list[int]]) -> list[float]:
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=self.device)
        there = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.device)
        with torch.inference_mode():
            logits = self.network(input_ids=ids, attention_mask=there, use_cache=False).logits[:, :-1]
            targets = ids[:, 1:].masked_fill(there[:, 1:] == 0, IGNORED)
            losses = functional.cross_entropy(
                logits.float().transpose(1, 2), targets, reduction="none", ignore_index=IGNORED
            )
        return [float(loss) for loss in losses.double().sum(1)]

    def _generate(self, prompts: list[list[int]], decoding: Decoding) -> list[list[int]]:
        limit = min(decoding.max_new_tokens, self.context_length - max(map(len, prompts)))
        return generate(self.network, prompts, self.stop_ids, limit, decoding)

    def _answer(self, prompt_tokens: int, ids: list[int], seconds: float) -> Answer:
        stopped = bool(ids) and ids[-1] in self.stop_ids
        text = self.chat.decode(ids[:-1] if stopped else ids)
        return Answer(text, "stop" if stopped else "length", prompt_tokens, len(ids), seconds)


def _too_long(tokens: int, context_length: int) -> Answer:
    reason = f"The question takes {tokens} tokens; the model reads at most {context_length}, the answer included."
    return Answer("", "error", tokens, failure=Failure("too long for the model", reason))
