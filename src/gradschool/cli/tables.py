"""Print the result of a command: the ladder of a climb, a score report, the state of a job's data."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill, wrap

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gradschool.cli.compared import show_bases, show_surveyed
from gradschool.cli.lines import FULL_WIDTH, WIDE, command_line, escape, say, width_of
from gradschool.cli.rows import show_rows
from gradschool.cli.screen import VERDICT_STYLE
from gradschool.climbing import Climbed
from gradschool.data.issues import Issue, counted, some_of_each_kind
from gradschool.environment import duration
from gradschool.examine import Examined
from gradschool.messages import shown_content
from gradschool.package.floor_words import difference_from, floor_name, floors_in, scored
from gradschool.package.manifest import EVIDENCE, QUESTIONS
from gradschool.package.marks import difference, incumbent, marks
from gradschool.package.verdicts import (
    bounded,
    bounds,
    confidences,
    decided,
    differences,
    plain_verdict,
    tested_on,
    verdict_sentence,
    verdict_words,
    what_settles,
)
from gradschool.records import Example, Gate, Report, RungResult

DIFFERENCE_WIDTH, VERDICT_WIDTH = len("-0.045 to +0.292"), len("not proven")
MAX_SHOWN = 400  # characters of a message of the example that `check` shows
MAX_ISSUES = 12  # issues printed; the counts include all


def show_climbed(console: Console, climbed: Climbed, run: Path) -> None:
    """Print the bases that were compared, the ladder, the gates, the verdict, remedies, and commands to try next."""
    show_bases(console, climbed.bases)
    console.print(ladder_table(climbed.results, width_of(console)))
    for line in below_ladder(climbed.results, width_of(console)):
        say(console, line, style="dim")
    gates = [gate for result in climbed.results if result.rung == climbed.rung for gate in result.gates]
    for line in gate_lines([*gates, *climbed.gates]):
        say(console, line)
    [packaged] = [result for result in climbed.results if result.rung == climbed.rung]
    console.print()
    say(console, escape(plain_verdict(packaged, climbed.gates)), style=f"bold {VERDICT_STYLE[climbed.verdict]}")
    say(console, escape(verdict_sentence(packaged, climbed.gates)))
    for remedy in climbed.remedies:
        say(console, f"  - {escape(remedy)}")
    folder = Path(climbed.specialist)
    console.print("\nNext:")
    for line in (
        command_line(console, "gradschool", "report", run),
        command_line(console, "gradschool", "chat", folder, "--compare"),
        command_line(console, "gradschool", "answer", folder, stdin=folder / EVIDENCE / QUESTIONS),
    ):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    say(console, "  `gradschool score` scores it on more examples: name the specialist and your file.")


def ladder_table(results: Sequence[RungResult], width: int = WIDE) -> Table:
    """Every rung with its score, bounds, verdict and time; fits into 80 columns.

    In 60 columns, less is side by side, and rungs without a score and floors are below it (see `below_ladder`).
    """
    report = next((r.report for r in results if r.report), None)
    title = escape(f"The ladder: {report.metric}, {marks(report)}") if report else "The ladder"
    narrow = width < FULL_WIDTH
    table = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    table.collapse_padding, table.pad_edge = True, not narrow
    table.add_column("rung", no_wrap=True)
    words = [word for result in results if result.report for word in result.recipe.split()]
    table.add_column("recipe", overflow="fold", min_width=max(map(cell_len, words), default=0))  # the others are fixed
    table.add_column("score", justify="right", no_wrap=True)
    if not narrow:
        table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    for result in results:
        if result.report or not narrow:
            table.add_row(*_ladder_row(result, narrow, VERDICT_WIDTH if width < WIDE else WIDE))
    floors = floors_in(results)
    for floor in floors if not narrow else ():
        mean = f"{floor.score.mean:.3f}\n{bounds(floor.score.interval)}"
        required = "" if floor.binding else "only reported"
        table.add_row("floor", escape(floor_name(floor)), mean, "", required, "", style="dim")
    if report:
        trivial = " A rung must be proven better than each floor, too." if floors else ""
        each = f"each at {confidences(results)} confidence"
        table.caption = f"{tested_on(results)} Below each score: its lower and upper bound, {each}.{trivial}"
        if report.incumbent:
            table.caption += f" For comparison, {escape(incumbent(report.incumbent))}."
    return table


def below_ladder(results: Sequence[RungResult], width: int) -> list[str]:
    """The rungs without a score and the floors as lines, if the console is too narrow to have them in the ladder."""
    if width >= FULL_WIDTH:
        return []
    skipped = [f"{result.rung}: {verdict_words(result)}, {result.skipped}" for result in results if not result.report]
    floors = [
        f"floor{'' if floor.binding else ' (only reported)'}: {floor_name(floor)}: {bounded(floor.score)}"
        for floor in floors_in(results)
    ]
    return [f"  {escape(line)}" for line in (*skipped, *floors)]


def _ladder_row(result: RungResult, narrow: bool, verdict_width: int) -> tuple[str, ...]:
    report = result.report
    if report is None:
        return (escape(result.rung), escape(result.skipped), "", "", verdict_words(result), "")
    score = [f"[bold]{report.score.mean:.3f}[/]", bounds(report.score.interval)]
    if report.coverage:
        score += [f"of {report.coverage.share.mean:.0%} answered", bounds(report.coverage.share.interval)]
    compared = [line for pair in differences(report) for part in pair for line in wrap(part, DIFFERENCE_WIDTH)]
    return (
        escape(result.rung),
        escape(result.recipe),
        *(["\n".join([*score, *compared])] if narrow else ["\n".join(score), "\n".join(compared)]),
        f"[{VERDICT_STYLE[report.verdict]}]{fill(verdict_words(result), verdict_width)}[/]",
        duration(result.seconds),
    )


def gate_lines(gates: Iterable[Gate]) -> list[str]:
    """One line for each gate."""
    return [f"  [{_style(gate)}]{gate.result}[/] {escape(gate.name)}: {escape(gate.evidence)}" for gate in gates]


def _style(gate: Gate) -> str:
    return "red" if not gate.held else "yellow" if gate.exception else "green"


def show_report(console: Console, report: Report) -> None:
    """Print a score report: score, parts, failures and cost."""
    say(console, f"[bold]{escape(report.metric)}[/]: {bounded(report.score)}")
    parts = report.parts.items()
    rows = [(escape(name), f"{score.mean:.3f}", bounds(score.interval)) for name, score in parts]
    show_rows(console, ("metric or rule", "score", "bounds"), rows)
    if coverage := report.coverage:
        say(console, f"answered: {bounded(coverage.share)}; wanted at least {coverage.min_share:g}")
    score = report.asked
    style = VERDICT_STYLE[report.verdict]
    say(
        console,
        f"{score.examples} examples in {score.groups} groups; {escape(marks(report))}: [{style}]{decided(report)}[/]",
    )
    for floor in report.floors:
        reported = "" if floor.binding else " (only reported)"
        say(console, f"  floor{reported}: {escape(scored(floor))}; difference {difference_from(floor)}")
    if report.verdict == "not proven":
        say(console, f"  {escape(what_settles(report))}")
    if now := report.incumbent:
        say(console, f"  {escape(incumbent(now))}; difference {difference(now)}: {now.verdict}")
    for kind, count in report.failures.items():
        say(console, f"  {count} failed: {kind}")
    cost = report.cost
    say(
        console,
        f"  per answer, on average: {cost.prompt_tokens:.0f} prompt tokens, {cost.new_tokens:.0f} new tokens, "
        f"{duration(cost.seconds)}",
    )


def show_examined(console: Console, examined: Examined) -> None:
    """Print the result of `gradschool check`."""
    say(console, f"[bold]{escape(examined.name)}[/]: {escape(examined.form)}")
    show_surveyed(console, examined.bases, examined.base)
    show_reading(console, examined.columns, examined.first)
    show_issues(console, examined.issues)
    console.print()
    for proof in (examined.proof, examined.margin):
        if proof:
            say(console, escape(proof.sentence()), style="" if proof.possible else "yellow")
    if examined.tokens:
        low, middle, high = examined.tokens
        console.print()
        say(
            console,
            f"Tokens per example, instructions included: {low} to {high}, median {middle}; "
            f"context length {examined.context_length}.",
        )
    for shown in examined.shown:
        console.print()
        say(
            console,
            f"[bold]{escape(shown.id)}[/] ({escape(shown.source)}): "
            + (
                f"{shown.tokens} tokens, {shown.trained_tokens} of them trained on, [reverse green]marked like this[/]"
                if shown.trained_tokens
                else f"about {shown.tokens} tokens, sent to the base as these messages"
            ),
        )
        text = Text()
        for segment, trained in shown.segments:
            text.append(segment, style="reverse green" if trained else "dim")
        console.print(text)


def show_reading(console: Console, columns: Mapping[str, str], first: Example) -> None:
    """Print the use of each column, and the first example as it was read."""
    for column, part in columns.items():
        say(console, f"  {escape(column)} → {escape(part)}")
    console.print()
    say(console, f"{escape(str(first.source))} is read as")
    for message in first.messages:
        whole = shown_content(message)
        text = whole if len(whole) <= MAX_SHOWN else f"{whole[:MAX_SHOWN]}…"
        say(console, f"  {escape(message.role)}: {escape(text, lines=True)}", style="dim")
    if first.other_answers:
        say(console, f"  also right: {escape('; '.join(first.other_answers))}", style="dim")


def show_issues(console: Console, issues: Sequence[Issue]) -> None:
    """Print how many issues there are of each kind, and the first ones of each."""
    if issues:
        console.print("\nIssues")
    for line in counted(issues):
        say(console, f"  {line}")
    shown = some_of_each_kind(issues, MAX_ISSUES)
    for issue in shown:
        say(console, f"    {escape(str(issue))}", style="dim")
    if len(issues) > len(shown):
        say(
            console,
            f"    … and {len(issues) - len(shown)} more; the option --issues writes them all into a file",
            style="dim",
        )
