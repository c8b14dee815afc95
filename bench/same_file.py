"""An adapter on the very GGUF file that it was trained over, compared with merging and quantizing anew.

    python -m bench.same_file [BASE …] [--steps N] [--questions N]      (default: the built-in base in q4_0 and q8_0)

A BASE is a GGUF file or a name such as smollm2. For each, LoRA layers are trained on examples/contracts for some steps
over the weights of the file. llama.cpp then answers held-out questions in two ways: with the file and the adapter, and
with a file of the same number format that was made by merging the adapter and quantizing again. Both are compared with
torch over the trained weights: equal greedy answers, the score, and the mean difference of the log-probability of each
token of torch's answers. Results of the named bases are put into bench/results/same_file.json next to those of others.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bench.usage import documented
from gradschool.data.read import read_examples
from gradschool.environment import environment
from gradschool.evaluate import Measure
from gradschool.events import result_of
from gradschool.export.gguf import FORMATS, About, write_gguf
from gradschool.export.merge import merged
from gradschool.export.template import standalone_template
from gradschool.files import write_json
from gradschool.job import read_job
from gradschool.model.adapter import save_adapter
from gradschool.model.copies import shared_copy
from gradschool.model.generation import likelihoods_of
from gradschool.model.gguf_file import GgufFile, read_gguf
from gradschool.model.here import demand_local
from gradschool.model.llama_base import open_llama
from gradschool.model.llama_engine import LlamaEngine
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers
from gradschool.model.opening import POCKET, gguf_of, open_engine
from gradschool.records import Answer, Conversation, Decoding, Example, Message, Work
from gradschool.score.judge import judge
from gradschool.score.metrics import find_metrics
from gradschool.settings import Settings

RESULT = Path(__file__).parent / "results" / "same_file.json"
CONTRACTS = Path(__file__).parents[1] / "examples" / "contracts"
ROWS, RANK, RATE, NEW, LIKELIEST = 4, 16, 1e-3, 80, 100
PROBED = 24  # questions whose answers are read token by token


def train(engine: LocalEngine, rows: Sequence[Conversation], steps: int, folder: Path) -> None:
    """Train LoRA layers on conversations with AdamW, and save them as an adapter."""
    network = shared_copy(engine.network)
    attach(network, RANK, 2 * RANK, seed=0)
    weights = [weight for _, layer in lora_layers(network) for weight in (layer.lora_a, layer.lora_b)]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)
    rendered = [engine.chat.render(row) for row in rows]
    for step in range(steps):
        optimizer.zero_grad()
        for one in (rendered[(step * ROWS + number) % len(rendered)] for number in range(ROWS)):
            ids = torch.tensor([one.token_ids])
            labels = torch.where(torch.tensor([one.loss_mask]), ids, -100)
            (network(input_ids=ids, labels=labels).loss / ROWS).backward()
        optimizer.step()
        print(f"step {step + 1} of {steps}", end="\r", flush=True)
    save_adapter(network, folder, engine.name, None)


def compared(
    other: LlamaEngine, engine: LocalEngine, adapter: str, asked: Sequence[Conversation], before: Sequence[Answer]
) -> dict[str, Any]:
    """How llama.cpp answers, compared with torch's answers; `other` has the adapter, or it was merged into its file."""
    own = adapter if other.identity.gguf == engine.identity.gguf else ""
    answers = [answer for _, answer in other.answer(asked, Decoding(max_new_tokens=NEW), own)]
    changes, network = [], engine.reader(adapter).network
    for conversation, answer in list(zip(asked, before, strict=True))[:PROBED]:
        prompt, ids = engine.chat.prompt_ids(conversation), engine.chat.text_ids(answer.text)
        for place, likely in enumerate(likelihoods_of(network, prompt, ids)):
            found = other.server.likeliest([*prompt, *ids[:place]], LIKELIEST)
            if ids[place] in found and likely:  # all of them are likely: nothing constrains the answer
                changes.append(abs(found[ids[place]] - likely.log_prob))
    same = sum(a.text == b.text for a, b in zip(answers, before, strict=True))
    return {
        "answers": answers,
        "same": same / len(asked),
        "change": sum(changes) / len(changes),
        "tokens": len(changes),
    }


