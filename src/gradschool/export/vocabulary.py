"""A tokenizer for llama.cpp: tokens with their types, merges or scores, and the special tokens.

Two kinds are supported: byte-level BPE with a pre-tokenizer that llama.cpp has built in, and SentencePiece BPE with
byte fallback. The description is derived from tokenizer.json, because the specialist was trained and scored with it.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from gguf import GGUFWriter, TokenType

from gradschool.errors import ModelError
from gradschool.model.chat import Chat
from gradschool.records import Message

SPACE = "\u2581"  # how SentencePiece writes a space
BYTE = re.compile("<0x[0-9A-F]{2}>")
LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
HEAD = r"[^\r\n\p{L}\p{N}]?"
CASED = f"{HEAD}{UPPER}*{LOWER}+%s|{HEAD}{UPPER}+{LOWER}*%s|"
CASED_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
# The steps of a pre-tokenizer, and whether words are looked up before merging: llama.cpp's name for both.
PRE_TOKENIZERS: dict[tuple[tuple[str, ...], bool], str] = {
    (("words",), False): "gpt-2",
    (("digits", "words"), False): "smollm",
    ((LETTERS + r"\p{N}{1,3}" + REST,), True): "llama-bpe",
    ((LETTERS + r"\p{N}{1,3}" + REST,), False): "dbrx",
    ((LETTERS + r"\p{N}" + REST,), False): "qwen2",
    ((CASED % ("", "") + r"\p{N}" + CASED_REST,), True): "tekken",
    ((CASED % (SHORT, SHORT) + r"\p{N}{1,3}" + CASED_REST,), False): "gpt-4o",
}
PHI_3 = ("</s>", "<unk>", "<s>", "<|endoftext|>")  # llama.cpp looks for these if the name of a model contains "phi-3"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokenizer part of a GGUF file; `strips` means that spaces after control tokens are dropped."""

    model: str  # "gpt2": byte-level BPE; "llama": SentencePiece
    pre_tokenizer: str  # llama.cpp's name of the pre-tokenizer
    tokens: list[str]
    kinds: list[int]
    merges: list[str]
    scores: list[float]
    space_first: bool
    begin: int | None
    begins: bool  # whether a prompt begins with it
    ends: list[int]  # end of text, end of turn, and other stop tokens
    unknown: int | None
    strips: bool

    def write(self, writer: GGUFWriter) -> None:
        """Write the tokenizer's part of a GGUF file."""
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre_tokenizer)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.kinds)
        if self.merges:
            writer.add_token_merges(self.merges)
        if self.scores:
            writer.add_token_scores(self.scores)
        writer.add_add_space_prefix(self.space_first)
        if self.begin is not None:
            writer.add_bos_token_id(self.begin)
        writer.add_add_bos_token(self.begins)
        writer.add_add_eos_token(False)
        adds = (writer.add_eos_token_id, writer.add_eot_token_id, writer.add_eom_token_id)
        for add, token in zip(adds, self.ends, strict=False):
            add(token)
        if self.unknown is not None:
            writer.add_unk_token_id(self.unknown)


def read_vocabulary(chat: Chat, size: int) -> Vocabulary:
    """Describe the tokenizer of a base whose embedding has `size` rows.

    Raises ModelError if llama.cpp has no equivalent tokenizer.
    """
    tokenizer = chat.tokenizer
    raw = json.loads(tokenizer.backend_tokenizer.to_str())
    model, added = raw["model"], raw["added_tokens"]
    if model["type"] != "BPE" or model.get("dropout") or model.get("continuing_subword_prefix"):
        raise _unknown(f"it is of the type {model['type']}")
    odd = [token["content"] for token in added if token["lstrip"] or token["single_word"]]
    if odd:
        raise _unknown(f"the token {odd[0]!r} strips the space before it, or matches entire words only")
    sentencepiece = bool(model.get("byte_fallback"))
    tokens, kinds = _tokens(raw, size, sentencepiece)
    strips = any(token["rstrip"] for token in added)
    if strips and not set(PHI_3) <= set(tokens):
        raise _unknown("it drops spaces after control tokens, which llama.cpp does for Phi-3 only")
    prompt = chat.prompt_ids((Message("user", "Hi"),))
    unknown = model["vocab"].get(model.get("unk_token") or "")
    return Vocabulary(
        model="llama" if sentencepiece else "gpt2",
        pre_tokenizer="default" if sentencepiece else _pre_tokenizer(raw),
        tokens=tokens,
        kinds=kinds,
        merges=[] if sentencepiece else [" ".join(_pair(merge)) for merge in model["merges"]],
        scores=_scores(model, tokens) if sentencepiece else [],
        space_first=sentencepiece and _space_first(raw, kinds[prompt[0]]),
        begin=_one(tokenizer.bos_token_id),
        begins=prompt[0] == tokenizer.bos_token_id,
        ends=_ends(chat),
        unknown=unknown,
        strips=strips,
    )


