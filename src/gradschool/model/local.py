"""The local engine: a base on this machine, with any number of adapters."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers import GenerationConfig

from gradschool.errors import ModelError
from gradschool.model.adapters import AdapterReaders
from gradschool.model.chat import Chat, Unfit
from gradschool.model.compared import compared
from gradschool.model.completion import Completion, complete, complete_by_token, complete_in_memory
from gradschool.model.constrained import Constrainer, Matcher
from gradschool.model.continuations import continuations
from gradschool.model.detokenizer import IncrementalDetokenizer
from gradschool.model.engine import Continuation, TextLoss, refuse_too_long, too_long
from gradschool.model.gguf_cache import again, demand_unchanged, source_of
from gradschool.model.image_tokens import is_image_token
from gradschool.model.loading import hash_files, hash_weights, load, unusable_values
from gradschool.model.losses import row_losses
from gradschool.model.machine import choose_device, choose_dtype, training_dtype
from gradschool.model.memory import rows_at_once
from gradschool.model.onednn import bound_caches
from gradschool.model.places import name_of
from gradschool.model.reader import Reader, reader_of
from gradschool.model.seeing import eyes_in, unreadable_images
from gradschool.model.signals import signals_of
from gradschool.model.threads import choose_threads, threads_for
from gradschool.records import (
    Answer,
    BaseIdentity,
    Constraint,
    Conversation,
    Decoding,
    Failure,
    Image,
    NumberFormat,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NO_LIMIT = 1 << 30  # tokenizers state absurd lengths if they know none


class LocalEngine:
    """A base model in a folder, loaded once and ready to answer, with any adapter.

    `network` is the plain transformers model without adapters; nothing is ever attached to it. `tokenizer` and `chat`
    turn conversations into tokens; `context_length` is the maximum number of tokens of a conversation with its answer.
    `name` and `revision` say where the folder came from, `dtype_reason` why this number format was chosen; `answering`
    and `training` are the formats that a run began with. `warnings` are sentences about the base for the user. With
    `quantization` the linear layers are quantized when they are loaded (four_bits.py). Raises ModelError if folder,
    weights, tokenizer or chat template are unfit, and ResourceError if memory runs out.
    """

    network: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    chat: Chat
    trains = True

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
        answering: NumberFormat | None = None,
        training: NumberFormat | None = None,
        quantization: Literal["nf4"] | None = None,
    ) -> None:
        self.folder, self.name, self.revision, self.batch_size = folder, name or name_of(folder), revision, batch_size
        self.device, self.quantization = device or choose_device(), quantization
        self._training = training if training and training.device == self.device.type else None
        if answering and answering.device == self.device.type:
            chosen, reason = getattr(torch, answering.name), answering.reason
        else:
            chosen, reason = choose_dtype(folder, self.device) if dtype is None else (dtype, f"{dtype}: asked for")
        self.answering_format = _format(chosen, self.device, reason)
        self.dtype_reason = reason + ("; layers are quantized to 4 bits" if quantization else "")
        bound_caches()
        threads, threads_reason = choose_threads()
        torch.set_num_threads(threads)
        self.threads_reason = f"{threads} thread{'s' if threads > 1 else ''}: {threads_reason}"
        self.training_threads = threads_for(self.device)
        warnings: list[str] = []
        try:
            self.network, self.tokenizer = load(folder, self.device, chosen, quantization, warnings)
        except ModelError as error:
            if fix := again(folder):
                raise ModelError(error.what, error.why, fix) from error
            raise
        self.warnings = tuple(warnings)
        self.network.requires_grad_(False)
        self.eyes = eyes_in(self.network)
        with unusable_values(folder):
            self.readers = AdapterReaders(reader_of(self.network, threads_for(self.device)))
            if self.eyes and self.eyes.packed_only and not self.readers.base.packs:
                raise unreadable_images(f"The base in {folder}", "Its network does not read packed rows exactly")
            self.chat = Chat(self.tokenizer, template, self.eyes)
            ends = self.network.generation_config.eos_token_id if self.network.generation_config else None
            self.stop_ids = tuple(sorted({*self.chat.stop_ids, *([ends] if isinstance(ends, int) else ends or [])}))
            self.context_length = self._context_length()
        # Some bases come with sampling settings and penalties, which would silently change every answer.
        self.network.generation_config = GenerationConfig(eos_token_id=list(self.stop_ids))

    @cached_property
    def identity(self) -> BaseIdentity:
        """Identifies the base: name, revision, and the hashes of weights, chat template and all other files."""
        weights, files = hash_weights(self.folder), hash_files(self.folder)
        demand_unchanged(self.folder, weights, files)
        return BaseIdentity(
            "local",
            self.name,
            self.revision,
            weights=weights,
            template=self.chat.template_hash,
            bits="4" if self.quantization else "",
            files=files,
            gguf=source_of(self.folder),
        )

    @cached_property
    def training_format(self) -> NumberFormat:
        """The number format to train LoRA layers over this base in, and the reason."""
        if self._training:
            return self._training
        dtype, reason = training_dtype(self.network)
        return _format(dtype, self.device, reason)

    def pictured(self, images: Sequence[Image]) -> list[float]:
        """What the base sees of images, as the mean over them of one vector each. It must have eyes."""
        assert self.eyes
        found: list[float] = torch.stack([self.eyes.pooled(image) for image in images]).mean(0).tolist()
        return found

    @property
    def training_dtype(self) -> torch.dtype:
        """The number format to train LoRA layers over this base in."""
        dtype: torch.dtype = getattr(torch, self.training_format.name)
        return dtype

    @property
    def repeats_exactly(self) -> bool:
        """Whether a question gets the same answer in any batch; lower precision rounds differently in each."""
        return self.network.dtype in (torch.float32, torch.float64)

    def with_weights(self, folder: Path) -> "LocalEngine":
        """An engine over fully tuned weights of this base, with the same name and chat template."""
        if self.folder == folder:
            return self
        return LocalEngine(
            folder,
            name=self.name,
            revision=self.revision,
            batch_size=self.batch_size,
            template=self.chat.template,
        )

    def reader(self, adapter: str = "") -> Reader:
        """The network with an adapter folder applied, or the plain base; raises ModelError if it does not fit."""
        return self.readers.get(adapter)

    @property
    def pad_id(self) -> int:
        """The padding token; any token will do, since padding is masked."""
        pad = self.tokenizer.pad_token_id
        return pad if isinstance(pad, int) else 0

    def _context_length(self) -> int:
        config = self.network.config.get_text_config()
        known = getattr(config, "max_position_embeddings", None) or self.tokenizer.model_max_length
        return int(known) if known < NO_LIMIT else 2048

    def count_tokens(self, conversation: Conversation) -> int:
        """The number of tokens of a conversation, up to where the answer begins."""
        return len(self.chat.prompt_ids(conversation))

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        """Answer conversations in batches; yields (position in the input, answer) as each is finished.

        A conversation that exceeds the context, or that the chat template does not take, gets a failure. If memory runs
        out, the batch size is halved; raises ResourceError if a single conversation does not fit.
        """
        reader = self.reader(adapter)
        prompts: dict[int, list[int]] = {}
        for position, conversation in enumerate(conversations):
            try:
                ids = self.chat.prompt_ids(conversation)
            except Unfit as error:
                yield position, Answer("", "error", failure=Failure("no answer", f"{error.what} {error.why}"))
                continue
            if len(ids) < self.context_length:
                prompts[position] = ids
            else:
                yield position, too_long(len(ids), self.context_length, sum(map(is_image_token, ids)))

        if decoding.constraint and decoding.compares:
            places, asked = list(prompts), [conversations[position] for position in prompts]
            yield from ((places[n], one) for n, one in compared(self, asked, decoding.constraint, adapter))
            return

        matcher = self.matcher(decoding)

        def some(waiting: Mapping[int, Sequence[int]], batch_size: int) -> Iterator[Completion]:
            limits = self._limits(waiting, decoding)
            return complete(reader, waiting, self.stop_ids, limits, decoding, batch_size, matcher=matcher)

        for done in complete_in_memory(prompts, self._batch_size(prompts, decoding), some, self.device):
            yield done.name, self._answer_of(len(prompts[done.name]), done)

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        """Answer one conversation as a stream of text; raises ModelError if it exceeds the context."""
        reader, prompt = self.reader(adapter), self.chat.prompt_ids(conversation)
        refuse_too_long(len(prompt), self.context_length, sum(map(is_image_token, prompt)))
        if decoding.compares:
            yield from (answer.text for _, answer in self.answer([conversation], decoding, adapter))
            return
        limit, text = self._limits({0: prompt}, decoding)[0], IncrementalDetokenizer(self.chat.decode)
        for token in complete_by_token(reader, prompt, self.stop_ids, limit, decoding, self.matcher(decoding)):
            if token not in self.stop_ids and (chunk := text.add(token)):
                yield chunk
        if rest := text.end():
            yield rest

    @cached_property
    def constrainer(self) -> Constrainer:
        """What constrains answers of this base; raises ModelError if that cannot read its tokenizer."""
        vocabulary = self.network.get_output_embeddings().weight.shape[0]
        return Constrainer(self.tokenizer, vocabulary, self.stop_ids)

    def token_bytes(self, token: int) -> bytes:
        """A token as bytes, which need not be whole characters."""
        try:
            return self.constrainer.token_bytes(token)
        except ModelError:  # whole characters, then
            return self.chat.decode([token], skip_special_tokens=False).encode()

    def demand_constraint(self, constraint: Constraint) -> None:
        """Raise ModelError for a schema that llguidance does not take, or if it does not read the tokenizer."""
        self.constrainer.matcher(constraint)

    def matcher(self, decoding: Decoding) -> Matcher | None:
        """What constrains an answer from its beginning; None if it is free."""
        return self.constrainer.matcher(decoding.constraint) if decoding.constraint else None

    def write_texts(self, count: int, tokens: int, seed: int) -> list[list[int]]:
        """Sample plain texts from the base, without a prompt: token ids, the start token first.

        A base without a start token begins with its end-of-text token, which separates texts in pretraining.
        """
        known = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.pad_id)
        start = next(token for token in known if isinstance(token, int))
        decoding = Decoding(max_new_tokens=tokens - 1, temperature=1.0, seed=seed)
        prompts = {name: [start] for name in range(count)}
        limits, batch_size = self._limits(prompts, decoding), self._batch_size(prompts, decoding)
        written = complete(self.reader(), prompts, self.stop_ids, limits, decoding, batch_size, tokens - 1)
        texts = {done.name: [start, *done.token_ids] for done in written}
        return [texts[name] for name in range(count)]

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        """The losses of plain texts, in nats; a text longer than the context is read in chunks of that length.

        The first token counts only if the tokenizer puts a start token before it.
        """
        chunks: list[tuple[int, list[int]]] = []
        for position, text in enumerate(texts):
            ids = self.chat.text_ids(text)
            parts = [ids[start : start + self.context_length] for start in range(0, len(ids), self.context_length)]
            chunks += [(position, part) for part in parts if len(part) > 1]
        chunks.sort(key=lambda chunk: len(chunk[1]))
        nats, counts = [0.0] * len(texts), [0] * len(texts)
        losses = row_losses(self.reader(adapter), [ids for _, ids in chunks])
        for (position, ids), loss in zip(chunks, losses, strict=True):
            nats[position] += loss
            counts[position] += len(ids) - 1
        return [TextLoss(nat, count) for nat, count in zip(nats, counts, strict=True)]

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        """How likely each text is as the beginning of the answer; None for a conversation with texts that do not fit.

        Conversations of similar length are read together, whatever their order is.
        """
        begun: dict[int, tuple[list[int], list[list[int]]]] = {}
        for position, (conversation, its) in enumerate(zip(conversations, texts, strict=True)):
            try:
                prompt, ids = self.chat.begun_ids(conversation, its, ended)
            except Unfit:
                continue
            if its and all(own and len(prompt) + len(own) <= self.context_length for own in ids):
                begun[position] = prompt, ids
        order = sorted(begun, key=lambda position: len(begun[position][0]))
        prompts, answers = [begun[position][0] for position in order], [begun[position][1] for position in order]
        found = dict(zip(order, continuations(self.reader(adapter), prompts, answers), strict=True))
        return [found.get(position) for position in range(len(conversations))]

    def _batch_size(self, prompts: Mapping[int, Sequence[int]], decoding: Decoding) -> int:
        if self.batch_size is not None:
            return self.batch_size
        tokens = max(map(len, prompts.values()), default=0) + decoding.max_new_tokens
        return rows_at_once(self.network.config, self.network.dtype, tokens, self.device)

    def _limits(self, prompts: Mapping[int, Sequence[int]], decoding: Decoding) -> dict[int, int]:
        """The maximum number of new tokens for each prompt."""
        return {name: min(decoding.max_new_tokens, self.context_length - len(ids)) for name, ids in prompts.items()}

    def _answer_of(self, prompt_tokens: int, done: Completion) -> Answer:
        ids = done.token_ids
        stopped = bool(ids) and ids[-1] in self.stop_ids
        text = self.chat.decode(ids[:-1] if stopped else ids)
        stop: Literal["stop", "length"] = "stop" if stopped else "length"
        return Answer(text, stop, prompt_tokens, len(ids), done.seconds, signals=signals_of(done.likelihoods))


def _format(dtype: torch.dtype, device: torch.device, reason: str) -> NumberFormat:
    name: Any = str(dtype).removeprefix("torch.")
    return NumberFormat(name, device.type, reason)
