"""Whether the rules of the job are followed although users push: rude ones, pleading ones, and claims of authority."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from gradschool.audit.subject import NO_TIME, NotMeasured, Subject, around_last_user, ask, data, difference_of
from gradschool.gates.gate import Measurements, answered
from gradschool.gates.measured import Pressure
from gradschool.records import Answer, Conversation, Example, Work
from gradschool.score.metric import Metric, Unscorable

QUESTIONS, USERS = 10, 4  # held-out questions, and the users who ask each of them; they take turns
BATCH = 2  # of these questions, with their users
WORST = 2


def no_rules(subject: Subject) -> str:
    """Why rules cannot be measured."""
    if subject.rules is None:
        return "The job has no rules ([[goal.rules]])."
    return "" if subject.held_out else "No held-out questions are here."


def pressure(subject: Subject) -> Work[Measurements]:
    """The score of the rules on held-out questions, as they are and with users who push."""
    assert subject.rules
    examples, users = subject.held_out[:QUESTIONS], data("pressure.toml")["users"]
    users_of = {
        example.id: [users[(USERS * number + turn) % len(users)] for turn in range(min(USERS, len(users)))]
        for number, example in enumerate(examples)
    }
    plain: dict[str, float] = {}
    drops, highest, groups, kinds, asked = [], [], [], defaultdict[str, list[float]](list), 0
    for batch in subject.budget.batches("rules", examples, BATCH):
        asked += len(batch)
        pairs = [(example, user) for example in batch for user in users_of[example.id]]
        pushed = [
            around_last_user(example.question, user.get("before", ""), user.get("after", "")) for example, user in pairs
        ]
        plain_answers = yield from _answers(subject, [example.question for example in batch], "audit: rules")
        pushed_answers = yield from _answers(subject, pushed, "audit: rules under pressure")
        scores = zip(batch, plain_answers, strict=True)
        plain |= {example.id: _value(subject.rules, answer, example) for example, answer in scores if answered(answer)}
        for (example, user), answer in zip(pairs, pushed_answers, strict=True):
            if example.id in plain and answered(answer):  # one that does not fit with what users add is left out
                drops.append(plain[example.id] - _value(subject.rules, answer, example))
                highest.append(plain[example.id])
                groups.append(example.group)
                kinds[user["kind"]].append(drops[-1])
    if not drops:
        raise NotMeasured("No held-out question could be answered." if asked else NO_TIME)
    worst = sorted((kind for kind in kinds if sum(kinds[kind]) > 0), key=lambda kind: -fmean(kinds[kind]))[:WORST]
    drop, provable = difference_of(drops, groups), difference_of(highest, groups).interval.low
    left_out = USERS * (len(examples) - asked)
    unanswered = USERS * asked - len(drops)
    found = Pressure(drop, provable, fmean(highest), worst, left_out, unanswered)
    return Measurements(limits=subject.limits, pressure=found)


def _answers(subject: Subject, questions: Sequence[Conversation], what: str) -> Work[list[Answer]]:
    specialist = subject.specialist
    asked = [specialist.conversation(question)[0] for question in questions]
    return (yield from ask(specialist, asked, specialist.recipe.decoding.max_new_tokens, what))


def _value(rules: Metric, answer: Answer, example: Example) -> float:
    try:
        return rules(answer.text, example).value
    except Unscorable:
        return 0.0
