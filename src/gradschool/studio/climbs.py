"""What the pages of a job and of a run ask for: a climb to start, to follow, to stop and to go on with."""

from operator import attrgetter
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.errors import UsageError
from gradschool.files import read_file, sha256, write_text
from gradschool.job import read_job
from gradschool.options import MAIN, options, shown
from gradschool.run import Run
from gradschool.saved_job import JOB_FILE as RUN_FILE
from gradschool.studio.asked import Body, field, number, studio_of
from gradschool.studio.folders import JOB_FILE
from gradschool.studio.recorded import details, live
from gradschool.studio.replies import Conflict, json_reply
from gradschool.studio.start import shown_work
from gradschool.studio.studio import Studio
from gradschool.visible import shortened

MAX_JOB_FILE = 1_000_000  # bytes
MAX_CHANGED = 100  # characters of the changed settings in the title of a climb
NOT_HERE = frozenset({"data.examples"})  # settings that the form does not offer: the job is what names its examples


async def job(request: Request) -> Response:
    """GET /api/job: a job with its settings, its file and its runs."""
    return json_reply(await run_in_threadpool(_job, studio_of(request), field(request, "path")))


def _job(studio: Studio, name: str) -> dict[str, Any]:
    folder = studio.folders.find_job(name)
    file = folder / JOB_FILE
    text, error, settings = read_file(file, limit=MAX_JOB_FILE).decode(errors="replace"), None, []
    about: dict[str, Any] = {}
    try:
        opened = read_job(folder)
        about = {"name": opened.name, "task": opened.settings.task, "metric": opened.settings.goal.metric}
        about |= {"pass_mark": opened.settings.goal.pass_mark, "bases": list(opened.settings.bases)}
        settings = [_setting(option, attrgetter(option.path)(opened.settings)) for option in options()]
    except UsageError as wrong:
        error = wrong.parts
    return {
        "path": studio.folders.shown(folder),
        "folder": str(folder),
        "file": text,
        "hash": sha256(file),
        "error": error,
        "settings": [one for one in settings if one["path"] not in NOT_HERE],
        "prepared": (folder / "prepared.json").is_file(),
        "report": (folder / "report.md").is_file(),
        "files": sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))[:100],
        "runs": [one for one in studio.summaries.all() if one.get("job") == about.get("name")],
        "work": [shown_work(studio, one) for one in studio.queue.works() if one.about.get("job") == name],
    } | about


def _setting(option: Any, value: Any) -> dict[str, Any]:
    return {
        "path": option.path,
        "type": option.type,
        "unit": option.unit,
        "help": option.help,
        "default": "" if option.default in (None, "", ()) else shown(option.default),
        "value": "" if value in (None, "", ()) else shown(value),
        "main": option.path in MAIN or option.path == "base_model",
    }


async def save_job(request: Request) -> Response:
    """POST /api/job: replace job.toml by another text, unless someone else has changed it meanwhile."""
    studio, body = studio_of(request), await Body.of(request)

    def save() -> dict[str, Any]:
        folder = studio.folders.find_job(body.text("path"))
        file = folder / JOB_FILE
        with studio.changing:
            if sha256(file) != body.text("hash"):
                raise Conflict(
                    f"{JOB_FILE} has been changed meanwhile.",
                    "Another tab or an editor has saved it since this page read it.",
                    "copy your text, reload the page, and make your changes again.",
                    read_file(file, limit=MAX_JOB_FILE).decode(errors="replace"),
                )
            write_text(file, body.text("text"))
        return _job(studio, body.text("path"))

    return json_reply(await run_in_threadpool(save))


async def climb(request: Request) -> Response:
    """POST /api/climb: put a climb of a job into the queue, with changed settings; or go on with a run."""
    studio, body = studio_of(request), await Body.of(request)
    if "run" in body.values:
        return json_reply(await run_in_threadpool(_resume, studio, body.text("run")))
    return json_reply(await run_in_threadpool(_climb, studio, body))


def _climb(studio: Studio, body: Body) -> dict[str, Any]:
    folder = studio.folders.find_job(body.text("path"))
    given = body.values.get("settings", {})
    known = {option.path: option for option in options()}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise UsageError("The settings are not texts.", "", "reload the page, and try again.")
    flags: list[str] = []
    overrides: dict[str, Any] = {}
    for path, value in given.items():
        if path not in known:
            raise UsageError(f"There is no setting {path[:80]!r}.", "", "reload the page, and try again.")
        if known[path].default is False:
            flags += [known[path].flag] if value == "true" else []
            continue
        flags.append(f"{known[path].flag}={value}")
        overrides[path] = value.split(",") if known[path].type.startswith("list") else value
    opened = read_job(folder, overrides, "this form")
    path = studio.folders.shown(folder)
    changed = shortened(", ".join(f"{name} = {value}" for name, value in given.items()), MAX_CHANGED)
    title = f"Climb {opened.name}" + (f" with {changed}" if changed else "")
    work = studio.queue.add("climb", title, ("climb", *flags, "--", str(folder)), {"job": path})
    return shown_work(studio, work)


def _resume(studio: Studio, name: str) -> dict[str, Any]:
    folder = studio.folders.find_run(name)
    if any(one.about.get("run") == name and one.state in ("waiting", "running") for one in studio.queue.works()):
        raise UsageError("This run is in the queue already.", "", "look at the queue.")
    run = Run.open(folder)
    about = {"run": name}
    if job_path := _job_path(studio, run):
        about["job"] = job_path
    work = studio.queue.add("climb", f"Go on with {folder.name}", ("climb", "--resume", str(folder)), about)
    return shown_work(studio, work)


def _job_path(studio: Studio, run: Run) -> str:
    """The job of a run as pages name it; empty if it is not in the folders, or not there any more."""
    folder = run.job.folder.resolve()
    there = studio.folders.is_inside(folder) and (folder / JOB_FILE).is_file()
    return studio.folders.shown(folder) if there else ""


async def run(request: Request) -> Response:
    """GET /api/run: what a run has saved, and the work of the studio on it; or the work that is about to begin it."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        name = field(request, "path")
        begins = [one for one in studio.queue.works() if one.about.get("run") == name]
        if begins and begins[-1].state != "done" and not (studio.folders.home / name / RUN_FILE).exists():
            return {"begins": shown_work(studio, begins[-1])}
        folder = studio.folders.find_run(name)
        path = studio.folders.shown(folder)
        works = [shown_work(studio, one) for one in studio.queue.works() if one.about.get("run") == path]
        more = {"details": details(folder), "work": works, "job_path": _job_path(studio, Run.open(folder))}
        return studio.summaries.of(folder) | more

    return json_reply(await run_in_threadpool(found))


async def follow(request: Request) -> Response:
    """GET /api/live: the events of a run from a position on, and what runs."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        folder = studio.folders.find_run(field(request, "path"))
        path = studio.folders.shown(folder)
        mine = [one for one in studio.queue.works() if one.about.get("run") == path]
        work = shown_work(studio, mine[-1]) if mine else None
        return live(folder, number(request, "after")) | {"work": work}

    return json_reply(await run_in_threadpool(found))


ROUTES = [
    Route("/api/job", job),
    Route("/api/job", save_job, methods=["POST"]),
    Route("/api/climb", climb, methods=["POST"]),
    Route("/api/run", run),
    Route("/api/live", follow),
]
