"""Ship a specialist: export it, compare each form with it, copy the commands of other programs, and serve it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.errors import GradschoolError, UsageError
from gradschool.files import read_file, read_json
from gradschool.json_text import parse_json, parse_toml
from gradschool.run import MANIFEST, PACKED
from gradschool.settings import NUMBER_FORMAT, ExportForm, NumberFormat
from gradschool.studio.asked import Body, field, studio_of
from gradschool.studio.replies import json_reply
from gradschool.studio.start import shown_work
from gradschool.studio.studio import Studio
from gradschool.studio.work import ENDED, Work

EXPORTS, PARITY, CARD, OUTPUT = "exports", "parity.json", "README.md", "--output"
ADDRESS = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}(?=/v1)")
ABOUT = {  # forms of exports in words
    "ollama": "for Ollama: one GGUF file with a Modelfile",
    "gguf": "for llama.cpp and LM Studio: one GGUF file",
    "merged": "for transformers and vLLM: a model folder",
    "adapter": "for PEFT and vLLM: only what was trained",
    "gguf-adapter": "for llama.cpp with the very file that the base was read from: only what was trained",
}
MAX_CARD = 1_000_000  # bytes


async def overview(request: Request) -> Response:
    """GET /api/ship: the exports of a specialist, its servers, and the work on both."""
    studio = studio_of(request)

    def found() -> dict[str, Any]:
        run = studio.folders.find_specialist(field(request, "path"))
        path = studio.folders.shown(run)
        works = [work for work in studio.queue.works() if work.about.get("run") == path]
        exports = [_exported(studio, work) for work in works if work.kind == "export"]
        servers = [_served(studio, work) for work in works if work.kind == "serve"]
        return {
            "specialist": str(run / PACKED),
            "server": _server_of(run / PACKED / MANIFEST),
            "forms": [{"form": form, "about": ABOUT[form]} for form in ABOUT if form in get_args(ExportForm)],
            "formats": list(get_args(NumberFormat)),
            "format": NUMBER_FORMAT,
            "exports": exports,
            "servers": servers,
        }

    return json_reply(await run_in_threadpool(found))


def _server_of(manifest: Path) -> str:
    """The address of the server that has the base of a specialist; empty for weights here, or if it cannot be read.

    `package/manifest.py` reads more of it, and imports torch.
    """
    try:
        base = parse_toml(read_file(manifest, MAX_CARD))["base"]
        return str(base["address"]) if base["kind"] == "remote" else ""
    except (GradschoolError, LookupError, TypeError, ValueError):
        return ""


def _exported(studio: Studio, work: Work) -> dict[str, Any]:
    """An export with its parity table and the commands of its card."""
    shown = shown_work(studio, work)
    try:
        result = parse_json(studio.queue.place(work).result() or b"{}")
    except ValueError:  # it was killed while it wrote
        result = {}
    folder = result.get("folder") if isinstance(result, dict) else None
    place = Path(work.folder, folder) if isinstance(folder, str) else None
    there = place is not None and (place / PARITY).is_file()
    return shown | {
        "folder": str(place) if there else "",
        "gone": bool(place) and not there,
        "table": result.get("table", []) if isinstance(result, dict) else [],
        "environment": read_json(place / PARITY).get("environment", {}) if place and there else {},
        "commands": list(_commands(place)) if place and there else [],
    }


def _commands(folder: Path) -> Iterator[dict[str, str]]:
    """The shell commands in the card of an export, each with the line before it; run them in its folder."""
    card, block, said = folder / CARD, None, ""
    for line in read_file(card, MAX_CARD).decode(errors="replace").splitlines() if card.is_file() else ():
        if block is None:
            block = "" if line.strip() == "```sh" else None
            said = line.replace("`", "") if line.strip() and not line.startswith("```") else said
        elif line.strip() == "```":
            yield {"for": said, "command": block.strip()}
            block = None
        else:
            block += f"{line}\n"
    for file in sorted(folder.glob("*.gguf")):
        if not file.stem.endswith("-LoRA"):  # LM Studio opens models, and this is only what was trained
            yield {"for": "In LM Studio:", "command": f"lms import {file}"}


def _served(studio: Studio, work: Work) -> dict[str, Any]:
    """A server with its address, once it listens."""
    said = studio.queue.place(work).result().decode(errors="replace")
    address = ADDRESS.search(said)
    curl = next((line.strip() for line in said.splitlines() if line.strip().startswith("curl ")), "")
    return shown_work(studio, work) | {"address": f"{address[0]}/v1" if address else "", "curl": curl}


async def export(request: Request) -> Response:
    """POST /api/export: put an export into the queue."""
    studio, body = studio_of(request), await Body.of(request)
    return json_reply(await run_in_threadpool(_export, studio, body))


def _export(studio: Studio, body: Body) -> dict[str, Any]:
    run, form = studio.folders.find_specialist(body.text("path")), body.text("to")
    fmt = body.text("format", NUMBER_FORMAT)
    if form not in get_args(ExportForm) or fmt not in get_args(NumberFormat):
        raise UsageError("There is no such form.", "", "choose one of the list.")
    gguf = form in ("gguf", "ollama")
    more = ["--smallest"] if gguf and body.flag("smallest") else [f"--format={fmt}"] if gguf else []
    studio.folders.demand_inside(studio.folders.home / EXPORTS)
    with studio.changing:  # of two requests, the second one sees the folder of the first
        output = _free(studio.folders.home / EXPORTS / f"{run.name}-{form}", _taken(studio))
        arguments = ("export", "--to", form, *more, OUTPUT, str(output), "--json", "--", str(run))
        about = {"run": studio.folders.shown(run)}
        work = studio.queue.add("export", f"Export {run.name} as {form}", arguments, about)
    return shown_work(studio, work)


def _taken(studio: Studio) -> set[str]:
    """The folders into which exports will write that wait or run."""
    works = [work for work in studio.queue.works() if work.kind == "export" and work.state not in ENDED]
    return {work.arguments[work.arguments.index(OUTPUT) + 1] for work in works if OUTPUT in work.arguments}


def _free(folder: Path, taken: set[str]) -> Path:
    """A folder of this name that is not there yet, and will not be."""
    number, free = 1, folder
    while free.exists() or str(free) in taken:
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


async def serve(request: Request) -> Response:
    """POST /api/serve: start a server of a specialist on a free port."""
    studio, body = studio_of(request), await Body.of(request)
    run = studio.folders.find_specialist(body.text("path"))
    about = {"run": studio.folders.shown(run)}
    arguments = ("serve", "--port", "0", "--", str(run))
    work = await run_in_threadpool(studio.queue.add, "serve", f"Serve {run.name}", arguments, about)
    return json_reply(shown_work(studio, work))


ROUTES = [
    Route("/api/ship", overview),
    Route("/api/export", export, methods=["POST"]),
    Route("/api/serve", serve, methods=["POST"]),
]
