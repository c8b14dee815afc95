"""Prepare a million examples, and compare the near-duplicate search with datatrove's MinHash on the same rows.

    python -m bench.prepare_scale [ROWS]        (default 1,000,000)

Generated rows are questions and answers of 20 to 80 words with a Zipf-like vocabulary; 2 % are copies, 2 % are
near-copies (one word in thirty changed), and 1 % have an invented mail address or phone number. Each step runs in its
own process, for time and peak memory: the preparation (reading, checks, duplicates, private data, writing), our
near-duplicate search alone, and datatrove's pipeline if it is installed (`pip install datatrove xxhash==3.5 orjson`),
with the same signature length, 5-grams, white space tokens, and one task. Both use one core. datatrove trusts the
signatures; ours are confirmed on the texts. Writes wall and processor seconds to bench/results/prepare_scale.json.
"""

import importlib.util
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import write_json

RESULTS = Path(__file__).parent / "results" / "prepare_scale.json"
COPIES = NEAR = 0.02
PRIVATE = 0.01
CHANGED = 30  # one word in so many differs in a near-copy
WORDS = 40_000
THRESHOLD = 0.7  # of the search alone; comparable with datatrove's 16 bands of 8

PREPARE = """
import sys
from pathlib import Path
from gradschool.prepare.prepare import prepare
from gradschool.prepare.options import PrepareOptions
work = prepare([Path(sys.argv[1])], PrepareOptions("skill"), Path(sys.argv[2]))
while True:
    try:
        next(work)
    except StopIteration as end:
        print(end.value.summary.as_json())
        break
"""
NEAR_ALONE = """
import json, sys
from gradschool.data.near_duplicates import near_texts
offsets = [0]
file = open(sys.argv[1], "rb")
for line in file:
    offsets.append(offsets[-1] + len(line))
def read(line):
    row = json.loads(line)
    return row["prompt"] + "\\n" + row["completion"]
def texts():
    with open(sys.argv[1], "rb") as again:
        yield from map(read, again)
def text(number):
    file.seek(offsets[number])
    return read(file.readline())
found = near_texts(texts, text, float(sys.argv[2]))
print({"duplicates": sum(len(cluster) - 1 for cluster in found)})
"""
DATATROVE = """
import sys
from pathlib import Path
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.word_tokenizers import WordTokenizer
class Plain(WordTokenizer):  # a white space tokenizer is enough for generated rows
    def word_tokenize(self, text):
        return text.split()
    def sent_tokenize(self, text):
        return [text]
    def span_tokenize(self, text):
        return [(0, len(text))]
rows, work = Path(sys.argv[1]), Path(sys.argv[2])
config = MinhashConfig(hash_config=HashConfig(precision=64), n_grams=5, num_buckets=16, hashes_per_bucket=8)
def reader():
    return JsonlReader(
        str(rows.parent), glob_pattern=rows.name, text_key="text",
        adapter=lambda self, data, path, place: {
            "text": data["prompt"] + "\\n" + data["completion"], "id": str(place), "metadata": {},
        },
    )
stages = (
    ([reader(), MinhashDedupSignature(output_folder=str(work / "signatures"), config=config, language=Plain())], 1),
    ([MinhashDedupBuckets(str(work / "signatures"), str(work / "buckets"), config=config)], 16),
    ([MinhashDedupCluster(str(work / "buckets"), str(work / "remove"), config=config)], 1),
    ([reader(), MinhashDedupFilter(str(work / "remove"), exclusion_writer=JsonlWriter(str(work / "removed"))),
      JsonlWriter(str(work / "kept"))], 1),
)
for number, (pipeline, tasks) in enumerate(stages):
    LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=str(work / f"logs{number}")).run()
import gzip
removed = sum(1 for path in (work / "removed").glob("*.gz") for _ in gzip.open(path))
print({"duplicates": removed})
"""


def rows(count: int, planted: dict[str, int]) -> Iterator[dict[str, str]]:
    """Rows drawn from a seed; `planted` counts the copies, near-copies and private values that were inserted."""
    chance = random.Random(1)
    # The first words are a hundred times as frequent as the rest, roughly Zipf's law.
    vocabulary = [_word(chance) for _ in range(WORDS)]
    weights = [1 / (rank + 10) for rank in range(WORDS)]
    drawn = chance.choices(vocabulary, weights, k=1 << 20)
    recent: list[dict[str, str]] = []
    for number in range(count):
        kind = chance.random()
        if recent and kind < COPIES:
            planted["copies"] = planted.get("copies", 0) + 1
            yield chance.choice(recent)
            continue
        if recent and kind < COPIES + NEAR:
            planted["near"] = planted.get("near", 0) + 1
            old = chance.choice(recent)
            yield old | {"completion": _changed(old["completion"], chance)}
            continue
        asked, said = (_sentence(drawn, chance) for _ in range(2))
        if kind > 1 - PRIVATE:
            planted["private"] = planted.get("private", 0) + 1
            said += f" Write to person{number}@example.org or call 020 7946 0{number % 1000:03}."
        row = {"prompt": asked, "completion": said}
        if number % 20 == 0:
            recent = [*recent[-500:], row]
        yield row


def _word(chance: random.Random) -> str:
    return "".join(chance.choice("bdfgklmnprstvz") + chance.choice("aeiou") for _ in range(chance.randint(1, 4)))


def _sentence(drawn: list[str], chance: random.Random) -> str:
    start, length = chance.randrange(len(drawn) - 80), chance.randint(20, 80)
    words = drawn[start : start + length]
    chance.shuffle(words)
    return " ".join(words).capitalize() + "."


def _changed(text: str, chance: random.Random) -> str:
    words = text.split()
    for _ in range(max(1, len(words) // CHANGED)):
        words[chance.randrange(len(words))] = _word(chance)
    return " ".join(words)


def measured(name: str, program: str, *arguments: str) -> dict[str, Any]:
    """Run a program in its own process: its last line of output, its time, and its peak memory.

    `processor_seconds` is what it computed, whatever else the machine did meanwhile.
    """
    began, computed = time.monotonic(), _computed()
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(one.memory_info().rss for one in family))
        except psutil.Error:
            pass
        time.sleep(0.2)
    assert process.stdout is not None
    said = process.stdout.read().strip().splitlines()
    row = {
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(_computed() - computed, 1),
        "peak_gb": round(peak / 1e9, 2),
        "exit_code": process.returncode,
    }
    print(f"{name}: {row} {said[-1] if said else ''}", flush=True)
    if process.returncode:
        raise SystemExit(f"{name} ended with exit code {process.returncode}.")
    return row | {"said": said[-1] if said else ""}


def _computed() -> float:
    """Processor seconds of all finished child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Write the rows, run the steps, save the figures."""
    parser = documented(__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    count = parser.parse_args().rows
    planted: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        path = work / "rows.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for row in rows(count, planted):
                file.write(json.dumps(row) + "\n")
        result: dict[str, Any] = {"rows": count, "bytes": path.stat().st_size, "planted": planted}
        print(result)
        result["gradschool prepare"] = measured("gradschool prepare", PREPARE, str(path), str(work / "job"))
        result["gradschool near-duplicates"] = measured("gradschool near", NEAR_ALONE, str(path), str(THRESHOLD))
        if importlib.util.find_spec("datatrove"):
            result["datatrove MinHash"] = measured("datatrove", DATATROVE, str(path), str(work / "datatrove"))
    write_json(RESULTS, {"environment": asdict(environment())} | result)


if __name__ == "__main__":
    main()
