"""What the page of examples asks for: a page of the table, one example in full, and decisions about it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.errors import DataError, UsageError
from gradschool.files import append_line, read_lines
from gradschool.images.data_url import data_url
from gradschool.job import read_job
from gradschool.records import IMAGE, Image
from gradschool.studio import reviewed
from gradschool.studio.asked import Body, field, number, studio_of
from gradschool.studio.folders import ADDED
from gradschool.studio.preparing import remembered
from gradschool.studio.replies import Conflict, json_reply
from gradschool.studio.studio import Studio
from gradschool.studio.table import Table
from gradschool.visible import visible

REOPEN = "close this example, open it again, and decide on what is there now."
SMALL, LARGE = 64, 480  # pixels of an image in the table, and next to its example
FILTERS = ("search", "part", "state", "label", "decision", "finding", "min", "max", "sort")


def _table(studio: Studio, path: str, run: str) -> tuple[Path, str, Table]:
    folder = studio.folders.find_job(path)
    studio.folders.demand_inside(*read_job(folder).examples)
    named = str(studio.folders.find_run(run)) if run else ""
    return folder, named, studio.tables.of(folder, named)


def _pictures(images: list[dict[str, str]], most: int) -> list[str]:
    """Images as data: URLs, at most so many pixels wide and high; those that cannot be read any more are left out."""
    found = []
    for one in images:
        with suppress(DataError):
            found.append(data_url(Image(one["sha256"], file=one["file"]), most))
    return found


async def examples(request: Request) -> Response:
    """GET /api/examples: a page of the table."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        _, _, table = _table(studio, field(request, "path"), field(request, "run", ""))
        asked = {name: field(request, name, "") for name in FILTERS}
        shown = table.page(asked, number(request, "page"))
        for row in shown["rows"]:
            if row["images"]:
                row["question"] = row["question"].replace(IMAGE, " ").strip()
                row["images"] = _pictures(row["images"], SMALL)
            row["question"], row["ideal"], row["label"] = (
                visible(row[name]) for name in ("question", "ideal", "label")
            )
        return shown | {"about": table.about}

    return json_reply(await run_in_threadpool(found))


async def counts(request: Request) -> Response:
    """GET /api/examples/counts: what can be filtered by, the runs of the job, and what was added or decided."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        folder, _, table = _table(studio, field(request, "path"), field(request, "run", ""))
        shown = studio.folders.shown(folder)
        return table.counts() | {
            "about": table.about,
            "runs": [run["path"] for run in studio.summaries.all() if run.get("job") == folder.name],
            "added": len(read_lines(folder / ADDED)),
            "remembered": bool(remembered(studio, shown)),
        }

    return json_reply(await run_in_threadpool(found))


async def example(request: Request) -> Response:
    """GET /api/example: one example in full."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        folder, _, table = _table(studio, field(request, "path"), field(request, "run", ""))
        line = table.line(number(request, "n"))
        row = next((row for row in reviewed.rows(folder) if reviewed.name_of(row) == ("item", line["item"])), None)
        signed = {name: str((row or {}).get(name, "")) for name in ("by", "at")}
        pictures = _pictures(line["images"], LARGE)
        return line | signed | {"version": reviewed.version_of(row), "images": pictures}

    return json_reply(await run_in_threadpool(found))


