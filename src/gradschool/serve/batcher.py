"""Continuous batching for all specialists of a local base, in one thread."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch

from gradschool.errors import GradschoolError
from gradschool.model.decoding import Token
from gradschool.model.loading import is_out_of_memory, out_of_memory
from gradschool.model.local import LocalEngine
from gradschool.model.memory import rows_at_once
from gradschool.records import Decoding
from gradschool.serve.decoder import Decoder, decoder_of

STEPS_PER_TURN = 8  # of one batch, before the next one's turn
MIN_TOKENS = 512  # of a row, question and answer, for which slots are sized
LOG = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Request:
    """A prompt to answer. `emit` is called with each token or an error, in the batcher's thread.

    With `top` likeliest tokens in each likelihood, if the decoding asks for these. The caller sets `cancelled` if it
    needs no more tokens.
    """

    adapter: str
    ids: tuple[int, ...]
    decoding: Decoding
    emit: Callable[[Token | GradschoolError], None]
    top: int = 0
    generated: list[int] = field(default_factory=list)
    cancelled: bool = False

    @property
    def max_tokens(self) -> int:
        """The maximum number of tokens of question and answer, rounded up to a power of two."""
        return max(MIN_TOKENS, 1 << (len(self.ids) + self.decoding.max_new_tokens - 1).bit_length())


@dataclass(frozen=True, slots=True)
class SamplingGroup:
    """The adapter, the sampling settings and the prompt prefix that requests of one batch have in common."""

    adapter: str
    temperature: float
    top_p: float
    prefix: tuple[int, ...] = ()
    log_probs: bool = False
    top: int = 0

    @classmethod
    def of(cls, request: Request) -> "SamplingGroup":
        """The group of a request, without a prefix."""
        asked = request.decoding
        return cls(request.adapter, asked.temperature, asked.top_p, log_probs=asked.log_probs, top=request.top)

    def matches(self, request: Request) -> bool:
        """Whether a request can be answered in a batch of this group."""
        prefix = request.ids[: len(self.prefix)] == self.prefix and len(request.ids) > len(self.prefix)
        return prefix and replace(self, prefix=()) == SamplingGroup.of(request)


@dataclass(slots=True)
class _Batch:
    group: SamplingGroup
    max_tokens: int  # of each row
    rows: dict[int, Request] = field(default_factory=dict)
    added: list[int] = field(default_factory=list)  # rows that are not in the decoder yet
    decoder: Decoder | None = None


class Batcher(threading.Thread):
    """A thread that answers at most `at_once` requests at the same time; others wait in order.

    `groups` are those of the specialists' own settings, whose prefixes stay in the KV cache. Requests with other
    settings get a batch of their own while there are any. All rows of a batch have slots of the same size, so requests
    are also divided by length, and each batch has as many slots as fit into memory. Batches take turns.
    """

    def __init__(self, engine: LocalEngine, groups: Sequence[SamplingGroup], at_once: int) -> None:
        super().__init__(name="gradschool-batcher", daemon=True)
        self._engine, self._at_once = engine, at_once
        self._readers = {group.adapter: engine.reader(group.adapter) for group in groups}
        self._groups = tuple(dict.fromkeys(groups))
        self._batches: list[_Batch] = []
        self._inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._names = 0
        self._ended = False

    def put(self, request: Request) -> None:
        """Add a request; may be called from any thread."""
        self._inbox.put(request)

    def end(self) -> None:
        """Stop the thread after the current step; may be called from any thread."""
        self._inbox.put(None)

    def run(self) -> None:
        """Answer requests until `end` is called."""
        while not self._ended:
            self._receive(wait=not (self._waiting or any(batch.rows for batch in self._batches)))
            self._admit()
            for batch in list(self._batches):
                if batch.rows and not self._ended:
                    self._run_turn(batch)
            self._batches = [batch for batch in self._batches if batch.rows or batch.group in self._groups]

    def _receive(self, wait: bool) -> None:
        """Move new requests from the inbox to the queue."""
        while wait or not self._inbox.empty():
            request = self._inbox.get()
            wait = False
            if request is None:
                self._ended = True
            else:
                self._waiting.append(request)

    def _admit(self) -> None:
        """Add waiting requests to their batches, up to the limit."""
        free = self._at_once - sum(len(batch.rows) for batch in self._batches)
        while self._waiting and free > 0:
            request = self._waiting.popleft()
            if not request.cancelled:
                self._names += 1
                batch = self._batch_for(request)
                batch.rows[self._names] = request
                batch.added.append(self._names)
                free -= 1

    def _batch_for(self, request: Request) -> _Batch:
        matching = [group for group in self._groups if group.matches(request)]
        group = max(matching, key=lambda group: len(group.prefix), default=SamplingGroup.of(request))
        wanted = group, request.max_tokens
        batch = next((batch for batch in self._batches if (batch.group, batch.max_tokens) == wanted), None)
        if batch is None:
            batch = _Batch(*wanted)
            self._batches.append(batch)
        return batch

    def _run_turn(self, batch: _Batch) -> None:
        """Some steps of one batch; new requests may join it meanwhile."""
        failed = no_memory = False
        try:
            for _ in range(STEPS_PER_TURN):
                for token in self._decoder(batch).step():
                    self._emit(batch, token)
                self._receive(wait=False)
                self._drop_cancelled(batch)
                self._admit()
                if self._ended or not batch.rows:
                    return
        except Exception as error:  # whatever it is, the other batches continue
            failed, no_memory = True, is_out_of_memory(error)
            if not no_memory:
                LOG.error("A step of the network failed.", exc_info=error)
        if failed:  # outside the handler, which still references the tensors
            self._recover(batch, no_memory)

    def _decoder(self, batch: _Batch) -> Decoder:
        """The decoder of a batch, with all of its rows."""
        group = batch.group
        if batch.decoder is None:
            reader, slots = self._readers[group.adapter], self._slots(batch.max_tokens)
            decoding = Decoding(temperature=group.temperature, top_p=group.top_p, log_probs=group.log_probs)
            batch.decoder = decoder_of(self._engine, reader, decoding, group.prefix, slots, group.top)
        for name in batch.added:
            request = batch.rows[name]
            ids, left = (*request.ids, *request.generated), request.decoding.max_new_tokens - len(request.generated)
            matcher = self._engine.matcher(request.decoding)
            if matcher:
                matcher.resume(request.generated)
            batch.decoder.add(name, ids, left, request.decoding.seed, matcher)
        batch.added.clear()
        return batch.decoder

    def _slots(self, max_tokens: int) -> int:
        network = self._engine.network
        return min(self._at_once, rows_at_once(network.config, network.dtype, max_tokens, self._engine.device))

    def _emit(self, batch: _Batch, token: Token) -> None:
        request = batch.rows.get(token.name)
        if request is not None:  # else it was cancelled during this step
            request.generated.append(token.token)
            request.emit(token)
            if token.last:
                del batch.rows[token.name]

    def _drop_cancelled(self, batch: _Batch) -> None:
        cancelled = {name for name, request in batch.rows.items() if request.cancelled}
        if cancelled:
            assert batch.decoder is not None
            batch.decoder.drop(cancelled)
            for name in cancelled:
                del batch.rows[name]
            if not batch.rows:
                batch.decoder.step()  # finishes the dropped rows, which frees their memory

    def _recover(self, batch: _Batch, no_memory: bool) -> None:
        """After a failed step: retry the rows with a lower limit if memory ran out, or else fail them."""
        total = sum(len(one.rows) for one in self._batches)
        rows = list(batch.rows.values())
        batch.rows.clear()
        batch.added.clear()
        batch.decoder = None
        if self._engine.device.type == "cuda":
            torch.cuda.empty_cache()
        if no_memory and self._at_once > 1:
            self._at_once = max(1, min(self._at_once, total) // 2)
            self._waiting.extendleft(reversed(rows))
            LOG.warning("Out of memory; at most %d requests are answered at once from now on.", self._at_once)
            return
        error = GradschoolError("The network failed to answer.", "The server's log has the details.")
        if no_memory:
            error = out_of_memory("A question does not fit into memory, even alone.")
        for request in rows:
            request.emit(error)
