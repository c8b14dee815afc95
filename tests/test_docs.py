"""The docs are correct: commands exist, samples are valid, numbers match the code.

Every `gradschool` command in a page is parsed by the real command line; those that take seconds are run. Complete
climbs are tested in tests/test_climbing.py.
"""

import re
import shlex
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from typer.main import get_command

import small_job
from gradschool import __version__, errors
from gradschool.cli import app
from gradschool.data import sizing
from gradschool.data.documents import SUFFIXES
from gradschool.data.issues import Kind
from gradschool.data.proof import look_level, min_test_examples
from gradschool.data.read import read_examples
from gradschool.gates.effect import MIN_STOP_RATE
from gradschool.gates.forgetting import KINDS
from gradschool.gates.gate import Measurements
from gradschool.gates.memorization import PRIVATE, RECITES
from gradschool.gates.obedience import DISCLOSED, PLANTED
from gradschool.gates.parity import MIN_SAME
from gradschool.gates.pressure import RULES
from gradschool.gates.run import ANSWER_GATES, AUDIT_GATES, PACKAGE_GATES, STATE_GATES, TRAINING_GATES, run_gates
from gradschool.gates.safety import HARMFUL, HARMLESS
from gradschool.job import read_job
from gradschool.model.machine import SMALL
from gradschool.records import Answer, Example, Message, Source
from gradschool.score.custom import custom_metric
from gradschool.score.stats import bounds, needed_score
from gradschool.settings import METRICS, Data, Goal, Settings, Tune

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("examples/*/README.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
CHEAP = {"settings", "version", "check"}
MORE_LEVEL = look_level(Goal().error_budget, 4)


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def fenced(*kinds):
    """(page, text) of all fenced blocks of the given kinds."""
    blocks = [(name_of(page), *block) for page in PAGES for block in FENCE.findall(page.read_text(encoding="utf-8"))]
    return [(name, text) for name, kind, text in blocks if kind in kinds]


def commands():
    """(page, command, expected output lines) of all blocks with commands."""
    found = [(name, line, []) for name, text in fenced("sh") for line in text.splitlines() if line.strip()]
    for name, text in fenced("console"):
        for line in text.splitlines():
            if line.startswith("$ "):
                found.append((name, line[2:], []))
            else:
                found[-1][2].append(line)
    return found


def words_of(command):
    """The words of the first command of a line, without environment variables and redirections."""
    words = shlex.split(re.split(r" [|<>] ", command)[0], comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    return words


def documented_commands():
    """Every gradschool command in any page, in blocks and in running text."""
    in_text = {
        span.partition(" < ")[0]
        for page in PAGES
        for span in INLINE.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
        if span.startswith("gradschool ")
    }
    in_blocks = {shlex.join(words) for _, line, _ in commands() if (words := words_of(line))[0] == "gradschool"}
    return sorted(in_text | in_blocks)


def parse(words):
    """Parse a gradschool command like the program; raises if it is invalid. Returns its name."""
    group = get_command(app)
    context = group.make_context("gradschool", list(words[:1]), resilient_parsing=True)
    command = group.get_command(context, words[0])
    assert command is not None, f"there is no command {words[0]!r}"
    command.make_context(words[0], list(words[1:]), parent=context)
    return words[0]


@pytest.mark.parametrize("command", documented_commands())
def test_every_gradschool_command_is_valid(command):
    words = shlex.split(command)[1:]
    if len(words) == 1:  # only the name of the command, or a complete command
        group = get_command(app)
        flags = {flag for parameter in group.params for flag in parameter.opts}
        assert words[0] in {"--help", *flags, *group.commands}
    else:
        parse(words)


@pytest.mark.parametrize("wrong", ["climb examples --no-such-flag 1", "clim examples/contracts", "score", "report a b"])
def test_the_parser_of_these_tests_rejects_invalid_commands(wrong):
    with pytest.raises(Exception):  # noqa: B017  # Click's own, or the assertion
        parse(shlex.split(wrong))


def test_every_flag_in_running_text_exists():
    group = get_command(app)
    known = {"--help"}
    for command in (group, *group.commands.values()):
        known |= {flag for parameter in command.params for flag in parameter.opts}
    shown = {
        word
        for page in PAGES
        for span in INLINE.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
        for word in span.split()
        if re.fullmatch(r"--[a-z-]+", word) and not span.startswith(("make", "pip", "pytest", "llama-server"))
    }
    assert shown > {"--resume", "--compare"}
    assert shown <= known


def test_every_other_command_exists():
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    seen = set()
    for page, line, _ in commands():
        program, *rest = words_of(line)
        seen.add(program)
        if program == "make":
            asked = [word for word in rest if not word.startswith("-")]
            assert asked and set(asked) <= targets, f"{page}: {line}"
        elif program == ".":
            assert rest == [".venv/bin/activate"]
        elif program == "curl":
            assert page == "docs/serve.md"  # where tests/serve/test_serve_page.py tries it
        elif program != "gradschool":
            assert program in ("python3", ".venv/bin/python"), f"{page}: {line}"
            files = [word for word in rest if "/" in word and word.endswith(".py")]
            assert all((ROOT / file).is_file() for file in files), f"{page}: {line}"
    assert {"make", "gradschool", ".venv/bin/python"} <= seen


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The working directory of docs/first-climb.md: my-job with the page's job.toml and some examples."""
    desk = tmp_path_factory.mktemp("desk")
    (desk / "my-job").mkdir()
    [job] = [text for name, text in fenced("toml") if name == "docs/first-climb.md"]
    (desk / "my-job" / "job.toml").write_text(job, encoding="utf-8")
    rows = text_of("examples/contracts/plain.jsonl").splitlines(keepends=True)
    (desk / "my-job" / "examples.jsonl").write_text("".join(rows[:120]), encoding="utf-8")
    (desk / "examples").symlink_to(ROOT / "examples")
    return desk


CHEAP_COMMANDS = [
    (command, tuple(output))
    for _, command, output in commands()
    if (words := words_of(command))[0] == "gradschool" and words[1] in CHEAP
]


def test_cheap_commands_are_documented():
    assert {words_of(command)[1] for command, _ in CHEAP_COMMANDS} == CHEAP
    assert any(output for _, output in CHEAP_COMMANDS)


@pytest.mark.parametrize(("command", "output"), dict(CHEAP_COMMANDS).items())
def test_cheap_commands_do_their_work_and_print_what_the_page_shows(command, output, desk, monkeypatch):
    monkeypatch.chdir(desk)
    before = sorted(path for path in desk.rglob("*"))
    ran = small_job.run(*words_of(command)[1:], columns=80)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.strip()
    printed = ran.stdout.splitlines()
    assert [line for line in output if line not in printed] == []
    assert sorted(path for path in desk.rglob("*")) == before  # nothing is written


def test_help_names_every_command_of_the_readme():
    ran = small_job.run("--help")
    listed = set(re.findall(r"^\| `gradschool (\w+)", text_of("README.md"), re.MULTILINE))
    assert ran.exit_code == 0
    assert listed == set(get_command(app).commands)
    assert all(command in ran.stdout for command in listed)


@pytest.mark.parametrize(("page", "sample"), fenced("toml"))
def test_every_sample_of_a_job_is_valid(page, sample, tmp_path):
    (tmp_path / "job.toml").write_text(sample, encoding="utf-8")
    job = read_job(tmp_path)
    written = tomllib.loads(sample)
    assert written and written.keys() <= job.settings.model_fields_set


def test_every_example_has_a_job_that_is_valid():
    for job in ROOT.glob("examples/*/*.toml"):
        assert read_job(job).settings.goal.pass_mark


SAMPLES = re.compile(r"^```(jsonl|json|csv)\n(.*?)^```\n\nRecognized as `([^`]+)`", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("ending", "sample", "form"), SAMPLES.findall(text_of("docs/data.md")))
def test_samples_of_data_are_recognized_as_the_page_says(ending, sample, form, tmp_path):
    (tmp_path / f"sample.{ending}").write_text(sample, encoding="utf-8")
    read = read_examples(tmp_path / f"sample.{ending}", Data())
    assert read.form == form
    assert read.examples and not read.issues


def test_every_form_has_a_sample():
    forms = {form.partition(" in ")[0] for _, _, form in SAMPLES.findall(text_of("docs/data.md"))}
    assert forms >= {"messages", "prompt/completion", "alpaca", "sharegpt"}
    assert len(SAMPLES.findall(text_of("docs/data.md"))) == len([1 for name, _ in fenced("jsonl", "json", "csv")
                                                                 if name == "docs/data.md"])  # fmt: skip


def test_the_rows_of_the_first_climb_are_read(tmp_path):
    [rows] = [text for name, text in fenced("jsonl") if name == "docs/first-climb.md"]
    (tmp_path / "examples.jsonl").write_text(rows, encoding="utf-8")
    read = read_examples(tmp_path / "examples.jsonl", Data())
    assert [example.group for example in read.examples] == ["van-hire", "office-lease"]
    assert not read.issues


def test_the_sample_of_a_custom_metric_works(tmp_path):
    [code] = [text for name, text in fenced("python") if name == "docs/metrics.md"]
    (tmp_path / "metrics.py").write_text(code, encoding="utf-8")
    metric = custom_metric("metrics.py:polite", tmp_path)
    example = Example("1", (Message("user", "Well?"), Message("assistant", "Yes, please.")), "1", Source("a", 1))
    assert metric("Yes, please.", example).value == 1
    assert metric("Yes, if you must ask me that.", example).parts == {"short": 0}


def rows_of(page, heading):
    """The cells of the first table below a heading."""
    below = text_of(page).partition(heading)[2]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_exit_codes_are_those_of_the_errors():
    described = {code: about for code, about in re.findall(r"\w+Error\s+(\d)\s{3}(.+)", errors.__doc__)}
    raised = {str(kind.exit_code) for kind in errors.GradschoolError.__subclasses__()}
    assert described.keys() == raised
    others = {errors.EXIT_PASSED, errors.EXIT_BUG, errors.EXIT_NOT_PASSED, errors.EXIT_INTERRUPTED}
    shown = dict(rows_of("docs/first-climb.md", "## Exit codes"))
    assert shown.keys() == raised | set(map(str, others))
    assert {code: shown[code] for code in raised} == described


def test_metrics_gates_and_warnings_are_documented():
    metrics = [cells[0].strip("`") for cells in rows_of("docs/metrics.md", "# Metrics")]
    assert set(metrics) == {*METRICS, "metrics.py:polite"}
    empty = Measurements(
        train_loss=(0.0, 0.0),
        adapter_norms=[],
        answers=([], []),
        given=([], []),
        tuned_answers=[],
        with_ideals=([Answer("a")], ["a"]),
        text_losses=([], []),
    )
    gates = run_gates([*ANSWER_GATES, *TRAINING_GATES, *STATE_GATES, *PACKAGE_GATES], empty)
    assert [cells[0] for cells in rows_of("docs/decision.md", "## Gates")] != []
    assert {cells[0] for cells in rows_of("docs/decision.md", "## Gates")} == {gate.name for gate in gates}
    audited = {cells[0] for cells in rows_of("docs/audit.md", "## The gates")}
    assert audited == {HARMFUL, HARMLESS, RECITES, PRIVATE, PLANTED, DISCLOSED, KINDS, RULES}
    assert len(audited) == len(AUDIT_GATES)
    warnings = [kind for cells in rows_of("docs/data.md", "## What is checked") for kind in cells[0].split(", ")]
    assert sorted(warnings) == sorted(get_args(Kind))


def test_document_types_are_those_of_the_code():
    said = re.search(r"`data.documents` is a folder or one file: ([^.]+)\.", text_of("docs/data.md"))[1].split(", ")
    assert {f".{kind}" for kind in said} == set(SUFFIXES) - {".markdown", ".htm"}


def test_minimum_test_sizes_are_computed():
    for mark, one, four in rows_of("docs/decision.md", "The minimum number of test examples"):
        assert int(one) == min_test_examples(float(mark), 1 - Goal().error_budget)
        assert int(four) == min_test_examples(float(mark), MORE_LEVEL)
    for number, score in rows_of("docs/decision.md", "No specialist answers everything correctly"):
        assert float(score) == round(needed_score(int(number), 0.8, MORE_LEVEL), 3)


def test_the_worked_example_is_computed():
    page = text_of("docs/decision.md")
    groups = [str(number) for number in range(60)]
    for values in ([1.0] * 54 + [0.0] * 6, [0.9] * 60):
        found = bounds(values, groups, MORE_LEVEL)
        assert f"{found.low:.3f} and {found.high:.3f}" in page
    assert f"each bound holds with {100 * MORE_LEVEL:.4g} % confidence" in page


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("README.md", f"at most {Goal().error_budget:.0%} (`error_budget`)".replace("%", " %")),
        ("docs/decision.md", f"With fewer than {sizing.MIN_EXAMPLES} usable examples"),
        ("docs/decision.md", f"the most of: twice that number, {sizing.TARGET_TEST}, a fifth of the examples"),
        ("docs/decision.md", f"Validation gets {100 * sizing.VALIDATION_FRACTION:g} %"),
        ("docs/decision.md", f"and about {sizing.TARGET_VALIDATION} if there are few examples"),
        ("docs/decision.md", f"less than {100 * MIN_STOP_RATE:g} % of the validation answers ended"),
        ("docs/decision.md", f"`max_forgetting` ({Tune().max_forgetting:g} nats per token)"),
        ("docs/decision.md", f"less than {100 * MIN_SAME:g} % of the same answers"),
        ("docs/first-climb.md", f"the minimum is {sizing.MIN_EXAMPLES}"),
        ("docs/bases.md", f"weights take at most {SMALL >> 20} MB"),
        ("docs/decisions.md", f"up to {SMALL >> 20} MB of weights"),
        ("docs/bases.md", f"(`{Settings().remote.api_key_env}`)"),
        ("CHANGELOG.md", f"\n## {__version__}\n"),
    ],
)
def test_constants_in_the_docs_are_those_of_the_code(page, sentence):
    assert sentence in text_of(page)


