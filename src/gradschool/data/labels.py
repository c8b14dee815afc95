"""Answers that are classes: which there are, how uneven they are, and whether there is only one."""

from collections import Counter
from collections.abc import Sequence

from gradschool.data.issues import Issue
from gradschool.records import Example, Source

MAX_WORDS, MAX_CHARACTERS = 6, 60  # longer answers are not names of classes
REPEATS = 3  # examples that a class has in the mean
DOMINANT = 0.8  # share of one class from which a high score says little


def classes(examples: Sequence[Example]) -> dict[str, int] | None:
    """How often each answer occurs, most frequent first, where answers are names of classes; else None."""
    counts = Counter(example.ideal.strip() for example in examples)
    short = all(len(label) <= MAX_CHARACTERS and len(label.split()) <= MAX_WORDS for label in counts)
    if not counts or not short or len(examples) < REPEATS * len(counts):
        return None
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def class_issues(examples: Sequence[Example]) -> list[Issue]:
    """Report where all answers are one, and where one class is so frequent that naming it alone scores well."""
    if len(examples) < 2:
        return []
    source = Source(examples[0].source.file, 1)
    answers = {example.ideal.strip() for example in examples}
    if len(answers) == 1:
        text = f"all {len(examples)} answers are {answers.pop()[:40]!r}: there is nothing to learn"
        return [Issue("one class only", source, "kept", text)]
    counts = classes(examples)
    if not counts:
        return []
    label, most = next(iter(counts.items()))
    issues = []
    if most >= DOMINANT * len(examples):
        text = (
            f"{most} of {len(examples)} answers are {label!r}: always saying it scores {most / len(examples):.2f}, "
            "so only a pass mark above that means something"
        )
        issues.append(Issue("uneven classes", source, "kept", text))
    rare = [name for name, count in counts.items() if count < REPEATS]
    if rare:
        shown = ", ".join(map(repr, rare[:5])) + (", …" if len(rare) > 5 else "")
        text = f"{len(rare)} of {len(counts)} classes have under {REPEATS} examples, too few to learn and test: {shown}"
        issues.append(Issue("uneven classes", source, "kept", text))
    return issues
