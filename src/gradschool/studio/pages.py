"""The pages: each is a frame from a template, which its script fills with what it asks the studio for."""

import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.studio.asked import studio_of
from gradschool.studio.replies import page_reply
from gradschool.visible import ACTING

TITLES = {  # by their names, which are those of their templates and scripts
    "start": "Start",
    "new": "New job",
    "job": "Job",
    "examples": "Examples",
    "run": "Run",
    "answers": "Result",
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


VISIBLE = """// Text in which characters that act or hide are written as in JSON, by the pattern of visible.py.
const ACTING = new RegExp(%s, "gu");
const escaped = (unit) => `\\\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
export const visible = (text) => text.replace(ACTING, (found) => found.split("").map(escaped).join(""));
"""


async def visible_script(request: Request) -> Response:
    """GET /static/visible.js: `visible` for the pages; the pattern is stated once."""
    return Response(VISIBLE % json.dumps(ACTING.pattern), media_type="text/javascript")


ROUTES = [Route("/static/visible.js", visible_script)]
ROUTES += [Route("/" if name == "start" else f"/{name}", page(name)) for name in TITLES]
