"""What a person reads at the end of a command: the ladder, a report, the state of the data."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from gradschool.cli.screen import VERDICT_STYLE, bounded
from gradschool.climbing import Climbed
from gradschool.examine import Examined
from gradschool.package.verdicts import verdict_sentence
from gradschool.records import Gate, Report, RungResult

MAX_ISSUES = 12  # lines of issues shown; all are counted


def show_climbed(console: Console, climbed: Climbed, run: Path) -> None:
    """The ladder, the gates, the verdict in a sentence, and what to type next."""
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
    """Every rung with its score, bounds, verdict and cost; fits a terminal of 80 columns."""
    report = next((r.report for r in results if r.report), None)
    title = f"The ladder: {report.metric}, pass mark {report.pass_mark:g}" if report else "The ladder"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, caption_justify="left")
    table.add_column("rung")
    table.add_column("made of", overflow="fold", min_width=len("instructions +"))
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("on rung below", justify="right", no_wrap=True)
    table.add_column("verdict")
    table.add_column("time", justify="right")
    for result in results:
        table.add_row(*_ladder_row(result))
    if report:
        level, score = report.score.interval.level, report.score
        table.caption = (
            f"{score.examples} test examples in {score.groups} groups. Below a score stand its bounds, "
            f"each with {level:.2%} confidence."
        )
    return table


def _ladder_row(result: RungResult) -> tuple[str, ...]:
    if result.report is None:
        return result.rung, escape(result.skipped), "", "", "skipped", ""
    report = result.report
    interval = report.score.interval
    verdict = report.verdict if result.sound else f"{report.verdict}, refused"
    return (
        result.rung,
        escape(result.recipe),
        f"[bold]{report.score.mean:.3f}[/]\n{interval.low:.3f} to {interval.high:.3f}",
        _difference(report),
        f"[{VERDICT_STYLE[report.verdict]}]{verdict}[/]",
        f"{result.seconds:.0f} s",
    )


def _difference(report: Report) -> str:
    if report.difference is None:
        return ""
    interval = report.difference.interval
    return f"{report.difference.mean:+.3f}\n{interval.low:+.3f} to {interval.high:+.3f}"


def gate_lines(gates: Iterable[Gate]) -> list[str]:
    """What each gate says."""
    return [
        f"  {'[green]held[/]   ' if gate.held else '[red]refused[/]'} {escape(gate.name)}: {escape(gate.evidence)}"
        for gate in gates
    ]


def show_report(console: Console, report: Report) -> None:
    """One report: score, parts, failures, cost."""
    table = Table(title=f"{report.metric}: {bounded(report.score)}", title_justify="left")
    table.add_column("part")
    table.add_column("score", justify="right")
    table.add_column("bounds", justify="right")
    for name, score in report.parts.items():
        table.add_row(escape(name), f"{score.mean:.3f}", f"{score.interval.low:.3f} to {score.interval.high:.3f}")
    console.print(table)
    score = report.score
    style = VERDICT_STYLE[report.verdict]
    console.print(
        f"{score.examples} examples in {score.groups} groups; "
        f"pass mark {report.pass_mark:g}: [{style}]{report.verdict}[/]",
        highlight=False,
    )
    if report.more_examples:
        console.print(f"  some {report.more_examples} more examples would probably settle it", highlight=False)
    for kind, count in report.failures.items():
        console.print(f"  {count} failed: {kind}", highlight=False)
    cost = report.cost
    console.print(
        f"  in the mean {cost.prompt_tokens:.0f} tokens read, {cost.new_tokens:.0f} written, "
        f"{cost.seconds:.2f} s per answer",
        highlight=False,
    )


def show_examined(console: Console, examined: Examined) -> None:
    """The state of a job's data."""
    console.print(f"[bold]{escape(examined.name)}[/]: {escape(examined.form)}", highlight=False)
    for column, part in examined.columns.items():
        console.print(f"  {escape(column)} → {escape(part)}", highlight=False)
    counted = Counter((issue.kind, issue.severity) for issue in examined.issues)
    if counted:
        console.print("\nRemarks")
        for (kind, severity), count in counted.most_common():
            console.print(f"  {count} {kind} ({severity})", highlight=False)
        for issue in examined.issues[:MAX_ISSUES]:
            console.print(f"    {escape(str(issue))}", style="dim", highlight=False, soft_wrap=True)
        if len(examined.issues) > MAX_ISSUES:
            console.print(f"    … and {len(examined.issues) - MAX_ISSUES} more; --issues FILE writes all", style="dim")
    _show_split(console, examined)
    if examined.tokens:
        low, middle, high = examined.tokens
        console.print(
            f"\nTokens per row with instructions: {low} to {high}, half of them under {middle}; "
            f"the base reads {examined.context_length}.",
            highlight=False,
        )
    for shown in examined.shown:
        console.print(
            f"\n[bold]{escape(shown.id)}[/] ({escape(shown.source)}): {shown.tokens} tokens, "
            f"{shown.trained_tokens} of them learnt [reverse green]like this[/]",
            highlight=False,
        )
        text = Text()
        for piece, trained in shown.segments:
            text.append(piece, style="reverse green" if trained else "dim")
        console.print(text)


def _show_split(console: Console, examined: Examined) -> None:
    split = examined.split
    console.print(
        f"\nSplit {split.hash[:8]}: {len(split.train)} train, {len(split.validation)} validation, "
        f"{len(split.test)} test in {examined.groups} groups",
        highlight=False,
    )
    console.print(
        f"  If every test answer were right, a mark of {examined.highest_provable:.3f} would be proved; "
        f"no higher one can be with this test.",
        highlight=False,
    )
    if examined.needed is None:
        console.print(
            f"  The pass mark of {examined.pass_mark:g} cannot be proved with it: add examples.",
            style="yellow",
            highlight=False,
        )
    else:
        console.print(
            f"  To prove the pass mark of {examined.pass_mark:g} four times in five, the true score must be "
            f"{examined.needed:.3f}.",
            highlight=False,
        )
