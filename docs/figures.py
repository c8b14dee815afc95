"""Insert the figures of bench/results/ as tables into the pages of docs/ that are named below.

python docs/figures.py
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import audit_table
import climb_table
import image_climbs_table
import retrievers_table
import rungs_table
import studio_table
from markdown_table import table
from tree import ROOT

DOCS = (
    "performance.md",
    "decision.md",
    "metrics.md",
    "export.md",
    "bases.md",
    "serve.md",
    "audit.md",
    "decisions.md",
    "images.md",
    "studio.md",
)
PAGES = [ROOT / "README.md", *(ROOT / "docs" / name for name in DOCS)]
RESULTS = ROOT / "bench" / "results"
BLOCK = re.compile(r"(<!-- (?!run:)(\w+):begin -->\n).*?(<!-- \2:end -->)", re.DOTALL)
ABSENT = "Not measured."
KILLED = {"kills": "kills", "ends": "repeated to the end", "equal": "equal"}
LABELS = {  # names in older results
    "trl, layers computed twice": "trl, activation checkpointing",
    "matrix products": "matrix multiplication",
    "arithmetic by element": "elementwise operations",
}


def machine(result: dict[str, Any], command: str) -> str:
    """The hardware, versions and command of a measurement, in one sentence."""
    environment = result["environment"]
    versions = {**environment["packages"], **result.get("versions", {})}
    names = [f"{name} {versions[name]}" for name in ("torch", "transformers", "trl", "peft") if name in versions]
    hardware = f"{environment['processor']}, {result['threads']} threads, {environment['memory'] / 1e9:.0f} GB"
    return f"{hardware}; {', '.join(names)}; `python -m bench.{command}`.\n"


def gigabytes(count: float) -> str:
    """Bytes in GB."""
    return f"{count / 1e9:.2f}"


def training(result: dict[str, Any]) -> str:
    """Training speed of each library with and without a shared prefix, and the time of a step by kind of operation."""
    parts = []
    for key, title in (("shared_prefix", "With a shared prefix"), ("no_shared_prefix", "Without a shared prefix")):
        one = result[key]
        names = [name for name, row in one.items() if isinstance(row, dict) and "tokens_per_second" in row]
        rows = [[LABELS.get(name, name), *_speed(one[name])] for name in names]
        ours, times = one["gradschool"], one["times_the_fastest_peer_in_tokens_per_second"]
        by_time = sorted(ours["shares_of_time"].items(), key=lambda item: -item[1])
        fractions = ", ".join(f"{LABELS.get(kind, kind)} {fraction:.0%}" for kind, fraction in by_time)
        parts += [
            f"{title}: {times:.2f} times the tokens/s of the fastest other configuration, "
            f"{one['memory_of_the_leanest_peer']:.0%} of the peak memory of the most memory-efficient one; "
            f"losses differ by at most {one['losses_apart_at_most']:g}.\n",
            table(["", "tokens/s", "peak memory, GB", "losses"], rows),
            f"A training step reaches {ours['gigaflops_per_second']:.0f} GFLOP/s, {ours['share_of_peak']:.0%} of the "
            f"{ours['matrix_product_peak']:.0f} GFLOP/s of a single matrix multiplication of these shapes; at 100% it "
            f"would be {times / ours['share_of_peak']:.1f} times as fast as the fastest other configuration. "
            f"Time by operation: {fractions}.\n",
        ]
    versions = {"versions": result["shared_prefix"]["versions"]}
    about = f"Medians of {result['rounds']} rounds. " if result["rounds"] > 1 else "One round. "
    return "\n".join([*parts, about + machine(result | versions, "train_speed")])


def _speed(row: dict[str, Any]) -> list[str]:
    losses = " ".join(f"{loss:.4f}" for loss in row["losses"])
    return [f"{row['tokens_per_second']:.0f}", gigabytes(row["peak_memory"]), losses]


def answering(result: dict[str, Any]) -> str:
    """Inference speed of each library on each set of questions."""
    parts = []
    for key in ("135M", "pocket"):
        one = result[key]
        names = [name for name, row in one.items() if isinstance(row, dict)]
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
            f"{key}, {one['prompts']} questions of {one['mean_prompt']:.0f} tokens on average: "
            f"{one['times_generate_in_new_tokens_per_second']:.2f} times `generate`, "
            f"{one['times_llama.cpp_in_new_tokens_per_second']:.2f} times llama.cpp.\n",
            table(["", "new tokens/s", "peak memory, GB", "same tokens as gradschool"], rows),
        ]
    about = f"Medians of {result['rounds']} rounds. " if result["rounds"] > 1 else "One round. "
    return "\n".join([*parts, about + machine(result, "answer_speed")])


def growth(result: dict[str, Any]) -> str:
    """Tokens per second and memory for each shape and size."""
    kinds = {
        "length": ("tokens per row", "tokens_per_second", "tokens/s"),
        "batch": ("rows of 256 tokens", "tokens_per_second", "tokens/s"),
        "four_bits": ("rows of 256 tokens, 4-bit base", "tokens_per_second", "tokens/s"),
        "answering": ("concurrent answers", "new_tokens_per_second", "new tokens/s"),
    }
    parts = ["![Growth with length, batch and base](growth.svg)\n"]
    for key, (axis, speed, name) in kinds.items():
        rows = [
            [shape, number, f"{row[speed]:.0f}", gigabytes(row["peak_memory"])]
            for shape, points in result[key].items()
            for number, row in points.items()
        ]
        parts.append(table(["", axis, name, "peak memory, GB"], rows))
    return "\n".join([*parts, machine(result, "growth")])


def memory(result: dict[str, Any]) -> str:
    """Measured and estimated memory of each base and use."""
    rows = [
        [
            f"{point['base']}, {point['layers']} layers",
            "answer" if point["at_once"] else point["use"],
            f"{point['at_once']} × {point['prompt']} + {point['new']}"
            if point["at_once"]
            else ", ".join(f"{count} × {length}" for length, count in Counter(point["rows"]).items()),
            gigabytes(point["peak_memory"]),
            gigabytes(point["estimate"]),
            f"{point['ratio']:.0%}",
        ]
        for point in result["points"]
    ]
    shown = table(["", "use", "rows × tokens", "peak memory, GB", "estimate, GB", "estimate / peak"], rows)
    spread = f"The estimates are between {result['lowest']:.0%} and {result['highest']:.0%} of the measured memory.\n"
    return "\n".join([shown, spread, machine(result, "memory")])


def quality(result: dict[str, Any]) -> str:
    """Loss and accuracy of both libraries for each seed, and how far they differ."""
    parts = []
    for name in ("banking77", "snips"):
        one = result[name]
        rows = [
            [str(at["seed"]), *(f"{at[who][key]:.3f}" for key in ("loss", "right") for who in ("gradschool", "trl"))]
            for at in one["seeds"]
        ]
        apart = f"gradschool minus TRL: {one['trainers_apart_in_loss']:+.4f} in loss"
        if "seeds_apart_in_loss" in one:
            apart += f" (standard deviation between seeds {one['seeds_apart_in_loss']:.4f})"
        apart += f", {one['trainers_apart_in_right']:+.4f} in accuracy"
        if "seeds_apart_in_right" in one:
            apart += f" (between seeds {one['seeds_apart_in_right']:.4f})"
        parts += [
            f"{name}. {apart}.\n",
            table(["seed", "loss, gradschool", "loss, TRL", "accuracy, gradschool", "accuracy, TRL"], rows),
        ]
    about = f"{result['steps']} steps of {result['batch']} rows, {result['held_out']} held-out questions. "
    return "\n".join([*parts, about + machine(result, "same_quality")])


def kills(result: dict[str, Any]) -> str:
    """How many killed commands ended as uninterrupted ones, for each command, and the moments of the kills."""
    rows = [
        [f"`{name}`" if name.startswith(("bundle", "export")) else name, *(str(one[key]) for key in KILLED)]
        for name, one in result["commands"].items()
    ]
    chosen = sum(one["kills"] - one["moments"].get("random", 0) for one in result["commands"].values())
    environment = result["environment"]
    return "\n".join(
        [
            f"{result['kills']} kills, {chosen} of them at a chosen moment: "
            f"{result['equal']} of {result['ends']} commands ended as the uninterrupted one.\n",
            table(["command", *KILLED.values()], rows),
            f"{environment['processor']}; torch {environment['packages']['torch']}; `python -m bench.kills`.\n",
        ]
    )


def neighbour(result: dict[str, Any]) -> str:
    """Steps per second alone and next to a program that uses one core, with threads chosen by timing and with all."""
    rows = []
    for one in result["records"]:
        speeds = (f"{one[where]['steps_per_second']:.3g}" for where in ("alone", "busy"))
        rows.append([f"{one['work']}, {one['base']}", one["threads"], *speeds, f"{one['left']:.0%}"])
    shown = table(["work", "threads", "steps/s alone", "next to the program", "speed left"], rows)
    machine_of = f"{result['processor']}, {result['cores']} cores; torch {result['packages']['torch']}"
    return f"{shown}\n{machine_of}; `{result['command']}`, {result['seconds']:g} seconds for each speed.\n"


def false_passes(result: dict[str, Any]) -> str:
    """How often climbs pass falsely and bounds miss, by kind of data, and the same for climbs on one test set."""
    worlds = result["false passes"] | result["further false passes"]
    rows = [[name, *(f"{rate:.3f}" for rate in rates.values())] for name, rates in worlds.items()]
    rows.sort(key=lambda row: row[0].startswith("unprotected"))
    again = [[name, f"{rate:.3f}"] for name, rate in result["climbed again"].items()]
    about = f"{result['climbs']:,} climbs each; `{result['command']}`."
    return "\n".join(
        [
            table(["data", "false passes", "a lower bound misses", "an upper bound misses"], rows),
            "Ten climbs on one test set, with a fifth of the answers changed from one to the next: how often any of "
            "them passes falsely. One in ten is allowed.\n",
            table(["climbs", "false passes"], again),
            f"{about}\n",
        ]
    )


def power(result: dict[str, Any]) -> str:
    """How often a good specialist passes, and the fraction of the questions that a look asks."""
    rules = list(next(iter(result["power"].values())))
    rows = [[number, *(f"{rates[rule]:.2f}" for rule in rules)] for number, rates in result["power"].items()]
    asked = ", ".join(f"{one['asked']:.0%} at {truth}" for truth, one in result["stopped"].items())
    return "\n".join(
        [
            table(["test examples", *rules], rows),
            f"Of 110 questions, a look asks on average, by the true score: {asked}. No verdict differed from that of "
            "all questions.\n",
        ]
    )


def trivial_answers(result: dict[str, Any]) -> str:
    """The score of each kind of trivial answer by each metric."""
    cheats = list(next(iter(result["cheats"].values())))
    rows = [
        [name, *(f"{means[cheat]:.3f}" if cheat in means else "–" for cheat in cheats)]
        for name, means in result["cheats"].items()
    ]
    return table(["metric (example job)", *cheats], rows)


def style(result: dict[str, Any]) -> str:
    """The mean value of the author's texts and of each kind of cheat, for each author."""
    names = [name for name, one in result.items() if isinstance(one, dict) and "answers" in one]
    kinds = dict.fromkeys(kind for name in names for kind in result[name]["answers"])
    scores = [{kind: f"{one['score']:.3f}" for kind, one in result[name]["answers"].items()} for name in names]
    rows = [[kind, *(of_author.get(kind, "–") for of_author in scores)] for kind in kinds]
    tested = ", ".join(f"{result[name]['test']} answers of {name}" for name in names)
    return f"{table(['answers', *names], rows)}\n{tested}; `{result['command']}`.\n"


