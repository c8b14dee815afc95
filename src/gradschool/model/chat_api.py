"""Requests to an OpenAI-compatible server: with retries, time limits and validated replies."""

import random
import re
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx

from gradschool.errors import RemoteError, nearest
from gradschool.model.chat_client import ChatClient
from gradschool.model.dialect import (
    MAX_MESSAGE,
    Dialect,
    Refusal,
    endless_reasoning,
    is_too_long,
    refusal_of,
    retry_after,
)
from gradschool.model.finish_reasons import stop_of
from gradschool.model.log_probs import NAMED, not_reported
from gradschool.model.received import blocks, whole
from gradschool.model.remote_constraint import NAMED as SCHEMA
from gradschool.model.remote_constraint import refused as refused_schema
from gradschool.model.reply import Reply, error_status, parse
from gradschool.model.sse import lines_of
from gradschool.model.streamed import StreamedAnswer, StreamError
from gradschool.records import Conversation, Decoding, Failure
from gradschool.settings import Remote
from gradschool.visible import shortened

RETRIED = {408, 409, 425, 429, 500, 502, 503, 504}
FIRST_PAUSE, MAX_PAUSE = 0.5, 60.0  # seconds
UNKNOWN_MODEL = re.compile(
    r"model\b.{0,300}(not found|n[o']t exist|unknown|no such|invalid|not available|not loaded)"
    r"|(unknown|invalid|no such) model",
    re.IGNORECASE,
)


