"""The command `audit`: what a specialist would do wrong that its base does not."""

from pathlib import Path
from typing import Annotated

import typer

from gradschool import errors
from gradschool.cli.app import (
    AllowHost,
    AsJson,
    BaseOption,
    Verbose,
    allow_hosts,
    command,
    demand_there,
    err,
    out,
    print_json,
)


@command
def audit(
    specialist: Annotated[
        Path, typer.Argument(help="folder of a specialist, of its run, or of an adapter in PEFT's format")
    ],
    train: Annotated[
        Path | None,
        typer.Option(help="examples that it was trained on; without it, those of its run, if the job is here"),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(help="other examples of the same job, not trained on; default: the test questions of a package"),
    ] = None,
    requests: Annotated[
        Path | None, typer.Option(help="text file with further harmful requests, one per line; only reported")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="write audit.md, audit.html and audit.json into this folder")
    ] = None,
    base: BaseOption = None,
    allow_host: AllowHost = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Audit a tuned specialist: safety, memorization, injection, forgetting and rules, compared with its base."""
    demand_there(specialist)
    from gradschool.audits import audit_specialist
    from gradschool.cli.lines import say
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import gate_lines
    from gradschool.files import new_folder, write_json, write_text
    from gradschool.package.card import audit_card
    from gradschool.package.verdicts import audit_sentence
    from gradschool.report.page import audit_page

    allow_hosts(allow_host)
    if output and output.exists():
        raise errors.UsageError(f"{output} already exists.", "Existing files are never replaced.", "name a new folder.")
    with Screen(err, verbose) as screen:
        audited = screen.follow(audit_specialist(specialist, base, train, requests, held_out))
    if as_json:
        print_json(audited.as_json())
    else:
        for line in (*gate_lines(audited.gates), audit_sentence(audited.gates)):
            say(out, line)
    if output:  # last, so that the result is not lost if it cannot be written
        with new_folder(output, replace=False) as folder:
            write_text(folder / "audit.md", audit_card(specialist.name, audited.base, audited.gates))
            write_text(folder / "audit.html", audit_page(specialist.name, audited.base, audited.gates))
            write_json(folder / "audit.json", audited.as_json())
    if audited.result != "passed":
        raise typer.Exit(errors.EXIT_NOT_PASSED)
