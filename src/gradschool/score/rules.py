"""Rules that an answer must follow: patterns, words, lengths and JSON schemas."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import regex
from referencing.exceptions import Unresolvable

from gradschool.data.normalize import compose, word_count
from gradschool.files import read_file
from gradschool.records import Example
from gradschool.schemas import PATTERN_SECONDS, SCHEMA_SECONDS, Schema
from gradschool.score.json_fields import read_json
from gradschool.score.metric import Metric, MetricResult, Unscorable
from gradschool.score.time_limit import demand_time
from gradschool.settings import Rule
from gradschool.visible import shortened

Check = Callable[[str], bool]


def read_rules(rules: Sequence[Rule], folder: Path) -> tuple[Metric, list[str]]:
    """Make one metric of all rules, and list the issues with them; if there are any, the metric must not be used.

    The value is the fraction of rules that an answer follows, and each rule is a part. `contains` ignores case.
    Patterns are searched for anywhere by the `regex` library; they are case-sensitive unless they contain (?i). Words
    are separated by white space; in scripts without spaces each character counts. Answers and rules are compared in one
    Unicode form. A json_schema is a table, or the name of a file in the job's folder.
    """
    checks: dict[str, Check] = {}
    issues = []
    for rule in rules:
        if rule.name in checks:
            issues.append(f"rule {rule.name!r} is defined twice: give each rule its own name.")
        try:
            checks[rule.name] = _check(rule, folder)
        except ValueError as error:
            issues.append(f"rule {rule.name!r} ({rule.kind}): {error}")
            checks[rule.name] = bool

    def metric(answer: str, example: Example) -> MetricResult:
        composed = compose(answer)
        parts = {name: _follows(name, check, composed) for name, check in checks.items()}
        return MetricResult(sum(parts.values()) / len(parts), parts)

    return metric, issues


def _follows(name: str, check: Check, answer: str) -> float:
    demand_time()
    try:
        return float(check(answer))
    except TimeoutError:
        limit = f"its pattern took over {PATTERN_SECONDS:g} s, or its JSON schema over {SCHEMA_SECONDS:g} s"
        raise Unscorable(f"rule {name!r}: {limit}, on this answer.") from None
    except regex.error as error:
        raise Unscorable(f"rule {name!r}: a pattern of its JSON schema is not valid: {error}.") from error
    except ValueError as error:
        raise Unscorable(f"rule {name!r}: its JSON schema cannot be checked: {error}.") from error
    except Unresolvable as error:
        raise Unscorable(
            f"rule {name!r}: its JSON schema refers to {error.ref!r}, which it does not define."
        ) from error


def _check(rule: Rule, folder: Path) -> Check:
    """The check of one rule; raises ValueError that says what is wrong with its value."""
    value = rule.value
    if rule.kind == "json_schema":
        return _schema_check(value, folder)
    if rule.kind in ("max_words", "min_words"):
        # "12" in quotes is a string; pydantic rejects true
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"value = {value!r} must be an integer of 1 or more, without quotes.")
        most, number = rule.kind == "max_words", value
        return lambda answer: word_count(answer) <= number if most else word_count(answer) >= number
    if not isinstance(value, str) or not value:
        raise ValueError(f"value = {value!r} must be a non-empty text in quotes.")
    wanted = not rule.kind.startswith("not_")
    if rule.kind.endswith("contains"):
        text = compose(value).casefold()
        return lambda answer: (text in answer.casefold()) == wanted
    try:
        pattern = regex.compile(compose(value))
    except (regex.error, RecursionError) as error:
        raise ValueError(f"value = {shortened(value)!r} is not a valid pattern: {error}.") from error
    return lambda answer: (pattern.search(answer, timeout=PATTERN_SECONDS) is not None) == wanted


def _schema_check(value: Any, folder: Path) -> Check:
    schema = read_schema(folder / value) if isinstance(value, str) else value
    if not isinstance(schema, dict):
        raise ValueError("value must be a JSON schema: a table, or the name of a JSON file in the job's folder.")
    checked = Schema(schema)

    def check(answer: str) -> bool:
        try:
            value = read_json(answer)
        except ValueError:
            return False
        return checked.holds(value)

    return check


def read_schema(path: Path) -> Any:
    """The JSON value in a file; raises ValueError that says why it cannot be read."""
    try:
        content = read_file(path)
        return read_json(content.decode(json.detect_encoding(content)))  # with a byte order mark too
    except OSError as error:
        raise ValueError(f"the schema file {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ValueError(f"the schema file {path} is not JSON: {error}.") from error
