"""The adapter of a specialist as a GGUF file, for the very file that its base was read from."""

import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

from gradschool.errors import UsageError
from gradschool.export.gguf import file_name, size_label
from gradschool.export.ollama import add_modelfile
from gradschool.export.replay import LIKELIEST, replay, with_expected
from gradschool.export.session import ExportSession, shipped_of, try_gguf
from gradschool.files import write_text
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_found import find_gguf, named_gguf
from gradschool.model.llama_base import open_llama
from gradschool.model.llama_cpp import need_llama_cpp
from gradschool.model.lora_gguf import convert_lora
from gradschool.model.ollama import stored_name
from gradschool.package.forms import FormResult, Shipped, result_line
from gradschool.package.manifest import Manifest
from gradschool.records import Note, Work

TEMPLATE = "chat_template.jinja"
# Families that Ollama runs in llama.cpp; it refuses adapters in its own engine ("loras are not yet implemented").
OLLAMA_FAMILIES = ("llama", "qwen2", "gemma", "gemma2", "phi3")
OLLAMA_LAST = "0.34.0"  # later versions create no models with adapters


def base_file(manifest: Manifest, near: Path, base: str | None) -> Work[GgufFile]:
    """The GGUF file that a specialist's base was read from; raises UsageError if it was read from something else."""
    if not manifest.base.gguf:
        raise UsageError(
            "--to gguf-adapter is for a base that was read from a GGUF file.",
            f"The base of {manifest.name}, {manifest.base_name}, is none.",
            "use --to adapter, which also writes an adapter for llama.cpp, or --to gguf.",
        )
    need_llama_cpp("--to gguf-adapter is tested with", "use --to adapter")
    return (yield from named_gguf(base, manifest.base) if base else find_gguf(manifest.base, near))


def adapter_for_file(session: ExportSession, folder: Path, context: int) -> Work[tuple[Shipped, list[FormResult]]]:
    """Write the adapter and the chat template, and test both ways to run them on the file.

    These are gradschool with `--runtime llama`, and llama.cpp's own chat API, as other programs use it.
    """
    assert session.file is not None and session.adapter is not None
    path = folder / file_name(session.about, size_label(session.engine.network), "f32", lora=True)
    convert_lora(session.adapter, session.file, path, session.about)
    write_text(folder / TEMPLATE, session.template)
    table = [(yield from _try_runtime(session, session.file, context))]
    yield Note(result_line(table[0]))
    first = session.file.first.path
    tested = yield from try_gguf(session, first, "gguf adapter", context, "f16", lora=path, template=session.template)
    yield Note(result_line(tested))
    table.append(tested)
    shipped = replace(
        shipped_of(session, "gguf-adapter", [tested, table[0]]),
        file=path.name,
        context=context,
        base_file=_shown(session.file),
    )
    family = session.file.first.architecture
    if family not in OLLAMA_FAMILIES:
        yield Note(f"No Modelfile is written: Ollama cannot apply adapters to the family {family!r}.")
        return shipped, table
    source = stored_name(session.manifest.base_model) or f"./{first.name}"
    shipped = replace(shipped, ollama=OLLAMA_LAST)
    return (yield from add_modelfile(session, folder, shipped, table, source, path.name))


def _try_runtime(session: ExportSession, file: GgufFile, context: int) -> Work[FormResult]:
    """Ask the questions as `--runtime llama` does."""
    adapter = session.specialist.recipe.adapter
    engine = yield from open_llama(file, session.manifest.base_name, [adapter], context_length=context)
    try:
        prompts = tuple(engine.prompt_ids(asked) for asked in session.questions.asked)
        after = yield from replay("runtime llama", engine, session.questions, session.evidence, adapter)
        after = replace(after, prompts=prompts)
        after = yield from with_expected(after, partial(engine.server.likeliest, number=LIKELIEST), session.probes)
    finally:
        engine.close()
    return session.compare(after, 0, exact=True)


def _shown(file: GgufFile) -> str:
    """The file in a command on any machine: its name, or its place in Ollama's store."""
    name = file.first.path.name
    return f"~/.ollama/models/blobs/{name}" if name.startswith("sha256-") else shlex.quote(name)
