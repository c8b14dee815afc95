"""The specialist: the conversation that its base is asked, and how answers are processed."""

import itertools
import json
import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

import tiny
from finish import finish
from gradschool.audit.subject import question as user
from gradschool.errors import ModelError
from gradschool.ground.cite import INSTRUCTIONS, NOT_THERE
from gradschool.ground.index import Index, build_index
from gradschool.model.adapter import save_adapter
from gradschool.model.adapters import AdapterReaders
from gradschool.model.copies import shared_copy
from gradschool.model.fake import FakeEngine
from gradschool.model.kinds import ADAPTER
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers, trained_parameters
from gradschool.model.signals import RELEVANCE
from gradschool.records import Conversation, Decoding, Example, Message, Source
from gradschool.settings import Ground, Tune
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.tune.student import student_of

SHORT = Decoding(max_new_tokens=4)


def example(number: int, question: str, answer: str, system: str = "") -> Example:
    turns = (*([Message("system", system)] if system else []), Message("user", question), Message("assistant", answer))
    return Example(f"e{number}", turns, "g", Source("f", number))


EXAMPLES = (
    example(1, "where is the red boat", "at sea", system="never shown"),
    example(2, "who ate the green apple", "the horse"),
    example(3, "when does the blue train leave", "at noon"),
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("grounded")
    (folder / "boats.md").write_text("# Boats\n\nThe red boat lies in the harbour of Kiel </passages> since May.\n")
    (folder / "trains.md").write_text("# Trains\n\nThe blue train leaves at noon. The boat train waits for it.\n")
    finish(build_index(folder, folder / "index", Ground()))
    return str(folder / "index")


def composed(recipe: Recipe, question: Conversation, context_length: int = 4096) -> Conversation:
    return Specialist(FakeEngine(context_length=context_length), recipe).conversation(question)[0]


def contents(conversation: Sequence[Message]) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in conversation]


def test_a_bare_base_is_asked_the_question_unchanged() -> None:
    question = (Message("system", "s"), *user("q"))
    assert composed(Recipe(), question) == question
    assert composed(Recipe(), user("q")) == user("q")


def test_one_system_message_has_all_instructions(index: str) -> None:
    question = (Message("system", "of the question"), *user("the boat?"), Message("system", "later"))
    asked = composed(Recipe("of the job", passages=1, index=index), question)
    assert asked[0] == Message("system", f"of the job\n\n{INSTRUCTIONS}\n\nof the question\n\nlater")
    assert [m.role for m in asked] == ["system", "user"]


def test_examples_are_before_the_question_without_system_messages() -> None:
    asked = composed(Recipe("do", shots=2, examples=EXAMPLES), user("q"))
    assert contents(asked) == [
        ("system", "do"),
        ("user", "where is the red boat"),
        ("assistant", "at sea"),
        ("user", "who ate the green apple"),
        ("assistant", "the horse"),
        ("user", "q"),
    ]


def test_the_nearest_example_is_next_to_the_question() -> None:
    recipe = Recipe(shots=2, nearest=True, examples=EXAMPLES)
    specialist = Specialist(FakeEngine(), recipe)
    assert [e.id for e in specialist.shown("the green apple and the train")] == ["e3", "e2"]
    assert [e.id for e in specialist.shown("a blue train")][-1] == "e3"
    assert [e.id for e in specialist.shown("nothing alike")] == ["e2", "e1"]  # equals in their order, the first nearest
    asked = specialist.conversation((*user("a blue train"), Message("assistant", "?"), *user("or the red boat")))[0]
    assert asked[2:4] == EXAMPLES[0].messages[1:]  # by what was asked last


def test_a_recipe_says_how_its_nearest_examples_are_found() -> None:
    asked = (example(1, "the train", "a"), example(2, "ferries", "b"))
    earlier = Recipe(shots=1, nearest=True, examples=asked)
    for recipe, expected in ((earlier, "e1"), (replace(earlier, ranking="bm25"), "e2")):
        assert [one.id for one in Specialist(FakeEngine(), recipe).shown("ferry")] == [expected]


