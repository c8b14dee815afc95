"""Build pocket-eyes in one command: training, export, evaluation."""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from recipes.pocket_eyes.card import card
from recipes.pocket_eyes.evaluate import evaluate
from recipes.pocket_eyes.export import export
from recipes.pocket_eyes.settings import Training
from recipes.pocket_eyes.train import train


def main() -> None:
    """Parse the command line and build the base; a second call resumes the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the base")
    parser.add_argument("--scale", type=float, default=1.0, help="of the budget in minutes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    usual = Training()
    settings = replace(
        usual,
        seeing_minutes=usual.seeing_minutes * args.scale,
        naming_minutes=usual.naming_minutes * args.scale,
    )
    eyes = train(settings, args.out / "run")
    folder = args.out / "pocket-eyes"
    export(eyes, settings, folder)
    evaluate(eyes, settings, folder)
    (folder / "README.md").write_text(card(folder, settings))


if __name__ == "__main__":
    main()
