"""report.md: what a preparation found, changed and dropped, and why."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradschool.data.leakage import Leak
from gradschool.data.private import PrivateKind
from gradschool.prepare.analysis import Repeated
from gradschool.prepare.guidelines import SHOWN, Guideline
from gradschool.prepare.options import Mode
from gradschool.prepare.recognize import DESCRIPTIONS, SourceFile
from gradschool.visible import visible

MEANS = {  # the meaning of each kind of change, note or reason
    "quoted text": "quoted older mails were removed",
    "attribution": "the line before a quote (“On … wrote:”), or the headers of an older mail, were removed",
    "forwarded": "a forwarded mail was removed",
    "signature": "name, company and contact details at the end were removed; closing formula and name stay",
    "disclaimer": "a notice of confidentiality, of a virus scanner or the like was removed",
    "list footer": "the footer of a mailing list was removed",
    "app footer": "the line of a mail program (“Sent from my …”) was removed",
    "encoding": "characters with a wrong encoding or charset were repaired",
    "unwrapped": "line breaks within paragraphs were removed, because the text was wrapped to a width",
    "joined turns": "consecutive turns of one speaker were joined",
    "shortened history": "an example shows at most 40 messages and 8,000 characters before its answer",
    "not to train on": "its source marks the answer (rated bad, weight 0), or another agent or a program wrote it",
    "open end": "turns after the last answer were removed",
    "inline answers": "answers between quoted lines were joined",
    "repeated wording": "a common paragraph was removed, as you decided",
    "private data": "private data was replaced by pseudonyms, or the example was dropped for it",
    "looks cut off": "the answer looks truncated",
    "contradicting": "the same question has a different answer elsewhere",
    "unusual length": "the answer is far longer or shorter than the others",
    "not personal": "automatic replies, invitations, unsent drafts, delivery reports",
    "inserted answers": "the answers are in the text of the quoted mail, and cannot be distinguished from it",
    "no own text": "nothing is left without quotes, forwards and signatures",
    "unreadable": "it cannot be read",
    "empty": "question or answer is empty",
    "no title": "the instruction names words of the text, because there is no title or subject",
    "no answer": "the agent never answers in it",
    "marked as bad": "a label, a weight or a rating in the data marks the answer as bad",
    "duplicate": "another example has the same question and answer",
    "near-duplicate": "another example has nearly the same question and answer",
    "wrong language": "it is in a language that few examples have",
    "by decision": "you decided so in review.jsonl",
}


@dataclass(slots=True)
class Summary:
    """Counts of a preparation."""

    sources: list[SourceFile] = field(default_factory=list)
    read: int = 0
    kept: int = 0
    groups: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    private: Counter[PrivateKind] = field(default_factory=Counter)  # occurrences by kind
    private_values: Counter[PrivateKind] = field(default_factory=Counter)  # distinct values by kind
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
    obstacles: list[str] = field(default_factory=list)  # why the job cannot be climbed
    lacks: str = ""  # what the metric may lack
    foreseen: list[str] = field(default_factory=list)  # what would keep a climb from a pass
    kept_languages: Counter[str] = field(default_factory=Counter)  # of the examples
    too_long: int = 0  # examples that the base cannot read
    pairs: int = 0  # of a good and a bad answer to the same question
    others: dict[str, int] | None = None  # texts of other authors, for a style
    leaks: list[Leak] = field(default_factory=list)
    document_leaks: list[Leak] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The counts as JSON values."""
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
            "obstacles": self.obstacles,
            "foreseen": self.foreseen,
            "too_long": self.too_long,
            "others": self.others,
            "pairs": self.pairs,
            "leaks": dict(Counter(leak.kind for leak in self.leaks)),
            "leaks_from_documents": len(self.document_leaks),
        }


