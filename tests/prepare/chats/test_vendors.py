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

Files = dict[str, Any]
NAMES = [
    ("Ida [desk 2] & Sons", "42nd Street (Lev) 🦊"),
    ("🪁", "+44 20 7946 0018"),
    ("Agentur Ölmann: Nord", "The very long name of somebody who moved here from the other side of the river"),
    ("李雷", "Note"),
]
ASKED = [f"is kite {n} in <3" for n in range(3)]
SAID = [f"yes: kite {n} & string" for n in range(3)]


def at(n: int, second: int = 0) -> int:
    return 1_714_556_400 + 86_400 * n + second


def day(n: int, second: int = 0) -> str:
    return f"2024-05-0{n + 1}T09:40:{second:02}"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def telegram(agent: str, asker: str) -> Files:
    messages: list[Any] = [
        {"id": 1, "type": "service", "date": day(0), "actor": asker, "action": "create_group", "text": ""}
    ]
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        rich = [
            said[:3],
            {"type": "custom_emoji", "text": said[3:5], "document_id": "x"},
            {"type": "plain", "text": said[5:]},
        ]
        reactions = [{"type": "emoji", "count": 1, "emoji": "👍", "recent": [{"from": asker, "from_id": "user7"}]}]
        common = {"type": "message", "reactions": reactions}
        messages += [
            common
            | {"id": 5 * n + 2, "date": day(n), "from": asker, "from_id": "user7", "text": asked, "edited": day(n, 5)},
            common | {"id": 5 * n + 3, "date": day(n, 10), "from": agent, "from_id": "user1", "text": rich},
            common
            | {
                "id": 5 * n + 4,
                "date": day(n, 20),
                "from": agent,
                "from_id": "user1",
                "text": "",
                "poll": {"question": "which"},
            },
            common
            | {
                "id": 5 * n + 5,
                "date": day(n, 30),
                "from": agent,
                "from_id": "user1",
                "text": "news",
                "forwarded_from": "X",
            },
            common | {"id": 5 * n + 6, "date": day(n, 40), "text": "nobody said it"},
        ]
    return {"result.json": {"name": asker, "type": "personal_chat", "id": 7, "messages": messages}}


def slack(agent: str, asker: str) -> Files:
    users = [
        {"id": "U01", "team_id": "T", "name": "desk", "profile": {"real_name": agent, "display_name": "d"}},
        {"id": "U02", "name": "asker", "deleted": True, "profile": {"real_name": asker, "display_name": ""}},
    ]
    files: Files = {"x/users.json": users, "x/channels.json": [{"id": "C01", "name": "help", "members": ["U01"]}]}
    files["x/integration_logs.json"] = [{"service_type": "app", "change_type": "added", "user_id": "U01"}]
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        thread = f"{at(n)}.000100"
        files[f"x/help/{day(n)[:10]}.json"] = [
            {"type": "message", "subtype": "channel_topic", "user": "U01", "text": "set the topic", "ts": f"{at(n)}.0"},
            {"type": "message", "user": "U02", "text": escaped(asked), "ts": thread, "thread_ts": thread},
            {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "text": "deleted", "ts": f"{at(n, 5)}.1"},
            {"type": "message", "subtype": "bot_message", "bot_id": "B1", "username": "tick", "text": "t",
             "ts": f"{at(n, 6)}.1", "thread_ts": thread},
            {"type": "message", "user": "U01", "text": escaped(said), "ts": f"{at(n, 9)}.1", "thread_ts": thread,
             "edited": {"user": "U01", "ts": "1"}, "reactions": [{"name": "+1", "users": ["U02"], "count": 1}]},
        ]  # fmt: skip
    return files


def discord(agent: str, asker: str) -> Files:
    def one(n: int, second: int, who: int, text: str, **more: Any) -> Any:
        author = {"id": f"{who}", "name": f"user{who}", "nickname": (agent, asker, "clock")[who], "isBot": who == 2}
        return {"id": f"{n}{second}", "type": "Default", "timestamp": f"{day(n, second)}+00:00", "content": text,
                "author": author, "reactions": [], "timestampEdited": day(n, 50), "mentions": []} | more  # fmt: skip

    messages = []
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        messages += [
            one(n, 0, 1, asked),
            one(n, 1, 2, "tick"),
            one(n, 2, 0, "Pinned a message.", type="ChannelPinnedMessage"),
            one(n, 3, 0, said, type="Reply", reference={"messageId": f"{n}0"}),
            one(n, 4, 0, "", attachments=[{"fileName": "a.png"}]),
        ]
    return {"help.json": {"guild": {"id": "1"}, "channel": {"id": "2", "name": "help"}, "messages": messages}}


