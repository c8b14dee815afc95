"""report.md: what a preparation found, what it did, what it left out and why, for a person to read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradschool.data.leakage import Leak
from gradschool.data.private import PrivateKind
from gradschool.prepare.clean import Repeated
from gradschool.prepare.guidelines import SHOWN, Guideline
from gradschool.prepare.options import Mode
from gradschool.prepare.recognise import DESCRIPTIONS, SourceFile

MEANS = {  # what each kind of change, remark or reason says
    "quoted text": "older mails quoted in a mail were cut",
    "attribution": "the line before a quote (“On … wrote:”), or the headers of an older mail, were cut",
    "forwarded": "a forwarded mail was cut",
    "signature": "name, firm and numbers below a mail were cut; the closing formula and the name stay",
    "disclaimer": "a notice of confidentiality, of a virus scanner or the like was cut",
    "list footer": "the footer of a mailing list was cut",
    "app footer": "the line of a mail program (“Sent from my …”) was cut",
    "encoding": "characters that were damaged, or of another charset than was said",
    "joined turns": "several turns of one speaker in a row became one",
    "open end": "what nobody answered was left out",
    "inline answers": "answers between quoted lines were joined",
    "repeated wording": "a paragraph that many answers share was cut, as you decided",
    "private data": "private data was replaced by pseudonyms, or the example dropped for it",
    "looks cut off": "the answer seems to lack its end",
    "contradicting": "the same question has another answer elsewhere",
    "unusual length": "the answer is far longer or shorter than the others",
    "not a letter": "automatic replies, invitations, drafts, reports about deliveries",
    "no own text": "nothing is left when quotes, forwards and signatures are cut",
    "unreadable": "it cannot be read",
    "empty": "question or answer are empty, or nothing asks for the text",
    "no answer": "the agent says nothing in it",
    "duplicate": "the same question and answer stand elsewhere",
    "near-duplicate": "nearly the same question and answer stand elsewhere",
    "wrong language": "it is in a language that hardly any other has",
    "by decision": "you decided so in review.jsonl",
}


@dataclass(slots=True)
class Summary:
    """Counts of a whole preparation."""

    sources: list[SourceFile] = field(default_factory=list)
    read: int = 0
    kept: int = 0
    groups: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    private: Counter[PrivateKind] = field(default_factory=Counter)  # pieces by kind
    private_values: Counter[PrivateKind] = field(default_factory=Counter)  # different ones
    modes: dict[PrivateKind, Mode] = field(default_factory=dict)
    languages: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] | None = None
    repeated: list[Repeated] = field(default_factory=list)
    words: int = 0
    author: str = ""
    decisions: int = 0
    lost_decisions: int = 0
    documents: int = 0
    split: dict[str, int] = field(default_factory=dict)
    split_note: str = ""
    leaks: list[Leak] = field(default_factory=list)
    document_leaks: list[Leak] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The counts as plain values."""
        return {
            "read": self.read,
            "kept": self.kept,
            "groups": self.groups,
            "dropped": dict(self.dropped.most_common()),
            "changed": dict(self.changed.most_common()),
            "private": dict(self.private.most_common()),
            "private_values": dict(self.private_values.most_common()),
            "languages": {language or "unknown": count for language, count in self.languages.most_common()},
            "mean_words": round(self.words / self.kept, 1) if self.kept else 0,
            "decisions": self.decisions,
            "documents": self.documents,
            "split": self.split,
            "leaks": dict(Counter(leak.kind for leak in self.leaks)),
            "leaks_from_documents": len(self.document_leaks),
        }