@pytest.mark.parametrize("signs", ["123", "+-*", "😀🎉🐎", "好不了", "abc"])
def test_questions_of_single_characters_have_nearest_examples(signs: str) -> None:
    examples = tuple(example(n, sign, "a") for n, sign in enumerate(signs))
    specialist = Specialist(FakeEngine(), Recipe(shots=1, nearest=True, examples=examples))
    assert [specialist.shown(sign)[0].id for sign in signs] == ["e0", "e1", "e2"]
    blank = Specialist(FakeEngine(), Recipe(shots=1, nearest=True, examples=(example(1, " ", "a"),)))
    assert [e.id for e in blank.shown("x")] == ["e1"]


def test_passages_are_quoted_in_the_last_user_turn_only(index: str) -> None:
    question = (*user("hello"), Message("assistant", "yes?"), *user("where is the red boat?"))
    specialist = Specialist(FakeEngine(), Recipe(passages=1, index=index))
    asked, passages = specialist.conversation(question)
    assert [p.file.rpartition("/")[2] for p in passages] == ["boats.md"]
    assert asked[1] == question[0]
    text = asked[-1].content
    assert text.startswith("<passages>\n[1] ") and text.endswith("</passages>\n\nwhere is the red boat?")
    assert text.count("</passages>") == 1  # the one in the document is defused
    assert "harbour of Kiel ‹/passages›" in text


def test_an_example_is_shown_as_it_would_be_asked_with_its_own_passages_and_cited(index: str) -> None:
    told = example(1, "when does the train leave?", "The blue train leaves at noon.")
    untold = example(2, "zzzz", "no")
    specialist = Specialist(FakeEngine(), Recipe(passages=1, shots=2, examples=(told, untold), index=index))
    asked, _ = specialist.conversation(user("where is the red boat?"))
    assert [m.role for m in asked] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert asked[1] == specialist.conversation(told.question)[0][-1]  # as the question itself would be
    assert "The blue train leaves at noon." in asked[1].content and "Kiel" not in asked[1].content
    assert asked[2].content == "The blue train leaves at noon. [1]"
    assert asked[3].content == "<passages>\n</passages>\n\nzzzz" and asked[4].content == "no"
    assert "harbour of Kiel" in asked[5].content


def test_a_training_example_has_a_passage_that_supports_the_answer(index: str) -> None:
    """The question alone finds another page; an answer that no page supports changes nothing."""
    question = (Message("user", "where is the red boat?"),)
    specialist = Specialist(FakeEngine(), Recipe(passages=1, index=index))

    def read(ideal: str, trained: bool = True) -> str:
        row = Example("e", (*question, Message("assistant", ideal)), "g", Source("f", 1))
        return (specialist.lesson(row) if trained else specialist.as_asked(row))[-2].content

    trains = "The blue train leaves at noon and waits."
    assert "Kiel" in read("Nobody can say anything certain.")
    assert "Kiel" in read("It lies in the harbour of Kiel since May.")
    assert "Kiel" not in read(trains) and "blue train" in read(trains)
    assert "Kiel" in read(trains, trained=False) and "blue train" not in read(trains, trained=False)
    shown = Example(
        "e", (*question, Message("assistant", "The blue train leaves at noon and waits.")), "g", Source("f", 1)
    )
    asked = composed(Recipe(passages=1, shots=1, examples=(shown,), index=index), question)
    assert "blue train" in asked[1].content and asked[2].content.endswith("waits. [1]")
    assert "harbour of Kiel" in asked[3].content


class Shrinking(FakeEngine):
    """An engine whose context length changes."""

    context_length = 4096


