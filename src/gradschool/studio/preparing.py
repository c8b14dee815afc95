"""From files to a job: prepare into a hidden folder, show what was found, and put the job in its place if wanted."""

import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.durable import make_folder, place_folder
from gradschool.errors import UsageError
from gradschool.files import disk_errors, each_value, read_file, read_json, write_json
from gradschool.job import EXAMPLE_FILES
from gradschool.json_text import parse_json
from gradschool.prepare.folder import EXAMPLES, JOB_FILE, REPORT
from gradschool.settings import Purpose
from gradschool.studio import reviewed
from gradschool.studio.asked import Body, field, studio_of
from gradschool.studio.folders import ADDED, PREVIEWS
from gradschool.studio.replies import NotFound, json_reply
from gradschool.studio.start import shown_work
from gradschool.studio.studio import Studio
from gradschool.studio.work import Work
from gradschool.visible import visible

SOURCES = "sources.json"
NAME = re.compile(r"[\w][\w .-]{0,79}")
SHOWN = 20  # examples and left-out drafts of a preview
MAX_VALUES = 300  # private values that are shown
MAX_TEXT = 400_000  # bytes of a report
LISTS = ("author", "agent", "language", "others")  # options of `prepare` that are repeated
SINGLE = (
    *("private", "guidelines", "pass_mark", "input_column", "output_column", "text_column"),
    *("group_column", "date_column"),
)
PATHS = ("guidelines", "others")  # options that name files
ARGUMENTS: TypeAdapter[dict[str, list[str]]] = TypeAdapter(dict[str, list[str]])


def arguments(studio: Studio, body: Body) -> list[str]:
    """The arguments of `prepare` that a page asks for, without --into."""
    purpose = body.text("purpose")
    if purpose not in get_args(Purpose):
        raise UsageError("Nothing says what the examples should teach.", "", "choose a style, a skill or a persona.")
    sources = [str(studio.folders.find(path)) for path in body.texts("sources")]
    if not sources:
        raise UsageError("There are no files.", "A job is made from files.", "drop some files, or choose a folder.")
    flags = ["--for", purpose]
    for name in (*SINGLE, *LISTS):
        given = body.texts(name) if name in LISTS else [body.text(name, "")]
        for value in filter(None, (one.strip() for one in given)):
            value = str(studio.folders.find(value)) if name in PATHS else value
            flags.append(f"--{name.replace('_', '-')}={value}")
    return [*flags, "--json", *sources]


async def preview(request: Request) -> Response:
    """POST /api/preview: prepare into a hidden folder."""
    studio, body = studio_of(request), await Body.of(request)
    return json_reply(await run_in_threadpool(_preview, studio, body))


def _preview(studio: Studio, body: Body) -> dict[str, Any]:
    name = body.text("name").strip()
    if not NAME.fullmatch(name):
        raise UsageError(
            "The job needs a name.",
            "It becomes the name of a folder: letters, digits, spaces, dots and hyphens.",
            "write a short name, such as letters.",
        )
    _demand_free(studio.folders.home / name)
    given = arguments(studio, body)
    id_ = secrets.token_hex(6)
    folder = studio.folders.state / PREVIEWS / id_
    about, title = {"preview": id_, "name": name}, f"Look at the files for {name}"
    with studio.changing:  # until work names the folder, it looks like one that was left
        with disk_errors(folder):
            make_folder(folder)
        write_json(folder / SOURCES, given)
        work = studio.queue.add("prepare", title, ("prepare", "--into", name, *given), about, folder)
    return shown_work(studio, work)


def _demand_free(folder: Path) -> None:
    if folder.exists():
        raise UsageError(
            f"There is already a folder {folder.name}.", "Existing folders are not changed.", "choose another name."
        )


