"""A search index over passages: full-text search with LanceDB, hybrid with vectors if an embedder is set.

index/
  manifest.json     hashes of documents and passages, and the settings of the index
  passages.jsonl    every passage with its exact location
  lance/            the LanceDB table, without copies: words of headings and texts, stop words, pairs of characters,
                    and vectors
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from pydantic import BaseModel

from gradschool.data.documents import read_documents
from gradschool.errors import DamagedError, DataError, GradschoolError, ModelError, first_line, reason_of
from gradschool.file_names import FileName
from gradschool.files import list_of, new_folder, read_json, read_lines, sha256, write_json, write_lines
from gradschool.ground.bigrams import bigrams
from gradschool.ground.copies import originals, spread
from gradschool.ground.folding import folded, respelled, without_accents
from gradschool.ground.passages import split_document
from gradschool.ground.table import TABLE, TABLE_FOLDER, any_of, match, stops_of_common, write_table
from gradschool.ground.tried import remember_table, try_table
from gradschool.model.places import remember, remembered, without_place
from gradschool.panics import panics_as_errors
from gradschool.records import Note, Passage, Work
from gradschool.settings import Ground

if TYPE_CHECKING:
    from gradschool.ground.embed import Embedder

FORMAT: Final = 1
DEPTH = 50  # passages from each search, of which the best are fused or chosen
# Weight of the cosine added to BM25, by the validation questions of fairytaleqa (bench/retrievers.py).
COSINE = 15.0
MAX_QUERY = 20_000  # characters; the rest of a query is ignored


class EmbedderIdentity(BaseModel, frozen=True):
    """The embedder whose vectors an index has: its Hub id and revision, or the name of its folder; and its hash."""

    name: FileName
    revision: str | None
    sha256: str  # of its weights, pooling and prompts
    files: str = ""  # SHA-256 over config and tokenizer; empty if an earlier version saved it


class IndexManifest(BaseModel, frozen=True):
    """What an index was built from: hashes of documents and passages, and its settings.

    `folded`: whether texts were folded; `unaccented`: whether Latin letters lost their accents; `respelled`: whether
    Greek ones did, and joined articles were divided; `bigrams`: whether pairs of characters are searched too; `summed`:
    whether BM25 and cosine are added, and not fused by rank. An index of an earlier version is searched as it was
    tested.
    """

    format: Literal[1] = FORMAT
    documents: dict[str, str]
    passages: int
    passages_sha256: str
    passage_words: int
    folded: bool = False
    unaccented: bool = False
    respelled: bool = False
    bigrams: bool = False
    summed: bool = False
    embedder: EmbedderIdentity | None


def build_index(documents: Path, folder: Path, ground: Ground) -> "Work[Index]":
    """Read a folder of documents, split them into passages, and write an index atomically.

    Raises DataError if there is nothing to read, ModelError if the embedder cannot be loaded.
    """
    read = yield from read_documents(documents)
    passages = [passage for document in read for passage in split_document(document, ground.passage_words)]
    hashes = {document.file: document.hash for document in read}
    return (yield from index_passages(passages, folder, ground, hashes))


def index_passages(
    passages: Sequence[Passage], folder: Path, ground: Ground, hashes: dict[str, str] | None = None
) -> "Work[Index]":
    """Write an index over passages; `hashes` of the documents go into the manifest."""
    if not passages:
        raise DataError("There are no passages to index.", "The documents have no text.", "give documents with text.")
    embedder = yield from _load(ground.embedder)
    with new_folder(folder) as new:
        write_lines(new / "passages.jsonl", (asdict(passage) for passage in passages))
        firsts = originals(passages)
        yield from write_table(new / TABLE_FOLDER, passages, firsts, embedder)
        manifest = IndexManifest(
            documents=hashes or {},
            passages=len(passages),
            passages_sha256=sha256(new / "passages.jsonl"),
            passage_words=ground.passage_words,
            folded=True,
            unaccented=True,
            respelled=True,
            bigrams=True,
            summed=True,
            embedder=embedder
            and EmbedderIdentity(
                name=embedder.name, revision=embedder.revision, sha256=embedder.hash, files=embedder.files
            ),
        )
        write_json(new / "manifest.json", manifest.model_dump())
    remember_table(folder / TABLE_FOLDER)
    if embedder and embedder.in_folder:
        yield from remember(embedder.hash, embedder.folder)
    yield Note(f"The index has {len(passages)} passages from {len({p.file for p in passages})} documents.")
    yield from _copies_note(passages, firsts)
    return Index(folder, list(passages), manifest, embedder)


def name_embedder(folder: Path) -> Work[None]:
    """Name the embedder of an index without its place, as earlier versions did not; the place is remembered."""
    manifest = IndexManifest.model_validate(read_json(folder / "manifest.json"))
    embedder = manifest.embedder
    if embedder and (name := without_place(embedder.name)) != embedder.name:
        if Path(embedder.name).is_dir():
            yield from remember(embedder.sha256, Path(embedder.name))
        named = manifest.model_copy(update={"embedder": embedder.model_copy(update={"name": name})})
        write_json(folder / "manifest.json", named.model_dump())


def _copies_note(passages: Sequence[Passage], firsts: Sequence[int]) -> Iterator[Note]:
    copies = [(number, first) for number, first in enumerate(firsts) if first != number]
    if copies:
        copy, first = (str(passages[place]) for place in copies[0])
        which = f"{len(copies)} passages are copies" if len(copies) > 1 else "1 passage is a copy"
        yield Note(f"{which} of others and not searched, so that they do not crowd the results: {copy} is {first}.")


class Index:
    """A search index over passages; searches are thread-safe."""

    def __init__(
        self, folder: Path, passages: list[Passage], manifest: IndexManifest, embedder: "Embedder | None" = None
    ) -> None:
        self.folder, self.passages, self.manifest = folder, passages, manifest
        self._loaded = embedder

    @classmethod
    def open(cls, folder: Path) -> "Index":
        """Open an existing index; its embedder, if any, is loaded at the first search.

        Raises DamagedError if files are missing or changed.
        """
        try:
            manifest = IndexManifest.model_validate(read_json(folder / "manifest.json"))
            intact = manifest.passages_sha256 == sha256(folder / "passages.jsonl")
            passages = list_of(Passage).validate_python(read_lines(folder / "passages.jsonl"))
        except (OSError, ValueError) as error:
            raise _damaged(folder, reason_of(error)) from error
        if not intact or not (folder / TABLE_FOLDER).is_dir():
            raise _damaged(folder, "Its files do not match its manifest.")
        return cls(folder, passages, manifest)

    @property
    def size(self) -> int:
        """The number of passages."""
        return len(self.passages)

    def search(self, query: str, k: int) -> list[Passage]:
        """The k most relevant passages, best first; fewer if fewer match.

        The query is plain words: quotes, AND, colons and other operators have no meaning.
        """
        return [passage for passage, _ in self.scored(query, k)]

    def scored(self, query: str, k: int) -> list[tuple[Passage, float]]:
        """As `search`, each with its score: BM25, or BM25 plus weighted cosine if the index has vectors.

        Scores are comparable within one query, not between queries. Near copies of better passages come last. A query
        of common words that are in no passage finds passages with its stop words.
        """
        words = query[:MAX_QUERY].encode("utf-8", "replace").decode("utf-8")
        if k < 1 or not any(character.isalnum() for character in words):
            return []
        if self.manifest.folded:
            words = folded(words)
        if self.manifest.unaccented:
            words = without_accents(words)
        if self.manifest.respelled:
            words = respelled(words)
        rows = self._rows(words, k)
        ranked = sorted(rows, key=lambda row: (-row[1], row[0]))  # equal scores in the order of the documents
        return spread((self.passages[number], score) for number, score in ranked)[:k]

    def _rows(self, words: str, k: int) -> list[tuple[int, float]]:
        """The numbers of passages found, with their scores; raises DamagedError if LanceDB cannot read its files."""
        try:
            with panics_as_errors():
                search = self._full_text
                if self.manifest.embedder:
                    search = self._hybrid if self.manifest.summed else self._by_rank
                rows = list(search(words, k))
        except GradschoolError:
            raise
        except Exception as error:  # LanceDB raises any
            raise _damaged(self.folder, f"LanceDB says: {first_line(error)}") from error
        if any(not 0 <= number < len(self.passages) for number, _ in rows):
            raise _damaged(self.folder, "Its table has passages that its list does not have.")
        return rows

    @cached_property
    def _table(self) -> Any:
        try_table(self.folder, self.folder / TABLE_FOLDER)
        import lancedb

        return lancedb.connect(self.folder / TABLE_FOLDER).open_table(TABLE)

    def _full_text(self, words: str, k: int) -> Iterator[tuple[int, float]]:
        stops = stops_of_common(words) if self.manifest.folded else ""
        for query in (self._query(words), *([match(stops, "stops")] if stops else ())):
            found = self._table.search(query, query_type="fts")
            found = found.select(["number", "_score"]).limit(max(k, DEPTH))
            if rows := found.to_list():
                return ((int(row["number"]), float(row["_score"])) for row in rows)
        return iter(())

    def _query(self, words: str) -> Any:
        return any_of({"words": words, "bigrams": bigrams(words, single=False) if self.manifest.bigrams else ""})

    def _hybrid(self, words: str, k: int) -> Iterator[tuple[int, float]]:
        """BM25 plus weighted cosine of the best passages of both searches; BM25 is 0 below its best ones."""
        vector = self._embedder.embed([words], "query")[0]
        scores = dict(self._full_text(words, k))

        def nearest(condition: str, limit: int) -> Iterator[tuple[int, float]]:
            found = self._table.search(vector, vector_column_name="vector").distance_type("dot")
            found = found.where(condition, prefilter=True) if condition else found
            rows = found.select(["number", "_distance"]).limit(limit).to_list()
            return ((int(row["number"]), 1 - float(row["_distance"])) for row in rows)

        cosines = dict(nearest("", max(k, DEPTH)))
        if others := scores.keys() - cosines.keys():
            cosines |= dict(nearest(f"number IN ({', '.join(map(str, sorted(others)))})", len(others)))
        return ((number, scores.get(number, 0.0) + COSINE * cosine) for number, cosine in cosines.items())

    def _by_rank(self, words: str, k: int) -> Iterator[tuple[int, float]]:
        """Reciprocal rank fusion (k = 60), as earlier versions tested it."""
        from lancedb.rerankers import RRFReranker

        vector = self._embedder.embed([words], "query")[0]
        found = (
            self._table.search(query_type="hybrid", vector_column_name="vector")
            .vector(vector)
            .text(self._query(words))
            .distance_type("dot")
            .rerank(RRFReranker())
            .limit(max(k, DEPTH))
        )
        return ((int(row["number"]), float(row["_relevance_score"])) for row in found.to_list())

    @cached_property
    def _embedder(self) -> "Embedder":
        if self._loaded:
            return self._loaded
        from gradschool.ground.embed import Embedder

        written = self.manifest.embedder
        assert written
        if written.revision:
            embedder = Embedder(written.name, written.revision)
        else:
            places = [*remembered(written.sha256), Path(written.name)]
            embedder = Embedder(str(next((place for place in places if place.is_dir()), None) or _nowhere(written)))
        if embedder.hash != written.sha256 or written.files not in ("", embedder.files):
            raise DamagedError(
                f"The embedder {str(embedder.folder)!r} differs from the one that {self.folder} was built with.",
                "Its weights, prompts, tokenizer or config have changed: its vectors do not match those in the index.",
                "restore the old one, or rebuild the index.",
            )
        return embedder


def _nowhere(embedder: EmbedderIdentity) -> NoReturn:
    raise ModelError(
        f"The embedder {without_place(embedder.name)} is not in a folder that is known here.",
        "The index has its vectors, and a question is embedded with the same model.",
        f"copy its folder to {Path(without_place(embedder.name)).resolve()}; its hash is checked.",
    )


def _load(name: str | None) -> "Work[Embedder | None]":
    if name is None:
        return None
    from gradschool.ground.embed import Embedder

    if not Path(name).is_dir():
        yield Note(f"The embedder {name} is loaded from the Hub (downloaded unless it is cached).")
    return Embedder(name)


def _damaged(folder: Path, why: str) -> DamagedError:
    return DamagedError(f"{folder} is not a complete index.", why, "rebuild it from the documents.")