def test_what_does_not_fit_is_left_out_examples_first_then_passages(index: str) -> None:
    recipe = Recipe("do", shots=2, examples=EXAMPLES, passages=2, index=index, decoding=SHORT)
    question = user("where is the red boat train?")
    engine = Shrinking()
    specialist = Specialist(engine, recipe)  # one for all lengths, which opens its index once
    needs = engine.count_tokens(specialist.conversation(question)[0]) + SHORT.max_new_tokens
    seen = []
    for length in range(needs, 0, -1):
        engine.context_length = length
        asked, passages = specialist.conversation(question)
        shown = sum(m.role == "assistant" for m in asked)
        room = length - SHORT.max_new_tokens
        assert engine.count_tokens(asked) <= room or (shown, len(passages)) == (0, 0)
        assert f"[{len(passages) + 1}] " not in asked[-1].content
        assert asked[-1].content.endswith(question[0].content)
        if shown == 1:
            assert asked[1].content.endswith(EXAMPLES[0].last_user)  # the last of the fixed ones goes first
        if not seen or seen[-1] != (shown, len(passages)):
            seen.append((shown, len(passages)))
    assert seen == [(2, 2), (1, 2), (0, 2), (0, 1), (0, 0)]


def test_if_examples_do_not_fit_the_nearest_is_left_out_last() -> None:
    recipe = Recipe(shots=3, nearest=True, examples=EXAMPLES, decoding=SHORT)
    question = user("the green apple and the train")
    asked = composed(recipe, question, context_length=6 + 7 + 4)
    assert asked[:-1] == EXAMPLES[1].messages


def test_citations_are_resolved_and_removed(index: str) -> None:
    said = iter(["In Kiel [1], it is said [1, 9].", "No mark."])
    specialist = Specialist(FakeEngine(lambda _: next(said)), Recipe(passages=2, index=index))
    answers = dict(specialist.answer([user("where is the red boat?"), user("where is the red boat?")]))
    assert answers[0].text == "In Kiel, it is said." and answers[1].text == "No mark."
    [cited] = answers[0].citations
    assert cited == specialist.conversation(user("where is the red boat?"))[1][0]
    assert cited.file.endswith("boats.md") and cited.first_line <= 3 <= cited.last_line
    assert answers[1].citations == ()


def test_citation_marks_are_removed_even_if_no_passage_was_found(index: str) -> None:
    specialist = Specialist(FakeEngine(lambda _: "Perhaps [1]."), Recipe(passages=1, index=index))
    question = user("zzzz qqqq")
    assert specialist.conversation(question)[1] == ()
    [(_, answer)] = specialist.answer([question])
    assert (answer.text, answer.citations) == ("Perhaps.", ())


def test_brackets_are_text_if_there_are_no_passages() -> None:
    [(_, answer)] = Specialist(FakeEngine(lambda _: "a [1]"), Recipe()).answer([user("q")])
    assert (answer.text, answer.citations) == ("a [1]", ())


def test_a_stream_is_the_answer_in_parts() -> None:
    specialist = Specialist(FakeEngine(), Recipe("do"))
    pieces = list(specialist.stream(user("one two three")))
    assert len(pieces) == 3 and "".join(pieces) == "one two three"


# --- adapters on a shared engine

ASKED = [user(text) for text in ("Hi", "What is the capital of France?", "fox " * 5)]


@pytest.fixture
def adapters(engine: LocalEngine, tmp_path: Path) -> list[Recipe]:
    """The bare base, and two adapters that make it say other things."""
    recipes = [Recipe(decoding=SHORT)]
    for seed in (1, 2):
        network = shared_copy(engine.network)
        attach(network, rank=2, alpha=8, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for _, layer in lora_layers(network):
                layer.lora_b.copy_(torch.randn(layer.lora_b.shape, generator=generator) * 0.3)
        save_adapter(network, tmp_path / f"adapter-{seed}", "base", None)
        recipes.append(Recipe(adapter=str(tmp_path / f"adapter-{seed}"), decoding=SHORT))
    return recipes


def said(engine: LocalEngine, recipe: Recipe) -> list[str]:
    return [answer.text for _, answer in sorted(Specialist(engine, recipe).answer(ASKED), key=lambda pair: pair[0])]


def test_specialists_on_one_engine_answer_in_any_order_as_alone(
    engine: LocalEngine, base: Path, adapters: list[Recipe]
) -> None:
    alone = [said(LocalEngine(base, batch_size=4), recipe) for recipe in adapters]
    assert len({tuple(texts) for texts in alone}) == 3
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 1, 0]):
        for number in order:
            assert said(engine, adapters[number]) == alone[number]
            streamed = "".join(Specialist(engine, adapters[number]).stream(ASKED[0]))
            assert streamed == alone[number][0]


