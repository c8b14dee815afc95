"""An author's mails as pairs: who the author is, what a reply answers, and which mails are skipped."""

from collections.abc import Callable
from typing import Any

import pytest

from gradschool.errors import DataError
from gradschool.model.fake import FakeEngine
from gradschool.prepare.draft import Draft
from gradschool.prepare.instructions import Writer, instruction
from gradschool.prepare.mail.authors import author_of
from gradschool.prepare.mail.headers import head_of
from gradschool.prepare.mail.mime import parse
from gradschool.prepare.mail.patterns import plain_subject
from gradschool.prepare.mail.threads import threads
from gradschool.records import Message, Note, Source
from mails import ANNA, TOM, mail, mbox

Run = Callable[..., Any]
LONG = "The boat is at the yard, and the mast is off. "
FORWARD = "---------- Forwarded message ---------\nFrom: x <x@example.org>\nSubject: y\n\nz"
QUOTED = "\n\nAnna\n\nOn 1 Jan 2020 at 09:00, Tom wrote:\n> When do we sail?"


def box(*more: bytes) -> bytes:
    """Tom asks, Anna answers; Anna writes on her own; twice over, so that her mailbox is plainly hers."""
    return mbox(
        mail("When do we sail?", TOM, ANNA, "sailing", "1"),
        mail(
            LONG + QUOTED,
            subject="Re: sailing",
            id_="2",
            answers="1",
            day=2,
        ),
        mail(LONG + "Paint it green.\n\nAnna", to="Ida Berg <ida@example.com>", subject="the hull", id_="3", day=3),
        *more,
    )


def test_a_reply_is_paired_with_what_it_answers_and_others_with_their_subject(run: Run, rows: Any) -> None:
    prepared, _ = run({"box.mbox": box()}, "style", authors=("anna@example.org",))
    first, second = rows("examples.jsonl")
    assert first["prompt"] == "When do we sail?" and first["completion"] == LONG.strip() + "\n\nAnna"
    assert second["prompt"].startswith("Write to ") and second["prompt"].endswith(": the hull")
    assert first["source"] == "box.mbox:11" and first["date"].startswith("2020-01-02")
    assert first["group"] != second["group"] and prepared.summary.kept == 2


def test_the_quoted_mail_is_the_question_if_the_mailbox_lacks_it(run: Run, rows: Any) -> None:
    text = "Green.\n\nFrom: Tom Reed\nSent: 1 May 2020\nTo: Anna\nSubject: paint\n\nWhich colour?"
    reply = mail(text, subject="Re: paint", id_="9")
    run({"box.mbox": box(reply)}, "style", authors=("anna@example.org",))
    assert {"prompt": "Which colour?", "completion": "Green."}.items() <= rows("examples.jsonl")[-1].items()


LISTED = "knots@lists.example"


def test_the_quote_is_the_question_if_only_an_older_mail_of_the_thread_is_there(run: Run, rows: Any) -> None:
    older = mail("Who sells rope?", "Mira Tan <mira@x.example>", LISTED, "rope", "r1", day=4)
    sent = mail("The chandler.\n\nAnna", to=LISTED, subject="Re: rope", id_="r2", answers="r1", day=5)
    quote = "> The chandler has closed. Who else?"
    late = mail(f"Mira Tan wrote:\n{quote}\n\nNobody.\n\nAnna", to=LISTED, subject="Re: rope", id_="r4", day=6,
                References="<r1> <r2> <r3>")  # fmt: skip
    run({"box.mbox": box(older, sent, late)}, "style", authors=("anna@example.org",))
    assert [row["prompt"] for row in rows("examples.jsonl")[-2:]] == [
        "Who sells rope?", "The chandler has closed. Who else?"
    ]  # fmt: skip


def test_a_reply_to_the_own_mail_is_not_paired_with_it(run: Run, rows: Any) -> None:
    text = "And bring rope.\n\nOn 2 Jan 2020, Anna Keller <anna@example.org> wrote:\n> Come at ten."
    run(
        {"box.mbox": box(mail(text, subject="Re: ten", id_="9", answers="gone"))},
        "style",
        authors=("anna@example.org",),
    )
    assert "Come at ten" not in rows("examples.jsonl")[-1]["prompt"]


def test_a_draft_with_the_id_of_the_sent_mail_does_not_hide_it(run: Run, rows: Any) -> None:
    draft = mail("half a sen", id_="20", day=7, X_Gmail_Labels="Borradores")
    run({"box.mbox": box(draft, mail("A whole sentence.", id_="20", day=7))}, "style", authors=("anna@example.org",))
    assert rows("examples.jsonl")[-1]["completion"] == "A whole sentence."


