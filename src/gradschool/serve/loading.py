"""Open specialists as a service; specialists with the same base share its weights."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gradschool.errors import UsageError
from gradschool.model.engine import Engine, Runtime
from gradschool.model.here import local_engine
from gradschool.model.llama_engine import AT_ONCE, LlamaEngine
from gradschool.model.remote import RemoteEngine
from gradschool.package.bundle import open_verified, recipe_of
from gradschool.package.llama_runtime import llama_engine, refuse_untested
from gradschool.package.manifest import MANIFEST, Manifest, read_manifest, specialist_folder
from gradschool.records import Note, Work
from gradschool.serve.abstaining import WholeAnswers
from gradschool.serve.llama import LlamaScheduler
from gradschool.serve.local import LocalScheduler
from gradschool.serve.remote import remote_scheduler
from gradschool.serve.scheduler import Scheduler
from gradschool.serve.service import Limits, ServedBase, ServedModel, Service
from gradschool.serve.threads import ThreadScheduler
from gradschool.specialist import Specialist

ROUNDING = (
    "The base of {name} computes in {dtype}, which rounds differently in different batches: some answers can differ "
    "from those of the test. `gradschool export` counts them and checks that the score is kept."
)


def open_service(
    specs: Sequence[str],
    base_model: str | None = None,
    at_once: int | None = None,
    context_length: int | None = None,
    limits: Limits | None = None,
    runtime: Runtime = "torch",
) -> Work[Service]:
    """Open specialists, each given as FOLDER or NAME=FOLDER, as one service.

    `at_once` is the number of requests answered at the same time per base; `context_length` limits the tokens of prompt
    and answer together. With the runtime `llama`, llama.cpp runs bases in GGUF. Raises what `open_verified` or
    `llama_engine` raises, and UsageError if two specialists have the same name.
    """
    manifests = _read_all(specs)
    if runtime == "llama":
        opened = yield from _open_in_llama(manifests, base_model, at_once, context_length)
    else:
        opened = yield from _open_all(manifests, base_model)
    bases: dict[int, ServedBase] = {}
    for engine in {id(one.engine): one.engine for one in opened.values()}.values():
        specialists = [specialist for specialist in opened.values() if specialist.engine is engine]
        bases[id(engine)] = ServedBase(scheduler_of(engine, specialists, at_once, context_length))
    models = {
        name: _served(name, *manifests[name], specialist, bases[id(specialist.engine)])
        for name, specialist in opened.items()
    }
    return Service(models, limits)


def _open_all(manifests: Mapping[str, tuple[Path, Manifest]], base_model: str | None) -> Work[dict[str, Specialist]]:
    """Open specialists; those with the same base share an engine."""
    opened: dict[str, Specialist] = {}
    engines: dict[tuple[str, ...], tuple[Engine, str]] = {}
    for name, (folder, manifest) in manifests.items():
        shared = engines.get(base_key(manifest))
        if shared is None:
            opened[name] = yield from open_verified(folder, manifest, base_model)
            engines[base_key(manifest)] = opened[name].engine, name
        else:
            opened[name] = Specialist(shared[0], recipe_of(folder, manifest))
            yield Note(f"{name} shares the weights of {shared[1]}'s base.")
    for engine, name in engines.values():
        if (local := local_engine(engine)) and not local.repeats_exactly:
            yield Note(ROUNDING.format(name=name, dtype=str(local.network.dtype).removeprefix("torch.")))
    return opened


def _open_in_llama(
    manifests: Mapping[str, tuple[Path, Manifest]],
    base_model: str | None,
    at_once: int | None,
    context_length: int | None,
) -> Work[dict[str, Specialist]]:
    """Open specialists in llama.cpp: one process for each file, with the adapters of all its specialists."""
    recipes = {name: recipe_of(folder, manifest) for name, (folder, manifest) in manifests.items()}
    opened: dict[str, Specialist] = {}
    for key in dict.fromkeys(base_key(manifest) for _, manifest in manifests.values()):
        names = [name for name, (_, manifest) in manifests.items() if base_key(manifest) == key]
        members = [(manifests[name][1], recipes[name]) for name in names]
        engine = yield from llama_engine(
            members, manifests[names[0]][0], base_model, at_once or AT_ONCE, context_length
        )
        opened |= {name: Specialist(engine, recipes[name]) for name in names}
        if len(names) > 1:
            yield Note(f"{' and '.join(names)} share one llama.cpp, each with its own adapter.")
    return {name: opened[name] for name in manifests}


def open_gguf(
    spec: str, file: Path, at_once: int | None = None, context_length: int | None = None, limits: Limits | None = None
) -> Work[Service]:
    """Open one specialist, given as FOLDER or NAME=FOLDER, with a GGUF file that was exported from it.

    Its base is not needed. Raises what `read_manifest` and LlamaEngine raise.
    """
    name, folder, manifest = _read(spec)
    recipe = replace(recipe_of(folder, manifest), adapter="", weights="")  # the GGUF file holds the trained weights
    refuse_untested(name, recipe)
    yield Note(f"llama.cpp runs {file.name} instead of the base.")
    engine = LlamaEngine(file, at_once, context_length)
    model = _served(name, folder, manifest, Specialist(engine, recipe), ServedBase(LlamaScheduler(engine)))
    return Service({name: model}, limits)


def _read_all(specs: Sequence[str]) -> dict[str, tuple[Path, Manifest]]:
    """Folders and manifests by the name of the specialist."""
    manifests: dict[str, tuple[Path, Manifest]] = {}
    for spec in specs:
        name, folder, manifest = _read(spec)
        if name in manifests:
            raise UsageError(
                f"Two specialists are called {name!r}.",
                f"{manifests[name][0]} and {folder}: clients select a specialist by its name.",
                f"give one another name: OTHER={folder}",
            )
        manifests[name] = folder, manifest
    return manifests


def _read(spec: str) -> tuple[str, Path, Manifest]:
    name, path = parse_spec(spec)
    folder = specialist_folder(path)
    manifest = read_manifest(folder)
    return name or manifest.name or folder.resolve().name, folder, manifest


def _served(name: str, folder: Path, manifest: Manifest, specialist: Specialist, base: ServedBase) -> ServedModel:
    created = int((folder / MANIFEST).stat().st_mtime)
    return ServedModel(name, specialist, base, created, manifest.seal, manifest.verdict)


def parse_spec(spec: str) -> tuple[str, Path]:
    """Parse FOLDER or NAME=FOLDER into a name (empty if none is given) and a folder, whose own name may contain `=`."""
    name, equals, folder = spec.partition("=")
    if not equals or Path(spec).exists():
        return "", Path(spec)
    if not name:
        raise UsageError(f"{spec!r} has no name before its `=`.", fix="write NAME=FOLDER, or FOLDER alone.")
    return name, Path(folder)


def base_key(manifest: Manifest) -> tuple[str, ...]:
    """The identity of a base: the hashes of its weights and other files, or the address and model of a server."""
    base = manifest.base
    return base.kind, base.weights, base.template, base.files, base.bits, base.address, manifest.model or ""


def scheduler_of(
    engine: Engine, specialists: Sequence[Specialist], at_once: int | None, context_length: int | None
) -> Scheduler:
    """The scheduler for the specialists of one base."""
    if local := local_engine(engine):
        scheduler = LocalScheduler(local, specialists, at_once, context_length)
        if any(one.recipe.decoding.compares for one in specialists):  # one thread: each would use all cores
            return WholeAnswers(engine, scheduler, threads=1, signals=True)
        return scheduler
    if isinstance(engine, LlamaEngine):
        return LlamaScheduler(engine)
    if isinstance(engine, RemoteEngine):
        return WholeAnswers(engine, remote_scheduler(engine, at_once, context_length), checks=True)
    return WholeAnswers(engine, ThreadScheduler(engine, at_once, context_length))
