"""Whether the metric `style` can be won without writing like the author.

    python -m bench.style_cheats [DATA_DIR] [--author NAME]

For each author, the metric is fitted to two thirds of the texts, by group, and scores other answers to the remaining
questions: the author's real texts, and answers of cheats that know all training texts. Cheats marked "real" even
use the real answers, which no specialist has. The authors are that of examples/letters and, if DATA_DIR is given, that
of engineer_notes, whose titles are the questions; with --author, only one of them is measured again. Writes
bench/results/style_cheats.json: the mean value of each kind of answer, one by one ("alone") and with the comparison of
all answers ("score").
"""

import json
import lzma
import os
import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import read_json, read_lines, sha256, write_json
from gradschool.records import Example, Message, Source
from gradschool.score.metric import Unscorable
from gradschool.score.style import Style

RESULT = Path(__file__).parent / "results" / "style_cheats.json"
LETTERS = Path(__file__).parents[1] / "examples" / "letters"
TESTED, NOTES, MAX_TEST = 1 / 3, 200, 30  # fraction of groups, notes in all, test questions
NOTE_WORDS = 150  # from which a note is cut off
BUSINESS = (
    "Dear Sir,\n\nThank you for your letter of 4 May, which has been passed to me for reply. I am pleased to "
    "inform you that the matter is receiving our attention, and that we expect to be able to give you a full "
    "answer within ten working days. In the meantime, please do not hesitate to contact this office if you "
    "have any further queries. We thank you for your continued custom.\n\nYours faithfully,\nH. Dunmore"
)
TRANSLATED = (
    "Lieber Henrik,\n\nRegen seit dem Morgen, und das Barometer fällt noch; die Bienen haben sich beraten und "
    "bleiben zu Hause. Ich habe das Tor ausgemessen, zweimal, und es hängt um drei Achtel Zoll. Es ist nicht "
    "das Tor, das schief ist, sondern der Pfosten; ich kenne ihn seit dreißig Jahren und mache ihm keinen "
    "Vorwurf. Ich werde am Dienstag kommen, mit einer Wasserwaage und dem Hund.\n\nIhr, in leidlichem "
    "Zustand,\nAmbrose"
)


@dataclass(frozen=True)
class Author:
    """The texts of an author with their questions, and texts of others."""

    train: list[Example]
    test: list[Example]
    others: list[str]


def main(data: str, only: str = "") -> None:
    """Measure and write the results; with `only`, those of the other author are kept."""
    authors = {"letters": letters()}
    if data:
        authors["engineer_notes"] = notes(Path(data))
    result: dict[str, Any] = read_json(RESULT) if only else {"command": "python -m bench.style_cheats DATA_DIR"}
    for name, author in authors.items():
        if only not in ("", name):
            continue
        result[name] = measured(author)
        print(name, json.dumps(result[name], indent=1))
        hashes = result.get("data", {}) | _hashes(data)  # those of an author that is not measured again stay
        write_json(RESULT, result | {"data": hashes, "environment": asdict(environment())})


def _hashes(data: str) -> dict[str, str]:
    files = [LETTERS / "examples.jsonl", *([Path(data) / "engineer_notes" / "notes.jsonl"] if data else [])]
    return {file.name: sha256(file) for file in files}


def measured(author: Author) -> dict[str, Any]:
    """The mean values of each kind of answer, and how long fitting and scoring took."""
    begin = time.perf_counter()
    style = Style()
    style = style.fit(style.fit_texts(author.train, author.others, []))
    fitted = time.perf_counter()
    values = {name: _values(style, texts, author.test) for name, texts in answers(author).items()}
    return {
        "train": len(author.train),
        "test": len(author.test),
        "fit": style.summary(),
        "seconds": {"fit": round(fitted - begin, 1), "scoring": round(time.perf_counter() - fitted, 1)},
        "answers": values,
    }


def _values(style: Style, texts: Sequence[str], asked: Sequence[Example]) -> dict[str, float]:
    def value(text: str, example: Example) -> float:
        try:
            return style(text, example).value
        except Unscorable:
            return 0.0

    alone = [value(text, example) for text, example in zip(texts, asked, strict=True)]
    together = [min(one, result.value) for one, result in zip(alone, style.compare(texts, asked), strict=True)]
    return {"alone": round(statistics.mean(alone), 3), "score": round(statistics.mean(together), 3)}