class QuestionFailed(Exception):
    """One question got no answer; others may get one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class ChatApi:
    """A client of one model of one server. Raises RemoteError for failures that affect all questions.

    What the server refuses in a request is left out or replaced, in this and all later requests (`dialect`). Reasoning
    is not part of an answer, and not counted in its length; `with_reasoning` turns this off. `fields` are added to each
    request.
    """

    def __init__(
        self,
        address: str,
        model: str,
        settings: Remote,
        with_reasoning: bool = False,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.client = ChatClient(address, settings)
        self.address = self.client.address
        self.model, self.settings, self.with_reasoning = model, settings, with_reasoning
        self._named = {"model": model, **(fields or {})}
        self.dialect = Dialect()
        self._random = random.Random()
        self.answered = False  # whether the server has accepted a request so far
        self.form_known = False  # whether an answer has shown how the model reasons, or that it does not
        self._probing = threading.Lock()
        self._lock = threading.Lock()
        self._notes: list[str] = []

    def ask(self, conversation: Conversation, decoding: Decoding, cancelled: threading.Event) -> Reply:
        """The server's reply.

        Temporary failures are retried after pauses that double, with jitter, or that the server asks for (Retry-After).
        Raises QuestionFailed after the last attempt.
        """
        dialect, attempt = self.dialect, 0
        while True:
            wait: float | None = None
            try:
                status, headers, content = self._send(dialect.body(conversation, decoding))
            except httpx.TimeoutException:
                reason = f"no answer within {self.settings.timeout:g} seconds"
            except httpx.HTTPError as error:
                reason = f"the connection failed: {str(error) or type(error).__name__}"
            else:
                reply, reason = self._parse(dialect, content) if status == 200 else (None, "")
                other = self._other(dialect, reply, status, content, conversation, decoding)
                if other:
                    dialect = other
                    continue
                if reply:
                    return self._accepted(dialect, reply, decoding)
                if status != 200:
                    reason = self._refusal(refusal_of(status, content), headers.get("Location", ""))
                    wait = retry_after(headers.get("Retry-After"))
            pause = FIRST_PAUSE * 2**attempt * self._random.uniform(0.5, 1.5) if wait is None else wait
            attempt += 1
            if attempt > self.settings.retries or cancelled.wait(min(pause, MAX_PAUSE)):
                break
        attempts = self.settings.retries + 1
        raise QuestionFailed(Failure("server", f"{self.address}: {self.client.hide(reason)} ({attempts} attempts)"))

    def _other(
        self,
        dialect: Dialect,
        reply: Reply | None,
        status: int,
        content: bytes,
        conversation: Conversation,
        decoding: Decoding,
    ) -> Dialect | None:
        """The dialect in which a question is asked again; None if the reply is final."""
        if reply:
            if reply.cut_in_reasoning(decoding.max_new_tokens):
                return dialect.with_larger_allowance()
            hidden = self._was_reasoning(dialect, reply.stop, reply.reasons, conversation, decoding)
            return self.dialect if hidden else None
        if status == 200:
            return self.after_error(dialect, content, conversation)
        refusal = refusal_of(status, content)
        if decoding.log_probs and status in (400, 422) and NAMED.search(" ".join((refusal.message, *refusal.fields))):
            raise not_reported(self.address, f"It answers: {self.client.hide(refusal.message)}.")
        if decoding.constraint and status < 500 and SCHEMA.search(" ".join((refusal.message, *refusal.fields))):
            if dialect.lax:
                raise refused_schema(self.address, self.client.hide(refusal.message))
            return replace(dialect, lax=True)
        return self.after_refusal(dialect, refusal, conversation)

    def _accepted(self, dialect: Dialect, reply: Reply, decoding: Decoding) -> Reply:
        """A final reply, within the length limit."""
        self.settle(dialect, reply.reasons, reply.unopened)
        if decoding.log_probs and reply.answer.strip() and not reply.likelihoods:
            raise not_reported(self.address, "Its replies have none.")
        return reply.within(decoding.max_new_tokens) if dialect.reasoning else reply

    def _parse(self, dialect: Dialect, content: bytes) -> tuple[Reply | None, str]:
        return parse(content, self.with_reasoning, dialect.unopened)

    def _was_reasoning(
        self, dialect: Dialect, stop: str, reasons: bool, conversation: Conversation, decoding: Decoding
    ) -> bool:
        """Whether an answer that was cut off is reasoning that began without a tag.

        Only its closing tag would show that. So the first such answer is asked for again with a larger allowance, once.
        """
        if stop != "length" or reasons or self.with_reasoning:
            self.form_known = self.form_known or stop == "stop" or reasons
            return False
        with self._probing:  # other threads wait for what the first one finds
            probe = dialect.probe()
            if self.form_known or probe is None:
                return self.dialect.unopened and not dialect.unopened
            try:
                status, _, content = self._send(probe.body(conversation, decoding))
            except httpx.HTTPError:
                return False
            self.form_known = True
            reply, _ = self._parse(probe, content) if status == 200 else (None, "")
            if reply and reply.unopened:
                self.settle(probe, reasons=True, unopened=True)
            return bool(reply and reply.unopened)

    def after_refusal(self, dialect: Dialect, refusal: Refusal, conversation: Conversation) -> Dialect | None:
        """The dialect to try after a refusal; None if no other one could be accepted."""
        if is_too_long(refusal) or (dialect.reasoning and refusal.status in (400, 422)):
            return dialect.with_smaller_allowance()
        return dialect.after(refusal, conversation, known=self.answered)

    def after_error(self, dialect: Dialect, content: bytes, conversation: Conversation) -> Dialect | None:
        """The dialect to try after an error that a server sends as a reply, with status 200; as `after_refusal`.

        Without a status, only an error that names what it refuses is a refusal.
        """
        if (status := error_status(content)) != 200:
            return self.after_refusal(dialect, refusal_of(status, content), conversation)
        refusal = refusal_of(400, content)
        return None if is_too_long(refusal) else dialect.after(refusal, conversation, known=True)

    def settle(self, dialect: Dialect, reasons: bool = False, unopened: bool = False) -> None:
        """Use a dialect that the server accepted for all later questions; what is new is noted."""
        with self._lock:
            known = self.dialect.merged(
                replace(dialect, reasons=dialect.reasons or reasons, unopened=dialect.unopened or unopened)
            )
            self._notes += [f"{self.address}: {note}" for note in known.changes(self.dialect)]
            self.dialect, self.answered = known, True

    def note(self, text: str) -> None:
        """Note something for the user."""
        with self._lock:
            self._notes.append(text)

    def new_notes(self) -> list[str]:
        """What was noted since the last call, for the user."""
        with self._lock:
            notes, self._notes = self._notes, []
        return notes

    def stream(self, conversation: Conversation, decoding: Decoding) -> Iterator[str]:
        """The answer's chunks of text, from server-sent events."""
        dialect: Dialect | None = self.dialect
        while dialect:
            dialect = yield from self._stream(dialect, conversation, decoding)

    def _stream(
        self, dialect: Dialect, conversation: Conversation, decoding: Decoding
    ) -> Generator[str, None, Dialect | None]:
        """Stream an answer; returns the dialect in which to ask again, or None."""
        # The first answer is held: only its end shows whether reasoning has begun without a tag.
        answer = StreamedAnswer(
            self.with_reasoning,
            begins_unopened=dialect.unopened,
            held=not self.form_known,
            most=dialect.characters(decoding),
        )
        body = {**self._named, **dialect.body(conversation, decoding), "stream": True}
        try:
            with self.client.stream(body) as response:
                if response.status_code != 200:
                    refusal = refusal_of(response.status_code, whole(response, self.settings.timeout))
                    if other := self.after_refusal(dialect, refusal, conversation):
                        return other
                    raise self._error(self._refusal(refusal, response.headers.get("Location", "")))
                if "text/event-stream" not in response.headers.get("Content-Type", ""):
                    content = whole(response, self.settings.timeout)
                    return (yield from self._unstreamed(content, dialect, conversation, decoding))
                for line in lines_of(blocks(response)):
                    if text := answer.add(line):
                        yield text
                    if answer.complete:
                        break
        except httpx.TimeoutException as error:
            raise self._error(f"no further text within {self.settings.timeout:g} seconds") from error
        except httpx.HTTPError as error:
            raise self._error(f"the connection failed: {str(error) or type(error).__name__}") from error
        except StreamError as error:
            refused = error.reported and not answer.said
            if refused and (other := self.after_error(dialect, error.reported, conversation)):
                return other
            raise self._error(str(error)) from error
        except QuestionFailed as error:
            raise self._error(error.failure.reason) from error
        return (yield from self._ended(answer, dialect, conversation, decoding))

    def _ended(
        self, answer: StreamedAnswer, dialect: Dialect, conversation: Conversation, decoding: Decoding
    ) -> Generator[str, None, Dialect | None]:
        """The rest of a streamed answer; as `_stream`."""
        if not answer.finish:
            raise self._error("the stream ended before the answer did")
        said, rest = answer.said, answer.end()
        if not said and self._was_reasoning(dialect, stop_of(answer.finish), answer.reasoned, conversation, decoding):
            return self.dialect
        if rest:
            yield rest
        if not (said or rest.strip()) and not self.with_reasoning:
            if answer.cut and (wider := dialect.with_larger_allowance()):
                return wider
            if answer.cut or answer.withheld():
                raise self._error(endless_reasoning(dialect) if answer.cut else answer.withheld().rstrip("."))
        self.settle(dialect, answer.reasoned, answer.unopened)
        return None

    def _unstreamed(
        self, content: bytes, dialect: Dialect, conversation: Conversation, decoding: Decoding
    ) -> Generator[str, None, Dialect | None]:
        """The answer of a server that does not stream; as `_stream`."""
        reply, reason = self._parse(dialect, content)
        if other := self._other(dialect, reply, 200, content, conversation, decoding):
            return other
        if reply is None or reply.withheld:
            raise self._error(reply.withheld.rstrip(".") if reply else reason)
        yield self._accepted(dialect, reply, decoding).answer
        return None

    def _send(self, body: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        return self.client.send({**self._named, **body})

    def _refusal(self, refusal: Refusal, moved: str = "") -> str:
        """The reason of a temporary refusal; raises RemoteError or QuestionFailed for a permanent one."""
        status, message = refusal.status, self.client.hide(refusal.message)
        if moved:  # not followed, because a key is only sent to the address that the user gave
            message = f"it has moved to {shortened(moved, MAX_MESSAGE)}"
        answers = f"{status}{': ' * bool(message)}{message}"
        if status in (401, 403):
            name = self.settings.api_key_env
            why, fix = (
                f"It needs a key; {name} is not set.",
                f"export {name}=…, or name another with remote.api_key_env.",
            )
            if self.client.key:
                why = f"The key in {name} is not accepted."
            elif not name:
                why = "It needs a key, and servers on this machine get one only if you allow it."
                fix = f"repeat the command with --allow-host {self.address}=OPENAI_API_KEY, or another variable."
            raise RemoteError(f"{self.address} refused the request ({answers}).", why, fix)
        if is_too_long(refusal):
            raise QuestionFailed(Failure("too long for the model", f"{self.address}: {message}"))
        if status == 404 or (status == 400 and "model" in message.lower()):
            self._demand_model(status, message, answers)
        if status not in RETRIED:
            raise QuestionFailed(Failure("server", f"{self.address} answers {answers or 'nothing'}"))
        return f"it answers {answers}"

    def _demand_model(self, status: int, message: str, answers: str) -> None:
        """Raise RemoteError if a refusal says that the server does not have the model."""
        names = sorted(model["id"] for model in self.client.models())
        if self.model in names and status == 404:
            raise RemoteError(
                f"{self.address} refused the request ({answers}).",
                f"It lists the model {self.model!r}, but does not answer with it.",
                "check base_model (it often ends in /v1), and whether the model is a chat model.",
            )
        if status == 404 or (names and self.model not in names) or (not names and UNKNOWN_MODEL.search(message)):
            listed = f"It serves {', '.join(names[:20])}." if names else "It does not list its models."
            raise RemoteError(
                f"{self.address} has no model {self.model!r} ({answers}).",
                listed,
                f"set model: {nearest(self.model, names)}" if names else "check base_model (it often ends in /v1).",
            )

    def refuses(self, reason: str) -> bool:
        """Whether a reason (see `_refusal`) is that the server refuses the question, not that it failed."""
        return reason.startswith(f"{self.address} answers 4")

    def _error(self, reason: str) -> RemoteError:
        if self.refuses(reason):
            return refused_all(self.address, self.client.hide(reason))
        return RemoteError(
            f"{self.address} did not answer.",
            f"Reason: {self.client.hide(reason)}.",
            "check the server and try again.",
        )


def refused_all(address: str, reason: str) -> RemoteError:
    """The error for a server that refuses every question, with its own message."""
    return RemoteError(
        f"{address} refuses the questions.",
        f"{reason}.",
        "this is the server's own message: change what it names, or use another model.",
    )