def signal(agent: str, asker: str) -> Files:
    lines: list[Any] = [{"version": "1", "backupTimeMs": "1"}, {"recipient": {"id": "1", "self": {}}}]
    lines += [
        {"recipient": {"id": "2", "contact": {"systemGivenName": asker}}},
        {"chat": {"id": "5", "recipientId": "2"}},
    ]
    lines[1]["recipient"]["self"] = {"profileGivenName": agent}
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        for author, way, second, content in (
            (
                "2",
                "incoming",
                0,
                {"standardMessage": {"text": {"body": asked}, "reactions": [{"emoji": "👍", "authorId": "1"}]}},
            ),
            ("2", "incoming", 1, {"remoteDeletedMessage": {}}),
            ("1", "outgoing", 2, {"standardMessage": {"text": {"body": said}, "quote": {"text": {"body": asked}}}}),
            ("1", "outgoing", 3, {"stickerMessage": {"sticker": {"emoji": "x"}}}),
        ):
            item = {"chatId": "5", "authorId": author, "dateSent": f"{at(n, second)}000", way: {}} | content
            lines.append({"chatItem": item | {"revisions": [dict(item)]}})
    return {"main.jsonl": lines}


def teams(agent: str, asker: str) -> Files:
    def one(n: int, second: int, who: str, text: str, kind: str = "user", **more: Any) -> Any:
        return {"id": f"{n}{second}", "messageType": "message", "createdDateTime": f"{day(n, second)}.1Z",
                "chatId": "19:x", "from": {kind: {"displayName": who, "id": f"id {who}"}},
                "reactions": [{"reactionType": "like"}], "lastEditedDateTime": day(n, 9),
                "body": {"contentType": "html", "content": text}} | more  # fmt: skip

    messages = []
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        messages += [
            one(n, 0, asker, f"<p>{escaped(asked)}</p>"),
            one(n, 1, "clock", "tick", kind="application"),
            one(n, 2, agent, f'<attachment id="1"></attachment>\n<p>{escaped(said)}</p>'),
            one(n, 3, agent, "never mind", deletedDateTime=day(n, 9)),
        ]
    return {"t.json": {"value": messages}}


def meta(agent: str, asker: str) -> Files:
    def wrong(text: str) -> str:
        return text.encode().decode("latin-1")

    messages: list[Any] = []
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        messages += [
            {
                "sender_name": wrong(asker),
                "timestamp_ms": at(n) * 1000,
                "content": wrong(asked),
                "reactions": [{"reaction": "x"}],
            },
            {"sender_name": wrong(agent), "timestamp_ms": at(n, 1) * 1000, "content": wrong(said)},
            {
                "sender_name": wrong(agent),
                "timestamp_ms": at(n, 2) * 1000,
                "content": wrong(f"{agent} hat ein Foto gesendet."),
                "photos": [{}],
            },
            {
                "sender_name": wrong(agent),
                "timestamp_ms": at(n, 3) * 1000,
                "content": "You missed a call",
                "call_duration": 0,
            },
            {
                "sender_name": wrong(agent),
                "timestamp_ms": at(n, 4) * 1000,
                "content": wrong("Hat mit 😍 auf deine Nachricht reagiert "),
            },
        ]
    return {"inbox/a_1/message_1.json": {"participants": [{"name": wrong(asker)}, {"name": wrong(agent)}],
            "thread_path": "inbox/a_1", "title": "x", "messages": messages[::-1]}}  # fmt: skip


