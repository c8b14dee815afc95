"""Small examples for the tests of score/."""

from gradschool.records import Example, Message, Source


def example(ideal: str, question: str = "What is it?", number: int = 1, group: str = "") -> Example:
    name = f"e{number}"
    messages = (Message("user", question), Message("assistant", ideal))
    return Example(name, messages, group or name, Source("examples.jsonl", number))


def examples(*ideals: str) -> list[Example]:
    return [example(ideal, number=number) for number, ideal in enumerate(ideals, 1)]
