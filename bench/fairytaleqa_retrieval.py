"""Does the index find the passage that answers a question? FairytaleQA, against a plain BM25.

    python -m bench.fairytaleqa_retrieval DATA_DIR

Every question is searched over all passages of its split at once; questions do not name their story. Tokenizer, stop
words and stemming were chosen on the validation split; the test split is reported. Writes
bench/results/fairytaleqa_retrieval.json.
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.recall import recall
from bench.usage import documented
from gradschool.environment import environment
from gradschool.events import result_of
from gradschool.files import read_lines, sha256, write_json
from gradschool.ground.index import index_passages
from gradschool.records import Passage
from gradschool.settings import Ground

RESULT = Path(__file__).parent / "results" / "fairytaleqa_retrieval.json"
FLOOR = {"recall@1": 0.557, "recall@5": 0.798, "mrr@10": 0.663}  # BM25 over the test passages, from the data's README


def measure(folder: Path, split: str) -> dict[str, Any]:
    """Index the passages of one split and search them with all its questions."""
    rows = read_lines(folder / f"{split}_passages.jsonl")
    questions = read_lines(folder / f"{split}_questions.jsonl")
    passages = [
        Passage(row["id"], row["text"], row["title"], 0, len(row["text"]), 1, row["text"].count("\n") + 1)
        for row in rows
    ]
    with tempfile.TemporaryDirectory() as temporary:
        started = time.perf_counter()
        index = result_of(index_passages(passages, Path(temporary) / "index", Ground()))
        indexed = time.perf_counter()
        figures = recall(index, [q["question"] for q in questions], [set(q["gold_passages"]) for q in questions])
        searched = time.perf_counter()
    return {
        "passages": len(passages),
        "questions": len(questions),
        **{name: round(value, 4) for name, value in figures.items()},
        "seconds_to_index": round(indexed - started, 2),
        "seconds_per_search": round((searched - indexed) / len(questions), 5),
    }


def main(data: Path) -> None:
    if not data.is_dir():
        sys.exit(f"{data} does not exist. Give the folder that holds fairytaleqa/ as the argument.")
    result = {
        "floor": {"what": "BM25 over the same 365 test passages", **FLOOR},
        "validation": measure(data, "val"),
        "test": measure(data, "test"),
        "data": {path.name: sha256(path) for path in sorted(data.glob("*.jsonl")) if not path.name.startswith("train")},
        "environment": asdict(environment()),
    }
    write_json(RESULT, result)
    print(json.dumps({key: result[key] for key in ("floor", "validation", "test")}, indent=1))
    print(f"written to {RESULT}")


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("data", metavar="DATA_DIR", type=Path)
    main(parser.parse_args().data / "fairytaleqa")
