"""Custom metrics: loaded with clear errors, and invalid values are never scores."""

import sys

import pytest

from gradschool.errors import UsageError
from gradschool.score.custom import custom_metric
from gradschool.score.metric import Unscorable
from score_samples import example


def write(folder, text, name="metrics.py"):
    (folder / name).write_text(text)
    return folder


def run(folder, body, answer="x"):
    write(folder, f"def mine(answer, example):\n    {body}\n")
    return custom_metric("metrics.py:mine", folder)(answer, example("ideal"))


def test_numbers_and_dicts(tmp_path):
    assert run(tmp_path, "return 0.25").value == 0.25
    assert run(tmp_path, "return answer == 'x' and example.ideal == 'ideal'").value == 1
    assert run(tmp_path, "return 1.0000000001").value == 1
    mean = run(tmp_path, "return {'a': 1, 'b': 0.5}")
    assert (mean.value, mean.parts) == (0.75, {"a": 1, "b": 0.5})
    score = run(tmp_path, "return {'score': 0.2, 'b': 0.5}")
    assert (score.value, score.parts) == (0.2, {"b": 0.5})


@pytest.mark.parametrize(
    "body",
    ["return 1.5", "return -0.1", "return float('nan')", "return None", "return '1'", "return {'a': 7}", "return {}",
     "return 10**400", "return [1]"],
)  # fmt: skip
def test_nonsense_is_a_failure_that_shows_it(tmp_path, body):
    with pytest.raises(Unscorable, match=r"metrics\.py:mine returned "):
        run(tmp_path, body)


@pytest.mark.parametrize("body", ["return 1 / 0", "import sys; sys.exit(3)", "return mine(answer, example)"])
def test_an_exception_is_a_failure_with_the_line_of_the_users_file(tmp_path, body):
    with pytest.raises(Unscorable, match=r"metrics\.py:2: (ZeroDivision|SystemExit|Recursion)"):
        run(tmp_path, body)


def test_the_line_is_in_the_users_file_even_if_a_library_raised(tmp_path):
    with pytest.raises(Unscorable, match=r"metrics\.py:2: JSONDecodeError"):
        run(tmp_path, "import json; return json.loads(answer)")


def test_a_changed_file_is_read_again_and_leaves_no_files(tmp_path):
    assert run(tmp_path, "return 0.1").value == 0.1
    assert run(tmp_path, "return 0.2").value == 0.2
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.py"]
    assert "metrics" not in sys.modules


def test_dataclasses_work_in_it(tmp_path):
    write(tmp_path, "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n"
                    "    v: float\ndef mine(answer, example):\n    return P(0.5).v\n")  # fmt: skip
    assert custom_metric("metrics.py:mine", tmp_path)("", example("")).value == 0.5


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("", "other.py:mine", r"other\.py does not exist(.|\n)*metrics\.py"),
        ("def my_metric(answer, example): return 1", "metrics.py:my_metrics", "did you mean 'my_metric'"),
        ("x = 1", "metrics.py:mine", "it has no functions"),
        ("mine = 3", "metrics.py:mine", "no function 'mine'"),
        ("def mine(answer): return 1", "metrics.py:mine", "cannot be called with an answer and an example"),
        ("async def mine(answer, example): return 1", "metrics.py:mine", "not async"),
        ("\ndef mine(:\n", "metrics.py:mine", r"metrics\.py:2: SyntaxError"),
        ("import no_such_module", "metrics.py:mine", r"metrics\.py:1: ModuleNotFoundError"),
        ("raise SystemExit(1)", "metrics.py:mine", r"metrics\.py:1: SystemExit"),
    ],
)
def test_unusable_files_are_errors(tmp_path, text, name, expected):
    write(tmp_path, text)
    with pytest.raises(UsageError, match=expected) as caught:
        custom_metric(name, tmp_path)
    assert caught.value.what
    assert caught.value.why
    assert caught.value.fix


def test_a_binary_file_is_an_error(tmp_path):
    (tmp_path / "metrics.py").write_bytes(b"\xff\x00\x01")
    with pytest.raises(UsageError, match="cannot be run"):
        custom_metric("metrics.py:mine", tmp_path)
