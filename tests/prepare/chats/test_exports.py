"""Exports of messengers, assistants and ticket systems: the same conversation in each gives the same examples."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finish import finish
from gradschool.errors import GradschoolError
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.prepare import prepare
from gradschool.records import Note

Run = Callable[..., Any]
SAID = [
    ("does the red boat float", "yes, since 1990 & longer"),
    ("what does a mast cost", "ten <b>fine</b> shells"),
    ("is the quay open", "from six; ask Jo"),
]
PLAIN = [(asked, answer.replace("<b>fine</b>", "fine")) for asked, answer in SAID]


def pairs(rows: Any) -> list[tuple[str, str]]:
    return [(row["prompt"], row["completion"]) for row in rows("examples.jsonl")]


def html(text: str) -> str:
    return f"<p>{text.replace('&', '&amp;')}</p>"


def moments() -> Any:
    for number, (asked, answer) in enumerate(PLAIN):
        yield number, asked, answer, f"2024-05-0{number + 1}T09:10:00"


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


def intercom(number: int, asked: str, answer: str, *, as_list: bool = False) -> dict[str, Any]:
    author = {"type": "admin", "name": "Boats 🚤", "id": "1"}
    parts = [
        {"part_type": "assignment", "author": author, "body": html("take this, Jo")},
        {"part_type": "note", "author": author, "body": html("odd fellow")},
        {"part_type": "comment", "author": author, "body": html(answer)},
        {"part_type": "close", "author": author, "body": None},
    ]
    source = {"author": {"type": "lead", "name": "Una", "id": "7"}, "body": html(asked)}
    listed = parts if as_list else {"type": "conversation_part.list", "conversation_parts": parts}
    return {"type": "conversation", "id": str(number), "source": source, "conversation_parts": listed}


def zendesk(number: int, asked: str, answer: str) -> dict[str, Any]:
    comments = [
        {"id": 1, "author_id": 70, "public": True, "body": asked, "html_body": html(asked)},
        {"id": 2, "author_id": 1, "public": False, "body": "odd fellow"},
        {"id": 3, "author_id": 1, "public": True, "plain_body": answer, "html_body": html(answer)},
    ]
    return {"id": number, "subject": "s", "description": asked, "requester_id": 70, "comments": comments}


def freshdesk(number: int, asked: str, answer: str) -> dict[str, Any]:
    talk = [
        {"body": html("odd fellow"), "body_text": "odd fellow", "incoming": False, "private": True, "user_id": 1},
        {"body": html(answer), "body_text": answer, "incoming": False, "private": False, "user_id": 1},
    ]
    return {
        "id": number,
        "description": html(asked),
        "description_text": asked,
        "requester_id": 70,
        "conversations": talk,
    }


def helpscout(number: int, asked: str, answer: str) -> dict[str, Any]:
    threads = [
        {
            "type": "customer",
            "createdBy": {"type": "customer", "first": "U", "email": "u@example.org"},
            "body": html(asked),
            "createdAt": "2024-05-01T09:00:00Z",
        },
        {
            "type": "note",
            "createdBy": {"type": "user", "email": "b@example.org"},
            "body": "odd fellow",
            "createdAt": "2024-05-01T09:01:00Z",
        },
        {
            "type": "message",
            "createdBy": {"type": "user", "email": "b@example.org"},
            "body": html(answer),
            "createdAt": "2024-05-01T09:02:00Z",
        },
    ]
    return {"id": number, "subject": "s", "_embedded": {"threads": threads}}


def front(number: int, asked: str, answer: str) -> dict[str, Any]:
    messages = [
        {"is_inbound": False, "author": {"username": "boats"}, "body": html(answer), "created_at": 1714556400.0},
        {
            "is_inbound": True,
            "author": None,
            "recipients": [],
            "from": "una@example.org",
            "body": html(asked),
            "created_at": 1714556300.0,
        },
    ]
    return {"id": f"cnv_{number}", "messages": messages}


def camel_case(number: int, asked: str, answer: str) -> dict[str, Any]:
    messages = [
        {"senderType": "CUSTOMER", "senderName": "Una", "message": asked, "sentAt": "2024-05-01T09:00:00Z"},
        {"senderType": "AGENT", "senderName": "Boats", "message": "odd fellow", "isInternal": True},
        {"senderType": "AGENT", "senderName": "Boats", "message": html(answer), "isInternal": False},
    ]
    return {"ticketNumber": number, "messages": messages}


def hubspot(number: int, asked: str, answer: str) -> dict[str, Any]:
    messages = [
        {"type": "MESSAGE", "direction": "INCOMING", "text": asked, "senders": [{"name": "Una"}]},
        {"type": "COMMENT", "text": "odd fellow", "senders": [{"name": "Boats"}]},
        {"type": "MESSAGE", "direction": "OUTGOING", "text": answer, "senders": [{"name": "Boats"}]},
    ]
    return {"id": str(number), "messages": messages}


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
        node("w", "u", "assistant", "a draft that nobody took"),
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
        "b": {"id": "b", "parentId": "a", "role": "assistant", "content": "a draft that nobody took"},
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


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_export_gives_the_same_pairs(run: Run, rows: Any, kind: str) -> None:
    prepared, events = run(EXPORTS[kind], "persona")
    assert sorted(pairs(rows)) == sorted(PLAIN)
    assert prepared.summary.kept == 3
    assert not [event for event in events if isinstance(event, Note) and "skipped" in event.text]


def test_all_chats_of_an_account_are_read_and_its_owner_is_the_agent(run: Run, rows: Any) -> None:
    everything = {
        "about": "x",
        "personal_information": {"user_id": 1},
        "chats": {"about": "y", "list": [telegram(name) for name in ("Una", "Ugo", "Uwe")]},
    }
    prepared, events = run({"result.json": json.dumps(everything)}, "persona")
    assert prepared.summary.read == 9 and {answer for _, answer in pairs(rows)} == {answer for _, answer in PLAIN}
    assert any("Boats 🚤 (9)" in event.text for event in events if isinstance(event, Note))


def test_answers_rated_bad_are_left_out_with_their_reason(run: Run, rows: Any) -> None:
    values = [
        webui(number, *said, rating) for number, (said, rating) in enumerate(zip(PLAIN, (1, -1, None), strict=True))
    ]
    prepared, _ = run({"chats.json": json.dumps(values)}, "persona")
    assert pairs(rows) == [PLAIN[0], PLAIN[2]] and prepared.summary.dropped == {"not to train on": 1}
    (row,) = [row for row in rows("review.jsonl") if row.get("item")]
    assert "rated it bad" in row["why"][0]["text"]
    feedback = [
        {
            "id": f"f{n}",
            "type": "rating",
            "data": {"rating": rating},
            "meta": {"chat_id": "x", "message_id": "c"},
            "snapshot": {"chat": webui(n, *said)},
        }
        for n, (said, rating) in enumerate(zip(PLAIN, (1, -1, 1), strict=True))
    ]
    run({"feedback.json": json.dumps(feedback)}, "persona")
    assert pairs(rows) == [PLAIN[0], PLAIN[2]]


def test_an_answer_that_is_marked_is_context_but_never_trained_on(run: Run, rows: Any) -> None:
    turns = [("user", "a b", 1), ("assistant", "bad words", 0), ("user", "c d", 1), ("assistant", "good words", 1)]
    rows_ = [
        {"messages": [{"role": role, "content": f"{text} {n}", "weight": weight} for role, text, weight in turns]}
        for n in range(3)
    ]
    prepared, _ = run({"m.jsonl": "".join(json.dumps(row) + "\n" for row in rows_)}, "persona")
    assert prepared.summary.dropped == {"not to train on": 3}
    assert all(
        len(row["messages"]) == 4 and row["messages"][-1]["content"].startswith("good")
        for row in rows("examples.jsonl")
    )


def test_without_a_current_node_the_last_branch_counts(run: Run, rows: Any) -> None:
    values = [chatgpt(number, *said) for number, said in enumerate(PLAIN)]
    for value in values:
        del value["current_node"]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == PLAIN


def rated(rating: str, number: int, message: str = "y") -> dict[str, Any]:
    return {"id": message, "conversation_id": f"c{number}", "user_id": "u", "rating": rating, "content": "{}"}


def test_answers_that_chatgpt_notes_as_rated_bad_are_not_trained_on(run: Run, rows: Any) -> None:
    compared = [{"id": "m", "input": {"a": "Which is better?"}, "output": {"b": "The first one."}}]
    files = {
        "conversations.json": json.dumps([chatgpt(number, *said) for number, said in enumerate(PLAIN)]),
        "message_feedback.json": json.dumps(
            [rated("thumbs_up", 0), rated("thumbs_down", 1), rated("thumbsDown", 2, "w")]
        ),
        "user.json": json.dumps({"id": "u", "email": "una@example.org"}),
        "shared_conversations.json": json.dumps([{"id": "s", "conversation_id": "c0", "title": "t"}]),
        "model_comparisons.json": json.dumps(compared),
        "chat.html": "<html><head><title>ChatGPT Data Export</title></head><body>draft</body></html>",
    }
    prepared, events = run(files, "persona")
    assert pairs(rows) == [PLAIN[0], PLAIN[2]]  # the draft of the last one is rated, which is no answer of the branch
    assert prepared.summary.dropped == {"not to train on": 1}
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("chat.html" in note and "rates as bad" in note for note in notes)
    assert not any("not recognized" in note for note in notes)


def test_a_rating_of_an_unknown_message_counts_for_its_conversation(run: Run, rows: Any) -> None:
    values = [chatgpt(number, *said) for number, said in enumerate(PLAIN)]
    bad = [rated("thumbs_down", 1, "nowhere")]
    run({"conversations.json": json.dumps(values), "message_feedback.json": json.dumps(bad)}, "persona")
    assert pairs(rows) == [PLAIN[0], PLAIN[2]]


def test_damaged_ratings_stop_the_reading_of_their_conversations(run: Run) -> None:
    values = [chatgpt(number, *said) for number, said in enumerate(PLAIN)]
    with pytest.raises(GradschoolError):
        run({"conversations.json": json.dumps(values), "message_feedback.json": "[{"}, "persona")


def test_an_edited_question_to_claude_is_left_out_with_its_answer(run: Run, rows: Any) -> None:
    values = [claude(number, *said) for number, said in enumerate(PLAIN)]
    for value in values:
        first, second = value["chat_messages"]
        second["parent_message_uuid"] = "1"
        old = {"uuid": "8", "sender": "human", "text": "an older question", "parent_message_uuid": "0"}
        answer = {"uuid": "9", "sender": "assistant", "text": "an older answer", "parent_message_uuid": "8"}
        value["chat_messages"] = [old, answer, first | {"parent_message_uuid": "0"}, second]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == PLAIN


def test_a_text_that_is_pasted_into_claude_is_part_of_the_question(run: Run, rows: Any) -> None:
    values = [claude(number, *said) for number, said in enumerate(PLAIN)]
    for value in values:
        first = value["chat_messages"][0]
        first |= {"attachments": [{"file_name": "paste.txt", "extracted_content": first["text"]}], "text": ""}
        first["content"] = [{"type": "text", "text": "Shorten this."}]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == [(f"Shorten this.\n\n{asked}", answer) for asked, answer in PLAIN]


def test_an_answer_to_a_picture_is_no_answer_to_the_question_before_it(run: Run, rows: Any) -> None:
    values = [claude(number, *said) for number, said in enumerate(PLAIN)]
    for value in values:
        picture = {"uuid": "3", "sender": "human", "text": "", "content": [], "files": [{"file_name": "a.png"}]}
        value["chat_messages"] += [picture, {"uuid": "4", "sender": "assistant", "text": "That is a heron."}]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == PLAIN


def test_an_answer_to_a_picture_in_chatgpt_is_no_answer_to_the_question_before_it(run: Run, rows: Any) -> None:
    def node(number: int, role: str, *parts: Any) -> dict[str, Any]:
        content = {"content_type": "multimodal_text", "parts": list(parts)}
        parent = f"{number - 1}" if number else None
        return {"id": f"{number}", "parent": parent, "message": {"author": {"role": role}, "content": content}}

    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://f"}
    turns = [
        [("user", asked), ("assistant", answer), ("user", picture), ("assistant", "A heron.")]
        for asked, answer in PLAIN
    ]
    values = [
        {
            "conversation_id": f"c{number}",
            "mapping": {f"{at}": node(at, *turn) for at, turn in enumerate(talk)},
            "current_node": f"{len(talk) - 1}",
        }
        for number, talk in enumerate(turns)
    ]
    run({"conversations.json": json.dumps(values)}, "persona")
    assert pairs(rows) == PLAIN


def test_texts_next_to_a_dialogue_are_no_turns_of_it(run: Run, rows: Any) -> None:
    turns = [{"from": "human", "value": "a b c"}, {"from": "gpt", "value": "d e f"}]
    values = [{"conversations": turns, "description": "about letters", "question": "which"} for _ in range(2)]
    run({"d.json": json.dumps(values)}, "persona")
    assert pairs(rows) == [("a b c", "d e f")]


def test_names_of_users_next_to_the_tickets_are_their_names(run: Run, rows: Any) -> None:
    users = [{"id": 70, "name": "Una Okonkwo", "role": "end-user"}, {"id": 1, "name": "Bo", "role": "agent"}]
    asked = [(f"{question}, asks Una Okonkwo", answer) for question, answer in PLAIN]
    values = [zendesk(n, *said) for n, said in enumerate(asked)]
    _, events = run({"t.json": json.dumps({"users": users, "tickets": values})}, "persona")
    assert any(
        "turns of Bo (3); the other speakers are Una Okonkwo (3)" in e.text for e in events if isinstance(e, Note)
    )
    assert len(pairs(rows)) == 3 and "Okonkwo" not in json.dumps(rows("examples.jsonl"))


def test_messages_in_a_table_are_one_chat(run: Run, rows: Any) -> None:
    table = "AuthorID,Author,Date,Content,Attachments,Reactions\n"
    for _, asked, answer, date in moments():
        table += f'7,una,{date}Z,"{asked}",,\n1,boats,{date[:-2]}30Z,"{answer}",,\n'
    run({"help.csv": table}, "persona")
    assert pairs(rows) == PLAIN


VALUES = [
    telegram(),
    skype(),
    discord(),
    GRAPH,
    *(json.loads(listed(make)) for make in (intercom, zendesk, freshdesk, helpscout, front, chatgpt, claude, webui)),
]


def spots(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found += [(value, key), *spots(value[key])]
    return found


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(range(len(VALUES))),
    st.lists(
        st.tuples(
            st.integers(0, 10_000),
            st.sampled_from([None, "", 0, -1, "x", [], {}, [None], True, {"id": "y"}, "<p>", "9" * 30]),
        ),
        max_size=4,
    ),
)
def test_a_damaged_export_is_prepared_or_rejected(tmp_path_factory: Any, which: int, damage: list[Any]) -> None:
    value = json.loads(json.dumps(VALUES[which]))
    for place, other in damage:
        if there := spots(value):
            inside, key = there[place % len(there)]
            inside[key] = json.loads(json.dumps(other))
    folder = tmp_path_factory.mktemp("any")
    (folder / "x.json").write_text(json.dumps(value))
    try:
        finish(prepare([folder / "x.json"], PrepareOptions("persona"), folder / "job"))
    except GradschoolError as error:
        assert str(error)
