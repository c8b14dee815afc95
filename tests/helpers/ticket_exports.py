"""Exports of help desks: the same three questions and answers in the form of each."""

from typing import Any

SAID = [
    ("does the red boat float", "yes, since 1990 & longer"),
    ("what does a mast cost", "ten <b>fine</b> shells"),
    ("is the quay open", "from six; ask Jo"),
]
PLAIN = [(asked, answer.replace("<b>fine</b>", "fine")) for asked, answer in SAID]


def html(text: str) -> str:
    return f"<p>{text.replace('&', '&amp;')}</p>"


def moments() -> Any:
    for number, (asked, answer) in enumerate(PLAIN):
        yield number, asked, answer, f"2024-05-0{number + 1}T09:10:00"


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
