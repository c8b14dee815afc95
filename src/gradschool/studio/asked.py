"""What a request asks for: its fields, with an error for each that is missing or of another type."""

from typing import Any

from starlette.requests import ClientDisconnect, Request

from gradschool.errors import UsageError
from gradschool.json_text import parse_json
from gradschool.studio.studio import Studio

MAX_BODY = 4_000_000  # bytes of a request in JSON; files are uploaded in another way
RELOAD = "reload the page, and try again."


def studio_of(request: Request) -> Studio:
    """The studio that a request is for."""
    found: Studio = request.app.state.studio
    return found


def field(request: Request, name: str, default: str | None = None) -> str:
    """A field of the address."""
    value = request.query_params.get(name, default)
    if value is None:
        raise UsageError(f"The address lacks {name!r}.", "", RELOAD)
    return value


def number(request: Request, name: str, default: int = 0) -> int:
    """An integer in the address."""
    text = request.query_params.get(name, str(default))
    try:
        return min(max(int(text[:12]), 0), 10**11)
    except ValueError as error:
        raise UsageError(f"{name} is not a number.", f"It is {text[:40]!r}.", RELOAD) from error


class Body:
    """The body of a request: an object in JSON."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    @classmethod
    async def of(cls, request: Request) -> "Body":
        """Read it, within bounds."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise UsageError("The request is not JSON.", "", RELOAD)
        content = b""
        try:
            async for part in request.stream():
                content += part
                if len(content) > MAX_BODY:
                    raise UsageError(
                        "The request is too large.", f"It may have {MAX_BODY // 10**6} MB.", "shorten the text."
                    )
            values = parse_json(content)
        except ClientDisconnect as error:
            raise UsageError("The request did not arrive completely.", "", RELOAD) from error
        except ValueError as error:
            raise UsageError("The request cannot be read as JSON.", "", RELOAD) from error
        if not isinstance(values, dict):
            raise UsageError("The request is not an object.", "", RELOAD)
        return cls(values)

    def text(self, name: str, default: str | None = None) -> str:
        """A text."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise UsageError(f"{name!r} must be a text.", "", RELOAD)
        return value.encode("utf-8", "replace").decode()  # half of a character fits into no file

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty if it is not there."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise UsageError(f"{name!r} must be a list of texts.", "", RELOAD)
        return [one.encode("utf-8", "replace").decode() for one in value]

    def flag(self, name: str) -> bool:
        """True or false; false if it is not there."""
        return self.values.get(name) is True

    def integer(self, name: str, default: int) -> int:
        """An integer."""
        value = self.values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"{name!r} must be an integer.", "", RELOAD)
        return value
