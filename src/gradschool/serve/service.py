"""Specialists by name and the path of one request: limits, retrieval, generation, filters, citations."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from gradschool.errors import GradschoolError, ModelError, nearest
from gradschool.ground.cite import resolve
from gradschool.model.rendered import varied_length
from gradschool.model.signals import CONFIDENCE
from gradschool.model.tool_turns import ToolCall
from gradschool.records import Constraint, Conversation, Message, Passage
from gradschool.serve.abstaining import Abstained, decide
from gradschool.serve.calling import Calls, calls_of, divided
from gradschool.serve.choices import decided, drawn, merged
from gradschool.serve.http_errors import (
    HTTPError,
    http_error_of,
    overloaded,
    shutting_down,
    timed_out,
    too_long,
    unsupported,
)
from gradschool.serve.request import CompletionRequest
from gradschool.serve.scheduler import Finished, Prompt, Scheduler, ScoredToken, TextChunk
from gradschool.serve.streaming import CitationMarkFilter, StopStringFilter, TokensOfText
from gradschool.specialist import Specialist

T = TypeVar("T")
Event: TypeAlias = TextChunk | ToolCall | Finished | Abstained | tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request and of the queue."""

    body: int = 1 << 20  # bytes
    seeing_body: int = 20 << 20  # if a base reads images, which are sent along
    body_seconds: float = 20.0  # to receive the body
    seconds: float = 300.0  # from the complete body to the end of the answer
    waiting: int = 256  # queued requests per base
    grace: float = 15.0  # seconds that running requests get when the server shuts down


@dataclass(eq=False)
class ServedBase:
    """One base: its scheduler, the thread that prepares prompts for it, and its number of unfinished requests."""

    scheduler: Scheduler
    open: int = 0
    prompts: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "gradschool-prompts"))

    @property
    def running(self) -> int:
        """The number of requests being answered."""
        return min(self.open, self.scheduler.at_once)

    @property
    def waiting(self) -> int:
        """The number of queued requests."""
        return self.open - self.running


