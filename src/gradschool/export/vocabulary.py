"""A tokenizer as llama.cpp wants it told: pieces with their kinds, merges or scores, and which pieces begin and end.

Two kinds of tokenizers can be told: byte-level BPE, whose way of cutting text into words must be one that llama.cpp
has built in, and SentencePiece's BPE with byte fallback. What they are is read from the tokenizer itself, in the form
of tokenizer.json, for that is what the specialist was trained and scored with.
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
# How a tokenizer cuts text into words, and whether it looks a word up before merging: llama.cpp's name for both.
CUTS: dict[tuple[tuple[str, ...], bool], str] = {
    (("words",), False): "gpt-2",
    (("digits", "words"), False): "smollm",
    ((LETTERS + r"\p{N}{1,3}" + REST,), True): "llama-bpe",
    ((LETTERS + r"\p{N}{1,3}" + REST,), False): "dbrx",
    ((LETTERS + r"\p{N}" + REST,), False): "qwen2",
    ((CASED % ("", "") + r"\p{N}" + CASED_REST,), True): "tekken",
    ((CASED % (SHORT, SHORT) + r"\p{N}{1,3}" + CASED_REST,), False): "gpt-4o",
}
PHI_3 = ("</s>", "<unk>", "<s>", "<|endoftext|>")  # what llama.cpp looks for where a model's name holds "phi-3"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All that a GGUF file says about its tokenizer; `strips` tells that spaces behind control tokens are dropped."""

    model: str  # "gpt2": byte-level BPE; "llama": SentencePiece
    cut: str  # llama.cpp's name for the way of cutting words
    pieces: list[str]
    kinds: list[int]
    merges: list[str]
    scores: list[float]
    space_first: bool
    begin: int | None
    begins: bool  # whether a prompt begins with it
    ends: list[int]  # the end of text, the end of a turn, and what else ends an answer
    unknown: int | None
    strips: bool

    def write(self, writer: GGUFWriter) -> None:
        """Write the tokenizer's part of a GGUF file."""
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.cut)
        writer.add_token_list(self.pieces)
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

    Raises ModelError where llama.cpp has no tokenizer that would do the same.
    """
    tokenizer = chat.tokenizer
    raw = json.loads(tokenizer.backend_tokenizer.to_str())
    model, added = raw["model"], raw["added_tokens"]
    if model["type"] != "BPE" or model.get("dropout") or model.get("continuing_subword_prefix"):
        raise _unknown(f"it is of the type {model['type']}")
    odd = [token["content"] for token in added if token["lstrip"] or token["single_word"]]
    if odd:
        raise _unknown(f"the token {odd[0]!r} swallows the space before it, or stands for whole words only")
    sentencepiece = bool(model.get("byte_fallback"))
    pieces, kinds = _pieces(raw, size, sentencepiece)
    strips = any(token["rstrip"] for token in added)
    if strips and not set(PHI_3) <= set(pieces):
        raise _unknown("it drops spaces behind control tokens, which llama.cpp does for Phi-3 alone")
    prompt = chat.prompt_ids((Message("user", "Hi"),))
    unknown = model["vocab"].get(model.get("unk_token") or "")
    return Vocabulary(
        model="llama" if sentencepiece else "gpt2",
        cut="default" if sentencepiece else _cut(raw),
        pieces=pieces,
        kinds=kinds,
        merges=[] if sentencepiece else [" ".join(_pair(merge)) for merge in model["merges"]],
        scores=_scores(model, pieces) if sentencepiece else [],
        space_first=sentencepiece and _space_first(raw, kinds[prompt[0]]),
        begin=_one(tokenizer.bos_token_id),
        begins=prompt[0] == tokenizer.bos_token_id,
        ends=_ends(chat),
        unknown=unknown,
        strips=strips,
    )


def _pieces(raw: dict[str, Any], size: int, sentencepiece: bool) -> tuple[list[str], list[int]]:
    """Every row of the embedding by its name and kind; rows that no token uses get names of their own."""
    names = {number: piece for piece, number in raw["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, TokenType.NORMAL)
    if sentencepiece:
        kinds |= {number: TokenType.BYTE for number, piece in names.items() if BYTE.fullmatch(piece)}
    for token in raw["added_tokens"]:
        number, piece = token["id"], token["content"]
        kinds[number] = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
        # Text is searched for these before spaces are rewritten.
        names[number] = piece if token["special"] or not sentencepiece else piece.replace(SPACE, " ")
    if unknown := raw["model"].get("unk_token"):
        kinds[raw["model"]["vocab"][unknown]] = TokenType.UNKNOWN
    pieces = [names.get(number, f"[PAD{number}]") for number in range(size)]
    return pieces, [int(kinds.get(number, TokenType.UNUSED)) for number in range(size)]


def _cut(raw: dict[str, Any]) -> str:
    """llama.cpp's name for the way in which a byte-level tokenizer cuts text into words."""
    steps: list[str] = []
    first = raw["pre_tokenizer"] or {"type": "none"}
    for step in first.get("pretokenizers", [first]):
        if step["type"] == "ByteLevel":
            if step["add_prefix_space"]:
                raise _unknown("it puts a space before each text")
            steps += ["words"] if step["use_regex"] else []
        elif step["type"] == "Digits" and step["individual_digits"]:
            steps.append("digits")
        elif step["type"] == "Split" and step["behavior"] == "Isolated" and "Regex" in step["pattern"]:
            steps.append(step["pattern"]["Regex"])
        else:
            raise _unknown(f"its step {step['type']} is not among those that llama.cpp has built in")
    found = CUTS.get((tuple(steps), bool(raw["model"].get("ignore_merges"))))
    if found is None:
        raise _unknown(f"it cuts words by {' then '.join(map(repr, steps)) or 'nothing'}")
    return found


def _scores(model: dict[str, Any], pieces: list[str]) -> list[float]:
    """SentencePiece's scores: the earlier a piece is merged, the higher. Its merges are in the order of the scores."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(model["merges"]):
        ranks.setdefault("".join(_pair(merge)), rank)
    return [-float(ranks.get(piece, len(ranks))) for piece in pieces]


def _space_first(raw: dict[str, Any], first_kind: int) -> bool:
    """Whether a text, and what follows a control token, gets a space in front.

    Some tokenizers put one before the very first text only. Where prompts begin with a control token, that is never.
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
    stop = [token for token, learnt in zip(turn.token_ids, turn.loss_mask, strict=True) if learnt][-1]
    eos = _one(chat.tokenizer.eos_token_id)
    return list(dict.fromkeys([stop if eos is None else eos, stop, *chat.stop_ids]))


def _pair(merge: Any) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _one(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _unknown(why: str) -> ModelError:
    known = ", ".join(sorted({name for name in CUTS.values()}))
    return ModelError(
        "llama.cpp has no tokenizer that does what this base's does.",
        f"Its tokenizer cannot be told in a GGUF file: {why}.",
        f"export --to merged or adapter; byte-level BPE of the kinds {known} and SentencePiece BPE can be told.",
    )
