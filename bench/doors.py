"""The doors by which files of others come in: valid samples for each, and the functions that open them."""

import asyncio
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from bench import samples, samples_of_images, samples_of_models, samples_of_people
from bench.samples import Sample
from gradschool.bounded import Limits
from gradschool.cli.questions import read_questions
from gradschool.climbing import climb
from gradschool.data.check import check
from gradschool.data.documents import read_document
from gradschool.data.read import read_examples
from gradschool.errors import DataError, GradschoolError
from gradschool.examine import examine
from gradschool.ground.index import Index
from gradschool.images.bounds import BadImage
from gradschool.images.decode import decoded
from gradschool.images.likeness import likeness
from gradschool.job import read_job
from gradschool.model.adapter import read_adapter
from gradschool.model.fake import FakeEngine
from gradschool.model.gguf_base import folder_of_gguf
from gradschool.model.gguf_cache import remove
from gradschool.model.gguf_config import config_of_gguf
from gradschool.model.gguf_file import read_gguf
from gradschool.model.local import LocalEngine
from gradschool.model.memory import parameters_of
from gradschool.model.rendering import Renderer
from gradschool.model.template import Refused
from gradschool.package.bundle import carry, open_specialist
from gradschool.package.evidence import read_evidence
from gradschool.package.manifest import read_manifest
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.prepare import prepare
from gradschool.records import Decoding, Message
from gradschool.report.page import page
from gradschool.rescore import score_specialist
from gradschool.run import Run, allow_run
from gradschool.runs import compare_runs, summary_of
from gradschool.serve.app import make_app
from gradschool.serve.service import ServedBase, ServedModel, Service
from gradschool.serve.threads import ThreadScheduler
from gradschool.settings import Data, Purpose
from gradschool.specialist import Recipe, Specialist

T = TypeVar("T")
LOW = Limits(seconds=3, seconds_per_mb=1, memory=600_000_000, waiting=60.0)
FINE = (200, 204, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 503)
QUESTION = (Message("user", "Where is it?"),)


@dataclass(frozen=True)
class Door:
    """A door: `samples` makes its samples, with a temporary folder; `enter` opens the path of one."""

    name: str
    samples: Callable[[Path], list[Sample]]
    enter: Callable[[Path], None]


def _result(work: Generator[Any, None, T]) -> T:
    """The result of long work."""
    while True:
        try:
            str(next(work))
        except StopIteration as end:
            result: T = end.value
            return result


def _examples(path: Path) -> None:
    checked = check(read_examples(path, Data()))
    str([*map(str, checked.issues)]).encode()


def _questions(path: Path) -> None:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        json.dumps([question.conversation[-1].content for question in read_questions(lines) if question.conversation])


def _image(path: Path) -> None:
    """As the child that tries images does it, in this process."""
    try:
        likeness(decoded(path.read_bytes()))
    except BadImage as error:
        raise DataError(path.name, str(error)) from error


def _document(path: Path) -> None:
    _result(read_document(path.name, path, limits=LOW)).text.encode()


def _prepared(purpose: Purpose, **more: Any) -> Callable[[Path], None]:
    def enter(path: Path) -> None:
        sources = [path] if path.is_file() else [*path.iterdir()]
        given = path if path.name == "given" else path.parent
        _result(prepare(sources, PrepareOptions(purpose, **more), given.parent / "into"))

    return enter


def _specialist(folder: Path) -> None:
    specialist = _result(open_specialist(folder))
    [*specialist.answer([QUESTION])]
    read_evidence(folder, read_manifest(folder))
    questions = folder.parent / "more.jsonl"
    questions.write_text(samples.json_lines(samples.PAIRS[:2]))
    try:
        _result(score_specialist(folder, questions, None, None))
    finally:
        questions.unlink()
    _result(carry(folder, folder.parent / "into", with_base=False))


def _base(folder: Path) -> None:
    engine = LocalEngine(folder, name="base")
    assert engine.identity.weights
    [*engine.answer([QUESTION], Decoding(max_new_tokens=2))]


def _gguf(file: Path) -> None:
    """Convert it, after it is listed and measured as `bases` and `fit` do."""
    parameters_of(config_of_gguf(read_gguf(file)))
    folder = _result(folder_of_gguf(file))
    try:
        _base(folder)
    finally:
        remove(folder)


@cache
def _network() -> Any:
    return samples_of_models.network()


