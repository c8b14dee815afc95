"""Check examples one by one and against each other; every issue names file and line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gradschool.data.cutoff import cut_off
from gradschool.data.encoding import damage
from gradschool.data.issues import Issue, Kind, Severity, usable
from gradschool.data.labels import class_issues
from gradschool.data.normalize import normalize, normalized_question
from gradschool.data.read import Reading
from gradschool.data.reasoned import leave_out_reasoning
from gradschool.records import Conversation, Example, Message, Source, as_text
from gradschool.visible import shortened

REPEATS_NOTED = 0.1  # fraction of repeated answers from which it is reported


@dataclass(frozen=True, slots=True)
class Checked:
    """The usable examples, repaired if possible, and all issues in file order."""

    examples: list[Example]
    issues: list[Issue]


def check(reading: Reading) -> Checked:
    """Find empty, duplicate, contradicting, truncated, damaged and misordered examples, and reasoning in answers.

    Empty and duplicate examples are dropped; what may be intended is kept and reported. Consecutive messages of one
    role are joined, and messages after the last answer are removed, because chat templates reject them.
    """
    issues: list[Issue] = []
    answers_only = leave_out_reasoning(reading.examples, issues)
    repaired = [_repair(example, issues) for example in answers_only]
    examples = usable(repaired, issues)
    _compare(examples, issues)
    examples = usable(examples, issues)
    issues += cut_off(examples)
    issues += class_issues(examples)
    issues += _repeated_answers(examples)
    issues = sorted(reading.issues + issues, key=lambda issue: issue.source.line)
    return Checked(examples, issues)


def too_long(examples: Sequence[Example], count_tokens: Callable[[Conversation], int], limit: int) -> list[Issue]:
    """Report examples longer than `limit` tokens; `count_tokens` counts a full conversation."""
    issues = []
    for example in examples:
        tokens = count_tokens(example.messages)
        if tokens > limit:
            text = f"has {tokens:,} tokens, question and answer together; the limit of the model is {limit:,}"
            if count := len(example.images):
                many = f"{count} images take" if count > 1 else "its image takes"
                text += f"; {many} some of them: show fewer or smaller ones, or use a base with a longer context"
            issues.append(Issue("too long", example.source, "dropped", text, example.id))
    return issues


def _repair(example: Example, issues: list[Issue]) -> Example:
    def report(kind: Kind, severity: Severity, text: str) -> None:
        issues.append(Issue(kind, example.source, severity, text, example.id))

    messages = _join(example.messages)
    doubled = len(example.messages) - len(messages)
    if doubled:
        follow = "message follows" if doubled == 1 else "messages follow"
        report("does not alternate", "kept", f"{doubled} {follow} one of the same role; joined")
    after = 0
    while messages and messages[-1].role != "assistant":
        messages.pop()
        after += 1
    if not messages:
        report("ends without an answer", "dropped", "no message is from the assistant, so there is nothing to train on")
        return example
    if after:
        which = "the last message is" if after == 1 else f"the last {after} messages are"
        report("ends without an answer", "kept", f"{which} not from the assistant, and removed")
    first = next(message.role for message in messages if message.role != "system")
    if first == "assistant" and any(message.role == "user" for message in messages):
        report("does not alternate", "kept", "the assistant speaks first; some chat templates reject that")
    example = replace(example, messages=tuple(messages))
    if not any(message.role == "user" and message.content.strip() for message in example.question):
        report("empty question", "dropped", "the question is empty")
    if not example.ideal.strip():
        report("empty answer", "dropped", "the ideal answer is empty")
    for message in example.messages:
        if wrong := damage(message.content):
            report("encoding", "kept", f"the {message.role}'s text {wrong}")
            break
    return example


def _join(messages: Conversation) -> list[Message]:
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role != "tool":  # several tools may answer in a row
            both = f"{joined[-1].content}\n{message.content}".strip("\n")
            joined[-1] = _joined(joined[-1], message, both)
        else:
            joined.append(message)
    return joined


def _joined(one: Message, other: Message, content: str) -> Message:
    """Two messages as one with this content; a character in the place of an image is one only with its image."""
    if one.images and not other.images:
        content = one.content + as_text(content[len(one.content) :])
    elif other.images and not one.images:
        content = as_text(content.removesuffix(other.content)) + other.content
    return Message(one.role, content, images=(*one.images, *other.images))


def _compare(examples: list[Example], issues: list[Issue]) -> None:
    """Report repeated questions: with equal answers all but the first are dropped, others contradict."""
    first_asked: dict[str, Example] = {}
    first_answered: dict[tuple[str, str], Example] = {}
    for example in examples:
        question, answer = normalized_question(example), normalize(example.ideal)
        if same := first_answered.get((question, answer)):
            text = f"the same question and answer as {same.source}"
            issues.append(Issue("duplicate", example.source, "dropped", text, example.id))
            continue
        first_answered[question, answer] = example
        if other := first_asked.get(question):
            ideal, another = shortened(example.ideal), shortened(other.ideal)
            text = f"{ideal!r}, but {other.source} answers the same question {another!r}"
            issues.append(Issue("contradicting", example.source, "kept", text, example.id))
        else:
            first_asked[question] = example


def _repeated_answers(examples: list[Example]) -> list[Issue]:
    """Report repeated long answers: they may not belong to their question, or the split needs groups."""
    answers = [normalize(example.ideal) for example in examples]
    long = [answer for answer in answers if len(answer.split()) > 3]
    repeated = len(answers) - len(set(answers))
    if not repeated or len(long) * 2 < len(answers) or repeated < REPEATS_NOTED * len(answers):
        return []
    text = (
        f"{repeated} of {len(answers)} answers repeat another word for word; if they come from the same document "
        "or thread, name it with data.group_column, or the test set is easier than real use"
    )
    return [Issue("repeated answers", Source(examples[0].source.file, 1), "kept", text)]
