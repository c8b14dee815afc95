"""Replay the test questions through one form after another: prompts, next-token probabilities, answers, scores."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from gradschool.errors import ModelError
from gradschool.evaluate import answer_all
from gradschool.gates.gate import Measurements
from gradschool.gates.parity import divergence
from gradschool.gates.run import EXPORT_GATES, run_gates
from gradschool.model.engine import Engine
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.local import LocalEngine
from gradschool.model.prefix import common_prefix
from gradschool.model.reader import Reader, next_logits
from gradschool.package.evidence import Evidence
from gradschool.package.forms import FormResult
from gradschool.records import Answer, Conversation, Decoding, Example, Message, Passage, Progress, Scored, Work
from gradschool.score.judge import judge
from gradschool.settings import MAX_DROP
from gradschool.specialist import Specialist, answer_and_cite

LIKELIEST = 40  # tokens of each next-token distribution that are compared
SHOWN = 60  # characters of two answers around their first difference


@dataclass(frozen=True, slots=True)
class Questions:
    """The test questions as prompts of the specialist: with instructions, examples and passages."""

    asked: tuple[Conversation, ...]
    passages: tuple[tuple[Passage, ...], ...]
    decoding: Decoding
    cites: bool

    def without_constraint(self) -> "Questions":
        """The same questions for a server that constrains the answers itself."""
        return replace(self, decoding=replace(self.decoding, constraint=None))


@dataclass(frozen=True, slots=True)
class Replayed:
    """The answers of one form to the test questions.

    `prompts` are the tokens of each prompt and `expected` the likeliest next tokens after each probe, with their log
    probabilities; both are None if the form does not report them.
    """

    form: str
    rows: list[Scored]
    seconds: float
    prompts: tuple[list[int], ...] | None = None
    expected: tuple[dict[int, float], ...] | None = None

    @property
    def answers(self) -> list[Answer]:
        """The answers in the order of the questions."""
        return [row.answer for row in self.rows]

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens per second, including the time for prompts."""
        return sum(answer.new_tokens for answer in self.answers) / max(self.seconds, 1e-9)


def questions_of(specialist: Specialist, evidence: Evidence) -> Questions:
    """The test questions as the specialist asks its base."""
    pairs = [specialist.conversation(example.question) for example in evidence.examples]
    asked, passages = zip(*pairs, strict=True)
    decoding = replace(specialist.recipe.decoding, log_probs=False)  # an export answers every question
    return Questions(asked, passages, decoding, bool(specialist.recipe.passages))


def replay(form: str, engine: Engine, questions: Questions, evidence: Evidence, adapter: str = "") -> Work[Replayed]:
    """Ask an engine the questions and score its answers."""

    def ask(_: Sequence[Example]) -> Iterator[tuple[int, Answer]]:
        passages = questions.passages if questions.cites else None
        return answer_and_cite(engine, questions.asked, passages, questions.decoding, adapter)

    began = time.perf_counter()
    answers = yield from answer_all(ask, evidence.examples, f"parity: {form}")
    seconds = time.perf_counter() - began
    return Replayed(form, evidence.measure.score(evidence.examples, answers), seconds)


def replay_local(
    form: str, engine: LocalEngine, questions: Questions, evidence: Evidence, adapter: str = ""
) -> Work[Replayed]:
    """Ask a local engine, and record the tokens of its prompts."""
    prompts = tuple(engine.chat.prompt_ids(asked) for asked in questions.asked)
    replayed = yield from replay(form, engine, questions, evidence, adapter)
    return replace(replayed, prompts=prompts)


def replay_llama_cpp(form: str, server: LlamaCpp, questions: Questions, evidence: Evidence) -> Work[Replayed]:
    """Ask a GGUF file in llama.cpp through its chat API, and record the tokens of its prompts."""
    prompts = tuple(server.prompt_ids(asked) for asked in questions.asked)
    engine = server.engine(questions.decoding.constraint)
    replayed = yield from replay(form, engine, questions.without_constraint(), evidence)
    return replace(replayed, prompts=prompts)


