"""What the page of examples asks for: a page of the table, one example in full, and decisions about it."""

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.errors import UsageError
from gradschool.files import append_line, read_lines
from gradschool.studio import reviewed
from gradschool.studio.asked import Body, field, number, studio_of
from gradschool.studio.preparing import ADDED, remembered
from gradschool.studio.recorded import summary
from gradschool.studio.replies import Conflict, json_reply
from gradschool.studio.studio import Studio
from gradschool.studio.table import Table
from gradschool.visible import visible

FILTERS = ("search", "part", "state", "label", "decision", "finding", "min", "max", "sort")


def _table(studio: Studio, path: str, run: str) -> tuple[Path, str, Table]:
    folder = studio.folders.find_job(path)
    named = str(studio.folders.find_run(run)) if run else ""
    return folder, named, studio.tables.of(folder, named)


async def examples(request: Request) -> Response:
    """GET /api/examples: a page of the table."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        _, _, table = _table(studio, field(request, "path"), field(request, "run", ""))
        asked = {name: field(request, name, "") for name in FILTERS}
        shown = table.page(asked, number(request, "page"))
        for row in shown["rows"]:
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
        runs = [summary(run, studio.folders.shown(run)) for run in studio.folders.runs()]
        return table.counts() | {
            "about": table.about,
            "runs": [run["path"] for run in runs if run.get("job") == folder.name],
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
        return line | signed | {"version": reviewed.version_of(row)}

    return json_reply(await run_in_threadpool(found))


async def decide(request: Request) -> Response:
    """POST /api/decide: keep, drop or edit one example; refused if someone else has decided about it meanwhile."""
    studio, body = studio_of(request), await Body.of(request)

    def decided() -> dict[str, Any]:
        folder, run, table = _table(studio, body.text("path"), body.text("run", ""))
        _demand_prepared(table)
        studio.queue.demand_unprepared("job", studio.folders.shown(folder))
        line, word = table.line(body.integer("n", -1)), reviewed.checked_word(body.text("decision"))
        messages = reviewed.checked_messages(body.values.get("messages")) if word == "edit" else None
        signed = reviewed.signature()
        new: dict[str, Any] = {}

        def change(name: tuple[str, str], row: dict[str, Any] | None) -> dict[str, Any]:
            if reviewed.version_of(row) != body.text("version"):
                now = {name: (row or {}).get(name, "") for name in ("decision", "messages", "by", "at")}
                raise Conflict(
                    "This example has been changed meanwhile.",
                    f"{now['by'] or 'Someone'} has decided {now['decision'] or 'nothing'} about it in another tab.",
                    "look at what is there now, and decide again.",
                    now,
                )
            about = {"item": line["item"], "source": line["source"], "action": "noticed", "why": []}
            kept = row or about | {"messages": line["messages"]}
            new.update(kept | ({"messages": messages} if messages else {}) | {"decision": word} | signed)
            return new

        reviewed.decide(folder, [("item", line["item"])], change)
        table.decided(line["n"], word, messages)
        studio.tables.keep(folder, run, table)
        return {"version": reviewed.version_of(new), "decision": word, **signed}

    return json_reply(await run_in_threadpool(decided))


def _demand_prepared(table: Table) -> None:
    if not table.about.get("prepared"):
        raise UsageError(
            "This job was not prepared, so that decisions would have no effect.",
            "A climb reads its examples as they are in their files.",
            "edit the file; or make a new job from it, whose examples can be kept, dropped and corrected here.",
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
