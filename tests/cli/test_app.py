"""What shells ask for completion: one line a suggestion, and no PyTorch."""

import sys

import pytest

from gradschool.cli import main


@pytest.mark.parametrize(
    "typed, suggested",
    [("gradschool cl", {"climb"}), ("gradschool prepare --for ", {"skill", "style", "persona"})],
)
@pytest.mark.parametrize("width", ["80", "20"])
def test_fish_gets_one_line_a_suggestion(monkeypatch, capsys, typed, suggested, width):
    lines = _asked(monkeypatch, capsys, "fish", typed, width)
    assert {line.partition("\t")[0] for line in lines} == suggested


@pytest.mark.parametrize("command", ["climb", "prepare", "serve", "export"])
def test_every_line_is_an_option(monkeypatch, capsys, command):
    lines = _asked(monkeypatch, capsys, "fish", f"gradschool {command} --", "40")
    assert len(lines) > 5 and all(line.startswith("--") for line in lines)


def test_zsh_gets_one_call_of_its_own_completion(monkeypatch, capsys):
    lines = _asked(monkeypatch, capsys, "zsh", "gradschool climb --pass-m", "40")
    assert len(lines) == 1 and lines[0].startswith('_arguments \'*: :(("--pass-mark":')
    assert _asked(monkeypatch, capsys, "zsh", "gradschool climb ", "40") == [
        "_files"
    ]  # what the shell completes itself


def _asked(monkeypatch, capsys, shell, typed, width):
    """What the program answers when a shell asks how a line may go on."""
    monkeypatch.setattr(sys, "argv", ["gradschool"])
    for name, value in {
        "_GRADSCHOOL_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": typed,
        "COLUMNS": width,
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None, 1)
    return [line for line in capsys.readouterr().out.split("\n") if line.strip()]
