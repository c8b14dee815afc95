"""The rows that a specialist knows: its test questions, and sketches of its train and validation examples.

A score on them says nothing about new questions.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from gradschool.data.near_duplicates import alike
from gradschool.data.normalize import normalize, normalized_question
from gradschool.data.picture_sketches import PictureSketches, picture_sketches, shown_before, sketches_of_pictures
from gradschool.data.sketches import EARLIER_KIND, KIND, Sketches, common_wording, matches, sketches, sketches_of
from gradschool.errors import reason_of
from gradschool.files import read_json, read_rows, write_json
from gradschool.package.manifest import EVIDENCE, QUESTIONS, damaged
from gradschool.records import Example

KNOWN_FILE = "known.json"

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """The content of known.json: the method, and the sketches of each part in hexadecimal, sorted.

    `pictures` are those of the images of a part; earlier versions wrote none.
    """

    kind: str
    train: list[str]
    validation: list[str]
    pictures: dict[Part, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """An example that the specialist knows: from which part, and whether the questions are equal or nearly so."""

    example: Example
    part: Part
    equal: bool


_file: TypeAdapter[KnownFile] = TypeAdapter(KnownFile)


def write_known(
    evidence: Path, train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example]
) -> None:
    """Write the sketches of train and validation examples; the wording that many `test` questions share is left out."""
    common = common_wording(test)
    own = [sorted(row.tobytes().hex() for row in sketches(part, common)) for part in (train, validation)]
    seen: dict[Part, list[str]] = {"train": _digits(train), "validation": _digits(validation)}
    pictures = {part: rows for part, rows in seen.items() if rows}
    written = KnownFile(KIND, train=own[0], validation=own[1], pictures=pictures)
    write_json(evidence / KNOWN_FILE, _file.dump_python(written, mode="json"))


def _digits(examples: Sequence[Example]) -> list[str]:
    return sorted(row.tobytes().hex() for row in picture_sketches(examples))


def has_sketches(folder: Path) -> bool:
    """Whether the train and validation examples of a specialist can be recognized."""
    return _sketches_of(folder) is not None


def known_rows(folder: Path, asked: Sequence[Example], threshold: float) -> list[Known]:
    """Those examples that a specialist was trained, chosen or tested on, also nearly the same ones.

    `threshold` is that of near-duplicates. Raises DamagedError if the evidence cannot be read.
    """
    test = read_rows(folder / EVIDENCE / QUESTIONS, Example)
    found = _in_test(test, asked, threshold)
    common = common_wording(test)
    for part, known in (_sketches_of(folder) or {}).items():
        for example, match in zip(asked, matches(asked, known, common), strict=True):
            if match and (example.id not in found or match.equal > found[example.id].equal):
                found[example.id] = Known(example, part, match.equal)
    for part, pictures in _pictures_of(folder).items():
        for example, again in zip(asked, shown_before(asked, pictures), strict=True):
            if again:
                found.setdefault(example.id, Known(example, part, equal=False))
    return [found[example.id] for example in asked if example.id in found]


def _in_test(test: Sequence[Example], asked: Sequence[Example], threshold: float) -> dict[str, Known]:
    """The examples whose questions are those of the test, or nearly so, by id.

    A question that the test asks several times, such as "Go on.", is known with its answer only.
    """
    questions = Counter(normalized_question(example) for example in test)
    pairs = {(normalized_question(example), normalize(example.ideal)) for example in test}
    found = {}
    for cluster in alike([*test, *asked], threshold):
        for example in (asked[number - len(test)] for number in cluster if number >= len(test) > cluster[0]):
            question = normalized_question(example)
            if questions[question] < 2 or (question, normalize(example.ideal)) in pairs:
                found[example.id] = Known(example, "test", question in questions)
    return found


def _pictures_of(folder: Path) -> dict[Part, PictureSketches]:
    """The sketches of the pictures of train and validation examples; none if the specialist holds none."""
    path = folder / EVIDENCE / KNOWN_FILE
    if not path.is_file():
        return {}
    try:
        return {
            part: sketches_of_pictures(rows) for part, rows in _file.validate_python(read_json(path)).pictures.items()
        }
    except (ValueError, TypeError) as error:
        raise damaged(path, f"It cannot be read. {reason_of(error)}") from error


def _sketches_of(folder: Path) -> dict[Part, Sketches] | None:
    """The sketches of train and validation; None if the specialist holds none, or of another kind."""
    path = folder / EVIDENCE / KNOWN_FILE
    if not path.is_file():
        return None
    try:
        content = _file.validate_python(read_json(path))
        if content.kind not in (KIND, EARLIER_KIND):
            return None
        parts = ("".join(rows) for rows in (content.train, content.validation))
        train, validation = (sketches_of(part, content.kind) for part in parts)
        return {"train": train, "validation": validation}
    except (ValueError, TypeError) as error:
        raise damaged(path, f"It cannot be read. {reason_of(error)}") from error
