"""The command `prepare`: make a job folder from raw mail, documents and dialogues."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradschool.cli.app import AsJson, command, err, out, print_json, write_issues
from gradschool.cli.lines import command_line, escape, say
from gradschool.errors import DataError, GradschoolError, UsageError
from gradschool.files import demand_writable
from gradschool.settings import Data, Purpose

if TYPE_CHECKING:
    from gradschool.prepare.guidelines import Guideline
    from gradschool.prepare.prepare import Prepared


@command
def prepare(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="mailboxes (mbox, Maildir, eml, msg), documents (md, txt, html, docx, pdf, epub), tables (CSV, XLSX), "
            "JSON and JSON lines, chat and ticket exports; or folders or archives (zip, tar, gz) of these",
            metavar="SOURCE",
        ),
    ],
    purpose: Annotated[Purpose, typer.Option("--for", help="what the examples should teach")],
    into: Annotated[Path, typer.Option("--into", help="the job folder to create or update", metavar="JOB")],
    author: Annotated[
        list[str] | None,
        typer.Option(help="a mail address of the author, or the name in a table (style); detected if not given"),
    ] = None,
    agent: Annotated[
        list[str] | None, typer.Option(help="the name or role of the agent (persona), if the roles do not show it")
    ] = None,
    guidelines: Annotated[
        Path | None, typer.Option(help="text file with rules of conduct; checkable ones become rules of the metric")
    ] = None,
    private: Annotated[
        str, typer.Option(help="pseudonyms, drop or keep; also by kind, such as key=drop,name=keep")
    ] = "pseudonyms",
    language: Annotated[
        list[str] | None, typer.Option(help="a language to keep (en, de, …); others are dropped")
    ] = None,
    input_column: Annotated[str | None, typer.Option(help="column with the input")] = None,
    output_column: Annotated[str | None, typer.Option(help="column with the ideal answer")] = None,
    text_column: Annotated[str | None, typer.Option(help="column with the author's texts (style)")] = None,
    group_column: Annotated[str | None, typer.Option(help="column with the thread, document or customer")] = None,
    date_column: Annotated[str | None, typer.Option(help="column with the date")] = None,
    writer: Annotated[
        str | None,
        typer.Option(
            help="a base (pocket, a folder, a Hub id) that writes the instruction for each text that answers no "
            "message; default: it is made of subject, title or words of the text"
        ),
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option(help="file or folder with texts of other authors, for the style classifier; repeatable"),
    ] = None,
    pass_mark: Annotated[float | None, typer.Option(help="the pass mark to write into job.toml")] = None,
    issues: Annotated[Path | None, typer.Option(help="write all warnings here, one per line")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a job folder from raw mail, documents and dialogues: cleaned, pseudonymized and documented."""
    if pass_mark is not None and not 0 < pass_mark <= 1:
        raise UsageError(f"--pass-mark {pass_mark}: a pass mark is between 0 and 1.", "", "give 0.8, for example.")
    from gradschool.cli.screen import Screen
    from gradschool.job import settings_of_base
    from gradschool.model.hosts import named_by_user
    from gradschool.model.opening import open_engine
    from gradschool.prepare.options import PrepareOptions, private_modes
    from gradschool.prepare.prepare import check_inputs
    from gradschool.prepare.prepare import prepare as prepare_job

    if others and purpose != "style":
        raise UsageError(f"--others is for --for style, not {purpose}.", "Only a style is compared.", "leave it out.")
    columns = Data(input_column=input_column, output_column=output_column, group_column=group_column)
    modes = private_modes(private)
    check_inputs(sources, others or (), guidelines, into)
    if issues:
        demand_writable(issues)
    named_by_user(writer)
    console = err if as_json else out
    with Screen(console) as screen, _written(issues, screen.warnings):
        engine = screen.follow(open_engine(settings_of_base(writer), Path())) if writer else None
        options = PrepareOptions(
            purpose=purpose,
            authors=tuple(author or ()),
            agents=tuple(agent or ()),
            languages=tuple(language or ()),
            private=modes,
            columns=columns,
            text_column=text_column or "",
            date_column=date_column or "",
            guidelines=guidelines,
            writer=engine,
            pass_mark=pass_mark,
            others=tuple(others or ()),
        )
        say(console, f"[bold]{escape(purpose)}[/] → {escape(str(into))}")
        prepared = screen.follow(prepare_job(sources, options, into))
    if as_json:
        print_json(_result(prepared, screen.warnings))
    else:
        _show(prepared)
    _demand_examples(prepared)


