"""Near-duplicate questions: recall by kind of change and length, precision on real sets, and processor time.

    python -m bench.near_duplicates DATA_DIR [PART ...] [--earlier SRC] [--rows N ...]

Recall: each of 100 real questions of banking77 is planted again, changed, among 2,500; the pair must be in one cluster.
Longer questions are the beginnings of passages of fairytaleqa; their answers are texts of 30 words.
Precision: the answers are taken away, and the fraction of linked pairs that have the same label is counted. Sketches:
test questions of banking77 are looked up among sketches of its training questions, and training questions that were
changed. Time: seconds of processor time for generated questions of words by Zipf's law, of which 2 % are copies and 2 %
differ in a word, and the peak memory of the process with its examples;
`--earlier` names the folder `src` of an earlier version, which is measured in the same run. Parts that are not named
keep their results. Writes bench/results/near_duplicates.json.
"""

import json
import os
import random
import string
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.usage import documented
from gradschool.data.check import check
from gradschool.data.comparable import comparable_question, question_text
from gradschool.data.contained import contained
from gradschool.data.misspelt import misspelt
from gradschool.data.near_duplicates import near_duplicates, near_texts
from gradschool.data.read import read_examples
from gradschool.data.short_texts import Corpus, Limits, similar
from gradschool.data.sketches import common_wording, matches, sketches
from gradschool.environment import environment
from gradschool.files import read_json, read_lines, sha256, write_json
from gradschool.records import Example, Message, Source
from gradschool.settings import Data

RESULTS = Path(__file__).parent / "results" / "near_duplicates.json"
THRESHOLD, AMONG, PLANTED = 0.8, 2_500, 100
SIGNED, OTHER_SIGNATURE = 30, "an answer with another signature"  # words of an answer to a longer question
LONG = 300  # longer questions among which some are planted
LENGTHS = {"5 to 9 words": (5, 9), "10 to 19 words": (10, 19), "20 to 48 words": (20, 48)}
ROWS = (50_000, 200_000, 1_000_000)
LOOKALIKES = str.maketrans("aeocpxyis", "аеосрхуіѕ")  # Cyrillic letters that look like these
SYNONYMS = {
    "account": "profile", "add": "include", "allowed": "permitted", "application": "request", "available": "obtainable",
    "bank": "lender", "buy": "purchase", "cancel": "revoke", "cash": "notes", "change": "alter",
    "charged": "billed", "cost": "price", "currency": "money", "declined": "rejected", "deposit": "payment",
    "exchange": "conversion", "fee": "charge", "find": "locate", "get": "obtain", "happened": "occurred",
    "help": "assist", "how": "in what way", "identity": "who I am", "long": "much time", "lost": "misplaced",
    "make": "do", "money": "funds", "need": "require", "new": "another", "order": "request", "pay": "settle",
    "phone": "mobile", "please": "kindly", "problem": "trouble", "receive": "be given", "refund": "reimbursement",
    "safe": "secure", "see": "notice", "send": "transmit", "show": "display", "stolen": "taken", "sure": "certain",
    "tell": "inform", "transaction": "transfer", "transfer": "payment", "trying": "attempting", "use": "employ",
    "verify": "confirm", "wait": "hold on", "want": "wish", "why": "for what reason", "work": "function",
    "working": "functioning", "wrong": "incorrect",
}  # fmt: skip
SETS = {"legal_summarization/pairs.jsonl": "doc", "support_dialogues/dialogues.jsonl": None,
        "snips/train.jsonl": None, "fairytaleqa/val_questions.jsonl": None}  # fmt: skip

