"""The tokenizer of a GGUF file, built so that it cuts texts as llama.cpp does: a specialist may run in either.

transformers builds the tokenizer of a family as its makers have it, which llama.cpp does not follow everywhere: where
a space is put in front, which spaces after a control token are dropped, and which tokens are found before all others.
"""

from typing import Any

from gguf import TokenType
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast
from transformers.integrations.gguf.gguf_tokenizer_mapping import convert_gguf_tokenizer, get_gguf_tokenizer
from transformers.integrations.gguf.reader import read_gguf_metadata
from transformers.tokenization_utils_base import generate_merges

from gradschool.errors import ModelError
from gradschool.model.gguf_file import TEMPLATE, TOKENS, GgufFile

FIELD = "tokenizer.ggml."
BYTE_LEVEL, SENTENCEPIECE = "gpt2", "llama"  # as llama.cpp calls byte-level BPE and SentencePiece BPE
SPACE = "\u2581"  # how SentencePiece writes a space
# As llama.cpp cuts for these ways: each digit alone; and words that are tokens are not merged from parts.
MAX_TOKEN = 1024  # characters; every way to divide a token is looked up
SINGLE_DIGITS = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone")
LLAMA_3 = ("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano")
WHOLE_WORDS = (*LLAMA_3, "tekken", "youtu")
FOUND_FIRST = (TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNKNOWN)
# llama.cpp drops spaces after the control tokens of a model with such a name, except after these.
PHI_3, NOT_AFTER = ("phi-3", "phi3"), ("<unk>", "<s>", "<|endoftext|>")
SPECIAL = {"bos_token": "bos_token_id", "eos_token": "eos_token_id", "unk_token": "unknown_token_id"}
SENTENCEPIECE_IDS = {"bos_token": 1, "eos_token": 2, "unk_token": 0}  # if a file names none


def tokenizer_of_gguf(file: GgufFile) -> PreTrainedTokenizerFast:
    """The tokenizer in a GGUF file, with its chat template."""
    if file.first.text(f"{FIELD}model") == SENTENCEPIECE:
        return _sentencepiece(file)
    family, values, config = get_gguf_tokenizer(str(file.first.path))
    raw, _ = convert_gguf_tokenizer(family, values)
    if file.first.text(f"{FIELD}model") == BYTE_LEVEL:
        _cut_bytes(raw, file.first.text(f"{FIELD}pre"))
    begins = config.pop("add_bos_token", None)
    if begins is None:
        begins = file.first.text(f"{FIELD}pre") in LLAMA_3
    config.pop("add_eos_token", None)
    return _with_start(PreTrainedTokenizerFast(tokenizer_object=raw, **config), begins)


def found_first(file: GgufFile) -> list[str]:
    """The tokens that are found in a text before it is cut: control tokens, and those that its makers added."""
    values, _ = read_gguf_metadata(str(file.first.path), (TOKENS,))
    kinds = values.get(f"{FIELD}token_type") or []
    return [token for token, kind in zip(values[TOKENS], kinds, strict=False) if token and kind in FOUND_FIRST]


def _cut_bytes(raw: Tokenizer, way: str) -> None:
    """Change what the loader leaves as other programs have it: llama.cpp never composes letters."""
    raw.normalizer = None
    model: Any = raw.model
    model.ignore_merges = way in WHOLE_WORDS
    raw.model = model
    if way in SINGLE_DIGITS:
        digits, words = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
        raw.pre_tokenizer = pre_tokenizers.Sequence([digits, words])


def _sentencepiece(file: GgufFile) -> PreTrainedTokenizerFast:
    """SentencePiece BPE: the token with the highest score is merged first."""
    values, _ = read_gguf_metadata(str(file.first.path), (TOKENS,))
    tokens: list[str] = values[TOKENS]
    if long := next((token for token in tokens if len(token) > MAX_TOKEN), None):
        raise ModelError(
            f"The tokenizer in {file.first.path} is damaged.",
            f"A token has {len(long):,} characters, and at most {MAX_TOKEN:,} are read.",
            "download the file again, or name another one.",
        )
    scores = values.get(f"{FIELD}scores") or [0.0] * len(tokens)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    ids = {name: values.get(FIELD + field, SENTENCEPIECE_IDS[name]) for name, field in SPECIAL.items()}
    named = {name: tokens[number] for name, number in ids.items() if number < len(tokens)}
    merges = generate_merges(vocabulary, dict(zip(tokens, scores, strict=False)))
    raw = Tokenizer(models.BPE(vocabulary, merges, unk_token=named.get("unk_token"), fuse_unk=True, byte_fallback=True))
    space_first = values.get(f"{FIELD}add_space_prefix", True)
    spaces = normalizers.Replace(" ", SPACE)
    raw.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), spaces]) if space_first else spaces
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    raw.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if space_first else steps)
    added = {token.content: token for token in _added(values, tokens)}
    raw.add_special_tokens([token for token in added.values() if token.special])
    raw.add_tokens([token for token in added.values() if not token.special])
    special = {name: added.get(token, token) for name, token in named.items()}
    made = PreTrainedTokenizerFast(tokenizer_object=raw, **special, chat_template=values.get(TEMPLATE))
    return _with_start(made, values.get(f"{FIELD}add_bos_token", True))


def _added(values: dict[str, Any], tokens: list[str]) -> list[AddedToken]:
    kinds = values.get(f"{FIELD}token_type") or []
    strips = any(name in str(values.get("general.name", "")).lower() for name in PHI_3)
    return [
        AddedToken(
            token,
            normalized=False,
            special=kind != TokenType.USER_DEFINED,
            rstrip=strips and token not in NOT_AFTER,
        )
        for token, kind in zip(tokens, kinds, strict=False)
        if token and kind in FOUND_FIRST
    ]


def _with_start(tokenizer: PreTrainedTokenizerFast, begins: bool) -> PreTrainedTokenizerFast:
    """Put the start token in front of texts, or nothing."""
    start, whole = tokenizer.bos_token, tokenizer.backend_tokenizer
    if begins and start and tokenizer.bos_token_id is not None:
        whole.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", pair=f"{start} $A {start} $B", special_tokens=[(start, tokenizer.bos_token_id)]
        )
    else:
        whole.post_processor = processors.Sequence([])
    return tokenizer
