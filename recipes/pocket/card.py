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
    "reading_real_text_in_many_words": "reads 3 passages of real text, long question that shares few words with them",
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
    """Format a fraction with its interval."""
    return f"{figures['share']:.2f} ({figures['low']:.2f} to {figures['high']:.2f})"


def skills_table(skills: Figures) -> str:
    """Format the skills as a table, with known and new wording."""
    rows = ["| skill | known wording | new wording |", "| --- | --- | --- |"]
    for key, name in _SKILLS.items():
        known, new = skills[f"{key}_known_wording"], skills[f"{key}_new_wording"]
        if "share" in known:
            rows.append(f"| {name} | {_share(known)} | {_share(new)} |")
            continue
        for part, words in (
            ("right_sentence", name),
            ("right_sentence_and_number", "… and cites the right passage, with nothing else"),
            ("says_not_in_the_passages", "… says `Not in the passages.` if it is not"),
        ):
            rows.append(f"| {words} | {_share(known[part])} | {_share(new[part])} |")
    return "\n".join(rows)


def loss_table(losses: Figures) -> str:
    """Format held-out bits per byte of the model and of a 5-gram model."""
    rows = ["| held-out text | documents | 5-gram, Kneser-Ney | pocket |", "| --- | --- | --- | --- |"]
    for kind, found in losses.items():
        floor = f"{found['five_gram']:.2f}" if "five_gram" in found else "not measured"
        rows.append(f"| {_NAMES.get(kind, kind)} | {found['documents']} | {floor} | {found['model']:.2f} |")
    return "\n".join(rows)


def curve_table(curve: list[Figures], keys: tuple[str, ...]) -> str:
    """Format held-out figures by training tokens; figures that were not measured are empty."""
    rows = ["| million tokens | " + " | ".join(key.removeprefix("text:") for key in keys) + " |"]
    rows.append("| --- |" + " --- |" * len(keys))
    for row in curve:
        cells = [f"{row[key]:.2f}" if key in row else "" for key in keys]
        rows.append(f"| {row['tokens'] / 1e6:.1f} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def family_table(families: Figures) -> str:
    """Format the fraction of exact answers of every task family."""
    ordered = sorted(families.items(), key=lambda pair: -float(pair[1]["share"]))
    rows = ["| task family (`tasks/`) | exact answers |", "| --- | --- |"]
    return "\n".join(rows + [f"| `{name}` | {_share(found)} |" for name, found in ordered])


def data_table(manifest: list[Figures]) -> str:
    """Format the sources with their licences."""
    rows = ["| source | kind | documents | licence |", "| --- | --- | --- | --- |"]
    for entry in manifest:
        name = entry["file"].removesuffix(".jsonl.xz")
        rows.append(f"| {name} | {entry['kind']} | {entry['documents']:,} | {entry['licence']} |")
    return "\n".join(rows)


def climbs_table(results: Path, weights: str) -> str:
    """Format the score of each rung in the climbs of bench/, with its bounds.

    Jobs that were climbed with other weights, by SHA-256, are marked with an asterisk.
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
    return "\n".join(rows) + ("\n\n\\* climbed with earlier weights." if any(" \\* |" in row for row in rows) else "")


def write_card(model: Path, manifest: Path, notes: str, results: Path) -> str:
    """Compose the card; `notes` is Markdown text about limits and about the training.

    `results` is the folder with the results of bench/.
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
        "## Results with gradschool\n\nComplete climbs, scored on test examples, with bounds at the climb's confidence "
        "in brackets. Rungs above the one that passed did not run. "
        "If a data set has its own test file, the packaged specialist was scored on that, too. "
        "`bench/results/` has all results with their commands.\n\n" + climbs_table(results, weights),
        notes.strip(),
        "## Held-out loss in bits per byte\n\nThe 5-gram model uses the same tokenizer and the same natural text.\n\n"
        + loss_table(figures["bits_per_byte"]),
        "During training (24 documents per kind, weights without averaging):\n\n"
        + curve_table(figures["curve"], ("text:fiction", "text:story", "text:reference", "text:qa")),
        "Fraction of exact answers to held-out tasks in new wording during training (24 cases per family):\n\n"
        + curve_table(figures["curve"], _WATCHED),
        "## All task families\n\n" + family_table(figures["families"]),
        "## Data\n\n"
        + data_table(json.loads(manifest.read_text()))
        + "\n\nAll other data is synthetic text generated by the recipe.",
        "Trained by `recipes/pocket`, evaluated by `recipes.pocket.evaluate`; all figures are in `evaluation.json`.",
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Parse the command line and write the card into the model's folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="exported folder with evaluation.json")
    parser.add_argument("--manifest", type=Path, required=True, help="manifest.json of the corpus")
    parser.add_argument("--results", type=Path, required=True, help="bench/results, with the results of climbs")
    parser.add_argument("--notes", type=Path, required=True, help="Markdown with limits")
    args = parser.parse_args()
    text = write_card(args.model, args.manifest, args.notes.read_text(), args.results)
    (args.model / "README.md").write_text(text)


if __name__ == "__main__":
    main()