def choices(result: dict[str, Any]) -> str:
    """How much is lost by choosing a recipe, and how many answers that takes, with and without train examples."""
    methods = result["by_validation_examples"]
    alone, more = methods.values()
    rows = [
        [number, *(f"{one[number]['loss']:.4f}" for one in (alone, more)),
         f"{more[number]['answers']:.0f} instead of {alone[number]['answers']:.0f}"]
        for number in alone
    ]  # fmt: skip
    about = (
        f"With {result['recipes']} recipes and right-or-wrong answers, the mean difference between the true score of "
        f"the best recipe and that of the chosen one ({result['repeats']:,} simulated choices; `{result['command']}`):"
    )
    return f"{about}\n\n{table(['validation examples', *methods, 'answers asked'], rows)}"


def abstention(result: dict[str, Any]) -> str:
    """How often climbs of specialists that abstain pass, and how often falsely."""
    worlds = {**result["simulated"], **result["real"]}
    rows = [
        [name, f"{one.get('climbs', one.get('splits')):,}", f"{one['passes']:.3f}", f"{one['false passes']:.3f}"]
        for name, one in worlds.items()
    ]
    promised = next(iter(worlds.values()))["promised at most"]
    about = f"False passes may be at most {promised:g} of the climbs; `python -m bench.abstention`."
    return f"{table(['world', 'climbs', 'passed', 'false passes'], rows)}\n{about}\n"


