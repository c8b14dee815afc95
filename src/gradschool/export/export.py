"""Export a specialist as an adapter, a merged model, a GGUF file or for Ollama, and test the result against it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from gradschool.environment import environment
from gradschool.errors import ModelError, UsageError
from gradschool.export.families import architecture, context_length, embedding_rows
from gradschool.export.gguf import file_name, size_label
from gradschool.export.gguf_adapter import adapter_for_file, base_file
from gradschool.export.merge import save_merged, stored_dtype
from gradschool.export.ollama import add_modelfile
from gradschool.export.replay import likeliest, probes_of, questions_of, replay_local, with_expected
from gradschool.export.session import (
    ExportSession,
    Serve,
    context_for,
    make_gguf,
    shipped_of,
    try_adapter,
    try_gguf,
    try_merged,
    try_served,
    without_images,
)
from gradschool.export.smallest import smallest
from gradschool.export.template import standalone_template
from gradschool.export.vocabulary import read_vocabulary
from gradschool.files import list_of, new_folder, write_json, write_text
from gradschool.model.adapter import is_of_eyes, name_base, read_adapter
from gradschool.model.here import demand_local
from gradschool.model.llama_cpp import need_llama_cpp
from gradschool.model.llama_grammar import SERVER_OPTIONS, request_fields
from gradschool.model.local import LocalEngine
from gradschool.model.lora_gguf import write_lora_gguf
from gradschool.package.bundle import open_verified
from gradschool.package.card import card, word
from gradschool.package.evidence import read_evidence
from gradschool.package.forms import ExportRejected, FormResult, Shipped, result_line
from gradschool.package.manifest import Manifest, read_manifest, specialist_folder
from gradschool.records import Constraint, Note, Work
from gradschool.settings import MAX_DROP, NUMBER_FORMAT, ExportForm, NumberFormat
from gradschool.specialist import Recipe, Specialist

PARITY = "parity.json"
ANSWERS_ALL = (
    "{name} abstains if it is not sure. No export can: it answers every question, and its scores are for all of them. "
    "`gradschool serve` and `gradschool answer` abstain."
)
TESTED = "GGUF files are tested with", "export --to merged or adapter"  # why an export needs llama.cpp


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export, in which form, and where to."""

    specialist: Path
    to: ExportForm
    output: Path | None = None  # default: exports/NAME-FORM
    number_format: NumberFormat = NUMBER_FORMAT
    smallest: bool = False
    max_drop: float = MAX_DROP
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """The folder of an export, and the parity table with a row for each form that was tested."""

    folder: Path
    table: tuple[FormResult, ...]


def export(options: ExportOptions, serve: Serve | None = None) -> Work[Exported]:
    """Export a specialist, ask the export the test questions, and keep it only if it answers as the specialist does.

    `serve` starts an HTTP server for the specialist, which is then tested first. Raises ExportRejected if a test fails,
    and UsageError or ModelError, before any work, if the form cannot be made.
    """
    options = replace(options, specialist=specialist_folder(options.specialist))
    manifest = read_manifest(options.specialist)
    output = options.output or Path("exports") / f"{manifest.name}-{options.to}"
    if output.exists():
        raise UsageError(
            f"{output} already exists.", "Existing files are never replaced.", "name a new folder: --output."
        )
    if manifest.recipe.abstention:
        yield Note(ANSWERS_ALL.format(name=manifest.name), "warning")
    session = yield from open_session(options, manifest)
    served = [(yield from try_served(session, serve))] if serve else []
    for result in served:
        yield Note(result_line(result))
        if not result.sound:
            raise ExportRejected(served)
    with new_folder(output, replace=False) as folder:
        shipped, table = yield from MAKERS[options.to](session, options, folder)
        table = [*served, *table]
        if not all(result.sound for result in table if result.form in shipped.forms):
            raise ExportRejected(table)
        pictured = any(one.images for one in session.evidence.examples)
        write_text(folder / "README.md", card(manifest, session.evidence.results, shipped, pictured=pictured))
        if constraint := manifest.recipe.decoding.constraint:
            write_requests(folder, constraint, shipped, manifest.name)
        if shipped.has_messages:
            write_json(folder / MESSAGES, before_each_question(session.specialist.recipe))
        rows = list_of(FormResult).dump_python(table, mode="json")
        write_json(folder / PARITY, {"forms": rows, "environment": asdict(environment())})
    return Exported(output, tuple(table))


