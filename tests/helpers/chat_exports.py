"""Exports of chats: the same three questions and answers in the form of each program."""

import json
from collections.abc import Callable
from typing import Any

from ticket_exports import PLAIN, camel_case, freshdesk, front, helpscout, html, hubspot, intercom, moments, zendesk


def telegram(name: str = "Una") -> dict[str, Any]:
    messages: list[Any] = [{"id": 0, "type": "service", "actor": name, "action": "phone_call", "text": ""}]
    for number, asked, answer, date in moments():
        parts = [answer[:3], {"type": "bold", "text": answer[3:6]}, {"type": "plain", "text": answer[6:]}]
        messages += [
            {"id": number * 3 + 1, "type": "message", "date": date, "from": name, "from_id": "user7", "text": asked},
            {
                "id": number * 3 + 2,
                "type": "message",
                "date": date,
                "from": "Boats 🚤",
                "from_id": "user1",
                "text": parts,
            },
            {
                "id": number * 3 + 3,
                "type": "message",
                "date": date,
                "from": None,
                "from_id": "user9",
                "text": "",
                "file": "x",
            },
        ]
    return {"name": name, "type": "personal_chat", "id": 7, "messages": messages}


def chatgpt(number: int, asked: str, answer: str) -> dict[str, Any]:
    def node(key: str, parent: str | None, role: str, text: Any, **more: Any) -> dict[str, Any]:
        content = {"content_type": "text", "parts": [text]} | more.pop("content", {})
        return {
            "id": key,
            "parent": parent,
            "children": [],
            "message": {"author": {"role": role}, "content": content} | more,
        }

    nodes = [
        {"id": "r", "parent": None, "message": None, "children": ["s"]},
        node("s", "r", "system", ""),
        node("u", "s", "user", asked),
        node("w", "u", "assistant", "an unused draft"),
        node(
            "c", "u", "assistant", 'search("boat")', recipient="browser", content={"content_type": "code", "text": "x"}
        ),
        node("t", "c", "tool", "found boats"),
        node("k", "t", "assistant", "boats, hm", content={"content_type": "thoughts"}),
        node("y", "k", "assistant", f"{answer}\ue200cite\ue202turn0\ue201"),
    ]
    return {
        "title": "t",
        "create_time": 1714556400.5,
        "mapping": {n["id"]: n for n in nodes},
        "current_node": "y",
        "conversation_id": f"c{number}",
    }


def claude(number: int, asked: str, answer: str) -> dict[str, Any]:
    thought = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": answer}]
    messages = [
        {"uuid": "1", "sender": "human", "text": asked, "content": [{"type": "text", "text": asked}]},
        {"uuid": "2", "sender": "assistant", "text": f"hm {answer}", "content": thought},
    ]
    return {"uuid": f"c{number}", "name": "t", "created_at": "2024-05-01T09:00:00.5Z", "chat_messages": messages}


def webui(number: int, asked: str, answer: str, rating: int | None = None) -> dict[str, Any]:
    thought = f'<details type="reasoning" done="true">\n<summary>Thought</summary>\n> hm\n</details>\n{answer}'
    nodes: dict[str, Any] = {
        "a": {"id": "a", "parentId": None, "role": "user", "content": asked, "childrenIds": ["b", "c"]},
        "b": {"id": "b", "parentId": "a", "role": "assistant", "content": "an unused draft"},
        "c": {"id": "c", "parentId": "a", "role": "assistant", "content": thought},
    }
    if rating is not None:
        nodes["c"]["annotation"] = {"rating": rating}
    history = {"messages": nodes, "currentId": "c"}
    return {
        "id": f"w{number}",
        "title": "t",
        "chat": {"title": "t", "history": history, "messages": [nodes["a"], nodes["c"]]},
    }


def graph(number: int, asked: str, answer: str) -> list[dict[str, Any]]:
    def message(who: str, text: str, minute: int) -> dict[str, Any]:
        sender = {"user": {"displayName": who, "id": f"id-{who}"}}
        date = f"2024-05-0{number + 1}T09:0{minute}:00.1Z"
        return {
            "id": f"{number}{minute}",
            "messageType": "message",
            "createdDateTime": date,
            "chatId": "19:x",
            "from": sender,
            "body": {"contentType": "html", "content": html(text)},
        }

    notice = {
        "id": "9",
        "messageType": "systemEventMessage",
        "createdDateTime": "2024-05-01T08:00:00Z",
        "from": None,
        "body": {"content": "<systemEventMessage/>"},
    }
    return [message("Boats 🚤", answer, 2), message("Una", asked, 1), notice]


