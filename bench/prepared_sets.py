"""Two public data sets from raw rows to a verdict: the results of `gradschool prepare`, and a complete climb.

    python -m bench.prepared_sets DATA_DIR [NAME ...]      (default: both)

`engineer_notes` (577 notes of one author) is prepared for a style, `support_dialogues` (2,500 dialogues) for a persona
with the guidelines below. Writes bench/results/prepared_sets.json: the counts in `prepared.json` (including private
data by kind), the rules made from the guidelines and the fraction of the agent's own answers that satisfy each, and the
climb. Seconds depend on the load of the machine.
"""

import subprocess
import tempfile
import time
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.climbs import GRADSCHOOL, climbed
from bench.usage import documented
from gradschool.data.read import read_examples
from gradschool.files import read_json, sha256, write_json
from gradschool.score.rules import read_rules
from gradschool.settings import Data, Rule

RESULTS = Path(__file__).parent / "results" / "prepared_sets.json"
GUIDELINES = """\
# How the agent writes

- Be formal: use no contractions.
- Never use exclamation marks.
- At most 80 words.
- Do not use emojis.
- Never say "no problem".
- Apologise where something went wrong.
"""
# Fewer candidates and answers than by default, so that both take minutes on two cores.
SHORT = ("--shots", "0,2", "--nearest", "false", "--max-validation", "30", "--learning-rates", "0.0025")
DIALOGUES = ("--pass-mark", "0.3", "--max-test", "120", "--epochs", "0.25")


@dataclass(frozen=True, slots=True)
class RawSet:
    """A data set: its file, its purpose, and the options of its climb."""

    name: str
    file: str
    purpose: str
    climb: tuple[str, ...]
    guidelines: str = ""


SETS = (
    RawSet(
        "engineer_notes",
        "engineer_notes/notes.jsonl",
        "style",
        # The longest notes have thousands of words; 600 tokens limit the time per answer.
        (*SHORT, "--max-test", "60", "--epochs", "3", "--max-new-tokens", "600", "--max-forgetting", "1"),
    ),
    RawSet(
        "support_dialogues",
        "support_dialogues/dialogues.jsonl",
        "persona",
        (*SHORT, *DIALOGUES, "--max-forgetting", "1"),
        GUIDELINES,
    ),
)


def measure(raw: RawSet, data: Path) -> dict[str, Any]:
    """Prepare and climb one data set in a temporary folder; returns the record."""
    with tempfile.TemporaryDirectory() as temporary:
        job = Path(temporary) / raw.name
        options: list[str | Path] = ["--for", raw.purpose, "--into", job]
        if raw.guidelines:
            guidelines = Path(temporary) / "guidelines.md"
            guidelines.write_text(raw.guidelines, encoding="utf-8")
            options += ["--guidelines", guidelines]
        began = time.monotonic()
        subprocess.run([GRADSCHOOL, "prepare", data / raw.file, *options], check=True)
        seconds = round(time.monotonic() - began, 1)
        settings = tomllib.loads((job / "job.toml").read_text(encoding="utf-8"))
        return {
            "set": raw.name,
            "data": sha256(data / raw.file),
            "prepared": {"seconds": seconds, **read_json(job / "prepared.json")["counts"]},
            "rules": kept_rules(job, settings["goal"].get("rules", [])),
            "goal": {key: value for key, value in settings["goal"].items() if key != "rules"},
            "options": list(raw.climb),
            **climbed(job, Path(temporary) / "run", *raw.climb),
        }


def kept_rules(job: Path, rules: list[dict[str, str]]) -> dict[str, float]:
    """For each rule, the fraction of ideal answers that satisfy it."""
    if not rules:
        return {}
    keeps, _ = read_rules([Rule(**rule) for rule in rules], job)
    examples = read_examples(job / "examples.jsonl", Data()).examples
    parts = [keeps(example.ideal, example).parts for example in examples]
    return {rule["name"]: round(sum(part[rule["name"]] for part in parts) / len(parts), 4) for rule in rules}


def main(data: Path, names: Collection[str]) -> None:
    """Measure the named data sets, or both; earlier results of the other are preserved."""
    records: dict[str, Any] = read_json(RESULTS) if RESULTS.exists() else {}
    for raw in SETS:
        if not names or raw.name in names:
            print(f"== {raw.name}", flush=True)
            records[raw.name] = measure(raw, data)
            write_json(RESULTS, records)


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("data", metavar="DATA_DIR", type=Path)
    parser.add_argument("names", metavar="NAME", nargs="*")
    main(**vars(parser.parse_args()))
