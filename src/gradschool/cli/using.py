"""The commands that use a specialist: chat, answer and score."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gradschool.cli.app import BaseOption, SpecialistPath, command, err, out


@command
def chat(
    specialist: Annotated[
        Path,
        typer.Argument(help="folder of a specialist or of its run, such as runs/contracts-1; or pocket"),
    ],
    compare: Annotated[bool, typer.Option("--compare", help="also show the answers of the base alone")] = False,
    base: BaseOption = None,
) -> None:
    """Chat with a specialist or a base model; /help lists the commands."""
    from gradschool.cli.chatting import chat_with
    from gradschool.cli.screen import Screen
    from gradschool.package.bundle import is_base, open_base_or_specialist
    from gradschool.specialist import Recipe, Specialist

    with Screen(out) as screen:
        opened = screen.follow(open_base_or_specialist(specialist, base))
    speakers = {"base" if is_base(specialist) else "specialist": opened}
    if compare:
        speakers = {"base": Specialist(opened.engine, Recipe(decoding=opened.recipe.decoding))} | speakers
    chat_with(speakers, f"A chat with {specialist}")


@command
def answer(
    specialist: SpecialistPath,
    questions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[QUESTION]...", help="questions; without any, they are read from standard input"),
    ] = None,
    base: BaseOption = None,
) -> None:
    """Answer questions, as arguments or from standard input, one per line; print JSON lines in their order."""
    from gradschool.cli.questions import read_questions
    from gradschool.cli.screen import Screen
    from gradschool.package.bundle import open_base_or_specialist

    if not questions and sys.stdin.isatty():
        err.print("Write one question per line; Ctrl-D ends the list.")
    asked = read_questions(questions or sys.stdin)
    with Screen(err) as screen:
        opened = screen.follow(open_base_or_specialist(specialist, base))
    ready: dict[int, dict[str, Any]] = {}
    next_position = 0
    for position, reply in opened.answer([question.conversation for question in asked]):
        ready[position] = asked[position].answered(reply)
        while next_position in ready:
            typer.echo(json.dumps(ready.pop(next_position), ensure_ascii=False))
            next_position += 1


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
    base: BaseOption = None,
) -> None:
    """Score a specialist on other examples with the metric and the rules of its job."""
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import show_report
    from gradschool.rescore import score_specialist

    with Screen(err) as screen:
        judged = screen.follow(score_specialist(specialist, examples, output, base))
    show_report(out, judged)
