"""What the pages of a result ask for: the answers of every rung side by side, the report, and two runs compared."""

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gradschool.errors import UsageError
from gradschool.studio.asked import Body, field, number, studio_of
from gradschool.studio.guard import REPORT_POLICY
from gradschool.studio.heavy import state_of
from gradschool.studio.replies import NotFound, json_reply
from gradschool.studio.start import shown_work
from gradschool.studio.studio import Studio

PAGE = 20  # questions in one reply
REPORT = "report.html"


async def answers(request: Request) -> Response:
    """GET /api/answers: the verdict as verified, and a page of the questions that fit the filters."""
    studio = studio_of(request)
    return json_reply(await run_in_threadpool(_answers, studio, request))


def _answers(studio: Studio, request: Request) -> dict[str, Any]:
    folder = studio.folders.find_run(field(request, "path"))
    first, *questions = studio.heavy.kept(("result", folder, state_of(folder)), "result", run=str(folder))
    wanted = field(request, "show", "all")
    words = field(request, "search", "").lower().split()
    rung = field(request, "rung", "") or first["chosen"]
    kind = field(request, "failure", "")
    fitting = [one for one in questions if _fits(one, wanted, rung, first["rungs"]) and _has(one, words, kind)]
    page = number(request, "page")
    return first | {
        "total": len(questions),
        "fitting": len(fitting),
        "counts": {name: sum(_fits(one, name, rung, first["rungs"]) for one in questions) for name in FILTERS},
        "questions": fitting[page * PAGE : (page + 1) * PAGE],
        "pages": -(-len(fitting) // PAGE),
    }


FILTERS = ("all", "failed", "wrong", "right", "better", "worse")


def _fits(question: Mapping[str, Any], wanted: str, rung: str, rungs: list[str]) -> bool:
    """Whether a question belongs to a filter, by the answer of a rung and, for two of them, that of the first rung."""
    values = {one["rung"]: one["value"] for one in question["answers"]}
    value = values.get(rung)
    before = values.get(rungs[0]) if rungs else None
    match wanted:
        case "failed":
            return any(one["failure"] for one in question["answers"] if one["rung"] == rung)
        case "wrong":
            return value is not None and value < 1
        case "right":
            return value == 1
        case "better":
            return value is not None and before is not None and value > before
        case "worse":
            return value is not None and before is not None and value < before
    return True


def _has(question: Mapping[str, Any], words: list[str], kind: str) -> bool:
    """Whether a question or its answers have these words, and an answer failed in this way, if one is named."""
    if kind and not any(one["failure"].startswith(f"{kind}:") for one in question["answers"]):
        return False
    if not words:
        return True
    texts = [question["question"], question["ideal"], question["id"], *(one["text"] for one in question["answers"])]
    text = "\n".join(texts).lower()
    return all(word in text for word in words)


async def compare(request: Request) -> Response:
    """GET /api/compare: two runs, the difference of their scores, and what differs between them."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        names = field(request, "a"), field(request, "b")
        one, other = (studio.folders.find_run(name) for name in names)
        if one == other:
            raise UsageError("Both are the same run.", "", "choose two runs.")
        key = ("compare", one, other, state_of(one), state_of(other))
        first, *rows = studio.heavy.kept(key, "compare", first=str(one), second=str(other))
        runs = [studio.summaries.of(folder) for folder in (one, other)]
        page = number(request, "page")
        return first | {
            "runs": runs,
            "rows": rows[page * PAGE : (page + 1) * PAGE],
            "pages": -(-len(rows) // PAGE),
            "total": len(rows),
        }

    return json_reply(await run_in_threadpool(found))


async def write_report(request: Request) -> Response:
    """POST /api/report: write the page of a run that can be given to others, which takes its turn in the queue."""
    studio, body = studio_of(request), await Body.of(request)
    folder = studio.folders.find_run(body.text("path"))
    about = {"run": studio.folders.shown(folder)}
    work = await run_in_threadpool(
        studio.queue.add, "report", f"Report of {folder.name}", ("report", "--", str(folder)), about
    )
    return json_reply(shown_work(studio, work))


async def report(request: Request) -> Response:
    """GET /report: the page of a run, kept apart from the studio: it can neither ask it for anything nor leave."""
    folder = studio_of(request).folders.find_run(field(request, "path"))
    if not (folder / REPORT).is_file() or (folder / REPORT).is_symlink():
        raise NotFound("This run has no report yet.", "", "go back, and choose “Write the report”.")
    return FileResponse(folder / REPORT, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})


ROUTES = [
    Route("/api/answers", answers),
    Route("/api/compare", compare),
    Route("/api/report", write_report, methods=["POST"]),
    Route("/report", report),
]
