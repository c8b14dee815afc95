"""An answer in a talk comes in parts, then as a whole with the passages that were read, and which of them it cites."""

from pathlib import Path
from typing import TYPE_CHECKING

import made
from gradschool.model.fake import FakeEngine
from gradschool.records import Abstention, Message
from gradschool.specialist import Recipe, Specialist
from gradschool.studio.speakers import said

if TYPE_CHECKING:
    from gradschool.model.local import LocalEngine


def test_passages_have_their_file_and_lines(engine: "LocalEngine", tmp_path: Path) -> None:
    specialist = Specialist(FakeEngine(), made.recipe_of("grounded", engine, tmp_path))
    first, *parts, last = said("specialist", specialist, (Message("user", "When does the ferry leave?"),))
    assert first == {"who": "specialist", "begins": True} and all("part" in one for one in parts)
    assert {passage["file"] for passage in last["passages"]} == {"harbour.md"}
    assert all(len(passage["lines"]) == 2 and passage["cited"] in (True, False) for passage in last["passages"])


def test_a_specialist_that_abstains_says_so() -> None:
    unsure = Recipe(abstention=Abstention("certainty", 2.0, "A person will answer."))
    *_, last = said("specialist", Specialist(FakeEngine(), unsure), (Message("user", "When?"),))
    assert last["abstained"] and last["text"] == "A person will answer."
