"""The specialist: a base with a recipe, which rungs make, metrics score, packages contain and servers run."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from gradschool.data.nearest import NearestPictures, NearestQuestions, SimilarQuestions
from gradschool.errors import DamagedError
from gradschool.ground.cite import INSTRUCTIONS, NOT_THERE, cite, cited, quote_passages, supported
from gradschool.ground.index import Index
from gradschool.ground.judge import CANDIDATES, Ranked, question_log_probs, ranked
from gradschool.model.engine import Engine, TextLoss, refused
from gradschool.model.here import local_engine, pictures_of
from gradschool.model.signals import RELEVANCE
from gradschool.records import (
    Abstention,
    Answer,
    Conversation,
    Decoding,
    Example,
    Image,
    Message,
    Passage,
    as_text,
    last_user,
)
from gradschool.score.abstention import given
from gradschool.settings import MAX_PASSAGES, MAX_SHOTS
from gradschool.values import Fraction

# Metadata of the recipe's fields that a package stores as files, not in its manifest.
FOLDER = {"in": "folder"}  # a folder with the name of the field
FILE = {"in": "file"}
MORE = 5  # passages that are searched for wrong ones


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings that make a specialist from a base; plain values, which can be saved and loaded.

    `shots` of the `examples` are shown before each question: the first ones, or those `nearest` to the question.
    `passages` of the index are put before the question. Folders are relative to the recipe's own folder, or absolute.
    """

    instructions: str = ""
    shots: Annotated[int, Field(ge=0, le=MAX_SHOTS)] = 0
    nearest: bool = False
    examples: tuple[Example, ...] = field(default=(), metadata=FILE)
    passages: Annotated[int, Field(ge=0, le=MAX_PASSAGES)] = 0
    index: str = field(default="", metadata=FOLDER)
    adapter: str = field(default="", metadata=FOLDER)
    weights: str = field(default="", metadata=FOLDER)  # of a fully tuned base, instead of an adapter
    decoding: Decoding = field(default_factory=Decoding)
    # The instructions are the task alone, without the guidelines; older specialists call this `brief`.
    task_only: Annotated[bool, Field(validation_alias=AliasChoices("task_only", "brief"))] = False
    abstention: Abstention | None = None  # of the packaged specialist; rungs choose it last
    written: bool = False  # the instructions were rewritten by a model
    # By what the nearest examples are found: words, or what the base sees in images; the default is of older recipes.
    ranking: Literal["tf-idf", "bm25", "pictures"] = "tf-idf"
    # w of the score of a passage, w · BM25 + (1 - w) · log P(question | passage); at 1, the base does not judge.
    search_weight: Fraction = 1.0
    own_answers: bool = False  # the examples show right answers that the base wrote, instead of the ideal ones

    @classmethod
    def names(cls, *kinds: Mapping[str, str]) -> tuple[str, ...]:
        """The fields with one of these metadata: `FOLDER`, `FILE`."""
        return tuple(part.name for part in fields(cls) if part.metadata in kinds)

    def showing(self, other: "Recipe") -> "Recipe":
        """The same recipe with the examples of another one; those of `Recipe()` are none."""
        return replace(
            self,
            shots=other.shots,
            nearest=other.nearest,
            examples=other.examples,
            ranking=other.ranking,
            own_answers=other.own_answers,
        )

    @property
    def fixed_turns(self) -> Conversation:
        """The turns of the examples that are shown before every question, without their instructions."""
        shown = self.examples[: self.shots]
        return tuple(message for example in shown for message in example.messages if message.role != "system")

    def describe(self) -> str:
        """The recipe in a few words, for tables."""
        kind = "task alone" if self.task_only else f"{'rewritten ' * self.written}instructions"
        parts = [kind] if self.instructions else []
        if self.shots:
            near = "most similar-looking" if self.ranking == "pictures" else "nearest"
            kind = near if self.nearest else "fixed"
            parts.append(f"{self.shots} {kind} examples{' in its own words' * self.own_answers}")
        if self.passages:
            judged = f" judged by the base (w = {self.search_weight:g})" if self.search_weight < 1 else ""
            parts.append(f"{self.passages} passage{'s' * (self.passages > 1)}{judged}")
        if self.adapter:
            parts.append("adapter")
        if self.weights:
            parts.append("own weights")
        if self.decoding.constraint:
            parts.append(str(self.decoding.constraint))
        if self.abstention:
            parts.append("abstention")
        return " + ".join(parts) or "no help"


