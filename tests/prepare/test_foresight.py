"""What a preparation says about the climb that follows: languages, and pass marks that cannot be proven."""

import json
from collections.abc import Callable
from typing import Any

from essays import essay
from gradschool.records import Note

Run = Callable[..., Any]
GERMAN = "Am {n}. Tag lag der Kahn {n} Ellen vom Ufer, und die Nachbarin zählte {m} Körbe mit Rüben, bevor es regnete."


def warnings(events: Any) -> list[str]:
    return [event.text for event in events if isinstance(event, Note) and event.level == "warning"]


def rows_of(texts: list[str]) -> dict[str, bytes | str]:
    pairs = [{"prompt": f"{n}: {text.split()[-2]}", "completion": text} for n, text in enumerate(texts)]
    return {"t.jsonl": "".join(json.dumps(pair) + "\n" for pair in pairs)}


def test_a_language_that_the_base_does_not_speak_is_named(run: Run) -> None:
    german = [" ".join(GERMAN.format(n=n + k, m=7 * k) for k in range(3)) for n in range(20)]
    prepared, events = run(rows_of([essay(n, 1) for n in range(30)] + german), "skill")
    [said] = [text for text in warnings(events) if "hardly speaks" in text]
    assert said.startswith("40% of the examples are in German (de), which the base pocket") and "base_model" in said
    assert said.rstrip(".") in prepared.summary.foreseen
    prepared, events = run(rows_of([essay(n, 1) for n in range(30)]), "skill")
    assert not [text for text in warnings(events) if "hardly speaks" in text]


def test_a_pass_mark_that_cannot_be_proven_is_said_with_what_would_be_enough(run: Run, tmp_path: Any) -> None:
    pairs = [{"prompt": f"Order {n} of {essay(n, 1)}", "completion": f"crate {n}"} for n in range(40)]
    content = {"p.jsonl": "".join(json.dumps(row) + "\n" for row in pairs)}
    prepared, events = run(content, "skill", pass_mark=0.9)
    [said] = [text for text in warnings(events) if "cannot prove the pass mark of 0.9" in text]
    assert "--test-share" in said or "add examples" in said
    assert "## What keeps a climb from a pass" in (tmp_path / "job/report.md").read_text()
    assert not prepared.summary.obstacles
