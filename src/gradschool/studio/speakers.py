"""Who answers in a talk: a specialist and its base, which share the weights; in the child process of `heavy.py`."""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradschool.events import passed_on
from gradschool.records import Conversation, Event, Message, Note, Passage, Progress

_opened: dict[str, Mapping[str, Any]] = {}  # the last specialist with its base: opening one takes seconds


def talk(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answers of all who are asked, as they are generated."""
    speakers = yield from _speakers(Path(request["specialist"]))
    for who, messages in request["conversations"].items():
        yield from said(who, speakers[who], tuple(Message(one["role"], one["content"]) for one in messages))


def _speakers(folder: Path) -> Generator[dict[str, Any], None, Mapping[str, Any]]:
    """Open a specialist and its base; yields what is being done, and returns both by name."""
    from gradschool.package.bundle import open_specialist
    from gradschool.specialist import Recipe, Specialist

    key = f"{folder} {folder.stat().st_mtime_ns}"
    if key not in _opened:
        _opened.clear()
        opened = yield from passed_on(open_specialist(folder), _doing)
        free = replace(opened.recipe.decoding, constraint=None)
        _opened[key] = {"specialist": opened, "base": Specialist(opened.engine, Recipe(decoding=free))}
    return _opened[key]


def _doing(event: Event) -> dict[str, Any] | None:
    match event:
        case Note():
            return {"doing": event.text}
        case Progress():
            return {"doing": event.what}
    return None


def said(who: str, speaker: Any, asked: Conversation) -> Iterator[dict[str, Any]]:
    """The parts of an answer, then the whole of it with its passages."""
    from gradschool.ground.cite import cited
    from gradschool.records import Answer

    began = time.monotonic()
    yield {"who": who, "begins": True}
    passages: tuple[Passage, ...] = ()
    if speaker.recipe.abstention is not None:
        [(_, whole)] = speaker.answer([asked])
    else:
        conversation, passages = speaker.conversation(asked)
        text = ""
        for part in speaker.engine.stream(conversation, speaker.recipe.decoding, speaker.recipe.adapter):
            text += part
            yield {"who": who, "part": part}
        whole = cited(Answer(text), passages) if speaker.recipe.passages else Answer(text)
    if whole.failure is not None:
        reason = f"{whole.failure.kind}: {whole.failure.reason}"
        yield {"error": {"what": "There is no answer.", "why": reason, "fix": "begin a new talk, or ask again."}}
        return
    yield {
        "who": who,
        "text": whole.text,
        "abstained": bool(whole.abstained),
        "seconds": time.monotonic() - began,
        "passages": [
            one.as_citation() | {"cited": one in whole.citations, "heading": one.heading}
            for one in passages or whole.citations
        ],
    }
