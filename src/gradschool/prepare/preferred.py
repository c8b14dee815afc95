"""Pairs of a good and a bad answer to one question, in TRL's form: kept for the user, and not trained on."""

from collections.abc import Iterator, Set
from typing import Any

from gradschool.prepare.analysis import BAD, question_key
from gradschool.prepare.draft import Draft
from gradschool.records import Conversation


class Pairs:
    """Collects the good and the bad answers to the questions in `asked`, which have a bad answer."""

    def __init__(self, asked: Set[bytes]) -> None:
        self.asked = asked
        self._good: dict[bytes, Draft] = {}
        self._bad: list[tuple[bytes, Draft]] = []
        self._compared: list[Draft] = []

    def concerns(self, draft: Draft) -> bool:
        """Whether a draft may be the bad answer of a pair."""
        return draft.drop is not None and draft.drop.kind == BAD and question_key(draft.messages) in self.asked

    def add(self, original: Draft, written: Draft, *, bad: bool) -> None:
        """Add a draft as it is written; `original` still has its private data, and the question that pairs it."""
        key = question_key(original.messages)
        if bad:
            self._bad.append((key, written))
            return
        if key in self.asked:
            self._good.setdefault(key, written)
        if written.rejected:
            self._compared.append(written)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The pairs: those of rows that compare answers, then those of rows with one answer each."""
        for draft in self._compared:
            for text in draft.rejected:
                if text != draft.ideal:
                    yield _pair(draft.id, draft.messages, text)
        for key, bad in self._bad:
            good = self._good.get(key)
            if good and good.ideal != bad.ideal:
                yield _pair(bad.id, good.messages, bad.ideal)


def _pair(id_: str, messages: Conversation, rejected: str) -> dict[str, Any]:
    *asked, answer = messages
    if [message.role for message in asked] == ["user"]:
        return {"id": id_, "prompt": asked[0].content, "chosen": answer.content, "rejected": rejected}
    answers = ([{"role": answer.role, "content": text}] for text in (answer.content, rejected))
    prompt = [{"role": message.role, "content": message.content} for message in asked]
    return {"id": id_, "prompt": prompt, **dict(zip(("chosen", "rejected"), answers, strict=True))}