def answers(author: Author) -> dict[str, list[str]]:
    """Each kind of answer to the test questions."""
    chance = random.Random(17)
    real = [example.ideal for example in author.test]
    near = _nearest(author)
    any_two = [chance.choice(author.train).ideal for _ in author.test]
    pool = [word for example in author.train for word in example.ideal.split()]
    bodies = [text for text in author.others if len(text.split()) >= 8]

    def each(change: Callable[[str], str], texts: Sequence[str]) -> list[str]:
        return [change(text) for text in texts]

    def shuffled(text: str) -> str:
        return " ".join(chance.sample(text.split(), len(text.split())))

    def shuffled_lines(text: str) -> str:
        return "\n".join(shuffled(line) for line in text.split("\n"))

    def replaced(every: int) -> Callable[[str], str]:
        def change(text: str) -> str:
            words = re.split(r"(\s+)", text)
            return "".join(
                chance.choice(pool) if at % (2 * every) == 2 * every - 2 else word for at, word in enumerate(words)
            )

        return change

    def fragments(size: int, texts: Sequence[str]) -> str:
        words: list[str] = []
        while len(words) < statistics.median(len(text.split()) for text in real):
            source = chance.choice(texts).split()
            begin = chance.randrange(max(len(source) - size, 0) + 1)
            words += source[begin : begin + size]
        return " ".join(words)

    def exchanged(text: str) -> str:
        """Every seventh word is exchanged with one of the next five."""
        words = re.split(r"(\s+)", text)
        for at in range(0, len(words) - 12, 14):
            other = at + 2 * chance.randint(1, 5)
            words[at], words[other] = words[other], words[at]
        return "".join(words)

    def framed(body: str) -> str:
        lines = chance.choice(author.train).ideal.split("\n")
        return "\n".join([lines[0], "", body, "", *lines[-2:]])

    def mixed(texts: Sequence[str]) -> str:
        sentences = [one for text in chance.sample(list(texts), 6) for one in re.split(r"(?<=[.!?])\s+", text)]
        return framed(" ".join(chance.sample(sentences, min(6, len(sentences)))))

    one = max(real, key=len)
    return {
        "the author's real texts": real,
        "a training text": any_two,
        "the training text of the nearest question": near,
        "shuffled words of a training text": each(shuffled, any_two),
        "shuffled words of the nearest training text": each(shuffled, near),
        "shuffled words within its lines": each(shuffled_lines, near),
        "every seventh word of it replaced": each(replaced(7), near),
        "every fourth word of it replaced": each(replaced(4), near),
        "seven-word fragments": [fragments(7, [example.ideal for example in author.train]) for _ in real],
        "four-word fragments": [fragments(4, [example.ideal for example in author.train]) for _ in real],
        "sentences of training texts": [mixed([example.ideal for example in author.train]) for _ in real],
        "one real text for all": [one] * len(real),
        "one real text for all, named": [
            one.replace(one.split(",")[0], f"Dear {_name(ask)}", 1) for ask in author.test
        ],
        "the real text of another question": [*real[7:], *real[:7]],
        "a plain letter": [BUSINESS] * len(real),
        "a plain letter about the question": [
            BUSINESS.replace("the matter", f"the matter ({ask.last_user.strip()})") for ask in author.test
        ],
        "texts of others": [chance.choice(bodies) for _ in real],
        "texts of others, framed": [framed(chance.choice(bodies) + "\n" + chance.choice(bodies)) for _ in real],
        "the question": [example.last_user for example in author.test],
        "the question, framed": [framed(example.last_user) for example in author.test],
        "a translation": [TRANSLATED] * len(real),
        "real, shuffled words": each(shuffled, real),
        "real, shuffled within lines": each(shuffled_lines, real),
        "real, every seventh word replaced": each(replaced(7), real),
        "real, seven-word fragments": [fragments(7, real) for _ in real],
        "real, sentences of several texts": [mixed(real) for _ in real],
        "real, every ninth word replaced": each(replaced(9), real),
        "real, twelve-word fragments": [fragments(12, real) for _ in real],
        "real, words exchanged": each(exchanged, real),
        "real, in lower case": each(str.lower, real),
        "real, in upper case": each(str.upper, real),
    }


def _name(example: Example) -> str:
    words = re.findall(r"\b[A-Z]\w+", example.last_user)
    return words[min(1, len(words) - 1)] if words else "Sir"


def _nearest(author: Author) -> list[str]:
    """For each test question, the answer to the nearest training question."""
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    known = vectorizer.fit_transform(example.last_user for example in author.train)
    asked = vectorizer.transform(example.last_user for example in author.test)
    return [author.train[int(at)].ideal for at in np.asarray((asked @ known.T).argmax(axis=1)).ravel()]


def letters() -> Author:
    """The author of examples/letters, against the messages of others that answer training letters."""
    rows = read_lines(LETTERS / "examples.jsonl")
    train, test = _divided([(row["prompt"], row["completion"], row["group"]) for row in rows])
    groups = {example.group for example in train}
    others = [row["text"] for row in read_lines(LETTERS / "others.jsonl") if row["group"] in groups]
    return Author(train, test, others)


def notes(data: Path) -> Author:
    """The author of engineer_notes, without code, against technical and medical texts of others."""
    rows = []
    for row in read_lines(data / "engineer_notes" / "notes.jsonl"):
        text = re.sub(r"```.*?(```|\Z)|^#.*?\n", "", row["text"], flags=re.DOTALL).strip()
        text = (re.match(rf"(?:\S+\s*){{1,{NOTE_WORDS}}}", text) or [""])[0].strip()
        if len(text.split()) >= 60:
            rows.append((f"Write a note: {row['title']}", text, row["topic"]))
    train, test = _divided(random.Random(3).sample(rows, NOTES))
    others = []
    for name in ("tldr_pages_text", "medquad_qa"):
        with lzma.open(data / "corpus" / f"{name}.jsonl.xz", "rt", encoding="utf-8") as file:
            texts = [json.loads(line) for line, _ in zip(file, range(1_000), strict=False)]
        cut = [" ".join((row.get("text") or row["completion"]).split(" ")[:NOTE_WORDS]) for row in texts[::10]]
        others += [text for text in cut if len(text.split()) > 40]
    return Author(train, test, others)


def _divided(rows: Sequence[tuple[str, str, str]]) -> tuple[list[Example], list[Example]]:
    groups = sorted({group for _, _, group in rows})
    random.Random(1).shuffle(groups)
    held_out = set(groups[: round(len(groups) * TESTED)])
    examples = [
        Example(str(at), (Message("user", asked), Message("assistant", text)), group, Source("examples", at))
        for at, (asked, text, group) in enumerate(rows)
    ]
    train = [example for example in examples if example.group not in held_out]
    return train, [example for example in examples if example.group in held_out][:MAX_TEST]


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("data", metavar="DATA_DIR", nargs="?", default=os.environ.get("GRADSCHOOL_REAL_DATA", ""))
    parser.add_argument("--author", metavar="NAME", default="", choices=("", "letters", "engineer_notes"))
    options = parser.parse_args()
    main(options.data, options.author)
