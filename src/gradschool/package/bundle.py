"""The specialist as a folder, complete and hashed; it opens only if no file was changed.

specialist.toml   the manifest: base, recipe, verdict, the hash of every other file, and its own as `seal`
README.md         the model card
adapter/ | weights/   what was trained, if anything (the format of PEFT or transformers)
index/            the passages of the documents, if they are used
base/             the base model, if it was copied too
examples.jsonl    the examples shown in prompts, if any
evidence/         test questions, answers and scores (also those of an incumbent), the split, the settings, the
                  environment, all events, and the texts that metrics were fitted to
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gradschool.errors import DamagedError, UsageError
from gradschool.files import (
    copy_folder,
    disk_errors,
    hash_tree,
    is_inside,
    list_of,
    new_folder,
    read_lines,
    read_rows,
    write_json,
    write_lines,
    write_text,
)
from gradschool.job import settings_of_base
from gradschool.model.engine import Engine, Runtime
from gradschool.model.folders import refusal
from gradschool.model.gguf_file import gguf_at
from gradschool.model.gguf_found import place_of_gguf
from gradschool.model.here import demand_local
from gradschool.model.hosts import named_by_user
from gradschool.model.opening import base_folder, names_base, open_engine, path_named, remember_base
from gradschool.model.places import DIGITS, find_base, remember, without_place
from gradschool.package.base_copy import copy_folder_of_base, copy_gguf, gguf_to_copy
from gradschool.package.card import card
from gradschool.package.groups import GroupNumbers, numbered
from gradschool.package.image_files import in_package, with_copies
from gradschool.package.known import write_known
from gradschool.package.llama_runtime import llama_base, llama_engine
from gradschool.package.manifest import (
    BASE,
    EVIDENCE,
    EXAMPLES,
    INCUMBENT_FILE,
    MANIFEST,
    QUESTIONS,
    RESULTS_FILE,
    SPLIT_FILE,
    TEST_FILE,
    Manifest,
    ScoreSummary,
    read_manifest,
    seal,
    specialist_folder,
)
from gradschool.package.portable import (
    name_models,
    shorten_evidence,
    shorten_row,
    within,
    without_places,
)
from gradschool.records import ComparedBase, Example, Note, NumberFormat, RungResult, Scored, Split, Work
from gradschool.run import ENVIRONMENT_FILE, EVENTS_FILE, FIT_TEXTS, PACKED, Run
from gradschool.run_keys import BASES
from gradschool.saved_job import JOB_FILE, SavedJob
from gradschool.score.metrics import files_of
from gradschool.settings import BUILT_IN, SEEING
from gradschool.specialist import FOLDER, Recipe, Specialist, specialist_of
from gradschool.version import __version__

CARD = "README.md"
FOLDERS = Recipe.names(FOLDER)


def pack(
    run: Run,
    specialist: Specialist,
    chosen: RungResult,
    results: Sequence[RungResult],
    rows: Sequence[Scored],
    split: Split,
    test: Sequence[Example],
    known: tuple[Sequence[Example], Sequence[Example]] = ((), ()),
    incumbent: Sequence[Scored] = (),
) -> Work[str]:
    """Write a specialist into its run's folder, in one step; returns the new folder.

    `rows` are its answers to the `test` examples, and `incumbent` those of the incumbent. The package holds all of
    these, so that every export can be tested on them; and sketches of its train and validation examples, `known`.
    """
    recipe = specialist.recipe
    test, (rows, incumbent) = numbered(test, rows, incumbent)
    if not recipe.weights:
        yield from remember_base(run.job.settings, specialist.engine)
    with new_folder(run.specialist) as folder:
        for name in FOLDERS:
            if path := getattr(recipe, name):
                _demand_own(Path(path), run)
                copy_folder(Path(path), folder / name)
        manifest = manifest_of(run, specialist, chosen, split)
        portable = without_places(_places(run, manifest))
        yield from name_models(folder, manifest.base_name)
        if recipe.shots:
            shown = with_copies(GroupNumbers().of(recipe.examples), folder)
            write_lines(folder / EXAMPLES, list_of(Example).dump_python(shown, mode="json"))
        _write_test(folder / EVIDENCE, rows, split, test, portable)
        if incumbent:
            write_lines(folder / EVIDENCE / INCUMBENT_FILE, _rows(incumbent, portable))
        write_known(folder / EVIDENCE, *known, test)
        _write_records(run, folder / EVIDENCE, manifest, portable)
        tested = portable(list_of(RungResult).dump_python([*results], mode="json"))
        write_json(folder / EVIDENCE / RESULTS_FILE, tested)
        bases = portable(list_of(ComparedBase).dump_python([*(run.saved(BASES) or ())], mode="json"))
        compared = list_of(ComparedBase).validate_python(bases)
        pictured = any(one.images for one in test)
        results = list_of(RungResult).validate_python(tested)
        write_text(folder / CARD, card(manifest, results, bases=compared, pictured=pictured))
        seal(folder, manifest)
    return str(run.specialist)


def _demand_own(path: Path, run: Run) -> None:
    """Raise DamagedError if a part of the recipe is not in the run: the saved steps of a foreign run can name any."""
    if not is_inside(path, run.folder):
        raise DamagedError(
            f"A saved step of {run.folder} names {path}.",
            "It is outside of the run, and would be copied into the specialist.",
            "start a new climb.",
        )


def _write_test(
    evidence: Path, rows: Sequence[Scored], split: Split, test: Sequence[Example], portable: Callable[[Any], Any]
) -> None:
    """The questions of the test, the answers with their scores, and the split."""
    write_lines(evidence / TEST_FILE, _rows(rows, portable))
    write_lines(evidence / QUESTIONS, list_of(Example).dump_python(with_copies(test, evidence.parent), mode="json"))
    write_json(evidence / SPLIT_FILE, asdict(split))


def _rows(rows: Sequence[Scored], portable: Callable[[Any], Any]) -> list[Any]:
    return [shorten_row(row, portable) for row in list_of(Scored).dump_python([*rows], mode="json")]


def _places(run: Run, manifest: Manifest) -> list[Path]:
    """The folders of a run, of its job and of its base, as they may be named."""
    base = path_named(run.job.settings.base, run.job.folder) if manifest.in_folder else None
    places = [run.job.folder, run.folder, *([base] if base else [])]
    return [*(place.absolute() for place in places), *(place.resolve() for place in places)]


def _write_records(run: Run, evidence: Path, manifest: Manifest, portable: Callable[[Any], Any]) -> None:
    """Events and job for whoever opens the specialist: without the user's key and paths, with the files that score."""
    if events := read_lines(run.folder / EVENTS_FILE):  # also those of kinds that this version does not know
        write_lines(evidence / EVENTS_FILE, [portable(event) for event in events])
    saved = SavedJob.read(run.folder / JOB_FILE)
    remote = {key: value for key, value in saved.settings.get("remote", {}).items() if key != "api_key_env"}
    for name in (ENVIRONMENT_FILE, FIT_TEXTS):
        if (run.folder / name).exists():
            shutil.copyfile(run.folder / name, evidence / name)
    relative = within(run.job)
    settings = relative(saved.settings | {"remote": remote}) | {"base_model": manifest.base_model}
    shared = saved.shared(portable(settings), folder=portable(saved.folder))
    shared.write(evidence / JOB_FILE)
    for name in files_of(run.job.settings.goal):
        if is_inside(run.job.path(name), run.job.folder) and run.job.path(name).is_file():
            copy = evidence / relative(name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run.job.path(name), copy)