def report_page(summary: Summary, guidelines: Sequence[Guideline], folder: Path, purpose: str) -> str:
    """The report as Markdown."""
    parts = [
        f"# Preparation of {folder.name}",
        f"For the purpose *{purpose}*: {summary.kept:,} examples in {summary.groups:,} groups, from {summary.read:,} "
        f"drafts; {summary.words / max(summary.kept, 1):.0f} words per answer on average.",
        _sources(summary),
        _table("Dropped", summary.dropped, summary.read),
        _table("Changes and notes", summary.changed, summary.read),
        _private(summary),
        _languages(summary),
        _labels(summary),
        _others(summary),
        _pairs(summary),
        _repeated(summary.repeated),
        _rules(guidelines),
        _split(summary),
        _next(summary, folder),
    ]
    return visible("\n\n".join(part for part in parts if part)) + "\n"


def _sources(summary: Summary) -> str:
    counts = Counter(found.kind for found in summary.sources)
    lines = [f"- {DESCRIPTIONS[kind]}: {count}" for kind, count in counts.most_common()]
    if summary.author:
        lines.append(f"- the author: {summary.author}")
    if summary.documents:
        lines.append(f"- documents for the ground rung: {summary.documents}, copied into `documents/`")
    if summary.decisions:
        gone = f"; {summary.lost_decisions} of them without an object" if summary.lost_decisions else ""
        lines.append(f"- decisions in review.jsonl that were applied: {summary.decisions}{gone}")
    return "## Sources\n\n" + "\n".join(lines)


def _table(title: str, counts: Counter[str], total: int) -> str:
    if not counts:
        return ""
    lines = [
        f"| {kind} | {count:,} | {count / max(total, 1):.1%} | {MEANS.get(kind, '')} |"
        for kind, count in counts.most_common()
    ]
    return f"## {title}\n\n| kind | drafts | fraction | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(lines)


def _private(summary: Summary) -> str:
    if not summary.private:
        return "## Private data\n\nNone was found. Names are known only from mail headers and speakers."
    done = {"pseudonyms": "replaced by pseudonyms", "drop": "its examples were dropped", "keep": "kept"}
    lines = [
        f"| {kind} | {count:,} | {summary.private_values[kind]:,} | {done[summary.modes[kind]]} |"
        for kind, count in summary.private.most_common()
    ]
    return (
        "## Private data\n\n| kind | occurrences | distinct values | treatment |\n| --- | --- | --- | --- |\n"
        + "\n".join(lines)
        + "\n\n`private/pseudonyms.json` has the original of each pseudonym; keep it to yourself. "
        "`review.jsonl` has the original texts. Neither file becomes part of a package. Detection is never complete: "
        "read some examples before you share a specialist."
    )


def _languages(summary: Summary) -> str:
    known = {language: count for language, count in summary.languages.items() if language}
    if len(known) < 2:
        return ""
    listed = ", ".join(f"{language} {count:,}" for language, count in Counter(known).most_common(8))
    return f"## Languages\n\n{listed}. `--language` selects the ones to keep."


def _labels(summary: Summary) -> str:
    if not summary.labels or len(summary.labels) < 2:
        return ""
    most, least = summary.labels.most_common(1)[0], summary.labels.most_common()[-1]
    total = sum(summary.labels.values())
    rare = sum(count < 3 for count in summary.labels.values())
    text = (
        f"## Labels\n\n{len(summary.labels)} labels; the most frequent is {most[0]!r} ({most[1]:,}, "
        f"{most[1] / total:.0%}, the score of always predicting it), the least frequent {least[0]!r} ({least[1]})."
    )
    return text + (f" {rare} have under 3 examples, too few to train and test." if rare else "")


def _others(summary: Summary) -> str:
    if summary.others is None:
        return ""
    count = summary.others
    return (
        "## Texts of other authors\n\nThe style classifier compares the author with `others.jsonl`: "
        f"{count['messages']:,} messages that the author answers and {count['given']:,} texts of other "
        "authors, from the sources or given with `--others`; "
        f"{count['left out']:,} given texts were left out (too short, in another language, twice, or the author's own)."
    )


