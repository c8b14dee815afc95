"""The pages: each is a frame from a template, which its script fills with what it asks the studio for."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.studio.asked import studio_of
from gradschool.studio.replies import page_reply

TITLES = {  # by their names, which are those of their templates and scripts
    "start": "Start",
    "new": "New job",
    "job": "Job",
    "examples": "Examples",
    "run": "Run",
    "answers": "Answers",
    "compare": "Compare",
    "talk": "Talk",
    "ship": "Ship",
    "queue": "Queue",
}


def page(name: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler of a page."""

    async def show(request: Request) -> Response:
        folders = studio_of(request).folders
        return page_reply(name, title=TITLES[name], home=str(folders.home), path=request.query_params.get("path", ""))

    return show


ROUTES = [Route("/" if name == "start" else f"/{name}", page(name)) for name in TITLES]
