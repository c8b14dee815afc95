"""The base as judge of passages: one after which it finds the question likelier ranks higher.

A passage that answers a question often has other words than the question. A language model knows which words go
together: the score is w · BM25 + (1 − w) · log P(question | passage), in nats, without an adapter. Source: Ponte and
Croft, "A language modeling approach to information retrieval", SIGIR 1998; with a neural network, Sachan et al. 2022,
"Improving Passage Retrieval with Zero-Shot Question Generation", arXiv:2204.07496.
"""

from collections.abc import Sequence

from gradschool.ground.cite import quoted
from gradschool.model.engine import Engine
from gradschool.records import Message, Passage

CANDIDATES = 8  # the best passages of the search, which are judged; at least as many as are asked for
REQUEST = "Write a question that this text answers."
TOGETHER = 8  # passages that are read together, each once for all of its questions

Ranked = Sequence[tuple[Passage, float]]


def question_log_probs(engine: Engine, asked: Sequence[str], found: Sequence[Ranked]) -> list[dict[str, float]]:
    """For each question, log P(question | passage) in nats of each passage found, by its id.

    A passage that does not fit with a question has none. Raises ModelError if the engine cannot compute it.
    """
    passages = {passage.id: passage for its in found for passage, _ in its}
    places: dict[str, list[int]] = {name: [] for name in passages}
    for place, its in enumerate(found):
        for passage, _ in its:
            places[passage.id].append(place)
    judged: list[dict[str, float]] = [{} for _ in asked]
    names = list(passages)
    for start in range(0, len(names), TOGETHER):
        some = names[start : start + TOGETHER]
        conversations = [(Message("user", f"{quoted(passages[name])}\n\n{REQUEST}"),) for name in some]
        questions = [[asked[place] for place in places[name]] for name in some]
        for name, read in zip(some, engine.continuations(conversations, questions, ended=True), strict=True):
            for place, question in zip(places[name], read or (), strict=False):
                judged[place][name] = -question.loss
    return judged


def ranked(found: Ranked, log_probs: dict[str, float], weight: float) -> list[Passage]:
    """Found passages by their weighted scores, best first; of equals the one that the search preferred.

    A passage without a log-probability comes after all others.
    """

    def score(one: tuple[Passage, float]) -> tuple[bool, float]:
        passage, searched = one
        known = passage.id in log_probs
        return known, weight * searched + (1 - weight) * log_probs.get(passage.id, 0.0)

    return [passage for passage, _ in sorted(found, key=score, reverse=True)]
