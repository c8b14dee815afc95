"""A question that is refused anyway is refused by its length, before its tokens are counted."""

import time

import pytest

from gradschool.model.chat import Chat
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.model.rendered import varied_length
from gradschool.records import Conversation, Message
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.service import refuse_long


class Counting:
    """A scheduler that records what it counts."""

    at_once, context_length, failure = 1, 100, ""

    def __init__(self, chat: Chat) -> None:
        self.max_token, self.chat = chat.max_token, chat
        self.counted: list[int] = []

    def tokens(self, conversation: Conversation) -> tuple[int, tuple[int, ...]]:
        ids = tuple(self.chat.prompt_ids(conversation))
        self.counted.append(len(conversation[-1].content))
        return len(ids), ids


@pytest.fixture(scope="module")
def chat() -> Chat:
    return LocalEngine(POCKET, name="pocket").chat


@pytest.mark.parametrize("text", ["abc def " * 100_000, "ab" * 400_000, "\n \n" * 300_000, "é漢" * 300_000])
def test_a_long_question_is_refused_without_counting(chat: Chat, text: str) -> None:
    scheduler, began = Counting(chat), time.process_time()
    with pytest.raises(HTTPError) as caught:
        refuse_long((Message("user", text),), scheduler)  # type: ignore[arg-type]  # it does not answer
    assert caught.value.code == "context_length_exceeded"
    assert scheduler.counted == [] and time.process_time() - began < 3


def test_a_question_that_fits_is_never_refused_by_its_length(chat: Chat) -> None:
    for token in ("a", " ", "-", " the", "\n"):
        scheduler = Counting(chat)
        refuse_long((Message("user", token * 40),), scheduler)  # type: ignore[arg-type]


def test_no_text_has_fewer_tokens_than_its_length_says(chat: Chat) -> None:
    for text in ("Hello there, how are you?", " " * 500, "=" * 300, "aaaa bbbb" * 20, "é" * 100, "\t\t\n" * 50):
        assert len(chat.text_ids(text)) >= varied_length(text) / chat.max_token


def test_a_long_history_is_counted_once(chat: Chat) -> None:
    scheduler = Counting(chat)
    with pytest.raises(HTTPError, match="at least"):
        refuse_long((Message("user", "a b c d e f g h " * 20),), scheduler)  # type: ignore[arg-type]
    assert len(scheduler.counted) == 1
