"""Drafts from the mails of an author: the answered message and the reply, or an instruction and the mail."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gradschool.data.encoding import Unreadable
from gradschool.data.language import language_of
from gradschool.prepare.draft import Change, Draft, Sink, id_from, unused
from gradschool.prepare.instructions import Writer, instruction
from gradschool.prepare.mail.authors import Author, author_of
from gradschool.prepare.mail.body import Body, body_of
from gradschool.prepare.mail.headers import Head, Person, head_of
from gradschool.prepare.mail.inserted import has_inserted_answers
from gradschool.prepare.mail.lines import Kind, paragraphs
from gradschool.prepare.mail.mailbox import MAX_MAIL, MessageLocation, message_locations, read_head, read_mail
from gradschool.prepare.mail.mime import parse
from gradschool.prepare.mail.named import people_named
from gradschool.prepare.mail.outlook import outlook_mail
from gradschool.prepare.mail.patterns import is_forward, is_reply, plain_subject
from gradschool.prepare.mail.quotes import SplitMail, split_quotes
from gradschool.prepare.mail.structure import name_parts
from gradschool.prepare.mail.threads import answered, threads
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.recognize import SourceFile
from gradschool.records import Conversation, Message, Note, Progress, Work

REMOVED_KINDS: tuple[Kind, ...] = (
    *("quoted", "attribution", "forwarded", "signature", "disclaimer", "list footer", "app footer"),
)  # fmt: skip
AS_CHANGE = {"quoted": "quoted text"}
PROGRESS_STEP = 500  # mails between two progress events
MACHINE = re.compile(
    r"(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|mailer-daemon|postmaster|notifications?|newsletter|news|bounces?)\b"
)
MAX_CACHED_PARENTS = 2_000  # answered mails whose text is cached


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The headers and locations of all mails, without copies, and their author."""

    locations: list[MessageLocation]
    heads: list[Head]
    author: Author

    @property
    def people(self) -> Iterator[Person]:
        """Everybody whom a header of any mail names; not programs, and not the firms that write to many."""
        for person in dict.fromkeys(
            person
            for head in self.heads
            for person in head.people
            if not (head.bulk and not head.lists and " " not in person[0])
        ):
            if not MACHINE.match(person[1]):
                yield person

    @property
    def lists(self) -> frozenset[str]:
        """The addresses of mailing lists."""
        return frozenset(address for head in self.heads for address in head.lists)


def read_mailboxes(found: Sequence[SourceFile], options: PrepareOptions, sink: Sink) -> Work[Mailbox]:
    """Add a draft for every mail of the author; mails of others serve as the answered messages.

    Headers are read first, then only the necessary mails. Mails that cannot be read are named in a warning.
    """
    box = yield from _index(found, options)
    own = [number for number, head in enumerate(box.heads) if head.sender[1] in box.author.addresses]
    thread_of = threads(box.heads)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for number, root in enumerate(thread_of):
        members[root].append(number)
    by_id = {head.id: number for number, head in reversed(list(enumerate(box.heads))) if head.id}
    reader = _Reader(box)
    writer = Writer(options.writer, sink.add)
    inline = 0
    for done, number in enumerate(own):
        if done % PROGRESS_STEP == 0:
            yield Progress("reading the author's mails", done, len(own), "mails")
        parent = answered(box.heads, number, by_id, members[thread_of[number]])
        draft, asked = reader.draft(number, parent, _group(box.heads[thread_of[number]], thread_of[number]))
        inline += any(change.kind == "inline answers" for change in draft.changes)
        (sink.add if asked else writer.add)(draft)
    writer.flush()
    yield Progress("reading the author's mails", len(own), len(own), "mails")
    if note := writer.note():
        yield note
    return box


def _index(found: Sequence[SourceFile], options: PrepareOptions) -> Work[Mailbox]:
    locations: list[MessageLocation] = []
    heads: list[Head] = []
    seen: dict[str, int] = {}
    copies = 0
    for file in found:
        for location in message_locations(file):
            try:
                head = head_of(outlook_mail(location.path) if location.outlook else parse(read_head(location)))
            except Exception as error:  # whatever is in one mail, the others are read
                yield Note(f"{location.source} is skipped: {_reason(error)}.", "warning")
                continue
            if head.id and head.id in seen:
                copies += 1
                if heads[seen[head.id]].noise and not head.noise:  # a draft, and the mail that it became
                    locations[seen[head.id]], heads[seen[head.id]] = location, head
                continue
            seen[head.id] = len(heads)
            locations.append(location)
            heads.append(head)
            if len(heads) % PROGRESS_STEP == 0:
                yield Progress("reading headers", len(heads), 0, "mails")
    again = f", {copies} of them copies" if copies else ""
    lists = {address for head in heads for address in head.lists}
    heads = [head.without_lists(lists) for head in heads]
    author = author_of(heads, options.authors)
    own = sum(head.sender[1] in author.addresses for head in heads)
    how = "given" if options.authors else "detected; correct with --author"
    yield Note(f"{len(heads) + copies} mails{again}; {own} are by {', '.join(sorted(author.addresses))} ({how}).")
    return Mailbox(locations, heads, author)


def _reason(error: Exception) -> str:
    if isinstance(error, Unreadable):
        return str(error)
    if isinstance(error, OSError):
        return f"the system says: {error.strerror}"
    return f"it cannot be parsed ({type(error).__name__})"


def _group(root: Head, number: int) -> str:
    return id_from("thread", root.id or f"{root.subject} {root.date} {number}")