def _found(studio: Studio, id_: str) -> tuple[Path, Work]:
    """The folder of a preview and its last work."""
    works = [work for work in studio.queue.works() if work.about.get("preview") == id_]
    folder = studio.folders.state / PREVIEWS / id_
    if not works or not re.fullmatch(r"[0-9a-f]{12}", id_) or not folder.is_dir():
        raise NotFound("This preparation is not there any more.", "It was used or discarded.", "open “New job” again.")
    return folder, works[-1]


async def previewed(request: Request) -> Response:
    """GET /api/preview: how far a preview is, and what it found."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        folder, work = _found(studio, field(request, "id"))
        shown: dict[str, Any] = {"work": shown_work(studio, work), "name": work.about["name"]}
        if work.state != "done":
            return shown
        job = folder / work.about["name"]
        result = parse_json(studio.queue.place(work).result())
        return shown | {"result": result} | contents(job)

    return json_reply(await run_in_threadpool(found))


def contents(job: Path) -> dict[str, Any]:
    """What a preparation has made, for a page: first examples, what was left out and why, and private values."""
    values: list[dict[str, Any]] = []
    wordings: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    private = 0
    for row in reviewed.rows(job):
        kind, _ = reviewed.name_of(row)
        private += kind == "value"
        if kind == "value" and len(values) < MAX_VALUES:
            values.append(row | {"version": reviewed.version_of(row)})
        elif kind == "wording" and len(wordings) < SHOWN:
            wordings.append(row | {"version": reviewed.version_of(row)})
        elif kind == "item" and len(listed := dropped if row.get("action") == "dropped" else changed) < SHOWN:
            listed.append(_short(row))
    return {
        "examples": [_short(row) for row in islice(_examples(job), SHOWN)],
        "values": values,
        "more_values": private - len(values),
        "wordings": wordings,
        "dropped": dropped,
        "changed": changed,
        "job_file": _text(job / JOB_FILE),
        "report": _text(job / REPORT),
    }


def _examples(job: Path) -> Iterator[dict[str, Any]]:
    for row in each_value(job / EXAMPLES):
        if isinstance(row, dict):
            yield row


def _short(row: dict[str, Any]) -> dict[str, Any]:
    messages = row.get("messages") or [
        {"role": "user", "content": row.get("prompt", "")},
        {"role": "assistant", "content": row.get("completion", "")},
    ]
    why = [one for one in row.get("why") or () if isinstance(one, dict)]
    return {
        "id": str(row.get("item") or row.get("id") or ""),
        "source": visible(str(row.get("source", ""))),
        "why": [{"kind": str(one.get("kind", "")), "text": str(one.get("text", ""))} for one in why],
        "messages": [
            {"role": str(one.get("role", "")), "content": visible(str(one.get("content", ""))[:4000])}
            for one in messages
            if isinstance(one, dict)
        ],
    }


def _text(path: Path) -> str:
    return read_file(path, MAX_TEXT).decode(errors="replace") if path.is_file() else ""


async def reading(request: Request) -> Response:
    """POST /api/reading: how the tables among the files are understood, before anything is prepared."""
    studio, body = studio_of(request), await Body.of(request)

    def found() -> list[dict[str, Any]]:
        files = [studio.folders.find(path) for path in body.texts("sources")]
        tables = [str(path) for path in files if path.is_file() and path.suffix.lower() in EXAMPLE_FILES]
        names = ("input_column", "output_column", "group_column", "date_column")
        columns = {name: body.text(name, "").strip() for name in names}
        return studio.heavy.ask("reading", files=tables, columns=columns) if tables else []

    return json_reply({"files": await run_in_threadpool(found)})


async def decide(request: Request) -> Response:
    """POST /api/preview/decide: what replaces a private value, or whether it stays; then prepare again."""
    studio, body = studio_of(request), await Body.of(request)

    def again() -> dict[str, Any]:
        folder, work = _found(studio, body.text("id"))
        studio.queue.demand_unprepared("preview", body.text("id"))
        word, key = reviewed.checked_word(body.text("decision")), (body.text("kind"), body.text("key"))

        def change(name: tuple[str, str], row: dict[str, Any] | None) -> dict[str, Any]:
            if row is None:
                raise NotFound("This value is not in the review any more.", "", "reload the page.")
            replaced = {"as": body.text("as")} if word == "edit" else {}
            return row | replaced | {"decision": word} | reviewed.signature()

        reviewed.decide(folder / work.about["name"], [key], change)
        return shown_work(studio, work)

    return json_reply(await run_in_threadpool(again))


async def repeat(request: Request) -> Response:
    """POST /api/preview/again: prepare a preview again, with the decisions that were made."""
    studio, body = studio_of(request), await Body.of(request)

    def again() -> dict[str, Any]:
        folder, work = _found(studio, body.text("id"))
        return shown_work(studio, studio.queue.add("prepare", work.title, work.arguments, work.about, folder))

    return json_reply(await run_in_threadpool(again))


async def create(request: Request) -> Response:
    """POST /api/preview/create: put the prepared job in its place."""
    studio, body = studio_of(request), await Body.of(request)

    def place() -> dict[str, str]:
        folder, work = _found(studio, body.text("id"))
        if work.state != "done":
            raise UsageError("The preparation has not ended well.", "", "wait for it, or begin again.")
        name = work.about["name"]
        _demand_applied(folder / name, work.began)
        target = studio.folders.home / name
        _demand_free(target)
        remember(studio, name, list(map(str, read_json(folder / SOURCES))))
        with disk_errors(target):
            place_folder(folder / name, target)
            shutil.rmtree(folder, ignore_errors=True)
        return {"path": name}

    return json_reply(await run_in_threadpool(place))


def _demand_applied(job: Path, prepared: float) -> None:
    """Raise UsageError if something was decided after the preparation: the examples do not have it."""
    for row in reviewed.rows(job):
        if row.get("by") and datetime.fromisoformat(str(row["at"])).timestamp() > prepared:
            raise UsageError(
                "There are decisions that the examples do not have yet.",
                "They were made after the files had been looked at.",
                "choose “Look at the files again” below the private data, and make the job then.",
            )


def remember(studio: Studio, job: str, given: list[str]) -> None:
    """Remember how a job was prepared, to prepare it again after decisions."""
    path = studio.folders.state / SOURCES
    known = ARGUMENTS.validate_python(read_json(path)) if path.exists() else {}
    write_json(path, known | {job: given})


def remembered(studio: Studio, job: str) -> list[str]:
    """The arguments with which a job was prepared here; empty if it was not."""
    path = studio.folders.state / SOURCES
    return ARGUMENTS.validate_python(read_json(path)).get(job, []) if path.exists() else []


async def prepare_again(request: Request) -> Response:
    """POST /api/prepare: prepare a job again, with the decisions in its review and the examples that were added."""
    studio, body = studio_of(request), await Body.of(request)

    def again() -> dict[str, Any]:
        folder = studio.folders.find_job(body.text("path"))
        job = studio.folders.shown(folder)
        given = remembered(studio, job)
        if not given:
            raise UsageError(
                "The studio does not know from what this job was prepared.",
                "It was prepared in a terminal, or in another folder.",
                "repeat the gradschool prepare command there; it applies the decisions that were made here.",
            )
        added = folder / ADDED
        more = [str(added)] if added.is_file() and str(added) not in given else []
        title = f"Prepare {folder.name} again"
        return shown_work(
            studio, studio.queue.add("prepare", title, ("prepare", "--into", job, *given, *more), {"job": job})
        )

    return json_reply(await run_in_threadpool(again))


ROUTES = [
    Route("/api/preview", previewed),
    Route("/api/preview", preview, methods=["POST"]),
    Route("/api/preview/decide", decide, methods=["POST"]),
    Route("/api/preview/again", repeat, methods=["POST"]),
    Route("/api/preview/create", create, methods=["POST"]),
    Route("/api/reading", reading, methods=["POST"]),
    Route("/api/prepare", prepare_again, methods=["POST"]),
]
