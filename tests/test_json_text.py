"""JSON and TOML of others are read within a depth; what is no JSON is a ValueError, or no line."""

import re
from pathlib import Path

import pytest

import gradschool
from gradschool.files import read_lines
from gradschool.json_text import parse_json


@pytest.mark.parametrize("content", ["[" * 50_000, "[" * 300 + "]" * 300, "{" * 9, "9" * 5_000, '{"a": ' * 50_000])
def test_what_is_no_json_is_a_value_error(content: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        parse_json(content)
    (tmp_path / "rows.jsonl").write_text(f"1\n{content}\n2\n")
    assert read_lines(tmp_path / "rows.jsonl") == [1, 2]


def test_json_of_others_is_read_within_bounds() -> None:
    """The parser of the library goes deeper than functions that call themselves for each value."""
    children = {"bounded_child", "llama_child", "template_child", "tokenizer_child"}
    own = {"json_text", "bounded", "draft", "world", "checkpoint", "vocabulary", "constraint", "recorded", *children}
    parsing = re.compile(r"\bjson\.loads?\(")
    sources = Path(gradschool.__file__).parent.rglob("*.py")
    assert {path.stem for path in sources if parsing.search(path.read_text())} == own