async def decide(request: Request) -> Response:
    """POST /api/decide: keep, drop or edit one example; refused if someone else has decided about it meanwhile."""
    studio, body = studio_of(request), await Body.of(request)

    def decided() -> dict[str, Any]:
        folder, run, table = _table(studio, body.text("path"), body.text("run", ""))
        studio.queue.demand_unprepared("job", studio.folders.shown(folder))
        line, word = table.line(body.integer("n", -1)), reviewed.checked_word(body.text("decision"))
        if line["item"] != body.text("item"):
            raise Conflict("The examples have been changed meanwhile.", "Another one is in this line now.", REOPEN)
        messages = reviewed.checked_messages(body.values.get("messages")) if word == "edit" else None
        _demand_images(line["before"] or line["messages"], messages)
        signed, prepared = reviewed.signature(), bool(table.about.get("prepared"))
        new: dict[str, Any] = {}

        def change(name: tuple[str, str], row: dict[str, Any] | None) -> dict[str, Any]:
            if reviewed.version_of(row) != body.text("version"):
                now = {name: (row or {}).get(name, "") for name in ("decision", "messages", "by", "at")}
                raise Conflict(
                    "This example has been changed meanwhile.",
                    f"{now['by'] or 'Someone'} has decided {now['decision'] or 'nothing'} about it in another tab.",
                    REOPEN,
                    now,
                )
            new.update(_row(line, row, word, messages, prepared) | signed)
            return new

        reviewed.decide(folder, [("item", line["item"])], change)
        table.decided(line["n"], word, new["messages"])
        studio.tables.keep(folder, run, table)
        return {"version": reviewed.version_of(new), "decision": word, **signed}

    return json_reply(await run_in_threadpool(decided))


def _row(line: dict[str, Any], row: dict[str, Any] | None, word: str, messages: Any, prepared: bool) -> dict[str, Any]:
    """The row of the review after a decision.

    `before` is the example as it was read: it is what keeping goes back to. In a job that was not prepared, it also
    tells whether the example is still the one that was decided about (data/decided.py).
    """
    action = "noticed" if prepared else ""
    about = {"item": line["item"], "source": line["source"], "action": action, "why": [], "messages": line["messages"]}
    kept = row or (about if prepared else about | {"before": line["messages"]})
    if messages and not kept.get("before") and kept.get("decision") != "edit":
        kept = kept | {"before": line["messages"]}
    if word == "keep" or (not word and not prepared):
        messages = kept.get("before") or kept.get("messages")
    return kept | {"messages": messages or kept.get("messages") or line["messages"], "decision": word}


def _demand_images(before: list[dict[str, str]], after: list[dict[str, str]] | None) -> None:
    """Raise UsageError for a correction that has more or fewer images: they stay where they are."""
    counts = [[one.get("content", "").count(IMAGE) for one in messages] for messages in (before, after or before)]
    if sum(counts[0]) and counts[0] != counts[1]:
        raise UsageError(
            "The correction has more or fewer images.",
            "Images cannot be added or removed here.",
            "leave the sign for each image where it is; or drop the example.",
        )


async def add(request: Request) -> Response:
    """POST /api/examples/add: add an example to those that were added by hand."""
    studio, body = studio_of(request), await Body.of(request)

    def added() -> dict[str, Any]:
        folder = studio.folders.find_job(body.text("path"))
        messages = reviewed.checked_messages(body.values.get("messages"))
        append_line(folder / ADDED, {"messages": messages} | reviewed.signature())
        return {"added": len(read_lines(folder / ADDED)), "remembered": bool(remembered(studio, body.text("path")))}

    return json_reply(await run_in_threadpool(added))


async def tokens(request: Request) -> Response:
    """POST /api/tokens: a conversation as tokens of the job's base, with those that are trained on."""
    studio, body = studio_of(request), await Body.of(request)

    def found() -> dict[str, Any]:
        folder = studio.folders.find_job(body.text("path"))
        messages = reviewed.checked_messages(body.values.get("messages"))
        [reply] = studio.heavy.ask("tokens", job=str(folder), messages=messages)
        return reply

    return json_reply(await run_in_threadpool(found))


ROUTES = [
    Route("/api/examples", examples),
    Route("/api/examples/counts", counts),
    Route("/api/examples/add", add, methods=["POST"]),
    Route("/api/example", example),
    Route("/api/decide", decide, methods=["POST"]),
    Route("/api/tokens", tokens, methods=["POST"]),
]
