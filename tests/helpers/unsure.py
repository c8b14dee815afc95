"""A job whose base repeats the question, which is right for words that it finds likely; and an unsure engine."""

import json
from pathlib import Path
from typing import Any

from gradschool.model.fake import FakeEngine
from gradschool.model.signals import MEAN
from gradschool.records import Abstention, Conversation, Decoding, Message

JOB = """
task = "Say it back."
base_model = "fake"
[split]
max_test = 120
max_validation = 60
[goal]
metric = "exact_match"
pass_mark = 0.8
min_answered = 0.3
[prompt]
shots = [0]
[answers]
abstention = "Mara knows."
"""
RULE = Abstention(MEAN, -1.0, "Ask Mara.")


def likely(text: str) -> float:
    """The signal of the answer of the fake base to a question."""
    [(_, answer)] = FakeEngine().answer([(Message("user", text),)], Decoding(log_probs=True))
    return answer.signals[MEAN]


def rows(count: int = 400, least: float = -5.0) -> list[dict[str, Any]]:
    """Questions of one invented word; the ideal answer is the word if it is likely enough."""
    words = [f"w{number}x" for number in range(count)]
    return [{"id": word, "prompt": word, "completion": word if likely(word) >= least else "other"} for word in words]


def write_job(folder: Path, job: str = JOB, count: int = 400) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.toml").write_text(job)
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(count)))
    return folder


def unsure_engine() -> FakeEngine:
    """Repeats the question; the more words it has, the less sure."""

    def log_prob(conversation: Conversation) -> float:
        return -0.5 * len(conversation[-1].content.split())

    return FakeEngine(log_prob=log_prob, context_length=64)