def _adapter(folder: Path) -> None:
    read_adapter(_network(), folder)


def _template(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    renderer = Renderer(text, replace(LOW, seconds=1, memory=200_000_000))
    for count in (1, 5):
        turns = [{"role": ("user", "assistant")[n % 2], "content": f"Say {n}."} for n in range(count)]
        try:
            renderer.render(turns, {"add_generation_prompt": True}).encode("utf-8", "surrogatepass")
        except Refused as error:
            raise GradschoolError(str(error)) from error


def _job(folder: Path) -> None:
    job = read_job(folder)
    if job.settings.base_model == "fake":  # the others have doors of their own
        _result(examine(job, rows=1))


def _resumed(folder: Path) -> None:
    allow_run(folder)
    with Run.open(folder) as run:
        _result(climb(run))


def _index(folder: Path) -> None:
    Index.open(folder).search("What does a box cost?", 3)


def _prepared_again(folder: Path) -> None:
    _result(prepare([folder / "mails"], PrepareOptions("style", authors=("anna@example.org",)), folder / "into"))


def _run(folder: Path) -> None:
    summary_of(folder)
    run = Run.open(folder)
    page(run)
    compare_runs(folder, folder)
    with run:
        run.results()


@cache
def _served() -> Any:
    specialist = Specialist(FakeEngine(context_length=64), Recipe(decoding=Decoding(max_new_tokens=8)))
    base = ServedBase(ThreadScheduler(specialist.engine, 2, None))
    return make_app(Service({"echo": ServedModel("echo", specialist, base)}), origins=("http://a.example",))


def _server(folder: Path) -> None:
    """Send a request as a server of ASGI passes it on: names and values of headers are any bytes."""
    body = (folder / "body.json").read_bytes()
    try:
        request = json.loads((folder / "request.json").read_bytes())
        method, path, headers = str(request["method"]), str(request["path"]), dict(request["headers"])
        path = path.encode("utf-8", "replace").decode()  # as uvicorn decodes it
    except (ValueError, LookupError, TypeError, RecursionError):
        return  # no server would pass it on
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "query_string": b"",
        "method": method,
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "root_path": "",
        "client": ("127.0.0.1", 9),
        "server": ("127.0.0.1", 8000),
        "headers": [(_bytes(name).lower(), _bytes(value)) for name, value in headers.items()],
    }
    status = asyncio.run(_answer(scope, body))
    if status not in FINE:
        raise AssertionError(f"{method} {path} was answered with the status {status}")
    if status >= 400:
        raise GradschoolError(f"It was refused with the status {status}.")


async def _answer(scope: dict[str, Any], body: bytes) -> int:
    """The status of the answer; the body comes in pieces, and then the client is gone."""
    pieces: Iterator[bytes] = iter([*(body[at : at + 1000] for at in range(0, len(body), 1000)), b""])
    statuses = []

    async def receive() -> dict[str, Any]:
        piece = next(pieces, None)
        if piece is None:
            await asyncio.sleep(20)
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    async def send(message: dict[str, Any]) -> None:
        statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

    await _served()(scope, receive, send)
    return int(statuses[0])


def _bytes(value: object) -> bytes:
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "surrogatepass")[:8000]


DOORS = (
    Door("examples", samples.examples, _examples),
    Door("questions", samples.examples, _questions),
    Door("images", samples_of_images.images, _image),
    Door("image-rows", samples_of_images.rows, _examples),
    Door("documents", samples.documents, _document),
    Door("mails", samples_of_people.mails, _prepared("style", authors=("anna@example.org",))),
    Door("chats", samples_of_people.chats, _prepared("persona", agents=("Help desk", "Agent", "assistant", "Desk"))),
    Door("archives", samples_of_people.archives, _prepared("skill")),
    Door("jobs", samples_of_models.jobs, _job),
    Door("prepared", samples_of_people.prepared, _prepared_again),
    Door("runs", samples_of_models.runs, _run),
    Door("resumed", samples_of_models.unfinished, _resumed),
    Door("indexes", samples_of_models.indexes, _index),
    Door("specialists", samples_of_models.specialists, _specialist),
    Door("adapters", samples_of_models.adapters, _adapter),
    Door("bases", samples_of_models.bases, _base),
    Door("gguf", samples_of_models.ggufs, _gguf),
    Door("templates", samples_of_models.templates, _template),
    Door("server", samples_of_models.bodies, _server),
)
