"""One export under way: the specialist, its test, and the forms that are made and held against it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
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
    replay,
    replay_llama_cpp,
    replay_local,
    with_expected,
)
from gradschool.gates.parity import MAX_DROP
from gradschool.model.engine import Engine
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.local import LocalEngine
from gradschool.package.evidence import Evidence
from gradschool.package.forms import FormResult
from gradschool.package.manifest import Manifest
from gradschool.records import Work
from gradschool.specialist import Specialist

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Serve = Callable[[Specialist], AbstractContextManager[Engine]]  # a specialist behind HTTP, as what can be asked
ROOM, STEP = 1.25, 256  # questions to come may be longer than those of the test; contexts are whole multiples


@dataclass(frozen=True, slots=True)
class ExportSession:
    """What every form is made from and held against."""

    manifest: Manifest
    evidence: Evidence
    specialist: Specialist
    engine: LocalEngine
    questions: Questions
    before: Replayed
    probes: Sequence[list[int]]
    template: str
    most_drop: float = MAX_DROP

    @property
    def about(self) -> About:
        """What a GGUF file says about its origin."""
        return About(self.manifest.name, self.manifest.base.base_model, self.manifest.base.revision)

    @property
    def adapter(self) -> Path | None:
        """The folder of the adapter, if there is one."""
        return Path(self.specialist.recipe.adapter) if self.specialist.recipe.adapter else None

    def merged_network(self) -> "PreTrainedModel":
        """The plain network that says the same, as it would be stored."""
        return merged(self.engine.folder, self.adapter)

    def bare_network(self) -> "PreTrainedModel":
        """The base alone as a plain network, as it would be stored."""
        if self.engine.quantization:
            return merged(self.engine.folder, None)
        return self.engine.network

    def compare(self, after: Replayed, size: int, exact: bool) -> FormResult:
        """Hold a form against the specialist."""
        return compare(self.before, after, self.evidence, size, exact=exact, most_drop=self.most_drop)


def context_for(prompts: "tuple[list[int], ...]", new_tokens: int, most: int) -> int:
    """How many tokens a server should hold: the longest test question with its passages, an answer, and some room.

    Raises ModelError where not even the longest test question fits.
    """
    longest = max(map(len, prompts))
    if longest >= most:
        raise ModelError(
            "The longest question does not fit into what llama.cpp can read with this base.",
            f"It takes {longest} tokens; {most} are the most, the answer included.",
            "ground with fewer passages, show fewer examples, or export --to merged.",
        )
    return min(most, -(-round(longest * ROOM + new_tokens) // STEP) * STEP)


def try_served(session: ExportSession, serve: Serve) -> Work[FormResult]:
    """Ask the specialist's own server, over HTTP: bare questions, to which the server adds what the specialist adds."""
    bare = tuple(example.question for example in session.evidence.examples)
    questions = Questions(bare, ((),) * len(bare), session.questions.decoding, cites=False)
    with serve(session.specialist) as engine:
        after = yield from replay("served over HTTP", engine, questions, session.evidence)
    return session.compare(after, 0, exact=True)


def try_merged(session: ExportSession, folder: Path, form: str) -> Work[FormResult]:
    """Open a merged model as any program would, and ask it."""
    dtype = next(session.engine.network.parameters()).dtype
    engine = LocalEngine(folder, batch_size=session.engine.batch_size, device=session.engine.device, dtype=dtype)
    after = yield from replay_local(form, engine, session.questions, session.evidence)
    after = yield from with_expected(after, partial(likeliest, engine.network), session.probes)
    return session.compare(after, folder_bytes(folder), exact=not session.engine.quantization)


def try_adapter(session: ExportSession, folder: Path, form: str) -> Work[FormResult]:
    """Read an adapter again, put it over the base and ask it."""
    after = yield from replay_local(form, session.engine, session.questions, session.evidence, str(folder))
    network = session.engine.reader(str(folder)).network
    after = yield from with_expected(after, partial(likeliest, network), session.probes)
    return session.compare(after, folder_bytes(folder), exact=True)


def try_gguf(
    session: ExportSession, path: Path, form: str, context: int, number_format: str, lora: Path | None = None
) -> Work[FormResult]:
    """Run a GGUF file in llama.cpp, as people will, and ask it."""
    with LlamaCpp(path, context, lora=lora, threads=torch.get_num_threads()) as server:
        after = yield from replay_llama_cpp(form, server, session.questions, session.evidence)
        after = yield from with_expected(after, partial(server.likeliest, number=LIKELIEST), session.probes)
    exact = number_format not in COARSE and not session.engine.quantization
    return session.compare(after, (lora or path).stat().st_size, exact=exact)


def make_gguf(session: ExportSession, network: "PreTrainedModel", path: Path, number_format: str) -> Work[None]:
    """Write a merged network as a GGUF file."""
    yield from write_gguf(network, session.engine.chat, session.template, path, number_format, session.about)


def folder_bytes(folder: Path) -> int:
    """The size of all weights in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