def _demand_examples(prepared: "Prepared") -> None:
    """Raise DataError if every draft was left out."""
    if not prepared.summary.kept:
        raise DataError(
            "No examples are left.",
            f"All {prepared.summary.read:,} drafts were left out: {_listed(prepared.summary.dropped)}.",
            f"{prepared.folder / 'review.jsonl'} has each with its reason; `keep` as its decision keeps it.",
        )


@contextmanager
def _written(path: Path | None, warnings: list[str]) -> Iterator[None]:
    """Write the warnings to a file if one is named, also those before an error."""
    try:
        yield
    except GradschoolError:
        if warnings and not path:
            count = "1 warning" if len(warnings) == 1 else f"{len(warnings)} warnings"
            say(err, f"{count} before the error below; the option --issues writes them to a file.")
        raise
    finally:
        write_issues(path, warnings)


def _result(prepared: "Prepared", warnings: list[str]) -> dict[str, Any]:
    """The result as JSON values."""
    summary = prepared.summary
    return {
        "folder": str(prepared.folder),
        "job_kept": prepared.job_kept,
        **summary.as_json(),
        "lacks": summary.lacks,
        "rules": [one.rule.name for one in prepared.guidelines if one.rule],
        "warnings": warnings,
    }


def _show(prepared: "Prepared") -> None:
    """Show counts, the rules with example answers, and the next steps."""
    summary = prepared.summary
    _line(f"\n[bold]{summary.kept:,}[/] examples in {summary.groups:,} groups, from {summary.read:,} drafts")
    _line(_counted("dropped", summary.dropped))
    _line(_counted("changes and notes", summary.changed))
    _line(_counted("private data", dict(summary.private)))
    _show_rules(prepared.guidelines)
    if summary.split:
        _line("  split: " + ", ".join(f"{count} {part}" for part, count in summary.split.items()))
        leaking = (
            f"leaks from training to held-out examples: {len(summary.leaks):,}, in report.md"
            if summary.leaks
            else "no leakage found"
        )
        _line(f"  {leaking}")
    if summary.others is not None:
        _line(_counted("texts of other authors", summary.others))
    if summary.pairs:
        _line(f"  pairs of a good and a bad answer, not trained on: {summary.pairs:,}, in pairs.jsonl")
    if prepared.job_kept:
        _line("  job.toml was edited by you and is unchanged")
    _show_next(prepared)


def _show_next(prepared: "Prepared") -> None:
    """What stops a climb, if anything, and the next steps; a climb is one only if nothing stops it."""
    summary, folder = prepared.summary, prepared.folder
    if summary.obstacles:
        _line("\n[yellow]This job cannot be climbed yet:[/]")
    for obstacle in summary.obstacles:
        _line(f"  - {escape(obstacle)}")
    path = escape(str(folder))
    steps = [
        f"read {path}/report.md; write keep, drop or edit into {path}/review.jsonl, and prepare again",
        f"set the task and the pass mark in {path}/job.toml",
    ]
    if summary.lacks:
        steps.append("prepare again with the option --others: texts of other authors, for the style classifier")
    elif summary.obstacles:
        steps.append("add sources, or change what stops a climb, and prepare again")
    out.print("\nNext steps:")
    for step in steps:
        _line(f"  {step}")
    for name in ("check", *([] if summary.obstacles or summary.lacks else ["climb"])):
        command = command_line(out, "gradschool", name, folder)
        out.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def _show_rules(guidelines: "Sequence[Guideline]") -> None:
    rules = [one for one in guidelines if one.rule]
    if rules:
        _line(f"\nRules from the guidelines ({len(rules)} that a script can check)")
    for one in rules:
        obeyed = f" [dim]({one.obeyed:.0%} of the agent's own answers obey it)[/]" if one.obeyed is not None else ""
        _line(f"  {escape(one.rule.name if one.rule else '')}{obeyed}")
        for side, text in (("obeys", one.obeys), ("breaks", one.breaks)):
            made = ", made up" if side in one.made_up else ""
            _line(f"    [dim]{side}{made}:[/] {escape(' '.join(text.split())[:100])}")


def _counted(what: str, counts: Mapping[Any, int]) -> str:
    return f"  {what}: {escape(_listed(counts) or 'nothing')}"


def _listed(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items(), key=lambda pair: -pair[1]))


def _line(text: str) -> None:
    say(out, text)
