"""The manifest of a specialist (specialist.toml): its base, its recipe, its score, and the hash of every file.

`seal` is the hash of the manifest itself.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import TypeAdapter, ValidationError

from gradschool.errors import DamagedError, UsageError, reason_of
from gradschool.file_names import FileName
from gradschool.files import hash_tree, read_file, refuse_links, sha256_of, write_text
from gradschool.json_text import parse_toml
from gradschool.model.folders import refusal
from gradschool.model.ollama import ollama_name
from gradschool.model.places import without_place
from gradschool.records import AgainstIncumbent, BaseIdentity, Report, Verdict
from gradschool.run import MANIFEST as MANIFEST
from gradschool.run import PACKED
from gradschool.saved_job import JOB_FILE
from gradschool.settings import BUILT_IN, SEEING, Answers, Remote
from gradschool.specialist import FILE, FOLDER, Recipe
from gradschool.values import Count, Fraction, Level, Positive, Real

EVIDENCE = "evidence"  # the folder of the files below
TEST_FILE, QUESTIONS, RESULTS_FILE, SPLIT_FILE = "test.jsonl", "questions.jsonl", "results.json", "split.json"
INCUMBENT_FILE = "incumbent.jsonl"  # its scored answers to the test questions, if the job names an incumbent
EXAMPLES = "examples.jsonl"  # those of the recipe
BASE = "base"  # folder of the base model, if the specialist carries it
FORMAT = 3
BARE = re.compile(r"[A-Za-z][\w.-]*")  # a name that may be one of Ollama's models, such as llama3.2
# Format 1 names the base and the model in [base], and has `brief` for `task_only`. Formats 1 and 2 name a base in a
# folder by its path.
READABLE = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class IncumbentSummary:
    """The paired difference of the packaged rung from what the user had."""

    name: str
    margin: Real
    score: Real  # of the incumbent
    difference: Real
    low: Real
    high: Real
    examples: Count  # that both answered
    verdict: Verdict

    @classmethod
    def of(cls, now: AgainstIncumbent) -> "IncumbentSummary":
        """The comparison in a report."""
        one, interval = now.difference, now.difference.interval
        return cls(now.name, now.margin, now.score, one.mean, interval.low, interval.high, now.examples, now.verdict)


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """The score of the packaged rung on the test examples."""

    metric: str
    mean: Real
    low: Real
    high: Real
    level: Level  # confidence of each bound
    examples: Positive
    verdict: Verdict
    pass_mark: Real | None = None
    incumbent: IncumbentSummary | None = None
    answered: Fraction | None = None  # fraction of the questions, if it abstains from others
    answered_low: Fraction | None = None
    min_answered: Fraction | None = None

    @classmethod
    def of(cls, report: Report) -> "ScoreSummary":
        """The score in a report."""
        score, interval, coverage = report.score, report.score.interval, report.coverage
        return cls(
            report.metric,
            score.mean,
            interval.low,
            interval.high,
            interval.level,
            score.examples,
            report.verdict,
            report.pass_mark,
            IncumbentSummary.of(report.incumbent) if report.incumbent else None,
            coverage.share.mean if coverage else None,
            coverage.share.interval.low if coverage else None,
            coverage.min_share if coverage else None,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a specialist's folder holds. The examples and folders of `recipe` are left out: see `bundle.recipe_of`."""

    name: str
    gradschool: str  # version that packaged it
    rung: str
    verdict: Literal["passed", "not passed"]
    base_model: FileName  # its name in the job; of a base in a folder, the folder's own name
    base: BaseIdentity
    recipe: Recipe
    in_folder: bool = False  # the base is from a folder, and found by its hashes
    model: str | None = None  # on a server
    answers: Answers = field(default_factory=Answers)
    remote: Remote = field(default_factory=Remote)
    score: ScoreSummary | None = None
    split: str = ""  # hash over ids and contents of the examples
    hashes: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of each file, by its path in the folder
    seal: str = ""

    @property
    def base_name(self) -> str:
        """The name of the base, without a place on any machine."""
        return without_place(self.base_model)

    @property
    def carries_base(self) -> bool:
        """Whether the folder holds the base model too."""
        return self.holds(f"{BASE}/")

    @property
    def has_weights(self) -> bool:
        """Whether it has weights of its own instead of a base."""
        return self.holds("weights/")

    def holds(self, beginning: str) -> bool:
        """Whether a file of the folder has a path with this beginning."""
        return any(name.startswith(beginning) for name in self.hashes)


_manifest: TypeAdapter[Manifest] = TypeAdapter(Manifest)


def specialist_folder(path: Path) -> Path:
    """The folder of the specialist that a user names: by its own folder, its manifest, or the folder of its run.

    Raises UsageError if there is none, and says what the path is instead.
    """
    if path.name == MANIFEST and path.is_file():
        return path.parent
    for folder in (path, path / PACKED):
        if (folder / MANIFEST).is_file():
            return folder
    raise _no_specialist(path)


