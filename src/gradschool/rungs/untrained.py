"""The untrained base of a job: how long its answers may be, and whether metrics can be fitted against them."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from gradschool.data.instructions import instructions_of
from gradschool.evaluate import Measure, fit_metrics, untrained
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Decoding, Example, Message, Work

ANSWER_MARGIN, EXTRA_TOKENS = 1.25, 8  # answers may be this much longer than the longest ideal one
# An untrained base often writes until the limit. Its answers may be this much longer than nearly all ideal ones.
NEARLY_ALL, UNTRAINED_MARGIN = 0.95, 2.0


def demand_fit(
    measure: Measure,
    engine: Engine,
    job: Job,
    train: Sequence[Example],
    others: Sequence[str],
    decoding: Decoding,
) -> Work[None]:
    """Fit the metrics as a climb would, and keep nothing; raises DataError if the job cannot be climbed."""
    yield from fit_metrics(measure, untrained(engine, instructions_of(job), decoding), train, others)


def decodings_for(examples: Sequence[Example], engine: Engine, job: Job) -> tuple[Decoding, Decoding]:
    """The decoding settings of a job, for a trained base and for an untrained one.

    By default, answers may be a quarter longer than the longest ideal one. If long ideal answers are rare, those of an
    untrained base are limited to a multiple of the others.
    """
    answers = job.settings.answers
    plain = Decoding(temperature=answers.temperature, log_probs=job.settings.goal.min_answered is not None)
    if answers.max_new_tokens:
        both = replace(plain, max_new_tokens=answers.max_new_tokens)
        return both, both
    lengths = sorted(ideal_lengths(examples, engine))
    usual = UNTRAINED_MARGIN * lengths[ceil(NEARLY_ALL * len(lengths)) - 1]
    trained, untrained = (
        replace(
            plain, max_new_tokens=min(round(longest * ANSWER_MARGIN) + EXTRA_TOKENS, max(1, engine.context_length // 2))
        )
        for longest in (lengths[-1], min(lengths[-1], usual))
    )
    return trained, untrained


def ideal_lengths(examples: Sequence[Example], engine: Engine) -> list[int]:
    """The tokens of each ideal answer, with those of the chat template around a message."""
    # Each text is counted once: labels repeat, and the template is rendered for each text.
    counted = {text: engine.count_tokens((Message("user", text),)) for text in {example.ideal for example in examples}}
    return [counted[example.ideal] for example in examples]
