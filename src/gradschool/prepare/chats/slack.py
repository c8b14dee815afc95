"""Slack exports: a folder of a channel has a JSON list of messages for each day; users.json has the names."""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gradschool.files import read_json
from gradschool.prepare.chats.values import Json, name_in, objects, text_in, time_in
from gradschool.prepare.dialogue import PROGRAM, Dialogue, Turn, iso
from gradschool.records import Source

NOT_SAID = re.compile(
    r"(?:channel|group|bot_add|bot_remove|pinned|unpinned|reminder|tombstone|file_comment|sh_room|huddle)"
)
ID = re.compile(r"[A-Z][A-Z0-9]+")
MARKUP = re.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")


def is_slack(value: Json) -> bool:
    """Whether a value is a message of a Slack export."""
    return value.get("type") == "message" and isinstance(value.get("ts"), str) and ("user" in value or "text" in value)


def is_slack_list(value: Json) -> bool:
    """Whether a value is a row of users.json, channels.json or a similar list, which has no messages."""
    named = bool(ID.fullmatch(str(value.get("id")))) and "name" in value
    user = isinstance(value.get("profile"), dict) and (named or "team_id" in value)
    channel = named and str(value["id"])[0] in "CDG" and "text" not in value
    direct = isinstance(value.get("members"), list) and set(value) <= {"id", "created", "members"}
    log = {"service_type", "change_type"} <= value.keys() or {"filetype", "mimetype"} <= value.keys()
    return user or channel or direct or log


@dataclass(frozen=True, slots=True)
class User:
    """A user of a workspace: the name that is shown, and others by which the user may be named."""

    name: str
    others: tuple[str, ...] = ()


def users_of(folder: Path) -> dict[str, User]:
    """The users by id, from the users.json of the workspace that a channel's folder belongs to."""
    for path in (folder.parent / "users.json", folder / "users.json"):
        try:
            users = objects(read_json(path))
        except (OSError, ValueError):
            continue
        return {str(user.get("id")): _user(user) for user in users}
    return {}


def _user(user: Json) -> User:
    profile = user.get("profile") if isinstance(user.get("profile"), dict) else {}
    assert profile is not None
    keys = ("real_name", "display_name", "name", "email")
    names = [name for one in (profile, user) for key in keys if (name := name_in(one.get(key)))]
    return User(name_in({**profile, "id": None, "email": None}) or name_in(user), tuple(dict.fromkeys(names)))


def slack(messages: Iterable[tuple[Json, Source]], folder: Path) -> Iterator[Dialogue]:
    """The messages of a channel by time, and each thread as a dialogue of its own."""
    users = users_of(folder)
    threads: defaultdict[str, list[tuple[Turn, Source]]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for message, source in messages:
        profile = message.get("user_profile")
        user = message.get("user")
        if isinstance(user, str) and isinstance(profile, dict):
            users.setdefault(user, _user({"id": user, "profile": profile}))
        turn = _turn(message, users)
        if turn is None:
            left_out["notices and messages without text"] += 1
            continue
        thread = message.get("thread_ts")
        threads[thread if isinstance(thread, str) else ""].append((turn, source))
    for thread, said in sorted(threads.items()):
        said.sort(key=lambda pair: pair[0].at or 0.0)
        turns = tuple(turn for turn, _ in said)
        counted = left_out if thread == min(threads) else None
        yield Dialogue("", turns, said[0][1], iso(turns[-1].at), chat=not thread, left_out=counted)


def _turn(message: Json, users: dict[str, User]) -> Turn | None:
    subtype = str(message.get("subtype") or "")
    text = _readable(text_in(message.get("text")), users).strip()
    user = name_in(message.get("user")) or name_in(message.get("bot_id")) or name_in(message.get("username"))
    if NOT_SAID.match(subtype) or not text or not user or message.get("hidden"):
        return None
    bot = PROGRAM if subtype == "bot_message" or message.get("bot_id") else ""
    known = users.get(user, User(name_in(message.get("username"))))
    aliases = tuple(dict.fromkeys((user, *known.others)))
    return Turn(known.name or user, text, aliases=aliases, at=time_in(message.get("ts")), untrained=bot)


def _readable(text: str, users: dict[str, User]) -> str:
    """A text without Slack's markup of names, channels and links."""

    def shown(found: re.Match[str]) -> str:
        sign, value, label = found[1], found[2], found[3]
        if sign == "@":
            return f"@{users[value].name if value in users else label or value}"
        if sign == "#":
            return f"#{label or value}"
        if sign == "!":
            return f"@{label or value.partition('^')[0]}"
        return label or value

    return html.unescape(MARKUP.sub(shown, text))