TIMED = """
import json, resource, sys, time
import numpy as np
from gradschool.data.near_duplicates import near_duplicates
from gradschool.records import Example, Message, Source
rows, low, high, labels = map(int, sys.argv[1:])
draw = np.random.default_rng(4)
count = 40_000
known = ["".join("bdfgklmnprstvz"[number // 14**k % 14] + "aeiou"[number // 5**k % 5] for k in range(2 + number % 3))
         for number in range(count)]
chances = 1 / (np.arange(count) + 10)  # of words: roughly Zipf's law
lengths = draw.integers(low, high + 1, rows)
drawn = np.searchsorted(np.cumsum(chances / chances.sum()), draw.random(lengths.sum())).clip(max=count - 1).tolist()
ends, kind = np.cumsum(lengths).tolist(), draw.random(rows).tolist()
examples, words = [], []
for number, (end, length) in enumerate(zip(ends, lengths.tolist())):
    if kind[number] > 0.04 or not words:
        words = [known[place] for place in drawn[end - length : end]]
    elif kind[number] > 0.02:  # as the question before, but for a word; else a copy of it
        words = [*words[:-1], known[drawn[end - 1]]]
    messages = (Message("user", " ".join(words)), Message("assistant", f"answer {draw.integers(labels)}"))
    examples.append(Example(f"e{number}", messages, f"e{number}", Source("rows", number)))
del drawn
began = time.process_time()
near_duplicates(examples, 0.8)
seconds = time.process_time() - began
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": round(seconds, 1), "gigabytes": round(kilobytes / 1e6, 2)}))
"""


def changes(chance: random.Random, vocabulary: Sequence[str]) -> dict[str, Callable[[str], str]]:
    """Ways to say the same again."""

    def typo(text: str) -> str:
        place = chance.randrange(1, len(text) - 2)
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]

    def wrong_letter(text: str) -> str:
        place = chance.randrange(1, len(text) - 2)
        return text[:place] + chance.choice(string.ascii_lowercase) + text[place + 1 :]

    def replaced(text: str) -> str:
        words = text.split()
        words[chance.randrange(len(words))] = chance.choice(vocabulary)
        return " ".join(words)

    def synonyms(text: str, most: int) -> str:
        words = text.split()
        known = [place for place, word in enumerate(words) if word.lower().strip("?!.,") in SYNONYMS]
        for place in chance.sample(known, min(most, len(known))):
            words[place] = SYNONYMS[words[place].lower().strip("?!.,")]
        return " ".join(words)

    return {
        "a typo": typo,
        "two typos": lambda text: typo(typo(text)),
        "two wrong letters": lambda text: wrong_letter(wrong_letter(text)),
        "a replaced word": replaced,
        "letters that look alike": lambda text: text.translate(LOOKALIKES),
        "invisible signs": lambda text: "\u200b".join(text),
        "a synonym": lambda text: synonyms(text, 1),
        "all words with a synonym": lambda text: synonyms(text, len(text)),
        "as a web page": lambda text: "<p>" + text.replace(" ", "&nbsp;") + "</p>",
        "a ticket number": lambda text: f"Ticket {chance.randrange(1000, 9999)}: {text}",
        "a greeting": lambda text: f"Hi there, {text} Thanks!",
        "in a mail": lambda text: (
            f"Dear team,\n\nI have been a customer since spring. {text} I could not find it on your pages, and "
            "nobody answered the telephone yesterday.\n\nKind regards\nOrla Venn"
        ),
    }


def asked_as(example: Example, text: str, name: str) -> Example:
    """The example with another question and id."""
    return replace(example, id=name, group=name, messages=(Message("user", text), example.messages[-1]))


