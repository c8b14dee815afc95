"""Put the figures of bench/results/ into docs/performance.md, as tables; what was not measured says so.

python docs/figures.py
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from tree import ROOT

PAGE, RESULTS = ROOT / "docs" / "performance.md", ROOT / "bench" / "results"
BLOCK = re.compile(r"(<!-- (\w+):begin -->\n).*?(<!-- \2:end -->)", re.DOTALL)
ABSENT = "Not measured."


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown; all columns but the first are numbers."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---", *["---:"] * (len(lines[0]) - 1)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def machine(result: dict[str, Any], command: str) -> str:
    """Where, with what and how a result was measured, in a sentence."""
    told = result["environment"]
    versions = {**told["packages"], **result.get("versions", {})}
    names = [f"{name} {versions[name]}" for name in ("torch", "transformers", "trl", "peft") if name in versions]
    memory = f"{told['memory'] / 1e9:.0f} GB"
    return f"{told['processor']}, {result['threads']} threads, {memory}; {', '.join(names)}; `python -m bench.{command}`.\n"


def gigabytes(count: float) -> str:
    """Bytes in GB."""
    return f"{count / 1e9:.2f}"


def training(result: dict[str, Any]) -> str:
    """Each contestant with and without a shared beginning, and where the time of a step goes."""
    parts = []
    for key, title in (("shared_prefix", "With a shared beginning"), ("no_shared_prefix", "Without one")):
        one = result[key]
        names = [name for name, said in one.items() if isinstance(said, dict) and "tokens_per_second" in said]
        rows = [
            [name, f"{one[name]['tokens_per_second']:.0f}", gigabytes(one[name]["peak_memory"]), _losses(one[name])]
            for name in names
        ]
        ours, times = one["gradschool"], one["times_the_fastest_peer_in_tokens_per_second"]
        shares = ", ".join(
            f"{kind} {share:.0%}" for kind, share in sorted(ours["shares_of_time"].items(), key=lambda item: -item[1])
        )
        parts += [
            f"{title}: {times:.2f} times the tokens/s of the fastest peer, {one['memory_of_the_leanest_peer']:.0%} of "
            f"the memory of the leanest; losses apart by at most {one['losses_apart_at_most']:g}.\n",
            table(["", "tokens/s", "peak memory, GB", "losses"], rows),
            f"A step does {ours['gigaflops_per_second']:.0f} GFLOP/s of the {ours['matrix_product_peak']:.0f} that a "
            f"single matrix product of these shapes reaches ({ours['share_of_peak']:.0%}); all of it would make "
            f"{times / ours['share_of_peak']:.1f} times the fastest peer. Its time: {shares}.\n",
        ]
    versions = {"versions": result["shared_prefix"]["versions"]}
    about = f"Medians of {result['rounds']} rounds. " if result["rounds"] > 1 else "One round. "
    return "\n".join([*parts, about + machine(result | versions, "train_speed")])


def _losses(said: dict[str, Any]) -> str:
    return " ".join(f"{loss:.4f}" for loss in said["losses"])


def answering(result: dict[str, Any]) -> str:
    """Each contestant on each set of questions."""
    parts = []
    for key in ("135M", "pocket"):
        one = result[key]
        names = [name for name, said in one.items() if isinstance(said, dict)]
        rows = [
            [
                name,
                f"{one[name]['new_tokens_per_second']:.0f}",
                gigabytes(one[name]["peak_memory"]),
                f"{one[name]['tokens_as_ours']:.0%}",
            ]
            for name in names
        ]
        parts += [
            f"{key}, {one['prompts']} questions of {one['mean_prompt']:.0f} tokens in the mean: "
            f"{one['times_generate_in_new_tokens_per_second']:.2f} times `generate`, "
            f"{one['times_llama.cpp_in_new_tokens_per_second']:.2f} times llama.cpp.\n",
            table(["", "new tokens/s", "peak memory, GB", "tokens as ours"], rows),
        ]
    about = f"Medians of {result['rounds']} rounds. " if result["rounds"] > 1 else "One round. "
    return "\n".join([*parts, about + machine(result, "answer_speed")])


def growth(result: dict[str, Any]) -> str:
    """Tokens per second, memory and what was told of it, for each shape and size."""
    kinds = {
        "length": ("tokens of a row", "tokens_per_second", "tokens/s"),
        "batch": ("rows of 256 tokens", "tokens_per_second", "tokens/s"),
        "four_bits": ("rows of 256 tokens, the base in 4 bits", "tokens_per_second", "tokens/s"),
        "answering": ("answers at once", "new_tokens_per_second", "new tokens/s"),
    }
    parts = ["![Growth with length, batch and base](growth.svg)\n"]
    for key, (axis, speed, name) in kinds.items():
        rows = [
            [shape, number, f"{said[speed]:.0f}", gigabytes(said["peak_memory"]), gigabytes(said["told"])]
            for shape, points in result[key].items()
            for number, said in points.items()
        ]
        parts.append(table(["", axis, name, "peak memory, GB", "told beforehand, GB"], rows))
    told = result["told_of_measured"]
    parts.append(
        f"What was told beforehand lies between {told['lowest']:.0%} and {told['highest']:.0%} of what was measured.\n"
    )
    return "\n".join([*parts, machine(result, "growth")])


def quality(result: dict[str, Any]) -> str:
    """Loss and right answers of both trainers, seed by seed, and how far they are apart."""
    parts = []
    for name in ("banking77", "snips"):
        one = result[name]
        rows = [
            [str(at["seed"]), *(f"{at[who][key]:.3f}" for key in ("loss", "right") for who in ("gradschool", "trl"))]
            for at in one["seeds"]
        ]
        apart = f"The trainers are apart by {one['trainers_apart_in_loss']:+.4f} in loss"
        if "seeds_apart_in_loss" in one:
            apart += f" (seeds by {one['seeds_apart_in_loss']:.4f})"
        apart += f", and by {one['trainers_apart_in_right']:+.4f} in right answers"
        if "seeds_apart_in_right" in one:
            apart += f" (seeds by {one['seeds_apart_in_right']:.4f})"
        parts += [f"{name}. {apart}.\n", table(["seed", "loss, ours", "loss, TRL", "right, ours", "right, TRL"], rows)]
    about = f"{result['steps']} steps of {result['batch']} rows, {result['held_out']} held-out questions. "
    return "\n".join([*parts, about + machine(result, "same_quality")])


TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "training": ("train_speed", training),
    "training_float32": ("train_speed-float32", training),
    "answering": ("answer_speed", answering),
    "growth": ("growth", growth),
    "quality": ("same_quality", quality),
}


def filled(page: str) -> str:
    """The page with the figures that are there."""

    def block(found: re.Match[str]) -> str:
        file, make = TABLES[found[2]]
        path = RESULTS / f"{file}.json"
        shown = make(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else f"{ABSENT}\n"
        return f"{found[1]}{shown}{found[3]}"

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
