"""A base in GGUF that llama.cpp runs, on the very file, with the adapters of specialists."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from gradschool.model.gguf_base import sha256_of_gguf
from gradschool.model.gguf_chat import chat_of_gguf
from gradschool.model.gguf_file import GgufFile
from gradschool.model.llama_cpp import need_llama_cpp
from gradschool.model.llama_engine import NEEDS_LLAMA, WITHOUT_LLAMA, LlamaEngine, Ours
from gradschool.model.lora_gguf import About, convert_lora
from gradschool.records import BaseIdentity, Note, Work


def open_llama(
    file: GgufFile, name: str, adapters: Sequence[str] = (), at_once: int = 1, context_length: int | None = None
) -> Work[LlamaEngine]:
    """Run a base in GGUF with llama.cpp; nothing is converted but its tokenizer and the adapters.

    Prompts are those of the torch engine, token by token. Raises UsageError if llama.cpp is not installed, ModelError
    if it cannot run the file, or if an adapter does not fit it.
    """
    need_llama_cpp(NEEDS_LLAMA, WITHOUT_LLAMA)
    digest = yield from sha256_of_gguf(file)
    chat = yield from chat_of_gguf(file, digest, name)
    folder = TemporaryDirectory(prefix="gradschool-llama-")
    converted = {}
    for number, adapter in enumerate(dict.fromkeys(filter(None, adapters))):
        converted[adapter] = Path(folder.name, f"{number}.gguf")
        convert_lora(Path(adapter), file, converted[adapter], About(Path(adapter).name, name))
    identity = BaseIdentity("llama.cpp", name, template=chat.template_hash, gguf=digest)
    engine = LlamaEngine(file.first.path, at_once, context_length, Ours(chat, identity, converted, folder))
    yield Note(
        f"llama.cpp runs {name} as it is, in {file.number_format}, on {engine.threads_reason}, with a context of "
        f"{engine.context_length} tokens.",
        "detail",
    )
    return engine
