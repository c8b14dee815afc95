"""Leave a hosted model: a server on this machine is the old model, and its logged answers are the mark of a climb.

    .venv/bin/python docs/old_model.py FOLDER

The server has two models, which know the ideal answers of examples/contracts and err on purpose. `hosted` is what you
have now: a field is wrong in one of twelve answers. `small` is the new base: it errs as rarely, but only if it is told
the task. The script asks `hosted` all questions, writes the calls as a log, checks a job with this log as its
incumbent, and climbs it.
"""

import hashlib
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

import gradschool
from gradschool.package.verdicts import decided

CONTRACTS = Path(__file__).parents[1] / "examples" / "contracts"
ONE_OF = 12  # answers, one of which is wrong
JOB = """# The old model's answers are the mark: a rung passes when it is proven to be at most 0.1 worse.
base_model = "{address}"
model = "small"
task = "Answer with one JSON object with the keys topic, who, time and money."

[data]
examples = "examples.jsonl"

[goal]
metric = "json_fields"
incumbent = "calls.jsonl"
margin = 0.1

[prompt]
shots = [0]
"""


def rows(file: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@contextmanager
def old_server(ideal: dict[str, str]) -> Iterator[str]:
    """A server on this machine with both models; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each reply waits 40 ms for the client's acknowledgement

        def do_GET(self) -> None:
            self.reply({"data": [{"id": "hosted"}, {"id": "small"}]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = {"role": "assistant", "content": said(asked, ideal)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.reply({"object": "chat.completion", "model": asked["model"], "choices": [choice]})

        def reply(self, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def said(asked: dict[str, Any], ideal: dict[str, str]) -> str:
    """What a model answers to a request."""
    question = asked["messages"][-1]["content"]
    told = any(message["role"] == "system" for message in asked["messages"])
    if asked["model"] == "small" and not told:
        return "This clause says what each side has to do."
    answer = json.loads(ideal[question])
    digest = hashlib.sha256(f"{asked['model']}: {question}".encode()).digest()
    if digest[0] * ONE_OF < 256:
        answer["who"] = "nobody"
    return json.dumps(answer, ensure_ascii=False)


def log_calls(address: str, questions: list[str], file: Path) -> None:
    """Ask the old model each question, and log each request with its response, as many programs do."""
    with httpx.Client() as client, file.open("w", encoding="utf-8") as log:
        for question in questions:
            request = {"model": "hosted", "messages": [{"role": "user", "content": question}]}
            response = client.post(f"{address}/chat/completions", json=request).json()
            log.write(json.dumps({"request": request, "response": response}, ensure_ascii=False) + "\n")


def leave(folder: Path) -> gradschool.Climbed:
    """Write the job with the old model's answers into a folder, check it, and climb it."""
    folder.mkdir(parents=True)
    shutil.copyfile(CONTRACTS / "examples.jsonl", folder / "examples.jsonl")
    ideal = {row["prompt"]: row["completion"] for row in rows(CONTRACTS / "examples.jsonl")}
    with old_server(ideal) as address:
        log_calls(address, list(ideal), folder / "calls.jsonl")
        (folder / "job.toml").write_text(JOB.format(address=address), encoding="utf-8")
        checked = gradschool.check(folder)
        assert checked.margin is not None
        print(f"Before the climb: {checked.margin.sentence()}")
        climbed = gradschool.climb(folder, run=folder / "run")
    for result in climbed.results:
        print(f"{result.rung}: {decided(result.report) if result.report else 'skipped'}")
    return climbed


if __name__ == "__main__":
    leave(Path(sys.argv[1]))