def test_every_name_in_a_header_is_replaced_and_a_list_is_nobody(run: Run, rows: Any) -> None:
    other = mail("Hello all.", "Mira Tan <mira@x.example>", f"Knots <{LISTED}>", "hi", "40", day=4,
                 Cc="Ngozi Obi <ngozi@x.example>", Reply_To="Sven Dahl <sven@x.example>")  # fmt: skip
    text = f"Dear Mira, Ngozi Obi and Mr Dahl are here too; write to {LISTED}.\n\nAnna"
    run({"box.mbox": box(other, mail(text, to=LISTED, subject="tea", id_="41", day=5))}, "style",
        authors=("anna@example.org",))  # fmt: skip
    last = rows("examples.jsonl")[-1]
    for name in ("Mira", "Ngozi", "Obi", "Dahl", "lists.example"):
        assert name not in last["completion"]
    assert (
        "write to list-" in last["completion"] and last["completion"].endswith("Anna") and "Knots" not in last["prompt"]
    )


def test_names_that_only_the_texts_have_are_replaced_in_the_whole_folder(run: Run, rows: Any) -> None:
    desk, sam = "claims <claims@quay.example>", "Sam Okoro <sam@example.org>"
    ask = "Where is the policy? Ask Walker, the clerk.\n\nDenise at Quay Mutual"
    reply = "Dear Denise Walker,\n\nthe walker had it; ask Ms Walker or Mira.\n\nBest\nSam\ncc Mira at Quay Mutual"
    plain = "Dear Customer,\n\nboth members of the team came."
    mails = [mail(ask, desk, sam, "policy", "1"), mail(reply, sam, desk, "Re: policy", "2", "1", day=2),
             mail("Hi both,\n\nDenise paid.\n\nThanks Jorin!\nSam", sam, desk, "fees", "3", day=3),
             mail(f"{plain}\n\nSam", sam, desk, "tea", "4", day=4)]  # fmt: skip
    run({"box.mbox": mbox(*mails)}, "style", authors=("sam@example.org",))
    first, second, third = rows("examples.jsonl")
    given, family = first["completion"].partition(",")[0].removeprefix("Dear ").split()
    assert first["prompt"] == f"Where is the policy? Ask {family}, the clerk.\n\n{given} at Quay Mutual"
    assert f"the walker had it; ask Ms {family} or " in first["completion"] and "Mira" not in first["completion"]
    assert second["completion"].startswith(f"Hi both,\n\n{given} paid.\n\nThanks ")
    assert second["completion"].endswith("!\nSam") and "Jorin" not in second["completion"]
    assert third["completion"] == f"{plain}\n\nSam"


def test_a_correspondent_who_is_thanked_at_the_end_is_not_the_author(run: Run, rows: Any) -> None:
    run({"box.mbox": mbox(*(mail(f"Bring {what}.\n\nThanks Tom!", id_=what) for what in ("rope", "tar", "oil")))},
        "style", authors=("anna@example.org",))  # fmt: skip
    assert all("Thanks" in row["completion"] and "Tom" not in row["completion"] for row in rows("examples.jsonl"))


def test_mail_that_is_not_personal_is_in_the_review_with_its_reason(run: Run, rows: Any) -> None:
    more = (
        mail("I am away.", subject="Re: x", id_="4", Auto_Submitted="auto-replied", day=4),
        mail(FORWARD, subject="Fwd: y", id_="5", day=5),
        mail("I shall come.", subject="Accepted: tea", id_="6", day=6),
        mail("x", id_="7", day=7, Content_Type="application/pkcs7-mime"),
        mail("sailing", id_="2", day=8),  # the same mail once more
    )
    prepared, events = run({"box.mbox": box(*more)}, "style", authors=("anna@example.org",))
    assert prepared.summary.kept == 2
    why = {
        row["why"][0]["kind"]: row["why"][0]["text"] for row in rows("review.jsonl") if row.get("action") == "dropped"
    }
    assert why.keys() == {"not personal", "no own text", "unreadable"} and "encrypted" in why["unreadable"]
    assert any("1 of them copies" in event.text for event in events if isinstance(event, Note))


def heads(*mails: bytes) -> list[Any]:
    return [head_of(parse(one)) for one in mails]


def test_the_author_is_the_most_frequent_participant() -> None:
    others = [f"P{number} <p{number}@example.org>" for number in range(8)]
    mails = [mail("x", ANNA, other) for other in others[:4]] + [mail("x", other, ANNA) for other in others[4:]]
    found = author_of(heads(*mails), ())
    assert found.addresses == {"anna@example.org"} and found.name == "Anna Keller"
    other_address = mail("x", "Anna Keller <a.keller@example.com>", TOM)
    assert author_of(heads(*mails, other_address), ()).addresses == {"anna@example.org", "a.keller@example.com"}


def test_an_ambiguous_author_is_an_error() -> None:
    lonely = heads(*[mail("x", f"P{n} <p{n}@example.org>", f"Q{n} <q{n}@example.org>") for n in range(6)])
    with pytest.raises(DataError, match=r"(?s)owner of this mailbox.*--author"):
        author_of(lonely, ())
    with pytest.raises(DataError, match=r"No mail was sent from nobody@example\.org"):
        author_of(lonely, ["nobody@example.org"])
    assert author_of(lonely, ["P1@example.org"]).addresses == {"p1@example.org"}


