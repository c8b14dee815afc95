"""The commands that use a specialist: chat, answer and score."""

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gradschool import errors
from gradschool.cli.app import (
    HELP,
    AllowHost,
    AsJson,
    BaseOption,
    RuntimeOption,
    SpecialistPath,
    TrustCode,
    Verbose,
    allow_hosts,
    command,
    demand_there,
    err,
    out,
    print_json,
)
from gradschool.cli.lines import escape, say
from gradschool.visible import visible


@command
def chat(
    specialist: Annotated[
        Path,
        typer.Argument(help="folder of a specialist or of its run, such as runs/contracts-1; or pocket"),
    ],
    compare: Annotated[bool, typer.Option("--compare", help="also show the answers of the base alone")] = False,
    base: BaseOption = None,
    runtime: RuntimeOption = "torch",
    allow_host: AllowHost = None,
) -> None:
    """Chat with a specialist or a base model; /help lists the commands."""
    demand_there(specialist)
    from gradschool.cli.chatting import chat_with
    from gradschool.cli.screen import Screen
    from gradschool.package.bundle import is_base, open_base_or_specialist
    from gradschool.specialist import Recipe, Specialist

    allow_hosts(allow_host)
    with Screen(out) as screen:
        opened = screen.follow(open_base_or_specialist(specialist, base, runtime))
    speakers = {"base" if is_base(specialist) else "specialist": opened}
    if compare:
        free = replace(opened.recipe.decoding, constraint=None)
        speakers = {"base": Specialist(opened.engine, Recipe(decoding=free))} | speakers
    chat_with(speakers, f"A chat with {specialist}")


@command
def answer(
    specialist: SpecialistPath,
    questions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUESTION",
            help="questions, or files of questions; without any, or as -, they are read from standard input",
        ),
    ] = None,
    base: BaseOption = None,
    runtime: RuntimeOption = "torch",
    allow_host: AllowHost = None,
) -> None:
    """Answer questions, as arguments or from files or standard input, one per line; print JSON lines in their order."""
    demand_there(specialist)
    from gradschool.cli.questions import STDIN, answer_rows, read_arguments
    from gradschool.cli.screen import Screen, show_notes
    from gradschool.package.bundle import open_base_or_specialist
    from gradschool.rescore import columns_of, packaged_at

    given = questions or [STDIN]
    if STDIN in given and sys.stdin.isatty():
        err.print("Write one question per line; Ctrl-D ends the list.")
    asked = read_arguments(given, sys.stdin, columns_of(specialist), packaged_at(specialist))
    for file, count in Counter(question.file for question in asked if question.file).items():
        say(err, f"{escape(file)}: {count} question{'s' * (count > 1)}.")
    allow_hosts(allow_host)
    with Screen(err) as screen:
        opened = screen.follow(open_base_or_specialist(specialist, base, runtime))
    for row in answer_rows(opened, asked):
        typer.echo(visible(json.dumps(row, ensure_ascii=False)))
        show_notes(err, opened.engine)
    unreadable = [question for question in asked if question.unreadable]
    if unreadable:
        raise errors.DataError(
            f"{len(unreadable)} of {len(asked)} questions cannot be read; the others are answered.",
            "\n".join(f"  {question.place}: {question.unreadable}" for question in unreadable),
            "correct these lines; their rows have a `failure`.",
        )


@command
def score(
    specialist: SpecialistPath,
    examples: Annotated[
        Path, typer.Argument(help="examples that it was not trained on, in any format that `climb` reads")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="write each answer with its scores to this file, as JSON lines"),
    ] = None,
    input_column: Annotated[str | None, typer.Option(help=HELP["data.input_column"])] = None,
    output_column: Annotated[str | None, typer.Option(help=HELP["data.output_column"])] = None,
    incumbent: Annotated[
        str | None, typer.Option(help="answers of what you have now to the same questions, to compare with")
    ] = None,
    with_known: Annotated[
        bool,
        typer.Option(
            "--with-known", help="also score examples that it was trained, chosen or tested on, which are left out"
        ),
    ] = False,
    base: BaseOption = None,
    runtime: RuntimeOption = "torch",
    allow_host: AllowHost = None,
    trust_code: TrustCode = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Score a specialist on other examples with the metric and the rules of its job."""
    demand_there(specialist)
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import show_report
    from gradschool.package.evidence import trust_packaged_code
    from gradschool.rescore import score_specialist

    allow_hosts(allow_host)
    if trust_code:
        trust_packaged_code(specialist)
    with Screen(err, verbose) as screen:
        columns = {"input_column": input_column, "output_column": output_column}
        work = score_specialist(
            specialist, examples, output, base, columns, incumbent, with_known=with_known, runtime=runtime
        )
        judged = screen.follow(work)
    if as_json:
        print_json(judged)
    else:
        show_report(out, judged)
