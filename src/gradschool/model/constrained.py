"""Constrained decoding: which tokens may follow, and which ones must, by llguidance.

Shapes: B rows, V numbers of the vocabulary that the network knows.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from torch import Tensor

from gradschool.constraint import Constraint, demand_few
from gradschool.errors import ModelError
from gradschool.visible import shortened

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast


COMPILED = 32  # constraints that are kept: those of the specialists that a base serves, and of some requests
NO_ANSWER = "No answer satisfies it."
MAX_REASON = 400  # characters of an error of llguidance, which may repeat the schema


class Matcher:
    """How far one answer has come in what the constraint allows."""

    def __init__(self, matcher: LLMatcher, stop_id: int) -> None:
        self.matcher, self._stop_id = matcher, stop_id

    def fresh(self) -> "Matcher":
        """A matcher at the beginning of another answer; none but its first may have consumed tokens."""
        return Matcher(self.matcher.deep_copy(), self._stop_id)

    def opening(self, most: int) -> list[int]:
        """The tokens that every answer begins with, at most so many; the network is left at least one to choose."""
        forced = self.matcher.compute_ff_tokens()[:most]
        self.matcher.consume_tokens(forced)
        if forced and self.matcher.is_stopped():
            self.matcher.rollback(1)
            forced.pop()
        return forced

    def follow(self, token: int) -> list[int]:
        """Consume the chosen token; returns the tokens that must follow it: the last is a stop token at the end.

        What llguidance cannot continue, because the constraint is too complex there, is `broken`: it has no end.
        """
        self.matcher.consume_token(token)
        forced = [] if self.matcher.is_stopped() else self.matcher.compute_ff_tokens()
        self.matcher.consume_tokens(forced)
        return [*forced, self._stop_id] if self.matcher.is_stopped() and not self.broken else forced

    @property
    def broken(self) -> bool:
        """Whether the answer so far can be neither continued nor ended."""
        return self.matcher.is_error()

    def resume(self, tokens: Sequence[int]) -> None:
        """Consume the tokens of an answer that is continued."""
        self.matcher.consume_tokens(list(tokens))


class Constrainer:
    """Compiles constraints for one tokenizer. `vocabulary` is V; an answer ends with any of `stop_ids`."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", vocabulary: int, stop_ids: Sequence[int]) -> None:
        self._stop_ids, fast = list(stop_ids), cast("PreTrainedTokenizerFast", tokenizer)
        try:
            self._tokenizer: LLTokenizer = from_tokenizer(fast, vocabulary, self._stop_ids)  # refuses slow ones
        except ValueError as error:
            raise ModelError(
                "Answers of this base cannot be constrained.",
                f"llguidance does not read its tokenizer: {error}.",
                "leave the answers free: set answers.constrain to false.",
            ) from error
        self._compiled = lru_cache(maxsize=COMPILED)(self._compile)

    def token_bytes(self, token: int) -> bytes:
        """A token as bytes."""
        return bytes(self._tokenizer.decode_bytes([token]))

    def matcher(self, constraint: Constraint) -> Matcher:
        """A matcher at the beginning of an answer; raises ModelError for a constraint that cannot be compiled."""
        return self._compiled(constraint).fresh()

    def _compile(self, constraint: Constraint) -> Matcher:
        try:
            demand_few(constraint.choices)
            matcher = LLMatcher(self._tokenizer, grammar_of(constraint), log_level=0)
            reason = matcher.get_error()
            if not reason:
                matcher.compute_bitmask()
                reason = NO_ANSWER if matcher.is_stopped() else ""  # before anything is written
            if not reason:
                begun = matcher.deep_copy()  # an answer may have to begin with more than can be computed
                begun.consume_tokens(begun.compute_ff_tokens())
                reason = begun.get_error()
        except ValueError as error:  # also of a schema that is no object
            reason = str(error)
        if reason:
            what = f"Answers cannot be constrained to {'these labels' if constraint.choices else 'this JSON schema'}."
            fix = "use a simpler schema, or leave the answers free."
            raise ModelError(what, shortened(_in_one_line(reason), MAX_REASON), fix)
        return Matcher(matcher, self._stop_ids[0])


def _in_one_line(reason: str) -> str:
    """An error of llguidance without what it adds for its developers, and without marks below a pattern."""
    lines = takewhile(lambda line: not line.startswith("<"), reason.splitlines())
    return " ".join(line.strip() for line in lines if line.strip(" ^"))


def grammar_of(constraint: Constraint) -> str:
    """The grammar of a constraint, as llguidance reads it."""
    if constraint.choices:
        return LLMatcher.grammar_from_lark("start: " + " | ".join(map(json.dumps, constraint.choices)))
    return LLMatcher.grammar_from_json_schema(constraint.json_schema)


def forbid(logits: Tensor, matchers: Sequence[Matcher | None]) -> None:
    """Set the logits (B, V) of tokens that may not follow to -inf, in rows that have a matcher."""
    constrained = [row for row, matcher in enumerate(matchers) if matcher is not None]
    if not constrained:
        return
    masks = [np.frombuffer(matcher.matcher.compute_bitmask(), np.uint8) for matcher in filter(None, matchers)]
    allowed = np.unpackbits(np.stack(masks), axis=1, count=logits.shape[1], bitorder="little").astype(bool)
    hidden = torch.from_numpy(~allowed).to(logits.device)
    rows = torch.tensor(constrained, device=logits.device)
    logits[rows] = logits[rows].masked_fill(hidden, float("-inf"))
