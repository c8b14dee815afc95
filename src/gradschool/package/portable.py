"""What travels in a package names no place on the user's machine: absolute paths become relative ones, or names."""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradschool.files import is_inside, read_json, read_lines, write_json, write_lines
from gradschool.ground.index import name_embedder
from gradschool.job import Job
from gradschool.json_text import each_text
from gradschool.model.adapter import name_base
from gradschool.model.kinds import ADAPTER
from gradschool.model.loading import PLACES
from gradschool.model.places import without_place
from gradschool.package.manifest import QUESTIONS, TEST_FILE
from gradschool.records import Work
from gradschool.run import EVENTS_FILE
from gradschool.saved_job import JOB_FILE, SavedJob

# The folders above a file, in an absolute path within a text.
ABOVE = re.compile(
    r"""(?<![\w/.\\~-])(?:/(?P<root>[^/\s"'`]+)/(?:[^/\s"'`]+/)*|[A-Za-z]:[\\/](?:[^\\/\s"'`]+[\\/])*)(?=[^\\/\s"'`])"""
)
ROOTS = ("home", "Users", "root")  # of other machines


def without_places(places: Iterable[Path]) -> Callable[[Any], Any]:
    """A function that shortens paths in JSON values: a place keeps its own name alone, and home becomes `~`.

    Of any other absolute path the last name is left.
    """
    parents = {str(place.parent) for place in places if len(place.parts) > 2}
    home = _home()
    known = "|".join(map(re.escape, sorted({*parents, home} - {""}, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w/.\\-])({known}){re.escape(os.sep)}") if known else None

    def shorten(match: re.Match[str]) -> str:
        return "" if match[1] in parents else f"~{os.sep}"

    def shortened(value: Any) -> Any:
        text = pattern.sub(shorten, value) if pattern else value
        return without_place(text) if _is_path(text) else ABOVE.sub(_last_name, text)

    return lambda value: each_text(value, shortened)


def within(job: Job) -> Callable[[Any], Any]:
    """A function that shortens settings: files of the job are relative to its folder, others keep their last name."""

    def shortened(text: str) -> str:
        at_home = text.startswith("~/")
        path = job.path(_home() + text[1:] if at_home else text)
        if not (_is_path(text) or at_home or ".." in Path(text).parts) or (
            re.search(r"\s", text) and not path.exists()
        ):
            return text
        if is_inside(path, job.folder):
            return path.resolve().relative_to(job.folder.resolve()).as_posix()
        return without_place(text) if _is_path(text) else path.name

    return lambda value: each_text(value, shortened)


def name_models(folder: Path, base_name: str) -> Work[None]:
    """Name the base of a package's adapter, and the embedder of its index, without the places where these are."""
    if (folder / "adapter" / ADAPTER).is_file():
        name_base(folder / "adapter", base_name)
    if (folder / "index").is_dir():
        yield from name_embedder(folder / "index")


def name_places(file: Path) -> None:
    """Name the places in a config of a base, which programs write and do not read, by their last name alone."""
    config = read_json(file)
    places = {key: config[key] for key in PLACES if isinstance(config, dict) and isinstance(config.get(key), str)}
    named = {key: without_place(place) for key, place in places.items()}
    if named != places:
        write_json(file, config | named)


def shorten_evidence(evidence: Path, base_model: str) -> None:
    """Shorten the paths in evidence that an earlier version packed; a file without any stays as it is."""
    if not (evidence / JOB_FILE).is_file():
        return
    saved = SavedJob.read(evidence / JOB_FILE)
    portable = without_places([Path(saved.folder)] if Path(saved.folder).is_absolute() else [])
    named = {key: base_model if key == "base_model" else value for key, value in saved.settings.items()}
    shortened = saved.shared(portable(named), folder=portable(saved.folder))
    if shortened != saved:
        shortened.write(evidence / JOB_FILE)
    for name in (EVENTS_FILE, QUESTIONS, TEST_FILE):
        rows = read_lines(evidence / name)
        new = portable(rows) if name == EVENTS_FILE else [shorten_row(row, portable) for row in rows]
        if new != rows:
            write_lines(evidence / name, new)


def shorten_row(row: dict[str, Any], portable: Callable[[Any], Any]) -> dict[str, Any]:
    """A row of evidence whose source and failures name no place; what users and models wrote stays as it is."""
    short: dict[str, Any] = {key: portable(row[key]) for key in ("source", "failure") if key in row}
    if isinstance(answer := row.get("answer"), dict) and "failure" in answer:
        short["answer"] = answer | {"failure": portable(answer["failure"])}
    return row | short


def _is_path(text: str) -> bool:
    """Whether a text is an absolute path and nothing else; a word after a slash is none."""
    if without_place(text) == text or "\0" in text:
        return False
    if re.search(r"\s", text) or len(re.findall(r"[\\/]", text)) < 2:
        with suppress(OSError):  # such as a text that is too long to be a path
            return Path(text).exists()
        return False
    return True


def _home() -> str:
    """The user's home folder; empty if there is none, or if it is the root."""
    with suppress(RuntimeError):
        return str(Path.home()) if len(Path.home().parts) > 1 else ""
    return ""


def _last_name(match: re.Match[str]) -> str:
    root = match["root"]
    return match[0] if root and root not in ROOTS and not Path(f"/{root}").is_dir() else ""
