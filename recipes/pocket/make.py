"""Build the pocket base model from a corpus folder in one command: data, training, export, evaluation."""

import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer

from recipes.pocket.evaluate import evaluate
from recipes.pocket.export import export
from recipes.pocket.prepare import prepare
from recipes.pocket.settings import SYNTHETIC, Training
from recipes.pocket.synthesize import synthesize
from recipes.pocket.tokenizer import save_tokenizer
from recipes.pocket.train import add_budget, settings_for, train


def make(
    corpus: Path,
    out: Path,
    settings: Training,
    minutes: float | None,
    tokens: int | None,
    start: Path | None = None,
    count: int = 300,
) -> Path:
    """Run every stage that is not finished, with all files in `out`; return the folder of the exported model.

    With `start`, training continues from an exported model and its tokenizer; the result averages old and new weights.
    """
    data, run, model = out / "data", out / "run", out / "model"
    if start and not (data / "tokenizer").exists():
        save_tokenizer(Tokenizer.from_file(str(start / "tokenizer.json")), data / "tokenizer")
    if not (data / "prepared.json").exists():
        prepare(corpus, data, settings.seed)
    if not (data / "synthesized.json").exists():
        synthesize(corpus, data, SYNTHETIC, settings.seed)
    train(settings, data, run, minutes, tokens, start)
    export(run / "last", data / "tokenizer", model, start=start)
    figures = evaluate(model, data, corpus, run / "log.jsonl", count, start=start)
    (model / "evaluation.json").write_text(json.dumps(figures, indent=1) + "\n")
    return model


def main() -> None:
    """Parse the command line and build the model; a second call resumes the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with manifest.json and its .jsonl.xz files")
    parser.add_argument("--out", type=Path, required=True, help="folder for data, checkpoints and the model")
    add_budget(parser)
    args = parser.parse_args()
    make(args.corpus, args.out, settings_for(args, parser), args.minutes, args.tokens, args.start)


if __name__ == "__main__":
    main()