def before_each_question(recipe: Recipe) -> list[dict[str, str]]:
    """The instructions and the fixed examples of a recipe, as messages of a chat."""
    shown = [{"role": one.role, "content": one.content} for one in recipe.fixed_turns]
    return [*([{"role": "system", "content": recipe.instructions}] if recipe.instructions else []), *shown]


def write_requests(folder: Path, constraint: Constraint, shipped: Shipped, name: str) -> None:
    """Write how other programs are asked for the constrained answers of the specialist of this name."""
    fields = request_fields(constraint)
    write_json(folder / CONSTRAINT, fields)
    if shipped.file:
        for field, value in fields["llama.cpp"].items():
            write_text(folder / SERVER_OPTIONS[field][1], value if isinstance(value, str) else json.dumps(value))
    if shipped.to == "ollama" or shipped.ollama:
        messages = [{"role": "user", "content": "…"}]
        write_json(folder / OF_OLLAMA, {"model": word(name), "messages": messages, "stream": False, **fields["ollama"]})


def open_session(options: ExportOptions, manifest: Manifest) -> Work[ExportSession]:
    """Open a specialist, check that the form can be made, and ask it the test questions as the reference."""
    evidence = read_evidence(options.specialist, manifest)
    file = (yield from base_file(manifest, options.specialist, options.base)) if options.to == "gguf-adapter" else None
    specialist = yield from open_verified(options.specialist, manifest, options.base)
    fix = "export it on the machine that has the weights, or use `gradschool answer` as it is."
    engine = demand_local(specialist.engine, "exported", fix)
    template = check(options.to, specialist, engine)
    questions = questions_of(specialist, evidence)
    adapter = specialist.recipe.adapter
    before = yield from replay_local("specialist", engine, questions, evidence, adapter)
    probes = probes_of(engine, questions, before)
    before = yield from with_expected(before, partial(likeliest, engine.reader(adapter)), probes)
    same = sum(a.text == row.answer.text for a, row in zip(before.answers, evidence.rows, strict=True))
    yield Note(f"Reopened: {same} of {len(evidence.rows)} answers are identical to those scored in the climb.")
    return ExportSession(
        manifest, evidence, specialist, engine, questions, before, probes, template, options.max_drop, file
    )


def check(to: ExportForm, specialist: Specialist, engine: LocalEngine) -> str:
    """Raise an error, before any work, if a form cannot be made; returns the chat template of the export."""
    trained = to in ("adapter", "gguf-adapter")
    if trained and not specialist.recipe.adapter:
        raise UsageError(
            "This specialist has no adapter.",
            f"It consists of: {specialist.recipe.describe()}.",
            "take --to merged, gguf or ollama.",
        )
    if not trained:
        stored_dtype(engine.folder)
    template = standalone_template(engine.chat)
    if to in ("gguf", "ollama", "gguf-adapter") and engine.eyes:
        raise ModelError(
            "llama.cpp needs a file of its own for the vision tower of a base (--mmproj), which is not made here.",
            "A GGUF file of the language part alone would answer without the images.",
            "export --to adapter: it has the adapter for llama.cpp over GGUF files of the base, with the command. Or "
            "--to merged, of which llama.cpp's own convert_hf_to_gguf.py makes both files (the second with --mmproj), "
            "for the families that it knows.",
        )
    if to in ("gguf", "ollama"):
        need_llama_cpp(*TESTED)
        check_gguf(engine)
    return template


def check_gguf(engine: LocalEngine) -> None:
    """Raise ModelError if llama.cpp does not support the architecture or the tokenizer of this base."""
    architecture(engine.network.config)
    read_vocabulary(engine.chat, embedding_rows(engine.network))


