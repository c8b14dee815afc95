"""Small bases, adapters, templates, jobs, runs and specialists, which the fuzzer damages."""

import json
import random
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import tomli_w
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench.samples import MARKDOWN, PAIRS, Sample, folder_of, json_lines, one_file, sealed
from bench.tiny_tokenizer import tiny_tokenizer
from gradschool import api
from gradschool.export.gguf import About, write_gguf
from gradschool.export.template import standalone_template
from gradschool.ground.index import build_index
from gradschool.model.adapter import save_adapter
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers
from gradschool.model.rendering import CHATML
from gradschool.package.manifest import MANIFEST
from gradschool.settings import Ground, NumberFormat

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
FORMS: tuple[NumberFormat, ...] = ("f32", "q8_0")
SIZES: dict[str, Any] = {
    "vocab_size": 280,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 128,
    "bos_token_id": None,
    "eos_token_id": 2,
    "pad_token_id": None,
}
JOB = """task = "Name the town."
base_model = "fake"
[data]
examples = "examples.jsonl"
documents = "documents"
guidelines = "guide.md"
[split]
max_test = 10
[goal]
metric = "token_f1"
pass_mark = 0.9
extra_metrics = ["exact_match"]
[[goal.rules]]
name = "short"
kind = "max_words"
value = 9
[prompt]
shots = [0, 2]
[ground]
passages = [1]
[tune]
learning_rates = [0.01]
[answers]
max_new_tokens = 16
[remote]
timeout = 5.0
"""


def network() -> LlamaForCausalLM:
    """A random network; the same each time."""
    torch.manual_seed(0)
    made = LlamaForCausalLM(LlamaConfig(**SIZES))
    made.eval()
    return made


def bases(place: Path) -> list[Sample]:
    """A base in a folder, as transformers saves it."""
    network().save_pretrained(place)
    tiny_tokenizer("the boat is in the harbour", 270, SPECIAL).save_pretrained(place)
    return [folder_of(place)]


def ggufs(place: Path) -> list[Sample]:
    """The base in files of GGUF, in two number formats."""
    bases(place)
    engine = LocalEngine(place, name="base")
    files = [(form, place / f"{form}.gguf") for form in FORMS]
    for form, file in files:
        for _ in write_gguf(engine.network, engine.chat, standalone_template(engine.chat), file, form, About("b", "b")):
            pass
    return [one_file(file.name, file.read_bytes()) for _, file in files]


def adapters(place: Path) -> list[Sample]:
    """An adapter in PEFT's format."""
    made = network()
    attach(made, rank=2, alpha=4, seed=0)
    assert dict(lora_layers(made))
    save_adapter(made, place / "adapter", "base", None)
    return [folder_of(place / "adapter")]


def jobs(_: Path) -> list[Sample]:
    """The folder of a job."""
    files = {
        "job.toml": JOB,
        "examples.jsonl": json_lines(PAIRS * 3),
        "documents/guide.md": MARKDOWN * 3,
        "guide.md": "# Rules\n\n- Answer in one word.\n- Never write more than 9 words.\n",
    }
    made = {name: text.encode() for name, text in files.items()}
    return [Sample(made, damaged=("job.toml",)), Sample(made)]


@cache
def _climbed() -> dict[str, bytes]:
    """The files of a run over the fake base, with its specialist; and those of its job, in a folder next to it."""
    rows = [{"id": f"o{n}", "prompt": f"Send box {n * 7} to Borth.", "completion": f"Borth {n % 5}"} for n in range(40)]
    job = JOB.replace('guidelines = "guide.md"\n', "").replace("shots = [0, 2]", "shots = [2]")
    files = {"job.toml": job, "examples.jsonl": json_lines(rows), "documents/a.md": MARKDOWN * 3}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        Sample({name: text.encode() for name, text in files.items()}).write(Path(temporary) / "job")
        api.climb(Path(temporary) / "job", run=Path(temporary) / "run")
        return folder_of(Path(temporary)).files


def _run(prefix: str = "run/") -> dict[str, bytes]:
    return {name.removeprefix(prefix): text for name, text in _climbed().items() if name.startswith(prefix)}


