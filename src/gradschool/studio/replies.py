"""Replies of the studio: JSON, pages from templates, and errors that say what, why and what to do."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, Response

from gradschool import errors
from gradschool.errors import GradschoolError, reason_of
from gradschool.visible import visible

STATUS: dict[type[GradschoolError], int] = {
    errors.UsageError: 400,
    errors.DataError: 422,
    errors.TrustError: 403,
    errors.ResourceError: 507,
    errors.RemoteError: 502,
    errors.DamagedError: 422,
    errors.ModelError: 422,
}
BUG = GradschoolError(
    "The studio made a mistake.",
    "This is a bug in gradschool; the terminal of the studio shows it.",
    "reload the page; if it comes again, please report it with what the terminal shows.",
)


class NotFound(errors.UsageError):
    """What is asked for is not there, or not any more."""


class Conflict(errors.UsageError):
    """What is to be changed has been changed by someone else meanwhile."""

    def __init__(self, what: str, why: str, fix: str, now: Any = None) -> None:
        super().__init__(what, why, fix)
        self.now = now  # what is there


class Working(Exception):
    """What is asked for is being computed; `progress` says how far it is, and the page asks again."""

    def __init__(self, progress: Mapping[str, Any]) -> None:
        super().__init__(progress)
        self.progress = progress


def error_reply(error: Exception, *, page: bool = False) -> Response:
    """An error as JSON, or as a page."""
    known = error if isinstance(error, GradschoolError) else _refused(error) if isinstance(error, OSError) else BUG
    status = next((STATUS[kind] for kind in type(known).__mro__ if kind in STATUS), 500)
    status = 404 if isinstance(known, NotFound) else 409 if isinstance(known, Conflict) else status
    if page:
        return page_reply(
            "error", template="error", status=status, title="Error", what=known.what, why=known.why, fix=known.fix
        )
    told: dict[str, Any] = {name: visible(part) for name, part in known.parts.items()}
    if isinstance(known, Conflict):
        told["now"] = known.now
    return json_reply({"error": told}, status)


def _refused(error: OSError) -> errors.ResourceError:
    return errors.ResourceError(
        "A file or folder cannot be used.", reason_of(error), "check that it is there, and that you may use it."
    )


def json_reply(value: Any, status: int = 200) -> Response:
    """A value as JSON; half of a character, which JSON takes and UTF-8 does not, becomes a question mark."""
    content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(content.encode("utf-8", "replace"), status, media_type=JSONResponse.media_type)


def page_reply(name: str, *, template: str = "screen", status: int = 200, **values: Any) -> Response:
    """A page from its template; a screen is filled by the script of its name."""
    return HTMLResponse(_templates().get_template(f"{template}.html.j2").render(page=name, **values), status)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
