"""A complete climb of each job in examples/, with the command-line program.

    python -m bench.examples [--base-model BASE] [--epochs NUMBER] [NAME ...]     (default: contracts, letters, support)

Writes bench/results/example-NAME.json, or example-NAME-BASE.json for another base than the built-in one: every rung's
score with bounds and rules, the difference to the previous rung, verdict, cost and gates. Seconds depend on the load of
the machine. `--epochs` is for bases that train slowly.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.climbs import climbed, recorded_in
from bench.usage import documented
from gradschool.files import write_json

EXAMPLES = Path(__file__).parents[1] / "examples"


def main(names: Sequence[str], base_model: str, epochs: str) -> None:
    """Climb the named jobs on a base."""
    options = ["--base-model", base_model, *(("--epochs", epochs) if epochs else ())]
    for name in names:
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            record = climbed(EXAMPLES / name, Path(temporary) / "run", *options)
        command = " ".join(["python -m bench.examples", *options, name])
        write_json(recorded_in(f"example-{name}", base_model), {"example": name, "command": command, **record})


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", default=("contracts", "letters", "support"))
    parser.add_argument("--base-model", metavar="BASE", default="pocket")
    parser.add_argument("--epochs", metavar="NUMBER", default="")
    main(**vars(parser.parse_args()))
