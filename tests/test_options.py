"""Options: every one has its flag, its type in words and its help, and old names of settings are read."""

from typing import Any

from typer.testing import CliRunner

from gradschool.cli import app
from gradschool.cli.about import settings_markdown
from gradschool.options import options, rule_keys, saved_settings
from gradschool.settings import Settings


def test_help_shows_the_defaults_of_the_settings() -> None:
    settings = Settings()
    for option in options():
        value: Any = settings
        for part in option.path.split("."):
            value = getattr(value, part)
        assert value == option.default, option.path


def test_types_are_described_in_words() -> None:
    types = {option.path: option.type for option in options()}
    assert types["goal.pass_mark"] == "number"
    assert types["tune.rank"] == types["tune.alpha"] == "integer"
    assert types["prompt.shots"] == "list of integer"
    assert types["tune.learning_rates"] == "list of number"
    assert types["prompt.nearest"] == "true or false"
    assert types["tune.method"] == "'lora' or 'full'"


def test_the_list_has_the_keys_of_rules_too() -> None:
    assert [key.path for key in rule_keys()] == ["goal.rules.name", "goal.rules.kind", "goal.rules.value"]
    assert rule_keys()[2].type == "text or integer or table"
    listed = " ".join(CliRunner().invoke(app, ["settings"]).stdout.split())
    for key in rule_keys():
        assert f"{key.path} = none {key.type}; in job.toml only" in listed


def test_the_page_has_every_option_with_flag_and_help() -> None:
    page = settings_markdown()
    tables = page.split("\n## ")
    for option in options():
        table, _, key = option.path.rpartition(".")
        [section] = [t for t in tables if t.startswith(f"[{table}]\n" if table else "Top level\n")]
        [line] = [line for line in section.splitlines() if line.startswith(f"| `{key}` | `{option.flag}` |")]
        assert option.help in line and option.unit in line
        assert line.replace("\\|", "").count("|") == 6
    for key in ("name", "kind", "value"):
        assert f"| `{key}` |" in page.partition("[[goal.rules]]")[2]


def test_settings_saved_under_old_names_are_read() -> None:
    old = {"four_bits": True, "goal": {"metric": "chrf", "also": ["rouge_l"]}, "task": "do"}
    read = saved_settings(old)
    assert (read.quantization, read.goal.metric, read.goal.extra_metrics) == ("nf4", "chrf", ("rouge_l",))
    assert old["goal"] == {"metric": "chrf", "also": ["rouge_l"]}  # the caller's values do not change
    assert saved_settings({"four_bits": False}) == Settings()
    assert saved_settings(read.model_dump(mode="json")) == read
