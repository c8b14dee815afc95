"""Prepare natural data: the tokenizer, token streams of text and conversations, and held-out rows."""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer

from recipes.pocket.chat import answer_start, render, token_id
from recipes.pocket.corpus import Document, chunks, read_corpus, split
from recipes.pocket.streams import write_stream
from recipes.pocket.tokenizer import END_OF_TEXT, learn_tokenizer, save_tokenizer

# Maximum characters of each source for the tokenizer and for the text stream; other sources are used completely.
_SAMPLE = {"eltec_eng_pd": 3_000_000, "medquad_qa": 1_200_000, "factbook": 800_000, "gsm8k_train": 500_000}
_SAMPLE |= {"t0_permissive_instructions": 2_500_000, "tldr_pages_text": 500_000, "us_presidents": 500_000}
_TEXT = {"eltec_eng_pd": 12_000_000, "medquad_qa": 3_000_000, "factbook": 4_000_000, "gsm8k_train": 1_500_000}
_TEXT |= {"t0_permissive_instructions": 0, "selfinstruct_human_seed": 0}
_CHAT = {"medquad_qa": 5_000_000, "gsm8k_train": 2_000_000}
LONGEST_CHAT = 1000
PLAIN, ASKED, ANSWERED = 10, 4, 15
"""Loss weights in tenths: text, natural prompts, natural answers."""


def sample(by_source: dict[str, list[Document]], limits: dict[str, int], seed: int) -> list[Document]:
    """Draw documents of every source in random order, up to its limit in characters."""
    drawn = []
    for source, documents in sorted(by_source.items()):
        shuffled = random.Random(f"{seed} {source}").sample(documents, len(documents))
        remaining = limits.get(source, 10**12)
        for document in shuffled:
            if remaining <= 0:
                break
            drawn.append(document)
            remaining -= len(document.text)
    random.Random(seed).shuffle(drawn)
    return drawn


def split_corpus(folder: Path) -> tuple[dict[str, list[Document]], list[Document]]:
    """Read the corpus as chunks by source, and the held-out chunks separately."""
    shown, hidden = split(list(read_corpus(folder)))
    kept: dict[str, list[Document]] = defaultdict(list)
    for document in cut(shown):
        kept[document.source].append(document)
    return kept, list(cut(hidden))


def cut(documents: list[Document]) -> Iterator[Document]:
    """Divide long plain texts into chunks; conversations are not divided."""
    for document in documents:
        if document.turns:
            yield document
        else:
            yield from (Document(document.source, document.kind, part) for part in chunks(document.text))


def text_documents(tokenizer: Tokenizer, documents: list[Document]) -> Iterator[tuple[list[int], list[int]]]:
    """Encode text, each chunk after an end-of-text token."""
    mark = token_id(tokenizer, END_OF_TEXT)
    for at in range(0, len(documents), 500):
        for encoding in tokenizer.encode_batch([d.text for d in documents[at : at + 500]], add_special_tokens=False):
            ids = [mark, *encoding.ids]
            yield ids, [PLAIN] * len(ids)


def chat_documents(tokenizer: Tokenizer, documents: list[Document]) -> Iterator[tuple[list[int], list[int]]]:
    """Encode natural conversations that are not too long."""
    for document in documents:
        if len(document.text) < LONGEST_CHAT * 4:
            ids, weights = render(tokenizer, document.turns, ASKED, ANSWERED)
            if len(ids) <= LONGEST_CHAT:
                yield ids, weights


def text_probe(tokenizer: Tokenizer, apart: list[Document], limit: int = 400) -> Iterator[dict[str, object]]:
    """Make held-out rows of text and of natural conversations."""
    mark = token_id(tokenizer, END_OF_TEXT)
    for document in random.Random(3).sample(apart, len(apart)):
        if document.kind == "instruction" and document.turns:
            ids, _ = render(tokenizer, document.turns, 1, 1)
            if len(ids) <= 600:
                size = len(document.turns[-1][1].encode()) + 1
                yield {
                    "family": "text:instruction",
                    "tokens": ids[:-1],
                    "start": answer_start(ids, tokenizer),
                    "bytes": size,
                }
        elif document.kind != "instruction":
            ids = tokenizer.encode(document.text, add_special_tokens=False).ids[:limit]
            size = len(tokenizer.decode(ids).encode())
            if size > (60 if document.kind == "dialogue" else 200):  # held-out dialogues are few and short
                yield {"family": f"text:{document.kind}", "tokens": [mark, *ids], "start": 1, "bytes": size}


def first_of_each(rows: Iterator[dict[str, object]], count: int) -> list[dict[str, object]]:
    """Keep the first rows of every family."""
    kept: dict[object, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        if len(kept[row["family"]]) < count:
            kept[row["family"]].append(row)
    return [row for family in sorted(kept, key=str) for row in kept[family]]


def prepare(corpus: Path, out: Path, seed: int = 20) -> None:
    """Write the tokenizer, the text and chat streams and the text part of the probe into `out`."""
    kept, apart = split_corpus(corpus)
    if (out / "tokenizer" / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(out / "tokenizer" / "tokenizer.json"))
    else:
        tokenizer = learn_tokenizer([d.text for d in sample(kept, _SAMPLE, seed)])
        save_tokenizer(tokenizer, out / "tokenizer")
    count = write_stream(out, "text", text_documents(tokenizer, sample(kept, _TEXT, seed)))
    talk = {s: [d for d in documents if d.turns] for s, documents in kept.items()}
    chats = write_stream(out, "chat", chat_documents(tokenizer, sample(talk, _CHAT, seed + 1)))
    rows = first_of_each(text_probe(tokenizer, apart), 120)
    (out / "probe_text.json").write_text(json.dumps(rows))
    (out / "probe.json").write_text(json.dumps(rows))
    (out / "prepared.json").write_text(json.dumps({"seed": seed, "text_tokens": count, "chat_tokens": chats}))


def main() -> None:
    """Parse the command line and prepare the data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    prepare(args.corpus, args.out)


if __name__ == "__main__":
    main()
