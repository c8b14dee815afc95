"""A small tuned specialist over the built-in base, whose ideal answers are its own: any other answer scores less."""

import itertools
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import torch

from finish import finish
from forked import Forked
from gradschool.files import write_lines
from gradschool.job import Job
from gradschool.model.adapter import save_adapter
from gradschool.model.copies import shared_copy
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, fuse, lora_layers
from gradschool.model.opening import POCKET
from gradschool.package.bundle import pack
from gradschool.records import (
    IMAGE,
    Example,
    Image,
    Interval,
    Message,
    Report,
    RungResult,
    Score,
    Scored,
    Source,
    Split,
)
from gradschool.run import Run
from gradschool.score.metric import FitText
from gradschool.settings import Goal, Settings
from gradschool.specialist import Recipe, specialist_of

QUESTIONS = (
    "What is the capital of France?",
    "Say hello.",
    "Is 12.50 more than 1,234?",
    "Name a colour.",
    "Who wrote this – “you”?",
    "don't STOP",
    "List three animals.",
    "What day is it today?",
    "Write a word that rhymes with cat.",
    "How many legs has a dog?",
    "Where do fish live?",
    "Can you help me?",
)
SHOWN = Example("shown", (Message("user", "Bye."), Message("assistant", "Goodbye!")), "s", Source("f", 1))


def renamed_base(folder: Path) -> Path:
    """The built-in base with another name for its stop token, one that no other program could guess."""
    shutil.copytree(POCKET, folder)
    for path in folder.iterdir():
        if path.suffix in (".json", ".jinja"):
            path.write_text(path.read_text().replace("<|im_end|>", "<|over|>"))
    return folder


def ship(
    folder: Path,
    base: Path = POCKET,
    recipe: Recipe | None = None,
    whole: bool = False,
    quantization: Literal["nf4"] | None = None,
    metric: str = "exact_match",
    fit_texts: Sequence[FitText] = (),
    questions: Sequence[str] = QUESTIONS,
    images: Sequence[Image] = (),
) -> Path:
    """Pack a specialist, with an adapter or with whole weights of its own; returns its folder.

    The run and the job are in `folder` too. With `images`, each question is about one of them.
    """
    engine = LocalEngine(base, name="pocket" if base == POCKET else str(base), quantization=quantization)
    network = shared_copy(engine.network)
    attach(network, rank=4, alpha=8, seed=0)
    with torch.no_grad():
        for number, (_, layer) in enumerate(lora_layers(network)):
            generator = torch.Generator().manual_seed(number)
            layer.lora_b.copy_(torch.randn(layer.lora_b.shape, generator=generator) * 0.15)
    recipe = recipe or Recipe('Be "brief".')
    recipe = replace(recipe, decoding=replace(recipe.decoding, max_new_tokens=24))
    if whole:
        fuse(network)
        network.save_pretrained(folder / "run" / "parts" / "weights")
        engine.tokenizer.save_pretrained(folder / "run" / "parts" / "weights")
        recipe = replace(recipe, weights=str(folder / "run" / "parts" / "weights"))
    else:
        save_adapter(network, folder / "run" / "parts" / "adapter", engine.name, None)
        recipe = replace(recipe, adapter=str(folder / "run" / "parts" / "adapter"))
    specialist = specialist_of(engine, recipe)
    asked = [Message("user", question) for question in questions]
    if images:
        shown = itertools.cycle(images)
        asked = [Message("user", f"{IMAGE}{one.content}", images=(next(shown),)) for one in asked]
    said = dict(specialist.answer([(one,) for one in asked]))
    examples, rows = [], []
    for i, question in enumerate(questions):
        ideal = said[i].text
        examples.append(Example(f"q{i}", (asked[i], Message("assistant", ideal)), f"g{i}", Source("f", i)))
        rows.append(Scored(f"q{i}", f"g{i}", question, ideal, said[i], 1.0))
    score = Score(1.0, Interval(0.7, 1.0, 0.9875), len(rows), len(rows))
    result = RungResult("tune", Report(metric, score, "passed", 0.5, None), recipe=recipe.describe())
    name = "pocket" if base == POCKET else str(base)
    settings = Settings(base_model=name, goal=Goal(metric=metric, pass_mark=0.5))
    run = Run.start(Job("brief words", folder, settings), folder / "run")
    if fit_texts:
        write_lines(run.fit_texts, [asdict(text) for text in fit_texts])
    place, _ = finish(pack(run, specialist, result, [result], rows, Split((), (), ("q0",), "hash"), examples))
    assert json.loads((Path(place) / "evidence" / "questions.jsonl").read_text().splitlines()[0])["id"] == "q0"
    return Path(place)


def asked_by_the_card(text: str, folder: Path, question: str) -> str:
    """Run the Python that a card shows, from its folder, with a question in place of the dots."""
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    code = code.replace('"content": "…"', f'"content": {question!r}').replace("'BASE'", repr(str(POCKET)))
    process = Forked(exec, code, {}, cwd=folder)
    said, complained = process.communicate(timeout=120)
    assert process.returncode == 0, complained[-2000:]
    return said.strip().splitlines()[-1] if said.strip() else ""
