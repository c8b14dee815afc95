"""Write the model card from the measured figures and the manifest of the corpus."""

import argparse
import json
from pathlib import Path
from typing import Any

from gradschool.files import sha256

Figures = dict[str, Any]
_NAMES = {
    "fiction": "English novels",
    "story": "stories for children",
    "reference": "reference (country facts, command pages)",
    "speech": "speeches",
    "qa": "questions and answers (health, arithmetic)",
    "dialogue": "dialogue (ordering tickets)",
    "instruction": "instructions (short answers)",
}
_SKILLS = {
    "reading_real_text": "reads 3 passages of real text, quotes the right sentence",
    "reading_real_text_in_many_words": "reads 3 passages of real text, asked in many words of which a few stand there",
    "reading_invented_facts": "reads 3 passages of invented facts, quotes the right sentence or value",
    "pattern_four_examples": "follows 4 shown examples of an unseen mapping",
    "label_topic": "chooses among 2 to 5 topic labels by prompt alone",
    "label_overlap": "chooses among 2 to 6 labels, the right one sharing a word with the text",
}
_WATCHED = ("repeat", "quote", "lookup", "quote_sentence", "reading_fact", "reading_real", "pattern", "form", "slots")
_SETS = ("banking77", "snips", "legal_summarization", "fairytaleqa")
_EXAMPLES = ("example-contracts", "example-support", "example-letters")
_RUNGS = ("base", "prompt", "ground", "tune")
_HEAD = Path(__file__).with_name("card_head.md")


def _share(figures: Figures) -> str:
    """Write a share with its interval."""
    return f"{figures['share']:.2f} ({figures['low']:.2f} to {figures['high']:.2f})"


def skills_table(skills: Figures) -> str:
    """Write the skills as a table, known against new wording."""
    rows = ["| skill | known wording | new wording |", "| --- | --- | --- |"]
    for key, name in _SKILLS.items():
        known, new = skills[f"{key}_known_wording"], skills[f"{key}_new_wording"]
        if "share" in known:
            rows.append(f"| {name} | {_share(known)} | {_share(new)} |")
            continue
        for part, words in (
            ("right_sentence", name),
            ("right_sentence_and_number", "… and cites the right passage, with nothing else"),
            ("says_not_in_the_passages", "… says `Not in the passages.` where it is not"),
        ):
            rows.append(f"| {words} | {_share(known[part])} | {_share(new[part])} |")
    return "\n".join(rows)


def loss_table(losses: Figures) -> str:
    """Write held-out bits per byte, model against 5-gram."""
    rows = ["| held-out text | documents | 5-gram, Kneser-Ney | pocket |", "| --- | --- | --- | --- |"]
    for kind, found in losses.items():
        floor = f"{found['five_gram']:.2f}" if "five_gram" in found else "not measured"
        rows.append(f"| {_NAMES.get(kind, kind)} | {found['documents']} | {floor} | {found['model']:.2f} |")
    return "\n".join(rows)


