"""What of an example is compared with others: choices in any order, and system messages that have the content."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from gradschool.data.near_answers import DIGIT
from gradschool.data.normalize import normalize, normalized_words
from gradschool.records import Example

CHOICE = re.compile(r"[ \t]*\(?([A-Za-z]|\d{1,2})[.):\]]\)?[ \t]+(\S.*)")  # a line that is one
FIRST = ("a", "1", "0")  # labels of a first choice
MIN_SHARED = 5  # examples that ask in the same words, whose content may be in their system messages
MIN_OWN = 5  # words of a system message with content that most of the others lack


def compared(examples: Sequence[Example]) -> list[Example]:
    """The examples in the form in which their questions and answers are compared."""
    return with_content([unordered(example) for example in examples])


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


def with_content(examples: Sequence[Example]) -> list[Example]:
    """The examples; what is asked of a system message ("Summarize the text.") has that message in its question.

    So it is if several examples ask in the same words, and most of them have a system message with words of its own,
    which are more than a name or the day, and an answer of their own.
    """
    asking: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        if example.messages[0].role == "system":
            asking["\n".join(message.content for message in example.question[1:])].append(place)
    result = list(examples)
    for places in asking.values():
        if len(places) < MIN_SHARED:
            continue
        told = _own_words([examples[place].messages[0].content for place in places])
        answers = {normalize(examples[place].ideal) for place in places}
        if 2 * min(len(told), len(answers)) > len(places):
            for place in places:
                system, *rest = examples[place].messages
                result[place] = replace(examples[place], messages=(replace(system, role="user"), *rest))
    return result


def _own_words(texts: Sequence[str]) -> set[frozenset[str]]:
    """The different sets of words that most of the texts lack, without numbers and without sets of a few words."""
    words = [frozenset(word for word in normalized_words(normalize(text)) if not DIGIT.search(word)) for text in texts]
    counts = Counter(word for one in words for word in one)
    own = (frozenset(word for word in one if 2 * counts[word] <= len(texts)) for one in words)
    return {one for one in own if len(one) >= MIN_OWN}
