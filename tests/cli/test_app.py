"""What shells ask for completion: one line a suggestion; what is told before PyTorch is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from gradschool.cli import main

MISSING = """
import sys
from gradschool.cli import main
for line in (
    "check nowhere", "climb nowhere", "climb --resume nowhere", "report nowhere", "audit nowhere", "serve nowhere",
    "chat nowhere", "answer nowhere question", "score nowhere examples.jsonl", "export nowhere --to adapter",
):
    sys.argv = ["gradschool", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert end.code == 2, (line, end.code)
assert not {"torch", "transformers"} & sys.modules.keys()
"""


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


def test_a_missing_path_is_told_without_pytorch(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", MISSING], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("nowhere does not exist") == 2 and done.stderr.count("nowhere is not a run") == 2
    assert done.stderr.count("nowhere is not a specialist") == 6
