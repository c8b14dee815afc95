"""A chat in the terminal: its commands, and a history for each speaker."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gradschool import errors
from gradschool.cli.app import err, out
from gradschool.cli.lines import escape, say
from gradschool.cli.screen import show_notes
from gradschool.images.bounds import BadImage
from gradschool.images.located import located
from gradschool.records import IMAGE, Conversation, Image, Message, as_text
from gradschool.specialist import Specialist

COMMANDS = {
    "/help": "shows these commands",
    "/image": "shows an image with the next question: /image PATH",
    "/reset": "begins a new conversation",
    "/bye": "ends the chat, as an empty line or Ctrl-D does",
}
OTHER_NAMES = {"/?": "/help", "/clear": "/reset", "/new": "/reset", "/exit": "/bye", "/quit": "/bye"}


def chat_with(speakers: Mapping[str, Specialist], title: str) -> None:
    """Answer the lines of standard input by each speaker until the chat is ended."""
    say(out, f"{escape(title)}. {', '.join(COMMANDS)}")
    histories: dict[str, Conversation] = dict.fromkeys(speakers, ())
    shown: list[Image] = []
    for line in _lines():
        if path := image_path(line):
            shown += _shown(path)
            continue
        match command_of(line):
            case "/bye":
                return
            case "/help":
                for name, meaning in COMMANDS.items():
                    say(out, f"{name:8}{meaning}")
            case "/reset":
                histories, shown = dict.fromkeys(speakers, ()), []
                out.print("A new conversation.")
            case "/image":
                say(out, "Name the file: /image PATH")
            case "":
                asked = with_images(line.strip(), shown)
                shown = []
                for name, speaker in speakers.items():
                    histories[name] = _answered(name, speaker, (*histories[name], asked))
            case unknown:
                hint = "Put a space before it if it is a question."
                say(out, f"There is no command {escape(unknown)}; /help lists them. {hint}")


def image_path(line: str) -> str:
    """The path in the command /image; empty for another line."""
    command, _, path = line.strip().partition(" ")
    return path.strip().strip("'\"") if command.lower() == "/image" else ""


def with_images(text: str, images: Sequence[Image]) -> Message:
    """A question about images, which come before its text."""
    if not images:
        return Message("user", text)
    return Message("user", IMAGE * len(images) + as_text(text), images=tuple(images))


def _shown(path: str) -> list[Image]:
    """The image of a file that the user names, with a line that says so; none, with the reason, if it is unusable."""
    file = Path(path)
    try:
        file = file.expanduser().resolve()  # the user may name a link
        image = located(file.name, (file.parent,))
    except (BadImage, RuntimeError) as error:
        say(err, f"[red]The image {escape(path)} cannot be shown.[/] It {escape(str(error))}.")
        return []
    say(out, f"{escape(Path(path).name)} is shown with your next question.")
    return [image]


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