def manifest_of(run: Run, specialist: Specialist, chosen: RungResult, split: Split) -> Manifest:
    """The manifest of a specialist, without the hashes."""
    settings, identity = run.job.settings, specialist.engine.identity
    if in_folder := base_folder(settings, specialist.engine) is not None:
        identity = replace(identity, name=without_place(identity.name))
    return Manifest(
        name=run.job.name,
        gradschool=__version__,
        rung=chosen.rung,
        verdict="passed" if chosen.passed else "not passed",
        base_model=identity.name if in_folder else settings.base,
        base=identity,
        in_folder=in_folder,
        model=settings.model,
        recipe=specialist.recipe,
        answers=settings.answers,
        remote=settings.remote,
        score=ScoreSummary.of(chosen.report) if chosen.report else None,
        split=split.hash,
    )


def open_specialist(
    folder: Path,
    base_model: str | None = None,
    runtime: Runtime = "torch",
    answering: NumberFormat | None = None,
) -> Work[Specialist]:
    """Open a specialist: verify its files and open its base model, from `base_model` if it is in another place.

    `folder` may be that of its run. With the runtime `llama`, llama.cpp runs a base in GGUF. `answering` is the number
    format of its test, by default the best one here. Raises DamagedError if a file or the base model is not the one
    that was packaged.
    """
    folder = specialist_folder(folder)
    manifest = read_manifest(folder)
    if runtime == "llama":
        recipe = recipe_of(folder, manifest)
        return Specialist((yield from llama_engine([(manifest, recipe)], folder, base_model)), recipe)
    return (yield from open_verified(folder, manifest, base_model, answering))


