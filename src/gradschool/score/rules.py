"""Checkable rules about an answer, each a part by its name: patterns, words, lengths, JSON schemas."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import regex
from jsonschema import ValidationError, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from gradschool.records import Example
from gradschool.score.json_fields import read_json
from gradschool.score.metric import Metric, MetricResult, Unscorable
from gradschool.settings import Rule

extend: Callable[..., Any] = validators.extend  # its stubs leave it untyped
PATTERN_SECONDS = 1.0  # a pattern that backtracks for longer than this on one answer is given up
Check = Callable[[str], bool]


def read_rules(rules: Sequence[Rule], folder: Path) -> tuple[Metric, list[str]]:
    """Make one metric of all rules, whose value is the share that an answer keeps; also all issues of the rules.

    Texts are found without regard to case; patterns are searched for anywhere, by the `regex` library, and regard
    case unless they say (?i). Words are what white space divides. A json_schema is a table, or the name of a file
    in the job's folder. The metric must not be used while there are issues.
    """
    checks: dict[str, Check] = {}
    issues = []
    for rule in rules:
        if rule.name in checks:
            issues.append(f"rule {rule.name!r} is there twice: give each its own name.")
        try:
            checks[rule.name] = _check(rule, folder)
        except ValueError as error:
            issues.append(f"rule {rule.name!r} ({rule.kind}): {error}")
            checks[rule.name] = bool

    def mark(answer: str, example: Example) -> MetricResult:
        parts = {name: _kept(name, check, answer) for name, check in checks.items()}
        return MetricResult(sum(parts.values()) / len(parts), parts)

    return mark, issues


def _kept(name: str, check: Check, answer: str) -> float:
    try:
        return float(check(answer))
    except TimeoutError:
        raise Unscorable(f"rule {name!r}: its pattern took over {PATTERN_SECONDS:g} s on this answer.") from None
    except Unresolvable as error:
        raise Unscorable(f"rule {name!r}: its JSON schema names {error.ref!r}, which is not in it.") from error


def _check(rule: Rule, folder: Path) -> Check:
    """The test for one rule; ValueError says what is wrong with its value."""
    value = rule.value
    if rule.kind == "json_schema":
        return _schema_check(value, folder)
    if rule.kind in ("max_words", "min_words"):
        # pydantic takes "12" as text where the file has quotes, and true never gets here
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"value = {value!r} must be a whole number of words, 1 or more, without quotes.")
        most, number = rule.kind == "max_words", value
        return lambda answer: len(answer.split()) <= number if most else len(answer.split()) >= number
    if not isinstance(value, str) or not value:
        raise ValueError(f"value = {value!r} must be a text in quotes, not empty.")
    wanted = not rule.kind.startswith("not_")
    if rule.kind.endswith("contains"):
        text = value.casefold()
        return lambda answer: (text in answer.casefold()) == wanted
    try:
        pattern = regex.compile(value)
    except regex.error as error:
        raise ValueError(f"value = {value!r} is no valid pattern: {error}.") from error
    return lambda answer: (pattern.search(answer, timeout=PATTERN_SECONDS) is not None) == wanted


def _schema_check(value: Any, folder: Path) -> Check:
    schema = _read_schema(folder / value) if isinstance(value, str) else value
    if not isinstance(schema, dict):
        raise ValueError("value must be a JSON schema: a table, or the name of a JSON file in the job's folder.")
    base = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        base.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"value is no valid JSON schema: {error.message} (at {error.json_path}).") from error
    outside = [ref for ref in _references(schema) if not ref.startswith("#")]
    if outside:
        raise ValueError(f"its JSON schema refers to {outside[0]!r}; only references inside it (#…) are followed.")
    # An empty registry: nothing is ever fetched from the network. Our own `pattern`: it may be given up.
    validator = extend(base, {"pattern": _pattern})(schema, registry=Registry())

    def check(answer: str) -> bool:
        try:
            return bool(validator.is_valid(read_json(answer)))
        except (ValueError, RecursionError):
            return False

    return check


def _read_schema(path: Path) -> Any:
    try:
        return read_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"the schema file {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ValueError(f"the schema file {path} is not JSON: {error}.") from error


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not regex.search(pattern, instance, timeout=PATTERN_SECONDS):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")
