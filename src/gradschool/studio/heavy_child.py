"""The child process for what needs torch or takes long: scores computed again, comparisons, tokens, tables, and talks.

See `heavy.py` for the other side, and `bounded_child.py` for the protocol.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gradschool.bounded_child import answer_requests
from gradschool.errors import GradschoolError, reason_of
from gradschool.events import result_of
from gradschool.files import read_rows
from gradschool.records import Message, Scored
from gradschool.visible import visible

MAX_PICTURED = 1_000  # questions of a result that are shown with their images
LONGEST = 20_000  # characters of a text in one reply


class Refused(Exception):
    """What nobody raises: errors are replies."""


def answer(request: dict[str, Any], content: bytes) -> Iterator[dict[str, Any]]:
    """The replies to a request; an error that a user can see is one of them."""
    try:
        yield from WORK[request["what"]](request)
    except GradschoolError as error:
        yield {"error": error.parts}
    except OSError as error:
        yield {"error": {"what": "A file cannot be used.", "why": reason_of(error), "fix": "check that it is there."}}


def result(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The result of a run: its verdict with what was verified, and each test question with all answers."""
    from gradschool.report.facts import read_facts
    from gradschool.report.page import headline, package_gates
    from gradschool.report.questions import questions_of
    from gradschool.report.verified import as_recorded
    from gradschool.run import Run
    from gradschool.studio.evidence import evidence

    run = Run.open(Path(request["run"]))
    facts = read_facts(run)
    questions, note = questions_of(facts, MAX_PICTURED)
    found = headline(facts, package_gates(facts))
    yield {
        "state": found.state,
        "sentence": found.sentence,
        "figures": found.figures,
        "doubt": found.doubted,
        "recorded": as_recorded(run),
        "note": note,
        "rungs": list(facts.answers),
        "chosen": facts.chosen.rung if facts.chosen else "",
        "evidence": evidence(facts, questions),
    }
    for question in questions:
        answers = [
            {
                "rung": one.rung,
                "asked": one.asked,
                "text": one.answer.text[:LONGEST],
                "value": one.value,
                "failure": one.failure,
                "parts": one.parts,
                "draft": one.answer.draft[:LONGEST],
                "citations": [passage.as_citation() for passage in one.answer.citations],
            }
            for one in question.answers
        ]
        yield {
            "id": question.id,
            "question": question.question[:LONGEST],
            "ideal": question.ideal[:LONGEST],
            "incumbent": question.incumbent[:LONGEST],
            "images": list(question.images),
            "answers": answers,
        }


def compare(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Two runs: their scores, the paired difference, and what differs in settings, data and answers."""
    from gradschool.package.manifest import EVIDENCE, TEST_FILE
    from gradschool.run import PACKED, Run
    from gradschool.run_keys import INPUTS, SPLIT
    from gradschool.runs import compare_runs

    folders = Path(request["first"]), Path(request["second"])
    found = compare_runs(*folders)
    runs = [Run.open(folder) for folder in folders]
    splits, inputs = [run.saved(SPLIT) for run in runs], [run.saved(INPUTS) or {} for run in runs]
    rows = [
        {row.id: row for row in read_rows(path, Scored)}
        for folder in folders
        if (path := folder / PACKED / EVIDENCE / TEST_FILE).is_file()
    ]
    common = [id_ for id_ in rows[0] if id_ in rows[1]] if len(rows) == 2 and found.difference else []
    parts = {}
    if splits[0] and splits[1]:
        for part in ("train", "validation", "test"):
            ids = [frozenset(getattr(split, part)) for split in splits]
            parts[part] = [len(ids[0]), len(ids[1]), len(ids[0] & ids[1])]
    yield {
        "doubts": [found.first.doubt, found.second.doubt],
        "states": [found.first.state, found.second.state],
        "difference": asdict(found.difference) if found.difference else None,
        "settings": {path: list(values) for path, values in found.settings.items()},
        "parts": parts,
        "inputs": sorted(
            name for name in inputs[0].keys() | inputs[1].keys() if inputs[0].get(name) != inputs[1].get(name)
        ),
        "same": sum(rows[0][id_].answer.text == rows[1][id_].answer.text for id_ in common),
        "common": len(common),
    }
    changed = [id_ for id_ in common if rows[0][id_].answer.text != rows[1][id_].answer.text]
    for id_ in sorted(changed, key=lambda id_: -abs(rows[0][id_].value - rows[1][id_].value)):
        one, other = rows[0][id_], rows[1][id_]
        yield {
            "id": id_,
            "question": one.question[:LONGEST],
            "ideal": one.ideal[:LONGEST],
            "texts": [one.answer.text[:LONGEST], other.answer.text[:LONGEST]],
            "values": [one.value, other.value],
        }


def tokens(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A conversation as a row of training over the base of a job: its tokens, and which are trained on."""
    from gradschool.data.instructions import instructions_of
    from gradschool.job import read_job
    from gradschool.model.opening import open_engine
    from gradschool.specialist import Recipe, Specialist

    job = read_job(Path(request["job"]))
    job = job.over(job.settings.bases[0])
    engine = result_of(open_engine(job.settings, job.folder))
    if engine.chat is None:
        yield {"segments": [], "tokens": 0, "trained": 0, "base": job.settings.base}
        return
    messages = tuple(Message(one["role"], one["content"]) for one in request["messages"])
    conversation, _ = Specialist(engine, Recipe(instructions_of(job))).conversation(messages[:-1])
    row = engine.chat.render((*conversation, messages[-1]))
    segments = [[visible(text), trained] for text, trained in engine.chat.show(row)]
    counts = {"tokens": len(row.token_ids), "trained": row.trained_tokens, "base": job.settings.base}
    yield {"segments": segments, **counts}


def table(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Read the examples of a job into a table in a file."""
    from gradschool.studio.table_maker import make_table

    yield from make_table(Path(request["job"]), request["run"], Path(request["into"]))


def reading(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """How tables and files of rows would be read: the form, what each column is for, and the first examples."""
    from gradschool.data.read import read_examples
    from gradschool.settings import Data

    columns = Data(**{name: value for name, value in request["columns"].items() if value})
    for path in map(Path, request["files"]):
        try:
            found = read_examples(path, columns, path.name)
        except GradschoolError as error:
            yield {"file": path.name, "error": error.parts}
            continue
        first = [[asdict(message) for message in one.messages] for one in found.examples[:3]]
        dropped = sum(issue.severity == "dropped" for issue in found.issues)
        yield {
            "file": path.name,
            "form": found.form,
            "columns": found.columns,
            "examples": len(found.examples),
            "dropped": dropped,
            "first": [[{**one, "content": visible(one["content"][:2000])} for one in messages] for messages in first],
        }


def talk(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answers of a specialist and its base to a conversation, part by part."""
    from gradschool.studio import speakers

    yield from speakers.talk(request)


WORK: dict[str, Callable[[dict[str, Any]], Iterator[dict[str, Any]]]] = {
    "result": result,
    "compare": compare,
    "tokens": tokens,
    "table": table,
    "reading": reading,
    "talk": talk,
}

if __name__ == "__main__":
    answer_requests(answer, Refused)