def is_base(path: Path) -> bool:
    """Whether a path names a base model, not a specialist: by a name of its own, by its folder or its GGUF file."""
    if not path.exists():
        return names_base(path)
    if any((folder / MANIFEST).is_file() for folder in (path, path / PACKED)):
        return False
    return refusal(path) is None or gguf_at(path) is not None


def open_base_or_specialist(path: Path, base_model: str | None = None, runtime: Runtime = "torch") -> Work[Specialist]:
    """Open a specialist, or a base model alone (see `is_base`)."""
    if not is_base(path):
        return (yield from open_specialist(path, base_model, runtime))
    if base_model:
        raise UsageError(
            f"--base {base_model} and the base model {path} were both given.",
            "--base is another location of a specialist's base, and this is a base itself.",
            "give one of them.",
        )
    llama = runtime == "llama"
    engine: Engine = yield from llama_base(path) if llama else open_engine(settings_of_base(str(path)), Path())
    yield Note(f"{path} is a base model: it answers without instructions, examples and documents.")
    return Specialist(engine, Recipe())


def open_verified(
    folder: Path, manifest: Manifest, base_model: str | None = None, answering: NumberFormat | None = None
) -> Work[Specialist]:
    """Open a specialist whose files were verified when its manifest was read."""
    named_by_user(base_model)
    recipe, base = recipe_of(folder, manifest), manifest.base
    # A GGUF file in it is found by its hash, as elsewhere.
    carried = str((folder / BASE).resolve()) if manifest.holds(f"{BASE}/config.json") else ""
    settings = settings_of_base(
        # Weights of its own replace the base.
        recipe.weights or base_model or carried or (yield from _place_of(manifest, folder)),
        model=manifest.model,
        revision=base.revision or None,
        quantization="nf4" if base.bits else None,
        answers=manifest.answers,
        remote=manifest.remote,
    )
    engine: Engine = yield from open_engine(settings, folder, packaged=True, answering=answering)
    if part := engine.identity.other_part(base):
        raise DamagedError(
            f"The base model {settings.base!r} is not the one this specialist was made with.",
            f"The hash of its {part} differs.",
            "use the same revision of the base; --base names another place of it.",
        )
    if manifest.in_folder and not (recipe.weights or carried):
        yield from remember_base(settings, engine)
    return specialist_of(engine, recipe)


def _place_of(manifest: Manifest, folder: Path) -> Work[str]:
    """What to open as the base: its name, or the folder or the file that has its hashes."""
    if manifest.base.gguf:
        return str((yield from place_of_gguf(manifest.base, folder)))
    if not manifest.in_folder:
        return manifest.base_model
    return str(find_base(manifest.base, manifest.base_model))


