"""Exports of conversations with an assistant."""

import time

from gradschool.prepare.chats.assistants import without_thoughts


def test_thoughts_that_never_end_are_text_and_take_linear_time() -> None:
    began = time.process_time()
    for opening in ("<think>", '<details type="reasoning">', "<details "):
        text, count = without_thoughts(f"<think>a</think>Good. {opening * 30_000}")
        assert (text.startswith("Good. <"), count) == (True, 1)
    assert time.process_time() - began < 5
