"""What of an example is compared with others: choices in any order, and system messages that have the content."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from gradschool.data.near_answers import DIGIT
from gradschool.data.normalize import normalize
from gradschool.records import Example

CHOICE = re.compile(r"[ \t]*\(?([A-Za-z]|\d{1,2})[.):\]]\)?[ \t]+(\S.*)")  # a line that is one
FIRST = ("a", "1", "0")  # labels of a first choice
MIN_SHARED = 10  # examples that ask in the same words; more may have their content in the system messages


def compared(examples: Sequence[Example]) -> list[Example]:
    """The examples in the form in which their questions and answers are compared."""
    return _with_content([unordered(example) for example in examples])


def unordered(example: Example) -> Example:
    """A multiple-choice question with its choices in one order and without labels; the answer is the chosen text.

    Other examples are returned as they are: what is listed counts as choices only if the answer is one of them.
    """
    asked = example.messages[-2] if example.question else None
    if asked is None or asked.role != "user" or "\n" not in asked.content:
        return example
    lines = asked.content.splitlines()
    found = [CHOICE.fullmatch(line) for line in lines]
    start = next((place for place, match in enumerate(found) if match and match[1].lower() in FIRST), len(lines))
    choices: list[tuple[str, str]] = []
    for match in found[start:]:
        if not match or (choices and ord(match[1][-1].lower()) != ord(choices[-1][0][-1]) + 1):
            break
        choices.append((match[1].lower(), match[2].strip()))
    chosen = _chosen(example.ideal, choices)
    if len(choices) < 2 or chosen is None:
        return example
    texts = sorted((text for _, text in choices), key=normalize)
    question = replace(asked, content="\n".join([*lines[:start], *texts, *lines[start + len(choices) :]]))
    answer = replace(example.messages[-1], content=chosen)
    return replace(example, messages=(*example.messages[:-2], question, answer))


def _chosen(answer: str, choices: Sequence[tuple[str, str]]) -> str | None:
    """The text of the choice that an answer names by its label, by its text or by both; None without exactly one."""
    said = normalize(answer)
    named = [text for label, text in choices if said in (label, normalize(text), normalize(f"{label} {text}"))]
    return named[0] if len(named) == 1 else None


def _with_content(examples: Sequence[Example]) -> list[Example]:
    """The examples; what is asked of a system message ("Summarize the text.") has that message in its question.

    So it is if many examples ask in the same words, and most of them have a system message and an answer of their own.
    What all of them are told alike, but for the day or another number, has no content of one of them.
    """
    asking: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        if example.messages[0].role == "system":
            asking["\n".join(message.content for message in example.question[1:])].append(place)
    result = list(examples)
    for places in asking.values():
        told = {_without_numbers(examples[place].messages[0].content) for place in places}
        answers = {normalize(examples[place].ideal) for place in places}
        if len(places) > MIN_SHARED and 2 * min(len(told), len(answers)) > len(places):
            for place in places:
                system, *rest = examples[place].messages
                result[place] = replace(examples[place], messages=(replace(system, role="user"), *rest))
    return result


def _without_numbers(text: str) -> str:
    return " ".join(word for word in normalize(text).split() if not DIGIT.search(word))
