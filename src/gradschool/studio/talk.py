"""Talk to a specialist next to its base, open what it cites, and keep what was good and what was corrected."""

import asyncio
import json
import re
import threading
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gradschool.bounded import Limits, Stopped, replies
from gradschool.data.encoding import decode
from gradschool.errors import TrustError, UsageError
from gradschool.files import append_line, is_inside, read_file, read_lines
from gradschool.run import PACKED, Run
from gradschool.saved_job import JOB_FILE, may_read_job
from gradschool.studio.asked import Body, field, number, studio_of
from gradschool.studio.heavy import CHILD
from gradschool.studio.replies import NotFound, json_reply
from gradschool.studio.reviewed import checked_messages, signature
from gradschool.studio.studio import Studio
from gradschool.visible import visible

# A model may need any memory and time; whoever asked can stop it.
LIMITS = Limits(seconds=10**7, memory=10**13, waiting=3600.0)
SPEAKERS = ("specialist", "base")
FEEDBACK = "feedback"  # in the first folder
TEXTS = (".md", ".txt", ".rst", ".markdown", ".html", ".htm", ".csv")
AROUND = 200  # lines of a document before and after the place that is cited
MAX_DOCUMENT = 20_000_000  # bytes
MAX_TURNS = 200
NOT_IN_NAMES = re.compile(r"[^\w.-]")


async def talk(request: Request) -> Response:
    """POST /api/talk: the answers to a conversation as lines of JSON, as they are generated."""
    studio, body = studio_of(request), await Body.of(request)
    specialist = studio.folders.find_specialist(body.text("path")) / PACKED
    given = body.values.get("conversations")
    if not isinstance(given, dict) or not given or not set(given) <= set(SPEAKERS):
        raise UsageError("Nobody is asked.", "", "reload the page, and ask again.")
    conversations = {who: _question(given[who]) for who in SPEAKERS if who in given}
    asked = {"what": "talk", "specialist": str(specialist), "conversations": conversations}
    return Lines(_lines(asked, studio.talking))


def _question(messages: Any) -> list[dict[str, str]]:
    """A conversation that ends with a question."""
    if not isinstance(messages, list) or not 0 < len(messages) <= MAX_TURNS:
        raise UsageError("The talk is too long, or empty.", f"It may have {MAX_TURNS} turns.", "begin a new one.")
    whole = checked_messages([*messages, {"role": "assistant", "content": "?"}])
    return whole[:-1]


class Lines(StreamingResponse):
    """Lines of JSON from a generator, which is closed when the page goes: the next talk waits for that."""

    def __init__(self, lines: Generator[bytes, None, None]) -> None:
        super().__init__(lines, media_type="application/x-ndjson")
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ends = False
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:  # the studio ends, and the child that answers ends with it
            ends = True
        finally:
            if not ends:
                await run_in_threadpool(self._lines.close)


def _lines(asked: dict[str, Any], one: threading.Lock) -> Generator[bytes, None, None]:
    with one:
        try:
            for reply in replies(CHILD, asked, b"", LIMITS):
                yield json.dumps(reply).encode() + b"\n"
        except Stopped as stopped:
            why = stopped.sentence("Answering", LIMITS.seconds, LIMITS)
            error = {
                "what": "The answer has ended too early.",
                "why": why,
                "fix": "close other programs, or ask again.",
            }
            yield json.dumps({"error": error}).encode() + b"\n"


async def document(request: Request) -> Response:
    """GET /api/document: the lines of a document around the place that an answer cites."""
    studio = studio_of(request)
    return json_reply(await run_in_threadpool(_document, studio, request))


def _document(studio: Studio, request: Request) -> dict[str, Any]:
    run = studio.folders.find_run(field(request, "path"))
    job, name, line = Run.open(run).job, field(request, "file"), number(request, "line", 1)
    documents = job.path(job.settings.data.documents or "")
    with suppress(TrustError, NotFound):
        documents = studio.folders.find(str(documents))
        place = studio.folders.find(str(documents / name if documents.is_dir() else documents))
        if may_read_job(run / JOB_FILE) and is_inside(place, documents) and _is_text(place):
            return _lines_around(place, line)
    raise NotFound(
        "Only the passage can be shown.",
        "Its document is not a text file in the folders of the studio, or not there any more.",
        "open the document in its own program.",
    )


def _is_text(place: Path) -> bool:
    return place.is_file() and place.suffix.lower() in TEXTS


def _lines_around(place: Path, line: int) -> dict[str, Any]:
    lines = decode(read_file(place, limit=MAX_DOCUMENT))[0].splitlines()
    first = max(0, line - 1 - AROUND)
    return {"first": first + 1, "lines": [visible(text) for text in lines[first : line + AROUND]], "total": len(lines)}


async def feedback(request: Request) -> Response:
    """POST /api/feedback: keep an answer as an example, a correction of it, or that it was bad; with its origin."""
    studio, body = studio_of(request), await Body.of(request)
    return json_reply(await run_in_threadpool(_feedback, studio, body))


def _feedback(studio: Studio, body: Body) -> dict[str, Any]:
    run = studio.folders.find_specialist(body.text("path"))
    said, better, kind = body.text("said"), body.text("better", "").strip(), body.text("kind")
    question = _question(body.values.get("messages"))
    origin = {"specialist": studio.folders.shown(run), "speaker": body.text("who"), "said": said} | signature()
    name = NOT_IN_NAMES.sub("_", Run.open(run).job.name)
    folder = studio.folders.home / FEEDBACK
    examples, pairs, bad = (folder / f"{name}{more}.jsonl" for more in ("", "-pairs", "-bad"))
    studio.folders.demand_inside(examples, pairs, bad)
    answer = {"role": "assistant", "content": better or said}
    if kind == "bad":
        append_line(bad, {"messages": [*question, answer], "origin": origin})
        return _kept(studio, bad)
    if kind not in ("good", "corrected"):
        raise UsageError("This is no judgment of an answer.", "", "reload the page, and try again.")
    if kind == "corrected":
        _demand_correction(said, better)
    *before, last = checked_messages([*question, answer])
    append_line(examples, {"messages": [*map(_unjudged, before), last], "origin": origin})
    if kind == "corrected":
        turns = [{"role": "assistant", "content": text} for text in (better, said)]
        append_line(pairs, {"prompt": question, "chosen": turns[:1], "rejected": turns[1:], "origin": origin})
    return _kept(studio, examples)


def _kept(studio: Studio, written: Path) -> dict[str, Any]:
    return {"file": studio.folders.shown(written), "count": len(read_lines(written))}


def _unjudged(message: dict[str, str]) -> dict[str, Any]:
    """A message before the rated answer; assistant messages get loss weight 0, because nobody rated them."""
    return message | {"weight": 0} if message["role"] == "assistant" else message


def _demand_correction(said: str, better: str) -> None:
    if not better:
        raise UsageError("The correction is empty.", "", "write the answer that it should have given.")
    if better == said.strip():
        raise UsageError(
            "The correction is the answer that was given.",
            "One answer cannot be both the good and the bad one of a pair.",
            "change it; or close this, and choose “Good”.",
        )


async def about(request: Request) -> Response:
    """GET /api/talk: who can be talked to."""
    run = studio_of(request).folders.find_specialist(field(request, "path"))
    job = Run.open(run).job
    return json_reply({"job": job.name, "task": job.settings.task, "documents": bool(job.settings.data.documents)})


ROUTES = [
    Route("/api/talk", about),
    Route("/api/talk", talk, methods=["POST"]),
    Route("/api/document", document),
    Route("/api/feedback", feedback, methods=["POST"]),
]
