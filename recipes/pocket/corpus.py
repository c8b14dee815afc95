"""Read and clean the corpus, and split off held-out documents."""

import hashlib
import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_FRACTION = 0.01
_WRAPPED = {"fairytaleqa_stories_train", "african_storybook_en", "eltec_eng_pd", "us_presidents"}


@dataclass(frozen=True)
class Document:
    """A text of the corpus; `turns` has (role, content) pairs if it is an instruction or a dialogue."""

    source: str
    kind: str
    text: str
    turns: tuple[tuple[str, str], ...] = ()


def _fraction(text: str) -> float:
    """Map a text to a number in [0, 1) by its hash."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def split(documents: list[Document]) -> tuple[list[Document], list[Document]]:
    """Split documents into training and held-out ones: 1 %, and at least one of every source.

    Texts with the same first 200 characters stay together, because some sources contain duplicates.
    """
    fractions = [_fraction(document.text[:200]) for document in documents]
    least: dict[str, float] = {}
    for document, fraction in zip(documents, fractions, strict=True):
        least[document.source] = min(fraction, least.get(document.source, 1.0))
    shown: list[Document] = []
    hidden: list[Document] = []
    for document, fraction in zip(documents, fractions, strict=True):
        (hidden if fraction < HELD_OUT_FRACTION or fraction == least[document.source] else shown).append(document)
    return shown, hidden


def clean(text: str, wrapped: bool) -> str:
    """Undo hard line wrapping (if `wrapped`) and collapse white space."""
    text = text.replace("\r\n", "\n").replace("\u00a0", " ")
    if wrapped:
        text = re.sub(r"(?<!\n)[ \t]*\n(?!\s*\n)[ \t]*", " ", text)
    text = re.sub(r"\n\s*\n\s*", "\n\n", text)
    return re.sub(r"(?<=\S)[ \t]+", " ", text).strip()


def _turns(source: str, row: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the conversation in a row; empty if the row is plain text."""
    text = row["text"]
    if row.get("prompt") and row.get("completion"):
        return (("user", row["prompt"].strip()), ("assistant", row["completion"].strip()))
    if source in {"gsm8k_train", "medquad_qa"} and "\nAnswer:" in text:
        question, answer = text.split("\nAnswer:", 1)
        return (("user", question.removeprefix("Question:").strip()), ("assistant", answer.strip()))
    if source == "selfinstruct_human_seed" and "\n\n" in text:
        prompt, completion = text.rsplit("\n\n", 1)
        return (("user", prompt.strip()), ("assistant", completion.strip()))
    if source.startswith("taskmaster"):
        turns: list[tuple[str, str]] = []
        for line in text.split("\n"):
            name, _, said = line.partition(": ")
            role = {"Assistant": "assistant", "User": "user"}.get(name)
            if role is None or not said:
                continue
            if turns and turns[-1][0] == role:
                turns[-1] = (role, turns[-1][1] + " " + said)
            else:
                turns.append((role, said))
        return tuple(turns[1:] if turns and turns[0][0] == "assistant" else turns)
    return ()


def read_corpus(folder: Path) -> Iterator[Document]:
    """Yield every document of every file in `manifest.json`, in a fixed order."""
    for entry in json.loads((folder / "manifest.json").read_text()):
        source = entry["file"].removesuffix(".jsonl.xz")
        with lzma.open(folder / entry["file"], "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                text = clean(row["text"], source in _WRAPPED)
                if text:
                    yield Document(source, entry["kind"], text, _turns(source, row))


def chunks(text: str, size: int = 2400) -> Iterator[str]:
    """Divide a long text at paragraph ends into chunks of about `size` characters, so that shuffling mixes sources."""
    part: list[str] = []
    length = 0
    for paragraph in text.split("\n\n"):
        part.append(paragraph)
        length += len(paragraph)
        if length >= size:
            yield "\n\n".join(part)
            part, length = [], 0
    if part:
        yield "\n\n".join(part)
