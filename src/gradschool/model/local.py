"""The local engine: a network on this machine that answers, streams, and says how likely a text is."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import functional
from transformers import GenerationConfig

from gradschool.errors import ModelError
from gradschool.model.attention import Segments
from gradschool.model.chat import Chat
from gradschool.model.decoding import decode
from gradschool.model.engine import TextLoss
from gradschool.model.generation import in_batches, stream_tokens
from gradschool.model.kv_cache import grouped
from gradschool.model.loading import hash_weights, is_out_of_memory, load, out_of_memory
from gradschool.model.machine import choose_device, choose_dtype, choose_threads
from gradschool.model.memory import rows_at_once
from gradschool.model.reader import Head, reader_of
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
    number format was chosen. With `four_bits` the layers are packed (four_bits.py). Raises ModelError where folder,
    weights, tokenizer or chat template are unfit, and ResourceError where memory runs out.
    """

    network: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"

    def __init__(
        self,
        folder: Path,
        *,
        name: str | None = None,
        revision: str = "",
        batch_size: int | None = None,
        template: str | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        four_bits: bool = False,
    ) -> None:
        self.folder, self.name, self.revision, self.batch_size = folder, name or str(folder), revision, batch_size
        self.device = device or choose_device()
        chosen, reason = choose_dtype(folder, self.device) if dtype is None else (dtype, f"{dtype}: asked for")
        self.dtype_reason, self.four_bits = reason + "; layers are held in 4 bits" * four_bits, four_bits
        threads, threads_reason = choose_threads()
        torch.set_num_threads(threads)
        self.threads_reason = f"{threads} threads: {threads_reason}"
        self.network, self.tokenizer = load(folder, self.device, chosen, four_bits)
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
            **({"bits": "4"} if self.four_bits else {}),
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
        """Answer many at once; yields (position in the input, answer) as each is done.

        A conversation that the model cannot read whole gets a failure of its own. Where memory runs out, half as many
        are answered at once; ResourceError where a single one does not fit.
        """
        prompts: dict[int, list[int]] = {}
        for position, conversation in enumerate(conversations):
            ids = self.chat.prompt_ids(conversation)
            if len(ids) > self.context_length - 1:
                yield position, _too_long(len(ids), self.context_length)
            else:
                prompts[position] = ids
        waiting, at_once = dict(prompts), self._at_once(prompts, decoding)
        while waiting:
            try:
                for position, ids, seconds in self._continue(waiting, decoding, at_once):
                    del waiting[position]
                    yield position, self._answer(len(prompts[position]), ids, seconds)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if at_once == 1 or len(waiting) == 1:
                    raise out_of_memory("A question does not fit into memory, even alone.") from error
                at_once = max(1, min(at_once, len(waiting)) // 2)
            if waiting and self.device.type == "cuda":
                torch.cuda.empty_cache()  # outside of the handler, so that what did not fit is free

    def _at_once(self, prompts: Mapping[int, list[int]], decoding: Decoding) -> int:
        if self.batch_size is not None:
            return self.batch_size
        tokens = max(map(len, prompts.values()), default=0) + decoding.max_new_tokens
        return rows_at_once(self.network.config, self.network.dtype, tokens, self.device)

    def _continue(
        self, prompts: Mapping[int, list[int]], decoding: Decoding, at_once: int, min_new_tokens: int = 0
    ) -> Iterator[tuple[int, list[int], float]]:
        """Answer prompts; yields (position, tokens, seconds), a step's time shared by the rows in it."""
        limits = {p: min(decoding.max_new_tokens, self.context_length - len(ids)) for p, ids in prompts.items()}
        if not self.reader.packs:
            yield from in_batches(self.network, dict(prompts), self.stop_ids, limits, decoding, min_new_tokens, at_once)
            return
        said: dict[int, list[int]] = {position: [] for position in prompts}
        seconds = dict.fromkeys(prompts, 0.0)
        began = time.perf_counter()
        for step in decode(self.reader, dict(prompts), self.stop_ids, limits, decoding, min_new_tokens, at_once):
            share = (time.perf_counter() - began) / len(step)
            for piece in step:
                said[piece.name].append(piece.token)
                seconds[piece.name] += share
            for piece in step:
                if piece.last:
                    yield piece.name, said.pop(piece.name), seconds[piece.name]
            began = time.perf_counter()

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
        for token in self._tokens(prompt, limit, decoding):
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

    def _tokens(self, prompt: list[int], limit: int, decoding: Decoding) -> Iterator[int]:
        if self.reader.packs:
            for step in decode(self.reader, {0: prompt}, self.stop_ids, {0: limit}, decoding, slots=1):
                yield step[0].token
        else:
            yield from stream_tokens(self.network, prompt, self.stop_ids, limit, decoding)

    def write_texts(self, count: int, tokens: int, seed: int) -> list[list[int]]:
        """Let the base write plain texts of its own, drawn at random: token ids, its start token first.

        A base without a start token begins with the one that ends a text, as it does between two texts in training.
        """
        known = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.pad_id)
        start = next(token for token in known if isinstance(token, int))
        decoding = Decoding(max_new_tokens=tokens - 1, temperature=1.0, seed=seed)
        prompts = {name: [start] for name in range(count)}
        texts: dict[int, list[int]] = {}
        for name, ids, _ in self._continue(
            prompts, decoding, self._at_once(prompts, decoding), min_new_tokens=tokens - 1
        ):
            texts[name] = [start, *ids]
        return [texts[name] for name in range(count)]

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
        if self.reader.packs and self.reader.head is not None:
            return self._packed_losses(rows, self.reader.head)
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

    @torch.inference_mode()
    def _packed_losses(self, rows: list[list[int]], head: Head) -> list[float]:
        """The losses of rows that are sorted by length."""
        ids = torch.tensor([[token for row in rows for token in row]], device=self.device)
        places = torch.tensor([[place for row in rows for place in range(len(row))]], device=self.device)
        lengths = [len(row) for row in rows]
        hidden = self.reader.hidden(ids, places, Segments(0, grouped(lengths)))
        last = torch.tensor(lengths, device=self.device).cumsum(0) - 1
        predicting = torch.ones(len(hidden), dtype=torch.bool, device=self.device).index_fill(0, last, False)
        nats = head.nats(hidden[predicting], ids[0].roll(-1)[predicting]).double()
        return [float(row.sum()) for row in nats.split_with_sizes([length - 1 for length in lengths])]

    def _answer(self, prompt_tokens: int, ids: list[int], seconds: float) -> Answer:
        stopped = bool(ids) and ids[-1] in self.stop_ids
        text = self.chat.decode(ids[:-1] if stopped else ids)
        return Answer(text, "stop" if stopped else "length", prompt_tokens, len(ids), seconds)


def _too_long(tokens: int, context_length: int) -> Answer:
    reason = f"The question takes {tokens} tokens; the model reads at most {context_length}, the answer included."
    return Answer("", "error", tokens, failure=Failure("too long for the model", reason))
