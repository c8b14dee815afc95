"""What is generated in the docs is what its generator writes: the settings, the tree, the run in the README."""

import re
from pathlib import Path

import pytest

from gradschool.settings import settings_markdown

ROOT = Path(__file__).parents[1]


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_settings_page_is_the_generated_one():
    assert text_of("docs/settings.md") == settings_markdown(), "run `make docs`"


def test_the_tree_of_the_readme_is_the_generated_one(tree):
    begin, end = tree.MARKERS
    shown = text_of("README.md").partition(begin)[2].partition(end)[0].strip()
    assert shown == f"```text\n{tree.tree().rstrip()}\n```", "run `.venv/bin/python docs/tree.py README.md`"


def test_the_tree_names_every_module(tree):
    shown = tree.tree()
    for file in (ROOT / "src" / "gradschool").rglob("*.py"):
        if file.name != "__init__.py":
            assert re.search(rf"^ +{re.escape(file.name)} ", shown, re.MULTILINE), file


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("One thing. And another.", "One thing."),
        ("LoRA (Hu et al. 2021): a layer. More.", "LoRA (Hu et al. 2021): a layer."),
        ("Does it work? Yes.", "Does it work?"),
        ("See stats.py for all\nof it.\n\nNot this.", "See stats.py for all of it."),
    ],
)
def test_the_tree_takes_first_sentences(tree, tmp_path, docstring, sentence):
    file = tmp_path / "module.py"
    file.write_text(f'"""{docstring}"""\n', encoding="utf-8")
    assert tree._says(file) == sentence


@pytest.fixture
def tree(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import tree

    return tree


def test_the_figures_of_the_performance_page_are_the_measured_ones(tree):
    import figures

    page = text_of("docs/performance.md")
    assert len(figures.BLOCK.findall(page)) == len(figures.TABLES)
    assert page == figures.filled(page), "run `.venv/bin/python docs/figures.py`"


@pytest.fixture
def insert_run(tree):
    import insert_run

    return insert_run


def test_the_readme_shows_a_real_run(insert_run):
    begin, end = insert_run.MARKERS
    shown = text_of("README.md").partition(begin)[2].partition(end)[0].strip()
    assert shown.startswith("```text\n") and shown.endswith("\n```")
    run = shown.removeprefix("```text\n").removesuffix("\n```")
    assert insert_run.plain(run) == run
    assert "The ladder" in run and "Next:" in run, "run `make demo`, then docs/insert_run.py (see CONTRIBUTING.md)"


def test_a_log_becomes_what_a_person_saw(insert_run):
    log = "\x1b[1mbase\x1b[0m: 0.5 \n  10 %\r  100 %\r\n\n\n\n\x1b]8;;http://x\x1b\\end\x1b]8;;\x1b\\\n"
    assert insert_run.plain(log) == "base: 0.5\n  100 %\n\nend"


@pytest.mark.parametrize("log", ["The ladder\nwritten to /home/someone/runs/a-1", "no table here", "The ladder\n```"])
def test_a_log_that_is_unfit_is_refused(insert_run, tmp_path, log):
    (tmp_path / "log").write_text(log, encoding="utf-8")
    before = text_of("README.md")
    with pytest.raises(SystemExit):
        insert_run.main([str(tmp_path / "log")])
    assert text_of("README.md") == before
