"""Climbs that are killed at random moments and resumed: how many end with the results of an uninterrupted one.

    python -m bench.kills [--kills N] [--seed N] [--base-model BASE]

A small job with documents is climbed over BASE once without a kill. Then it is climbed again and killed (SIGKILL) after
a random time, or as soon as a chosen file appears: while the index is built, while questions are answered, while the
package is written. It is resumed and killed again until it has ended, and the next climb begins, until there were N
kills. The results and the files of the package are compared with the uninterrupted climb.
Writes bench/results/kills.json.
"""

import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import read_json, sha256, write_json, write_lines

RESULTS = Path(__file__).parent / "results"
GRADSCHOOL = [sys.executable, "-m", "gradschool"]
MOMENTS = ("work/**/passages.jsonl", "answers/*", "done/base*", "done/ground*", ".specialist*", "specialist", "")
JOB = """task = "Name the town of the order."
[data]
documents = "documents"
[split]
max_test = 14
max_validation = 6
[goal]
metric = "token_f1"
pass_mark = 0.999
[prompt]
shots = [0, 2]
[ground]
passages = [1]
"""
TOWNS = ("Ashby", "Borth", "Crewe", "Dover", "Epsom", "Frome")
ENDED = (0, 3)  # exit codes of a climb that came to its end
LONGEST = 120.0  # seconds for one climb


def write_job(folder: Path) -> Path:
    """A job of 72 invented orders, with one document."""
    (folder / "documents").mkdir(parents=True)
    (folder / "documents" / "guide.md").write_text("# Towns\n\nThe van to Dover leaves on Monday.\n" * 20)
    (folder / "job.toml").write_text(JOB)
    rows = [
        {"id": f"o{n}", "prompt": f"Send box {n * 7} to {TOWNS[n % 6]} by van {n}.", "completion": TOWNS[n % 6]}
        for n in range(72)
    ]
    write_lines(folder / "examples.jsonl", rows)
    return folder


def outcome(run: Path) -> dict[str, Any]:
    """What must be equal: the scores of all rungs, and the hashes of what was packed."""
    said = read_json(run / "done" / "climbed.json")
    package = run / "specialist"
    parts = (path for path in sorted(package.rglob("*")) if path.is_file() and path.parent.name != "evidence")
    hashes = {path.name: sha256(path) for path in parts if path.name not in ("specialist.toml", "README.md")}
    scores = [(one["rung"], one["report"] and one["report"]["score"]) for one in said["results"]]
    return {"scores": scores, "files": hashes}


def killed(command: list[str], run: Path, moment: str, delay: float) -> int:
    """Start a climb and kill it when a file appears or after `delay` seconds; returns its exit code."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = time.monotonic()
    while process.poll() is None:
        passed = time.monotonic() - began
        if passed > (LONGEST if moment else delay) or (moment and any(run.glob(moment))):
            process.kill()
            break
        time.sleep(0.005)
    return process.wait()


def main(kills: int, seed: int, base: str) -> None:
    """Kill climbs until there were `kills` kills, and compare."""
    chance, happened, equal, climbs = random.Random(seed), {moment or "random": 0 for moment in MOMENTS}, 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        job = write_job(home / "orders")
        straight = home / "straight"
        options = ["--base-model", base]
        began = time.monotonic()
        subprocess.run([*GRADSCHOOL, "climb", str(job), "--run", str(straight), *options], stdout=subprocess.DEVNULL)
        longest, expected = time.monotonic() - began, outcome(straight)
        while sum(happened.values()) < kills:
            run, climbs, moments = home / f"run-{climbs}", climbs + 1, chance.sample(MOMENTS, 3)
            for moment in [*moments, None]:
                again = (run / "run.json").exists()
                command = [*GRADSCHOOL, "climb", *(["--resume", str(run)] if again else [str(job), "--run", str(run)])]
                command += [] if again else options
                wanted = moment if moment and not any(run.glob(moment)) else ""
                delay = LONGEST if moment is None else chance.uniform(0.1, 0.9) * longest
                if killed(command, run, wanted, delay) == -9 and moment is not None:
                    happened[wanted or "random"] += 1
            equal += (run / "done" / "climbed.json").exists() and outcome(run) == expected
            print(f"{sum(happened.values())} kills, {equal} of {climbs} climbs equal", flush=True)
    found = {"kills": sum(happened.values()), "moments": happened, "climbs": climbs, "equal": equal}
    options_used = {"kills": kills, "seed": seed, "base_model": base}
    write_json(
        RESULTS / "kills.json",
        {"command": "python -m bench.kills", "options": options_used, **found, "environment": asdict(environment())},
    )


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("--kills", type=int, default=20, help="number of kills (20)")
    parser.add_argument("--seed", type=int, default=0, help="of moments and times (0)")
    parser.add_argument("--base-model", default="fake", help="base of the climbs (fake)")
    given = parser.parse_args()
    main(given.kills, given.seed, given.base_model)
