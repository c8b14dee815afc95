"""A model server on localhost that replies as a test says."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any


def server(reply: Callable[[dict[str, Any], int], Any], calls: list[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    """A handler: `reply(body, number of the call)` is text to say, (status, headers, bytes), or None to hang up."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each reply waits 40 ms for the client's acknowledgement

        def do_GET(self) -> None:
            listing = {"data": [{"id": "small", "max_model_len": 1234}, {"id": "large", "meta": {"n_ctx": 99}}]}
            self.say(200, {}, json.dumps(listing).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                calls.append({**body, "path": self.path, "key": self.headers.get("Authorization")})
                number = len(calls)
            said = reply(body, number)
            if said is None:
                self.close_connection = True
                return
            if isinstance(said, str):
                choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
                usage = {"prompt_tokens": 7, "completion_tokens": 2}
                said = (200, {}, json.dumps({"choices": [choice], "usage": usage}).encode())
            self.say(*said)

        def say(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler
