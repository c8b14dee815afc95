"""Conversations as tokens with loss weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from recipes.pocket.tokenizer import END_OF_TEXT, TURN_END, TURN_START

Turn = tuple[str, str]


@dataclass(frozen=True)
class Task:
    """A synthetic conversation; `family` is the kind of task."""

    family: str
    turns: tuple[Turn, ...]


def rounds_of(head: tuple[Turn, ...], material: str, rounds: Sequence[Turn], first: bool = True) -> tuple[Turn, ...]:
    """Build several (question, answer) rounds about one material, which precedes or follows the first question."""
    turns = list(head)
    for i, (question, answer) in enumerate(rounds):
        parts = [question] if i or not material else [material, question] if first else [question, material]
        turns += [("user", "\n\n".join(parts)), ("assistant", answer)]
    return tuple(turns)


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """Return the id of a token that must exist."""
    number = tokenizer.token_to_id(token)
    assert number is not None, token
    return number


def render(tokenizer: Tokenizer, turns: tuple[Turn, ...], asked: int, answered: int) -> tuple[list[int], list[int]]:
    """Render a conversation as tokens and loss weights (tenths): `asked` for prompts, `answered` for answers."""
    mark = {name: token_id(tokenizer, name) for name in (END_OF_TEXT, TURN_START, TURN_END)}
    ids, weights = [mark[END_OF_TEXT]], [0]
    for role, content in turns:
        head = [mark[TURN_START], *tokenizer.encode(role + "\n", add_special_tokens=False).ids]
        body = [*tokenizer.encode(content, add_special_tokens=False).ids, mark[TURN_END]]
        tail = tokenizer.encode("\n", add_special_tokens=False).ids
        loss = answered if role == "assistant" else asked
        ids += head + body + tail
        weights += [0] * len(head) + [loss] * len(body) + [1] * len(tail)
    return ids, weights


def answer_start(ids: list[int], tokenizer: Tokenizer) -> int:
    """Return the position of the last turn's content, after its start token, role and line break."""
    start = len(ids) - 1 - ids[::-1].index(token_id(tokenizer, TURN_START))
    return start + 1 + len(tokenizer.encode("assistant\n", add_special_tokens=False).ids)
