"""What a run has written down so far, read once for its page."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gradschool.files import read_json, read_lines
from gradschool.package.card import ORDER, place
from gradschool.records import Answer, RungResult, Split
from gradschool.run import SPLIT, Key, Run, result_key


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run's folder says, read once: nothing in it need be there but run.json."""

    run: Run
    results: list[RungResult]
    candidates: dict[str, dict[str, Any]]
    answers: dict[str, dict[str, Answer]]  # by rung, then by example
    packaged: dict[str, Answer]
    events: list[dict[str, Any]]
    environment: dict[str, Any]
    manifest: dict[str, Any]
    split: Split | None

    @property
    def chosen(self) -> RungResult | None:
        """The rung that is packaged, or the highest that was put to the test so far."""
        tested = [result for result in self.results if result.report]
        return next((r for r in tested if r.rung == self.manifest.get("rung")), tested[-1] if tested else None)


def read_facts(run: Run) -> Facts:
    """Read all that a run has written down so far."""
    form: TypeAdapter[Answer] = TypeAdapter(Answer)

    def answers(path: Path) -> dict[str, Answer]:
        return {row["id"]: form.validate_python(row["answer"]) for row in read_lines(path)}

    events = run.events()
    results: dict[str, RungResult] = {
        # A rung that could not run is only told as an event.
        e["rung"]: RungResult(e["rung"], None, skipped=e["skipped"])
        for e in events
        if e.get("event") == "RungResult" and e.get("skipped")
    }
    for path in sorted((run.folder / "done").glob("*-result.json")):
        result = run.saved(result_key(path.stem.removesuffix("-result")))
        assert result is not None
        results[result.rung] = result
    said = {path.stem.removesuffix("-test"): answers(path) for path in (run.folder / "answers").glob("*-test.jsonl")}
    packaged = said.pop("package", {})
    environment, manifest = run.folder / "environment.json", run.specialist / "specialist.toml"
    return Facts(
        run=run,
        results=sorted(results.values(), key=lambda result: place(result.rung)),
        candidates={rung: made for rung in ORDER if (made := run.saved(Key[dict[str, Any]](rung, dict[str, Any])))},
        answers={rung: said[rung] for rung in sorted(said, key=place)},
        packaged=packaged,
        events=events,
        environment=read_json(environment) if environment.exists() else {},
        manifest=tomllib.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {},
        split=run.saved(SPLIT),
    )
