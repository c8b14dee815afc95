"""Why a request gets no answer, in the form that OpenAI's clients understand."""

from typing import Any

from gradschool.errors import GradschoolError, ModelError, RemoteError, ResourceError

INVALID, OURS = "invalid_request_error", "server_error"
LAST = (408, 413, 500)  # behind these the connection is not used any more
SOON = {"Retry-After": "1"}  # seconds; clients that try again by themselves read it


class HTTPError(Exception):
    """A request that is not answered: the HTTP status, a sentence, and what OpenAI's error object holds beside it."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None, kind: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.kind = kind or (INVALID if status < 500 else OURS)
        self.headers = SOON if status == 503 else {"Connection": "close"} if status in LAST else {}

    def body(self) -> dict[str, Any]:
        """The error object."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def overloaded(waiting: int) -> HTTPError:
    """The refusal of a request that finds the queue full."""
    return HTTPError(503, f"{waiting} requests are waiting already; try again soon.", code="overloaded")


def closing() -> HTTPError:
    """The refusal of what comes, or is not done, while the server ends."""
    return HTTPError(503, "The server is shutting down.", code="shutting_down")


def too_slow(seconds: float) -> HTTPError:
    """The refusal of a request whose answer takes too long."""
    return HTTPError(504, f"The answer was not done within {seconds:g} seconds.", code="timeout")


def too_long(tokens: int, context_length: int) -> HTTPError:
    """The refusal of a question that the base cannot read whole."""
    message = f"The question takes {tokens} tokens; at most {context_length} are read, the answer included."
    return HTTPError(400, message, param="messages", code="context_length_exceeded")


def http_error_of(error: GradschoolError) -> HTTPError:
    """The refusal for an error that came up while a question was prepared or answered."""
    message = " ".join(part for part in (error.what, error.why) if part)
    if isinstance(error, ModelError):  # the chat template does not take these turns
        return HTTPError(400, message, param="messages")
    if isinstance(error, RemoteError):
        return HTTPError(502, message, code="bad_gateway")
    if isinstance(error, ResourceError):
        return HTTPError(503, message, code="out_of_resources")
    return HTTPError(500, message)