def _tokens(raw: dict[str, Any], size: int, sentencepiece: bool) -> tuple[list[str], list[int]]:
    """The text and the type of every row of the embedding; unused rows get placeholder names."""
    names = {number: token for token, number in raw["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, TokenType.NORMAL)
    if sentencepiece:
        kinds |= {number: TokenType.BYTE for number, token in names.items() if BYTE.fullmatch(token)}
    for token in raw["added_tokens"]:
        number, text = token["id"], token["content"]
        kinds[number] = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
        # These are matched before spaces are replaced.
        names[number] = text if token["special"] or not sentencepiece else text.replace(SPACE, " ")
    if unknown := raw["model"].get("unk_token"):
        kinds[raw["model"]["vocab"][unknown]] = TokenType.UNKNOWN
    tokens = [names.get(number, f"[PAD{number}]") for number in range(size)]
    return tokens, [int(kinds.get(number, TokenType.UNUSED)) for number in range(size)]


def _pre_tokenizer(raw: dict[str, Any]) -> str:
    """llama.cpp's name of the pre-tokenizer of a byte-level tokenizer."""
    steps: list[str] = []
    first = raw["pre_tokenizer"] or {"type": "none"}
    for step in first.get("pretokenizers", [first]):
        if step["type"] == "ByteLevel":
            if step["add_prefix_space"]:
                raise _unknown("it adds a space before each text")
            steps += ["words"] if step["use_regex"] else []
        elif step["type"] == "Digits" and step["individual_digits"]:
            steps.append("digits")
        elif step["type"] == "Split" and step["behavior"] == "Isolated" and "Regex" in step["pattern"]:
            steps.append(step["pattern"]["Regex"])
        else:
            raise _unknown(f"its step {step['type']} is not built into llama.cpp")
    found = PRE_TOKENIZERS.get((tuple(steps), bool(raw["model"].get("ignore_merges"))))
    if found is None:
        raise _unknown(f"its pre-tokenizer is {' then '.join(map(repr, steps)) or 'nothing'}")
    return found


def _scores(model: dict[str, Any], tokens: list[str]) -> list[float]:
    """SentencePiece scores: the earlier a token is merged, the higher its score."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(model["merges"]):
        ranks.setdefault("".join(_pair(merge)), rank)
    return [-float(ranks.get(token, len(ranks))) for token in tokens]


def _space_first(raw: dict[str, Any], first_kind: int) -> bool:
    """Whether a space is added before a text, and after a control token.

    Some tokenizers add it before the first text only, which never applies if prompts begin with a control token.
    """
    normalizer = raw["normalizer"] or {}
    steps = [*normalizer.get("normalizers", [normalizer]), raw["pre_tokenizer"] or {}]
    if any(step.get("type") == "Prepend" for step in steps):
        return True
    scheme = next((step["prepend_scheme"] for step in steps if step.get("type") == "Metaspace"), "never")
    return scheme == "always" or (scheme == "first" and first_kind != TokenType.CONTROL)


def _ends(chat: Chat) -> list[int]:
    """The tokens that end an answer: the tokenizer's end of text, then the template's end of a turn, then others."""
    turn = chat.render((Message("user", "Hi"), Message("assistant", "Hi")))
    stop = [token for token, trained in zip(turn.token_ids, turn.loss_mask, strict=True) if trained][-1]
    eos = _one(chat.tokenizer.eos_token_id)
    return list(dict.fromkeys([stop if eos is None else eos, stop, *chat.stop_ids]))


def _pair(merge: Any) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _one(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _unknown(why: str) -> ModelError:
    known = ", ".join(sorted({name for name in PRE_TOKENIZERS.values()}))
    return ModelError(
        "llama.cpp has no tokenizer that is equivalent to that of this base.",
        f"The tokenizer cannot be described in a GGUF file: {why}.",
        f"export --to merged or adapter; byte-level BPE of the kinds {known} and SentencePiece BPE are supported.",
    )
