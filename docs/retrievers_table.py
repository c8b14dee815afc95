"""What trained retrievers and a judging base add to full-text search, as a table."""

from typing import Any

from markdown_table import table

HEAD = ("questions", "ranked by", "recall@1", "recall@5", "MRR@10", "weight, chosen on other questions")


def retrievers(measured: dict[str, Any]) -> str:
    """The figures of every set, and those of each judge, with BM25 if it was asked fewer."""
    rows = []
    for name, found in measured["sets"].items():
        rows += [_row(f"{name}, {found['questions']}", how, of) for how, of in found.items() if isinstance(of, dict)]
    for name, judges in measured["judges"].items():
        for base, found in judges.items():
            asked = f"{name}, {found['questions']}"
            if found["questions"] != measured["sets"][name]["questions"]:
                rows.append(_row(asked, "BM25", found["BM25"]))
            rows.append(_row(asked, f"BM25, judged by {base}", found["judged"]))
    sizes = ", ".join(f"{name} {one['bytes'] / 1e6:.0f} MB" for name, one in measured["weights"].items())
    return f"{table(HEAD, rows)}\nWeights: {sizes}. `{measured['command']}`.\n"


def _row(questions: str, how: str, found: dict[str, Any]) -> list[str]:
    figures = [f"{found[name]:.3f}" for name in ("recall@1", "recall@5", "mrr@10")]
    return [questions, how, *figures, f"{found['weight']:g}" if "weight" in found else ""]