@pytest.mark.parametrize("packs", [True, False])
def test_answers_and_streams_in_turns_are_those_of_each_alone(base: Path, adapters: list[Recipe], packs: bool) -> None:
    engine = LocalEngine(base, batch_size=1)
    engine.readers = AdapterReaders(replace(engine.reader(), packs=packs))
    alone = [said(engine, recipe) for recipe in adapters]
    works = [Specialist(engine, recipe).answer(ASKED) for recipe in adapters]
    texts: list[dict[int, str]] = [{} for _ in works]
    for _ in ASKED:
        for number, work in enumerate(works):
            position, answer = next(work)
            texts[number][position] = answer.text
    assert [[found[i] for i in range(len(ASKED))] for found in texts] == alone
    streams = [Specialist(engine, recipe).stream(ASKED[0]) for recipe in adapters]
    chunks = ["", "", ""]
    for together in itertools.zip_longest(*streams, fillvalue=""):
        chunks = [text + chunk for text, chunk in zip(chunks, together, strict=True)]
    assert chunks == [texts[0] for texts in alone]


def test_two_threads_with_two_adapters_answer_as_each_alone(base: Path, adapters: list[Recipe]) -> None:
    engine = LocalEngine(base, batch_size=1)
    alone = [said(engine, recipe) for recipe in adapters]
    fresh = LocalEngine(base, batch_size=1)  # adapters are loaded while others answer
    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            assert list(threads.map(partial(said, fresh), adapters)) == alone


@pytest.mark.parametrize("packs", [True, False])
def test_answers_in_threads_depend_on_adapter_and_seed_alone(base: Path, adapters: list[Recipe], packs: bool) -> None:
    engine = LocalEngine(base, batch_size=2)
    engine.readers = AdapterReaders(replace(engine.reader(), packs=packs))
    sampled = [Decoding(8, temperature=1.5, top_p=0.9, seed=seed) for seed in range(3)]
    recipes = [replace(recipe, decoding=decoding) for recipe in adapters for decoding in (SHORT, *sampled)]
    alone = [said(engine, recipe) for recipe in recipes]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(partial(said, engine), recipes * 3)) == alone * 3