def by_words(texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Clusters of near-duplicates that are found without comparing characters."""
    return near_texts(lambda: texts, texts.__getitem__, THRESHOLD)


def recall(examples: Sequence[Example]) -> dict[str, Any]:
    """The fraction of planted pairs that are found by words alone, and by all means, by change and length."""
    chance = random.Random(1)
    among = chance.sample(examples, AMONG)
    vocabulary = sorted({word for example in among for word in example.last_user.split()})
    found: dict[str, Any] = {}
    for name, change in changes(chance, vocabulary).items():
        for length, (low, high) in LENGTHS.items():
            fit = [example for example in among if low <= len(example.last_user.split()) <= high]
            fit = [one for one in fit if change(one.last_user) != one.last_user]
            chosen = chance.sample(fit, min(PLANTED, len(fit)))
            planted = [asked_as(one, change(one.last_user), f"planted-{one.id}") for one in chosen]
            texts = [question_text(example) for example in (*among, *planted)]
            ids = [example.id for example in (*among, *planted)]
            words = [{ids[n] for n in cluster} for cluster in by_words(texts)]
            both = list(map(set, near_duplicates([*among, *planted], THRESHOLD)))
            found.setdefault(name, {})[length] = {
                "pairs": len(chosen), "words alone": _found(words, chosen), "found": _found(both, chosen),
            }  # fmt: skip
            print(name, length, found[name][length], flush=True)
    return found


def recall_of_long(folder: Path) -> dict[str, Any]:
    """The fraction of planted pairs of longer texts that are found by words alone, and by all means."""
    chance, result = random.Random(1), dict[str, Any]()
    passages = [" ".join(row["text"].split()) for row in read_lines(folder / "fairytaleqa" / "val_passages.jsonl")]
    vocabulary = sorted({word for text in passages for word in text.split()})

    def replaced(fraction: float) -> Callable[[str], str]:
        def change(text: str) -> str:
            words = text.split()
            for place in chance.sample(range(len(words)), round(fraction * len(words))):
                words[place] = chance.choice(vocabulary)
            return " ".join(words)

        return change

    typo = changes(chance, vocabulary)["a typo"]
    kinds: dict[str, Callable[[str], str]] = {
        "three typos": lambda text: typo(typo(typo(text))),
        "5 % of the words replaced": replaced(0.05),
        "10 % of the words replaced": replaced(0.1),
        f"10 % of the words replaced, {OTHER_SIGNATURE}": replaced(0.1),
        "every sixth word in bold": lambda text: " ".join(
            word if place % 6 else f"**{word}**" for place, word in enumerate(text.split())
        ),
    }
    for low, high in ((55, 75), (80, 120)):
        cut = [" ".join(text.split()[: chance.randint(low, high)]) for text in passages]
        texts = [text for text in cut if len(text.split()) >= low][:LONG]
        answers = [" ".join(text.split()[:SIGNED]) for text in reversed(texts)]
        among = [
            Example(f"e{n}", (Message("user", text), Message("assistant", answer)), f"e{n}", Source("x", n))
            for n, (text, answer) in enumerate(zip(texts, answers, strict=True))
        ]
        for name, change in kinds.items():
            chosen = chance.sample(among, PLANTED)
            planted = [asked_as(one, change(one.last_user), f"planted-{one.id}") for one in chosen]
            if name.endswith(OTHER_SIGNATURE):
                planted = [
                    replace(one, messages=(*one.question, Message("assistant", f"{one.ideal}\n\nOrla Venn")))
                    for one in planted
                ]
            ids = [example.id for example in (*among, *planted)]
            clusters = by_words([question_text(example) for example in (*among, *planted)])
            words = [{ids[n] for n in cluster} for cluster in clusters]
            both = list(map(set, near_duplicates([*among, *planted], THRESHOLD)))
            result.setdefault(name, {})[f"{low} to {high} words"] = {
                "pairs": len(chosen), "words alone": _found(words, chosen), "found": _found(both, chosen),
            }  # fmt: skip
    print(result, flush=True)
    return result


def _found(clusters: Sequence[set[str]], chosen: Sequence[Example]) -> float:
    pairs = [{one.id, f"planted-{one.id}"} for one in chosen]
    return round(float(np.mean([any(pair <= cluster for cluster in clusters) for pair in pairs])), 3)


def precision(examples: Sequence[Example]) -> dict[str, Any]:
    """The fraction of linked pairs with one label, if the answers are unknown: all the same, or all different."""
    texts, result = list(map(comparable_question, examples)), {}
    for name, answers in (("same", ["x"] * len(texts)), ("different", list(map(str, range(len(texts)))))):
        corpus = Corpus(texts, answers)
        for find in (similar, contained, misspelt):
            pairs = find(corpus, Limits.of(THRESHOLD)).tolist()
            agree = [examples[one].ideal == examples[other].ideal for one, other in pairs]
            result[f"{find.__name__}, answers all {name}"] = {
                "pairs": len(pairs), "same label": round(float(np.mean(agree)), 3) if agree else None,
            }  # fmt: skip
    return result


def units(examples: Sequence[Example]) -> dict[str, int]:
    """How many units a set has, and how many examples the largest."""
    texts = [question_text(example) for example in examples]
    words, both = by_words(texts), near_duplicates(examples, THRESHOLD)
    return {
        "examples": len(examples),
        "units by words alone": len(examples) - sum(len(cluster) - 1 for cluster in words),
        "units": len(examples) - sum(len(cluster) - 1 for cluster in both),
        "largest": max(map(len, both), default=1),
    }


def recognized(train: Sequence[Example], test: Sequence[Example]) -> dict[str, Any]:
    """The fraction of questions that match a sketch of a training question, and how many of those have its label."""
    common, chance = common_wording(test[:400]), random.Random(2)
    known = sketches(train, common)
    hits = [(one, match) for one, match in zip(test, matches(test, known, common), strict=True) if match]
    result: dict[str, Any] = {
        "test questions": len(test),
        "matched": len(hits),
        "matched with the same label": sum(one.ideal == train[match.number].ideal for one, match in hits),
    }
    some = chance.sample(train, 500)
    vocabulary = sorted({word for example in some for word in example.last_user.split()})
    for name, change in ({"unchanged": str} | changes(chance, vocabulary)).items():
        asked = [asked_as(one, change(one.last_user), one.id) for one in some]
        result[name] = sum(match is not None for match in matches(asked, known, common)) / len(asked)
    return result


def cost(rows: int, low: int, high: int, source: Path) -> dict[str, float]:
    """Processor seconds and peak memory that a version needs for generated questions of `low` to `high` words."""
    labels = 77 if high < 20 else rows  # short questions are classified
    command = [sys.executable, "-c", TIMED, *map(str, (rows, low, high, labels))]
    run = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(source)}, capture_output=True, text=True, check=True
    )
    measured: dict[str, float] = json.loads(run.stdout)
    return measured


def costs(earlier: str, numbers: Sequence[int], known: dict[str, Any]) -> dict[str, Any]:
    """Processor seconds and peak memory by number and length of questions, for this version and an earlier one.

    Those of other numbers are kept as `known`.
    """
    result = dict(known)
    for low, high in ((5, 9), (20, 80)):
        for rows in numbers:
            now = cost(rows, low, high, Path(__file__).parents[1] / "src")
            row: dict[str, Any] = {"now": now}
            if earlier:
                row["earlier"] = cost(rows, low, high, Path(earlier).resolve())
                row["ratio of seconds"] = round(now["seconds"] / row["earlier"]["seconds"], 2)
            result[f"{rows:,} questions of {low} to {high} words"] = row
            print(rows, low, high, row, flush=True)
    return result


def main() -> None:
    """Measure and write the results; those of other parts are kept."""
    parser = documented(__doc__)
    parser.add_argument("data", metavar="DATA_DIR", type=Path)
    parser.add_argument("part", nargs="*", metavar="PART")
    parser.add_argument("--earlier", metavar="SRC", default="")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="numbers of questions that are timed")
    options = parser.parse_args()
    files = [options.data / "banking77" / f"{part}.csv" for part in ("train", "test")]
    train, test = (check(read_examples(file, Data())).examples for file in files)

    def all_units() -> dict[str, Any]:
        found = {"banking77/train.csv": units(train)}
        for name, group in SETS.items():
            found[name] = units(check(read_examples(options.data / name, Data(group_column=group))).examples)
        return found

    parts: dict[str, Callable[[], Any]] = {
        "recall": lambda: recall(train),
        "recall of longer questions": lambda: recall_of_long(options.data),
        "precision on banking77": lambda: precision(train),
        "sketches": lambda: recognized(train, test),
        "units": all_units,
        "processor seconds": lambda: costs(options.earlier, options.rows, result.get("processor seconds", {})),
    }
    if unknown := set(options.part) - set(parts):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}; known are {', '.join(parts)}")
    hashes = {f"{file.parent.name}/{file.name}": sha256(file) for file in files}
    result = (read_json(RESULTS) if RESULTS.exists() else {}) | {"data": hashes}
    for name in options.part or parts:
        result[name] = parts[name]()
        print(name, result[name], flush=True)
        write_json(RESULTS, result | {"environment": asdict(environment())})


if __name__ == "__main__":
    main()