@dataclass(frozen=True)
class ServedModel:
    """A specialist as clients see it; `created` is a Unix time, `seal` the hash of its manifest."""

    name: str
    specialist: Specialist
    base: ServedBase
    created: int = 0
    seal: str = ""
    verdict: str = ""

    def drawn(self, request: CompletionRequest) -> int:
        """How many answers are generated for a request."""
        return len(drawn(request.decoding(self.specialist.recipe.decoding), request.n))

    def prompt(self, request: CompletionRequest) -> "Prepared":
        """Retrieve passages and build the prompt; blocking. Raises HTTPError if it does not fit the context."""
        scheduler, recipe = self.base.scheduler, self.specialist.recipe
        if request.constraint:
            demand_constraint(self.specialist, request.constraint, "response_format")
        decoding, abstains = request.decoding(recipe.decoding), recipe.abstention is not None
        calls = calls_of(request, scheduler, decoding)
        if calls and calls.constraint:
            demand_constraint(self.specialist, calls.constraint, "tools")
            decoding = replace(decoding, constraint=calls.constraint)
        if recipe.abstention and recipe.abstention.signal == CONFIDENCE and not decoding.compares:
            raise _undecided("tools" if calls else "response_format")
        if request.top is not None and not decoding.compares:
            scheduler.demand_log_probs(decoding)
        refuse_long(request.question, scheduler)
        tools, opening = (calls.tools.tools, calls.opening) if calls else ((), "")
        reserved = 0
        if tools:
            refuse_long((Message("user", json.dumps(tools, ensure_ascii=False)),), scheduler)
            reserved = scheduler.tokens(request.question, tools)[0] - scheduler.tokens(request.question)[0]
        conversation, passages = self.specialist.conversation(request.question, max(0, reserved))
        tokens, ids = scheduler.tokens(conversation, tools, opening)
        free = scheduler.context_length - tokens
        if free < 1:
            raise too_long(tokens, scheduler.context_length)
        scored = abstains or request.top is not None
        decoding = replace(decoding, max_new_tokens=min(decoding.max_new_tokens, free), log_probs=scored)
        signals = self.specialist.relevance(request.question) if abstains else {}
        prompt = Prompt(
            conversation, tokens, ids, decoding, request.stop, recipe.adapter, signals, request.top, bool(calls)
        )
        return Prepared(prompt, passages, calls)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that can be answered: its prompt, the passages in it, and the calls that the answer may have."""

    prompt: Prompt
    passages: tuple[Passage, ...]
    calls: Calls | None


def demand_constraint(specialist: Specialist, constraint: Constraint, field: str) -> None:
    """Raise HTTPError if the base cannot constrain answers as a field of a request asks for."""
    try:
        specialist.engine.demand_constraint(constraint)
    except ModelError as error:
        text = f"{field}: {error.what} {error.why}"
        raise HTTPError(400, text, param=field, code="invalid_value") from error


def _undecided(field: str) -> HTTPError:
    """The error for an answer without the confidence that decides whether it is given: each would be withheld."""
    why = "This specialist abstains by the confidence of its label, and an answer in another form has none."
    return unsupported(field, why, f"Leave out {field}.")


def refuse_long(question: Conversation, scheduler: Scheduler) -> None:
    """Raise HTTPError if a question alone exceeds the context: by its length, before its tokens are counted.

    The prompt is counted again for each example and passage that is left out of it, and other requests wait meanwhile.
    """
    text = "\n".join(message.content for message in question)
    if len(text) <= scheduler.context_length:
        return
    tokens = varied_length(text) // scheduler.max_token if scheduler.max_token else 0
    if tokens < scheduler.context_length:
        tokens, _ = scheduler.tokens((Message("user", text),))
    if tokens >= scheduler.context_length:
        raise too_long(tokens, scheduler.context_length)


class Service:
    """All specialists of a server, by the names that clients send as `model`."""

    def __init__(self, models: Mapping[str, ServedModel], limits: Limits | None = None) -> None:
        self.models, self.limits = models, limits or Limits()
        self.bases = list({id(one.base): one.base for one in models.values()}.values())
        chats = [one.specialist.engine.chat for one in models.values()]
        if any(chat and chat.eyes for chat in chats):
            self.limits = replace(self.limits, body=max(self.limits.body, self.limits.seeing_body))
        self.closing = False
        self._end: float | None = None  # in the event loop's time
        self._timeouts: set[asyncio.Timeout] = set()

    def find(self, name: str) -> ServedModel:
        """The specialist of a name; raises HTTPError 404 with the nearest name."""
        if name not in self.models:
            hint = nearest(name[:80], self.models)
            raise HTTPError(404, f"There is no model {name[:80]!r}; {hint}.", param="model", code="model_not_found")
        return self.models[name]

    async def answers(self, model: ServedModel, request: CompletionRequest) -> AsyncGenerator[tuple[int, Event], None]:
        """Stream the answers that are generated for a request, each event with the number of its answer.

        An answer is text, then calls of tools, then the passages it cites, then Finished; or Abstained alone. Those
        that abstain come first. Closing the generator cancels the answers. Raises HTTPError if the request cannot be
        answered, the queue is full or the time limit is exceeded.
        """
        deadline = asyncio.get_running_loop().time() + self.limits.seconds
        count = model.drawn(request)
        with self._admitted(model.base, count):
            try:
                ready = await self._in_time(self._prompt(model, request), deadline)
                each = [replace(ready.prompt, decoding=one) for one in drawn(ready.prompt.decoding, count)]
                events = merged([self._answer(model, replace(ready, prompt=prompt), deadline) for prompt in each])
                if model.specialist.recipe.abstention:
                    events = decided(events, count)
                async with contextlib.aclosing(events):
                    async for event in events:
                        yield event
            except GradschoolError as error:
                raise http_error_of(error) from error

    async def _answer(self, model: ServedModel, ready: Prepared, deadline: float) -> AsyncGenerator[Event, None]:
        """Stream one answer."""
        prompt = ready.prompt
        marks = CitationMarkFilter() if model.specialist.recipe.passages else None
        stream = model.base.scheduler.answer(prompt)
        if abstention := model.specialist.recipe.abstention:
            decision = await self._in_time(decide(stream, prompt, abstention), deadline)
            if isinstance(decision, Abstained):
                yield decision
                return
            stream = decision
        parts = divided(stream, ready.calls) if ready.calls else stream
        async with contextlib.aclosing(stop_at_stop_string(parts, prompt)) as events:
            while True:
                event = await self._in_time(anext(events), deadline)
                if isinstance(event, Finished):
                    if marks:
                        yield TextChunk(marks.end(), event.new_tokens)
                        yield resolve(marks.raw, ready.passages)
                    yield event
                    return
                if marks and isinstance(event, TextChunk):
                    event = replace(event, text=marks.add(event.text))
                yield event

    def drain(self) -> None:
        """Accept no more requests and give running ones the grace period. Call it in the event loop."""
        self.closing = True
        self._end = asyncio.get_running_loop().time() + self.limits.grace
        for timeout in self._timeouts:
            if not timeout.expired():
                timeout.reschedule(min(timeout.when() or self._end, self._end))

    async def close(self) -> None:
        """Stop all work."""
        self.closing = True
        for base in self.bases:
            base.prompts.shutdown(wait=False, cancel_futures=True)
            await base.scheduler.close()

    @contextlib.contextmanager
    def _admitted(self, base: ServedBase, answers: int) -> Iterator[None]:
        if self.closing:
            raise shutting_down()
        if base.open + answers > base.scheduler.at_once + self.limits.waiting:
            raise overloaded(base.waiting)
        base.open += answers
        try:
            yield
        finally:
            base.open -= answers

    async def _prompt(self, model: ServedModel, request: CompletionRequest) -> Prepared:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(model.base.prompts, model.prompt, request)

    async def _in_time(self, work: Awaitable[T], deadline: float) -> T:
        end = deadline if self._end is None else min(deadline, self._end)
        timeout = asyncio.timeout_at(end)
        self._timeouts.add(timeout)
        try:
            async with timeout:
                return await work
        except TimeoutError:
            raise (shutting_down() if self.closing else timed_out(self.limits.seconds)) from None
        finally:
            self._timeouts.discard(timeout)


async def stop_at_stop_string(
    stream: AsyncGenerator[TextChunk | ToolCall | Finished, None], prompt: Prompt
) -> AsyncGenerator[TextChunk | ToolCall | Finished, None]:
    """An answer up to the first of the prompt's stop strings; ends the generation there."""
    text, tokens = StopStringFilter(prompt.stop), TokensOfText[ScoredToken]()
    async with contextlib.aclosing(stream):
        async for event in stream:
            if isinstance(event, Finished):
                yield TextChunk(text.end(), event.new_tokens, tokens.rest())
                yield event
                return
            if isinstance(event, ToolCall):
                yield event
                continue
            tokens.add(event.text, event.tokens)
            certain = text.add(event.text)
            yield TextChunk(certain, event.new_tokens, tokens.of(certain))
            if text.hit:
                yield Finished("stop", prompt.tokens, event.new_tokens)
                return