def meta_encrypted(agent: str, asker: str) -> Files:
    messages: list[Any] = []
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        common: Any = {"isUnsent": False, "media": [], "reactions": [{"actor": asker, "reaction": "x"}], "type": "text"}
        messages += [
            common | {"senderName": asker, "text": asked, "timestamp": at(n) * 1000},
            common | {"senderName": agent, "text": said, "timestamp": at(n, 1) * 1000},
            common | {"senderName": agent, "text": "oh no", "timestamp": at(n, 2) * 1000, "isUnsent": True},
        ]
    return {"a_1.json": {"participants": [asker, agent], "threadName": "a_1", "messages": messages}}


def linkedin(agent: str, asker: str) -> Files:
    lines = [
        "CONVERSATION ID,CONVERSATION TITLE,FROM,SENDER PROFILE URL,TO,RECIPIENT PROFILE URLS,"
        "DATE,SUBJECT,CONTENT,FOLDER"
    ]
    for n, (asked, said) in reversed(list(enumerate(zip(ASKED, SAID, strict=True)))):
        for who, text, second, folder in (
            (agent, "bye", 30, "DRAFT"),
            (agent, said, 20, "INBOX"),
            (asker, asked, 10, "INBOX"),
        ):
            cell = escaped(text).replace('"', '""')
            sender = f'"{who}",https://example.org/{who[:1]}'
            lines.append(f'2-x,,{sender},y,,{day(n)[:10]} 09:10:{second} UTC,,"<p>{cell}</p>",{folder}')
    return {"messages.csv": "\n".join(lines)}


def intercom(agent: str, asker: str) -> Files:
    tickets = []
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        desk = {"type": "admin", "name": agent, "id": "1"}
        parts = [
            {
                "part_type": "comment",
                "author": {"type": "bot", "name": "Robo", "id": "9"},
                "body": "<p>soon</p>",
                "created_at": at(n, 1),
            },
            {"part_type": "note", "author": desk, "body": "<p>odd one</p>", "created_at": at(n, 2)},
            {
                "part_type": "comment",
                "author": desk,
                "body": f"<p>{escaped(said)}</p>",
                "created_at": at(n, 3),
                "redacted": False,
            },
            {"part_type": "conversation_rating_changed", "author": desk, "body": None, "created_at": at(n, 4)},
        ]
        source = {
            "type": "conversation",
            "author": {"type": "user", "name": asker, "id": "7"},
            "body": f"<p>{escaped(asked)}</p>",
        }
        tickets.append(
            {
                "type": "conversation",
                "id": str(n),
                "source": source,
                "conversation_parts": {"conversation_parts": parts},
            }
        )
    return {"c.json": {"type": "conversation.list", "conversations": tickets}}


def zendesk(agent: str, asker: str) -> Files:
    tickets = []
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        comments = [
            {"id": 1, "author_id": 70, "public": True, "body": asked, "plain_body": asked, "created_at": f"{day(n)}Z"},
            {"id": 2, "author_id": 4, "public": False, "body": "odd one", "created_at": f"{day(n, 1)}Z"},
            {
                "id": 3,
                "author_id": 4,
                "public": True,
                "body": said,
                "html_body": f"<p>{escaped(said)}</p>",
                "created_at": f"{day(n, 2)}Z",
            },
        ]
        tickets.append({"id": n, "description": asked, "requester_id": 70, "assignee_id": 4, "comments": comments})
    users = [{"id": 70, "name": asker, "role": "end-user"}, {"id": 4, "name": agent, "role": "agent"}]
    return {"t.json": {"tickets": tickets, "users": users, "count": 3}}


def freshdesk(agent: str, asker: str) -> Files:
    tickets = []
    for n, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        notes = [
            {"note": {"body": "odd one", "private": True, "incoming": False, "user_id": 4}},
            {"note": {"body": said, "private": False, "incoming": False, "user_id": 4, "source": 0}},
        ]
        ticket = {"display_id": n, "description": asked, "requester_id": 70, "responder_id": 4, "requester_name": asker}
        tickets.append({"helpdesk_ticket": ticket | {"responder_name": agent, "notes": notes, "created_at": day(n)}})
    return {"t.json": tickets}


VENDORS: list[Callable[[str, str], Files]] = [
    *(telegram, slack, discord, signal, teams, meta, meta_encrypted, linkedin, intercom, zendesk, freshdesk),
]  # fmt: skip


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
