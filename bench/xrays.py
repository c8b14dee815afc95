"""Two climbs on pictures of chests: real X-rays of children, and the drawn ones of examples/x-ray.

    python -m bench.xrays [--pneumonia FOLDER] --work FOLDER

FOLDER with xrays.npz is a part of PneumoniaMNIST (MedMNIST v2, Yang et al. 2023, CC BY 4.0): 28 x 28 pixels, normal or
pneumonia. Without it, only the drawn pictures are climbed. The train and validation images of the data set are the
examples, of which gradschool draws its own split; the packaged specialist is then scored on its own test images too.
Writes bench/results/pneumonia_xrays-pocket-eyes.json and bench/results/example-x-ray-pocket-eyes.json: every rung with
bounds, floors, verdict and gates. Patients are not named, so that images of one child may stand on both sides. Nothing
here is medical advice.
"""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from PIL import Image

from bench.climbs import GRADSCHOOL, RESULTS, climbed
from bench.usage import documented
from gradschool.files import read_lines, sha256, write_json, write_lines, write_text

EXAMPLE = Path(__file__).parents[1] / "examples" / "x-ray"
LABELS = ("normal", "pneumonia")
JOB: dict[str, Any] = {
    "task": "Look at the X-ray. Answer with one word: normal or pneumonia.",
    "base_model": "pocket-eyes",
    "data": {"examples": "examples.jsonl"},
    "goal": {"metric": "label", "pass_mark": 0.8},
    "prompt": {"shots": [0, 2], "nearest": False},
    "tune": {"learning_rates": [0.0005], "epochs": 4},
}
# From the raw pixels of its train images, on its own test images, as the data set's documentation here has them.
FLOORS = {"logistic regression": 0.829, "5 nearest neighbours": 0.816, "random forest": 0.863}


def write_job(data: Path, job: Path) -> None:
    """Write the images as files, the examples and the held-out test."""
    arrays = np.load(data / "xrays.npz")
    (job / "images").mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, str]]] = {"train": [], "val": [], "test": []}
    for part, its in rows.items():
        labels = arrays[f"{part}_labels"].ravel()
        for number, (pixels, label) in enumerate(zip(arrays[f"{part}_images"], labels, strict=True)):
            name = f"images/{part}-{number}.png"
            Image.fromarray(pixels.reshape(28, 28)).save(job / name)
            its.append({"id": f"{part}-{number}", "image": name, "label": LABELS[int(label)]})
    write_lines(job / "examples.jsonl", rows["train"] + rows["val"])
    write_lines(job / "test.jsonl", rows["test"])
    write_text(job / "job.toml", tomli_w.dumps(JOB))


def held_out(run: Path, file: Path, output: Path) -> dict[str, Any]:
    """The score of a packaged specialist on more examples."""
    said = subprocess.run([GRADSCHOOL, "score", run, file, "--output", output], capture_output=True, text=True)
    if said.returncode not in (0, 3):
        raise SystemExit(f"score ended with exit code {said.returncode}: {said.stderr}")
    values = [row["value"] for row in read_lines(output)]
    return {"examples": len(values), "mean": sum(values) / len(values), "said": said.stdout.splitlines()[0]}


def main(pneumonia: str | None, work: str) -> None:
    """Climb both jobs, or the drawn one alone, and record the results."""
    place = Path(work)
    command = "python -m bench.xrays --pneumonia FOLDER --work FOLDER"
    drawn = climbed(EXAMPLE, place / "x-ray-run")
    write_json(RESULTS / "example-x-ray-pocket-eyes.json", {"example": "x-ray", "command": command, **drawn})
    if pneumonia:
        job = place / "pneumonia"
        write_job(Path(pneumonia), job)
        record = climbed(job, place / "pneumonia-run")
        test = held_out(place / "pneumonia-run", job / "test.jsonl", place / "test.jsonl")
        source = {"file": "xrays.npz", "sha256": sha256(Path(pneumonia) / "xrays.npz")}
        known = {"data": source, "job": JOB, "floors_of_raw_pixels": FLOORS, "own_test": test}
        write_json(RESULTS / "pneumonia_xrays-pocket-eyes.json", {"command": command, **known, **record})


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("--pneumonia", metavar="FOLDER")
    parser.add_argument("--work", metavar="FOLDER", required=True)
    main(**vars(parser.parse_args()))
