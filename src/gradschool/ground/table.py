"""The LanceDB table of an index: the words of its passages, their stop words, and pairs of characters; and vectors."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradschool.ground.bigrams import bigrams
from gradschool.ground.folding import folded, respelled, without_accents
from gradschool.records import Passage, Progress, Work

if TYPE_CHECKING:
    from gradschool.ground.embed import Embedder

TABLE, TABLE_FOLDER = "passages", "lance"
# Lucene's English stop words and English question words, chosen on the validation questions of fairytaleqa
# (bench/fairytaleqa_retrieval.py). There are no stop words for other languages.
STOP_WORDS = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with did do does what who whom whose why how when where which"
)
STOPS = frozenset(STOP_WORDS.split())
# Words that say as little, but are searched.
COMMON_WORDS = "i you he she we me him her us my your his its our am were been has have had can could"
COMMON = STOPS.union(COMMON_WORDS.split())


def write_table(
    folder: Path, passages: Sequence[Passage], firsts: Sequence[int], embedder: "Embedder | None"
) -> Work[None]:
    """Write words and vectors to LanceDB, without copies.

    Stop words have a column of their own, for questions that have no other words, and so have pairs of characters.
    """
    import lancedb
    import pyarrow as pa
    from lancedb.index import FTS

    numbers = [number for number, first in enumerate(firsts) if number == first]
    searched = [passages[number] for number in numbers]
    texts = list(map(searched_text, searched))
    words = [respelled(without_accents(folded(text))) for text in texts]
    stops = [" ".join(word for word in re.findall(r"\w+", text) if word in STOPS) for text in words]
    columns: dict[str, Any] = {
        "number": pa.array(numbers, pa.int32()),
        "words": pa.array(words, pa.string()),
        "stops": pa.array(stops, pa.string()),
        "bigrams": pa.array([bigrams(text, single=True) for text in words], pa.string()),
    }
    if embedder:
        vectors: list[Any] = []
        for batch in embedder.batches(texts, "document"):
            vectors.append(pa.FixedSizeListArray.from_arrays(pa.array(batch.reshape(-1)), embedder.dimensions))
            yield Progress("embedding passages", sum(map(len, vectors)), len(texts), "passages")
        columns["vector"] = pa.chunked_array(vectors)
    yield Progress("indexing passages", 0, len(texts), "passages")
    try:
        table = lancedb.connect(folder).create_table(TABLE, pa.table(columns))
        # ICU also tokenizes scripts without spaces; accents are folded and English words stemmed.
        table.create_index("words", config=FTS(base_tokenizer="icu", custom_stop_words=STOP_WORDS.split()))
        for column in ("stops", "bigrams"):
            table.create_index(column, config=FTS(base_tokenizer="whitespace", stem=False, remove_stop_words=False))
    except RuntimeError as error:
        if system := re.search(r"\(os error (\d+)\)", str(error)):  # such as a full disk
            raise OSError(int(system.group(1)), str(error)) from error
        raise
    yield Progress("indexing passages", len(texts), len(texts), "passages")


def searched_text(passage: Passage) -> str:
    """The text by which a passage is found: with its headings and the head of its table, which it rarely repeats."""
    return "\n".join(part for part in (passage.heading, passage.table_head, passage.text) if part)


def match(words: str, column: str) -> Any:
    """A query as an object, which needs no escaping of operators."""
    from lancedb.query import MatchQuery

    return MatchQuery(words, column)  # type: ignore[call-arg]  # its defaults are declared in a way mypy cannot see


def any_of(queries: Mapping[str, str]) -> Any:
    """A query for the words of each column; its score is the sum of their BM25 scores."""
    from lancedb.query import BooleanQuery, Occur

    each = [match(words, column) for column, words in queries.items() if words]
    return each[0] if len(each) == 1 else BooleanQuery([(Occur.SHOULD, one) for one in each])


def stops_of_common(words: str) -> str:
    """The stop words of a question that has none but common words; empty for others."""
    each = re.findall(r"\w+", words)
    return " ".join(word for word in each if word in STOPS) if COMMON.issuperset(each) else ""
