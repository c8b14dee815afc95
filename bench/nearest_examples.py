"""Which search finds examples with the same answer: words, words and their parts, or the search of passages?

    python -m bench.nearest_examples DATA_DIR

Searches 500 questions of banking77 and of snips among 2,000 others: by tf-idf over words and pairs of words, as earlier
versions did, by BM25 over words and their parts, as the prompt rung does, and with the full-text search of passages.
Counts how often the nearest example has the same intent, and how many of the four nearest do. The second was chosen on
other draws of the same sets. Writes bench/results/nearest_examples.json.
"""

import csv
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bench.usage import documented
from gradschool.data.nearest import NearestQuestions, SimilarQuestions
from gradschool.environment import environment
from gradschool.events import result_of
from gradschool.files import read_lines, write_json
from gradschool.ground.index import index_passages
from gradschool.records import Example, Message, Passage, Source
from gradschool.score.stats import bounds
from gradschool.settings import Ground

RESULT = Path(__file__).parent / "results" / "nearest_examples.json"
POOL, ASKED, SHOWN, LEVEL = 2_000, 500, 4, 0.95
Find: TypeAlias = Callable[[str], Sequence[int]]  # places of the nearest examples, the nearest first


def banking77(data: Path) -> list[tuple[str, str]]:
    """Questions of customers, with their intents."""
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def snips(data: Path) -> list[tuple[str, str]]:
    """Requests, with their intents."""
    return [(row["input"], row["output"]["intent"]) for row in read_lines(data / "snips" / "train.jsonl")]


def measured(rows: Sequence[tuple[str, str]], folder: Path) -> dict[str, list[float]]:
    """The share of questions whose nearest example has the same intent, and of the four nearest; each with bounds."""
    drawn = random.Random(0).sample(list(rows), POOL + ASKED)
    pool, asked = drawn[:POOL], drawn[POOL:]
    found: dict[str, list[float]] = {}
    examples = [
        Example(str(place), (Message("user", text), Message("assistant", intent)), str(place), Source("data", place))
        for place, (text, intent) in enumerate(pool)
    ]
    ways: dict[str, Find] = {
        "tf-idf of words": partial(NearestQuestions(examples).places, count=SHOWN),
        "BM25 of words and parts": partial(SimilarQuestions(examples).places, count=SHOWN),
        "search of passages": by_passages(pool, folder),
    }
    for name, find in ways.items():
        same = [[pool[place][1] == intent for place in find(question)] for question, intent in asked]
        for what, values in (
            ("nearest", [float(any(one[:1])) for one in same]),
            (f"of {SHOWN} nearest", [sum(one) / SHOWN for one in same]),
        ):
            share = bounds(values, [str(place) for place in range(ASKED)], LEVEL)
            found[f"{name}, {what}"] = [round(value, 3) for value in (sum(values) / ASKED, share.low, share.high)]
    return found


def by_passages(pool: Sequence[tuple[str, str]], folder: Path) -> Find:
    """The search of the ground rung, over questions as passages."""
    passages = [Passage(str(place), text, "data", 0, len(text), 1, 1) for place, (text, _) in enumerate(pool)]
    index = result_of(index_passages(passages, folder, Ground()))
    return lambda question: [int(passage.id) for passage in index.search(question, SHOWN)]


def main(data: Path) -> None:
    """Measure both sets."""
    with tempfile.TemporaryDirectory() as temporary:
        sets = {read.__name__: measured(read(data), Path(temporary) / read.__name__) for read in (banking77, snips)}
    write_json(RESULT, {"level": LEVEL, "sets": sets, "environment": asdict(environment())})
    print(json.dumps(sets, indent=1))


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("data", metavar="DATA_DIR", type=Path)
    main(parser.parse_args().data)