def test_threads_follow_references_or_else_subjects() -> None:
    made = heads(
        mail("a", subject="boat", id_="1"),
        mail("b", TOM, ANNA, "Re: boat", "2", "1", day=2),
        mail("c", ANNA, TOM, "AW: Boat", "3", day=3),  # no reference
        mail("d", "Eve <eve@example.org>", "Max <max@example.org>", "Re: boat", "4", day=4),  # other people
        mail("e", subject="boat", id_="5", day=5),  # no reply
    )
    root = threads(made)
    assert root[0] == root[1] == root[2] and len({root[0], root[3], root[4]}) == 3


@pytest.mark.parametrize(
    "subject, plain",
    [("Re: AW: Fwd: the boat", "the boat"), ("RE[2]: x", "x"), ("Réf: y", "y"), ("Reading: z", "Reading: z")],
)
def test_prefixes_of_subjects_are_removed(subject: str, plain: str) -> None:
    assert plain_subject(subject) == plain


def test_instructions_are_in_the_language_of_the_text() -> None:
    assert instruction("das Boot", "Ida", "de") == "Schreib an Ida: das Boot"
    assert instruction("", "Ida", "xx") == "Write to Ida"
    assert instruction("", "", "en") == "" and instruction("", "Ida", "en", mail=False) == ""


def test_instructions_by_an_engine_that_quote_the_text_are_not_used() -> None:
    kept: list[Draft] = []
    items = [
        Draft(str(n), (Message("user", "subject"), Message("assistant", text)), str(n), Source("a", n))
        for n, text in enumerate(["the mast is off and the boat is at the yard", "come on Sunday"])
    ]
    retold = "Tell him that the mast is off and the boat is at the yard"
    engine = FakeEngine(lambda said: retold if "mast" in said[-1].content else "Invite him for the weekend")
    writer = Writer(engine, kept.append)
    for draft in items:
        writer.add(draft)
    writer.flush()
    assert [draft.messages[0].content for draft in kept] == ["subject", "Invite him for the weekend"]
    assert (writer.written, writer.failed) == (1, 1)


def test_a_writer_is_used_only_for_texts_that_are_no_replies(run: Run, rows: Any) -> None:
    asked: list[str] = []

    def answer(conversation: Any) -> str:
        asked.append(conversation[-1].content)
        return "Tell Ida what colour the hull should be."

    run({"box.mbox": box()}, "style", authors=("anna@example.org",), writer=FakeEngine(answer))
    assert len(asked) == 1 and "Paint it green" in asked[0]
    assert rows("examples.jsonl")[1]["prompt"].startswith("Tell ")


def test_a_broken_mail_affects_no_other(run: Run, rows: Any) -> None:
    broken = b"From: Anna Keller <anna@example.org>\nSubject: =?utf-8?b?////?=\n"
    broken += b"Content-Type: multipart/mixed; boundary=\n\n\xff\xfe\0 broken"
    prepared, _ = run(
        {"box.mbox": box(broken, mail("fine and well", id_="11", day=9))}, "style", authors=("anna@example.org",)
    )
    assert prepared.summary.read == 4 and any(row["completion"] == "fine and well" for row in rows("examples.jsonl"))


HOSTILE = {
    "charset": mail("One.", id_="h1", Content_Type="text/plain; charset=undefined"),
    "null": mail("Two.", id_="h2", Content_Type="text/plain; charset=ut\0f-8"),
    "brackets": mail("Three.", id_="h3", Cc="=?utf-8?q?x?= " + "(" * 3_000),
    "header": mail("Four.", id_="h4", subject="=?utf-8?q?=41?= " * 60_000),
    "delimiters": mail("Five.\n\n" + "-- \n" * 30_000, id_="h5"),
    "attributions": mail("Six.\n\n" + "Ann wrote:\n\n" * 5_000, id_="h6"),
    "sentences": mail("Seven.\n\n" + "On 1 Jan 2024 at 10:00, Ann <ann@x.example> wrote\n" * 2_000, id_="h7"),
    "footers": mail("Eight.\n\n" + "Sent from my phone\n" * 2_000, id_="h8"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_mail_ends_nothing(run: Run, rows: Any, kind: str) -> None:
    prepared, _ = run({"box.mbox": box(HOSTILE[kind])}, "style", authors=("anna@example.org",))
    assert sum(LONG.strip() in row["completion"] for row in rows("examples.jsonl")) == 2
    assert prepared.summary.read == 3


def test_a_quote_that_begins_with_its_attribution_is_the_question(run: Run, rows: Any) -> None:
    quote = "> On 1 May 2020, at 10:00, Tom Reed <tom@example.net> wrote:\n>\n> Which colour?"
    reply = mail(f"Green.\n\n{quote}", subject="Re: paint", id_="9")
    run({"box.mbox": box(reply)}, "style", authors=("anna@example.org",))
    assert {"prompt": "Which colour?", "completion": "Green."}.items() <= rows("examples.jsonl")[-1].items()