def test_a_training_between_answers_changes_none_of_them(base: Path, adapters: list[Recipe]) -> None:
    engine = LocalEngine(base, batch_size=1)
    before = [said(engine, recipe) for recipe in adapters]
    losses = engine.text_losses(["A text of a few words."], adapters[1].adapter)
    network = student_of(engine, Tune(rank=2)).network
    works = [Specialist(engine, recipe).answer(ASKED) for recipe in adapters]
    first = [next(work) for work in works]
    network.train()
    optimizer = torch.optim.SGD(trained_parameters(network).values(), lr=10.0)
    ids = torch.tensor([[5, 6, 7, 8]])
    for _ in range(3):
        network(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    for (position, answer), work, texts in zip(first, works, before, strict=True):
        found = {position: answer.text} | {at: other.text for at, other in work}
        assert [found[i] for i in range(len(ASKED))] == texts
    assert engine.text_losses(["A text of a few words."], adapters[1].adapter) == losses


def test_a_changed_adapter_is_loaded_again(engine: LocalEngine, adapters: list[Recipe]) -> None:
    first, second = (Path(recipe.adapter) for recipe in adapters[1:])
    expected = said(engine, adapters[2])
    assert engine.reader(str(first)) is engine.reader(str(first))
    shutil.rmtree(first)
    shutil.copytree(second, first)
    assert said(engine, adapters[1]) == expected


def test_an_adapter_whose_alpha_changed_is_loaded_again(
    engine: LocalEngine, adapters: list[Recipe], tmp_path: Path
) -> None:
    folder = shutil.copytree(adapters[1].adapter, tmp_path / "adapter")
    before = engine.reader(str(folder))
    assert engine.reader(str(folder)) is before
    config = json.loads((folder / ADAPTER).read_text())
    (folder / ADAPTER).write_text(json.dumps(config | {"lora_alpha": 10 * config["lora_alpha"]}))
    assert engine.reader(str(folder)) is not before


def test_an_engine_without_adapters_rejects_one(adapters: list[Recipe]) -> None:
    with pytest.raises(ModelError, match="cannot apply an adapter"):
        said(FakeEngine(), adapters[1])  # type: ignore[arg-type]


def test_fully_tuned_weights_have_a_separate_engine(engine: LocalEngine, tmp_path: Path) -> None:
    weights = tiny.save_model(tmp_path / "weights", hidden_size=64)
    recipe = Recipe(weights=str(weights))
    specialist = specialist_of(engine, recipe)
    own = specialist.engine
    assert isinstance(own, LocalEngine) and own is not engine
    assert own.network.config.hidden_size == 64 and engine.network.config.hidden_size == 32
    assert (own.name, own.batch_size, own.chat.template) == (engine.name, engine.batch_size, engine.chat.template)
    assert specialist_of(own, recipe).engine is own
    assert specialist_of(engine, replace(recipe, weights="")).engine is engine


def test_a_recipe_is_described_in_a_few_words() -> None:
    assert Recipe().describe() == "no help"
    told = Recipe("do", 2, True, EXAMPLES, 3, "i", "a", "w").describe()
    for word in ("instructions", "2 nearest examples", "3 passages", "adapter", "own weights"):
        assert word in told


def test_the_score_of_the_best_passage_is_a_signal_where_passages_are_used(index: str) -> None:
    recipe = Recipe(passages=1, index=index, decoding=Decoding(log_probs=True))
    [(_, grounded)] = Specialist(FakeEngine(), recipe).drafts([user("red boat")])
    [(_, best)] = Index.open(Path(index)).scored("red boat", 1)
    assert grounded.signals[RELEVANCE] == pytest.approx(best) and best > 0
    [(_, lost)] = Specialist(FakeEngine(), recipe).drafts([user("zzz")])
    assert lost.signals[RELEVANCE] == 0
    [(_, alone)] = Specialist(FakeEngine(), replace(recipe, passages=0, index="")).drafts([user("red boat")])
    assert alone.signals and RELEVANCE not in alone.signals
    [(_, plain)] = Specialist(FakeEngine(), replace(recipe, decoding=Decoding())).drafts([user("red boat")])
    assert plain.signals == {}


def test_lessons_with_wrong_passages_say_that_the_answer_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "boats.md").write_text("The red boat lies in the harbour of Kiel since spring.\n")
    (tmp_path / "more.md").write_text("# One\n\nThe blue boat is sold.\n\n# Two\n\nA boat has no wheels.\n")
    finish(build_index(tmp_path, tmp_path / "index", Ground()))
    student = Specialist(FakeEngine(), Recipe("Answer.", passages=2, index=str(tmp_path / "index")))
    known = example(9, "Where is the red boat?", "It lies in the harbour of Kiel.")
    places = set()
    for seed in range(8):
        without, among = student.distracted(known, random.Random(seed))
        assert without[-1].content == NOT_THERE and "Kiel" not in without[-2].content
        assert "The blue boat" in without[-2].content and "no wheels" in without[-2].content
        place = 1 if "[1] The red boat" in among[-2].content else 2
        assert among[-1].content == f"It lies in the harbour of Kiel. [{place}]"
        places.add(place)
    assert places == {1, 2}
    assert student.distracted(example(8, "Where is it?", "Nobody knows that at all."), random.Random(0)) == []
    one = replace(student, recipe=replace(student.recipe, passages=1))
    [[*_, asked, answer]] = one.distracted(known, random.Random(0))
    assert answer.content == NOT_THERE and "Kiel" not in asked.content