def unfinished(_: Path) -> list[Sample]:
    """A run next to its job, whose last steps are to be done: its own files are damaged, and those of its job."""
    files = {name: text for name, text in _climbed().items() if "/specialist/" not in name and "climbed" not in name}
    files.pop("run/done/package.json")
    steps = tuple(name for name in files if name.startswith(("run/done/", "run/answers/")))
    return [Sample(files, "run", steps), Sample(files, "run", ("run/run.json", "job/job.toml", "job/examples.jsonl"))]


def indexes(place: Path) -> list[Sample]:
    """A search index."""
    Sample({f"{name}.md": (MARKDOWN * 3).encode() for name in "ab"}).write(place / "documents")
    for _ in build_index(place / "documents", place / "index", Ground()):
        pass
    return [folder_of(place / "index")]


def runs(_: Path) -> list[Sample]:
    """A run: its own files alone are damaged, and those of its package."""
    files = _run()
    own = tuple(name for name in files if name.endswith((".json", ".jsonl")))
    return [Sample(files, ".", own), Sample(files, ".", (f"specialist/{MANIFEST}", "events.jsonl", "run.json"))]


def specialists(_: Path) -> list[Sample]:
    """A specialist whose seal fits the damage, and one that names a base of its maker's choice."""
    files = _run("run/specialist/")
    any_of = tuple(name for name in files if name.endswith((".json", ".jsonl", ".toml")))
    manifest = tomllib.loads(files[MANIFEST].decode())
    elsewhere = tomli_w.dumps({**manifest, "base_model": "http://models.example/v1", "model": "m"}).encode()
    remote = Sample({**files, MANIFEST: elsewhere}, ".", any_of, sealed)
    return [Sample(files, ".", any_of, sealed), Sample(files, ".", (MANIFEST,), sealed), remote]


GROWING = (
    "{% for i in range(10**5) %}{% for j in range(10**5) %}{% endfor %}{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 'a' | center(10**9) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{{ 9 ** (9 ** 9) }}",
    "{{ range(10**5) | map('string') | join('a' * 10**5) }}",
    "{{ lipsum(n=10**7) }}",
    "{{ ('a' * 10**4) | wordwrap(1) | indent(10**6) }}",
    "{{ messages | tojson(indent=10**9) }}",
    "{{ 'x'.ljust(10**10) }}",
    "{% if messages | length > 3 %}{{ 'a' * 10**10 }}{% endif %}",
    "{{ ''.__class__.__mro__ }}",
    "{{ raise_exception('\u202e') }}",
    "{% include '/etc/passwd' %}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ strftime_now('%' * 10**6) }}",
    "{% generation %}{{ x.y.z }}{% endgeneration %}",
)


def templates(_: Path) -> list[Sample]:
    """Chat templates that ask for time, memory or more; each alone, and in a usual template."""
    chance = random.Random(0)
    whole = [piece if chance.random() < 0.3 else CHATML + piece for piece in GROWING]
    return [one_file(f"{number}.jinja", text) for number, text in enumerate([*whole, CHATML])]


def bodies(_: Path) -> list[Sample]:
    """Requests to the server: a method, a path, headers and a body."""
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    chat = {"model": "echo", "messages": turns, "max_tokens": 5, "temperature": 0.5, "stop": ["x"], "seed": 3, "n": 1}
    text = {"model": "echo", "prompt": "Where is it?", "stream": True, "stream_options": {"include_usage": True}}
    sent = [("POST", "/v1/chat/completions", chat), ("POST", "/v1/completions", text), ("POST", "/v1/embeddings", text)]
    sent += [("GET", path, {}) for path in ("/v1/models", "/v1/models/echo", "/health", "/metrics")]
    headers = {"host": "localhost:8000", "content-type": "application/json", "origin": "http://a.example"}
    parts = {"content-length": "20", "transfer-encoding": "chunked"}
    return [
        Sample(
            {
                "request.json": json.dumps({"method": method, "path": path, "headers": more}).encode(),
                "body.json": json.dumps(body).encode(),
            },
            damaged=("body.json", "body.json", "request.json"),
        )
        for method, path, body in sent
        for more in (headers, headers | parts)
    ]