def measured(name: str, steps: int, questions: int, folder: Path) -> Work[dict[str, Any]]:
    """Train over one base, and compare both ways to run the result."""
    path = gguf_of(name, Path())
    assert path is not None, f"{name} is no GGUF"
    file = read_gguf(path)
    engine = demand_local((yield from open_engine(Settings(base_model=name), Path())), "trained", "")
    job = read_job(CONTRACTS)
    examples = read_examples(job.examples, job.settings.data).examples
    task = Message("system", job.settings.task.strip())
    test, rest = examples[:: max(1, len(examples) // questions)][:questions], []
    rest = [example for example in examples if example.group not in {one.group for one in test}]
    train(engine, [(task, *example.messages) for example in rest], steps, folder / "adapter")
    adapter = str(folder / "adapter")
    asked = [(task, *example.question) for example in test]
    answers = dict(engine.answer(asked, Decoding(max_new_tokens=NEW), adapter))
    before = [answers[place] for place in range(len(asked))]
    forms = {"torch": {"answers": before, "same": 1.0, "change": 0.0}}
    number_format = file.number_format.lower()
    anew = folder / f"merged-{number_format}.gguf"
    network, template = merged(engine.folder, folder / "adapter"), standalone_template(engine.chat)
    assert number_format in FORMATS, f"{number_format} cannot be written"
    yield from write_gguf(network, engine.chat, template, anew, number_format, About("merged", engine.name))
    for form, one, adapters in (("same file", file, [adapter]), ("merged, quantized anew", read_gguf(anew), [])):
        with running(one, adapters) as other:
            forms[form] = compared(other, engine, adapter, asked, before)
    return {"base": engine.name, "format": number_format, "forms": scored(forms, test, job), "steps": steps}


@contextmanager
def running(file: GgufFile, adapters: Sequence[str]) -> Iterator[LlamaEngine]:
    """llama.cpp with a file and adapters."""
    engine = result_of(open_llama(file, file.name, adapters, context_length=2048))
    try:
        yield engine
    finally:
        engine.close()


def scored(forms: dict[str, dict[str, Any]], test: Sequence[Example], job: Any) -> dict[str, dict[str, float]]:
    """The measurements of each form, with the score of its answers."""
    measure = Measure(*find_metrics(job.settings.goal, job.folder, test))
    rows = {}
    for form, one in forms.items():
        report = judge(measure.score(test, one.pop("answers")), job.settings.goal, 0.975)
        rows[form] = {**one, "score": report.score.mean}
    return rows


def built_in(folder: Path) -> list[str]:
    """The built-in base as GGUF files in two number formats."""
    engine, names = LocalEngine(POCKET, dtype=torch.float32), []
    for number_format in ("q4_0", "q8_0"):
        path = folder / f"pocket-{number_format}.gguf"
        template, about = standalone_template(engine.chat), About("pocket", "pocket")
        result_of(write_gguf(engine.network, engine.chat, template, path, number_format, about))
        names.append(str(path))
    return names


def main(bases: Sequence[str], steps: int, questions: int) -> None:
    known = json.loads(RESULT.read_text())["bases"] if RESULT.exists() else []
    with tempfile.TemporaryDirectory() as temporary:
        for number, name in enumerate(bases or built_in(Path(temporary))):
            folder = Path(temporary, str(number))
            folder.mkdir()
            row = result_of(measured(name, steps, questions, folder)) | {"questions": questions}
            known = [one for one in known if (one["base"], one["format"]) != (row["base"], row["format"])] + [row]
            print(json.dumps(row, indent=1))
            write_json(RESULT, {"bases": known, "environment": asdict(environment())})


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("bases", metavar="BASE", nargs="*")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--questions", type=int, default=100)
    options = parser.parse_args()
    main(options.bases, options.steps, options.questions)
