"""Make the pocket base model from a corpus folder, in one command: data, training, export, evaluation."""

import argparse
import json
from pathlib import Path

import torch
from evaluate import evaluate
from export import export
from prepare import prepare
from settings import Training
from synthesize import synthesize
from train import train


def make(corpus: Path, out: Path, minutes: float | None, tokens: int | None, count: int = 300) -> Path:
    """Run every stage that is not done yet, keeping all in `out`; return the folder of the exported model."""
    data, run, model = out / "data", out / "run", out / "model"
    settings = Training()
    if not (data / "prepared.json").exists():
        prepare(corpus, data, settings.seed)
    if not (data / "synthesized.json").exists():
        synthesize(corpus, data, {"short": 5_000_000, "medium": 9_000_000, "long": 9_000_000}, settings.seed)
    train(settings, data, run, minutes, tokens)
    export(run / "last", data / "tokenizer", model)
    figures = evaluate(model, data, corpus, run / "log.jsonl", count)
    (model / "evaluation.json").write_text(json.dumps(figures, indent=1) + "\n")
    return model


def main() -> None:
    """Parse the command line and make the model; a second call goes on where the first one stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with manifest.json and its .jsonl.xz files")
    parser.add_argument("--out", type=Path, required=True, help="folder for data, checkpoints and the model")
    parser.add_argument("--minutes", type=float, help="budget in minutes of training")
    parser.add_argument("--tokens", type=int, help="budget in tokens")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    args = parser.parse_args()
    if not args.minutes and not args.tokens:
        parser.error("give a budget: --minutes or --tokens")
    torch.set_num_threads(args.threads)
    make(args.corpus, args.out, args.minutes, args.tokens)


if __name__ == "__main__":
    main()