def test_fractions_of_the_split_are_those_in_the_text():
    assert (sizing.MIN_TEST_FRACTION, sizing.MAX_TEST_FRACTION, sizing.MAX_VALIDATION_FRACTION) == (1 / 5, 1 / 2, 1 / 4)


def test_files_of_runs_and_specialists_are_described():
    from gradschool import run
    from gradschool.package import bundle

    page = text_of("docs/files.md")
    for module in (run, bundle):
        listed = re.findall(r"^ *([\w.]+/?)(?:\w+\.\w+)?(?: \| ([\w/]+))?  +\w", module.__doc__, re.MULTILINE)
        names = {name for pair in listed for name in pair if name}
        assert len(names) >= 5
        assert [name for name in sorted(names) if name not in page] == []


def test_the_documented_layers_are_those_that_are_enforced():
    layers = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]
    enforced = [part.strip() for layer in layers[1:] for part in layer.split("|")]
    block = next(text for name, text in fenced("text") if name == "CONTRIBUTING.md")
    columns = [re.split(r" {2,}", line)[1] for line in block.splitlines()]
    assert [name for column in columns for name in column.split(", ")] == enforced


LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def anchors(page):
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def test_links_are_valid():
    followed = 0
    for page in PAGES:
        for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
            if link.startswith(("http://", "https://")):
                continue
            place, _, anchor = link.partition("#")
            target = (page.parent / place) if place else page
            assert target.exists(), f"{name_of(page)}: {link}"
            if anchor:
                assert anchor in anchors(target), f"{name_of(page)}: {link}"
            followed += 1
    assert followed > 20


def test_the_readme_links_to_every_page():
    linked = {link.partition("#")[0] for link in LINK.findall(text_of("README.md"))}
    assert {name_of(page) for page in (ROOT / "docs").glob("*.md")} <= linked


def test_pages_contain_no_local_paths():
    for page in PAGES:
        found = re.search(r"(?<![\w.:/~])/(home|work|root|tmp|Users)/", page.read_text(encoding="utf-8"))
        assert found is None, f"{name_of(page)}: {found[0]}"


def test_the_licence_file_matches_the_package_metadata():
    assert tomllib.loads(text_of("pyproject.toml"))["project"]["license"] == "Apache-2.0"
    licence = text_of("LICENSE")
    assert "Apache License" in licence and "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
