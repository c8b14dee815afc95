"""The same three questions and answers as each vendor documents its exports, with notes, programs and threads."""

from collections.abc import Callable
from typing import Any

Files = dict[str, Any]
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
