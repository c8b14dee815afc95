"""The specialist as a folder: whole, hashed, and opened only if nothing in it was changed.

specialist.toml   the manifest: base, recipe, verdict, the hash of every other file, and its own as `seal`
README.md         the model card
adapter/ | weights/   what was trained, if anything (PEFT's or transformers' format)
index/            the passages of the documents, if they are used
base/             the base itself, where it was packed with it
examples.jsonl    the examples shown in prompts, if any
evidence/         test questions, answers and scores of every one, split, events, environment
"""

import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import TypeAdapter, ValidationError

from gradschool.errors import DamagedError, UsageError
from gradschool.files import (
    copy_folder,
    disk_errors,
    hash_tree,
    new_folder,
    read_lines,
    sha256,
    sha256_of,
    write_json,
    write_lines,
    write_text,
)
from gradschool.model.engine import Engine
from gradschool.model.hub import NEEDED
from gradschool.model.local import local_engine
from gradschool.model.opening import open_engine
from gradschool.package.card import card
from gradschool.records import Example, Note, RungResult, Scored, Split, Work
from gradschool.run import Run
from gradschool.settings import Settings
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.version import __version__

MANIFEST, CARD, EXAMPLES, QUESTIONS = "specialist.toml", "README.md", "examples.jsonl", "questions.jsonl"
BASE = "base"
FORMAT = 1
FOLDERS = ("adapter", "weights", "index")


def pack(
    run: Run,
    specialist: Specialist,
    chosen: RungResult,
    results: Sequence[RungResult],
    rows: Sequence[Scored],
    split: Split,
    test: Sequence[Example],
) -> Work[str]:
    """Write a specialist's folder into its run, whole or not at all; returns where.

    `rows` are its answers to the `test` examples; the questions go with it, so that whatever is made of the
    specialist can be asked them again.
    """
    yield from ()
    examples: TypeAdapter[Example] = TypeAdapter(Example)
    scored: TypeAdapter[Scored] = TypeAdapter(Scored)
    result: TypeAdapter[RungResult] = TypeAdapter(RungResult)
    with new_folder(run.specialist) as folder:
        recipe = specialist.recipe
        for name in FOLDERS:
            if getattr(recipe, name):
                copy_folder(Path(getattr(recipe, name)), folder / name)
        if recipe.shots:
            write_lines(folder / EXAMPLES, (examples.dump_python(e, mode="json") for e in recipe.examples))
        evidence = folder / "evidence"
        write_lines(evidence / "test.jsonl", (scored.dump_python(row, mode="json") for row in rows))
        write_lines(evidence / QUESTIONS, (examples.dump_python(e, mode="json") for e in test))
        write_json(evidence / "results.json", [result.dump_python(r, mode="json") for r in results])
        write_json(evidence / "split.json", asdict(split))
        for name in ("environment.json", "events.jsonl", "run.json"):
            if (run.folder / name).exists():
                shutil.copyfile(run.folder / name, evidence / name)
        manifest = describe(run, specialist, chosen) | {"split": split.hash}
        write_text(folder / CARD, card(manifest, results))
        _seal(folder, manifest)
    return str(run.specialist)


def _seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest last: the hash of every file, and the manifest's own."""
    (folder / MANIFEST).unlink(missing_ok=True)
    manifest["hashes"] = hash_tree(folder)
    write_text(folder / MANIFEST, tomli_w.dumps(manifest | {"seal": sha256_of(manifest)}))


