"""Errors: messages with what, why and what to do, and exit codes."""

import doctest
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gradschool import errors
from gradschool.errors import GradschoolError, first_line, nearest, reason_of

KINDS = GradschoolError.__subclasses__()


def test_exit_codes_are_as_documented() -> None:
    documented = {name: int(code) for name, code in re.findall(r"── (\w+) +(\d+) ", errors.__doc__ or "")}
    assert documented == {kind.__name__: kind.exit_code for kind in KINDS}
    taken = [
        errors.EXIT_PASSED,
        errors.EXIT_BUG,
        errors.EXIT_NOT_PASSED,
        errors.EXIT_INTERRUPTED,
        *(k.exit_code for k in KINDS),
    ]
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize("kind", KINDS)
def test_message_has_what_why_and_what_to_do(kind: type[GradschoolError]) -> None:
    assert str(kind("a is not b.", "It is c.", "use b.")) == "a is not b.\nIt is c.\nWhat to do: use b."
    assert str(kind("a is not b.")) == "a is not b."
    error = kind("a", "b", "c")
    assert (error.what, error.why, error.fix) == ("a", "b", "c")


def test_nearest_choice_or_all_choices() -> None:
    assert doctest.testmod(errors).failed == 0
    assert nearest("LABEL", ["label"]) == "choose one of 'label'"
    assert nearest("", ["b", "a"]) == "choose one of 'a', 'b'"


def test_no_error_is_raised_without_a_message() -> None:
    source = Path(errors.__file__).parent
    kinds = "|".join(kind.__name__ for kind in KINDS)
    found = [
        f"{path.name}:{text[: m.start()].count(chr(10)) + 1}"
        for path in source.rglob("*.py")
        for text in [path.read_text()]
        for m in re.finditer(rf"raise (?:{kinds})(?:\(\)|\s*$)", text, re.MULTILINE)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "line"),
    [("", "OSError"), (" \n", "OSError"), ("\n no space left \nmore", "no space left "), ("x" * 400, "x" * 300)],
)
def test_the_first_line_of_an_error_is_never_empty(text: str, line: str) -> None:
    assert first_line(OSError(text)) == line


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0."),
        (b'{"a": [1]}', "a.0: Input should be a valid string."),
        (b'{"a": [1, 2, 3]}', "a.0: Input should be a valid string. There are 2 more."),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        TypeAdapter(dict[str, list[str]]).validate_json(content)
    assert reason_of(caught.value) == reason


def test_the_reason_of_other_errors_is_a_sentence_too() -> None:
    missing = FileNotFoundError(2, "No such file or directory", "a.json")
    assert reason_of(missing) == "The system says of a.json: No such file or directory."
    assert reason_of(KeyError("time")) == "It has no 'time'." and reason_of(ValueError("not JSON.\nx")) == "not JSON."
    assert len(reason_of(ValueError("x" * 5000))) < 400
