"""The commands that use a specialist: talk with it, let it answer many questions, score it on further examples."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gradschool import errors
from gradschool.cli.app import BaseOption, SpecialistPath, command, err, out


@command
def chat(
    specialist: SpecialistPath,
    compare: Annotated[bool, typer.Option("--compare", help="let the bare base answer too")] = False,
    base: BaseOption = None,
) -> None:
    """Talk with a specialist; an empty line or Ctrl-D ends it."""
    from gradschool.cli.screen import Screen
    from gradschool.package.bundle import open_specialist
    from gradschool.records import Conversation, Message
    from gradschool.specialist import Recipe, Specialist

    with Screen(out) as screen:
        opened = screen.follow(open_specialist(specialist, base))
    speakers = {"specialist": opened}
    if compare:
        speakers = {"base": Specialist(opened.engine, Recipe(decoding=opened.recipe.decoding))} | speakers
    said: dict[str, Conversation] = dict.fromkeys(speakers, ())
    while question := _asked():
        for name, speaker in speakers.items():
            said[name] += (Message("user", question),)
            out.print(f"[bold]{name}[/]: ", end="")
            answer = ""
            for piece in speaker.stream(said[name]):
                answer += piece
                out.print(piece, end="", markup=False, highlight=False, soft_wrap=True)
            out.print()
            said[name] += (Message("assistant", answer),)


def _asked() -> str:
    try:
        said = out.input("[bold]you[/]: ") if sys.stdin.isatty() else sys.stdin.readline()
        return said.encode(errors="replace").decode().strip()  # half characters cannot be asked
    except EOFError:
        return ""
    except UnicodeDecodeError as error:
        raise errors.DataError(
            "What you typed is not UTF-8 text.", str(error), "set your terminal to UTF-8."
        ) from error


@command
def answer(specialist: SpecialistPath, base: BaseOption = None) -> None:
    """Answer questions from standard input (a JSON object or plain text per line) as JSON lines, in their order."""
    from gradschool.cli.questions import read_questions
    from gradschool.cli.screen import Screen
    from gradschool.package.bundle import open_specialist

    questions = read_questions(sys.stdin)
    with Screen(err) as screen:
        opened = screen.follow(open_specialist(specialist, base))
    waiting: dict[int, dict[str, Any]] = {}
    following = 0
    for position, said in opened.answer([question.conversation for question in questions]):
        waiting[position] = questions[position].answered(said)
        while following in waiting:
            typer.echo(json.dumps(waiting.pop(following), ensure_ascii=False))
            following += 1


@command
def score(
    specialist: SpecialistPath,
    examples: Annotated[Path, typer.Argument(help="examples it has not seen, in any form that `climb` reads")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="write every answer with its scores here, as JSON lines")
    ] = None,
    base: BaseOption = None,
) -> None:
    """Score a specialist on further examples, by the metric and the rules of its own job."""
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import show_report
    from gradschool.rescore import score_specialist

    with Screen(err) as screen:
        judged = screen.follow(score_specialist(specialist, examples, output, base))
    show_report(out, judged)
