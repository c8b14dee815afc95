"""The command `prepare`: make a job folder from raw mail, documents and dialogues."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from gradschool.cli.app import command, out
from gradschool.errors import UsageError
from gradschool.settings import Data, Purpose, Settings

if TYPE_CHECKING:
    from gradschool.prepare.guidelines import Guideline
    from gradschool.prepare.prepare import Prepared


@command
def prepare(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="mailboxes (mbox, Maildir, eml, msg), documents (md, txt, html, docx, pdf, epub), tables (CSV, XLSX), "
            "JSON and JSON lines, chat and ticket exports; or folders of these",
            metavar="SOURCE…",
        ),
    ],
    purpose: Annotated[Purpose, typer.Option("--for", help="what the examples should teach")],
    into: Annotated[Path, typer.Option("--into", help="the job folder to create or update", metavar="JOB")],
    author: Annotated[
        list[str] | None, typer.Option(help="a mail address of the author (style); detected if not given")
    ] = None,
    agent: Annotated[
        list[str] | None, typer.Option(help="the name or role of the agent (persona), if the roles do not show it")
    ] = None,
    guidelines: Annotated[
        Path | None, typer.Option(help="text file with rules of conduct; checkable ones become rules of the metric")
    ] = None,
    private: Annotated[
        str, typer.Option(help="pseudonyms, drop or keep; also by kind: pseudonyms,key=drop,name=keep")
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
        typer.Option(help="a base (pocket, a folder, a Hub id) that writes instructions for texts without one"),
    ] = None,
    pass_mark: Annotated[float | None, typer.Option(help="the pass mark to write into job.toml")] = None,
) -> None:
    """Make a job folder from raw mail, documents and dialogues: cleaned, pseudonymized and documented."""
    if pass_mark is not None and not 0 < pass_mark <= 1:
        raise UsageError(f"--pass-mark {pass_mark}: a pass mark is between 0 and 1.", "", "give 0.8, for example.")
    from gradschool.cli.screen import Screen
    from gradschool.model.opening import open_engine
    from gradschool.prepare.options import PrepareOptions, private_modes
    from gradschool.prepare.prepare import prepare as prepare_job

    columns = Data(input_column=input_column, output_column=output_column, group_column=group_column)
    modes = private_modes(private)
    with Screen(out) as screen:
        engine = screen.follow(open_engine(Settings(base_model=writer), Path())) if writer else None
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
        )
        out.print(f"[bold]{escape(purpose)}[/] → {escape(str(into))}", highlight=False)
        prepared = screen.follow(prepare_job(sources, options, into))
    _show(prepared)


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
            f"{len(summary.leaks)} leaks between the parts, listed in report.md"
            if summary.leaks
            else "no leakage found"
        )
        _line(f"  {leaking}")
    folder = escape(shlex.quote(str(prepared.folder)))
    if prepared.job_kept:
        _line("  job.toml was edited by you and is unchanged")
    out.print("\nNext steps:")
    for step in (
        f"read {folder}/report.md; write keep, drop or edit into {folder}/review.jsonl, and prepare again",
        f"set the task and the pass mark in {folder}/job.toml",
        f"gradschool check {folder}",
        f"gradschool climb {folder}",
    ):
        _line(f"  {step}")


def _show_rules(guidelines: "Sequence[Guideline]") -> None:
    rules = [one for one in guidelines if one.rule]
    if rules:
        _line(f"\nRules from the guidelines ({len(rules)} that a script can check)")
    for one in rules:
        obeyed = f" [dim]({one.kept:.0%} of the agent's own answers obey it)[/]" if one.kept is not None else ""
        _line(f"  {escape(one.rule.name if one.rule else '')}{obeyed}")
        for side, text in (("obeys", one.obeys), ("breaks", one.breaks)):
            made = ", made up" if side in one.made_up else ""
            _line(f"    [dim]{side}{made}:[/] {escape(' '.join(text.split())[:100])}")


def _counted(what: str, counts: Mapping[Any, int]) -> str:
    listed = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items(), key=lambda pair: -pair[1]))
    return f"  {what}: {escape(listed or 'nothing')}"


def _line(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)