CONSTRAINT = "constraint.json"  # fields of requests that constrain answers, by the program that answers
MESSAGES = "messages.json"  # the instructions and the examples, which stand before each question
OF_OLLAMA = "ollama-request.json"  # one request with them
Made = Work[tuple[Shipped, list[FormResult]]]


def make_merged(session: ExportSession, options: ExportOptions, folder: Path) -> Made:
    """Write a model folder for transformers and vLLM."""
    save_merged(session.merged_network(), session.engine, session.template, folder)
    result = yield from try_merged(session, folder, "merged")
    yield Note(result_line(result))
    return shipped_of(session, "merged", [result]), [result]


def make_adapter(session: ExportSession, options: ExportOptions, folder: Path) -> Made:
    """Write a PEFT folder with the tokenizer and, if llama.cpp supports the base, a GGUF adapter."""
    assert session.adapter is not None
    for path in sorted(session.adapter.iterdir()):
        shutil.copyfile(path, folder / path.name)
    name_base(folder, session.manifest.base_name)
    session.engine.chat.tokenizer.save_pretrained(folder)
    write_text(folder / "chat_template.jinja", session.template)
    table = [(yield from try_adapter(session, folder, "adapter"))]
    yield Note(result_line(table[0]))
    try:
        need_llama_cpp(*TESTED)
        check_gguf(session.engine)
        layers = read_adapter(session.engine.network, folder)
        if any(map(is_of_eyes, layers)):
            why = "It changes the vision tower or the projector too, which adapters for llama.cpp cannot."
            raise ModelError("The adapter is not for the language part alone.", why, "export --to merged.")
    except (UsageError, ModelError) as error:
        yield Note(f"No GGUF adapter is written. {error.what} {error.why}")
        return shipped_of(session, "adapter", table), table
    form, tested = "gguf adapter", session
    if session.engine.eyes:  # llama.cpp gets no images here
        form, tested = f"{form}, without images", (yield from without_images(session))
    network = session.bare_network()
    path = folder / file_name(session.about, size_label(network), "f32", lora=True)
    write_lora_gguf(network.config, layers, path, session.about)
    base, context = folder / "base.gguf", _context(session)
    yield from make_gguf(session, network, base, "f16")
    table.append((yield from try_gguf(tested, base, form, context, "f16", lora=path)))
    base.unlink()
    yield Note(result_line(table[1]))
    return replace(shipped_of(session, "adapter", table), file=path.name, context=context), table


def make_gguf_file(session: ExportSession, options: ExportOptions, folder: Path) -> Made:
    """Write one GGUF file, in the requested format or the smallest one that passes."""
    network, context = session.merged_network(), _context(session)
    if options.smallest:
        path, table = yield from smallest(session, network, folder, context)
    else:
        path = folder / file_name(session.about, size_label(network), options.number_format)
        yield from make_gguf(session, network, path, options.number_format)
        form = f"gguf {options.number_format}"
        table = [(yield from try_gguf(session, path, form, context, options.number_format))]
        yield Note(result_line(table[0]))
    return replace(shipped_of(session, options.to, table[-1:]), file=path.name, context=context), table


def make_ollama(session: ExportSession, options: ExportOptions, folder: Path) -> Made:
    """Write a GGUF file and a Modelfile for Ollama."""
    shipped, table = yield from make_gguf_file(session, options, folder)
    return (yield from add_modelfile(session, folder, shipped, table, f"./{shipped.file}"))


def make_gguf_adapter(session: ExportSession, options: ExportOptions, folder: Path) -> Made:
    """Write the adapter for llama.cpp over the very GGUF file that the base was read from."""
    return (yield from adapter_for_file(session, folder, _context(session)))


def _context(session: ExportSession) -> int:
    assert session.before.prompts is not None
    most = context_length(session.engine.network.config)
    return context_for(session.before.prompts, session.questions.decoding.max_new_tokens, most)


MAKERS: dict[ExportForm, Callable[[ExportSession, ExportOptions, Path], Made]] = {
    "adapter": make_adapter,
    "gguf-adapter": make_gguf_adapter,
    "merged": make_merged,
    "gguf": make_gguf_file,
    "ollama": make_ollama,
}