def _pairs(summary: Summary) -> str:
    if not summary.pairs:
        return ""
    return (
        f"## Good and bad answers\n\n`pairs.jsonl` has {summary.pairs:,} pairs of a good and a bad answer to the same "
        "question (`prompt`, `chosen`, `rejected`, as TRL reads them). A climb does not train on them."
    )


def _repeated(repeated: Sequence[Repeated]) -> str:
    if not repeated:
        return ""
    lines = [f"- {one.times:,} times: {_line(one.text)}" for one in repeated]
    return (
        "## Wording that many answers share\n\nKeep it if it is style. If it is boilerplate, write "
        "`drop` as the decision in its row of review.jsonl to remove it everywhere.\n\n" + "\n".join(lines)
    )


def _rules(guidelines: Sequence[Guideline]) -> str:
    if not guidelines:
        return ""
    parts = ["## Rules from the guidelines"]
    for one in guidelines:
        if one.rule is None:
            continue
        obeyed = f" {one.obeyed:.0%} of the agent's own answers obey it." if one.obeyed is not None else ""
        made = {side: " (made up)" if side in one.made_up else "" for side in ("obeys", "breaks")}
        parts.append(
            f"**{one.rule.name}** (line {one.line}: “{_line(one.sentence)}”).{obeyed}\n\n"
            f"- obeys{made['obeys']}: {_line(one.obeys)}\n- breaks{made['breaks']}: {_line(one.breaks)}"
        )
        if one.obeyed is not None and one.obeyed < 0.5:
            parts.append(
                "Most of the agent's own answers break this rule; check whether the rule or the examples are wrong."
            )
    rest = [f"- line {one.line}: {_line(one.sentence)}" for one in guidelines if one.rule is None]
    if rest:
        parts.append("These cannot be checked by a script and are only part of the instructions:\n\n" + "\n".join(rest))
    return "\n\n".join(parts)


def _split(summary: Summary) -> str:
    if summary.split_note and not summary.split:
        return f"## Split\n\n{summary.split_note}"
    if not summary.split:
        return ""
    parts_listed = ", ".join(f"{count:,} {part}" for part, count in summary.split.items())
    parts = [f"## Split\n\nWith the current job: {parts_listed}. {summary.split_note}".strip()]
    if summary.leaks:
        counts = Counter(str(leak.kind) for leak in summary.leaks)
        parts.append("Leakage between training and held-out examples: " + _listed(counts) + ".")
        parts.append("\n".join(f"- {leak.id} and {leak.other}: {leak.kind}" for leak in summary.leaks[:10]))
    else:
        parts.append("No leakage was found: no equal or near-duplicate questions, no long common wording.")
    if summary.document_leaks:
        count = len(summary.document_leaks)
        parts.append(f"{count} test answers share long wording with a document: expected if the job answers from it.")
    return "\n\n".join(parts)


def _next(summary: Summary, folder: Path) -> str:
    steps = [
        "Read `review.jsonl`; write `keep`, `drop` or `edit` as the decision of a row, and prepare again. To drop "
        'an example that has no row, add one: `{"item": "ID", "decision": "drop"}`.',
        "Set the pass mark and describe the task in `job.toml`.",
    ]
    check = f"`gradschool check {shlex.quote(str(folder))}`"
    if summary.lacks:
        steps.append(f"Prepare again with texts of other authors (option `--others`), because {summary.lacks}.")
    if summary.obstacles:
        steps.append(f"Remove what stops a climb (above), then {check}.")
    elif summary.lacks:
        steps.append(f"Then {check}.")
    else:
        steps.append(f"{check}, then `gradschool climb {shlex.quote(str(folder))}`.")
    listed = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    found = (("What stops a climb", summary.obstacles), ("What keeps a climb from a pass", summary.foreseen))
    parts = ["\n".join((f"## {title}\n", *(f"- {one}" for one in those))) for title, those in found if those]
    return "\n\n".join((*parts, "## Next", listed))


def _line(text: str, most: int = SHOWN) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= most else line[: most - 1] + "…"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counts.items())
