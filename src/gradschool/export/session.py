"""An export session: the specialist, its answers as the reference, and the tests of the exported forms."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gradschool.errors import ModelError
from gradschool.export.gguf import COARSE, About, write_gguf
from gradschool.export.merge import merged
from gradschool.export.replay import (
    LIKELIEST,
    Questions,
    Replayed,
    compare,
    likeliest,
    probes_of,
    replay,
    replay_llama_cpp,
    replay_local,
    with_expected,
)
from gradschool.files import read_json
from gradschool.model.engine import Engine
from gradschool.model.gguf_file import GgufFile
from gradschool.model.kinds import ADAPTER
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.llama_engine import DEFAULT_CONTEXT
from gradschool.model.local import LocalEngine
from gradschool.package.evidence import Evidence
from gradschool.package.forms import FormResult, Shipped
from gradschool.package.manifest import Manifest
from gradschool.records import IMAGE, Message, Work
from gradschool.settings import MAX_DROP, ExportForm, NumberFormat
from gradschool.specialist import Specialist

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Serve = Callable[
    [Specialist], AbstractContextManager[Engine]
]  # starts an HTTP server for a specialist, and gives an engine that asks it
UNSEEN = "[image]"  # for an image in the text of a question that is asked without it
CONTEXT_MARGIN, CONTEXT_STEP = 1.25, 256  # for tests longer than the default context


@dataclass(frozen=True, slots=True)
class ExportSession:
    """The specialist to export, and its answers to the test questions, which every form is compared with."""

    manifest: Manifest
    evidence: Evidence
    specialist: Specialist
    engine: LocalEngine
    questions: Questions
    before: Replayed
    probes: Sequence[list[int]]
    template: str
    max_drop: float = MAX_DROP
    file: GgufFile | None = None  # that the base was read from, if the export is for that file

    @property
    def about(self) -> About:
        """The origin of a GGUF file, for its metadata."""
        return About(self.manifest.name, self.manifest.base_name, self.manifest.base.revision)

    @property
    def adapter(self) -> Path | None:
        """The folder of the adapter, if there is one."""
        return Path(self.specialist.recipe.adapter) if self.specialist.recipe.adapter else None

    def merged_network(self) -> "PreTrainedModel":
        """The base with the adapter merged into it, in the stored number format."""
        return merged(self.engine.folder, self.adapter)

    def bare_network(self) -> "PreTrainedModel":
        """The base alone, in the stored number format."""
        if self.engine.quantization:
            return merged(self.engine.folder, None)
        return self.engine.network

    def compare(self, after: Replayed, size: int, exact: bool) -> FormResult:
        """Compare a form with the specialist; `size` is in bytes."""
        return compare(self.before, after, self.evidence, size, exact=exact, max_drop=self.max_drop)


def context_for(prompts: "tuple[list[int], ...]", new_tokens: int, limit: int) -> int:
    """The context length for a server, in tokens: that of the base, as far as the default for llama.cpp allows.

    Questions in use are often longer than those of the test, and a conversation grows. A test that needs more than the
    default gets its longest prompt with a margin, and an answer. Raises ModelError if that prompt does not fit into
    `limit`.
    """
    longest = max(map(len, prompts))
    if longest >= limit:
        raise ModelError(
            "The longest prompt does not fit into the context that llama.cpp supports for this base.",
            f"It takes {longest} tokens; the limit is {limit}, including the answer.",
            "use fewer passages or examples, or export --to merged.",
        )
    needed = -(-round(longest * CONTEXT_MARGIN + new_tokens) // CONTEXT_STEP) * CONTEXT_STEP
    return min(limit, max(DEFAULT_CONTEXT, needed))


def try_served(session: ExportSession, serve: Serve) -> Work[FormResult]:
    """Test the specialist's own server over HTTP; the server adds instructions, examples and passages.

    All answers are compared, also those that a specialist which may abstain does not give.
    """
    bare = tuple(example.question for example in session.evidence.examples)
    questions = Questions(bare, ((),) * len(bare), session.questions.decoding, cites=False).without_constraint()
    every = replace(session.specialist.recipe, abstention=None)
    with serve(replace(session.specialist, recipe=every)) as engine:
        after = yield from replay("served over HTTP", engine, questions, session.evidence)
    return session.compare(after, 0, exact=True)


def try_merged(session: ExportSession, folder: Path, form: str) -> Work[FormResult]:
    """Open a merged model as any other program would, and test it."""
    dtype = next(session.engine.network.parameters()).dtype
    engine = LocalEngine(folder, batch_size=session.engine.batch_size, device=session.engine.device, dtype=dtype)
    after = yield from replay_local(form, engine, session.questions, session.evidence)
    after = yield from with_expected(after, partial(likeliest, engine.reader()), session.probes)
    return session.compare(after, folder_bytes(folder), exact=not session.engine.quantization)


def try_adapter(session: ExportSession, folder: Path, form: str) -> Work[FormResult]:
    """Read an adapter again, and test it over the base."""
    after = yield from replay_local(form, session.engine, session.questions, session.evidence, str(folder))
    after = yield from with_expected(after, partial(likeliest, session.engine.reader(str(folder))), session.probes)
    return session.compare(after, folder_bytes(folder), exact=True)


def try_gguf(
    session: ExportSession,
    path: Path,
    form: str,
    context: int,
    number_format: NumberFormat,
    lora: Path | None = None,
    template: str = "",
) -> Work[FormResult]:
    """Run a GGUF file in llama.cpp, and test it; `template` replaces the chat template in the file."""
    loras = [lora] if lora else []
    with LlamaCpp(path, context, loras=loras, template=template, threads=torch.get_num_threads()) as server:
        after = yield from replay_llama_cpp(form, server, session.questions, session.evidence)
        after = yield from with_expected(after, partial(server.likeliest, number=LIKELIEST), session.probes)
    exact = number_format not in COARSE and not session.engine.quantization
    return session.compare(after, (lora or path).stat().st_size, exact=exact)


def without_images(session: ExportSession) -> Work[ExportSession]:
    """The same session about the texts alone of the questions: a sign stands for each image."""
    asked = tuple(tuple(map(_blind, conversation)) for conversation in session.questions.asked)
    questions, engine = replace(session.questions, asked=asked), session.engine
    adapter = session.specialist.recipe.adapter
    before = yield from replay_local("specialist, without images", engine, questions, session.evidence, adapter)
    probes = probes_of(engine, questions, before)
    before = yield from with_expected(before, partial(likeliest, engine.reader(adapter)), probes)
    return replace(session, questions=questions, before=before, probes=probes)


def _blind(message: Message) -> Message:
    return replace(message, content=message.content.replace(IMAGE, UNSEEN), images=()) if message.images else message


def make_gguf(
    session: ExportSession, network: "PreTrainedModel", path: Path, number_format: NumberFormat
) -> Work[None]:
    """Write a merged network as a GGUF file."""
    yield from write_gguf(network, session.engine.chat, session.template, path, number_format, session.about)


def folder_bytes(folder: Path) -> int:
    """The size of all weights in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


def shipped_of(session: ExportSession, to: ExportForm, results: Sequence[FormResult]) -> Shipped:
    """The description of an export for its card."""
    recipe = session.specialist.recipe
    return Shipped(
        to,
        tuple(result.form for result in results),
        results[0],
        system=recipe.instructions,
        shown=0 if recipe.nearest else recipe.shots,
        nearest=recipe.shots if recipe.nearest else 0,
        passages=recipe.passages,
        rank=read_json(session.adapter / ADAPTER)["r"] if session.adapter else 0,
        sees=session.engine.eyes is not None,
    )
