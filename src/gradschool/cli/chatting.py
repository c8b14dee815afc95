"""A chat in the terminal: its commands, and a history for each speaker."""

import sys
from collections.abc import Iterator, Mapping

from gradschool import errors
from gradschool.cli.app import err, out
from gradschool.cli.lines import escape, say
from gradschool.cli.screen import show_notes
from gradschool.records import Conversation, Message
from gradschool.specialist import Specialist

COMMANDS = {
    "/help": "shows these commands",
    "/reset": "begins a new conversation",
    "/bye": "ends the chat, as an empty line or Ctrl-D does",
}
OTHER_NAMES = {"/?": "/help", "/clear": "/reset", "/new": "/reset", "/exit": "/bye", "/quit": "/bye"}


def chat_with(speakers: Mapping[str, Specialist], title: str) -> None:
    """Answer the lines of standard input by each speaker until the chat is ended."""
    say(out, f"{escape(title)}. {', '.join(COMMANDS)}")
    histories: dict[str, Conversation] = dict.fromkeys(speakers, ())
    for line in _lines():
        match command_of(line):
            case "/bye":
                return
            case "/help":
                for name, meaning in COMMANDS.items():
                    say(out, f"{name:8}{meaning}")
            case "/reset":
                histories = dict.fromkeys(speakers, ())
                out.print("A new conversation.")
            case "":
                for name, speaker in speakers.items():
                    histories[name] = _answered(name, speaker, (*histories[name], Message("user", line.strip())))
            case unknown:
                hint = "Put a space before it if it is a question."
                say(out, f"There is no command {escape(unknown)}; /help lists them. {hint}")


def command_of(line: str) -> str:
    """The command in a line: one word after a slash; empty for a question."""
    word = line.rstrip().lower()
    if not word.startswith("/") or len(word.split()) != 1 or "/" in word[1:]:
        return ""
    return OTHER_NAMES.get(word, word)


def _answered(name: str, speaker: Specialist, asked: Conversation) -> Conversation:
    """The conversation with the speaker's answer; without the question if it cannot be answered or Ctrl-C stops it."""
    out.print(f"[bold]{escape(name)}[/]: ", end="")
    answer = ""
    try:
        for text in speaker.stream(asked):
            answer += text
            out.print(text, end="", markup=False, highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        out.print(" (stopped)")
        return asked[:-1]
    except errors.GradschoolError as error:
        if not sys.stdin.isatty():
            raise
        say(err, f"[red]{escape(error.what)}[/] {escape(error.why)}\n/reset begins a new conversation.")
        return asked[:-1]
    out.print()
    show_notes(err, speaker.engine)
    return (*asked, Message("assistant", answer))


def _lines() -> Iterator[str]:
    """The lines that the user writes, up to an empty one or the end."""
    while True:
        try:
            line = out.input("[bold]you[/]: ") if sys.stdin.isatty() else sys.stdin.readline()
        except (EOFError, KeyboardInterrupt):
            out.print()
            return
        except UnicodeDecodeError as error:
            fix = "set your terminal to UTF-8."
            raise errors.DataError("The input is not UTF-8 text.", f"{error}.", fix) from error
        if not line.strip():
            if line and not sys.stdin.isatty():  # between the questions of a file
                continue
            return
        yield line.encode(errors="replace").decode()  # tokenizers do not take lone surrogates
