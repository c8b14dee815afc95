"""Whether every export answers as the specialist does, and the smallest one that passes.

    python -m bench.parity [RUN]      (default: climb examples/contracts first)

Creates each export with the function behind `gradschool export`, prints the parity table and writes
bench/results/parity.json. Rejected exports are recorded as such.
"""

import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console

from bench.usage import documented
from gradschool.cli.screen import Screen
from gradschool.cli.shipping import show_parity
from gradschool.environment import environment
from gradschool.export.export import ExportOptions, export
from gradschool.files import read_json, sha256, write_json
from gradschool.package.forms import ExportRejected, FormResult
from gradschool.package.manifest import read_manifest
from gradschool.serve.over_http import over_http

RESULT = Path(__file__).parent / "results" / "parity.json"
CONTRACTS = Path(__file__).parents[1] / "examples" / "contracts"
GRADSCHOOL = str(Path(sys.executable).with_name("gradschool"))
ORDERS: tuple[dict[str, Any], ...] = (
    {"to": "adapter"},
    {"to": "merged"},
    *({"to": "gguf", "number_format": name} for name in ("f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")),
    {"to": "ollama"},
    {"to": "gguf", "smallest": True},
)


def measure(specialist: Path, folder: Path, screen: Screen) -> list[dict[str, Any]]:
    """Create every export; returns a record for each."""
    records = []
    for number, order in enumerate(ORDERS):
        refused = ""
        try:
            serve = over_http if number == 0 else None  # the server is the same for every form
            table = screen.follow(export(ExportOptions(specialist, output=folder / str(number), **order), serve)).table
        except ExportRejected as error:
            table, refused = tuple(error.tried), str(error)
        rows = TypeAdapter(list[FormResult]).dump_python(list(table), mode="json")
        records.append({"order": order, "refused": refused, "forms": rows})
    return records


def main(run: Path | None) -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as temporary, Screen(console) as screen:
        command = "python -m bench.parity" + (" RUN" if run else "")
        if run is None:
            run = Path(temporary) / "run"
            if subprocess.run([GRADSCHOOL, "climb", CONTRACTS, "--run", run]).returncode not in (0, 3):
                sys.exit("The climb did not end.")
        manifest = read_manifest(run / "specialist")
        records = measure(run / "specialist", Path(temporary), screen)
        result = {
            "command": command,
            "settings": read_json(run / "run.json")["settings"],
            "specialist": {key: getattr(manifest, key) for key in ("name", "rung", "verdict", "split")}
            | {"score": manifest.score and asdict(manifest.score), "base": asdict(manifest.base)},
            "orders": records,
            "data": {path.name: sha256(path) for path in [CONTRACTS / "examples.jsonl"]},
            "environment": asdict(environment()),
            "climbed_in": read_json(run / "environment.json"),
        }
    write_json(RESULT, result)
    forms = TypeAdapter(list[FormResult]).validate_python([row for record in records for row in record["forms"]])
    show_parity(console, forms)
    for record in records:
        if record["refused"]:
            console.print(f"refused: {record['order']}: {record['refused']}", markup=False)
    console.print(f"written to {RESULT}", markup=False)


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("run", metavar="RUN", nargs="?", type=Path)
    main(parser.parse_args().run)
