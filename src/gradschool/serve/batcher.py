"""Who is answered together: requests for one adapter, drawn alike and about as long, share a lane of the network."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from gradschool.errors import GradschoolError
from gradschool.model.decoding import Token
from gradschool.model.loading import is_out_of_memory, out_of_memory
from gradschool.model.local import LocalEngine
from gradschool.model.memory import rows_at_once
from gradschool.records import Decoding
from gradschool.serve.decoder import Decoder, decoder_of

TURN = 8  # steps of one lane before the next one's turn
MIN_ROOM = 512  # tokens
LOG = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Request:
    """A prompt on its way through the lanes. `tell` is called with each token, from the lanes' thread.

    Whoever asked sets `gone` when no answer is wanted any more.
    """

    adapter: str
    ids: tuple[int, ...]
    decoding: Decoding
    tell: Callable[[Token | GradschoolError], None]
    said: list[int] = field(default_factory=list)
    gone: bool = False

    @property
    def room(self) -> int:
        """Tokens that it may need, question and answer, up to the next power of two."""
        return max(MIN_ROOM, 1 << (len(self.ids) + self.decoding.max_new_tokens - 1).bit_length())


@dataclass(frozen=True, slots=True)
class SamplingGroup:
    """What requests in a lane have in common: the adapter, how tokens are drawn, and what their prompts begin with."""

    adapter: str
    temperature: float
    top_p: float
    prefix: tuple[int, ...] = ()

    def fits(self, request: Request) -> bool:
        """Whether a request can be answered in this manner."""
        drawn = (request.decoding.temperature, request.decoding.top_p) == (self.temperature, self.top_p)
        alike = request.ids[: len(self.prefix)] == self.prefix and len(request.ids) > len(self.prefix)
        return drawn and alike and request.adapter == self.adapter


@dataclass(slots=True)
class _Lane:
    group: SamplingGroup
    room: int
    rows: dict[int, Request] = field(default_factory=dict)
    fresh: list[int] = field(default_factory=list)  # rows that the decoder does not know yet
    decoder: Decoder | None = None


class Batcher(threading.Thread):
    """The thread that owns a network and answers with it: `at_once` requests are under way, the others wait in order.

    `manners` are those of the specialists as they are; their prefixes are kept. Requests that are asked for in another
    manner get a lane for as long as there are any. Each row of a lane takes as much memory as the longest, so long and
    short requests have lanes of their own, with as many places as memory bears. Lanes take turns.
    """

    def __init__(self, engine: LocalEngine, groups: Sequence[SamplingGroup], at_once: int) -> None:
        super().__init__(name="gradschool-batcher", daemon=True)
        self._engine, self._at_once = engine, at_once
        self._readers = {group.adapter: engine.reader(group.adapter) for group in groups}
        self._groups = tuple(dict.fromkeys(groups))
        self._lanes: list[_Lane] = []
        self._inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._names = 0
        self._ended = False

    def put(self, request: Request) -> None:
        """Hand in a request; may be called from any thread."""
        self._inbox.put(request)

    def end(self) -> None:
        """End the thread after the step under way; may be called from any thread."""
        self._inbox.put(None)

    def run(self) -> None:
        """Answer until told to end."""
        while not self._ended:
            self._hear(wait=not (self._waiting or any(lane.rows for lane in self._lanes)))
            self._admit()
            for lane in list(self._lanes):
                if lane.rows and not self._ended:
                    self._take_turn(lane)
            self._lanes = [lane for lane in self._lanes if lane.rows or lane.group in self._groups]

    def _hear(self, wait: bool) -> None:
        """Take in what was put since."""
        while wait or not self._inbox.empty():
            request = self._inbox.get()
            wait = False
            if request is None:
                self._ended = True
            else:
                self._waiting.append(request)

    def _admit(self) -> None:
        """Let the first of those who wait go to their lanes, as far as there are places."""
        free = self._at_once - sum(len(lane.rows) for lane in self._lanes)
        while self._waiting and free > 0:
            request = self._waiting.popleft()
            if not request.gone:
                self._names += 1
                lane = self._lane_for(request)
                lane.rows[self._names] = request
                lane.fresh.append(self._names)
                free -= 1

    def _lane_for(self, request: Request) -> _Lane:
        drawn = SamplingGroup(request.adapter, request.decoding.temperature, request.decoding.top_p)
        fitting = [group for group in self._groups if group.fits(request)]
        group = max(fitting, key=lambda group: len(group.prefix), default=drawn)
        lane = next((lane for lane in self._lanes if (lane.group, lane.room) == (group, request.room)), None)
        if lane is None:
            lane = _Lane(group, request.room)
            self._lanes.append(lane)
        return lane

    def _take_turn(self, lane: _Lane) -> None:
        """Some steps of one lane; who comes meanwhile may join it."""
        failed = no_memory = False
        try:
            for _ in range(TURN):
                for said in self._decoder(lane).step():
                    self._tell(lane, said)
                self._hear(wait=False)
                self._let_go(lane)
                self._admit()
                if self._ended or not lane.rows:
                    return
        except Exception as error:  # whatever it is, the other lanes go on
            failed, no_memory = True, is_out_of_memory(error)
            if not no_memory:
                LOG.error("A step of the network failed.", exc_info=error)
        if failed:  # outside of the handler, so that the tensors of the failed step are free
            self._recover(lane, no_memory)

    def _decoder(self, lane: _Lane) -> Decoder:
        """The lane's decoder, with all of its rows."""
        group = lane.group
        if lane.decoder is None:
            decoding = Decoding(temperature=group.temperature, top_p=group.top_p)
            lane.decoder = decoder_of(
                self._engine, self._readers[group.adapter], decoding, group.prefix, self._places(lane.room)
            )
        for name in lane.fresh:
            request = lane.rows[name]
            ids, left = (*request.ids, *request.said), request.decoding.max_new_tokens - len(request.said)
            lane.decoder.add(name, ids, left, request.decoding.seed)
        lane.fresh.clear()
        return lane.decoder

    def _places(self, room: int) -> int:
        network = self._engine.network
        return min(self._at_once, rows_at_once(network.config, network.dtype, room, self._engine.device))

    def _tell(self, lane: _Lane, said: Token) -> None:
        request = lane.rows.get(said.name)
        if request is not None:  # else it was let go, and this is the token that was under way
            request.said.append(said.token)
            request.tell(said)
            if said.last:
                del lane.rows[said.name]

    def _let_go(self, lane: _Lane) -> None:
        gone = {name for name, request in lane.rows.items() if request.gone}
        if gone:
            assert lane.decoder is not None
            lane.decoder.drop(gone)
            for name in gone:
                del lane.rows[name]
            if not lane.rows:
                lane.decoder.step()  # the token under way, so that nothing stays behind

    def _recover(self, lane: _Lane, no_memory: bool) -> None:
        """After a step that failed: with less at once where memory ran out, else without its rows."""
        total = sum(len(one.rows) for one in self._lanes)
        rows = list(lane.rows.values())
        lane.rows.clear()
        lane.fresh.clear()
        lane.decoder = None
        if self._engine.device.type == "cuda":
            torch.cuda.empty_cache()
        if no_memory and self._at_once > 1:
            self._at_once = max(1, min(self._at_once, total) // 2)
            self._waiting.extendleft(reversed(rows))
            LOG.warning("Memory ran out; at most %d requests are answered at once from now on.", self._at_once)
            return
        told = GradschoolError("The network failed to answer.", "The server's log says more.")
        if no_memory:
            told = out_of_memory("A question does not fit into memory, even alone.")
        for request in rows:
            request.tell(told)