def skype() -> dict[str, Any]:
    messages = [
        {
            "id": "9",
            "messagetype": "ThreadActivity/AddMember",
            "content": "<addmember/>",
            "from": "19:x",
            "originalarrivaltime": "2024-05-01T08:00:00Z",
        }
    ]
    for _, asked, answer, date in moments():
        messages += [
            {
                "messagetype": "RichText",
                "content": answer.replace("&", "&amp;"),
                "from": "8:boats",
                "originalarrivaltime": f"{date[:-2]}30Z",
            },
            {"messagetype": "Text", "content": asked, "from": "8:una", "originalarrivaltime": f"{date}Z"},
        ]
    return {"userId": "8:boats", "conversations": [{"id": "x", "displayName": "Una", "MessageList": messages}]}


def discord() -> dict[str, Any]:
    messages: list[Any] = [
        {
            "type": "GuildMemberJoin",
            "timestamp": "2024-05-01T08:00:00Z",
            "content": "Joined",
            "author": {"name": "una", "isBot": False},
        }
    ]
    for _, asked, answer, date in moments():
        messages += [
            {
                "type": "Default",
                "timestamp": f"{date}Z",
                "content": asked,
                "author": {"name": "una", "nickname": "Una", "isBot": False},
            },
            {
                "type": "Reply",
                "timestamp": f"{date[:-2]}30Z",
                "content": answer,
                "author": {"name": "boats", "isBot": False},
            },
        ]
    return {"guild": {"id": "1"}, "channel": {"name": "help"}, "messages": messages, "messageCount": 7}


def signal_lines() -> str:
    rows = []
    for _, asked, answer, date in moments():
        for sender, body in (("Una", asked), ("Me", answer)):
            rows.append(
                {
                    "date": date,
                    "sender": sender,
                    "body": body,
                    "quote": "",
                    "sticker": "",
                    "reactions": [],
                    "attachments": [],
                }
            )
    return "".join(json.dumps(row) + "\n" for row in rows)


def signal_desktop() -> str:
    rows: list[Any] = [{"version": "1", "backupTimeMs": "1714556400000"}, {"account": {"username": "b"}}]
    rows += [
        {"recipient": {"id": "1", "self": {}}},
        {"recipient": {"id": "2", "contact": {"profileGivenName": "Una"}}},
        {"chat": {"id": "5", "recipientId": "2"}},
    ]
    for number, asked, answer, _ in moments():
        at = 1714556400000 + number * 86_400_000
        rows.append(
            {
                "chatItem": {
                    "chatId": "5",
                    "authorId": "2",
                    "dateSent": str(at),
                    "incoming": {},
                    "standardMessage": {"text": {"body": asked}},
                }
            }
        )
        rows.append(
            {
                "chatItem": {
                    "chatId": "5",
                    "authorId": "1",
                    "dateSent": str(at + 1000),
                    "outgoing": {},
                    "standardMessage": {"text": {"body": answer}},
                }
            }
        )
        rows.append(
            {
                "chatItem": {
                    "chatId": "5",
                    "authorId": "2",
                    "dateSent": str(at + 2000),
                    "directionless": {},
                    "updateMessage": {},
                }
            }
        )
    return "".join(json.dumps(row) + "\n" for row in rows)


def facebook() -> dict[str, str]:
    def wrong(text: str) -> str:
        return text.encode().decode("latin-1")

    messages = []
    for number, asked, answer, _ in moments():
        at = 1714556400000 + number * 86_400_000
        messages += [
            {"sender_name": wrong("Únä"), "timestamp_ms": at, "content": wrong(asked)},
            {"sender_name": wrong("Boats 🚤"), "timestamp_ms": at + 1000, "content": wrong(answer)},
            {
                "sender_name": wrong("Únä"),
                "timestamp_ms": at + 2000,
                "content": wrong("Únä sent a photo."),
                "photos": [{}],
            },
        ]
    messages.reverse()
    common = {
        "participants": [{"name": wrong("Únä")}, {"name": wrong("Boats 🚤")}],
        "title": "x",
        "thread_path": "inbox/una_1",
    }
    return {
        "inbox/una_1/message_1.json": json.dumps(common | {"messages": messages[:4]}),
        "inbox/una_1/message_2.json": json.dumps(common | {"messages": messages[4:]}),
    }


