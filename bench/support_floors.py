"""Scores of trivial answers on examples/support, and how often retrieval finds the right page.

    python -m bench.support_floors

Trivial answers are a letter without content, the repeated question, passing every question on, and text of the first
retrieved passage: all of it, each sentence (their mean), and the best sentence. Writes
bench/results/support_floors.json: the mean of each by the job's metric and by token_f1, and the fraction of questions
whose page is retrieved at rank 1, or among the first three.
"""

import re
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.usage import documented
from gradschool.data.read import read_examples
from gradschool.environment import environment
from gradschool.events import result_of
from gradschool.files import read_lines, sha256, write_json
from gradschool.ground.cite import HEADING_LINES
from gradschool.ground.index import Index, build_index
from gradschool.job import Job, read_job
from gradschool.records import Example
from gradschool.score.metrics import Metric, find_metrics, trust_code

RESULT = Path(__file__).parent / "results" / "support_floors.json"
FORM = "Thanks for writing to Brelm.\n\nKind regards,\nBrelm Care"


def floors(examples: Sequence[Example], index: Index, metric: Metric) -> dict[str, float]:
    """The mean value of each kind of trivial answer."""

    def mean(answers: Sequence[str]) -> float:
        return statistics.mean(metric(text, example).value for text, example in zip(answers, examples, strict=True))

    handed_over = next(example.ideal for example in examples if "do not say" in example.ideal)
    found = [index.search(example.last_user, 1) for example in examples]  # nothing, for some
    passages = [HEADING_LINES.sub("", passage[0].text).strip() if passage else "" for passage in found]
    values = [
        [metric(sentence, example).value for sentence in re.split(r"(?<=[.!?])\s+", passage)]
        for passage, example in zip(passages, examples, strict=True)
    ]
    return {
        "form alone": mean([FORM] * len(examples)),
        "question said back": mean([example.last_user for example in examples]),
        "always handed over": mean([handed_over] * len(examples)),
        "whole passage": mean(passages),
        "any one sentence of it": statistics.mean(map(statistics.mean, values)),
        "best sentence of it": statistics.mean(map(max, values)),
    }


def right_page(job: Job, index: Index, passages: int) -> float:
    """The fraction of questions whose page is among the first `passages` passages."""
    rows = [row for file in job.examples for row in read_lines(file) if row["page"]]
    asked = [next(m["content"] for m in reversed(row["messages"]) if m["role"] == "user") for row in rows]
    found = [{Path(p.file).name for p in index.search(question, passages)} for question in asked]
    return statistics.mean(row["page"] in pages for row, pages in zip(rows, found, strict=True))


def main() -> None:
    """Measure and write the results."""
    job = read_job(Path(__file__).parents[1] / "examples" / "support")
    [source] = job.examples
    examples = read_examples(source, job.settings.data).examples
    trust_code(job.settings.goal, job.folder)
    decides, also = find_metrics(job.settings.goal, job.folder, examples)
    with tempfile.TemporaryDirectory() as temporary:
        documents = job.path(job.settings.data.documents or "")
        index = result_of(build_index(documents, Path(temporary) / "index", job.settings.ground))
        result: dict[str, Any] = {
            "command": "python -m bench.support_floors",
            "examples": len(examples),
            job.settings.goal.metric: floors(examples, index, decides),
            "token_f1": floors(examples, index, also["token_f1"]),
            "right page": {str(k): right_page(job, index, k) for k in (1, 3)},
        }
    write_json(RESULT, result | {"data": {source.name: sha256(source)}, "environment": asdict(environment())})
    for name in (job.settings.goal.metric, "token_f1", "right page"):
        print(name, {key: round(value, 3) for key, value in result[name].items()})


if __name__ == "__main__":
    documented(__doc__).parse_args()
    main()
