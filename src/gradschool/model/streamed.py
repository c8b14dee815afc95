"""The events of a streamed chat completion, put together to an answer without reasoning."""

from gradschool.json_text import parse_json
from gradschool.model.dialect import MAX_MESSAGE, has_message, refusal_of
from gradschool.model.finish_reasons import broken_off, refused_with, stop_of, withheld_by
from gradschool.model.received import MAX_REPLY
from gradschool.model.sse import data_of
from gradschool.reasoning import AnswerFilter, field_of, text_of


class StreamError(Exception):
    """An event that reports an error or cannot be read; the message says why. `reported` is the error as it is sent."""

    def __init__(self, message: str, reported: bytes = b"") -> None:
        super().__init__(message)
        self.reported = reported


class StreamedAnswer:
    """Collects the events of one answer.

    `finish` is its finish reason so far, `cut` whether that is the length limit, `complete` whether no event follows,
    `said` whether the answer has text, and `reasoned` whether the model reasoned. `begins_unopened` says that the model
    begins to reason without a tag; with `held`, this is unknown, and no text is certain before the end. After `most`
    characters the answer is cut. Token counts are 0 if the server does not report them.
    """

    def __init__(
        self, with_reasoning: bool, *, begins_unopened: bool = False, held: bool = False, most: int | None = None
    ) -> None:
        self.finish, self.complete, self.said, self._in_field, self._hidden = "", False, False, False, False
        self.cut, self.refusal = False, ""
        self.prompt_tokens, self.new_tokens = 0, 0
        self._begins_unopened, self._most, self._size = begins_unopened, most, 0
        self._filter = None if with_reasoning else AnswerFilter(begins_unopened or held)

    @property
    def reasoned(self) -> bool:
        """Whether the model reasoned: in a field of its own, between tags, or where the server does not show it."""
        return self._in_field or self._hidden or (self._filter is not None and self._filter.reasoned)

    @property
    def unopened(self) -> bool:
        """Whether the reasoning began without a tag."""
        return self._filter is not None and self._filter.unopened

    def add(self, line: str) -> str:
        """The text of the answer that is certain after this line of the stream; raises StreamError."""
        data = data_of(line)
        if data is None:
            return ""
        if data == "[DONE]":
            self.finish, self.complete = self.finish or "stop", True
            return ""
        try:
            event = parse_json(data)
            choice = event["choices"][0] if event.get("choices") else {}  # the last event may carry the usage alone
            if event.get("error") or choice.get("error") or ("choices" not in event and has_message(event)):
                raise StreamError(refusal_of(200, data.encode()).message, data.encode())
            delta = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
            text, self.finish = text_of(delta.get("content")), self.finish or choice.get("finish_reason") or ""
            if broken := broken_off(self.finish):
                raise StreamError(broken)
            self.refusal = f"{self.refusal}{text_of(delta.get('refusal'))}"[:MAX_MESSAGE]
            usage = event.get("usage") or {}
            self.prompt_tokens = int(usage.get("prompt_tokens") or self.prompt_tokens)
            self.new_tokens = int(usage.get("completion_tokens") or self.new_tokens)
            self._in_field = self._in_field or bool(field_of(delta))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise StreamError(f"an event of the stream cannot be read: {data[:80]!r}") from error
        self._size += len(text)
        if self._size > MAX_REPLY:
            raise StreamError("a text that does not end")
        self.cut = stop_of(self.finish) == "length"
        return self._certain(text if self._filter is None else self._filter.add(text))

    def end(self) -> str:
        """The rest of the answer. An answer that reached the length limit without a text was all reasoning."""
        if self._filter is None:
            return ""
        rest, cut = self._filter.end(), self.cut
        if cut and self._begins_unopened and not self.reasoned:
            rest = ""  # reasoning whose closing tag had yet to come
        self._hidden = cut and not self.said and not rest.strip()
        return self._certain(rest)

    def withheld(self) -> str:
        """Why an answer that has ended has no text; empty if the model just said nothing."""
        if self.refusal.strip():
            return refused_with(self.refusal)
        return withheld_by(self.finish)

    def _certain(self, text: str) -> str:
        if self._most is not None and len(text) >= self._most:
            text, self.finish, self.complete, self.cut = text[: self._most], "length", True, True
        if self._most is not None:
            self._most -= len(text)
        self.said = self.said or bool(text)
        return text
