"""Files that the user brings: uploaded into a folder of the first named one, or chosen where they are."""

import asyncio
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gradschool.durable import FILE_MODE, make_folder, replace_file, temporary_file
from gradschool.errors import ResourceError, UsageError
from gradschool.files import disk_errors
from gradschool.studio.asked import Body, field, studio_of
from gradschool.studio.folders import MAX_FOUND, Folders
from gradschool.studio.replies import json_reply
from gradschool.visible import visible

UPLOADS = "uploads"  # in the first folder, with a folder for each visit of the page
BATCH = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
UNUSABLE = re.compile(r"[\x00-\x1f\x7f/\\]")
MAX_NAME = 200  # bytes
RESERVE = 500_000_000  # bytes of the disk that an upload leaves free
AT_ONCE = 1 << 20  # bytes that are written together


def safe_name(name: str) -> str:
    """The name under which an uploaded file is saved; raises UsageError for one that no file can have."""
    name = UNUSABLE.sub("_", name.rpartition("/")[2]).strip().lstrip(".")
    if not name or len(name.encode("utf-8", "replace")) > MAX_NAME or visible(name) != name:
        raise UsageError(
            "The file has a name that cannot be used.",
            f"It is empty, hidden, longer than {MAX_NAME} bytes, or has characters that do not show.",
            "rename the file, and choose it again.",
        )
    return name


def folder_of(folders: Folders, batch: str) -> Path:
    """The folder of the uploads of one visit."""
    if not BATCH.fullmatch(batch):
        raise UsageError("The address names no visit of this page.", "", "open “New job” again.")
    folder = folders.home / UPLOADS / batch
    if not folder.resolve().is_relative_to(folders.home):
        raise UsageError(f"{UPLOADS} is a link.", "It leads out of the folder that was named.", "remove the link.")
    return folder


async def begin(request: Request) -> Response:
    """POST /api/uploads: a name for the uploads of a visit."""
    await Body.of(request)
    return json_reply({"batch": f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"})


async def upload(request: Request) -> Response:
    """POST /api/upload: save one file; it is there completely or not at all."""
    folders = studio_of(request).folders
    name, folder = safe_name(field(request, "name")), folder_of(folders, field(request, "batch"))
    size = request.headers.get("content-length", "")
    _demand_space(folders.home, int(size) if size.isdecimal() else 0)
    with disk_errors(folder):
        await run_in_threadpool(make_folder, folder)
        temporary = await run_in_threadpool(temporary_file, folder / name)
    try:
        with disk_errors(folder / name):
            await _receive(request, temporary)
            temporary.chmod(FILE_MODE)
            name = _free_name(folder, name)
            await run_in_threadpool(replace_file, temporary, folder / name)
    except ClientDisconnect as error:
        raise UsageError(f"{name} did not arrive completely.", "The connection ended.", "choose it again.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return json_reply({"path": folders.shown(folder / name), "bytes": (folder / name).stat().st_size})


def _free_name(folder: Path, name: str) -> str:
    """The name, with a number if another file of this visit has it: two folders may each have a file of one name."""
    path, number = Path(name), 1
    while (folder / name).exists():
        number += 1
        name = f"{path.stem}-{number}{path.suffix}"
    return name


async def _receive(request: Request, temporary: Path) -> None:
    """Write what arrives; it ends before the disk is full, also if the request does not say how much it is."""
    with temporary.open("wb") as file:
        waiting = bytearray()
        async for part in request.stream():
            waiting += part
            if len(waiting) >= AT_ONCE:
                _demand_space(temporary.parent, len(waiting), file.tell())
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(file.write, bytes(waiting))


def _demand_space(folder: Path, size: int, arrived: int = 0) -> None:
    free = shutil.disk_usage(folder).free
    if size + RESERVE > free:
        has = f"at least {(arrived + size) / 1e6:,.0f}" if arrived else f"{size / 1e6:,.0f}"
        raise ResourceError(
            f"The file does not fit on the disk: it has {has} MB.",
            f"{free / 1e6:,.0f} MB are free, of which {RESERVE / 1e6:,.0f} MB must stay free.",
            "free some space; or put the file into a named folder on another disk, and choose it there.",
        )


async def uploaded(request: Request) -> Response:
    """GET /api/uploads: the files of a visit, also after the page was loaded again."""
    folders = studio_of(request).folders
    folder = folder_of(folders, field(request, "batch"))
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    return json_reply({"files": [_entry(folders, path) for path in files]})


async def discard(request: Request) -> Response:
    """POST /api/uploads/discard: remove one uploaded file."""
    folders, body = studio_of(request).folders, await Body.of(request)
    path = folders.find(body.text("path"))
    if path.parent.parent != folders.home / UPLOADS or not path.is_file():
        raise UsageError("Only files that were uploaded here are removed.", "", "remove others with your file manager.")
    path.unlink()
    return json_reply({})


async def browse(request: Request) -> Response:
    """GET /api/browse: what is in a folder."""
    folders = studio_of(request).folders

    def found() -> dict[str, Any]:
        folder = folders.find(field(request, "path", ""))
        if not folder.is_dir():
            raise UsageError(f"{folders.shown(folder)} is not a folder.", "", "choose a folder.")
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
        listed = sorted(inside, key=lambda path: (not path.is_dir(), path.name.lower()))
        above = folder.parent if folder not in folders.roots else None
        return {
            "path": folders.shown(folder),
            "above": None if above is None else folders.shown(above),
            "roots": [{"path": folders.shown(root), "name": str(root)} for root in folders.roots],
            "entries": [_entry(folders, path) for path in listed[:MAX_FOUND]],
            "more": max(0, len(listed) - MAX_FOUND),
        }

    return json_reply(await run_in_threadpool(found))


def _entry(folders: Folders, path: Path) -> dict[str, Any]:
    is_file = path.is_file()
    size = path.stat().st_size if is_file else 0
    return {"name": path.name, "path": folders.shown(path), "folder": path.is_dir(), "bytes": size}


ROUTES = [
    Route("/api/uploads", uploaded),
    Route("/api/uploads", begin, methods=["POST"]),
    Route("/api/uploads/discard", discard, methods=["POST"]),
    Route("/api/upload", upload, methods=["POST"]),
    Route("/api/browse", browse),
]
