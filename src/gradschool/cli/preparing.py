"""The command that comes before a climb: make a job folder from raw mail, documents and dialogues."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from gradschool.cli.app import command, out
from gradschool.errors import UsageError, nearest

if TYPE_CHECKING:
    from gradschool.prepare.guidelines import Guideline
    from gradschool.prepare.prepare import Prepared

PURPOSES = ("style", "skill", "persona")


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
    purpose: Annotated[str, typer.Option("--for", help="style, skill or persona", metavar="PURPOSE")],
    into: Annotated[Path, typer.Option("--into", help="the job folder to make, or to prepare again", metavar="JOB")],
    author: Annotated[
        list[str] | None, typer.Option(help="a mail address of the author (style); found out where none is given")
    ] = None,
    agent: Annotated[
        list[str] | None, typer.Option(help="the name or role of who speaks for the persona, where no role tells")
    ] = None,
    guidelines: Annotated[
        Path | None, typer.Option(help="text file with rules of conduct; those a script can check become rules")
    ] = None,
    private: Annotated[
        str, typer.Option(help="pseudonyms, drop or keep; also by kind: pseudonyms,key=drop,name=keep")
    ] = "pseudonyms",
    language: Annotated[
        list[str] | None, typer.Option(help="a language to keep (en, de, …); others are left out")
    ] = None,
    input_column: Annotated[str | None, typer.Option(help="column that holds the input")] = None,
    output_column: Annotated[str | None, typer.Option(help="column that holds the ideal answer")] = None,
    text_column: Annotated[str | None, typer.Option(help="column that holds the author's texts (style)")] = None,
    group_column: Annotated[str | None, typer.Option(help="column that names the thread, document or customer")] = None,
    date_column: Annotated[str | None, typer.Option(help="column that holds the date")] = None,
    writer: Annotated[
        str | None, typer.Option(help="a base (pocket, a folder, a Hub id) to write instructions for texts without one")
    ] = None,
    pass_mark: Annotated[float | None, typer.Option(help="the pass mark to write into job.toml")] = None,
) -> None:
    """Make a job folder from raw mail, documents and dialogues: cleaned, without private data, accounted for."""
    if purpose not in PURPOSES:
        raise UsageError(
            f"--for {purpose!r}: there is no such purpose.",
            "A preparation is for a style, a skill or a persona.",
            nearest(purpose, PURPOSES) + ".",
        )
    if pass_mark is not None and not 0 < pass_mark <= 1:
        raise UsageError(f"--pass-mark {pass_mark}: a mark lies between 0 and 1.", "", "give 0.8, for example.")
    from gradschool.cli.screen import Screen
    from gradschool.model.engine import open_engine
    from gradschool.prepare.options import PrepareOptions, private_modes
    from gradschool.prepare.prepare import prepare as prepare_job
    from gradschool.settings import Data, Settings

    columns = Data(input_column=input_column, output_column=output_column, group_column=group_column)
    modes = private_modes(private)
    with Screen(out) as screen:
        engine = screen.follow(open_engine(Settings(base_model=writer), Path())) if writer else None
        options = PrepareOptions(
            purpose=purpose,  # type: ignore[arg-type]
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
    """What was made: counts, the rules with their examples, and what to do next."""
    summary = prepared.summary
    _line(f"\n[bold]{summary.kept:,}[/] examples in {summary.groups:,} groups, out of {summary.read:,} items")
    _line(_told("left out", summary.dropped))
    _line(_told("changed or noticed", summary.changed))
    _line(_told("private data", dict(summary.private)))
    _show_rules(prepared.guidelines)
    if summary.split:
        _line("  divided: " + ", ".join(f"{count} {part}" for part, count in summary.split.items()))
        leaking = (
            f"{len(summary.leaks)} leaks between the parts, listed in report.md" if summary.leaks else "no leak found"
        )
        _line(f"  {leaking}")
    folder = escape(str(prepared.folder))
    if prepared.job_kept:
        _line("  job.toml is yours and was left as it is")
    out.print("\nNext:")
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
        share = f" [dim]({one.kept:.0%} of the agent's own answers keep it)[/]" if one.kept is not None else ""
        _line(f"  {escape(one.rule.name if one.rule else '')}{share}")
        for side, text in (("obeys", one.obeys), ("breaks", one.breaks)):
            made = ", made up" if side in one.made_up else ""
            _line(f"    [dim]{side}{made}:[/] {escape(' '.join(text.split())[:100])}")


def _told(what: str, counts: Mapping[Any, int]) -> str:
    listed = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items(), key=lambda pair: -pair[1]))
    return f"  {what}: {escape(listed or 'nothing')}"


def _line(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)
