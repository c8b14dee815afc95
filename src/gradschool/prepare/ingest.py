"""Take drafts from readers: apply the user's decisions, repair characters, detect languages, and register people."""

from collections import Counter
from dataclasses import replace

from gradschool.data.language import language_of
from gradschool.data.mojibake import fix_text
from gradschool.prepare.called import addressed, copied, signed
from gradschool.prepare.draft import Draft, Spool
from gradschool.prepare.people import People
from gradschool.prepare.review import Decisions, decided
from gradschool.records import Message

MAX_GREETING = 6  # words of a line with a greeting above a long text
USUAL_SIGNATURE = 0.2  # fraction of the signed answers from which a name is the author's


class Ingest:
    """Takes drafts from readers: applies decisions, repairs characters, detects languages, registers people.

    `of_author` is false for texts of others, whose names are not those of the author.
    """

    def __init__(self, spool: Spool, decisions: Decisions, people: People, *, of_author: bool = True) -> None:
        self.spool, self.decisions, self.people, self.of_author = spool, decisions, people, of_author
        self._called: dict[str, None] = {}  # names in greetings and signatures
        self._authors: Counter[str] = Counter()  # names with which the answers are signed

    def add(self, draft: Draft) -> None:
        """Add a draft to the spool."""
        decision = self.decisions.items.get(draft.id)
        draft = decided(draft, decision)
        if decision is None or decision.word == "drop":
            repaired = tuple(Message(message.role, fix_text(message.content)) for message in draft.messages)
            draft = draft.changed("encoding", "characters with a wrong encoding were repaired", repaired)
            others, rejected = (tuple(map(fix_text, texts)) for texts in (draft.other_answers, draft.rejected))
            draft = replace(draft, other_answers=others, rejected=rejected)
        if not draft.language:
            longer = draft.ideal if len(draft.ideal) >= len(draft.asked) else draft.asked
            draft = replace(draft, language=language_of(longer))
        self.people.register(draft.people)
        self.spool.add(self._with_called(draft))

    def _with_called(self, draft: Draft) -> Draft:
        """The draft with those among its people whom its messages name; their names may be ordinary words.

        A passage of a longer text begins and ends anywhere: only a first line of the text itself may be a greeting.
        """
        if draft.part:
            line = draft.ideal.lstrip().partition("\n")[0] if draft.part == 1 else ""
            greeted = dict.fromkeys(addressed(line) if len(line.split()) <= MAX_GREETING else ())
            self._called |= greeted
            return replace(draft, people=(*draft.people, *((name, "") for name in greeted)))
        written = list(signed(draft.ideal))
        named = dict.fromkeys(name for message in draft.messages for name in addressed(message.content))
        named |= dict.fromkeys(name for message in draft.messages[:-1] for name in signed(message.content))
        named |= dict.fromkeys(name for change in draft.changes if change.kind == "signature"
                               for name in copied(change.text))  # fmt: skip
        self._called |= named
        self._authors.update(written)
        return replace(draft, people=(*draft.people, *((name, "") for name in (*named, *written))))

    def register_called(self, *, by_author: bool) -> None:
        """Add the people whom messages greet and who sign them, after all who are named elsewhere.

        `by_author`: the answers are one author's, whose usual signature is never replaced.
        """
        usual = self._authors.total() * USUAL_SIGNATURE
        frequent = (name for name, count in self._authors.items() if by_author and count >= usual)
        own = {name for name in frequent if not self.people.has_address(name)}  # "Thanks Jorin!" is to a correspondent
        self.people.keep_names(own)
        self.people.register_called(name for name in (*self._called, *self._authors) if name not in own)