def _no_specialist(path: Path) -> UsageError:
    """The error for a path that is not a specialist: it says what it is instead."""
    named = shlex.quote(str(path))
    fix = "a climb writes one into the folder of its run, such as runs/contracts-1/specialist; name either folder."
    inside = next((folder for folder in path.parents[:3] if (folder / MANIFEST).is_file()), None)
    packed = sorted(one.parent.parent for one in path.glob(f"*/{PACKED}/{MANIFEST}")) if path.is_dir() else []
    if str(path) in (BUILT_IN, SEEING) and not path.exists():
        why = "It is the built-in base; `gradschool chat` and `gradschool answer` ask it as it is."
    elif not path.exists() and not path.is_symlink():
        why = "There is no such folder."
        if model := ollama_name(str(path)) or (str(path) if BARE.fullmatch(str(path)) else ""):
            fix = f"to ask a model of Ollama as it is, write its name with a prefix: ollama:{model}; {fix}"
    elif inside:
        why, fix = "It is a part of one.", f"name {inside}."
    elif (path / JOB_FILE).is_file():
        why = "It is a run whose climb has not packaged one."
        fix = f"`gradschool climb --resume {named}`"
    elif path.suffix == ".toml" or (path / "job.toml").is_file():
        why = "It is a job."
        fix = f"`gradschool climb {named}`; then name the folder of that run."
    elif packed:
        why, fix = f"It holds {len(packed)} run{'s' * (len(packed) > 1)}.", f"name one of them: {packed[-1]}."
    elif error := refusal(path):
        why, fix = f"{error.what} {error.why}", f"{fix} For a base: {error.fix}"
    else:
        why = f"It is a base, and holds no {MANIFEST}; `gradschool chat {named}` asks it as it is."
    return UsageError(f"{path} is not a specialist.", why, fix)


def load_manifest(folder: Path) -> Manifest:
    """Read a manifest without checking the folder against it.

    Raises UsageError if there is none or its format is unknown, DamagedError if it cannot be read.
    """
    return _parsed(folder, _content(folder))


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest and check every file of the folder against it.

    Raises UsageError if the folder is not a specialist, and DamagedError that names the first file that was changed.
    """
    content = _content(folder)
    seal = content.pop("seal", None)
    if _sealed(content) != seal:
        raise damaged(folder / MANIFEST, "Its content is not what was packaged.")
    manifest = _parsed(folder, content | {"seal": seal})
    _verify_files(folder, manifest.hashes)
    return manifest


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest, after all other files: it holds their hashes, and its own as `seal`. Returns it."""
    (folder / MANIFEST).unlink(missing_ok=True)
    manifest = replace(manifest, hashes=hash_tree(folder))
    exclude: Any = {
        "seal": True,
        "recipe": dict.fromkeys(Recipe.names(FOLDER, FILE), True),
        "remote": {"api_key_env": True},  # each user's own
    }
    # TOML has no null, so fields without a value are left out.
    content = {"format": FORMAT} | _manifest.dump_python(manifest, mode="json", exclude_none=True, exclude=exclude)
    digest = sha256_of(content)
    write_text(folder / MANIFEST, tomli_w.dumps(content | {"seal": digest}))
    return replace(manifest, seal=digest)


def damaged(path: Path, why: str) -> DamagedError:
    """The error for a file of a specialist that is not as it was packaged."""
    return DamagedError(
        f"{path} was changed after it was packaged.",
        why,
        "copy the specialist again from its source, or climb again.",
    )


def _content(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise _no_specialist(folder)
    refuse_links(folder)
    try:
        content = parse_toml(read_file(path))
    except ValueError as error:
        raise damaged(path, f"It cannot be read. {reason_of(error)}") from error
    if content.get("format") not in READABLE:
        raise UsageError(
            f"{folder} is in format {content.get('format')!r}.",
            f"This version reads the formats {' and '.join(map(str, READABLE))}.",
            "use the version of gradschool that made it.",
        )
    return content


def _sealed(content: Mapping[str, Any]) -> str:
    """The hash of a manifest; empty for values that no manifest holds, such as dates."""
    try:
        return sha256_of(content)
    except (TypeError, ValueError, RecursionError):
        return ""


def _parsed(folder: Path, content: Mapping[str, Any]) -> Manifest:
    if isinstance(base := content.get("base"), Mapping):  # older manifests named base_model and model in it
        content = {**{name: base[name] for name in ("base_model", "model") if name in base}, **content}
    try:
        manifest = _manifest.validate_python(content)
    except ValidationError as error:
        raise damaged(folder / MANIFEST, f"It cannot be read. {reason_of(error)}") from error
    return replace(manifest, in_folder=manifest.in_folder or without_place(manifest.base_model) != manifest.base_model)


def _verify_files(folder: Path, hashes: Mapping[str, str]) -> None:
    found = hash_tree(folder)
    for name, expected in hashes.items():
        if name not in found:  # also names that lead out of the folder
            raise damaged(folder / name, "It is missing.")
        if found[name] != expected:
            raise damaged(folder / name, "Its content is not what was packaged.")
    for name in sorted(found.keys() - hashes.keys() - {MANIFEST}):
        raise damaged(folder / name, "It was not part of the package.")