def same_file(result: dict[str, Any]) -> str:
    """An adapter on the file of its base, compared with merging and quantizing anew."""
    rows = [
        [f"{one['base']}, {one['format']}", form, f"{row['same']:.0%}", f"{row['score']:.3f}", f"{row['change']:.4f}"]
        for one in result["bases"]
        for form, row in one["forms"].items()
    ]
    head = ["base", "what answers", "answers as torch", "score", "change of log-probability"]
    about = "; ".join(f"{one['base']}, {one['format']}: {one['steps']} steps of 4 rows" for one in result["bases"])
    questions = max(one["questions"] for one in result["bases"])
    machine_of = result["environment"]["processor"]
    return "\n".join(
        [
            table(head, rows),
            f"Trained on `examples/contracts` ({about}); up to {questions} held-out questions; the last column is the "
            f"mean over tokens, in nats. {machine_of}; `python -m bench.same_file`.\n",
        ]
    )


def rounding(result: dict[str, Any]) -> str:
    """How many answers are those of one call, and their score, for each base, number format and way of asking."""
    rows = result["rows"]
    ways = list(rows[0]["ways"])
    shown = [
        [
            f"{one['base']}, {one['format']}{', emulated' if one['emulated'] else ''}",
            f"{one['questions']} × {one['tokens']}",
            *(_same(one["ways"][way]) for way in ways),
        ]
        for one in rows
    ]
    machines = sorted({f"{one['format']} {_computed(one)}" for one in rows})
    about = f"{'; '.join(machines)}; torch {rows[0]['environment']['packages']['torch']}; `python -m bench.rounding`."
    return f"{table(['', 'questions × tokens', *ways], shown)}\n{about}\n"


