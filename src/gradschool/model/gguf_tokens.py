"""The tokens of a converted base, held against those of llama.cpp: texts in many scripts, and all control tokens."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from gradschool.errors import ModelError
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_tokenizer import found_first
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.prefix import common_prefix

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AT_ONCE = 40  # control tokens in one text
BETWEEN = ("\nHi there ", "  two", " ", "One.\n\n")  # before control tokens, and so after others
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


def demand_equal_tokens(tokenizer: "PreTrainedTokenizerBase", file: GgufFile, server: LlamaCpp) -> None:
    """Raise ModelError if llama.cpp, with the GGUF file itself, cuts a text or a control token into other tokens."""
    for text, expected, found in _pairs(tokenizer, file, server):
        if expected != found:
            raise _different(tokenizer, file.name, text, expected, found)


def _pairs(
    tokenizer: "PreTrainedTokenizerBase", file: GgufFile, server: LlamaCpp
) -> Iterator[tuple[str, list[int], list[int]]]:
    """Texts with their tokens by llama.cpp, and by the tokenizer."""
    yield "a", server.tokens("a"), list(tokenizer.encode("a"))  # with the start token, if there is one
    for text in (*SAMPLES, *_with_control_tokens(found_first(file))):
        yield text, server.tokens(text, start=False), list(tokenizer.encode(text, add_special_tokens=False))


def _with_control_tokens(control: Sequence[str]) -> Iterator[str]:
    """Every control token next to others, and between words and spaces, which some families drop after it."""
    for start in range(0, len(control), AT_ONCE):
        some = control[start : start + AT_ONCE]
        yield "".join(some)
        yield "".join(word + token for word, token in zip(cycle(BETWEEN), some)) + BETWEEN[0]


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