def probes_of(engine: LocalEngine, questions: Questions, replayed: Replayed) -> tuple[list[int], ...]:
    """The token sequences after which next tokens are compared: each prompt, and each prompt with half of its answer.

    In many jobs all answers begin alike, so that the first token alone would show little.
    """
    probes = [engine.chat.prompt_ids(asked) for asked in questions.asked]
    for asked, answer, prompt in zip(questions.asked, replayed.answers, list(probes), strict=True):
        try:
            rendered = engine.chat.render((*asked, Message("assistant", answer.text)))
        except ModelError:  # such as an empty answer
            continue
        probes.append(list(rendered.token_ids[: (len(prompt) + len(rendered.token_ids)) // 2]))
    return tuple(probe for probe in probes if len(probe) < engine.context_length)


def with_expected(
    replayed: Replayed, likeliest: Callable[[list[int]], dict[int, float]], probes: Sequence[list[int]]
) -> Work[Replayed]:
    """Add the likeliest next tokens after each probe."""
    expected = []
    for done, probe in enumerate(probes, 1):
        expected.append(likeliest(probe))
        yield Progress(f"parity: {replayed.form}: next tokens", done, len(probes), "probes")
    return replace(replayed, expected=tuple(expected))


@torch.inference_mode()
def likeliest(reader: Reader, prompt: Sequence[int]) -> dict[int, float]:
    """The likeliest next tokens of a local network, with their log probabilities in nats."""
    logits = next_logits(reader, prompt)
    values, tokens = logits.float().log_softmax(0).topk(min(LIKELIEST, logits.shape[0]))
    return dict(zip(tokens.tolist(), values.tolist(), strict=True))


def compare(
    before: Replayed, after: Replayed, evidence: Evidence, size: int, *, exact: bool, max_drop: float = MAX_DROP
) -> FormResult:
    """Compare a form with the specialist: its row of the parity table, with its gates.

    For `exact` forms, which hardly change the weights, next-token probabilities must match too.
    """
    prompts = (before.prompts, after.prompts) if before.prompts is not None and after.prompts is not None else None
    each = None
    if before.expected is not None and after.expected is not None:
        each = [divergence(a, b) for a, b in zip(before.expected, after.expected, strict=True)]
    measurements = Measurements(
        prompts=prompts,
        divergences=each if exact else None,
        answers=(before.answers, after.answers),
        scores=([row.value for row in before.rows], [row.value for row in after.rows]),
        max_drop=max_drop,
    )
    report = judge(after.rows, evidence.goal, evidence.level, now=evidence.now)
    pairs = list(zip(before.answers, after.answers, strict=True))
    same = None if prompts is None else sum(list(a) == list(b) for a, b in zip(*prompts, strict=True))
    return FormResult(
        form=after.form,
        bytes=size,
        same_prompts=same,
        divergence=None if each is None else math.fsum(each) / len(each),
        same_answers=sum(a.text == b.text for a, b in pairs),
        ended=sum(b.stop == "stop" for _, b in pairs),
        score=report.score,
        verdict=report.verdict,
        tokens_per_second=after.tokens_per_second,
        gates=run_gates(EXPORT_GATES, measurements),
        parts=first_change(before, after),
    )


def first_change(before: Replayed, after: Replayed) -> str:
    """The first question that two forms answer differently, and the place in the answer; empty if there is none."""
    for a, b in zip(before.rows, after.rows, strict=True):
        if b.answer.failure and not a.answer.failure:
            return f"{b.id}: {b.answer.failure.kind}: {b.answer.failure.reason}"
        if a.answer.text != b.answer.text:
            place = common_prefix([a.answer.text, b.answer.text])
            start = max(0, place - SHOWN // 3)
            one, other = (answer.text[start : start + SHOWN] for answer in (a.answer, b.answer))
            return f"{a.id}, character {place + 1} of the answer: {other!r}, not {one!r}"
    return ""
