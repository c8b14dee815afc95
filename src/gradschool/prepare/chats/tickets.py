"""Tickets and conversations with a list of turns: Intercom, Zendesk, Freshdesk, Help Scout, Front, and files like them.

The customer is who opened the ticket, or whose turns came in; internal notes are left out.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gradschool.data.assessments import assessments_of
from gradschool.data.calls import call_of
from gradschool.data.formats import keys_by_name, plain, value_of
from gradschool.prepare.agents import role_word
from gradschool.prepare.chats.ticket_keys import (
    AUTHORS,
    BODIES,
    BOTS,
    CUSTOMERS,
    HAVE_OPENINGS,
    IDS,
    INCOMING,
    INTERNAL_FLAGS,
    INTERNAL_WORDS,
    KINDS,
    KINDS_OF_SPEAKER,
    LISTS,
    NAMES,
    OPENED_BY,
    OPENED_WITH_TEXT,
    OPENINGS,
    OUTGOING,
    SHOWN,
    TIMES,
    TO,
)
from gradschool.prepare.chats.values import Json, name_in, objects, plain_text, text_in, time_in
from gradschool.prepare.dialogue import PROGRAM, Dialogue, Turn, iso
from gradschool.prepare.rows import SPEAKERS
from gradschool.records import Source

MAX_DEPTH, SAMPLE = 3, 5


def turns_of(value: Json) -> list[Json] | None:
    """The list of turns in a ticket, which may be nested; None if there is none."""
    return _turns(value, 0)


def _turns(value: Any, depth: int) -> list[Json] | None:
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return None
    keys = _keys(value)
    for word in LISTS:
        inner = value.get(keys[word]) if word in keys else None
        if isinstance(inner, dict):
            inner = _turns(inner, depth + 1)
        if isinstance(inner, list):
            inner = [_bare(one) for one in inner]
        if not isinstance(inner, list) or not any(map(_is_turn, objects(inner))):
            continue
        if depth or not any(_turns(one, depth + 1) for one in objects(inner)[:SAMPLE]):  # else they are tickets
            return objects(inner)
    embedded = value.get(keys.get("embedded", "_embedded"))
    return _turns(embedded, depth + 1) if isinstance(embedded, dict) else None


def _bare(value: Any) -> Any:
    """An object without another one around it that only says what it is, as Freshdesk's {"note": {…}}."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(inner := next(iter(value.values())), dict):
        return inner
    return value


def _is_turn(turn: Json) -> bool:
    return bool(_body(turn)) and bool(_speaker(turn, {})[0])


def is_ticket(value: Json) -> bool:
    """Whether a value is a ticket or a conversation, with turns that have a text and a speaker; no call of a model."""
    if call_of(value):
        return False
    return turns_of(value) is not None or bool(_source(value) and "conversation_parts" in value)


def _source(value: Json) -> Json:
    """The first message of an Intercom conversation."""
    source = value.get("source") or value.get("conversation_message")
    return source if isinstance(source, dict) and plain_text(source.get("body")) else {}


def ticket(value: Json, source: Source, people: Mapping[str, tuple[str, str]]) -> Iterator[Dialogue]:
    """The dialogue of a ticket; `people` are the name and the role of each id, from a list of users next to it."""
    keys = _keys(value)
    outside = bool(keys.keys() & HAVE_OPENINGS)  # the first message is not among the turns
    opened_by = (*OPENED_BY, *(OPENED_WITH_TEXT if outside and _opening_text(value, keys) else ()))
    opener = next((name for key in opened_by if key in keys and (name := _id(value[keys[key]]))), "")
    people = {**_named_in(value, keys), **people_of(value), **people}
    turns: list[Turn] = []
    left_out: Counter[str] = Counter()
    untrained = _untrained(value)
    human = bool(_source(value)) or "conversation_parts" in keys  # Intercom: people answer next to programs
    said_by = turns_of(value) or []
    directed = 2 * sum("direction" in turn for turn in said_by) > len(said_by)  # then notes have no direction
    for turn in said_by:
        text = _body(turn)
        if not text:
            left_out["turns without text"] += 1
            continue
        if _is_internal(turn) or (directed and "direction" not in turn):
            left_out["internal notes"] += 1
            continue
        said = _turn(turn, text, opener, people)
        said = replace(said, untrained=said.untrained or untrained)
        program = human and any(plain(name) in BOTS for name in said.aliases)
        turns.append(replace(said, untrained=PROGRAM) if program else said)
    turns = _in_order(_staff(turns))
    if first := _opening(value, keys, opener, people, [turn.text for turn in turns]):
        turns.insert(0, first)
    name = next(
        (known for key in IDS if (known := text_in(value_of(value, keys, key)) or name_in(value_of(value, keys, key)))),
        "",
    )
    dates = [time_in(value.get(keys[key])) for key in TIMES if key in keys]
    at = next((time for time in dates if time is not None), turns[-1].at if turns else None)
    unopened = outside and not first and not any(turn.role for turn in turns)
    yield Dialogue(name, tuple(turns), source, iso(at), left_out=left_out, unopened=unopened)


