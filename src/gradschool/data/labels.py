"""Detect answers that are class labels, and report imbalanced or single classes."""

from collections import Counter
from collections.abc import Mapping, Sequence

from gradschool.data.issues import Issue
from gradschool.data.normalize import as_typed
from gradschool.records import Example, Source

MAX_WORDS, MAX_CHARACTERS = 6, 60  # longer answers are not labels
REPEATS = 3  # examples per class on average
ENDS = " .,;:!?。！？"  # of a label, which may be left out
DOMINANT = 0.8  # fraction of one class from which a high score means little


def is_short(answer: str) -> bool:
    """Whether an answer is no longer than labels are."""
    return len(answer) <= MAX_CHARACTERS and len(answer.split()) <= MAX_WORDS


def classes(examples: Sequence[Example]) -> dict[str, int] | None:
    """The count of each label, most frequent first; None if the answers are not labels.

    Labels that differ in their quotes or Unicode form alone are one, in its most frequent form.
    """
    forms = Counter(example.ideal.strip() for example in examples)
    typed: dict[str, list[str]] = {}
    for form, _ in sorted(forms.items(), key=lambda item: (-item[1], item[0])):
        typed.setdefault(as_typed(form), []).append(form)
    counts = {same[0]: sum(forms[form] for form in same) for same in typed.values()}
    if not counts or not all(map(is_short, counts)) or len(examples) < REPEATS * len(counts):
        return None
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def class_issues(examples: Sequence[Example]) -> list[Issue]:
    """Report a single class, and a class so frequent that always predicting it scores well."""
    if len(examples) < 2:
        return []
    source = Source(examples[0].source.file, 1)
    answers = {as_typed(example.ideal.strip()) for example in examples}
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
            f"{most} of {len(examples)} answers are {label!r}: always predicting it scores {most / len(examples):.2f}, "
            "so only a higher score shows that more was learned"
        )
        issues.append(Issue("uneven classes", source, "kept", text))
    rare = [name for name, count in counts.items() if count < REPEATS]
    if rare:
        shown = ", ".join(map(repr, rare[:5])) + (", …" if len(rare) > 5 else "")
        text = f"{len(rare)} of {len(counts)} classes have under {REPEATS} examples, too few to train and test: {shown}"
        issues.append(Issue("uneven classes", source, "kept", text))
    return [*issues, *_alike(counts, source)]


def _alike(counts: Mapping[str, int], source: Source) -> list[Issue]:
    """Report labels that differ only in case, spacing or final punctuation: probably one class, counted as several."""
    forms: dict[str, list[str]] = {}
    for label in counts:
        forms.setdefault(" ".join(label.casefold().split()).rstrip(ENDS) or label, []).append(label)
    same = [labels for labels in forms.values() if len(labels) > 1]
    if not same:
        return []
    shown = "; ".join(" and ".join(map(repr, labels)) for labels in same[:5]) + ("; …" if len(same) > 5 else "")
    text = f"labels differ in case, spaces or final punctuation alone, and count as different ones: {shown}"
    return [Issue("alike classes", source, "kept", text)]
