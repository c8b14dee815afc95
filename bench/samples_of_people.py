"""Small mails and chats, which the fuzzer damages. All persons in them are invented."""

import json
from pathlib import Path
from typing import Any

from bench.samples import PAIRS, TABLE, Sample, archive, folder_of, json_lines, one_file, tape
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.prepare import prepare

ME, OTHER = "Anna Keller <anna@example.org>", "Tom Reed <tom@example.net>"


def mail(number: int, answers: int = 0, text: str = "", sender: str = ME, to: str = OTHER) -> str:
    """A mail, which may answer another one."""
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {'Re: ' if answers else ''}=?utf-8?q?the_boat_{number}?=",
        f"Date: Mon, {1 + number % 28:02} Mar 2021 09:00:00 +0100",
        f"Message-ID: <m{number}@example.org>",
        *([f"In-Reply-To: <m{answers}@example.org>"] if answers else []),
        "Content-Type: text/plain; charset=utf-8",
        "",
        text or f"Dear Tom,\n\nthe boat number {number} lies in the harbour and needs new paint.\n\nBest wishes\nAnna",
    ]
    return "\n".join(lines) + "\n"


QUOTED = (
    "Dear Tom,\n\nyes, come on Monday, the harbour is open then and we can look at it together.\n\nAnna\n\n"
    "On Mon, 1 Mar 2021 at 09:00, Tom Reed <tom@example.net> wrote:\n> May I come?\n> \n> Tom\n"
)
PARTS = (
    f"From: {ME}\nTo: {OTHER}\nSubject: plans\nDate: Tue, 2 Mar 2021 10:00:00 +0000\nMIME-Version: 1.0\n"
    'Content-Type: multipart/alternative; boundary="x"\n\n--x\nContent-Type: text/plain; charset="iso-8859-1"\n'
    "Content-Transfer-Encoding: quoted-printable\n\nDear Tom, the caf=E9 is open again and we meet there.\n--x\n"
    "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\nPHA+SGVsbG88L3A+\n--x--\n"
)


def mails(_: Path) -> list[Sample]:
    """A mailbox, single mails, and a folder of them."""
    texts = [mail(n) for n in range(1, 8)] + [mail(20, 3, QUOTED), mail(21, 0, "May I come?", OTHER, ME)]
    mbox = "".join(f"From x@example.org Mon Mar  1 09:00:00 2021\n{text}\n" for text in texts)
    return [
        one_file("mail.mbox", mbox),
        one_file("mail.eml", PARTS),
        Sample({f"mails/{number}.eml": text.encode() for number, text in enumerate([*texts, PARTS])}),
    ]


def prepared(place: Path) -> list[Sample]:
    """Mails, and the job folder that a preparation has made of them: its own files alone are damaged."""
    mails(place)[-1].write(place)
    for _ in prepare([place / "mails"], PrepareOptions("style", authors=("anna@example.org",)), place / "into"):
        pass
    sample = folder_of(place)
    own = ("prepared.json", "review.jsonl", "private/pseudonyms.json")
    return [Sample(sample.files, ".", tuple(f"into/{name}" for name in own if f"into/{name}" in sample.files))]


def _telegram() -> Any:
    messages = [
        {
            "id": n,
            "type": "message",
            "date": f"2021-03-01T09:{n:02}:00",
            "from": ("Ben", "Help desk")[n % 2],
            "from_id": f"user{n % 2}",
            "text": [f"Parcel {n} is ", {"type": "bold", "text": "late"}],
        }
        for n in range(10)
    ]
    return {"name": "Ben", "type": "personal_chat", "id": 7, "messages": messages}


def _chatgpt() -> Any:
    turns = [
        ("user", "Where is my parcel?"),
        ("assistant", "It is in Borth."),
        ("user", "Thanks"),
        ("assistant", "Bye"),
    ]
    mapping: dict[str, Any] = {"n0": {"id": "n0", "message": None, "parent": None, "children": ["n1"]}}
    for n, (role, text) in enumerate(turns, 1):
        message = {
            "author": {"role": role},
            "content": {"content_type": "text", "parts": [text]},
            "create_time": 1e9 + n,
        }
        children = [f"n{n + 1}"] if n < len(turns) else []
        mapping[f"n{n}"] = {"id": f"n{n}", "message": message, "parent": f"n{n - 1}", "children": children}
    return [{"title": "Parcel", "create_time": 1e9, "mapping": mapping, "current_node": f"n{len(turns)}"}]


def _ticket(number: int) -> Any:
    comments = [
        {
            "id": n,
            "author_id": n % 2,
            "public": True,
            "body": f"Parcel {n}",
            "created_at": f"2021-03-0{n + 1}T09:00:00Z",
        }
        for n in range(4)
    ]
    users = [{"id": 0, "name": "Ben Ort", "role": "end-user"}, {"id": 1, "name": "Desk", "role": "agent"}]
    return {"id": number, "subject": "Parcel", "requester_id": 0, "comments": comments, "users": users}


WHATSAPP = "".join(
    f"[0{1 + n % 9}.03.21, 09:{n:02}:07] {('Ben Ort', 'Help desk')[n % 2]}: Parcel {n} is late: really\n"
    for n in range(12)
)
LABELLED = "".join(f"{('Customer', 'Agent')[n % 2]}: Where is parcel {n}?\n" for n in range(12))
SLACK = [{"type": "message", "user": f"U{n % 2}", "text": f"Parcel <@U1> {n}", "ts": f"16145{n}.0"} for n in range(8)]
USERS = [{"id": "U0", "name": "ben", "real_name": "Ben Ort"}, {"id": "U1", "name": "desk", "real_name": "Help desk"}]


def chats(_: Path) -> list[Sample]:
    """Chats and tickets as programs export them."""
    values = {"telegram": _telegram(), "chatgpt": _chatgpt(), "tickets": {"tickets": [_ticket(n) for n in range(3)]}}
    return [
        *(one_file(f"{name}.json", json.dumps(value)) for name, value in values.items()),
        one_file("tickets.jsonl", json_lines([_ticket(n) for n in range(3)])),
        one_file("whatsapp.txt", WHATSAPP),
        one_file("labelled.txt", LABELLED),
        Sample({"users.json": json.dumps(USERS).encode(), "general/2021-03-01.json": json.dumps(SLACK).encode()}),
    ]


def archives(_: Path) -> list[Sample]:
    """Archives of files of other kinds."""
    files = {"rows/table.csv": TABLE, "pairs.jsonl": json_lines(PAIRS), "note.txt": "Bring the boat.\n" * 9}
    return [
        one_file("all.zip", archive(files)),
        one_file("all.tar", tape(files)),
        one_file("all.tgz", tape(files, "w:gz")),
        one_file("all.tar.xz", tape(files, "w:xz")),
    ]
