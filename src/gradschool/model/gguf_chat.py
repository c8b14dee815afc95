"""The tokenizer and the chat template of a GGUF file, without its weights: all that llama.cpp does not do itself."""

from gradschool.files import PRIVATE, new_folder, write_json
from gradschool.model.chat import Chat
from gradschool.model.gguf_base import save_tokenizer
from gradschool.model.gguf_cache import FILE, cache_folder
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_tokens import demand_equal_tokens
from gradschool.model.loading import quiet, tokenizer_of, unusable_values
from gradschool.records import Note, Work

TOKENIZERS = "tokenizers"  # a folder in the cache, next to the converted bases


def chat_of_gguf(file: GgufFile, digest: str, name: str) -> Work[Chat]:
    """How conversations become tokens for a GGUF file with this SHA-256; the same as for its converted base.

    Raises ModelError if the tokenizer cannot be converted, or if llama.cpp would cut texts differently.
    """
    converted, folder = cache_folder() / digest, cache_folder() / TOKENIZERS / digest
    if (converted / FILE).is_file():
        folder = converted
    elif not (folder / FILE).is_file():
        yield Note(f"The tokenizer of {name} is converted once, and compared with llama.cpp's own.")
        with new_folder(folder, PRIVATE) as made:
            write_json(made / FILE, {"sha256": digest, "name": file.name})
            link = made / "first.gguf"  # the loader wants it in the folder, with this suffix
            link.symlink_to(file.first.path.resolve())
            save_tokenizer(file, made, link)
            link.unlink()
            demand_equal_tokens(tokenizer_of(made), file.first.path, name)
    with quiet(), unusable_values(folder):
        return Chat(tokenizer_of(folder))