def carry(folder: Path, target: Path, with_base: bool, base_model: str | None = None) -> Work[str]:
    """Copy a specialist to a new folder, in one step, optionally with its base model.

    Returns a sentence about the base model that it needs there. Raises UsageError if the target exists or the base
    model cannot be copied.
    """
    if target.exists():
        raise UsageError(f"{target} already exists.", "Existing files are never replaced.", "name a new folder.")
    folder = specialist_folder(folder)
    manifest = read_manifest(folder)
    with new_folder(target, replace=False) as new:
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                copy_folder(path, new / path.name)
            else:
                with disk_errors(new):
                    shutil.copyfile(path, new / path.name)
        manifest = yield from _without_places(new, manifest)
        if with_base and not (manifest.carries_base or manifest.has_weights):
            yield from _copy_base(folder, manifest, base_model, new / BASE)
            manifest = seal(new, manifest)
    return base_needed(manifest)


def _copy_base(folder: Path, manifest: Manifest, base_model: str | None, target: Path) -> Work[None]:
    """Copy the base of a specialist after it was verified: of one from GGUF its file, if that is here."""
    file = (yield from gguf_to_copy(manifest, folder, base_model)) if manifest.base.gguf else None
    if file:
        yield Note(f"Copying the base {manifest.base_name} from {file.first.path}.")
        copy_gguf(file, manifest.base_name, target)
        return
    specialist = yield from open_verified(folder, manifest, base_model)
    local = demand_local(specialist.engine, "copied", "leave out --with-base.")
    yield Note(f"Copying the base {manifest.base_name} from {local.folder}.")
    copy_folder_of_base(local.folder, target)


def _without_places(folder: Path, manifest: Manifest) -> Work[Manifest]:
    """Shorten the paths in a copy of a specialist that an earlier version packed; returns its manifest."""
    read = manifest
    if manifest.in_folder:
        if Path(manifest.base_model).is_absolute() and Path(manifest.base_model).is_dir():
            yield from remember(manifest.base.weights, Path(manifest.base_model))
        yield from name_models(folder, manifest.base_name)
        base = replace(manifest.base, name=manifest.base_name)
        manifest = replace(manifest, base_model=manifest.base_name, base=base)
    shorten_evidence(folder / EVIDENCE, manifest.base_model)
    found = {name: digest for name, digest in hash_tree(folder).items() if name != MANIFEST}
    return manifest if manifest == read and found == manifest.hashes else seal(folder, manifest)


def base_needed(manifest: Manifest) -> str:
    """A sentence that says which base model a specialist needs on another machine."""
    base = manifest.base
    if manifest.has_weights:
        return "It has weights of its own and needs no base."
    if manifest.carries_base:
        return "It carries its base and needs nothing else."
    if manifest.base_model in (BUILT_IN, SEEING) and not manifest.in_folder:
        return f"It needs the built-in base {manifest.base_model} of the same version of gradschool."
    if base.kind == "remote":
        return f"It needs the server {manifest.base_model} with the model {manifest.model or ''}."
    if base.gguf:
        known = f"which is recognized by its SHA-256: {base.gguf}"
        return f"It needs the GGUF file of the base {manifest.base_name}, {known}; --base names it there."
    if manifest.in_folder:
        known = f"which is recognized by its hashes (SHA-256 of its weights: {base.weights[:DIGITS]}…)"
        return f"It needs the base {manifest.base_name}, {known}; --base names its folder there."
    revision = f" at commit {base.revision}" if base.revision else ""
    return f"It needs the base {manifest.base_model}{revision}; --base names another place of it."


def recipe_of(folder: Path, manifest: Manifest) -> Recipe:
    """The recipe of a specialist whose manifest was verified, with the examples and folders of its package."""
    packed = {name.partition("/")[0] for name in manifest.hashes}
    paths = {name: str((folder / name).resolve()) if name in packed else "" for name in FOLDERS}
    examples = in_package(read_rows(folder / EXAMPLES, Example), folder)
    return replace(manifest.recipe, examples=tuple(examples), **paths)  # type: ignore[arg-type]