def _same(way: dict[str, Any]) -> str:
    """How many answers are the same, and their score, which older results lack."""
    return f"{way['same']} ({way['score']:.3f})" if "score" in way else str(way["same"])


def _computed(row: dict[str, Any]) -> str:
    how = "emulated" if row["emulated"] else "with instructions for it" if row["format"] == "bfloat16" else "computed"
    return f"{how} on {row['environment']['processor']}"


def of(file: str, make: Callable[[dict[str, Any]], str]) -> Callable[[], str]:
    """What shows the figures of one file of results, if they were measured."""
    path = RESULTS / f"{file}.json"
    return lambda: make(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else f"{ABSENT}\n"


def climbs() -> str:
    """The recorded climbs of every base."""
    return table(climb_table.HEAD, climb_table.rows(RESULTS))


def smollm2(climb: dict[str, Any]) -> str:
    """The rungs of one climb over SmolLM2, with its command, time and memory."""
    command = climb["command"].replace("python -m bench.examples", "gradschool climb").split()
    command = " ".join([*command[:2], f"examples/{command[-1]}", *command[2:-1]])
    return (
        f"{table(climb_table.RUNG_HEAD, climb_table.rungs(climb))}\n`{command}`: {climb['seconds'] / 60:.0f} minutes "
        f"on {climb['environment']['cores']} cores, {climb['peak_memory'] / 1e9:.1f} GB of memory; "
        "the time depends on the load of the machine.\n"
    )


TABLES: dict[str, Callable[[], str]] = {
    "climbs": climbs,
    "image_climbs": lambda: table(image_climbs_table.HEAD, image_climbs_table.rows(RESULTS)),
    "training": of("train_speed", training),
    "training_float32": of("train_speed-float32", training),
    "answering": of("answer_speed", answering),
    "growth": of("growth", growth),
    "memory": of("memory", memory),
    "memory_float32": of("memory-float32", memory),
    "quality": of("same_quality", quality),
    "kills": of("kills", kills),
    "neighbour": of("neighbour", neighbour),
    "studio": of("studio", studio_table.studio),
    "false_passes": of("verdict", false_passes),
    "power": of("verdict", power),
    "cheats": of("verdict", trivial_answers),
    "style": of("style_cheats", style),
    "choices": of("choices", choices),
    "abstention": of("abstention", abstention),
    "smollm2": of("example-contracts-smollm2", smollm2),
    "same_file": of("same_file", same_file),
    "rounding": of("rounding", rounding),
    "audit_gates": of("audit_gates", audit_table.audit_gates),
    "retrievers": of("retrievers", retrievers_table.retrievers),
    "lower_rungs": lambda: rungs_table.lower_rungs(RESULTS),
}


def filled(page: str) -> str:
    """The page with all available figures filled in."""
    return BLOCK.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", page)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
