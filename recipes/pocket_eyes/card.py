"""Write the model card of pocket-eyes from the figures of its evaluation."""

import argparse
import json
from pathlib import Path

from recipes.pocket_eyes.settings import LETTERS, SHAPES, SIDE, TEXTURES, Training

CARD = """---
license: apache-2.0
language: en
pipeline_tag: image-text-to-text
---

# pocket-eyes

`pocket` with eyes: a vision tower of {tower} million weights and a projector before the built-in base of 5.8 million, \
as a LLaVA that transformers loads without code of its own. gradschool puts it together from this folder and from \
`pocket`, so that the language part is in the package once; LoRA matrices of rank {rank} are added to it.

It is there so that jobs with images run offline in minutes. **It is a very small model of drawn pictures.** \
What it knows of photographs, documents, or X-rays is nothing; a job teaches it.

## What it was trained on

Pictures that its recipe draws ({shapes}; bar charts; {textures}; soft gray clouds; up to four of \
{letters} letters and digits) and the hand-written digits that scikit-learn ships, without their first 360. \
No photograph, no picture of a person, no text of others.

The tower first learned to tell what is in a picture ({seeing:g} minutes of processor time on one core), then tower, \
projector and LoRA layers learned to answer ({naming:g} minutes). `python -m recipes.pocket_eyes.make --out FOLDER` \
repeats that; the first ten minutes of answering for the shipped weights drew all kinds of scenes equally often.

## What it can do

Greedy answers to questions about {pictures} drawn pictures that were not trained on:

{table}

## Limits

- A picture is seen as {side} x {side} pixels in {cells} tokens. Smaller details of a larger picture are lost.
- One picture at a time; questions as short as those of the recipe; English.
- Where the table shows a low share, it guesses. Check every job on its own test set, as gradschool does.
- Nothing that it says about a picture of a patient is medical advice.
"""


def card(folder: Path, settings: Training) -> str:
    """The card of the base in a folder."""
    figures = json.loads((folder / "evaluation.json").read_text())
    rows = ["| scene and question | right | questions |", "| --- | --- | --- |"]
    for name, found in figures["questions"].items():
        rows.append(f"| {name} | {found['right']:.2f} | {found['questions']:.0f} |")
    return CARD.format(
        tower=round(figures["tower"] / 1e6, 1),
        rank=settings.rank,
        shapes=", ".join(SHAPES),
        textures=", ".join(TEXTURES),
        letters=len(LETTERS),
        seeing=settings.seeing_minutes,
        naming=settings.naming_minutes,
        pictures=settings.held_out,
        table="\n".join(rows),
        side=SIDE,
        cells=(SIDE // settings.shape.cell) ** 2,
    )


def main() -> None:
    """Write the README.md of a folder with an evaluation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    (folder / "README.md").write_text(card(folder, Training()))


if __name__ == "__main__":
    main()
