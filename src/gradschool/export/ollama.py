"""The Modelfile of an export for Ollama, and a test of the specialist without the parts that it cannot contain."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gradschool.export.modelfile import Modelfile, find_turns
from gradschool.export.replay import questions_of, replay
from gradschool.export.session import ExportSession
from gradschool.files import write_text
from gradschool.package.forms import FormResult, Shipped, result_line
from gradschool.records import Note, Work
from gradschool.specialist import Recipe, Specialist


def add_modelfile(
    session: ExportSession, folder: Path, shipped: Shipped, table: Sequence[FormResult], source: str, adapter: str = ""
) -> Work[tuple[Shipped, list[FormResult]]]:
    """Write a Modelfile for the weights in `source`, and test the specialist without what the file cannot contain."""
    recipe, rows = alone(session.specialist.recipe), list(table)
    plain = Specialist(session.engine, recipe)
    ends = [str(session.engine.tokenizer.convert_ids_to_tokens(token)) for token in session.engine.stop_ids]
    asked = [plain.conversation(example.question)[0] for example in session.evidence.examples]
    turns = find_turns(session.engine.chat, session.template, asked)
    if turns is None:
        yield Note("The chat template cannot be written as an Ollama template; Ollama must read it from the GGUF file.")
    modelfile = Modelfile(
        source, recipe.instructions, recipe.fixed_turns, ends, shipped.context, recipe.decoding, turns, adapter=adapter
    )
    write_text(folder / "Modelfile", modelfile.text())
    if recipe != session.specialist.recipe:
        after = yield from replay(
            "alone in Ollama", session.engine, questions_of(plain, session.evidence), session.evidence, recipe.adapter
        )
        rows.append(session.compare(after, 0, exact=False))
        yield Note(result_line(rows[-1]))
        shipped = replace(shipped, alone=rows[-1])
    return shipped, rows


def alone(recipe: Recipe) -> Recipe:
    """The part of a recipe that a Modelfile can contain: no passages, and no examples chosen for each question."""
    fixed = replace(recipe, passages=0, index="")
    return fixed.showing(Recipe()) if recipe.nearest else fixed
