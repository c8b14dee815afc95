"""A job: a folder with job.toml, a .toml file, or a bare file of examples, read into settings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gradschool.errors import DataError, UsageError, nearest
from gradschool.files import parse_toml, read_file
from gradschool.options import RENAMED
from gradschool.preparation import PREPARED, Preparation
from gradschool.settings import Rule, Section, Settings

MAX_SHOWN = 300  # characters of a wrong value, in an error
EXAMPLE_FILES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".xlsx")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the user wrote it; relative paths in the settings are relative to `folder`."""

    name: str
    folder: Path
    settings: Settings

    def path(self, name: str) -> Path:
        """The path of a file that the job names."""
        return self.folder / name

    def over(self, base: str) -> "Job":
        """The same job over one base."""
        written = self.settings.model_dump(exclude_unset=True) | {"base_model": base}
        return replace(self, settings=Settings.model_validate(written))

    @property
    def examples(self) -> tuple[Path, ...]:
        """The files and folders of examples."""
        names = self.settings.data.examples
        return tuple(map(self.path, [names] if isinstance(names, str) else names))


def read_job(path: Path, overrides: Mapping[str, Any] | None = None, overrides_from: str = "the command line") -> Job:
    """Read a job folder, a .toml file, or a bare file of examples; `overrides` maps option paths to values.

    `overrides_from` says where the user wrote the overrides; errors about their values name it instead of the file.

    Raises UsageError with all issues of the file at once, each with the nearest known key.
    """
    if not path.exists():
        raise UsageError(
            f"{path} does not exist.",
            "A job is a folder with job.toml, or a file of examples.",
            "check the path; `ls` lists the files here.",
        )
    name, folder = path.stem, path.parent
    if path.is_dir():
        name, folder, path = path.resolve().name, path, path / "job.toml"
        if not path.exists():
            raise UsageError(
                f"{folder} has no job.toml.",
                "That file names the task and the examples.",
                "write one (docs/first-climb.md shows how), or name the file of examples itself.",
            )
    if path.suffix == ".toml":
        written = _read_toml(path)
        name = name if path.name == "job.toml" else f"{folder.resolve().name}-{path.stem}"
    elif path.suffix in EXAMPLE_FILES:
        written = {"data": {"examples": path.name}}
    else:
        raise UsageError(
            f"{path} is neither a job nor a file of examples.",
            f"Files of examples end in {', '.join(EXAMPLE_FILES)}.",
            "rename it, or write a job.toml next to it.",
        )
    return Job(name, folder, _settings(str(path), written, overrides or {}, overrides_from))


def settings_of_base(name: str, **more: Any) -> Settings:
    """The settings of a base by the name that a user or a file of others gives; UsageError if it cannot be one."""
    return _settings("the name of the base", {"base_model": name, **more}, {}, "")


def demand_named(key: str, name: str, path: Path) -> None:
    """Raise DataError unless a setting names a file or a folder; before hours of work, since it is read later."""
    if not (path.is_file() or path.is_dir()):
        what, why, fix = "does not exist", "The path is relative to the job's folder.", "correct it, or remove the key."
        if path.exists():
            what, why = "is a pipe, a device or a socket", "Only files and folders have an end to read to."
            fix = "name a file or a folder, or remove the key."
        raise DataError(f"{key} = {name!r}: {path} {what}.", why, fix)


def demand_prepared(job: Job) -> None:
    """Raise UsageError if the preparation of the job's folder did not end: its files may be of two preparations."""
    try:
        record = Preparation.read(job.folder)
    except (OSError, ValueError):  # it cannot be read: `prepare` reports that
        return
    if record and record.writing:
        raise UsageError(
            f"The preparation of {job.folder} did not end.",
            "Some of its files may be of the preparation before it, or missing.",
            f"repeat the `gradschool prepare` command; or delete {job.folder / PREPARED} to use the files as they are.",
        )


def change_job(job: Job, overrides: Mapping[str, Any], overrides_from: str) -> Job:
    """The same job with other settings; `overrides` maps option paths to values. Raises UsageError as `read_job`."""
    written = job.settings.model_dump(exclude_unset=True)
    return Job(job.name, job.folder, _settings(job.name, written, overrides, overrides_from))


def _settings(file: str, written: dict[str, Any], overrides: Mapping[str, Any], overrides_from: str) -> Settings:
    for key, value in overrides.items():
        *tables, last = key.split(".")
        place = written
        for table in tables:
            if not isinstance(place.setdefault(table, {}), dict):
                break  # the file is wrong there, which the validation below reports
            place = place[table]
        else:
            place[last] = value
    try:
        return Settings.model_validate(written)
    except ValidationError as error:
        issues = [_issue(e) for e in error.errors()]
        overridden = [_is_in(".".join(map(str, e["loc"])), overrides) for e in error.errors()]
        places = [file] * (not all(overridden)) + [overrides_from] * any(overridden)
        raise UsageError(
            f"{len(issues)} issue{'s' * (len(issues) > 1)} in {' and '.join(places)}:",
            "\n".join(f"  - {i}" for i in issues),
            "`gradschool settings` lists every key with its meaning.",
        ) from error


def _is_in(key: str, paths: Iterable[str]) -> bool:
    return any(f"{key}.".startswith(f"{path}.") for path in paths)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_file(path))
    except (UnicodeDecodeError, OSError) as error:
        raise UsageError(
            f"{path} cannot be read as text.", f"The system reports: {error}.", "save it as UTF-8 text."
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path} is not valid TOML.",
            f"The parser reports: {error}.",
            "strings need quotes, lists need brackets; correct that line.",
        ) from error


def _issue(error: Any) -> str:
    location = [str(part) for part in error["loc"]]
    key = ".".join(location)
    if key in RENAMED:
        return f"{key!r} {RENAMED[key].now()}"
    if error["type"] == "extra_forbidden":
        section: type[Section] = Settings
        for part in location[:-1]:
            inner = section.model_fields[part].annotation if part in section.model_fields else Rule
            section = inner if isinstance(inner, type) and issubclass(inner, Section) else Rule
        return f"unknown key {key!r}: {nearest(location[-1], section.model_fields)}"
    given, reason = repr(error["input"]), error["msg"].removeprefix("Value error, ")
    shown = given if len(given) <= MAX_SHOWN else f"{given[:MAX_SHOWN]}…"
    return f"{key} = {shown}: {reason[0].lower()}{reason[1:]}"