@dataclass(frozen=True)
class Specialist:
    """A base model with a recipe. Its answers are those of the base, asked with the recipe's prompt and adapter."""

    engine: Engine
    recipe: Recipe

    def __post_init__(self) -> None:
        if self.recipe.passages and not self.recipe.index:
            raise DamagedError(
                f"The recipe asks for {self.recipe.passages} passages, and there is no index to find them in.",
                "A recipe that uses passages is saved with the index of its documents.",
                "copy the specialist again from its source, or climb again.",
            )

    def conversation(self, question: Conversation, reserved: int = 0) -> tuple[Conversation, tuple[Passage, ...]]:
        """The conversation that the base is asked, and the passages in it.

        One system message holds all instructions; examples are turns before the question; passages are quoted in the
        last user turn. Examples are shown as they would be asked and answered: with passages of their own, and cited.
        If it exceeds the context, of which tokens may be `reserved`, examples, then passages are left out: the least
        similar example, the last of fixed ones, the lowest-ranked passage.
        """
        return self.conversations([question], reserved)[0]

    def conversations(
        self, questions: Sequence[Conversation], reserved: int = 0
    ) -> list[tuple[Conversation, tuple[Passage, ...]]]:
        """The same for several questions; faster if the base judges their passages."""
        found = self._searched([last_user(question) for question in questions])
        return [self._fitted(question, its, reserved) for question, its in zip(questions, found, strict=True)]

    def with_passages(
        self, question: Conversation, passages: Sequence[Passage], shown_with: Sequence[Passage] = ()
    ) -> Conversation:
        """The conversation that the base is asked, with these passages instead of those that would be found.

        It shows as many examples as fit next to the passages `shown_with`, by default the same ones.
        """
        shown, _ = self._fit(question, tuple(shown_with or passages))
        return self._compose(question, shown, passages)

    def lesson(self, example: Example) -> Conversation:
        """An example to train on: asked with a passage that supports its ideal answer, if there is one, and cited.

        Training on answers without support in the passages teaches to invent (Zhang et al. 2024, "RAFT",
        arXiv:2403.10131).
        """
        conversation, passages = self._fitted(example.question, self._found(example.last_user, example.ideal))
        return self._with_ideal(conversation, passages, example)

    def distracted(self, example: Example, order: random.Random) -> list[Conversation]:
        """An example to train on with wrong passages: all of them wrong, and the right one at any place among them.

        Without the right one, the answer is that it is not in the passages. Empty if no passage supports the ideal
        answer, since the right one is not known then, or if no other passages are found.
        """
        asked, ideal, count = example.last_user, example.ideal, self.recipe.passages
        found = self._found(asked, ideal)
        right = next((one for one in found if supported(ideal, (one,), asked)), None)
        others = [*found, *self.index.search(asked, count + MORE)] if right else []
        wrong = [one for one in dict.fromkeys(others) if not supported(ideal, (one,), asked)][:count]
        if not right or not wrong:
            return []
        missing, among = tuple(wrong), (right, *wrong[: count - 1])
        without, _ = self._fitted(example.question, missing)
        lessons = [(*without, Message("assistant", NOT_THERE))]
        if len(among) > 1:
            conversation, shown = self._fitted(example.question, tuple(order.sample(among, len(among))))
            lessons.append(self._with_ideal(conversation, shown, example))
        return lessons

    def as_asked(self, example: Example) -> Conversation:
        """An example to measure a loss on: asked as `conversation` asks it, without knowing the ideal answer."""
        conversation, passages = self.conversation(example.question)
        return self._with_ideal(conversation, passages, example)

    def _with_ideal(self, conversation: Conversation, passages: Sequence[Passage], example: Example) -> Conversation:
        return (*conversation, Message("assistant", cite(example.ideal, passages, example.last_user)))

    def _fitted(
        self, question: Conversation, passages: tuple[Passage, ...], reserved: int = 0
    ) -> tuple[Conversation, tuple[Passage, ...]]:
        shown, passages = self._fit(question, passages, reserved)
        return self._compose(question, shown, passages), passages

    def _fit(
        self, question: Conversation, passages: tuple[Passage, ...], reserved: int = 0
    ) -> tuple[list[Example], tuple[Passage, ...]]:
        """The examples and the passages that fit into the context."""
        shown = self._shown_before(question)
        while True:
            conversation = self._compose(question, shown, passages)
            budget = self.engine.context_length - self.recipe.decoding.max_new_tokens - reserved
            if not (shown or passages) or self.engine.count_tokens(conversation) <= budget:
                return shown, passages
            if shown:
                shown = shown[1:] if self.recipe.nearest else shown[:-1]
            else:
                passages = passages[:-1]

    def _compose(self, question: Conversation, shown: Sequence[Example], passages: Sequence[Passage]) -> Conversation:
        own = [m.content for m in question if m.role == "system"]
        system = [self.recipe.instructions, *([INSTRUCTIONS] if self.recipe.passages else []), *own]
        text = "\n\n".join(part for part in system if part)
        turns = [m for example in shown for m in self._turns_of(example)] + self._asked(question, passages)
        return (*([Message("system", text)] if text else []), *turns)

    def _asked(self, question: Conversation, passages: Sequence[Passage]) -> list[Message]:
        """The turns of a question, with passages in its last user turn if the recipe uses any."""
        turns = [m for m in question if m.role != "system"]
        last = max((i for i, m in enumerate(turns) if m.role == "user"), default=None)
        if self.recipe.passages and last is not None:
            turns[last] = with_passages(turns[last], passages)
        return turns

    def _turns_of(self, example: Example) -> list[Message]:
        """An example's question as the base would be asked, and its ideal answer with citations."""
        if example not in self._shown_turns:
            passages = self._found(example.last_user, example.ideal)
            ideal = cite(example.ideal, passages, example.last_user)
            self._shown_turns[example] = [*self._asked(example.question, passages), Message("assistant", ideal)]
        return self._shown_turns[example]

    def _found(self, asked: str, ideal: str = "") -> tuple[Passage, ...]:
        """The passages for a question; if none supports a given ideal answer, one that does replaces the last."""
        if not self.recipe.passages:
            return ()
        [found] = self._searched([asked])
        if not ideal or supported(ideal, found, asked):
            return found
        extended = (*found[: self.recipe.passages - 1], *self.index.search(f"{asked} {ideal}", 1))
        return extended if supported(ideal, extended, asked) else found

    def _searched(self, asked: Sequence[str]) -> list[tuple[Passage, ...]]:
        """The passages for each of some questions, which are judged together: a passage is read once for all."""
        count, weight = self.recipe.passages, self.recipe.search_weight
        if not count:
            return [()] * len(asked)
        if weight == 1:
            return [tuple(self.index.search(one, count)) for one in asked]
        found: list[Ranked] = [self.index.scored(one, max(count, CANDIDATES)) for one in asked]
        judged = question_log_probs(self.engine, asked, found)
        return [tuple(ranked(its, read, weight)[:count]) for its, read in zip(found, judged, strict=True)]

    @cached_property
    def _shown_turns(self) -> dict[Example, list[Message]]:
        return {}  # cached: the same few examples are shown for many questions

    def _shown_before(self, question: Conversation) -> list[Example]:
        return self.shown(last_user(question), [image for message in question for image in message.images])

    def shown(self, asked: str, images: Sequence[Image] = ()) -> list[Example]:
        """The examples that are shown before a question with some images, the most similar one last."""
        recipe = self.recipe
        if not recipe.shots or not recipe.examples:
            return []
        seen = pictures_of(self.engine) if recipe.nearest and recipe.ranking == "pictures" and images else None
        if seen:
            places = self._pictures.places(seen(images), recipe.shots)
        elif recipe.nearest and recipe.ranking != "pictures":
            places = self._nearest.places(asked, recipe.shots)
        else:
            return list(recipe.examples[: recipe.shots])
        return [recipe.examples[place] for place in reversed(places)]

    @cached_property
    def _nearest(self) -> NearestQuestions | SimilarQuestions:
        kind = SimilarQuestions if self.recipe.ranking == "bm25" else NearestQuestions
        return kind(self.recipe.examples)

    @cached_property
    def _pictures(self) -> NearestPictures:
        seen = pictures_of(self.engine)
        assert seen
        return NearestPictures([seen(example.images) for example in self.recipe.examples])

    @cached_property
    def index(self) -> Index:
        """The index over the documents, if the recipe uses passages."""
        return Index.open(Path(self.recipe.index))

    def answer(self, questions: Sequence[Conversation]) -> Iterator[tuple[int, Answer]]:
        """Answer questions, or abstain; yields (position, answer) as each is finished, as `drafts` does."""
        abstention = self.recipe.abstention
        for position, answer in self.drafts(questions):
            yield position, given(answer, abstention) if abstention else answer

    def drafts(self, questions: Sequence[Conversation]) -> Iterator[tuple[int, Answer]]:
        """The answers to all questions, also those that are not sure enough to be given.

        Yields (position, answer) as each is finished, with citations resolved and removed.
        """
        pairs, recipe = self.conversations(questions), self.recipe
        asked, passages = [asked for asked, _ in pairs], [passages for _, passages in pairs]
        known = passages if recipe.passages else None
        for position, answer in answer_and_cite(self.engine, asked, known, recipe.decoding, recipe.adapter):
            signals = answer.signals | self.relevance(questions[position]) if answer.signals else answer.signals
            yield position, replace(answer, signals=signals)

    def relevance(self, question: Conversation) -> dict[str, float]:
        """The signal of the retrieval: the score of the best passage; empty for a recipe without passages."""
        if not self.recipe.passages:
            return {}
        return {RELEVANCE: max((score for _, score in self.index.scored(last_user(question), 1)), default=0.0)}

    def stream(self, question: Conversation) -> Iterator[str]:
        """Answer one question as a stream of text, citation marks included; all at once if the specialist may abstain.

        Raises ModelError if the question gets no answer.
        """
        if self.recipe.abstention is None:
            yield from self.engine.stream(self.conversation(question)[0], self.recipe.decoding, self.recipe.adapter)
            return
        for _, answer in self.answer([question]):
            if answer.failure is not None:
                raise refused(answer.failure)
            yield answer.text

    def text_losses(self, texts: Sequence[str]) -> list[TextLoss]:
        """The losses of plain texts, without instructions; raises ModelError if the engine cannot compute them."""
        return self.engine.text_losses(texts, self.recipe.adapter)


def with_passages(message: Message, passages: Sequence[Passage]) -> Message:
    """A user turn with quoted passages; a character of theirs that stands for an image in a message is none."""
    if message.images:
        passages = [replace(one, text=as_text(one.text)) for one in passages]
    return replace(message, content=quote_passages(passages, message.content))


def answer_and_cite(
    engine: Engine,
    asked: Sequence[Conversation],
    passages: Sequence[Sequence[Passage]] | None,
    decoding: Decoding,
    adapter: str = "",
) -> Iterator[tuple[int, Answer]]:
    """Answer conversations and, with their passages, resolve and remove citations. Yields (position, answer)."""
    for position, answer in engine.answer(asked, decoding, adapter):
        yield position, answer if passages is None else cited(answer, passages[position])


def specialist_of(engine: Engine, recipe: Recipe) -> Specialist:
    """A specialist by its recipe; fully tuned weights get an engine of their own."""
    base = local_engine(engine)
    if recipe.weights and base:
        engine = base.with_weights(Path(recipe.weights))
    return Specialist(engine, recipe)
