"""Generated pages are up to date: the settings, the tree of source files, the run in the README."""

import re
import subprocess
from pathlib import Path

import pytest

from gradschool.cli.about import settings_markdown
from gradschool.cli.tables import ladder_table

ROOT = Path(__file__).parents[1]


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_settings_page_is_the_generated_one():
    assert text_of("docs/settings.md") == settings_markdown(), "run `make docs`"


def test_make_docs_runs_every_generator_that_needs_no_new_run():
    commands = subprocess.run(["make", "--dry-run", "docs"], cwd=ROOT, capture_output=True, text=True).stdout
    for generator in ("settings --markdown > docs/settings.md", "docs/tree.py docs/code.md", "docs/figures.py"):
        assert generator in commands


def test_the_tree_of_the_code_page_is_the_generated_one(tree):
    begin, end = tree.MARKERS
    shown = text_of("docs/code.md").partition(begin)[2].partition(end)[0].strip()
    assert shown == f"```text\n{tree.tree().rstrip()}\n```", "run `make docs`"


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
    assert tree._summary(file) == sentence


@pytest.fixture
def tree(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import tree

    return tree


def test_the_figures_in_the_pages_are_the_measured_ones(tree):
    import figures

    pages = [page.read_text(encoding="utf-8") for page in figures.PAGES]
    assert sum(len(figures.BLOCK.findall(page)) for page in pages) == len(figures.TABLES)
    for page in pages:
        assert page == figures.filled(page), "run `make docs`"


@pytest.fixture
def insert_run(tree):
    import insert_run

    return insert_run


def test_the_readme_shows_a_real_run(insert_run):
    begin, end = insert_run.MARKERS
    shown = text_of("README.md").partition(begin)[2].partition(end)[0].strip()
    assert shown.startswith("```text\n") and shown.endswith("\n```")
    run = shown.removeprefix("```text\n").removesuffix("\n```")
    assert insert_run.shortened(insert_run.plain(run)) == run
    titles = [str(column.header) for column in ladder_table([]).columns]
    shown = all(title in run for title in ("The ladder", *titles, "Passed: "))
    assert shown, "run `make demo`, then docs/insert_run.py (see CONTRIBUTING.md)"


def test_terminal_codes_and_redrawn_lines_are_removed(insert_run):
    log = "\x1b[1mbase\x1b[0m: 0.5 \n  10 %\r  100 %\r\n\n\n\n\x1b]8;;http://x\x1b\\end\x1b]8;;\x1b\\\n"
    assert insert_run.plain(log) == "base: 0.5\n  100 %\n\nend"


def test_details_before_the_ladder_become_an_ellipsis(insert_run):
    before = "job\n  note\n  3 train, 2 test (split 0a1b), because\n  of it.\n  tried a\n  tried b\nbase: 0\n"
    log = f"{before}The ladder\n  base  0\n"
    shown = "job\n  …\n  3 train, 2 test (split 0a1b)\n  …\nThe ladder\n  base  0\n"
    assert insert_run.shortened(log) == shown
    assert insert_run.shortened(shown) == shown


@pytest.mark.parametrize("log", ["The ladder\nwritten to /home/someone/runs/a-1", "no table here", "The ladder\n```"])
def test_an_unsuitable_log_is_rejected(insert_run, tmp_path, log):
    (tmp_path / "log").write_text(log, encoding="utf-8")
    before = text_of("README.md")
    with pytest.raises(SystemExit):
        insert_run.main([str(tmp_path / "log")])
    assert text_of("README.md") == before
