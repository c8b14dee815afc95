"""The tokenizer and the chat template of a GGUF file, without its weights: all that llama.cpp does not do itself."""

from gradschool.files import new_folder, write_json
from gradschool.model.chat import Chat
from gradschool.model.gguf_cache import FILE, cache_folder
from gradschool.model.gguf_config import refused_by_loader
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_tokenizer import tokenizer_of_gguf
from gradschool.model.gguf_tokens import demand_equal_tokens
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.loading import quiet, tokenizer_of, unusable_values
from gradschool.model.threads import choose_threads
from gradschool.panics import panics_as_errors
from gradschool.records import Note, Work

TOKENIZERS = "tokenizers"  # a folder in the cache, next to the converted bases
CONTEXT = 256  # tokens; llama.cpp only cuts texts here


def chat_of_gguf(file: GgufFile, digest: str, name: str) -> Work[Chat]:
    """How conversations become tokens for a GGUF file with this SHA-256; the same as for its converted base.

    Raises ModelError if the tokenizer cannot be converted, or if llama.cpp would cut texts differently.
    """
    converted, folder = cache_folder() / digest, cache_folder() / TOKENIZERS / digest
    if (converted / FILE).is_file():
        folder = converted
    elif not (folder / FILE).is_file():
        yield Note(f"The tokenizer of {name} is converted once, and compared with llama.cpp's own.")
        with new_folder(folder) as made, refused_by_loader(file), quiet(), panics_as_errors():
            tokenizer = tokenizer_of_gguf(file)
            Chat(tokenizer)  # of a template that fails, llama.cpp would only say that it cannot start
            with LlamaCpp(file.first.path, CONTEXT, threads=choose_threads()[0]) as server:
                demand_equal_tokens(tokenizer, file, server)
            tokenizer.save_pretrained(made)
            write_json(made / FILE, {"sha256": digest, "name": file.name})
    with quiet(), unusable_values(folder):
        return Chat(tokenizer_of(folder))
