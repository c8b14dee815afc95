"""The tokenizer of a GGUF file, cut as llama.cpp cuts, and compared with it: a specialist may run in either."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gguf import GGUFReader, TokenType
from tokenizers import pre_tokenizers

from gradschool.errors import ModelError
from gradschool.model.gguf_file import TOKENS
from gradschool.model.gguf_header import Header
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.prefix import common_prefix

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AT_ONCE = 40  # control tokens in one text
BYTE_LEVEL = "gpt2"  # what llama.cpp calls byte-level BPE
SINGLE_DIGITS = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone")  # as llama.cpp cuts for these
CONTEXT = 256  # tokens; llama.cpp only cuts texts here
# Scripts, numbers, code, spaces and signs, on each of which families of tokenizers differ.
SAMPLES = (
    "The clerk said: 'Don't sign it yet!' We'll send 1,234.50 dollars on 2024-05-01, at 10:30 a.m.",
    "SELECT name, COUNT(*) FROM orders WHERE price >= 12.5e-3 GROUP BY 1;\n\n\tdef f(x):\n\t\treturn x**2  # ok",
    '{"kind": "refund", "days": 30, "notes": [null, true, "http://example.org/a?b=c&d=%20"]}',
    "Der Käufer erhält die Ware binnen 14 Tagen; Straße, Größe und Übermut müssen stimmen.",
    "L'élève a reçu où ? « Ça dépend », répondit-il – naïvement… ¿Cuándo llegará el niño? Amanhã não.",
    "Он приехал вчера вечером. Ще не вмерла надія. Ο δρόμος είναι μακρύς. Zażółć gęślą jaźń. Öğüt verdi.",
    "השוכר ישלם את דמי השכירות. يدفع المستأجر الإيجار في أول كل شهر. किरायेदार हर महीने किराया देता है।",
    "借家人は毎月一日に家賃を支払う。租客每月一日交房租。세입자는 매달 첫날에 집세를 낸다. ผู้เช่าจ่ายค่าเช่าทุกเดือน",
    "  leading spaces,   inner   ones, trailing   \n\n\n\r\nand lines \t\t with tabs\u00a0and\u2009thin ones\u200b.",
    "emoji 😀👩‍👩‍👧‍👦🇪🇺, signs €£¥§°½²≤≠→, combining e\u0301 and n\u0303, ligatures ﬁ ﬂ, full width ＡＢＣ１２３",
    "aaaaaaaaaaaaaaaaaaaaaaaa ---------------- ................ 1111111111111111 ================",
    "HTTPServer camelCase snake_case KEBAB-CASE x86_64 v1.2.3-rc.4 e-mail@example.org #tag @name C++ C# F#",
)


def cut_as_llama_cpp(tokenizer: "PreTrainedTokenizerBase", header: Header) -> None:
    """Change what the loader leaves as other programs have it: llama.cpp never composes letters in byte-level BPE.

    Ways to cut words that the loader knows stay.
    """
    if header.text("tokenizer.ggml.model") != BYTE_LEVEL:
        return
    whole: Any = tokenizer
    whole.backend_tokenizer.normalizer = None
    if header.text("tokenizer.ggml.pre") in SINGLE_DIGITS:
        digits, words = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
        whole.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])


def demand_equal_tokens(tokenizer: "PreTrainedTokenizerBase", file: Path, name: str) -> None:
    """Raise ModelError if llama.cpp, with the GGUF file itself, cuts a text or a control token into other tokens."""
    with LlamaCpp(file, CONTEXT) as server:
        for text, expected, found in _pairs(tokenizer, file, server):
            if expected != found:
                raise _different(tokenizer, name, text, expected, found)


def _pairs(
    tokenizer: "PreTrainedTokenizerBase", file: Path, server: LlamaCpp
) -> Iterator[tuple[str, list[int], list[int]]]:
    """Texts with their tokens by llama.cpp, and by the tokenizer."""
    yield "a", server.tokens("a"), list(tokenizer.encode("a"))  # with the start token, if there is one
    for text in SAMPLES:
        yield text, server.tokens(text, start=False), list(tokenizer.encode(text, add_special_tokens=False))
    control = _control_tokens(file)
    for start in range(0, len(control), AT_ONCE):
        text = "".join(control[start : start + AT_ONCE])
        yield text, server.tokens(text, start=False), list(tokenizer.encode(text, add_special_tokens=False))


def _control_tokens(file: Path) -> list[str]:
    fields = GGUFReader(file).fields
    tokens: list[str] = fields[TOKENS].contents()
    kinds: list[int] = fields["tokenizer.ggml.token_type"].contents() if "tokenizer.ggml.token_type" in fields else []
    return [token for token, kind in zip(tokens, kinds, strict=False) if kind == TokenType.CONTROL]


def _different(
    tokenizer: "PreTrainedTokenizerBase", name: str, text: str, expected: Sequence[int], found: Sequence[int]
) -> ModelError:
    same = common_prefix([expected, found])
    theirs, ours = (
        [tokenizer.convert_ids_to_tokens(token) for token in ids[same : same + 4]] for ids in (expected, found)
    )
    return ModelError(
        f"The tokenizer of {name} would not give the tokens that llama.cpp gives.",
        f"In {text[:60]!r}, llama.cpp has {theirs}, and the converted tokenizer {ours}: what is trained on one would "
        "not be what runs in the other.",
        "name the model as its makers published it (config.json and *.safetensors), or another GGUF file.",
    )