def report_page(summary: Summary, guidelines: Sequence[Guideline], folder: Path, purpose: str) -> str:
    """The whole report as Markdown."""
    parts = [
        f"# What was prepared: {folder.name}",
        f"For the purpose *{purpose}*: {summary.kept:,} examples in {summary.groups:,} groups, out of {summary.read:,} "
        f"items; {summary.words / max(summary.kept, 1):.0f} words to an answer in the mean.",
        _sources(summary),
        _table("Left out", summary.dropped, summary.read),
        _table("Changed or noticed", summary.changed, summary.read),
        _private(summary),
        _languages(summary),
        _labels(summary),
        _repeated(summary.repeated),
        _rules(guidelines),
        _split(summary),
        _next(summary, folder),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sources(summary: Summary) -> str:
    counts = Counter(found.kind for found in summary.sources)
    lines = [f"- {DESCRIPTIONS[kind]}: {count}" for kind, count in counts.most_common()]
    if summary.author:
        lines.append(f"- the author: {summary.author}")
    if summary.documents:
        lines.append(f"- documents to look facts up in: {summary.documents}, copied into `documents/`")
    if summary.decisions:
        gone = f"; {summary.lost_decisions} of them name what is no longer there" if summary.lost_decisions else ""
        lines.append(f"- decisions in review.jsonl that were followed: {summary.decisions}{gone}")
    return "## Sources\n\n" + "\n".join(lines)


def _table(title: str, counts: Counter[str], total: int) -> str:
    if not counts:
        return ""
    lines = [
        f"| {kind} | {count:,} | {count / max(total, 1):.1%} | {MEANS.get(kind, '')} |"
        for kind, count in counts.most_common()
    ]
    return f"## {title}\n\n| what | items | share | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(lines)


def _private(summary: Summary) -> str:
    if not summary.private:
        return "## Private data\n\nNone was found. Names are known only where headers or speakers tell them."
    done = {"pseudonyms": "replaced by pseudonyms", "drop": "its examples were left out", "keep": "kept"}
    lines = [
        f"| {kind} | {count:,} | {summary.private_values[kind]:,} | {done[summary.modes[kind]]} |"
        for kind, count in summary.private.most_common()
    ]
    return (
        "## Private data\n\n| kind | places | different ones | what was done |\n| --- | --- | --- | --- |\n"
        + "\n".join(lines)
        + "\n\nWhat each pseudonym stands for is in `private/pseudonyms.json`, which belongs to nobody but you; "
        "`review.jsonl` holds the texts as they were. Neither goes into a package. No search finds everything: read a "
        "few examples before you give a specialist away."
    )


def _languages(summary: Summary) -> str:
    known = {language: count for language, count in summary.languages.items() if language}
    if len(known) < 2:
        return ""
    told = ", ".join(f"{language} {count:,}" for language, count in Counter(known).most_common(8))
    return f"## Languages\n\n{told}. `--language` says which to keep."


def _labels(summary: Summary) -> str:
    if not summary.labels or len(summary.labels) < 2:
        return ""
    most, least = summary.labels.most_common(1)[0], summary.labels.most_common()[-1]
    total = sum(summary.labels.values())
    rare = sum(count < 3 for count in summary.labels.values())
    text = (
        f"## Labels\n\n{len(summary.labels)} labels; the most frequent is {most[0]!r} ({most[1]:,}, "
        f"{most[1] / total:.0%}: what always saying it would score), the least frequent {least[0]!r} ({least[1]})."
    )
    return text + (f" {rare} have under 3 examples, too few to learn and test." if rare else "")


def _repeated(repeated: Sequence[Repeated]) -> str:
    if not repeated:
        return ""
    lines = [f"- {one.times:,} times: {_line(one.text)}" for one in repeated]
    return (
        "## Wording that many answers share\n\nWhere it is manner, leave it. Where it is a form's text, write "
        "`drop` as the decision of its row in review.jsonl, and it is cut everywhere.\n\n" + "\n".join(lines)
    )


def _rules(guidelines: Sequence[Guideline]) -> str:
    if not guidelines:
        return ""
    parts = ["## Rules from the guidelines"]
    for one in guidelines:
        if one.rule is None:
            continue
        share = f" {one.kept:.0%} of the agent's own answers keep it." if one.kept is not None else ""
        made = {side: " (made up)" if side in one.made_up else "" for side in ("obeys", "breaks")}
        parts.append(
            f"**{one.rule.name}** (line {one.line}: “{_line(one.sentence)}”).{share}\n\n"
            f"- obeys{made['obeys']}: {_line(one.obeys)}\n- breaks{made['breaks']}: {_line(one.breaks)}"
        )
        if one.kept is not None and one.kept < 0.5:
            parts.append("Most of the agent's own answers break this rule: either it or the examples are not meant so.")
    rest = [f"- line {one.line}: {_line(one.sentence)}" for one in guidelines if one.rule is None]
    if rest:
        parts.append("No script can check these; they stand in the instructions alone:\n\n" + "\n".join(rest))
    return "\n\n".join(parts)


def _split(summary: Summary) -> str:
    if summary.split_note and not summary.split:
        return f"## Split\n\n{summary.split_note}"
    if not summary.split:
        return ""
    told = ", ".join(f"{count:,} {part}" for part, count in summary.split.items())
    parts = [f"## Split\n\nWith the job as it is: {told}. {summary.split_note}".strip()]
    if summary.leaks:
        counts = Counter(str(leak.kind) for leak in summary.leaks)
        parts.append("Between what is learnt and what is kept from learning: " + _listed(counts) + ".")
        parts.append("\n".join(f"- {leak.id} and {leak.other}: {leak.kind}" for leak in summary.leaks[:10]))
    else:
        parts.append("No leak was found between them: no same or nearly the same question, no long common wording.")
    if summary.document_leaks:
        count = len(summary.document_leaks)
        parts.append(f"{count} answers of the test share long wording with a document: fine where the job looks it up.")
    return "\n\n".join(parts)


def _next(summary: Summary, folder: Path) -> str:
    return (
        "## Next\n\n"
        "1. Read `review.jsonl`; write `keep`, `drop` or `edit` as a row's decision, and prepare again. An example "
        'that stands in no row is dropped by a row of your own: `{"item": "ID", "decision": "drop"}`.\n'
        "2. Set the pass mark in `job.toml`, and say the task as you would to a person.\n"
        f"3. `gradschool check {folder}`, then `gradschool climb {folder}`."
    )


def _line(text: str, most: int = SHOWN) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= most else line[: most - 1] + "…"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counts.items())