def curve_table(curve: list[Figures], keys: tuple[str, ...]) -> str:
    """Write held-out figures against tokens seen; a figure that was not yet taken is left empty."""
    rows = ["| million tokens | " + " | ".join(key.removeprefix("text:") for key in keys) + " |"]
    rows.append("| --- |" + " --- |" * len(keys))
    for row in curve:
        cells = [f"{row[key]:.2f}" if key in row else "" for key in keys]
        rows.append(f"| {row['tokens'] / 1e6:.1f} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def family_table(families: Figures) -> str:
    """Write the share of exact answers of every family of tasks."""
    ordered = sorted(families.items(), key=lambda pair: -float(pair[1]["share"]))
    rows = ["| family of tasks (`tasks/`) | exact answers |", "| --- | --- |"]
    return "\n".join(rows + [f"| `{name}` | {_share(found)} |" for name, found in ordered])


def data_table(manifest: list[Figures]) -> str:
    """Write the sources with their licences."""
    rows = ["| source | kind | documents | licence |", "| --- | --- | --- | --- |"]
    for entry in manifest:
        name = entry["file"].removesuffix(".jsonl.xz")
        rows.append(f"| {name} | {entry['kind']} | {entry['documents']:,} | {entry['licence']} |")
    return "\n".join(rows)


def climbs_table(results: Path, weights: str) -> str:
    """Write what each rung scored in the climbs of bench/, with its bounds.

    Jobs that were climbed with others than these weights, told by their SHA-256, get a star.
    """
    rows = ["| job | metric | " + " | ".join(_RUNGS) + " | own test file |", "| --- |" + " --- |" * (len(_RUNGS) + 2)]
    for name in (*_SETS, *_EXAMPLES):
        if not (results / f"{name}.json").exists():
            continue
        record = json.loads((results / f"{name}.json").read_text())
        climbed, apart = record["climbed"], record.get("held_out")
        reports = {result["rung"]: result["report"] for result in climbed["results"] if result["report"]}
        metric = next(iter(reports.values()))["metric"]
        scores = [reports[rung]["score"] if rung in reports else None for rung in _RUNGS]
        cells = [
            f"{s['mean']:.3f} ({s['interval']['low']:.3f} to {s['interval']['high']:.3f})" if s else "" for s in scores
        ]
        cells.append(f"{apart['score']:.3f} of {apart['examples']}" if apart else "")
        job = name.removeprefix("example-")
        if record["base"]["model.safetensors"] != weights:
            job += " \\*"
        rows.append(f"| {job} | {metric} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + (
        "\n\n\\* climbed with the weights before these." if any(" \\* |" in row for row in rows) else ""
    )


def write_card(model: Path, manifest: Path, notes: str, results: Path) -> str:
    """Compose the card; `notes` is text in Markdown about limits and about this very training.

    `results` is the folder with the records of climbs that bench/ wrote.
    """
    config = json.loads((model / "config.json").read_text())
    figures = json.loads((model / "evaluation.json").read_text())
    head = _HEAD.read_text().format(
        millions=figures["parameters"] / 1e6,
        tokens=figures["tokens"] / 1e6,
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        vocabulary=config["vocab_size"],
    )
    weights = sha256(model / "model.safetensors")
    parts = [
        head + "\n" + skills_table(figures["skills"]),
        "## What gradschool makes of it\n\nWhole climbs, scored on examples that nothing was chosen on; in brackets "
        "the bounds at the climb's confidence. A rung above the one that passed was not climbed. "
        "Where a set has a test file of its own, the packaged specialist was scored on that too. "
        "Records, with their commands: `bench/results/`.\n\n" + climbs_table(results, weights),
        notes.strip(),
        "## Held-out loss, in bits per byte\n\nThe 5-gram model has the same tokens and the same real text.\n\n"
        + loss_table(figures["bits_per_byte"]),
        "Against tokens seen, while training ran (24 documents a kind, weights as they were, not averaged):\n\n"
        + curve_table(figures["curve"], ("text:fiction", "text:story", "text:reference", "text:qa")),
        "Exact answers to held-out tasks in new wording, at the same points (24 cases a family):\n\n"
        + curve_table(figures["curve"], _WATCHED),
        "## Every family of tasks\n\n" + family_table(figures["families"]),
        "## Data\n\n"
        + data_table(json.loads(manifest.read_text()))
        + "\n\nAll else is synthetic text that the recipe writes.",
        "Made by `recipes/pocket`; measured by `recipes.pocket.evaluate`; all figures are in `evaluation.json`.",
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Parse the command line and write the card into the model's folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="exported folder with evaluation.json")
    parser.add_argument("--manifest", type=Path, required=True, help="manifest.json of the corpus")
    parser.add_argument("--results", type=Path, required=True, help="bench/results, with the records of climbs")
    parser.add_argument("--notes", type=Path, required=True, help="Markdown with limits")
    args = parser.parse_args()
    text = write_card(args.model, args.manifest, args.notes.read_text(), args.results)
    (args.model / "README.md").write_text(text)


if __name__ == "__main__":
    main()
