"""A complete climb of each job in examples/, with the command-line program.

    python -m bench.examples [NAME ...]      (default: contracts, letters, support)

Writes bench/results/example-NAME.json: every rung's score with bounds and rules, the difference to the previous rung,
verdict, cost and gates. Seconds depend on the load of the machine.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.climbs import climbed
from bench.usage import documented
from gradschool.files import write_json

RESULTS = Path(__file__).parent / "results"
EXAMPLES = Path(__file__).parents[1] / "examples"


def main(names: Sequence[str]) -> None:
    """Climb the named jobs."""
    for name in names:
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            record = climbed(EXAMPLES / name, Path(temporary) / "run")
        command = f"python -m bench.examples {name}"
        write_json(RESULTS / f"example-{name}.json", {"example": name, "command": command, **record})


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", default=("contracts", "letters", "support"))
    main(parser.parse_args().names)