def slack() -> dict[str, str]:
    users = [
        {"id": f"U{n}", "team_id": "T", "name": name.lower(), "profile": {"real_name": name}}
        for n, name in enumerate(("Boats", "Una"))
    ]
    files = {"export/users.json": json.dumps(users)}
    for number, asked, answer, date in moments():
        at = 1714556400 + number * 86_400
        rows = [
            {
                "type": "message",
                "subtype": "channel_join",
                "user": "U1",
                "text": "<@U1> has joined",
                "ts": f"{at}.000100",
            },
            {"type": "message", "user": "U1", "text": asked, "ts": f"{at + 1}.000100"},
            {"type": "message", "user": "U0", "text": answer.replace("&", "&amp;"), "ts": f"{at + 2}.000100"},
        ]
        files[f"export/help/{date[:10]}.json"] = json.dumps(rows)
    return files


def linkedin() -> str:
    header = "CONVERSATION ID,CONVERSATION TITLE,FROM,SENDER PROFILE URL,TO,RECIPIENT PROFILE URLS"
    lines = [f"{header},DATE,SUBJECT,CONTENT,FOLDER"]
    for number, asked, answer, date in reversed(list(moments())):
        for who, text, second in (("Boats", answer, "30"), ("Una", asked, "10")):
            lines.append(f'2-x{number},,{who},,y,,{date[:10]} 09:10:{second} UTC,,"{html(text)}",INBOX')
        lines.append(f'2-x{number},,Boats,,y,,{date[:10]} 09:09:00 UTC,,"not sent",DRAFT')
    return "\n".join(lines)


def listed(make: Callable[..., Any], *, wrap: str = "") -> str:
    values = [make(number, asked, answer) for number, (asked, answer) in enumerate(PLAIN)]
    return json.dumps({wrap: values, "count": 3, "next_page": None} if wrap else values)


def in_lines(make: Callable[..., Any]) -> str:
    return "".join(json.dumps(make(number, asked, answer)) + "\n" for number, (asked, answer) in enumerate(PLAIN))


GRAPH = [message for number, (asked, answer) in enumerate(PLAIN) for message in graph(number, asked, answer)]
EXPORTS: dict[str, dict[str, str]] = {
    "telegram": {"result.json": json.dumps(telegram(), indent=1)},
    "telegram in one line": {"result.json": json.dumps(telegram())},
    "intercom": {"c.jsonl": in_lines(intercom)},
    "intercom list": {"c.json": listed(intercom)},
    "intercom pages": {"c.json": listed(intercom, wrap="conversations")},
    "intercom parts as a list": {"c.json": listed(lambda *said: intercom(*said, as_list=True))},
    "zendesk": {"t.jsonl": in_lines(zendesk)},
    "zendesk list": {"t.json": listed(zendesk)},
    "zendesk wrapped": {"t.json": listed(zendesk, wrap="tickets")},
    "zendesk in results": {"t.json": json.dumps({"data": {"results": json.loads(listed(zendesk))}})},
    "zendesk ticket": {f"{n}.json": json.dumps({"ticket": zendesk(n, *said)}) for n, said in enumerate(PLAIN)},
    "freshdesk": {"t.json": listed(freshdesk)},
    "freshdesk wrapped": {"t.json": listed(freshdesk, wrap="tickets")},
    "help scout": {"t.json": listed(helpscout)},
    "front": {"t.jsonl": in_lines(front)},
    "names in camel case": {"t.json": listed(camel_case)},
    "hubspot": {"t.json": listed(hubspot, wrap="results")},
    "chatgpt": {"conversations.json": listed(chatgpt)},
    "claude": {"conversations.json": listed(claude)},
    "open webui": {"chats.json": listed(webui)},
    "teams": {"m.json": json.dumps({"@odata.context": "x", "value": GRAPH})},
    "teams list": {"m.jsonl": "".join(json.dumps(one) + "\n" for one in GRAPH)},
    "skype": {"messages.json": json.dumps(skype())},
    "discord": {"help.json": json.dumps(discord())},
    "signal-export": {"data.json": signal_lines()},
    "signal desktop": {"main.jsonl": signal_desktop()},
    "facebook": facebook(),
    "slack": slack(),
    "linkedin": {"messages.csv": linkedin()},
}
