"""Errors of a request, in the format that OpenAI's clients understand."""

from typing import Any

from gradschool.errors import GradschoolError, ModelError, RemoteError, ResourceError
from gradschool.visible import visible

INVALID_REQUEST, SERVER_ERROR = "invalid_request_error", "server_error"
CLOSE_AFTER = (408, 413, 500)  # the connection is closed after these: the rest of the request may still be in it
RETRY = {"Retry-After": "1"}  # seconds; clients with automatic retries read it


class HTTPError(Exception):
    """A request that gets no answer: its HTTP status, a message, and the other fields of OpenAI's error object."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None, kind: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.kind = kind or (INVALID_REQUEST if status < 500 else SERVER_ERROR)
        self.headers = RETRY if status == 503 else {"Connection": "close"} if status in CLOSE_AFTER else {}

    def body(self) -> dict[str, Any]:
        """The response body with OpenAI's error object; what clients sent is shown with all characters visible."""
        return {"error": {"message": visible(self.message), "type": self.kind, "param": self.param, "code": self.code}}


def overloaded(waiting: int) -> HTTPError:
    """The error for a request that finds the queue full."""
    return HTTPError(503, f"The queue is full: {waiting} requests are waiting. Try again later.", code="overloaded")


def shutting_down() -> HTTPError:
    """The error for requests that arrive, or are not finished, while the server shuts down."""
    return HTTPError(503, "The server is shutting down.", code="shutting_down")


def timed_out(seconds: float) -> HTTPError:
    """The error for an answer that exceeds the time limit."""
    return HTTPError(504, f"The answer was not finished within {seconds:g} seconds.", code="timeout")


def too_long(tokens: int, context_length: int) -> HTTPError:
    """The error for a prompt that leaves no space for an answer in the context."""
    message = f"The prompt has at least {tokens} tokens; prompt and answer together may have at most {context_length}."
    return HTTPError(400, message, param="messages", code="context_length_exceeded")


def invalid(field: str, why: str) -> HTTPError:
    """The error for a field of a request that has a wrong value."""
    return HTTPError(400, f"{field}: {why}.", param=field, code="invalid_value")


def unsupported(field: str, why: str, fix: str) -> HTTPError:
    """The error for a field that this server takes, but not for the specialist or together with another field."""
    return HTTPError(400, f"{field} is not supported here: {why} {fix}", param=field, code="unsupported_parameter")


def no_log_probs(why: str) -> HTTPError:
    """The error for a base that does not report log-probabilities."""
    return unsupported("logprobs", why, "Leave out logprobs and top_logprobs.")


def http_error_of(error: GradschoolError) -> HTTPError:
    """The HTTP error for an error of the engine or of retrieval."""
    message = " ".join(part for part in (error.what, error.why) if part)
    if isinstance(error, ModelError):  # the chat template rejects these turns
        return HTTPError(400, message, param="messages")
    if isinstance(error, RemoteError):
        return HTTPError(502, message, code="bad_gateway")
    if isinstance(error, ResourceError):
        return HTTPError(503, message, code="out_of_resources")
    return HTTPError(500, message)