def _keys(value: Json) -> dict[str, str]:
    """The keys by their plain names, without underscores before them: senderName and _sender_name are sender_name."""
    return {plain(key).lstrip("_"): key for key in reversed(list(value)) if isinstance(key, str)}


def people_of(around: Json) -> dict[str, tuple[str, str]]:
    """The name and role of each user that an object lists next to its tickets or turns, by id."""
    found: dict[str, tuple[str, str]] = {}
    for key in ("users", "agents", "contacts", "customers", "people", "members"):
        for one in objects(around.get(key)):
            if one.get("id"):
                role = text_in(one.get("role") or one.get("type"))
                role = role or {"users": "", "people": "", "members": ""}.get(key, key[:-1])
                found[name_in(one["id"])] = (name_in({**one, "id": None}), role)
    return found


def _named_in(value: Json, keys: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The name and role of those whom a ticket names next to their ids: requester_id and requester_name."""
    found: dict[str, tuple[str, str]] = {}
    for word, role in (
        ("requester", "user"),
        ("customer", "user"),
        ("responder", "assistant"),
        ("assignee", "assistant"),
    ):
        person = value_of(value, keys, word)
        name = name_in(value_of(value, keys, f"{word}_name")) or (name_in(person) if isinstance(person, dict) else "")
        if (known := name_in(value_of(value, keys, f"{word}_id"))) and name:
            found[known] = (name, role)
    return found


def _id(value: Any) -> str:
    """The id of a person, or the name if there is no id."""
    if isinstance(value, dict):
        keys = keys_by_name(value)
        words = (keys[word] for word in ("id", "account_id", "email", "login") if word in keys)
        return next((name for key in words if (name := name_in(value[key]))), "") or name_in(value)
    return name_in(value)


def _body(turn: Json) -> str:
    keys = _keys(turn)
    return next((text for key in BODIES if key in keys and (text := plain_text(turn[keys[key]]))), "")


def _is_internal(turn: Json) -> bool:
    """Whether a turn is a note that the customer never sees, or no message at all."""
    keys = _keys(turn)
    if any(SHOWN.fullmatch(key) and turn[keys[key]] in (False, 0, "false", "False", "no") for key in keys):
        return True
    if isinstance(value_of(turn, keys, "visibility"), dict):  # the group that sees it, in Jira
        return True
    if any(flag in keys and turn[keys[flag]] in (True, 1, "true", "True", "yes") for flag in INTERNAL_FLAGS):
        return True
    if "message_type" in keys and turn[keys["message_type"]] == 2:  # what happened, in Chatwoot
        return True
    words = (plain(str(value_of(turn, keys, key) or "")) for key in KINDS)
    return any(part in INTERNAL_WORDS for word in words for part in (word, *word.split("_")))


def _turn(turn: Json, text: str, opener: str, people: Mapping[str, tuple[str, str]]) -> Turn:
    keys = _keys(turn)
    speaker, kind = _speaker(turn, people)
    ids = [_id(turn[keys[key]]) for key in ("author_id", "user_id", "author", "created_by", "from") if key in keys]
    role = _direction(turn, keys) or _role(kind)
    if not role and opener:
        role = (
            "user" if opener in (*ids, speaker) else ("assistant" if "author_id" in keys or "user_id" in keys else "")
        )
    at = next((time for key in TIMES if key in keys and (time := time_in(turn[keys[key]])) is not None), None)
    aliases = tuple(dict.fromkeys(filter(None, (*ids, kind))))
    return Turn(speaker or role, text, role=role, aliases=aliases, at=at, untrained=_untrained(turn))


def _untrained(value: Json) -> str:
    """Why a turn, or the answers of a ticket, must not be trained on, if the file marks it so."""
    return next((str(one) for one in assessments_of(value) if one.meaning == "bad"), "")


def _role(kind: str) -> str:
    return "assistant" if plain(kind) in (*BOTS, "team", "agent", "teammate") else role_word(kind)


def _direction(turn: Json, keys: Mapping[str, str]) -> str:
    """The role that flags for incoming and outgoing turns give."""
    for flags, yes, no in ((INCOMING, "user", "assistant"), (OUTGOING, "assistant", "user")):
        for flag in flags:
            if flag in keys and isinstance(turn[keys[flag]], bool | int):
                return yes if turn[keys[flag]] else no
    if to := TO.fullmatch(plain(str(value_of(turn, keys, "kind") or ""))):
        return "user" if to["asks"] else "assistant"
    kind = value_of(turn, keys, "message_type")
    if kind in (0, 1) and not isinstance(kind, bool):  # Chatwoot
        return "assistant" if kind else "user"
    return role_word(str(value_of(turn, keys, "direction") or ""))


def _speaker(turn: Json, people: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """The name of who speaks, and the word for the kind of speaker."""
    keys = _keys(turn)
    for key in AUTHORS:
        author = value_of(turn, keys, key)
        author = author[0] if isinstance(author, list) and author else author
        if isinstance(author, dict):
            kind = next((text_in(author[word]) for word in ("role", "type", "kind", "t") if author.get(word)), "")
            kind = {"v": "visitor", "a": "agent"}.get(kind, kind)  # in tawk.to
            known = people.get(_id(author), ("", ""))
            return name_in(author) or known[0] or kind, kind or known[1]
    for key in ("author_id", "user_id", "sender_id"):
        if (name := name_in(value_of(turn, keys, key))) and name in people:
            return people[name][0] or name, people[name][1]
    kind = next((text_in(turn[keys[key]]) for key in KINDS_OF_SPEAKER if value_of(turn, keys, key)), "")
    if not kind and role_word(text_in(value_of(turn, keys, "type"))):
        kind = text_in(turn[keys["type"]])
    names = [name for word in NAMES if (name := name_in(value_of(turn, keys, word)))]
    named = next((name for name in names if not role_word(name)), "")
    usual = (name_in(value_of(turn, keys, word)) for word in SPEAKERS)
    return named or next(filter(None, (*names, kind, *usual)), ""), kind or next(filter(role_word, names), "")


def _opening(
    value: Json, keys: Mapping[str, str], opener: str, people: Mapping[str, tuple[str, str]], said: list[str]
) -> Turn | None:
    """The customer's first message, which a ticket has outside its turns."""
    if first := _source(value):
        turn = _turn(first, plain_text(first["body"]), opener, people)
        return replace(turn, role=turn.role or "user") if turn.text not in said[:1] else None
    if not keys.keys() & HAVE_OPENINGS and not any(INCOMING[0] in turn for turn in turns_of(value) or ()):
        return None
    text = _opening_text(value, keys)
    if not text or " ".join(text.split()) in (" ".join(one.split()) for one in said[:1]):
        return None
    openers = (value.get(keys[key]) for key in ("requester", *OPENED_WITH_TEXT) if key in keys)
    given = next((one for one in openers if isinstance(one, dict) and opener in ("", _id(one))), None)
    name = people.get(opener, ("", ""))[0] or name_in(given) or opener or "user"
    return Turn(name, text, role="user", aliases=(opener,) if opener else ())


def _opening_text(value: Json, keys: Mapping[str, str]) -> str:
    return next((text for key in OPENINGS if key in keys and (text := plain_text(value[keys[key]]))), "")


def _staff(turns: list[Turn]) -> list[Turn]:
    """The turns, with "user" as a word for the staff in a ticket that also has a "customer"."""
    kinds = {plain(name) for turn in turns for name in turn.aliases}
    if not kinds & CUSTOMERS or "user" not in kinds or "assistant" in {turn.role for turn in turns}:
        return turns
    return [replace(turn, role="assistant") if "user" in map(plain, turn.aliases) else turn for turn in turns]


def _in_order(turns: list[Turn]) -> list[Turn]:
    """The turns by time, if all have one; equal times keep their order."""
    times = [turn.at for turn in turns]
    if any(at is None for at in times):
        return turns
    return sorted(turns, key=lambda turn: turn.at or 0.0)
