"""A job: a folder with job.toml, a .toml file, or a bare file of examples, read into settings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError

from gradschool.errors import DataError, UsageError, nearest
from gradschool.files import read_file
from gradschool.json_text import parse_toml
from gradschool.options import RENAMED, type_name
from gradschool.preparation import PREPARED, Preparation
from gradschool.settings import Rule, Section, Settings

MAX_SHOWN = 300  # characters of a wrong value, in an error
WRONG_TYPE = frozenset(  # errors of pydantic: the value is of another type than the setting
    {
        *("string_type", "string_unicode", "tuple_type", "dict_type", "model_type"),
        *("bool_type", "bool_parsing", "int_type", "int_parsing", "int_from_float", "float_type", "float_parsing"),
    }
)
SAID = {  # types as the end of a sentence
    "integer": "an integer",
    "number": "a number",
    "table": "a table",
    **{f"list of {one}": f"a list of {one}s" for one in ("integer", "number", "table")},
}
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
        issues = _issues(error)
        overridden = [_is_in(key, overrides) for key in issues]
        places = [file] * (not all(overridden)) + [overrides_from] * any(overridden)
        raise UsageError(
            f"{len(issues)} issue{'s' * (len(issues) > 1)} in {' and '.join(places)}:",
            "\n".join(f"  - {issue}" for issue in issues.values()),
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


class _Place:
    """Where in job.toml an error of pydantic is: its location also holds names that pydantic gives to types."""

    def __init__(self, location: Iterable[str | int]) -> None:
        self.section: type[Section] | None = Settings
        self.type: Any = None
        self.parts: list[str] = []
        self.field = ""  # without the places in its list
        for part in location:
            if self.section is not None and isinstance(part, str):
                self._enter(self.section, part)
            elif isinstance(part, int):
                self.parts.append(str(part))
                self.type = next((inner for kind in _kinds(self.type) for inner in get_args(kind)[:1]), None)
                self.section = Rule if self.type is Rule else None
        self.key = ".".join(self.parts)

    def _enter(self, section: type[Section], part: str) -> None:
        self.parts.append(part)
        self.field = ".".join(self.parts)
        if part in section.model_fields:
            self.type = section.model_fields[part].annotation
            self.section = self.type if isinstance(self.type, type) and issubclass(self.type, Section) else None

    @property
    def kind(self) -> str:
        """What belongs there, in words."""
        kind = type_name(self.type)
        return SAID.get(kind, kind.replace("list of", "a list of"))


def _kinds(annotation: Any) -> Iterator[Any]:
    """The lists among the types that an annotation allows."""
    if get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_origin(annotation) is tuple:
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _kinds(part)


def _issues(error: ValidationError) -> dict[str, str]:
    """The issues by the keys of the settings; a value that is of none of several types is one issue.

    A list is not called too short if its values have issues: those are not counted.
    """
    found = [(_Place(one["loc"]), one) for one in error.errors()]
    of_whole = {*WRONG_TYPE, "too_short"}
    of_values = {place.field for place, one in found if one["type"] not in of_whole or place.key != place.field}
    return {
        place.key: _issue(place, one)
        for place, one in found
        if one["type"] not in of_whole or place.key != place.field or place.field not in of_values
    }


def _issue(place: _Place, error: Any) -> str:
    if place.key in RENAMED:
        return f"{place.key!r} {RENAMED[place.key].now()}"
    if error["type"] == "extra_forbidden":
        assert place.section is not None
        return f"unknown key {place.key!r}: {nearest(place.parts[-1], place.section.model_fields)}"
    given, reason = repr(error["input"]), error["msg"].removeprefix("Value error, ")
    if error["type"] in WRONG_TYPE:
        reason = f"it must be {place.kind}"
    elif error["type"] == "too_short":
        reason = f"the list needs at least {error['ctx']['min_length']} value{'s' * (error['ctx']['min_length'] > 1)}"
    elif error["type"] == "missing":
        given, reason = "", "it is missing"
    shown = given if len(given) <= MAX_SHOWN else f"{given[:MAX_SHOWN]}…"
    return f"{place.key}{f' = {shown}' if shown else ''}: {reason[0].lower()}{reason[1:]}"
