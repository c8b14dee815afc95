"""Exports as their vendors document them: odd names, notes, programs, reactions, edits and threads, in each."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deciding import agents_of
from gradschool.prepare.agents import Agents
from gradschool.prepare.chats.exports import export_of
from gradschool.prepare.dialogue import Dialogue
from gradschool.prepare.dialogues import export_sources
from gradschool.prepare.recognize import SourceFile
from vendor_exports import (
    ASKED,
    SAID,
    VENDORS,
    Files,
    discord,
    freshdesk,
    meta,
    meta_encrypted,
    slack,
    teams,
    telegram,
    zendesk,
)

NAMES = [
    ("Ida [desk 2] & Sons", "42nd Street (Lev) 🦊"),
    ("🪁", "+44 20 7946 0018"),
    ("Agentur Ölmann: Nord", "The very long name of somebody who moved here from the other side of the river"),
    ("李雷", "Note"),
]


def dialogues_of(files: Files, folder: Path) -> list[Dialogue]:
    """The dialogues of an export whose files have this content."""
    found = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(line) + "\n" for line in content) if name.endswith(".jsonl") else json.dumps(content)
        path.write_text(content if isinstance(content, str) else lines, encoding="utf-8")
        file = SourceFile(name, path, "rows")
        if export := export_of(file):
            found.append((file, export))
    return [dialogue for source in export_sources(found) for dialogue in source.read()]


def read(files: Files, folder: Path, named: tuple[str, ...]) -> tuple[list[Dialogue], Agents]:
    """The dialogues of an export, and who the agents are."""
    dialogues = dialogues_of(files, folder)
    return dialogues, agents_of(dialogues, named)


def trained(dialogues: list[Dialogue], agents: Agents) -> Iterator[tuple[str, str, str]]:
    """The role, name and text of each turn that may be asked or trained on."""
    for dialogue in dialogues:
        for turn in dialogue.turns:
            if not turn.untrained:
                yield agents.role_of(turn), turn.speaker, turn.text


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.__name__)
@pytest.mark.parametrize("agent, asker", NAMES)
def test_who_says_what_does_not_depend_on_the_name(
    vendor: Callable[[str, str], Files], agent: str, asker: str, tmp_path: Path
) -> None:
    dialogues, agents = read(vendor(agent, asker), tmp_path, (agent,))
    expected = [
        turn
        for asked, said in zip(ASKED, SAID, strict=True)
        for turn in (("user", asker, asked), ("assistant", agent, said))
    ]
    assert list(trained(dialogues, agents)) == expected


def test_a_user_of_slack_may_be_named_in_any_way(tmp_path: Path) -> None:
    for name in ("desk", "d", "U01", "Ida"):
        dialogues, agents = read(slack("Ida", "Lev"), tmp_path / name, (name,))
        assert {name for role, name, _ in trained(dialogues, agents) if role == "assistant"} == {"Ida"}


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    for number, vendor in enumerate(VENDORS):
        if vendor is zendesk or vendor is freshdesk:
            continue  # each has one note for each ticket, counted below
        dialogues, _ = read(vendor("Ida", "Lev"), tmp_path / str(number), ("Ida",))
        assert sum(sum((one.left_out or {}).values()) for one in dialogues) >= 3, vendor.__name__
    for vendor in (zendesk, freshdesk):
        dialogues, _ = read(vendor("Ida", "Lev"), tmp_path / vendor.__name__, ())
        assert [dict(one.left_out or {}) for one in dialogues] == [{"internal notes": 1}] * 3


def agents_of_all(folder: Path) -> dict[str, list[str]]:
    """The agents of each export, without a name from the user."""
    found = {vendor.__name__: read(vendor("Ida", "Lev"), folder / vendor.__name__, ())[1] for vendor in VENDORS}
    return {name: sorted(agents.names) for name, agents in found.items()}


def test_the_agent_of_every_export_is_the_same_on_every_run(tmp_path: Path) -> None:
    code = (
        f"import json, pathlib, test_vendors as t; print(json.dumps(t.agents_of_all(pathlib.Path({str(tmp_path)!r}))))"
    )
    path = ":".join([str(Path(__file__).parent), *sys.path])
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    here = agents_of_all(tmp_path)
    assert json.loads(done.stdout) == here and all("ida" in names or "4" in names for names in here.values())


ODD: list[Any] = [None, "", 0, "x", [], {}, [None], True, "9" * 20, "\n"]


def entries(content: Any) -> list[Any]:
    """The messages in the content of a file."""
    if isinstance(content, list):
        return content
    return next((content[key] for key in ("messages", "value") if key in content), [])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([telegram, slack, discord, teams, meta, meta_encrypted]),
    st.lists(
        st.tuples(
            st.integers(0, 99),
            st.integers(0, 99),
            st.sampled_from([None, "", 0, "x", [], {}, [None], True, "9" * 20, "\n"]),
        ),
        max_size=4,
    ),
)
def test_each_message_is_a_turn_or_counted(
    tmp_path_factory: pytest.TempPathFactory, vendor: Any, damage: list[tuple[int, int, Any]]
) -> None:
    files = {name: content for name, content in vendor("Ida", "Lev").items() if entries(content)[2:] != []}
    messages = [message for content in files.values() for message in entries(content)]
    for place, which, value in damage:
        message = messages[place % len(messages)]
        message[list(message)[which % len(message)]] = value
    dialogues = dialogues_of(files, tmp_path_factory.mktemp("any"))
    counted = sum(sum((one.left_out or {}).values()) for one in dialogues)
    assert not dialogues or sum(len(one.turns) for one in dialogues) + counted >= len(messages)
