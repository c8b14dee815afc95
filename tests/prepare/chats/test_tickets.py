"""Tickets of further services: who asks and who answers, notes that the customer never sees, and first messages."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deciding import agents_of
from gradschool.errors import DataError
from gradschool.prepare.chats.exports import export_of, read_export
from gradschool.prepare.dialogue import Dialogue
from gradschool.prepare.recognize import SourceFile

SAID = ["Is kite 7 in?", "It is, until six.", "And what is it?", "It costs 20 euros."]
NOTE = "psst, she is rude"
ASKS, HELPS = "Ida Fenn", "Lev Orr"


def at(n: int) -> str:
    return f"2024-05-01T09:0{n}:00Z"


def jira(n: int) -> Any:
    asks, helps = ({"accountId": name[:3], "displayName": name} for name in (ASKS, HELPS))
    said = [(helps, SAID[1], True), (helps, NOTE, False), (asks, SAID[2], True), (helps, SAID[3], True)]
    comments = [
        {"author": who, "body": text, "jsdPublic": shown, "created": at(k)} for k, (who, text, shown) in enumerate(said)
    ]
    return {"key": f"K-{n}", "fields": {"reporter": asks, "description": SAID[0], "comment": {"comments": comments}}}


def gitlab(n: int) -> Any:
    said = [("lev", SAID[1], {}), ("lev", "closed", {"system": True}), ("lev", NOTE, {"internal": True})]
    said += [("ida", SAID[2], {}), ("lev", SAID[3], {})]
    notes = [
        {"author": {"username": who}, "body": text, "created_at": at(k), **more}
        for k, (who, text, more) in enumerate(said)
    ]
    return {"iid": n, "description": SAID[0], "author": {"username": "ida"}, "notes": notes}


def help_scout(n: int) -> Any:
    asks, helps = {"type": "customer", "first": "Ida", "last": "Fenn"}, {"type": "user", "first": "Lev", "last": "Orr"}
    threads = [
        {
            "type": "message" if k % 2 else "customer",
            "body": text,
            "createdBy": helps if k % 2 else asks,
            "createdAt": at(k),
        }
        for k, text in enumerate(SAID)
    ]
    threads.append({"type": "note", "body": NOTE, "createdBy": helps, "createdAt": at(9)})
    return {"id": n, "_embedded": {"threads": threads[::-1]}}


def live_chat(n: int) -> Any:
    users = [{"id": "u1", "name": ASKS, "type": "customer"}, {"id": "lev@x.example", "name": HELPS, "type": "agent"}]
    events = [
        {"type": "message", "author_id": users[k % 2]["id"], "text": text, "created_at": at(k)}
        for k, text in enumerate(SAID)
    ]
    events.append(
        {"type": "message", "author_id": "lev@x.example", "text": NOTE, "recipients": "agents", "created_at": at(9)}
    )
    return {"id": f"C{n}", "users": users, "thread": {"events": events}}


def salesforce(n: int) -> Any:
    said = [(HELPS, SAID[1], True), (HELPS, NOTE, False), (ASKS, SAID[2], True), (HELPS, SAID[3], True)]
    records = [
        {"CommentBody": text, "IsPublished": shown, "CreatedBy": {"Name": who}, "CreatedDate": at(k)}
        for k, (who, text, shown) in enumerate(said)
    ]
    return {"Description": SAID[0], "Contact": {"Name": ASKS}, "CaseComments": {"records": records}}


def discourse(n: int) -> Any:
    posts = [
        {"username": "lev" if k % 2 else "ida", "cooked": f"<p>{text}</p>", "staff": bool(k % 2), "created_at": at(k)}
        for k, text in enumerate(SAID)
    ]
    return {"id": n, "post_stream": {"posts": posts}}


def olark(n: int) -> Any:
    kinds = ("MessageToOperator", "MessageToVisitor")
    items = [{"kind": kinds[k % 2], "nickname": (ASKS, HELPS)[k % 2], "body": text} for k, text in enumerate(SAID)]
    return {"id": n, "items": items}


def tawk(n: int) -> Any:
    said = [{"sender": {"t": "va"[k % 2], "n": (ASKS, HELPS)[k % 2]}, "msg": text} for k, text in enumerate(SAID)]
    return {"id": n, "messages": said}


def zendesk_chat(n: int) -> Any:
    said = [
        {"type": "chat.msg", "name": (ASKS, HELPS)[k % 2], "sender_type": ("Visitor", "Agent")[k % 2], "msg": text}
        for k, text in enumerate(SAID)
    ]
    return {"id": n, "history": said}


def dialogues(folder: Path, value: Any) -> list[Dialogue]:
    path = folder / "tickets.json"
    path.write_text(json.dumps(value))
    file = SourceFile(path.name, path, "rows")
    export = export_of(file)
    assert export and export.name == "tickets or conversations"
    return list(read_export([file], export))


@pytest.mark.parametrize(
    "ticket", [jira, gitlab, help_scout, live_chat, salesforce, discourse, olark, tawk, zendesk_chat]
)
def test_the_customer_is_never_the_agent_and_notes_are_left_out(ticket: Callable[[int], Any], tmp_path: Path) -> None:
    found = dialogues(tmp_path, {"tickets": [ticket(n) for n in range(3)]})
    agents = agents_of(found, [])
    said = [(agents.role_of(turn), turn.text) for turn in found[0].turns]
    assert said == list(zip(("user", "assistant") * 2, SAID, strict=True))


def test_a_ticket_without_its_first_message_does_not_show_who_answers(tmp_path: Path) -> None:
    replies = [
        {"author": {"name": name}, "text": text} for name, text in zip((HELPS, ASKS, HELPS), SAID[1:], strict=True)
    ]
    found = dialogues(tmp_path, [{"ticket": n, "replies": replies} for n in range(4)])
    with pytest.raises(DataError, match="cannot be detected"):
        agents_of(found, [])
