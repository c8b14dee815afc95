"""Evaluate an exported model: loss compared with an n-gram model, reading, patterns, labels; written as JSON."""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from recipes.pocket.chat import Task, answer_start, render
from recipes.pocket.floor import KneserNey
from recipes.pocket.network import Network, load_exported
from recipes.pocket.probe import exact_and_loss
from recipes.pocket.synthesize import LONG, MEDIUM, SHORT, Family, pools
from recipes.pocket.tasks import labels, patterns, reading
from recipes.pocket.tasks.source import Pool, Source

Figures = dict[str, Any]
READING: tuple[tuple[str, Family, Figures], ...] = (
    ("real_text", reading.real, {"wordy": 0.0}),
    ("real_text_in_many_words", reading.real, {"wordy": 1.0}),
    ("invented_facts", reading.invented, {}),
)


def share(right: list[bool]) -> Figures:
    """Return the fraction of correct answers with its 95 % interval (Wilson, 1927)."""
    n, p, z = len(right), sum(right) / len(right), 1.96
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + s * spread) / (1 + z * z / n) for s in (-1, 1))
    return {"share": round(p, 3), "low": round(low, 3), "high": round(high, 3), "cases": n}


def losses(network: Network, data: Path, floor: KneserNey | None) -> Figures:
    """Return bits per byte on held-out text by kind, for the network and for the n-gram model."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in json.loads((data / "probe_text.json").read_text()):
        rows[row["family"].removeprefix("text:")].append(row)
    found = {}
    for kind, some in sorted(rows.items()):
        size = sum(row["bytes"] for row in some) * math.log(2)
        scored = exact_and_loss(network, [(row["tokens"], row["start"]) for row in some])
        found[kind] = {"model": round(sum(loss for _, loss in scored) / size, 4), "documents": len(some)}
        if floor:
            found[kind]["five_gram"] = round(sum(floor.loss(row["tokens"], row["start"]) for row in some) / size, 4)
    return found


def _cases(pool: Pool, family: Family, count: int, settings: Figures) -> Iterator[Task]:
    """Yield held-out tasks of one family; `settings` are attributes of the source."""
    source = Source(pool, f"evaluation {family.__name__}", hidden=True)
    for name, value in settings.items():
        setattr(source, name, value)
    for _ in range(count):
        yield family(source)


def answered(network: Network, tokenizer: Tokenizer, tasks: list[Task]) -> list[bool]:
    """Return for every task whether the greedy answer is exactly correct, including its end."""
    rows = []
    for task in tasks:
        ids, _ = render(tokenizer, task.turns, 0, 1)
        rows.append((ids[:-1], answer_start(ids, tokenizer)))
    return [right for right, _ in exact_and_loss(network, rows)]


def quoted(network: Network, tokenizer: Tokenizer, tasks: list[Task]) -> list[bool]:
    """Return for every reading task whether the answer starts with the correct sentence, regardless of the citation."""
    rows = []
    for task in tasks:
        ids, _ = render(tokenizer, task.turns, 0, 1)
        start = answer_start(ids, tokenizer)
        text = task.turns[-1][1].rsplit(" [", 1)[0]
        rows.append((ids[: start + len(tokenizer.encode(text, add_special_tokens=False).ids)], start))
    return [right for right, _ in exact_and_loss(network, rows)]


def skills(network: Network, tokenizer: Tokenizer, pool: Pool, count: int) -> Figures:
    """Evaluate the skills of the model card: reading three passages, following four examples, choosing labels."""
    found: Figures = {}
    for known in (True, False):
        words = "known_wording" if known else "new_wording"
        asked = {"passages": 3, "new_wordings": not known, "size": 0.4}
        for name, family, further in READING:
            tasks = list(_cases(pool, family, count, asked | further))
            there = [t for t in tasks if t.turns[-1][1] != reading.MISSING]
            absent = [t for t in tasks if t.turns[-1][1] == reading.MISSING]
            found[f"reading_{name}_{words}"] = {
                "right_sentence": share(quoted(network, tokenizer, there)),
                "right_sentence_and_number": share(answered(network, tokenizer, there)),
                "says_not_in_the_passages": share(answered(network, tokenizer, absent)),
            }
        shown = list(_cases(pool, patterns.chat_pattern, count, {"shots": 4, "new_wordings": not known, "size": 0.4}))
        found[f"pattern_four_examples_{words}"] = share(answered(network, tokenizer, shown))
        for family in (labels.topic, labels.overlap):
            tasks = list(_cases(pool, family, count, {"new_wordings": not known, "size": 0.4}))
            found[f"label_{family.__name__}_{words}"] = share(answered(network, tokenizer, tasks))
    return found


def families(network: Network, tokenizer: Tokenizer, pool: Pool, count: int) -> Figures:
    """Return the fraction of exact answers of every family, on held-out words with known wordings."""
    found = {}
    for family in dict.fromkeys(SHORT + MEDIUM + LONG):
        tasks = list(_cases(pool, family, count, {"new_wordings": False, "size": 0.3}))
        found[f"{family.__module__.split('.')[-1]}.{family.__name__}"] = share(answered(network, tokenizer, tasks))
    return found


def curve(log: Path, start: Path | None = None) -> list[Figures]:
    """Read held-out figures by training tokens from a log, after those of the model that training started from."""
    before: Figures = json.loads((start / "evaluation.json").read_text()) if start else {"curve": [], "tokens": 0}
    if not log.exists():
        return list(before["curve"])
    looks = [row for line in log.read_text().splitlines() if "probe" in (row := json.loads(line))]
    return [*before["curve"], *({"tokens": before["tokens"] + row["tokens"], **row["probe"]} for row in looks)]


def tokens_seen(log: Path, start: Path | None = None) -> int:
    """Count the training tokens, including those of the model that training started from."""
    before = json.loads((start / "evaluation.json").read_text())["tokens"] if start else 0
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return int(before) + (int(rows[-1]["tokens"]) if rows else 0)


def evaluate(
    model: Path, data: Path, corpus: Path, log: Path, count: int, floor: bool = True, start: Path | None = None
) -> Figures:
    """Run all evaluations of an exported model; `start` is the model that training started from."""
    network = load_exported(model)
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    five_gram = None
    if floor:
        seen = [np.fromfile(data / f"{name}.tokens", dtype=np.uint16) for name in ("text", "chat")]
        five_gram = KneserNey(np.concatenate(seen), network.shape.vocabulary)
    _, other = pools(corpus, 20)
    return {
        "bits_per_byte": losses(network, data, five_gram),
        "skills": skills(network, tokenizer, other, count),
        "families": families(network, tokenizer, other, max(50, count // 2)),
        "curve": curve(log, start),
        "tokens": tokens_seen(log, start),
        "parameters": sum(p.numel() for p in network.parameters()),
    }


def main() -> None:
    """Parse the command line, evaluate and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="exported folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of streams")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True, help="log.jsonl of the training")
    parser.add_argument("--start", type=Path, help="exported model that training started from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300, help="cases per skill")
    parser.add_argument("--no-floor", action="store_true", help="skip the 5-gram model")
    args = parser.parse_args()
    torch.manual_seed(0)
    found = evaluate(args.model, args.data, args.corpus, args.log, args.count, not args.no_floor, args.start)
    args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
