"""The commands that use a specialist: chat, answer and score."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from gradschool import errors
from gradschool.cli.app import BaseOption, SpecialistPath, command, err, out


@command
def chat(
    specialist: SpecialistPath,
    compare: Annotated[bool, typer.Option("--compare", help="also show the answers of the base alone")] = False,
    base: BaseOption = None,
) -> None:
    """Chat with a specialist; end with an empty line or Ctrl-D."""
    from gradschool.cli.screen import Screen
    from gradschool.package.bundle import open_specialist
    from gradschool.records import Conversation, Message
    from gradschool.specialist import Recipe, Specialist

    with Screen(out) as screen:
        opened = screen.follow(open_specialist(specialist, base))
    speakers = {"specialist": opened}
    if compare:
        speakers = {"base": Specialist(opened.engine, Recipe(decoding=opened.recipe.decoding))} | speakers
    histories: dict[str, Conversation] = dict.fromkeys(speakers, ())
    while question := _read_input():
        for name, speaker in speakers.items():
            histories[name] += (Message("user", question),)
            out.print(f"[bold]{name}[/]: ", end="")
            answer = ""
            for text in speaker.stream(histories[name]):
                answer += text
                out.print(text, end="", markup=False, highlight=False, soft_wrap=True)
            out.print()
            histories[name] += (Message("assistant", answer),)


def _read_input() -> str:
    try:
        line = out.input("[bold]you[/]: ") if sys.stdin.isatty() else sys.stdin.readline()
        return line.encode(errors="replace").decode().strip()  # tokenizers do not take lone surrogates
    except EOFError:
        return ""
    except UnicodeDecodeError as error:
        raise errors.DataError("The input is not UTF-8 text.", f"{error}.", "set your terminal to UTF-8.") from error


@command
def answer(specialist: SpecialistPath, base: BaseOption = None) -> None:
    """Answer questions from standard input, one JSON object or plain text per line; print JSON lines in their order."""
    from gradschool.cli.questions import answer_rows, read_questions
    from gradschool.cli.screen import Screen
    from gradschool.package.bundle import open_specialist
    from gradschool.rescore import columns_of

    questions = read_questions(sys.stdin, columns_of(specialist))
    with Screen(err) as screen:
        opened = screen.follow(open_specialist(specialist, base))
    for row in answer_rows(opened, questions):
        typer.echo(json.dumps(row, ensure_ascii=False))
    unreadable = [question for question in questions if question.unreadable]
    if unreadable:
        raise errors.DataError(
            f"{len(unreadable)} of {len(questions)} questions cannot be read; the others are answered.",
            "\n".join(f"  line {question.line}: {question.unreadable}" for question in unreadable),
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
    input_column: Annotated[
        str | None, typer.Option(help="column or key that holds the input, if its name is not a known one")
    ] = None,
    output_column: Annotated[
        str | None, typer.Option(help="column or key that holds the ideal answer, if its name is not a known one")
    ] = None,
    base: BaseOption = None,
) -> None:
    """Score a specialist on other examples with the metric and the rules of its job."""
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import show_report
    from gradschool.rescore import score_specialist

    with Screen(err) as screen:
        columns = {"input_column": input_column, "output_column": output_column}
        judged = screen.follow(score_specialist(specialist, examples, output, base, columns))
    show_report(out, judged)
