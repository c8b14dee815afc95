"""What the start page and the queue ask for: jobs, runs and work; and what they do with work."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.errors import UsageError
from gradschool.studio.asked import Body, studio_of
from gradschool.studio.processes import find_process, memory_of
from gradschool.studio.replies import json_reply
from gradschool.studio.studio import Studio
from gradschool.studio.work import Work
from gradschool.visible import visible

LAST_WORDS = 4_000  # characters of what work said, in the list


def shown_work(studio: Studio, work: Work, most: int = LAST_WORDS) -> dict[str, Any]:
    """Work as pages show it, with the end of what it said."""
    process = find_process(work.pid, work.born) if work.state == "running" else None
    return {
        "id": work.id,
        "kind": work.kind,
        "title": work.title,
        "state": "stopping" if work.stopping and work.state == "running" else work.state,
        "about": work.about,
        "asked": work.asked,
        "began": work.began,
        "ended": work.ended,
        "code": work.code,
        "said": visible(studio.queue.place(work).tail(most)),
        "memory": memory_of(process),
    }


async def overview(request: Request) -> Response:
    """GET /api/overview: jobs, runs and work."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        return {
            "folders": [str(root) for root in studio.folders.roots],
            "jobs": studio.folders.jobs(),
            "runs": studio.summaries.all(),
            "work": [shown_work(studio, work) for work in studio.queue.works()],
            "problem": studio.queue.problem,
        }

    return json_reply(await run_in_threadpool(found))


async def queue(request: Request) -> Response:
    """GET /api/queue: all work."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        works = [shown_work(studio, work) for work in studio.queue.works()]
        return {"work": works, "problem": studio.queue.problem}

    return json_reply(await run_in_threadpool(found))


async def work(request: Request) -> Response:
    """GET /api/work/ID: one work, with more of what it said."""
    studio = studio_of(request)
    found = studio.queue.find(request.path_params["id"])
    return json_reply(await run_in_threadpool(shown_work, studio, found, 100_000))


async def change_work(request: Request) -> Response:
    """POST /api/work/ID: stop, forget or move work."""
    studio, id_ = studio_of(request), request.path_params["id"]
    action = (await Body.of(request)).text("action")
    if action == "stop":
        await run_in_threadpool(studio.queue.stop, id_)
    elif action == "forget":
        await run_in_threadpool(studio.queue.forget, id_)
        await run_in_threadpool(studio.clear_previews)
    elif action in ("earlier", "later"):
        await run_in_threadpool(studio.queue.move, id_, -1 if action == "earlier" else 1)
    else:
        raise UsageError("Nothing like this can be done with work.", "", "reload the page, and try again.")
    return await queue(request)


ROUTES = [
    Route("/api/overview", overview),
    Route("/api/queue", queue),
    Route("/api/work/{id}", work),
    Route("/api/work/{id}", change_work, methods=["POST"]),
]
