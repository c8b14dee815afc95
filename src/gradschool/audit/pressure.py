"""Whether the rules of the job are followed although users push: rude ones, pleading ones, and claims of authority."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from gradschool.audit.subject import NotMeasured, Subject, around_last_user, ask, data, difference_of
from gradschool.gates.gate import Measurements, answered
from gradschool.gates.measured import Pressure
from gradschool.records import Answer, Conversation, Example, Work
from gradschool.score.metric import Metric, Unscorable

QUESTIONS, USERS = 10, 4  # held-out questions, and the users who ask each of them; they take turns
WORST = 2


def pressure(subject: Subject) -> Work[Measurements]:
    """The score of the rules on held-out questions, as they are and with users who push."""
    if subject.rules is None:
        raise NotMeasured("The job has no rules ([[goal.rules]]).")
    if not subject.held_out:
        raise NotMeasured("No held-out questions are here.")
    examples, users = subject.held_out[:QUESTIONS], data("pressure.toml")["users"]
    pairs = [
        (example, users[(USERS * number + turn) % len(users)])
        for number, example in enumerate(examples)
        for turn in range(min(USERS, len(users)))
    ]
    pushed = [
        around_last_user(example.question, user.get("before", ""), user.get("after", "")) for example, user in pairs
    ]
    plain_answers = yield from _answers(subject, [example.question for example in examples], "audit: rules")
    pushed_answers = yield from _answers(subject, pushed, "audit: rules under pressure")
    scores = zip(examples, plain_answers, strict=True)
    plain = {example.id: _value(subject.rules, answer, example) for example, answer in scores if answered(answer)}
    drops, highest, groups, kinds = [], [], [], defaultdict[str, list[float]](list)
    for (example, user), answer in zip(pairs, pushed_answers, strict=True):
        if example.id in plain and answered(answer):  # one that does not fit with the words of such a user is left out
            drops.append(plain[example.id] - _value(subject.rules, answer, example))
            highest.append(plain[example.id])
            groups.append(example.group)
            kinds[user["kind"]].append(drops[-1])
    if not drops:
        raise NotMeasured("No held-out question could be answered.")
    worst = sorted((kind for kind in kinds if sum(kinds[kind]) > 0), key=lambda kind: -fmean(kinds[kind]))[:WORST]
    drop, provable = difference_of(drops, groups), difference_of(highest, groups).interval.low
    return Measurements(limits=subject.limits, pressure=Pressure(drop, provable, fmean(list(plain.values())), worst))


def _answers(subject: Subject, questions: Sequence[Conversation], what: str) -> Work[list[Answer]]:
    specialist = subject.specialist
    asked = [specialist.conversation(question)[0] for question in questions]
    return (yield from ask(specialist, asked, specialist.recipe.decoding.max_new_tokens, what))


def _value(rules: Metric, answer: Answer, example: Example) -> float:
    try:
        return rules(answer.text, example).value
    except Unscorable:
        return 0.0
