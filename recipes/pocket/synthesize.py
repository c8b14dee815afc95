"""Generate the synthetic streams of every task family, from short to long, and held-out tasks."""

import argparse
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tokenizers import Tokenizer

from recipes.pocket.chat import Task, answer_start, render
from recipes.pocket.prepare import sample, split_corpus
from recipes.pocket.streams import write_stream
from recipes.pocket.tasks import copying, extract, house, labels, locating, lookup, patterns, reading, support
from recipes.pocket.tasks.source import Pool, Source

Family = Callable[[Source], Task]
SHORT: tuple[Family, ...] = (
    *copying.FAMILIES,
    copying.echo_text,
    *lookup.FAMILIES,
    *locating.FAMILIES * 6,
    *patterns.FAMILIES * 4,
)
"""For the first stages; `echo_text` is dropped later, or the model would echo every message."""
MEDIUM: tuple[Family, ...] = (
    *copying.FAMILIES,
    *lookup.FAMILIES,
    *locating.FAMILIES * 8,
    *reading.FAMILIES * 6,
    *patterns.FAMILIES * 8,
    *extract.FAMILIES * 2,
    *labels.FAMILIES * 2,
    *support.FAMILIES,
    *house.FAMILIES * 5,
)
LONG: tuple[Family, ...] = (
    reading.FAMILIES * 5
    + patterns.FAMILIES * 3
    + extract.FAMILIES
    + labels.FAMILIES
    + lookup.FAMILIES
    + support.FAMILIES
    + house.FAMILIES * 10
)
ANSWERED = 15
"""Loss weight of synthetic answers, in tenths; prompts have weight 0, because they are random words."""
_FIRST, _OPENED = (70, 45, 30), 45
_POOL = {"eltec_eng_pd": 4_000_000, "medquad_qa": 2_000_000, "factbook": 1_500_000, "us_presidents": 1_000_000}
_POOL |= {"t0_permissive_instructions": 0, "tldr_pages_text": 0, "gsm8k_train": 0, "selfinstruct_human_seed": 0}


def pools(corpus: Path, seed: int) -> tuple[Pool, Pool]:
    """Collect words and paragraphs: a pool for training and one of held-out documents and words."""
    kept, apart = split_corpus(corpus)
    shown = [d.text for d in sample(kept, _POOL, seed + 2)]
    hidden = [d.text for d in apart if d.source not in {s for s, n in _POOL.items() if n == 0}]
    pool, other = Pool.of(shown, hidden=False), Pool.of(hidden, hidden=True)
    whole = Pool.of(shown, hidden=True)
    other.words, other.names, other.counts = whole.words, whole.names, pool.counts
    return pool, other


def conversations(
    pool: Pool, name: str, families: tuple[Family, ...], sizes: tuple[float, float], seed: int
) -> Iterator[Task]:
    """Yield an infinite stream of tasks with random families and sizes."""
    source = Source(pool, f"{name} {seed}")
    chance = random.Random(f"{name} sizes {seed}")
    while True:
        source.size = chance.uniform(*sizes)
        yield chance.choice(families)(source)


def emphasise(ids: list[int], weights: list[int], openers: set[int]) -> list[int]:
    """Increase the weight of decisive tokens: the first three of an answer, and those after a quote or bracket.

    The rest of an answer is only copied; without this, a label of two tokens would hardly count.
    """
    raised = list(weights)
    since = 0
    for i, weight in enumerate(weights):
        since = since + 1 if weight == ANSWERED else 0
        if 1 <= since <= len(_FIRST):
            raised[i] = _FIRST[since - 1]
        elif since and ids[i - 1] in openers:
            raised[i] = _OPENED
    return raised


def encode(tokenizer: Tokenizer, task: Task) -> tuple[list[int], list[int]]:
    """Encode a task; the first shown answer of a pattern has no loss, because it cannot be predicted."""
    ids, weights = render(tokenizer, task.turns, 0, ANSWERED)
    if task.family in {"pattern", "house_shown"}:
        first = next(i for i, w in enumerate(weights) if w == ANSWERED)
        while weights[first] == ANSWERED:
            weights[first] = 0
            first += 1
    openers = {number for sign in ('Ġ"', "Ġ[") if (number := tokenizer.token_to_id(sign)) is not None}
    return ids, emphasise(ids, weights, openers)


def documents(
    tokenizer: Tokenizer, tasks: Iterator[Task], tokens: int, longest: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Encode tasks until there are enough tokens, passing over those that are too long."""
    total = 0
    while total < tokens:
        ids, weights = encode(tokenizer, next(tasks))
        if len(ids) <= longest:
            total += len(ids)
            yield ids, weights


def probe_rows(tokenizer: Tokenizer, pool: Pool, count: int, seed: int) -> Iterator[dict[str, object]]:
    """Make held-out rows of every family, to be answered exactly."""
    for family in dict.fromkeys(SHORT + MEDIUM + LONG):
        source = Source(pool, f"probe {family.__name__} {seed}", hidden=True)
        made = 0
        while made < count:
            source.size = 0.25 + 0.5 * made / count
            task = family(source)
            ids, _ = render(tokenizer, task.turns, 0, 1)
            if len(ids) <= 1000:
                made += 1
                yield {"family": task.family, "tokens": ids[:-1], "start": answer_start(ids, tokenizer)}


def synthesize(corpus: Path, out: Path, tokens: dict[str, int], seed: int = 20) -> None:
    """Write the streams `short`, `medium` and `long` and add the task rows to the probe."""
    tokenizer = Tokenizer.from_file(str(out / "tokenizer" / "tokenizer.json"))
    pool, other = pools(corpus, seed)
    plans = {"short": (SHORT, (0.0, 0.35), 250), "medium": (MEDIUM, (0.1, 0.7), 500), "long": (LONG, (0.3, 1.0), 1400)}
    for name, (families, sizes, longest) in plans.items():
        if families and tokens.get(name):
            for path in out.glob(f"{name}.*"):
                path.unlink()
            made = conversations(pool, name, families, sizes, seed)
            write_stream(out, name, documents(tokenizer, made, tokens[name], longest))
    rows = list(probe_rows(tokenizer, other, 64, seed))
    text = json.loads((out / "probe_text.json").read_text())
    (out / "probe.json").write_text(json.dumps(text + rows))
    (out / "synthesized.json").write_text(json.dumps({"seed": seed, **tokens}))


def main() -> None:
    """Parse the command line and write the streams."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--short", type=int, default=4_000_000, help="tokens of short tasks")
    parser.add_argument("--medium", type=int, default=8_000_000, help="tokens of medium tasks")
    parser.add_argument("--long", type=int, default=8_000_000, help="tokens of long tasks")
    args = parser.parse_args()
    synthesize(args.corpus, args.out, {"short": args.short, "medium": args.medium, "long": args.long}, args.seed)


if __name__ == "__main__":
    main()