class _Reader:
    """Reads mails and makes drafts; caches the texts of answered mails, which may have several replies."""

    def __init__(self, box: Mailbox) -> None:
        self.box = box
        self._parents: dict[int, str] = {}
        self._ids: Counter[str] = Counter()

    def draft(self, number: int, parent: int | None, group: str) -> tuple[Draft, bool]:
        """The draft of a mail, and whether its question is an answered message."""
        head, location = self.box.heads[number], self.box.locations[number]
        people = tuple(dict.fromkeys(person for person in head.people if person[1]))
        try:
            body = self._body(location)
            made = split_quotes(body.lines, self._names(head), name_parts(people))
        except Exception as error:  # whatever is in one mail, the others are read
            kind = "not personal" if "invitation" in str(error) else "unreadable"
            empty = (Message("user", head.subject), Message("assistant", ""))
            id_ = self._id(head, location, "")
            return Draft(id_, empty, group, location.source, head.day, people=people).dropped(
                kind, _reason(error)
            ), True
        introduced = [line.text for line, kind in made if kind in ("attribution", "forwarded")]
        people = tuple(dict.fromkeys((*people, *people_named(introduced))))
        language = language_of(made.own)
        question, natural = self._question(head, parent, made, language)
        raw = paragraphs([line.text for line in body.lines])
        messages: Conversation = (Message("user", question), Message("assistant", made.answer))
        draft = Draft(
            id=self._id(head, location, raw),
            messages=messages,
            group=group,
            source=location.source,
            date=head.day,
            changes=_changes(made, body, natural),
            before=(Message("user", question), Message("assistant", raw)) if raw != made.answer else (),
            people=people,
            language=language,
        )
        inserted = has_inserted_answers(made, (head.sender[0], *self.box.author.names))
        return _judged(draft, head, question, inserted), natural

    def _id(self, head: Head, location: MessageLocation, raw: str) -> str:
        return unused(id_from("mail", head.id or f"{head.day} {head.subject} {raw}"), self._ids)

    def _body(self, location: MessageLocation) -> Body:
        if location.outlook:
            return body_of(outlook_mail(location.path))
        content = read_mail(location)
        body = body_of(parse(content))
        if len(content) >= MAX_MAIL:
            more = f"it is longer than {MAX_MAIL >> 20} MB; its end is ignored"
            return Body(body.lines, (*body.notes, more), body.attachments)
        return body

    def _names(self, head: Head) -> list[str]:
        return [word for name in (head.sender[0], *self.box.author.names) for word in name.replace(",", " ").split()]

    def _question(self, head: Head, parent: int | None, made: SplitMail, language: str) -> tuple[str, bool]:
        """The question: the answered message, from its own mail or from the quote; otherwise an instruction."""
        own = parent is not None and self.box.heads[parent].sender[1] in self.box.author.addresses
        quote = "" if is_forward(head.subject) or self._quotes_author(made) else _quoted_text(made, head)
        if parent is not None and not own and (text := self._text_of(parent)):
            # Without a reference the parent is a guess by subject: what is quoted knows better.
            return (text if head.answers or _first_line(quote) in text else quote), True
        if quote and not (own and head.answers):
            return quote, True
        others = [name for name, address in head.recipients if address not in self.box.author.addresses and name]
        named = others[0] if others else ""
        return instruction(plain_subject(head.subject), named, language, reply=is_reply(head.subject)), False

    def _quotes_author(self, made: SplitMail) -> bool:
        """Whether the quoted mail is the author's own, by the line that introduces it."""
        first = next((line.text for line, kind in made if kind == "attribution"), "").casefold()
        author = self.box.author
        return any(address in first for address in author.addresses) or any(
            f" {name.casefold()} " in f" {first.rstrip(':')} " for name in author.names if " " in name
        )

    def _text_of(self, number: int) -> str:
        if number not in self._parents:
            head = self.box.heads[number]
            try:
                text = (
                    ""
                    if head.noise
                    else split_quotes(
                        self._body(self.box.locations[number]).lines, head.sender[0].split(), name_parts(head.people)
                    ).own
                )
            except Exception:  # its own draft says why, if it is the author's
                text = ""
            if len(self._parents) >= MAX_CACHED_PARENTS:
                self._parents.pop(next(iter(self._parents)))
            self._parents[number] = text
        return self._parents[number]


def _quoted_text(made: SplitMail, head: Head) -> str:
    """The own text of the quoted mail; empty without one.

    Some programs put the line that introduces a quote inside it, so that all of the quote seems to be a quoted mail.
    """
    people = name_parts(head.people)
    inner = split_quotes(made.quoted, people=people)
    if not inner.own and inner.begins_with("attribution"):
        inner = split_quotes(inner.quoted, people=people)
    return inner.own


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:40].strip()


def _changes(made: SplitMail, body: Body, natural: bool) -> tuple[Change, ...]:
    changes = [Change(AS_CHANGE.get(kind, kind), text) for kind in REMOVED_KINDS if (text := made.removed(kind))]
    if natural and made.inline:
        changes.append(Change("inline answers", "answers between quoted lines keep the lines that they answer"))
    return (*changes, *(Change("encoding", note) for note in body.notes))


def _judged(draft: Draft, head: Head, question: str, inserted: bool) -> Draft:
    if head.noise:
        return draft.dropped("not personal", head.noise)
    if not draft.ideal.strip():
        what = "only a forward" if is_forward(head.subject) else "nothing is left without quotes and signature"
        return draft.dropped("no own text", what)
    if inserted:
        return draft.dropped("inserted answers", "its answers are in the text of the quoted mail, without a mark")
    return draft if question.strip() else replace(draft, asking="title")
