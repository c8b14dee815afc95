"""The settings as options: their paths, flags, keywords and types in words, and their former names."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from gradschool.settings import Rule, Section, Settings

# The options that most jobs need, by path: `gradschool climb --help` shows these, and --help-all shows all.
MAIN = (
    *("task", "base_model", "data.documents", "data.guidelines"),
    *("split.test_share", "goal.metric", "goal.pass_mark", "tune.epochs"),
)


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `path` as in job.toml ("goal.pass_mark"), `flag` of the command line; keys of rules have none."""

    path: str
    flag: str
    type: str
    default: Any
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """An option that had another path: its path now, and how to write the old values if they changed too."""

    path: str
    values: str = ""
    value_of: Callable[[Any], Any] = lambda value: value  # from the old value

    def now(self, name: Callable[[str], str] = str) -> str:
        """The rest of a sentence about the old name; `name` maps a path to the name that the user writes."""
        return f"is now called {name(self.path)!r}" + (f": {self.values}" if self.values else "")


RENAMED = {  # by their old paths
    "goal.also": Renamed("goal.extra_metrics"),
    "four_bits": Renamed("quantization", '"nf4" for true; leave it out for false', lambda on: "nf4" if on else None),
}


def options(section: type[Section] = Settings, prefix: str = "") -> Iterator[Option]:
    """All options in the order of job.toml, except the rules: job.toml alone can hold a list of tables."""
    for name, info in section.model_fields.items():
        if name == "rules":
            continue
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from options(inner, f"{prefix}{name}.")
        else:
            yield _option(name, info, prefix)


def rule_keys() -> list[Option]:
    """The keys of a rule ([[goal.rules]]), which are no options of commands."""
    keys = [_option(name, info, "goal.rules.") for name, info in Rule.model_fields.items()]
    return [replace(key, flag="") for key in keys]


def _option(name: str, info: FieldInfo, prefix: str) -> Option:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return Option(
        path=prefix + name,
        flag=flag_of(prefix + name),
        type=type_name(info.annotation),
        default=None if info.is_required() else info.default,
        unit=str(extra.get("unit", "")),
        help=info.description or "",
    )


def saved_settings(values: Mapping[str, Any]) -> Settings:
    """Settings that a run or a specialist saved, including those of versions with older option names.

    Raises pydantic.ValidationError if they are not settings.
    """
    values = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
    for old, new in RENAMED.items():
        table, _, name = old.rpartition(".")
        place = values.get(table) if table else values
        if isinstance(place, dict) and name in place:
            place[new.path.rpartition(".")[2]] = new.value_of(place.pop(name))
    return Settings.model_validate(values)


def keyword_of(path: str) -> str:
    """The keyword argument of an option in the Python API: its flag without dashes."""
    return flag_of(path).lstrip("-").replace("-", "_")


def flag_of(path: str) -> str:
    """The flag of an option on the command line."""
    table, _, name = path.rpartition(".")
    if name == "seed":  # two tables have a seed, so the flag names the table too
        name = f"{table}-{name}"
    return "--" + name.replace("_", "-")


def type_name(annotation: Any) -> str:
    """The type of an option in words, such as "text or list of text"."""
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "table"
    if isinstance(annotation, type) and not get_args(annotation):
        return {"str": "text", "int": "integer", "float": "number", "bool": "true or false"}.get(
            annotation.__name__, annotation.__name__
        )
    parts = [part for part in get_args(annotation) if part not in (type(None), ...)]
    if all(isinstance(part, str) for part in parts):
        return " or ".join(map(repr, parts))
    if get_origin(annotation) is dict:
        return "table"
    if get_origin(annotation) is tuple:
        return "list of " + type_name(parts[0])
    return " or ".join(type_name(part) for part in parts)


def shown(value: Any) -> str:
    """A value as it is written on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