def describe(run: Run, specialist: Specialist, chosen: RungResult) -> dict[str, Any]:
    """The manifest of a specialist but for the hashes; TOML knows no null, so what is not there is left out."""
    settings, recipe, report = run.job.settings, specialist.recipe, chosen.report
    base, engine = settings.base_model, specialist.engine
    local = local_engine(engine)
    if local and base != "pocket" and not local.revision and not recipe.weights:
        base = str(local.folder.resolve())  # a local folder, which a relative path would only name from here
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "name": run.job.name,
        "gradschool": __version__,
        "rung": chosen.rung,
        "verdict": "passed" if chosen.passed else "not passed",
        "base": {
            "base_model": base,
            **({"model": settings.model} if settings.model else {}),
            **engine.identity,
        },
        "recipe": {
            "instructions": recipe.instructions,
            "brief": recipe.task_only,
            "shots": recipe.shots,
            "nearest": recipe.nearest,
            "passages": recipe.passages,
            "decoding": asdict(recipe.decoding),
        },
        "answers": settings.answers.model_dump(exclude_none=True),
        "remote": settings.remote.model_dump(),
    }
    if report:
        manifest["score"] = {
            "metric": report.metric,
            "mean": report.score.mean,
            "low": report.score.interval.low,
            "high": report.score.interval.high,
            "level": report.score.interval.level,
            "examples": report.score.examples,
            "pass_mark": report.pass_mark,
            "verdict": report.verdict,
        }
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a specialist's manifest and verify every file of its folder against it.

    Raises UsageError where there is no specialist, DamagedError that names the file where something was changed.
    """
    if not (folder / MANIFEST).exists():
        raise UsageError(
            f"{folder} is not a specialist.", f"It holds no {MANIFEST}.", "a climb leaves one in runs/NAME/specialist."
        )
    try:
        manifest = tomllib.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        hashes = dict(manifest["hashes"])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder / MANIFEST, f"It cannot be read: {error}.") from error
    seal = manifest.pop("seal", None)
    if manifest.get("format") != FORMAT:
        raise UsageError(
            f"{folder} is in format {manifest.get('format')!r}.",
            f"This version reads format {FORMAT}.",
            "use the gradschool that made it.",
        )
    if sha256_of(manifest) != seal:
        raise _damaged(folder / MANIFEST, "Its content is not what was packaged.")
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            raise _damaged(path, "It is missing.")
        if sha256(path) != expected:
            raise _damaged(path, "Its content is not what was packaged.")
    for name in sorted(hash_tree(folder).keys() - hashes.keys() - {MANIFEST}):
        raise _damaged(folder / name, "It was not part of the package.")
    return manifest


def open_specialist(folder: Path, base_model: str | None = None) -> Work[Specialist]:
    """Open a specialist: verify its files, open its base (elsewhere: `base_model`), and put them together.

    Raises DamagedError where a file or the base is not the one that was packaged.
    """
    return (yield from open_verified(folder, read_manifest(folder), base_model))


def open_verified(folder: Path, manifest: dict[str, Any], base_model: str | None = None) -> Work[Specialist]:
    """Open a specialist whose files were verified when its manifest was read."""
    try:
        recipe = recipe_of(folder, manifest)
        base = manifest["base"]
        carried = str((folder / BASE).resolve()) if carries_base(manifest) else ""
        # A specialist with weights of its own is whole: it needs no base.
        settings = Settings(
            base_model=recipe.weights or base_model or carried or base["base_model"],
            model=base.get("model"),
            revision=base.get("revision") or None,
            quantization="nf4" if "bits" in base else None,
            answers=manifest["answers"],
            remote=manifest["remote"],
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise _damaged(folder / MANIFEST, f"It lacks something: {error}.") from error
    engine: Engine = yield from open_engine(settings, folder)
    for part in ("weights", "template"):
        if part in base and engine.identity.get(part) != base[part]:
            raise DamagedError(
                f"The base model {settings.base_model!r} is not the one this specialist was made with.",
                f"The hash of its {'chat ' if part == 'template' else ''}{part} is another.",
                "use the same revision of the base; --base names another place of it.",
            )
    return specialist_of(engine, recipe)


def carries_base(manifest: dict[str, Any]) -> bool:
    """Whether a specialist's folder holds its base too."""
    return any(name.startswith(f"{BASE}/") for name in manifest["hashes"])


def carry(folder: Path, target: Path, with_base: bool, base_model: str | None = None) -> Work[str]:
    """Copy a specialist to take it elsewhere, whole or not at all, on request with its base.

    Returns a sentence about the base that it needs there. Raises UsageError where the target exists or the base
    cannot be copied.
    """
    if target.exists():
        raise UsageError(f"{target} exists already.", "Nothing is written over.", "name a new folder.")
    manifest = read_manifest(folder)
    base = manifest["base"]
    with new_folder(target) as new:
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                copy_folder(path, new / path.name)
            else:
                with disk_errors(new):
                    shutil.copyfile(path, new / path.name)
        if with_base and not carries_base(manifest):
            specialist = yield from open_verified(folder, manifest, base_model)
            local = local_engine(specialist.engine)
            if local is None:
                raise UsageError("The base cannot be copied.", "It is on a server.", "leave out --with-base.")
            if not specialist.recipe.weights:
                yield Note(f"Copying the base {base['base_model']} from {local.folder}.")
                _copy_base(local.folder, new / BASE)
                _seal(new, manifest)
    return needs(manifest)


def _copy_base(base: Path, target: Path) -> None:
    """Copy what a base is made of: links of a download cache become files, and what else lies there stays."""
    target.mkdir()
    for path in sorted(base.iterdir()):
        if NEEDED.fullmatch(path.name):
            with disk_errors(target):
                shutil.copyfile(path.resolve(), target / path.name)


def needs(manifest: dict[str, Any]) -> str:
    """Which base a specialist needs on another machine, in a sentence."""
    base = manifest["base"]
    if any(name.startswith("weights/") for name in manifest["hashes"]):
        return "It has weights of its own and needs no base."
    if carries_base(manifest):
        return "It carries its base and needs nothing else."
    revision = f" at commit {base['revision']}" if base.get("revision") else ""
    if base["base_model"] == "pocket":
        return "It needs the built-in base pocket of the same version of gradschool."
    if base.get("kind") == "remote":
        return f"It needs the server {base['base_model']} with the model {base.get('model', '')}."
    return f"It needs the base {base['base_model']}{revision}; --base names another place of it."


def recipe_of(folder: Path, manifest: dict[str, Any]) -> Recipe:
    """The recipe of a specialist whose manifest was verified; its parts are those in the folder."""
    recipe: Recipe = TypeAdapter(Recipe).validate_python(manifest["recipe"])
    parts = {name.partition("/")[0] for name in manifest["hashes"]}
    examples = TypeAdapter(tuple[Example, ...]).validate_python(read_lines(folder / EXAMPLES))
    adapter, weights, index = (str((folder / name).resolve()) if name in parts else "" for name in FOLDERS)
    return replace(recipe, examples=examples, adapter=adapter, weights=weights, index=index)


def _damaged(path: Path, why: str) -> DamagedError:
    return DamagedError(
        f"{path} was changed after it was packaged.",
        why,
        "copy the specialist again from where it was made, or climb again.",
    )
