"""Print the result of a command: the ladder of a climb, a score report, the state of a job's data."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from gradschool.cli.screen import VERDICT_STYLE
from gradschool.climbing import Climbed
from gradschool.data.issues import Issue
from gradschool.examine import Examined
from gradschool.package.verdicts import bounded, bounds, verdict_sentence
from gradschool.records import Example, Gate, Report, RungResult

MAX_SHOWN = 400  # characters of a message of the example that `check` shows
MAX_ISSUES = 12  # issues printed; the counts include all


def show_climbed(console: Console, climbed: Climbed, run: Path) -> None:
    """Print the ladder, the gates, the verdict, remedies, and commands to try next."""
    console.print(ladder_table(climbed.results))
    gates = [gate for result in climbed.results if result.rung == climbed.rung for gate in result.gates]
    for line in gate_lines([*gates, *climbed.gates]):
        console.print(line, highlight=False, soft_wrap=True)
    [packaged] = [result for result in climbed.results if result.rung == climbed.rung]
    verdict, _, proof = verdict_sentence(packaged, climbed.gates).partition(":")
    console.print(f"\n[{VERDICT_STYLE[climbed.verdict]}]{verdict}[/]:{escape(proof)}", highlight=False)
    for remedy in climbed.remedies:
        console.print(f"  - {escape(remedy)}", highlight=False)
    folder = escape(str(climbed.specialist))
    console.print("\nNext:")
    for line in (
        f"gradschool report {escape(str(run))}",
        f"gradschool chat {folder} --compare",
        f"gradschool answer {folder} < questions.jsonl",
        f"gradschool score {folder} more-examples.jsonl",
    ):
        console.print(f"  {line}", highlight=False, soft_wrap=True)


def ladder_table(results: Sequence[RungResult]) -> Table:
    """Every rung with its score, bounds, verdict and time; fits into 80 columns."""
    report = next((r.report for r in results if r.report), None)
    title = f"The ladder: {report.metric}, pass mark {report.pass_mark:g}" if report else "The ladder"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, caption_justify="left")
    table.add_column("rung")
    table.add_column("recipe", overflow="fold", min_width=len("instructions +"))
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("vs previous rung", justify="right", no_wrap=True)
    table.add_column("verdict")
    table.add_column("time", justify="right")
    for result in results:
        table.add_row(*_ladder_row(result))
    if report:
        level, score = report.score.interval.level, report.score
        table.caption = (
            f"{score.examples} test examples in {score.groups} groups. Below each score: its lower and upper bound, "
            f"each at {level:.2%} confidence."
        )
    return table


def _ladder_row(result: RungResult) -> tuple[str, ...]:
    if result.report is None:
        return result.rung, escape(result.skipped), "", "", "skipped", ""
    report = result.report
    verdict = report.verdict if result.sound else f"{report.verdict}, gate failed"
    return (
        result.rung,
        escape(result.recipe),
        f"[bold]{report.score.mean:.3f}[/]\n{bounds(report.score.interval)}",
        _difference(report),
        f"[{VERDICT_STYLE[report.verdict]}]{verdict}[/]",
        f"{result.seconds:.0f} s",
    )


def _difference(report: Report) -> str:
    if report.difference is None:
        return ""
    return f"{report.difference.mean:+.3f}\n{bounds(report.difference.interval, signed=True)}"


def gate_lines(gates: Iterable[Gate]) -> list[str]:
    """One line for each gate."""
    return [
        f"  {'[green]passed[/]' if gate.held else '[red]failed[/]'} {escape(gate.name)}: {escape(gate.evidence)}"
        for gate in gates
    ]


def show_report(console: Console, report: Report) -> None:
    """Print a score report: score, parts, failures and cost."""
    table = Table(title=f"{report.metric}: {bounded(report.score)}", title_justify="left")
    table.add_column("metric or rule")
    table.add_column("score", justify="right")
    table.add_column("bounds", justify="right")
    for name, score in report.parts.items():
        table.add_row(escape(name), f"{score.mean:.3f}", bounds(score.interval))
    console.print(table)
    score = report.score
    style = VERDICT_STYLE[report.verdict]
    console.print(
        f"{score.examples} examples in {score.groups} groups; "
        f"pass mark {report.pass_mark:g}: [{style}]{report.verdict}[/]",
        highlight=False,
    )
    if report.more_examples:
        console.print(f"  about {report.more_examples} more examples would probably decide it", highlight=False)
    for kind, count in report.failures.items():
        console.print(f"  {count} failed: {kind}", highlight=False)
    cost = report.cost
    console.print(
        f"  per answer, on average: {cost.prompt_tokens:.0f} prompt tokens, {cost.new_tokens:.0f} new tokens, "
        f"{cost.seconds:.2f} s",
        highlight=False,
    )


def show_examined(console: Console, examined: Examined) -> None:
    """Print the result of `gradschool check`."""
    console.print(f"[bold]{escape(examined.name)}[/]: {escape(examined.form)}", highlight=False)
    show_reading(console, examined.columns, examined.first)
    show_issues(console, examined.issues)
    _show_split(console, examined)
    if examined.tokens:
        low, middle, high = examined.tokens
        console.print(
            f"\nTokens per example, instructions included: {low} to {high}, median {middle}; "
            f"context length {examined.context_length}.",
            highlight=False,
        )
    for shown in examined.shown:
        console.print(
            f"\n[bold]{escape(shown.id)}[/] ({escape(shown.source)}): {shown.tokens} tokens, "
            f"{shown.trained_tokens} of them trained on, [reverse green]marked like this[/]",
            highlight=False,
        )
        text = Text()
        for segment, trained in shown.segments:
            text.append(segment, style="reverse green" if trained else "dim")
        console.print(text)


def show_reading(console: Console, columns: Mapping[str, str], first: Example) -> None:
    """Print the use of each column, and the first example as it was read."""
    for column, part in columns.items():
        console.print(f"  {escape(column)} → {escape(part)}", highlight=False)
    console.print(f"\n{escape(str(first.source))} is read as", highlight=False)
    for message in first.messages:
        text = message.content if len(message.content) <= MAX_SHOWN else f"{message.content[:MAX_SHOWN]}…"
        console.print(f"  {escape(message.role)}: {escape(text)}", style="dim", highlight=False)
    if first.other_answers:
        console.print(f"  also right: {escape('; '.join(first.other_answers))}", style="dim", highlight=False)


def show_issues(console: Console, issues: Sequence[Issue]) -> None:
    """Print how many issues there are of each kind, and the first ones."""
    counted = Counter((issue.kind, issue.severity) for issue in issues)
    if counted:
        console.print("\nIssues")
    for (kind, severity), count in counted.most_common():
        console.print(f"  {count} {kind} ({severity})", highlight=False)
    for issue in issues[:MAX_ISSUES]:
        console.print(f"    {escape(str(issue))}", style="dim", highlight=False, soft_wrap=True)
    if len(issues) > MAX_ISSUES:
        console.print(f"    … and {len(issues) - MAX_ISSUES} more; --issues FILE writes them all", style="dim")


def _show_split(console: Console, examined: Examined) -> None:
    split = examined.split
    console.print(
        f"\nSplit {split.hash[:8]}: {len(split.train)} train / {len(split.validation)} validation / "
        f"{len(split.test)} test ({examined.groups} test groups)",
        highlight=False,
    )
    console.print(
        f"  The highest pass mark that this test set can prove is {examined.highest_provable:.3f}, "
        f"with every answer right.",
        highlight=False,
    )
    if examined.needed is None:
        console.print(
            f"  This test set cannot prove the pass mark of {examined.pass_mark:g}: add examples.",
            style="yellow",
            highlight=False,
        )
    else:
        console.print(
            f"  To prove the pass mark of {examined.pass_mark:g} with a probability of 80 %, the true score must be "
            f"at least {examined.needed:.3f}.",
            highlight=False,
        )
