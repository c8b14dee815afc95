"""The child process that tries the tokenizers of others: one may need any time and memory, to be read or to be used.

The content of a request is a tokenizer.json. The reply is empty; see `bounded_child`.
"""

import json
import string
from collections.abc import Iterator
from typing import Any

from tokenizers import Tokenizer

from gradschool.bounded_child import answer_requests
from gradschool.errors import first_line
from gradschool.panics import panics_as_errors

PUMPED = 2_000  # characters of one kind, which a pattern that backtracks takes too long for
TEXTS = ("Hello, world! 12 + 30 = 42; naïve café, 東京 🙂\r\n\tend", string.printable)
RUNS = (*" \n\r\ta0A.-_'!é东🙂", "ab", "a ", "1,", "\n ", "a'")
MAX_GROWTH, MAX_START = 64, 1_000  # tokens for each byte of a text, and for a text in itself
MAX_PATTERNS = 200


class Unusable(Exception):
    """Why a tokenizer cannot be used."""


def _replies(request: dict[str, Any], content: bytes) -> Iterator[dict[str, Any]]:
    try:
        with panics_as_errors():
            tokenizer = Tokenizer.from_buffer(content)
            tokenizer.no_padding()
            tokenizer.no_truncation()
            for text in _texts(tokenizer):
                _try(tokenizer, text)
    except (MemoryError, Unusable):
        raise
    except Exception as error:  # tokenizers raises Exception itself
        raise Unusable(first_line(error)) from error
    yield {}


def _try(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text).ids
    if len(ids) > MAX_START + MAX_GROWTH * len(text.encode()):
        raise Unusable(f"it makes {len(ids):,} tokens of {len(text):,} characters")
    tokenizer.decode(ids)


def _texts(tokenizer: Tokenizer) -> Iterator[str]:
    """Texts of usual characters, long runs, and long runs of what the tokenizer's own patterns look for."""
    yield from TEXTS
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder)
    found = (pattern for part in parts if part for pattern in _patterns(json.loads(part.__getstate__())))
    patterns = list(dict.fromkeys(found))[:MAX_PATTERNS]
    own = "".join(dict.fromkeys("".join(patterns)))[:MAX_PATTERNS]
    # A pattern is only tried where its fixed characters follow somewhere; they must not follow the run itself.
    yield from (run * (PUMPED // len(run)) + "\0" + own for run in (*RUNS, *own))
    yield from (pattern[:PUMPED] for pattern in patterns)


def _patterns(value: Any) -> Iterator[str]:
    """The patterns in a part of a tokenizer: {"Regex": …} and {"String": …}."""
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield from (part[key] for key in ("Regex", "String") if isinstance(part.get(key), str))
            part = list(part.values())
        if isinstance(part, list):
            parts.extend(part)


if __name__ == "__main__":
    answer_requests(_replies, Unusable)
