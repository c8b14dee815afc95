"""A chat: its commands, and what is a question although it begins with a slash."""

from pathlib import Path

import pytest
from PIL import Image as Picture

import made
import small_job
from gradschool.cli.chatting import COMMANDS, OTHER_NAMES, command_of
from gradschool.records import IMAGE, Message


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.echo(tmp_path_factory.mktemp("echo"))


def said(place: object, *lines: str) -> list[str]:
    result = small_job.run("chat", place, stdin="".join(line + "\n" for line in lines), columns=400)
    assert result.exit_code == 0, result.output
    return [line for line in result.stdout.splitlines() if line]


def test_a_banner_names_the_commands(echo: Path) -> None:
    [banner] = said(echo, "/bye", "not read")
    assert all(name in banner for name in COMMANDS) and str(echo) in banner


@pytest.mark.parametrize("end", ["/bye", "/BYE ", "/exit", "/quit"])
def test_commands_end_a_chat(echo: Path, end: str) -> None:
    _, first = said(echo, "one", end, "not read")
    assert first == "specialist: one"


def test_an_empty_line_between_questions_that_are_piped_ends_nothing(echo: Path) -> None:
    assert said(echo, "", "one", "  ", "two")[1:] == ["specialist: one", "specialist: two"]


def test_help_lists_every_command_and_is_not_asked(echo: Path) -> None:
    _, *lines = said(echo, "/help")
    assert [line.split()[0] for line in lines] == list(COMMANDS)


def test_reset_begins_a_new_conversation(monkeypatch: pytest.MonkeyPatch, echo: Path) -> None:
    from gradschool.model.fake import FakeEngine

    asked: list[int] = []

    def stream(engine: FakeEngine, conversation: tuple[object, ...], *more: object) -> list[str]:
        asked.append(len(conversation))
        return ["yes"]

    monkeypatch.setattr(FakeEngine, "stream", stream)
    said(echo, "one", "two", "/reset", "three")
    assert asked == [1, 3, 1]


def test_unknown_commands_are_reported_and_not_asked(echo: Path) -> None:
    _, told, answered = said(echo, "/help-me", " /help-me")
    assert "/help-me" in told and "/help" in told and answered == "specialist: /help-me"


@pytest.mark.parametrize("line", ["/etc/hosts", "/bye for now", "a /bye", " /bye", "and/or", "1/2"])
def test_questions_with_slashes_are_questions(line: str) -> None:
    assert command_of(line) == ""


def test_commands_have_other_names() -> None:
    assert all(command_of(other) == name for other, name in OTHER_NAMES.items())
    assert set(OTHER_NAMES.values()) <= COMMANDS.keys()


def test_a_base_alone_can_be_asked(tmp_path: Path) -> None:
    *notes, answered = said("fake", "hello")
    assert answered == "base: hello" and any("fake is a base model" in note for note in notes)
    both = small_job.run("chat", "fake", "--base", "elsewhere", stdin="x\n")
    assert both.exit_code == 2 and "give one of them" in both.stderr


def test_an_image_goes_with_the_next_question_only(monkeypatch: pytest.MonkeyPatch, echo: Path, tmp_path: Path) -> None:
    from gradschool.model.fake import FakeEngine

    asked: list[Message] = []

    def stream(engine: FakeEngine, conversation: tuple[Message, ...], *more: object) -> list[str]:
        asked.append(conversation[-1])
        return ["yes"]

    monkeypatch.setattr(FakeEngine, "stream", stream)
    Picture.new("RGB", (6, 6), "red").save(tmp_path / "my picture.png")
    said(echo, f"/image {tmp_path}/my picture.png", "What is it?", "And now?", "/image")
    assert [(one.content, len(one.images)) for one in asked] == [(f"{IMAGE}What is it?", 1), ("And now?", 0)]


def test_an_image_that_cannot_be_shown_says_why(echo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    result = small_job.run("chat", echo, stdin=f"/image {tmp_path}/text.png\n/image gone.png\n", columns=400)
    assert result.exit_code == 0 and "is no image" in result.stderr and "does not exist" in result.stderr
